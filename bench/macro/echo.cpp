// SPDX-License-Identifier: Apache-2.0
//
// A TCP server that sends back what it receives, as the tutorial writes it: one task for each
// connection, streams, everything cancellable. `echo PORT`; SIMUL_BACKEND says how.
#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>
#include <utility>

#include "simul/concurrency/run.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"

namespace {

simul::task<> echo(simul::accepted connection) {
    simul::tcp_stream stream = std::move(connection.stream);
    std::array<std::byte, 4096> buffer;
    while (true) {
        const std::size_t size = co_await stream.read_some(buffer);
        if (size == 0) co_return;
        co_await simul::write_all(stream, std::span{buffer}.first(size));
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
        std::fprintf(stderr, "echo: PORT must be a number from 1 to 65535\n");
        return 2;
    }
    simul::run(serve_at(port));
}
