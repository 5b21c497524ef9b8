// SPDX-License-Identifier: Apache-2.0
//
// A TCP server that sends back what it receives, as the tutorial writes it: one task for each
// connection, streams, everything cancellable. `echo PORT [CORES]`; SIMUL_BACKEND says how. With
// more than one core each has a loop and a listener of its own, and the system spreads the
// connections.
#include <array>
#include <charconv>
#include <cstdio>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "simul/concurrency/cores.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"

namespace {

/// Whether the client has closed the connection without having read everything, which is its right.
bool is_gone(const std::error_code& cause) {
    return cause == std::errc::connection_reset || cause == std::errc::broken_pipe;
}

simul::task<> echo(simul::accepted connection) {
    simul::tcp_stream stream = std::move(connection.stream);
    std::array<std::byte, 4096> buffer;
    try {
        while (true) {
            const std::size_t size = co_await stream.read_some(buffer);
            if (size == 0) co_return;
            co_await simul::write_all(stream, std::span{buffer}.first(size));
        }
    } catch (const std::system_error& failure) {
        if (!is_gone(failure.code())) throw;
    }
}

simul::task<> serve_at(std::uint16_t port, bool is_shared) {
    simul::listen_options listening;
    listening.reuse_port = is_shared;
    auto listener = simul::tcp_listener::bind({simul::ip_address::loopback_v4(), port}, listening);
    simul::serve_options options;
    options.max_per_address = options.max_connections;  // they all come from one
    co_await simul::serve(listener, echo, options);
}

/// A number from 1 to `most`, or 0.
template <class Number>
Number number_from(std::string_view text, Number most) {
    Number number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc{} && number <= most ? number : Number{0};
}

}  // namespace

int main(int count, char** words) {
    const std::uint16_t port = number_from<std::uint16_t>(count > 1 ? words[1] : "", 65535);
    const std::size_t cores = number_from<std::size_t>(count > 2 ? words[2] : "1", 1024);
    if (port == 0 || cores == 0) {
        std::fprintf(stderr, "echo: PORT must be a number from 1 to 65535, CORES from 1 to 1024\n");
        return 2;
    }
    if (cores == 1) {
        simul::run(serve_at(port, false));
        return 0;
    }
    simul::cores_options options;
    options.count = cores;
    options.pin_threads = true;
    simul::run_on_cores([port](simul::core&) { return serve_at(port, true); }, options);
}
