// SPDX-License-Identifier: Apache-2.0
//
// support/udp_tools.hpp: what tests of datagrams need again and again.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "io/socket_address.hpp"
#include "simul/base/bytes.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/udp.hpp"
#include "support/stream_tools.hpp"

namespace simul::test {

using packet = std::array<std::byte, 64>;

/// A socket at any free port of the loopback device.
inline udp_socket any_udp_socket() {
    return udp_socket::bind(endpoint{ip_address::loopback_v4(), 0});
}

/// The text of the next datagram.
inline task<std::string> receive_text(udp_socket& socket) {
    packet buffer{};
    const datagram got = co_await socket.receive_from(buffer);
    EXPECT_FALSE(got.is_truncated());
    co_return std::string{text_of(got.bytes)};
}

/// A port that refuses datagrams, and that nobody else can get. Its socket has a peer, which is
/// itself at first: what others send to the port is refused.
class refusing_port {
public:
    refusing_port() : held_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
        const simul::detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
        EXPECT_EQ(::bind(held_.get(), any.data(), any.size()), 0);
        hear_only(where());
    }
    [[nodiscard]] endpoint where() const { return simul::detail::local_endpoint_of(held_.get()); }

    /// From now on refuses all but this one.
    void hear_only(const endpoint& peer) const {
        const simul::detail::socket_address address{peer};
        EXPECT_EQ(::connect(held_.get(), address.data(), address.size()), 0);
    }

    /// To the one it hears.
    void send(std::string_view text) const {
        EXPECT_EQ(::send(held_.get(), text.data(), text.size(), 0), std::ssize(text));
    }

private:
    unique_fd held_;
};

/// Two ends, of which one has room for few datagrams. Over UDP on the loopback device no sender
/// ever waits, because a datagram is with its receiver before the call returns; so these are
/// datagrams of another kind.
class narrow_ends {
public:
    narrow_ends() {
        std::array<int, 2> made{-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, made.data()), 0);
        const int size = 4096;
        EXPECT_EQ(::setsockopt(made[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
        sender = udp_socket::adopt(unique_fd{made[0]});
        receiver = udp_socket::adopt(unique_fd{made[1]});
        numbers_ = made;
    }
    narrow_ends(const narrow_ends&) = delete;
    narrow_ends& operator=(const narrow_ends&) = delete;

    /// Sends until there is no room. Returns how many datagrams that took.
    [[nodiscard]] int fill() const {
        int count = 0;
        while (::send(numbers_[0], "full", 4, MSG_DONTWAIT) == 4) ++count;
        EXPECT_EQ(errno, EAGAIN);
        return count;
    }

    /// Receives all there is. Returns how many datagrams that were.
    [[nodiscard]] int drain() const {
        packet buffer{};
        int count = 0;
        while (::recv(numbers_[1], buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0) ++count;
        EXPECT_EQ(errno, EAGAIN);
        return count;
    }

    udp_socket sender;
    udp_socket receiver;

private:
    std::array<int, 2> numbers_{-1, -1};
};

}  // namespace simul::test
