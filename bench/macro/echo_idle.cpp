// SPDX-License-Identifier: Apache-2.0
//
// The server of echo.cpp for connections that are silent most of the time: each waits without a
// buffer, and has one only while it answers. `echo_idle PORT`; SIMUL_BACKEND says how.
#include <array>
#include <span>
#include <system_error>
#include <utility>

#include "echo_server.hpp"
#include "simul/io/stream.hpp"

namespace {

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
        if (!bench::is_gone(failure.code())) throw;
    }
}

}  // namespace

int main(int count, char** words) {
    return bench::serve_as_told("echo_idle", count, words, echo);
}
