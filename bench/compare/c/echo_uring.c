// SPDX-License-Identifier: Apache-2.0
//
// The other floor: a TCP echo server in plain C on io_uring, which sends straight from the buffer
// that was received into. `echo_uring PORT`
#define _GNU_SOURCE
#include "serve_uring.h"

static void echo(int connection, unsigned buffer, size_t size) {
    send_bytes(connection, buffer_at(buffer), size, buffer);
}

int main(int count, char** words) {
    serve_uring(count > 1 ? atoi(words[1]) : 0, (struct server){echo, give_back});
}
