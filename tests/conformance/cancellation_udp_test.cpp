// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of datagrams, and of connecting a socket of the caller's. After each run
// what has not arrived is looked for, so that every datagram is accounted for.
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "simul/io/connect.hpp"
#include "simul/io/udp.hpp"
#include "support/cancellation_harness.hpp"
#include "support/udp_tools.hpp"
#include "support/world_sockets.hpp"

namespace simul::test {
namespace {

endpoint any_port() {
    return endpoint{ip_address::loopback_v4(), 0};
}

held_socket made_socket(int kind) {
    return held_socket{simul::detail::open_socket(AF_INET, kind)};
}

// How many datagrams are left.
int drain(const held_socket& socket) {
    int count = 0;
    while (receive_now(socket.get()) >= 0) ++count;
    return count;
}

// --- receiving ----------------------------------------------------------------------------------

// The subject receives on `mine_`, and the other end sends one datagram.
class receiving_world : public scenario_world {
public:
    static constexpr rule obeys = rule::gives_back;

    explicit receiving_world(stage where)
        : scenario_world{where}, mine_{udp_socket::bind(any_port())} {
        bind_anywhere(other_);
        EXPECT_EQ(connect_to(other_.get(), mine_.local_endpoint()), 0);
        mine_.set_peer(simul::detail::local_endpoint_of(other_.get()));
    }

    void received(const datagram& got) {
        EXPECT_EQ(got.size(), 3U);
        EXPECT_EQ(got.peer, simul::detail::local_endpoint_of(other_.get()));
        ++received_;
    }
    void complete() override {
        EXPECT_EQ(send_now(other_.get(), "one"), 3);
        ++sent_;
    }
    task<> verify(const run_state& run) override {
        std::array<std::byte, 8> buffer{};
        int left = 0;
        while (mine_.has_input()) {
            static_cast<void>(co_await mine_.receive(buffer));
            ++left;
        }
        EXPECT_EQ(received_ + run.lost() + left, sent_) << run.describe();
        mine_.close();
    }

protected:
    udp_socket mine_;
    held_socket other_ = made_socket(SOCK_DGRAM);
    std::array<std::byte, 8> buffer_{};

private:
    int sent_ = 0;
    int received_ = 0;
};

class receiving_from_anybody : public receiving_world {
public:
    static constexpr const char* awaitable = "udp_socket::receive_from";

    using receiving_world::receiving_world;
    auto wait() { return mine_.receive_from(buffer_); }
};
const add_scenario<receiving_from_anybody> adds_receiving_from_anybody;

class receiving_from_the_peer : public receiving_world {
public:
    static constexpr const char* awaitable = "udp_socket::receive";

    using receiving_world::receiving_world;
    auto wait() { return mine_.receive(buffer_); }
};
const add_scenario<receiving_from_the_peer> adds_receiving_from_the_peer;

// Another task receives on the same socket; there is one datagram for the two.
class receiving_beside_another : public receiving_world {
public:
    static constexpr const char* awaitable = "udp_socket::receive_from";
    static constexpr const char* variant = "beside another task";
    static constexpr bool remembers = false;

    using receiving_world::receiving_world;
    auto wait() { return mine_.receive_from(buffer_); }
    void complete() override {
        receiving_world::complete();
        receiving_world::complete();  // so that none of the two waits in vain
    }
    task<> background() override {
        std::array<std::byte, 8> buffer{};
        const datagram got = co_await mine_.receive_from(buffer);
        received(got);
    }
};
const add_scenario<receiving_beside_another> adds_receiving_beside_another;

class receiving_in_a_row : public receiving_world {
public:
    static constexpr const char* awaitable = "udp_socket::datagrams";

    using receiving_world::receiving_world;
    auto wait() { return arrivals_.next(); }
    void received(const std::optional<datagram>& got) {
        EXPECT_TRUE(got.has_value());
        if (got) receiving_world::received(*got);
    }

private:
    async_generator<datagram> arrivals_ = mine_.datagrams(buffer_);
};
const add_scenario<receiving_in_a_row> adds_receiving_in_a_row;

// Nobody listens at the peer's port, and something was sent there.
class receiving_a_refusal : public scenario_world {
public:
    static constexpr const char* awaitable = "udp_socket::receive";
    static constexpr const char* variant = "when the peer refuses";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool fails = true;

    explicit receiving_a_refusal(stage where) : scenario_world{where} {
        held_socket made = made_socket(SOCK_DGRAM);
        EXPECT_EQ(connect_to(made.get(), port_.where()), 0);
        number_ = made.get();
        mine_ = udp_socket::adopt(to_give(std::move(made)));
    }

    auto wait() { return mine_.receive(buffer_); }
    static void received(const datagram&) { ADD_FAILURE() << "nobody sends"; }
    void complete() override { EXPECT_EQ(send_now(number_, "one"), 3); }
    task<> verify(const run_state&) override {
        mine_.close();
        co_return;
    }

private:
    refusing_port port_;
    int number_ = -1;
    udp_socket mine_;
    std::array<std::byte, 8> buffer_{};
};
const add_scenario<receiving_a_refusal> adds_receiving_a_refusal;

// The socket is closed under its receiver.
class receiving_until_closed : public receiving_world {
public:
    static constexpr const char* awaitable = "udp_socket::receive_from";
    static constexpr const char* variant = "until it is closed";
    static constexpr bool fails = true;

    using receiving_world::receiving_world;
    auto wait() { return mine_.receive_from(buffer_); }
    void complete() override { mine_.close(); }
    task<> verify(const run_state&) override {
        mine_.close();
        co_return;
    }
};
const add_scenario<receiving_until_closed> adds_receiving_until_closed;

// --- sending ------------------------------------------------------------------------------------

// There is no room until the other end has received.
class sending_without_room : public scenario_world {
public:
    static constexpr const char* awaitable = "udp_socket::send";
    static constexpr const char* variant = "without room";
    static constexpr rule obeys = rule::gives_back;

    explicit sending_without_room(stage where) : scenario_world{where}, before_{ends_.fill()} {}

    auto wait() { return ends_.sender.send(std::as_bytes(std::span{"one"})); }
    void received(std::monostate) { ++sent_; }
    void complete() override { EXPECT_EQ(ends_.drain(), std::exchange(before_, 0)); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(ends_.drain(), before_ + sent_ + run.lost()) << run.describe();
        ends_.sender.close();
        co_return;
    }

private:
    narrow_ends ends_;
    int before_;
    int sent_ = 0;
};
const add_scenario<sending_without_room> adds_sending_without_room;

// Complete as soon as it begins.
class sending_to_an_endpoint : public scenario_world {
public:
    static constexpr const char* awaitable = "udp_socket::send_to";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool remembers = false;

    explicit sending_to_an_endpoint(stage where) : scenario_world{where} { bind_anywhere(other_); }

    auto wait() {
        return mine_.send_to(std::as_bytes(std::span{"one"}),
                             simul::detail::local_endpoint_of(other_.get()));
    }
    void received(std::monostate) { ++sent_; }
    void complete() override {}
    task<> verify(const run_state& run) override {
        EXPECT_EQ(drain(other_), sent_ + run.lost()) << run.describe();
        mine_.close();
        co_return;
    }

private:
    udp_socket mine_ = udp_socket::bind(any_port());
    held_socket other_ = made_socket(SOCK_DGRAM);
    int sent_ = 0;
};
const add_scenario<sending_to_an_endpoint> adds_sending_to_an_endpoint;

// --- connecting a given socket -------------------------------------------------------------------

class given_socket_world : public scenario_world {
public:
    static constexpr const char* awaitable = "connect";
    static constexpr rule obeys = rule::delivers;

    given_socket_world(stage where, int backlog) : scenario_world{where} {
        bind_anywhere(listener_);
        EXPECT_EQ(simul::detail::listen_socket(listener_.get(), backlog), 0);
    }

    auto wait() { return connect(to_give(made_socket(SOCK_STREAM)), there()); }
    void received(tcp_stream stream) const { EXPECT_EQ(stream.peer_endpoint(), there()); }
    void complete() override {}

protected:
    [[nodiscard]] endpoint there() const {
        return simul::detail::local_endpoint_of(listener_.get());
    }

private:
    held_socket listener_ = made_socket(SOCK_STREAM);
};

// A connect over the loopback device ends by itself.
class connecting_a_given_socket : public given_socket_world {
public:
    static constexpr const char* variant = "of a given socket";
    static constexpr bool remembers = false;

    explicit connecting_a_given_socket(stage where) : given_socket_world{where, 8} {}
};
const add_scenario<connecting_a_given_socket> adds_connecting_a_given_socket;

// The listener's queue is full and nobody accepts: only a request ends this.
class connecting_a_given_socket_in_vain : public given_socket_world {
public:
    static constexpr const char* variant = "of a given socket, without an answer";
    static constexpr bool can_complete = false;

    explicit connecting_a_given_socket_in_vain(stage where) : given_socket_world{where, 0} {
        for (held_socket& each : clients_) {
            each = made_socket(SOCK_STREAM);
            EXPECT_EQ(connect_to(each.get(), there()), -1);
        }
    }

private:
    std::array<held_socket, 3> clients_;
};
const add_scenario<connecting_a_given_socket_in_vain> adds_connecting_a_given_socket_in_vain;

}  // namespace
}  // namespace simul::test
