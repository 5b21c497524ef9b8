// SPDX-License-Identifier: Apache-2.0
//
// support/world_sockets.hpp: sockets of the test's own, in every world.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string_view>

#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"
#include "runtime/backends/simulated.hpp"
#include "simul/base/unique_fd.hpp"

namespace simul::test {

using simul::detail::held_socket;

/// For IPv4, and blocking where there is a difference.
inline held_socket new_socket(int type = SOCK_STREAM) {
    held_socket made{simul::detail::open_socket(AF_INET, type)};
    EXPECT_TRUE(made);
    if (simul::detail::simulated_world() == nullptr) {
        EXPECT_EQ(::fcntl(made.get(), F_SETFL, ::fcntl(made.get(), F_GETFL) & ~O_NONBLOCK), 0);
    }
    return made;
}

/// For what takes a socket over. In the simulated world it must be given away.
inline unique_fd to_give(held_socket socket) {
    return unique_fd{socket.release()};
}

/// Binds it to any port of the loopback device, and says which.
inline endpoint bind_anywhere(const held_socket& socket) {
    const simul::detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
    EXPECT_EQ(simul::detail::bind_socket(socket.get(), any.data(), any.size()), 0);
    return simul::detail::local_endpoint_of(socket.get());
}

inline int connect_to(int socket, const endpoint& where) {
    const simul::detail::socket_address address{where};
    return simul::detail::connect_socket(socket, address.data(), address.size());
}

/// send(2) and recv(2), which do not wait. Received bytes are dropped.
inline ssize_t send_now(int socket, std::string_view text) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return simul::detail::send_message(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

inline ssize_t receive_now(int socket) {
    char buffer[64];
    return simul::detail::receive_from(socket, buffer, sizeof buffer, MSG_DONTWAIT, nullptr,
                                       nullptr);
}

/// Whether there is a descriptor of this number.
inline bool is_open(int number) {
    if (const auto* const world = simul::detail::simulated_world_of(number))
        return world->exists(number);
    return ::fcntl(number, F_GETFD) != -1;
}

}  // namespace simul::test
