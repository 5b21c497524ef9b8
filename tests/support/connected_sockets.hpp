// SPDX-License-Identifier: Apache-2.0
//
// support/connected_sockets.hpp: two sockets that are connected, in every world.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/backends/simulated.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::test {

/// Two connected sockets of the loop that runs: real ones, or simulated ones.
inline std::pair<unique_fd, unique_fd> connected_sockets() {
    loop& running = loop::current();
    if (running.is_simulated()) {
        const auto [left, right] =
            static_cast<detail::simulated_backend&>(running.io()).open_pair();
        return {unique_fd{left}, unique_fd{right}};
    }
    std::array<int, 2> made{-1, -1};
    constexpr int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (::socketpair(AF_UNIX, kind, 0, made.data()) != 0) {
        throw std::system_error{errno, std::system_category(), "socketpair"};
    }
    return {unique_fd{made[0]}, unique_fd{made[1]}};
}

}  // namespace simul::test
