// SPDX-License-Identifier: Apache-2.0
//
// A server in plain C on io_uring as it is meant to be used: one multishot accept, a multishot
// receive for each connection into a ring of provided buffers, and nothing that a library must do.
#pragma once

#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "listening.h"

enum { buffer_count = 4096, buffer_size = 2048 };
enum operation { accepting = 1, receiving = 2, sending = 3 };

static struct io_uring ring;
static struct io_uring_buf_ring* buffers;
static char* memory;

static inline char* buffer_at(unsigned index) {
    return memory + (size_t)index * buffer_size;
}

static inline void give_back(unsigned index) {
    io_uring_buf_ring_add(buffers, buffer_at(index), buffer_size, (unsigned short)index,
                          buffer_count - 1, 0);
    io_uring_buf_ring_advance(buffers, 1);
}

static inline struct io_uring_sqe* next_entry(void) {
    struct io_uring_sqe* entry;
    while ((entry = io_uring_get_sqe(&ring)) == NULL) io_uring_submit(&ring);
    return entry;
}

// The operation, the buffer and the descriptor in one number.
static inline uint64_t name_of(enum operation operation, int descriptor, unsigned buffer) {
    return (uint64_t)operation << 56 | (uint64_t)buffer << 32 | (uint32_t)descriptor;
}

static inline void start_accepting(int listener) {
    struct io_uring_sqe* entry = next_entry();
    io_uring_prep_multishot_accept(entry, listener, NULL, NULL, 0);
    entry->user_data = name_of(accepting, listener, 0);
}

static inline void start_receiving(int connection) {
    struct io_uring_sqe* entry = next_entry();
    io_uring_prep_recv_multishot(entry, connection, NULL, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
    entry->user_data = name_of(receiving, connection, 0);
}

static inline void send_bytes(int connection, const char* data, size_t size, unsigned buffer) {
    struct io_uring_sqe* entry = next_entry();
    io_uring_prep_send(entry, connection, data, size, MSG_NOSIGNAL);
    entry->user_data = name_of(sending, connection, buffer);
}

static inline void check(int result, const char* what) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", what, strerror(-result));
    exit(1);
}

static inline void set_up_ring(void) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                       IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;
    parameters.cq_entries = 16384;
    check(io_uring_queue_init_params(4096, &ring, &parameters), "io_uring_queue_init");
    const size_t size = buffer_count * sizeof(struct io_uring_buf);
    buffers = aligned_alloc(4096, size);
    memory = aligned_alloc(4096, (size_t)buffer_count * buffer_size);
    if (buffers == NULL || memory == NULL) exit(1);
    memset(buffers, 0, size);
    struct io_uring_buf_reg group = {.ring_addr = (uintptr_t)buffers,
                                     .ring_entries = buffer_count};
    check(io_uring_register_buf_ring(&ring, &group, 0), "io_uring_register_buf_ring");
    for (unsigned i = 0; i < buffer_count; ++i) give_back(i);
}

struct server {
    // What has come, in a buffer that is the callee's until give_back().
    void (*received)(int connection, unsigned buffer, size_t size);
    // One send_bytes() has ended.
    void (*sent)(unsigned buffer);
};

static inline void handle(const struct io_uring_cqe* event, struct server server) {
    const enum operation operation = (enum operation)(event->user_data >> 56);
    const int descriptor = (int)(uint32_t)event->user_data;
    const int goes_on = (event->flags & IORING_CQE_F_MORE) != 0;
    if (operation == accepting) {
        if (event->res >= 0) {
            without_delay(event->res);
            start_receiving(event->res);
        }
        if (!goes_on) start_accepting(descriptor);
    } else if (operation == sending) {
        server.sent((event->user_data >> 32) & 0xffff);
    } else if (event->res > 0) {
        server.received(descriptor, event->flags >> IORING_CQE_BUFFER_SHIFT, (size_t)event->res);
        if (!goes_on) start_receiving(descriptor);
    } else if (event->res == -ENOBUFS) {
        start_receiving(descriptor);
    } else {
        close(descriptor);
    }
}

static inline void serve_uring(int port, struct server server) {
    const int listener = listener_at(port);
    set_up_ring();
    start_accepting(listener);
    while (1) {
        io_uring_submit_and_wait(&ring, 1);
        struct io_uring_cqe* event;
        unsigned head;
        unsigned count = 0;
        io_uring_for_each_cqe(&ring, head, event) {
            ++count;
            handle(event, server);
        }
        io_uring_cq_advance(&ring, count);
    }
}
