// SPDX-License-Identifier: Apache-2.0
#include "simul/io/udp.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_tools.hpp"
#include "support/udp_tools.hpp"

namespace simul {
namespace {

using namespace test;

static_assert(std::is_nothrow_move_constructible_v<udp_socket>);
static_assert(std::is_nothrow_move_assignable_v<udp_socket>);
static_assert(!std::is_copy_constructible_v<udp_socket>);
static_assert(awaitable_of<udp_receive_awaitable, datagram>);
static_assert(awaitable_of<udp_send_awaitable, void>);

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool has_ipv6() {
    try {
        const udp_options options;
        const endpoint loopback{ip_address::loopback_v6(), 0};
        run([&]() -> task<> {
            const udp_socket made = udp_socket::bind(loopback, options);
            co_return;
        }());
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

// How a call without an await fails.
template <class Call>
std::error_code code_thrown_by(Call call) {
    try {
        static_cast<void>(call());
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

// --- datagrams ----------------------------------------------------------------------------------

TEST(udp_socket, sends_a_datagram_to_an_endpoint_and_tells_who_sent_it) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        EXPECT_TRUE(left.local_endpoint().address().is_loopback());
        EXPECT_NE(left.local_endpoint().port(), 0);
        co_await left.send_to(bytes_of("ping"), right.local_endpoint());
        packet buffer{};
        const datagram ping = co_await right.receive_from(buffer);
        EXPECT_EQ(text_of(ping.bytes), "ping");
        EXPECT_EQ(ping.peer, left.local_endpoint());
        EXPECT_EQ(ping.size(), 4U);
        EXPECT_EQ(ping.full_size, 4U);
        co_await right.send_to(ping.bytes, ping.peer);
        const std::string echo = co_await receive_text(left);
        EXPECT_EQ(echo, "ping");
    });
}

TEST(udp_socket, waits_for_a_datagram_that_has_not_arrived) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        for (int turn = 0; turn != 3; ++turn) {
            co_await with_task_group([&](task_group& group) -> task<> {
                auto text = group.spawn(receive_text(right));
                co_await some_turns();
                EXPECT_FALSE(text.done());
                co_await left.send_to(bytes_of("late"), right.local_endpoint());
                const std::string got = co_await text;
                EXPECT_EQ(got, "late");
            });
        }
    });
}

TEST(udp_socket, does_not_suspend_if_a_datagram_is_there_or_there_is_room_for_one) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        const auto turns = loop::current().statistics().turns;
        co_await left.send_to(bytes_of("now"), right.local_endpoint());
        EXPECT_TRUE(right.has_input());
        const std::string got = co_await receive_text(right);
        EXPECT_EQ(got, "now");
        EXPECT_FALSE(right.has_input());
        EXPECT_EQ(loop::current().statistics().turns, turns);
    });
}

TEST(udp_socket, receives_an_empty_datagram_as_one) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        co_await left.send_to({}, right.local_endpoint());
        co_await left.send_to(bytes_of("next"), right.local_endpoint());
        packet buffer{};
        const datagram empty = co_await right.receive_from(buffer);
        EXPECT_EQ(empty.size(), 0U);
        EXPECT_FALSE(empty.is_truncated());
        EXPECT_EQ(empty.peer, left.local_endpoint());
        const std::string next = co_await receive_text(right);
        EXPECT_EQ(next, "next");
    });
}

TEST(udp_socket, tells_how_long_a_datagram_was_that_the_buffer_has_cut) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        const endpoint there = right.local_endpoint();
        for (int turn = 0; turn != 3; ++turn) {
            co_await left.send_to(bytes_of("123456789"), there);
        }
        packet buffer{};
        const datagram cut = co_await right.receive_from(std::span{buffer}.first(4));
        EXPECT_TRUE(cut.is_truncated());
        EXPECT_EQ(text_of(cut.bytes), "1234");
        EXPECT_EQ(cut.full_size, 9U);
        const datagram dropped = co_await right.receive_from(std::span<std::byte>{});
        EXPECT_TRUE(dropped.is_truncated());
        EXPECT_EQ(dropped.size(), 0U);
        EXPECT_EQ(dropped.full_size, 9U);
        const datagram fits = co_await right.receive_from(std::span{buffer}.first(9));
        EXPECT_FALSE(fits.is_truncated());
        EXPECT_EQ(text_of(fits.bytes), "123456789");
    });
}

TEST(udp_socket, sends_the_longest_datagram_there_is_and_refuses_a_longer_one) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        const std::string longest = numbered_text(65'507);
        co_await left.send_to(bytes_of(longest), right.local_endpoint());
        std::vector<std::byte> buffer(65'536);
        const datagram got = co_await right.receive_from(buffer);
        EXPECT_EQ(text_of(got.bytes), longest);
        const std::string longer = longest + "x";
        const std::error_code code =
            co_await code_of(left.send_to(bytes_of(longer), right.local_endpoint()));
        EXPECT_EQ(code, std::errc::message_size);
    });
}

TEST(udp_socket, gives_each_datagram_to_one_of_those_that_receive) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        std::vector<std::string> texts;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int receiver = 0; receiver != 3; ++receiver) {
                group.spawn([&]() -> task<> {
                    const std::string text = co_await receive_text(right);
                    texts.push_back(text);
                });
            }
            co_await some_turns();
            for (std::size_t sent = 1; sent != 4; ++sent) {
                const std::string text(sent, 'x');
                co_await left.send_to(bytes_of(text), right.local_endpoint());
                for (int i = 0; i < 100'000 && texts.size() < sent; ++i) co_await yield_now();
                co_await some_turns();
                EXPECT_EQ(texts.size(), sent);
            }
        });
        EXPECT_EQ(texts, (std::vector<std::string>{"x", "xx", "xxx"}));
    });
}

// --- ends ---------------------------------------------------------------------------------------

TEST(udp_socket, with_a_peer_hears_nobody_else) {
    run_on_real_backends([]() -> task<> {
        udp_socket server = any_udp_socket();
        udp_socket client = udp_socket::connect(server.local_endpoint());
        udp_socket stranger = any_udp_socket();
        EXPECT_EQ(client.peer_endpoint(), server.local_endpoint());
        co_await client.send(bytes_of("question"));
        packet buffer{};
        const datagram question = co_await server.receive_from(buffer);
        EXPECT_EQ(question.peer, client.local_endpoint());
        co_await stranger.send_to(bytes_of("lie"), client.local_endpoint());
        co_await server.send_to(bytes_of("answer"), question.peer);
        const datagram answer = co_await client.receive(buffer);
        EXPECT_EQ(text_of(answer.bytes), "answer");
        EXPECT_EQ(answer.peer, server.local_endpoint());
        EXPECT_FALSE(client.has_input());
    });
}

TEST(udp_socket, with_a_peer_may_send_to_others) {
    run_on_real_backends([]() -> task<> {
        udp_socket peer = any_udp_socket();
        udp_socket other = any_udp_socket();
        udp_socket client = udp_socket::connect(peer.local_endpoint());
        co_await client.send_to(bytes_of("hello"), other.local_endpoint());
        const std::string heard = co_await receive_text(other);
        EXPECT_EQ(heard, "hello");
        EXPECT_FALSE(peer.has_input());
    });
}

TEST(udp_socket, has_both_ends_chosen_with_bind_and_set_peer) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        const endpoint here = left.local_endpoint();
        left.set_peer(right.local_endpoint());
        right.set_peer(here);
        EXPECT_EQ(left.local_endpoint(), here);
        EXPECT_EQ(left.peer_endpoint(), right.local_endpoint());
        co_await left.send(bytes_of("hello"));
        const std::string heard = co_await receive_text(right);
        EXPECT_EQ(heard, "hello");
    });
}

TEST(udp_socket, that_is_unbound_gets_a_port_when_it_sends) {
    run_on_real_backends([]() -> task<> {
        udp_socket server = any_udp_socket();
        udp_socket client = udp_socket::unbound_v4();
        EXPECT_EQ(client.local_endpoint(), endpoint{});
        co_await client.send_to(bytes_of("hello"), server.local_endpoint());
        EXPECT_NE(client.local_endpoint().port(), 0);
        packet buffer{};
        const datagram got = co_await server.receive_from(buffer);
        EXPECT_EQ(got.peer.port(), client.local_endpoint().port());
    });
}

// The system says the same as when it has no room, and would say so for ever.
TEST(udp_socket, that_cannot_get_a_port_says_so) {
    run_on_real_backends([]() -> task<> {
        const udp_socket server = any_udp_socket();
        const std::uint32_t port = server.local_endpoint().port();
        const std::uint32_t only_this_one = port << 16 | port;
        unique_fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        constexpr int ip_local_port_range = 51;  // since Linux 6.3
        if (::setsockopt(socket.get(), IPPROTO_IP, ip_local_port_range, &only_this_one,
                         sizeof only_this_one) != 0) {
            std::puts("note: this Linux limits no ports");
            co_return;
        }
        udp_socket client = udp_socket::adopt(std::move(socket));
        const endpoint there{ip_address::loopback_v4(), 9};
        const std::error_code code = co_await code_of(client.send_to(bytes_of("from"), there));
        EXPECT_EQ(code, std::errc::address_not_available);
    });
}

TEST(udp_socket, without_a_peer_needs_an_endpoint_to_send_to) {
    run_on_real_backends([]() -> task<> {
        udp_socket socket = any_udp_socket();
        const std::error_code code = co_await code_of(socket.send(bytes_of("to whom?")));
        EXPECT_EQ(code, std::errc::destination_address_required);
        const auto asks = [&] { return socket.peer_endpoint(); };
        EXPECT_EQ(code_thrown_by(asks), std::errc::not_connected);
    });
}

TEST(udp_socket, works_over_ipv6) {
    if (!has_ipv6()) GTEST_SKIP() << "there is no IPv6 here";
    run_on_real_backends([]() -> task<> {
        udp_socket server = udp_socket::bind(endpoint{ip_address::loopback_v6(), 0});
        udp_socket client = udp_socket::unbound_v6();
        co_await client.send_to(bytes_of("six"), server.local_endpoint());
        packet buffer{};
        const datagram got = co_await server.receive_from(buffer);
        EXPECT_EQ(text_of(got.bytes), "six");
        EXPECT_EQ(got.peer.address(), ip_address::loopback_v6());
    });
}

TEST(udp_socket, takes_ipv4_datagrams_over_ipv6_if_it_is_told) {
    if (!has_ipv6()) GTEST_SKIP() << "there is no IPv6 here";
    run_on_real_backends([]() -> task<> {
        udp_options options;
        options.v6_only = false;
        udp_socket server = udp_socket::bind(endpoint{ip_address::any_v6(), 0}, options);
        udp_socket client = any_udp_socket();
        const endpoint there{ip_address::loopback_v4(), server.local_endpoint().port()};
        co_await client.send_to(bytes_of("four"), there);
        packet buffer{};
        const datagram got = co_await server.receive_from(buffer);
        EXPECT_TRUE(got.peer.address().is_v4_mapped());
        EXPECT_EQ(got.peer.address().unmapped(), ip_address::loopback_v4());
        co_await server.send_to(got.bytes, got.peer);
        const std::string echo = co_await receive_text(client);
        EXPECT_EQ(echo, "four");
        udp_socket other = udp_socket::bind(endpoint{ip_address::loopback_v6(), 0});
        const std::error_code code = co_await code_of(other.send_to(bytes_of("four"), there));
        EXPECT_NE(code, std::error_code{}) << "v6_only was not told";
    });
}

// --- options ------------------------------------------------------------------------------------

TEST(udp_socket, shares_a_port_only_if_it_is_told) {
    run_on_real_backends([]() -> task<> {
        const auto second_of = [](const udp_options& options) {
            const udp_socket first = udp_socket::bind(any_loopback_port(), options);
            return code_thrown_by(
                [&] { return udp_socket::bind(first.local_endpoint(), options); });
        };
        udp_options options;
        EXPECT_EQ(second_of(options), std::errc::address_in_use);
        options.reuse_port = true;
        EXPECT_EQ(second_of(options), std::error_code{});
        options = udp_options{};
        options.reuse_address = true;
        EXPECT_EQ(second_of(options), std::error_code{});
        co_return;
    });
}

TEST(udp_socket, names_the_endpoint_in_the_error_of_bind) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        {
            const udp_socket first = any_udp_socket();
            const endpoint taken = first.local_endpoint();
            std::string text;
            try {
                static_cast<void>(udp_socket::bind(taken));
            } catch (const std::system_error& error) {
                text = error.what();
            }
            EXPECT_NE(text.find("bind " + taken.to_string()), std::string::npos) << text;
        }
        EXPECT_EQ(open_descriptors(), before);
        co_return;
    });
}

TEST(udp_socket, sends_to_a_broadcast_address_only_if_it_is_told) {
    run_on_real_backends([]() -> task<> {
        const endpoint everybody{ip_address{std::array<std::uint8_t, 4>{127, 255, 255, 255}}, 9};
        udp_socket socket = udp_socket::unbound_v4();
        const std::error_code refused =
            co_await code_of(socket.send_to(bytes_of("all"), everybody));
        EXPECT_EQ(refused, std::errc::permission_denied);
        udp_options options;
        options.broadcast = true;
        socket = udp_socket::unbound_v4(options);
        const std::error_code allowed =
            co_await code_of(socket.send_to(bytes_of("all"), everybody));
        EXPECT_EQ(allowed, std::error_code{});
    });
}

}  // namespace
}  // namespace simul
