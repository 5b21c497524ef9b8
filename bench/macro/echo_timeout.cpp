// SPDX-License-Identifier: Apache-2.0
//
// The echo server with a limit of time on each read: who is silent for half a minute is left.
// `echo_timeout PORT`; SIMUL_BACKEND says how.
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "echo_server.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/stream.hpp"

namespace {

constexpr std::chrono::seconds longest_silence{30};

simul::task<> echo(simul::accepted connection) {
    simul::tcp_stream stream = std::move(connection.stream);
    std::array<std::byte, 4096> buffer;
    try {
        while (true) {
            const std::optional<std::size_t> size =
                co_await simul::move_on_after(longest_silence, stream.read_some(buffer));
            if (!size || *size == 0) co_return;
            co_await simul::write_all(stream, std::span{buffer}.first(*size));
        }
    } catch (const std::system_error& failure) {
        if (!bench::is_gone(failure.code())) throw;
    }
}

}  // namespace

int main(int count, char** words) {
    return bench::serve_as_told("echo_timeout", count, words, echo);
}
