// SPDX-License-Identifier: Apache-2.0
//
// A udp_socket on which somebody waits: what ends the wait, and what becomes of the datagram.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/udp.hpp"
#include "support/stream_tools.hpp"
#include "support/udp_tools.hpp"

namespace simul {
namespace {

using namespace test;

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// --- errors of the network ----------------------------------------------------------------------

TEST(udp_socket, tells_once_that_the_peer_has_refused_and_stays_usable) {
    run_on_real_backends([]() -> task<> {
        const refusing_port port;
        udp_socket client = udp_socket::connect(port.where());
        packet buffer{};
        co_await client.send(bytes_of("anybody there?"));
        std::error_code code = co_await code_of(client.receive(buffer));
        EXPECT_EQ(code, std::errc::connection_refused) << "told to who receives";
        co_await client.send(bytes_of("really not?"));
        code = co_await code_of(client.send(bytes_of("not sent")));
        EXPECT_EQ(code, std::errc::connection_refused) << "told to who sends";
        port.hear_only(client.local_endpoint());
        port.send("here I am");
        const std::string answer = co_await receive_text(client);
        EXPECT_EQ(answer, "here I am");
    });
}

TEST(udp_socket, tells_a_receiver_that_waits_that_the_peer_has_refused) {
    run_on_real_backends([]() -> task<> {
        const refusing_port port;
        udp_socket client = udp_socket::connect(port.where());
        co_await with_task_group([&](task_group& group) -> task<> {
            packet buffer{};
            auto waits = group.spawn([&]() -> task<> {
                const std::error_code code = co_await code_of(client.receive(buffer));
                EXPECT_EQ(code, std::errc::connection_refused);
            });
            co_await some_turns();
            co_await client.send(bytes_of("anybody there?"));
            co_await waits;
        });
    });
}

// --- waiting to send ----------------------------------------------------------------------------

TEST(udp_socket, waits_to_send_until_the_system_has_room) {
    run_on_real_backends([]() -> task<> {
        narrow_ends ends;
        const int before = ends.fill();
        EXPECT_GT(before, 0);
        int sent = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int sender = 0; sender != 3; ++sender) {
                group.spawn([&]() -> task<> {
                    co_await ends.sender.send(bytes_of("waited"));
                    ++sent;
                });
            }
            co_await some_turns();
            EXPECT_EQ(sent, 0);
            for (int received = 0; received != before; ++received) {
                const std::string text = co_await receive_text(ends.receiver);
                EXPECT_EQ(text, "full");
            }
        });
        EXPECT_EQ(sent, 3);
        for (int received = 0; received != 3; ++received) {
            const std::string text = co_await receive_text(ends.receiver);
            EXPECT_EQ(text, "waited");
        }
        EXPECT_FALSE(ends.receiver.has_input());
    });
}

TEST(udp_socket, sends_nothing_when_it_is_cancelled_while_it_waits) {
    run_on_real_backends([]() -> task<> {
        narrow_ends ends;
        const int before = ends.fill();
        task_handle<> waiting = outermost_group().spawn(
            [&]() -> task<> { co_await ends.sender.send(bytes_of("never")); });
        co_await some_turns();
        waiting.cancel();
        co_await until_ended(waiting);
        EXPECT_TRUE(waiting.was_cancelled());
        for (int received = 0; received != before; ++received) {
            const std::string text = co_await receive_text(ends.receiver);
            EXPECT_EQ(text, "full");
        }
        co_await some_turns();
        EXPECT_FALSE(ends.receiver.has_input());
    });
}

// --- cancellation -------------------------------------------------------------------------------

TEST(udp_socket, loses_no_datagram_whenever_its_receiver_is_cancelled) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        for (int turns = 0; turns < 12; ++turns) {
            std::optional<std::string> got;
            task_handle<> waiting = outermost_group().spawn([&]() -> task<> {
                const std::string text = co_await receive_text(right);
                got = text;
            });
            co_await some_turns();
            co_await left.send_to(bytes_of("kept"), right.local_endpoint());
            co_await some_turns(turns);
            waiting.cancel();
            co_await until_ended(waiting);
            EXPECT_EQ(got.has_value(), !waiting.was_cancelled()) << turns;
            EXPECT_EQ(got.has_value(), !right.has_input()) << turns;
            if (got) continue;
            const std::string next = co_await receive_text(right);
            EXPECT_EQ(next, "kept");
        }
    });
}

// The datagram is there and the receiver's turn is due, but the request is first.
TEST(udp_socket, leaves_a_datagram_with_the_system_if_the_request_is_first) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        task_handle<> waiting = outermost_group().spawn(
            [&]() -> task<> { static_cast<void>(co_await receive_text(right)); });
        co_await some_turns();
        EXPECT_EQ(loop::current().statistics().operations, 1U);
        co_await left.send_to(bytes_of("kept"), right.local_endpoint());
        for (int i = 0; i < 100'000; ++i) {
            if (loop::current().statistics().operations == 0) break;
            co_await yield_now();
        }
        EXPECT_FALSE(waiting.done());
        waiting.cancel();
        co_await until_ended(waiting);
        EXPECT_TRUE(waiting.was_cancelled());
        const std::string next = co_await receive_text(right);
        EXPECT_EQ(next, "kept");
    });
}

TEST(udp_socket, in_a_branch_of_select_that_loses_keeps_its_datagram) {
    run_on_real_backends([]() -> task<> {
        udp_socket sender = any_udp_socket();
        udp_socket first = any_udp_socket();
        udp_socket second = any_udp_socket();
        packet buffer{};
        packet other{};
        task_handle<> sends = outermost_group().spawn([&]() -> task<> {
            co_await some_turns();
            co_await sender.send_to(bytes_of("1"), first.local_endpoint());
            co_await sender.send_to(bytes_of("2"), second.local_endpoint());
        });
        const auto won = co_await select(first.receive_from(buffer), second.receive_from(other));
        co_await until_ended(sends);
        udp_socket& loser = won.index() == 0 ? second : first;
        const std::string kept = co_await receive_text(loser);
        EXPECT_EQ(kept, won.index() == 0 ? "2" : "1");
        EXPECT_FALSE(first.has_input());
        EXPECT_FALSE(second.has_input());
    });
}

// --- closing ------------------------------------------------------------------------------------

TEST(udp_socket, that_was_closed_says_so) {
    run_on_real_backends([]() -> task<> {
        udp_socket nothing;
        udp_socket moved = any_udp_socket();
        const udp_socket target = std::move(moved);
        udp_socket gone = any_udp_socket();
        gone.close();
        gone.close();
        const endpoint there = target.local_endpoint();
        packet buffer{};
        for (udp_socket* each : {&nothing, &moved, &gone}) {
            const std::error_code received = co_await code_of(each->receive_from(buffer));
            EXPECT_EQ(received, errc::closed);
            const std::error_code sent = co_await code_of(each->send_to({}, there));
            EXPECT_EQ(sent, errc::closed);
            EXPECT_TRUE(each->has_input());
            EXPECT_THROW(static_cast<void>(each->local_endpoint()), closed);
            EXPECT_THROW(each->set_peer(there), closed);
            auto arrivals = each->datagrams(buffer);
            const auto end = co_await arrivals.next();
            EXPECT_FALSE(end.has_value());
        }
    });
}

TEST(udp_socket, wakes_all_who_wait_when_it_is_closed) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        {
            narrow_ends ends;
            static_cast<void>(ends.fill());
            std::vector<std::error_code> codes;
            co_await with_task_group([&](task_group& group) -> task<> {
                packet buffer{};
                for (int waiter = 0; waiter != 2; ++waiter) {
                    group.spawn([&]() -> task<> {
                        const std::error_code code = co_await code_of(ends.sender.receive(buffer));
                        codes.push_back(code);
                    });
                    group.spawn([&]() -> task<> {
                        const std::error_code code =
                            co_await code_of(ends.sender.send(bytes_of("never")));
                        codes.push_back(code);
                    });
                }
                co_await some_turns();
                EXPECT_TRUE(codes.empty());
                ends.sender.close();
                ends.sender = udp_socket{};
            });
            EXPECT_EQ(codes.size(), 4U);
            for (const std::error_code& each : codes) EXPECT_EQ(each, errc::closed);
        }
        EXPECT_EQ(open_descriptors(), before);
    });
}

// Its datagram is there and its turn is due.
TEST(udp_socket, that_is_closed_before_the_receivers_turn_receives_nothing) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        packet buffer{};
        std::error_code code;
        task_handle<> waiting = outermost_group().spawn([&]() -> task<> {
            const std::error_code told = co_await code_of(right.receive_from(buffer));
            code = told;
        });
        co_await some_turns();
        co_await left.send_to(bytes_of("dropped"), right.local_endpoint());
        for (int i = 0; i < 100'000; ++i) {
            if (loop::current().statistics().operations == 0) break;
            co_await yield_now();
        }
        EXPECT_FALSE(waiting.done());
        right.close();
        co_await until_ended(waiting);
        EXPECT_EQ(code, errc::closed);
    });
}

TEST(udp_socket, closes_its_descriptor_once) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        {
            udp_socket first = any_udp_socket();
            udp_socket second = any_udp_socket();
            EXPECT_EQ(open_descriptors(), before + 2);
            first = std::move(second);
            EXPECT_EQ(open_descriptors(), before + 1);
            first.close();
            EXPECT_EQ(open_descriptors(), before);
        }
        EXPECT_EQ(open_descriptors(), before);
        co_return;
    });
}

TEST(udp_socket, may_outlive_its_loop) {
    udp_socket kept;
    run([&]() -> task<> {
        kept = any_udp_socket();
        co_return;
    }());
    kept.close();
    EXPECT_THROW(static_cast<void>(kept.local_endpoint()), closed);
}

TEST(udp_socket, is_not_destroyed_while_a_task_waits_on_it) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto destroy_under_a_receiver = [] {
        run([]() -> task<> {
            auto doomed = std::make_unique<udp_socket>(any_udp_socket());
            packet buffer{};
            outermost_group().spawn([&]() -> task<> { co_await doomed->receive_from(buffer); });
            co_await some_turns();
            doomed.reset();
        }());
    };
    EXPECT_DEATH(destroy_under_a_receiver(), "while a task was waiting on it");
}

// --- iteration ----------------------------------------------------------------------------------

TEST(udp_socket, iterates_over_datagrams_until_it_is_closed) {
    run_on_real_backends([]() -> task<> {
        udp_socket left = any_udp_socket();
        udp_socket right = any_udp_socket();
        std::vector<std::string> texts;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto reader = group.spawn([&]() -> task<> {
                packet buffer{};
                auto arrivals = right.datagrams(buffer);
                while (auto got = co_await arrivals.next()) {
                    EXPECT_EQ(got->peer, left.local_endpoint());
                    texts.emplace_back(text_of(got->bytes));
                }
            });
            for (const char* text : {"one", "", "three"}) {
                co_await left.send_to(bytes_of(text), right.local_endpoint());
            }
            for (int i = 0; i < 100'000 && texts.size() < 3; ++i) co_await yield_now();
            EXPECT_FALSE(reader.done());
            right.close();
        });
        EXPECT_EQ(texts, (std::vector<std::string>{"one", "", "three"}));
    });
}

TEST(udp_socket, may_be_iterated_again_after_an_error) {
    run_on_real_backends([]() -> task<> {
        const refusing_port port;
        udp_socket client = udp_socket::connect(port.where());
        co_await client.send(bytes_of("anybody there?"));
        packet buffer{};
        auto arrivals = client.datagrams(buffer);
        const std::error_code code = co_await code_of(arrivals.next());
        EXPECT_EQ(code, std::errc::connection_refused);
        const auto end = co_await arrivals.next();
        EXPECT_FALSE(end.has_value());
        port.hear_only(client.local_endpoint());
        port.send("here I am");
        arrivals = client.datagrams(buffer);
        const auto next = co_await arrivals.next();
        EXPECT_EQ(text_of(next.value().bytes), "here I am");
    });
}

}  // namespace
}  // namespace simul
