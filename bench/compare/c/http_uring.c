// SPDX-License-Identifier: Apache-2.0
//
// The other floor: HTTP plaintext in plain C on io_uring. A request is whatever ends in an empty
// line within one read, and the answer is a constant. `http_uring PORT`
#define _GNU_SOURCE
#include "hello.h"
#include "serve_uring.h"

static void answer(int connection, unsigned buffer, size_t size) {
    const char* data = buffer_at(buffer);
    const char* const end = data + size;
    while ((data = memmem(data, (size_t)(end - data), "\r\n\r\n", 4)) != NULL) {
        send_bytes(connection, hello, hello_size, 0);
        data += 4;
    }
    give_back(buffer);
}

static void nothing_to_give_back(unsigned buffer) {
    (void)buffer;
}

int main(int count, char** words) {
    serve_uring(count > 1 ? atoi(words[1]) : 0, (struct server){answer, nothing_to_give_back});
}
