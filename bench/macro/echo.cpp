// SPDX-License-Identifier: Apache-2.0
//
// A TCP server that sends back what it receives, as the tutorial writes it: one task for each
// connection, streams, everything cancellable. `echo PORT [CORES]`; SIMUL_BACKEND says how. With
// more than one core each has a loop and a listener of its own, and the system spreads the
// connections.
#include <array>
#include <cstdio>
#include <span>
#include <system_error>
#include <utility>

#include "echo_server.hpp"
#include "simul/concurrency/cores.hpp"
#include "simul/io/stream.hpp"

namespace {

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
        if (!bench::is_gone(failure.code())) throw;
    }
}

}  // namespace

int main(int count, char** words) {
    const std::uint16_t port = bench::number_from<std::uint16_t>(count > 1 ? words[1] : "", 65535);
    const std::size_t cores = bench::number_from<std::size_t>(count > 2 ? words[2] : "1", 1024);
    if (port == 0 || cores == 0) {
        std::fprintf(stderr, "echo: PORT must be a number from 1 to 65535, CORES from 1 to 1024\n");
        return 2;
    }
    if (cores == 1) {
        simul::run(bench::serve_at(port, echo));
        return 0;
    }
    simul::cores_options options;
    options.count = cores;
    options.pin_threads = true;
    simul::run_on_cores([port](simul::core&) { return bench::serve_at(port, echo, true); },
                        options);
}
