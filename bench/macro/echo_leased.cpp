// SPDX-License-Identifier: Apache-2.0
//
// The server of echo.cpp with buffers of the loop's: a connection has one only while it answers.
// `echo_leased PORT`; SIMUL_BACKEND says how.
#include <system_error>
#include <utility>

#include "echo_server.hpp"
#include "simul/io/stream.hpp"

namespace {

simul::task<> echo(simul::accepted connection) {
    simul::tcp_stream stream = std::move(connection.stream);
    try {
        while (true) {
            const simul::buffer_lease piece = co_await stream.read_leased();
            if (piece.empty()) co_return;
            co_await simul::write_all(stream, piece.bytes());
        }
    } catch (const std::system_error& failure) {
        if (!bench::is_gone(failure.code())) throw;
    }
}

}  // namespace

int main(int count, char** words) {
    return bench::serve_as_told("echo_leased", count, words, echo);
}
