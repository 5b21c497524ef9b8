// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about datagrams. They are the kernel's, or the simulated world's: no
// other queue of this library lies between a task and them, so there is no memory that a datagram
// could take here without being counted.
#include <array>
#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/udp.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/stream_tools.hpp"
#include "support/udp_tools.hpp"

namespace simul {
namespace {

using test::any_udp_socket;
using test::code_of;
using test::narrow_ends;
using test::packet;
using test::receive_text;

// An empty datagram is received like any other, and nothing ends with it.
EVERY_WORLD_TEST(Q9, empty_datagram_is_a_datagram_and_no_end) {
    udp_socket left = any_udp_socket();
    udp_socket right = any_udp_socket();
    std::vector<std::string> texts;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            packet buffer{};
            auto arrivals = right.datagrams(buffer);
            while (auto got = co_await arrivals.next()) {
                EXPECT_EQ(got->peer, left.local_endpoint());
                EXPECT_FALSE(got->is_truncated());
                texts.emplace_back(text_of(got->bytes));
            }
        });
        for (const char* text : {"", "between", "", ""}) {
            co_await left.send_to(bytes_of(text), right.local_endpoint());
            co_await testing::wait_until_all_blocked();
        }
        right.close();
    });
    EXPECT_EQ(texts, (std::vector<std::string>{"", "between", "", ""}));
}

// It is sent like any other, too; with a peer as well as to an endpoint.
EVERY_WORLD_TEST(Q9, empty_datagram_is_sent) {
    udp_socket left = any_udp_socket();
    udp_socket right = any_udp_socket();
    left.set_peer(right.local_endpoint());
    co_await left.send({});
    co_await left.send_to({}, right.local_endpoint());
    co_await left.send(bytes_of("last"));
    for (const char* expected : {"", "", "last"}) {
        const std::string text = co_await receive_text(right);
        EXPECT_EQ(text, expected);
    }
    EXPECT_FALSE(right.has_input());
}

// Who sends more than the kernel takes waits, and goes on when it takes more: nothing is queued
// here, whatever its size, not even the empty ones.
EVERY_WORLD_TEST(Q9, send_waits_for_the_kernel) {
    narrow_ends ends;
    constexpr std::size_t count = 64;
    std::size_t sent = 0;
    std::size_t received = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto sender = group.spawn([&]() -> task<> {
            for (; sent != count; ++sent) {
                const std::string text(sent % 3 == 0 ? 0 : 32, 'x');
                co_await ends.sender.send(bytes_of(text));
            }
        });
        co_await testing::wait_until_all_blocked();
        const std::size_t room = sent;
        EXPECT_GT(room, 0U);
        EXPECT_LT(room, count);
        for (; received != count; ++received) {
            packet buffer{};
            const datagram got = co_await ends.receiver.receive(buffer);
            EXPECT_EQ(got.size(), received % 3 == 0 ? 0U : 32U);
            co_await testing::wait_until_all_blocked();
            EXPECT_LE(sent, received + 1 + room) << "as many as the kernel has room for";
            EXPECT_EQ(sender.done(), sent == count);
        }
    });
    EXPECT_EQ(sent, count);
    EXPECT_FALSE(ends.receiver.has_input());
}

// Many may wait to send on one socket. Each one's datagram arrives whole and once.
EVERY_WORLD_TEST(Q9, senders_that_wait_spoil_no_datagram) {
    narrow_ends ends;
    constexpr std::size_t count = 24;
    std::vector<int> arrived(count, 0);
    co_await with_task_group([&](task_group& group) -> task<> {
        for (std::size_t sender = 0; sender != count; ++sender) {
            group.spawn([](udp_socket& socket, std::size_t size) -> task<> {
                const std::string text(size, 'x');
                co_await socket.send(bytes_of(text));
            }(ends.sender, sender));
        }
        co_await testing::wait_until_all_blocked();
        for (std::size_t received = 0; received != count; ++received) {
            const std::string text = co_await receive_text(ends.receiver);
            ++arrived.at(text.size());
        }
    });
    EXPECT_EQ(arrived, std::vector<int>(count, 1));
}

// A sender that is cancelled while it waits has sent nothing; one that was not has sent all.
EVERY_WORLD_TEST(Q9, cancelled_sender_has_sent_nothing) {
    narrow_ends ends;
    std::size_t sent = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto sender = group.spawn([&]() -> task<> {
            while (true) {
                co_await ends.sender.send({});
                ++sent;
            }
        });
        co_await testing::wait_until_all_blocked();
        sender.cancel();
    });
    for (std::size_t received = 0; received != sent; ++received) {
        const std::string text = co_await receive_text(ends.receiver);
        EXPECT_EQ(text, "");
    }
    EXPECT_FALSE(ends.receiver.has_input());
}

// Whoever is stopped takes nothing away, however close the datagram has come.
EVERY_WORLD_TEST(Q9, cancelled_receiver_leaves_the_datagram_to_the_next) {
    udp_socket left = any_udp_socket();
    udp_socket right = any_udp_socket();
    std::string got;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto receiver = group.spawn([&]() -> task<> {
            const std::string text = co_await receive_text(right);
            got = text;
        });
        co_await testing::wait_until_all_blocked();
        group.spawn(
            [&]() -> task<> { co_await left.send_to(bytes_of("once"), right.local_endpoint()); });
        group.spawn([&]() -> task<> {
            receiver.cancel();
            co_return;
        });
    });
    EXPECT_EQ(got.empty(), right.has_input());
    if (got.empty()) {
        const std::string text = co_await receive_text(right);
        got = text;
    }
    EXPECT_EQ(got, "once");
}

// Both branches have a datagram in the same turn; the one that loses keeps it.
EVERY_WORLD_TEST(Q9, branch_that_loses_leaves_its_datagram) {
    udp_socket sender = any_udp_socket();
    udp_socket first = any_udp_socket();
    udp_socket second = any_udp_socket();
    packet one{};
    packet other{};
    bool first_has_won = false;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            const auto won = co_await select(first.receive_from(one), second.receive_from(other));
            first_has_won = won.index() == 0;
        });
        co_await testing::wait_until_all_blocked();
        co_await sender.send_to(bytes_of("1"), first.local_endpoint());
        co_await sender.send_to(bytes_of("2"), second.local_endpoint());
    });
    EXPECT_NE(first.has_input(), second.has_input());
    udp_socket& loser = first_has_won ? second : first;
    const std::string text = co_await receive_text(loser);
    EXPECT_EQ(text, first_has_won ? "2" : "1");
}

// What does not fit is told, with the size it had; the next one is not touched.
EVERY_WORLD_TEST(Q9, datagram_that_does_not_fit_is_told_with_its_size) {
    udp_socket left = any_udp_socket();
    udp_socket right = any_udp_socket();
    co_await left.send_to(bytes_of("too long"), right.local_endpoint());
    co_await left.send_to(bytes_of("ok"), right.local_endpoint());
    std::array<std::byte, 3> buffer{};
    const datagram cut = co_await right.receive_from(buffer);
    EXPECT_TRUE(cut.is_truncated());
    EXPECT_EQ(text_of(cut.bytes), "too");
    EXPECT_EQ(cut.full_size, 8U);
    const datagram whole = co_await right.receive_from(buffer);
    EXPECT_FALSE(whole.is_truncated());
    EXPECT_EQ(text_of(whole.bytes), "ok");
}

// That nobody is there is told once, and ends neither the socket nor the one who asks again.
EVERY_WORLD_TEST(Q9, refusal_is_told_once_and_the_socket_goes_on) {
    const test::refusing_port port;
    udp_socket client = udp_socket::connect(port.where());
    packet buffer{};
    co_await client.send(bytes_of("anybody there?"));
    const std::error_code code = co_await code_of(client.receive(buffer));
    EXPECT_EQ(code, std::errc::connection_refused);

    port.hear_only(client.local_endpoint());
    co_await client.send(bytes_of("and now?"));
    port.send("yes");
    const std::string text = co_await receive_text(client);
    EXPECT_EQ(text, "yes");
}

}  // namespace
}  // namespace simul
