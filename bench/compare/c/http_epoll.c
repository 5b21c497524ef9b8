// SPDX-License-Identifier: Apache-2.0
//
// The floor: HTTP plaintext in plain C on epoll. A request is whatever ends in an empty line within
// one read, and the answer is a constant. `http_epoll PORT`
#define _GNU_SOURCE
#include <string.h>

#include "hello.h"
#include "serve_epoll.h"

static int answer(int connection, char* data, size_t size) {
    const char* const end = data + size;
    const char* request_end;
    while ((request_end = memmem(data, (size_t)(end - data), "\r\n\r\n", 4)) != NULL) {
        if (send(connection, hello, hello_size, MSG_NOSIGNAL) != hello_size) return 0;
        data = (char*)request_end + 4;
    }
    return 1;
}

int main(int count, char** words) {
    serve_epoll(count > 1 ? atoi(words[1]) : 0, answer);
}
