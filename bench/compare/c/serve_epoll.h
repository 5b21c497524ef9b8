// SPDX-License-Identifier: Apache-2.0
//
// A server in plain C on level-triggered epoll that does nothing that a library must do: no errors
// told, no time-outs, no cancellation, answers that do not fit are lost.
#pragma once

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "listening.h"

static inline void watch(int epoll, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static inline void accept_all(int epoll, int listener) {
    while (1) {
        const int connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (connection < 0) return;
        without_delay(connection);
        watch(epoll, connection);
    }
}

// Calls `answer` with what one read brings. A short read leaves the socket empty, so one read for
// each event is enough. Zero from `answer` closes the connection.
static inline void serve_epoll(int port, int (*answer)(int connection, char* data, size_t size)) {
    static char buffer[65536];
    const int listener = listener_at(port);
    const int epoll = epoll_create1(0);
    watch(epoll, listener);
    while (1) {
        struct epoll_event events[512];
        const int ready = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready; ++i) {
            const int descriptor = events[i].data.fd;
            if (descriptor == listener) {
                accept_all(epoll, listener);
                continue;
            }
            const ssize_t size = recv(descriptor, buffer, sizeof buffer, 0);
            if (size < 0 && errno == EAGAIN) continue;
            if (size <= 0 || !answer(descriptor, buffer, (size_t)size)) close(descriptor);
        }
    }
}
