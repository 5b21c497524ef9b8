// SPDX-License-Identifier: Apache-2.0
//
// The floor: a TCP echo server in plain C on level-triggered epoll, which does nothing that a
// library must do: no errors told, no time-outs, no cancellation, replies that do not fit are lost.
// `echo_epoll PORT`
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener_at(int port) {
    const int one = 1;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const struct sockaddr_in where = {.sin_family = AF_INET,
                                      .sin_port = htons((unsigned short)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (const struct sockaddr*)&where, sizeof where) != 0 ||
        listen(listener, 4096) != 0) {
        perror("echo_epoll");
        exit(1);
    }
    return listener;
}

static void watch(int epoll, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static void accept_all(int epoll, int listener) {
    const int one = 1;
    while (1) {
        const int connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (connection < 0) return;
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(epoll, connection);
    }
}

// A short read leaves the socket empty, so one for each event is enough.
static void echo(int connection) {
    static char buffer[65536];
    const ssize_t size = recv(connection, buffer, sizeof buffer, 0);
    if (size > 0) {
        if (send(connection, buffer, (size_t)size, MSG_NOSIGNAL) != size) close(connection);
    } else if (size == 0 || errno != EAGAIN) {
        close(connection);
    }
}

int main(int count, char** words) {
    const int listener = listener_at(count > 1 ? atoi(words[1]) : 0);
    const int epoll = epoll_create1(0);
    watch(epoll, listener);
    while (1) {
        struct epoll_event events[512];
        const int ready = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready; ++i) {
            if (events[i].data.fd == listener) {
                accept_all(epoll, listener);
            } else {
                echo(events[i].data.fd);
            }
        }
    }
}
