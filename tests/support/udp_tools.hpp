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

#include "simul/base/bytes.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/udp.hpp"
#include "support/stream_tools.hpp"
#include "support/world_sockets.hpp"

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
    refusing_port() : held_{new_socket(SOCK_DGRAM)} { hear_only(bind_anywhere(held_)); }
    [[nodiscard]] endpoint where() const { return simul::detail::local_endpoint_of(held_.get()); }

    /// From now on refuses all but this one.
    void hear_only(const endpoint& peer) const { EXPECT_EQ(connect_to(held_.get(), peer), 0); }

    /// To the one it hears.
    void send(std::string_view text) const {
        EXPECT_EQ(send_now(held_.get(), text), std::ssize(text));
    }

private:
    held_socket held_;
};

/// Two ends, of which one has room for few datagrams.
///
/// Over UDP on a kernel's loopback device no sender ever waits, because a datagram is with its
/// receiver, or lost, before the call returns; so there these are datagrams of another kind. In the
/// simulated world the sender waits for the receiver's room.
class narrow_ends {
public:
    narrow_ends() {
        const bool simulated = simul::detail::simulated_world() != nullptr;
        if (simulated) {
            connect_over_udp();
        } else {
            EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, numbers_.data()), 0);
        }
        const int narrowed = simulated ? numbers_[1] : numbers_[0];
        const int option = simulated ? SO_RCVBUF : SO_SNDBUF;
        EXPECT_EQ(simul::detail::set_option(narrowed, SOL_SOCKET, option, 4096), 0);
        sender = udp_socket::adopt(unique_fd{numbers_[0]});
        receiver = udp_socket::adopt(unique_fd{numbers_[1]});
    }
    narrow_ends(const narrow_ends&) = delete;
    narrow_ends& operator=(const narrow_ends&) = delete;

    /// Sends until there is no room. Returns how many datagrams that took.
    [[nodiscard]] int fill() const {
        int count = 0;
        while (send_now(numbers_[0], "full") == 4) ++count;
        EXPECT_EQ(errno, EAGAIN);
        return count;
    }

    /// Receives all there is. Returns how many datagrams that were.
    [[nodiscard]] int drain() const {
        int count = 0;
        while (receive_now(numbers_[1]) >= 0) ++count;
        EXPECT_EQ(errno, EAGAIN);
        return count;
    }

    udp_socket sender;
    udp_socket receiver;

private:
    void connect_over_udp() {
        held_socket left = new_socket(SOCK_DGRAM);
        held_socket right = new_socket(SOCK_DGRAM);
        const endpoint here = bind_anywhere(left);
        const endpoint there = bind_anywhere(right);
        EXPECT_EQ(connect_to(left.get(), there), 0);
        EXPECT_EQ(connect_to(right.get(), here), 0);
        numbers_ = {left.release(), right.release()};
    }

    std::array<int, 2> numbers_{-1, -1};
};

}  // namespace simul::test
