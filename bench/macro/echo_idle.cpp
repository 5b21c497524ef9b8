// SPDX-License-Identifier: Apache-2.0
//
// The server of echo.cpp for connections that are silent most of the time: each waits without a
// buffer, and has one only while it answers. `echo_idle PORT`; SIMUL_BACKEND says how.
#include <array>
#include <charconv>
#include <cstdio>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "simul/concurrency/run.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"

namespace {

/// Whether the client has closed the connection without having read everything, which is its right.
bool is_gone(const std::error_code& cause) {
    return cause == std::errc::connection_reset || cause == std::errc::broken_pipe;
}

/// Sends back what has come. False at the end of the stream.
simul::task<bool> answer(simul::tcp_stream& stream) {
    std::array<std::byte, 4096> buffer;
    const std::size_t size = co_await stream.read_some(buffer);
    if (size != 0) co_await simul::write_all(stream, std::span{buffer}.first(size));
    co_return size != 0;
}

simul::task<> echo(simul::accepted connection) {
    simul::tcp_stream stream = std::move(connection.stream);
    try {
        bool goes_on = true;
        while (goes_on) {
            co_await stream.wait_readable();
            goes_on = co_await answer(stream);
        }
    } catch (const std::system_error& failure) {
        if (!is_gone(failure.code())) throw;
    }
}

simul::task<> serve_at(std::uint16_t port) {
    auto listener = simul::tcp_listener::bind({simul::ip_address::loopback_v4(), port});
    simul::serve_options options;
    options.max_per_address = options.max_connections;  // they all come from one
    co_await simul::serve(listener, echo, options);
}

}  // namespace

int main(int count, char** words) {
    std::uint16_t port = 0;
    const std::string_view text = count > 1 ? words[1] : "";
    const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
    if (read.ec != std::errc{} || port == 0) {
        std::fprintf(stderr, "echo_idle: PORT must be a number from 1 to 65535\n");
        return 2;
    }
    simul::run(serve_at(port));
}
