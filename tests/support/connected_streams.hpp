// SPDX-License-Identifier: Apache-2.0
//
// support/connected_streams.hpp: two connected tcp_streams over the loopback device.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::test {

/// A non-blocking socket that is connected to `where`.
inline task<unique_fd> connect_socket(endpoint where) {
    const simul::detail::socket_address address{where};
    simul::detail::held_socket made{simul::detail::open_socket(address.family(), SOCK_STREAM)};
    loop::current().io().forget(made.get());
    co_await connect_descriptor(made.get(), address.bytes());
    co_return unique_fd{made.release()};
}

inline endpoint any_loopback_port() {
    return endpoint{ip_address::loopback_v4(), 0};
}

/// The client's end and the server's.
inline task<std::pair<tcp_stream, tcp_stream>> connected_tcp_streams() {
    tcp_listener listener = tcp_listener::bind(any_loopback_port());
    unique_fd client = co_await connect_socket(listener.local_endpoint());
    auto [server, peer] = co_await listener.accept();
    co_return std::pair{tcp_stream::adopt(std::move(client)), std::move(server)};
}

/// Two connected TCP sockets without a loop; both are non-blocking.
inline std::pair<unique_fd, unique_fd> connected_tcp_sockets() {
    const unique_fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<::sockaddr*>(&address);
    EXPECT_EQ(::bind(listener.get(), generic, size), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener.get(), generic, &size), 0);
    unique_fd one{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(::connect(one.get(), generic, size), 0);
    EXPECT_EQ(::fcntl(one.get(), F_SETFL, O_NONBLOCK), 0);
    unique_fd other{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    return {std::move(one), std::move(other)};
}

}  // namespace simul::test
