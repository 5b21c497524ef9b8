// SPDX-License-Identifier: Apache-2.0
//
// bench/hold/end_of_input.hpp: how a server is told to end.
#pragma once

#include <array>
#include <cstddef>

#include <unistd.h>

#include "simul/coro/task.hpp"
#include "simul/io/pipe.hpp"

namespace bench {

/// Waits until whoever runs the program has closed its input, or is gone.
inline simul::task<> end_of_input() {
    auto input = simul::pipe_stream::adopt(simul::unique_fd{::dup(STDIN_FILENO)}, {});
    std::array<std::byte, 64> ignored;
    std::size_t size = 1;
    while (size != 0) size = co_await input.read_some(ignored);
}

}  // namespace bench
