// SPDX-License-Identifier: Apache-2.0
//
// The answer of the plaintext servers in plain C: always the same, without a Date.
#pragma once

static const char hello[] =
    "HTTP/1.1 200 OK\r\nServer: floor\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n"
    "Hello, World!";
enum { hello_size = sizeof hello - 1 };
