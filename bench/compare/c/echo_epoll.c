// SPDX-License-Identifier: Apache-2.0
//
// The floor: a TCP echo server in plain C on epoll. `echo_epoll PORT`
#define _GNU_SOURCE
#include "serve_epoll.h"

static int echo(int connection, char* data, size_t size) {
    return send(connection, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

int main(int count, char** words) {
    serve_epoll(count > 1 ? atoi(words[1]) : 0, echo);
}
