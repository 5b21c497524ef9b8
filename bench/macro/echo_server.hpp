// SPDX-License-Identifier: Apache-2.0
//
// bench/macro/echo_server.hpp: what the echo servers have in common: arguments, the listener, and
// when a client is gone.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "simul/concurrency/run.hpp"
#include "simul/io/serve.hpp"

namespace bench {

/// Whether the client has closed the connection without having read everything, which is its right.
inline bool is_gone(const std::error_code& cause) {
    return cause == std::errc::connection_reset || cause == std::errc::broken_pipe;
}

/// A number from 1 to `most`, or 0.
template <class Number>
Number number_from(std::string_view text, Number most) {
    Number number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc{} && number <= most ? number : Number{0};
}

/// Serves each connection by `handler`; `is_shared` if other listeners have the same port.
template <class Handler>
simul::task<> serve_at(std::uint16_t port, Handler handler, bool is_shared = false) {
    simul::listen_options listening;
    listening.reuse_port = is_shared;
    auto listener = simul::tcp_listener::bind({simul::ip_address::loopback_v4(), port}, listening);
    simul::serve_options options;
    options.max_per_address = options.max_connections;  // they all come from one
    co_await simul::serve(listener, handler, options);
}

/// The program `name PORT`.
template <class Handler>
int serve_as_told(const char* name, int count, char** words, Handler handler) {
    const std::uint16_t port = number_from<std::uint16_t>(count > 1 ? words[1] : "", 65535);
    if (port == 0) {
        std::fprintf(stderr, "%s: PORT must be a number from 1 to 65535\n", name);
        return 2;
    }
    simul::run(serve_at(port, handler));
    return 0;
}

}  // namespace bench
