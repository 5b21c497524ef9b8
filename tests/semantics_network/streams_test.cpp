// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about streams and servers, as far as they can be told without a
// network; those about what needs none are in tests/semantics.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/error.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/connected_sockets.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::code_of;
using test::now;

// Who writes waits until the other side has made room; no more than the capacity lies between.
EVERY_WORLD_TEST(Q3, write_waits_for_the_reader_by_itself) {
    auto ends = memory_stream_pair(8);
    const std::string sent(100, 'x');
    std::string arrived;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto writer = group.spawn([&]() -> task<> {
            co_await write_all(ends.first, bytes_of(sent));
            co_await ends.first.shutdown();
        });
        while (true) {
            co_await testing::wait_until_all_blocked();
            EXPECT_LE(ends.first.unread_by_peer(), 8U);
            EXPECT_EQ(writer.done(), sent.size() - arrived.size() <= 8);
            std::array<std::byte, 5> buffer{};
            const std::size_t count = co_await ends.second.read_some(buffer);
            if (count == 0) break;
            arrived += text_of(std::span{buffer}.first(count));
        }
    });
    EXPECT_EQ(arrived, sent);
}

// When the other side has gone, a write that waits fails, and so does each that follows.
EVERY_WORLD_TEST(Q3, write_fails_when_the_peer_has_gone) {
    auto ends = memory_stream_pair(8);
    const std::string sent(100, 'x');
    std::vector<std::error_code> codes;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            for (int turn = 0; turn != 3; ++turn) {
                const std::error_code code =
                    co_await code_of(write_all(ends.first, bytes_of(sent)));
                codes.push_back(code);
            }
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(codes.empty());
        ends.second.close();
    });
    EXPECT_EQ(codes.size(), 3U);
    for (const std::error_code& each : codes) EXPECT_EQ(each, std::errc::broken_pipe);
    EXPECT_EQ(ends.first.unread_by_peer(), 0U);
}

// A line that is too long is an error of its own kind and loses nothing: it can be read with more
// patience, or skipped.
EVERY_WORLD_TEST(Q4, line_beyond_the_limit_is_an_error_that_loses_nothing) {
    auto ends = memory_stream_pair();
    ends.second.limit_transfers(3);
    co_await write_all(ends.first, bytes_of("far too long\nshort\nagain too long\nlast\nno end"));
    co_await ends.first.shutdown();
    buffered_reader reader{ends.second, 20};
    const std::error_code too_long = co_await code_of(reader.read_line(5));
    EXPECT_EQ(too_long, io_errc::limit_exceeded);
    std::string line = co_await reader.read_line();
    EXPECT_EQ(line, "far too long");
    line = co_await reader.read_line(5);
    EXPECT_EQ(line, "short");
    const std::error_code again = co_await code_of(reader.read_line(5));
    EXPECT_EQ(again, io_errc::limit_exceeded);
    while (true) {
        const auto seen = co_await reader.peek();
        const std::size_t end = text_of(seen).find('\n');
        reader.consume(end == std::string_view::npos ? seen.size() : end + 1);
        if (end != std::string_view::npos) break;
    }
    line = co_await reader.read_line(5);
    EXPECT_EQ(line, "last");
    const std::error_code no_end = co_await code_of(reader.read_line());
    EXPECT_EQ(no_end, io_errc::incomplete_read);
    EXPECT_EQ(text_of(reader.buffered()), "no end");
}

// The limit that nobody has chosen is the documented one, to the byte.
TEST(Q4, limit_unless_told_is_64_kib) {
    testing::run_test([]() -> task<> {
        for (const std::size_t excess : {std::size_t{0}, std::size_t{1}}) {
            auto ends = memory_stream_pair(1 << 20);
            const std::string sent(65536 + excess, 'x');
            co_await write_all(ends.first, bytes_of(sent + "\r\n"));
            buffered_reader reader{ends.second};
            const std::error_code code = co_await code_of(reader.read_line());
            EXPECT_EQ(code,
                      excess == 0 ? std::error_code{} : make_error_code(io_errc::limit_exceeded));
        }
    });
}

// Separators of one and of eight bytes, one after the other, of which no read brings a whole one:
// each call ends behind its own, and what follows is kept. (One call has one separator here.)
EVERY_WORLD_TEST(T43, separators_of_different_lengths_split_where_they_should) {
    for (const std::size_t piece : {1U, 5U, 7U, 100U}) {
        auto ends = memory_stream_pair();
        ends.second.limit_transfers(piece);
        co_await write_all(ends.first, bytes_of("one=____END____END__two;__END__!three"));
        co_await ends.first.shutdown();
        buffered_reader reader{ends.second};
        std::string part = co_await reader.read_until("=");
        EXPECT_EQ(part, "one=");
        part = co_await reader.read_until("__END__t");
        EXPECT_EQ(part, "____END____END__t");
        part = co_await reader.read_until(";");
        EXPECT_EQ(part, "wo;");
        part = co_await reader.read_until("__END__!");
        EXPECT_EQ(part, "__END__!");
        const std::error_code none = co_await code_of(reader.read_until("__END__!"));
        EXPECT_EQ(none, io_errc::incomplete_read);
        EXPECT_EQ(text_of(reader.buffered()), "three");
    }
}

// Closing a stream wakes those who wait on it, in both directions, with closed; the other side
// reads the end.
EVERY_WORLD_TEST(Q8, close_of_a_stream_wakes_everybody_who_waits_on_it) {
    auto ends = memory_stream_pair(4);
    std::vector<std::error_code> codes;
    std::size_t end = 1;
    co_await with_task_group([&](task_group& group) -> task<> {
        std::array<std::byte, 4> into{};
        group.spawn([&]() -> task<> {
            std::array<std::byte, 4> buffer{};
            const std::error_code code = co_await code_of(ends.first.read_some(buffer));
            codes.push_back(code);
        });
        group.spawn([&]() -> task<> {
            const std::error_code code =
                co_await code_of(write_all(ends.first, bytes_of("12345678")));
            codes.push_back(code);
        });
        co_await testing::wait_until_all_blocked();
        ends.first.close();
        const std::size_t left = co_await ends.second.read_some(into);
        EXPECT_EQ(left, 4U);
        end = co_await ends.second.read_some(into);
    });
    EXPECT_EQ(codes, (std::vector<std::error_code>(2, make_error_code(errc::closed))));
    EXPECT_EQ(end, 0U);
}

// So does closing a descriptor, whatever it is that they wait for.
EVERY_WORLD_TEST(Q8, close_of_a_descriptor_wakes_everybody_who_waits_on_it) {
    auto [near, far] = test::connected_sockets();
    const std::pair ends{near.release(), far.release()};
    std::vector<std::error_code> codes;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            std::array<std::byte, 4> buffer{};
            const std::error_code code = co_await code_of(receive_from(ends.first, buffer));
            codes.push_back(code);
        });
        group.spawn([&]() -> task<> {
            const std::error_code code = co_await code_of(wait_readable(ends.first));
            codes.push_back(code);
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(codes.empty());
        co_await close_descriptor(ends.first);
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(codes, (std::vector<std::error_code>(2, make_error_code(errc::closed))));
        std::array<std::byte, 4> buffer{};
        const std::size_t end = co_await receive_from(ends.second, buffer);
        EXPECT_EQ(end, 0U);
    });
    co_await close_descriptor(ends.second);
}

// A queue of connections that a test fills, and errors that accept has in front of them.
class queued_listener {
public:
    std::size_t waiting = 0;
    std::size_t shortages = 0;
    std::vector<time_point> attempts;

    task<accepted> accept() {
        attempts.push_back(now());
        if (shortages != 0) {
            --shortages;
            throw std::system_error{EMFILE, std::system_category(), "accept"};
        }
        if (waiting == 0) co_await closed_.wait();
        if (closed_.is_set()) throw closed{};
        --waiting;
        const ip_address loopback{std::array<std::uint8_t, 4>{127, 0, 0, 1}};
        co_return accepted{tcp_stream{}, endpoint{loopback, 1}};
    }
    void close() { closed_.set(); }

private:
    event closed_;
};

// A long queue of connections is emptied without leaving anybody else without turns.
EVERY_WORLD_TEST(K7, long_queue_of_connections_is_taken_in_bounded_bites) {
    queued_listener listener;
    listener.waiting = 40;
    std::size_t most_in_one_pass = 0;
    std::size_t handled = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            co_await serve(listener, [&](accepted) -> task<> {
                ++handled;
                co_return;
            });
        });
        while (listener.waiting != 0) {
            const std::size_t before = listener.waiting;
            co_await yield_now();
            most_in_one_pass = std::max(most_in_one_pass, before - listener.waiting);
        }
        listener.close();
    });
    EXPECT_EQ(handled, 40U);
    EXPECT_GT(most_in_one_pass, 4U);
    EXPECT_LE(most_in_one_pass, 32U);
}

// Without descriptors it pauses, longer each time, and goes on by itself.
VIRTUAL_WORLD_TEST(K7, shortage_of_descriptors_makes_it_pause_and_not_spin) {
    queued_listener listener;
    listener.waiting = 1;
    listener.shortages = 6;
    const time_point start = now();
    co_await serve(listener, [&](accepted) -> task<> {
        EXPECT_EQ(now() - start, 3500ms);
        listener.close();
        co_return;
    });
    std::vector<duration> at;
    for (const time_point each : listener.attempts) at.push_back(each - start);
    const std::vector<duration> expected{0ms, 100ms, 300ms, 700ms, 1500ms, 2500ms, 3500ms, 3500ms};
    EXPECT_EQ(at, expected);
}

// A server that is closed waits for its connections; one that is cancelled makes them end.
EVERY_WORLD_TEST(Q7, closed_server_waits_for_its_connections_and_can_be_forced) {
    for (const bool forced : {false, true}) {
        queued_listener listener;
        listener.waiting = 3;
        event leave;
        int finished = 0;
        int alive = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto server = group.spawn([&]() -> task<> {
                co_await serve(listener, [&](accepted) -> task<> {
                    const test::counted_object lives{alive};
                    co_await leave.wait();
                    ++finished;
                });
            });
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(alive, 3);
            listener.close();
            co_await testing::wait_until_all_blocked();
            EXPECT_FALSE(server.done());
            if (forced) {
                server.cancel();
            } else {
                leave.set();
            }
            co_await testing::wait_until_all_blocked();
            EXPECT_TRUE(server.done());
            EXPECT_EQ(server.was_cancelled(), forced);
            EXPECT_EQ(alive, 0);
            EXPECT_EQ(finished, forced ? 0 : 3);
        });
    }
}

}  // namespace
}  // namespace simul
