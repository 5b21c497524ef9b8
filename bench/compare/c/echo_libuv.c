// SPDX-License-Identifier: Apache-2.0
//
// A TCP echo server on libuv: uv_try_write first, uv_write for what it leaves. `echo_libuv PORT`
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct rest {
    uv_write_t request;
    char data[];
};

static void provide(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer) {
    static char memory[65536];
    (void)handle, (void)suggested;
    *buffer = uv_buf_init(memory, sizeof memory);
}

static void on_closed(uv_handle_t* handle) {
    free(handle);
}

static void on_written(uv_write_t* request, int status) {
    (void)status;
    free(request);  // the first member of a struct rest
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
    if (size < 0) {
        uv_close((uv_handle_t*)stream, on_closed);
        return;
    }
    if (size == 0) return;
    uv_buf_t all = uv_buf_init(buffer->base, (unsigned)size);
    int written = uv_try_write(stream, &all, 1);
    if (written == size) return;
    if (written < 0) written = 0;
    const size_t left = (size_t)(size - written);
    struct rest* rest = malloc(sizeof *rest + left);
    memcpy(rest->data, buffer->base + written, left);
    all = uv_buf_init(rest->data, (unsigned)left);
    uv_write(&rest->request, stream, &all, 1, on_written);
}

static void on_connection(uv_stream_t* listener, int status) {
    if (status < 0) return;
    uv_tcp_t* connection = malloc(sizeof *connection);
    uv_tcp_init(listener->loop, connection);
    if (uv_accept(listener, (uv_stream_t*)connection) != 0) {
        uv_close((uv_handle_t*)connection, on_closed);
        return;
    }
    uv_tcp_nodelay(connection, 1);
    uv_read_start((uv_stream_t*)connection, provide, on_read);
}

int main(int count, char** words) {
    uv_loop_t* loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in where;
    uv_tcp_init(loop, &listener);
    uv_ip4_addr("127.0.0.1", count > 1 ? atoi(words[1]) : 0, &where);
    uv_tcp_bind(&listener, (const struct sockaddr*)&where, 0);
    if (uv_listen((uv_stream_t*)&listener, 4096, on_connection) != 0) return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}
