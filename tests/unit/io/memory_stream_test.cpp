// SPDX-License-Identifier: Apache-2.0
//
// What memory_stream does beyond the rules of all streams, which are tested by the stream
// conformance suite.
#include "simul/io/memory_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>

#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;

static_assert(byte_stream<memory_stream>);
static_assert(!std::is_copy_constructible_v<memory_stream>);

TEST(memory_stream, suspends_only_when_it_must) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair(4);
        const auto turns = [] { return loop::current().statistics().turns; };
        const auto before = turns();
        std::array<std::byte, 8> buffer{};
        const std::size_t written = co_await left.write_some(bytes_of("abcdef"));
        EXPECT_EQ(written, 4U);
        const std::size_t read = co_await right.read_some(buffer);
        EXPECT_EQ(read, 4U);
        co_await left.shutdown();
        const std::size_t end = co_await right.read_some(buffer);
        EXPECT_EQ(end, 0U);
        EXPECT_EQ(turns(), before) << "it was there, so nobody waited";
    });
}

TEST(memory_stream, holds_its_capacity_exactly) {
    simulate([]() -> task<> {
        for (const std::size_t size : {std::size_t{9}, std::size_t{10}, std::size_t{11}}) {
            auto [left, right] = memory_stream_pair(10);
            const std::string text(size, 'x');
            task_handle<> writer = outermost_group().spawn(write_all(left, bytes_of(text)));
            co_await some_turns();
            EXPECT_EQ(writer.done(), size <= 10) << size;
            EXPECT_EQ(left.unread_by_peer(), std::min<std::size_t>(size, 10));
            const std::string read = co_await read_count(right, size);
            EXPECT_EQ(read, text);
            co_await writer;
        }
    });
}

TEST(memory_stream, keeps_bytes_in_order_around_the_end_of_its_ring) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair(7);
        const std::string sent = numbered_text(1000);
        std::string read;
        std::array<std::byte, 5> buffer{};
        std::size_t done = 0;
        while (read.size() != sent.size()) {
            const auto piece =
                bytes_of(sent).subspan(done).first(std::min<std::size_t>(3, sent.size() - done));
            const std::size_t written = co_await left.write_some(piece);
            done += written;
            const std::size_t count = co_await right.read_some(buffer);
            read += text_of(std::span{buffer}.first(count));
        }
        EXPECT_EQ(read, sent);
    });
}

TEST(memory_stream, moves_no_more_at_once_than_it_is_told) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        left.limit_transfers(2);
        right.limit_transfers(1);
        const std::size_t written = co_await left.write_some(bytes_of("abc"));
        EXPECT_EQ(written, 2U);
        std::array<std::byte, 8> buffer{};
        const std::size_t read = co_await right.read_some(buffer);
        EXPECT_EQ(read, 1U);
    });
}

TEST(memory_stream, a_limit_holds_for_a_read_that_waits) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        right.limit_transfers(1);
        std::array<std::byte, 8> buffer{};
        std::size_t read = 0;
        task_handle<> reader =
            outermost_group().spawn([&]() -> task<> { read = co_await right.read_some(buffer); });
        co_await some_turns();
        co_await write_all(left, bytes_of("abc"));
        co_await reader;
        EXPECT_EQ(read, 1U);
    });
}

// What was there when the reader was woken is its, not of the one who asks first afterwards.
TEST(memory_stream, bytes_belong_to_the_reader_that_waited_for_them) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        task_handle<std::string> reader = outermost_group().spawn(read_count(right, 1));
        co_await some_turns();
        co_await write_all(left, bytes_of("a"));
        task_handle<std::string> late = outermost_group().spawn(read_count(right, 1));
        const std::string first = co_await reader;
        EXPECT_EQ(first, "a");
        co_await write_all(left, bytes_of("b"));
        const std::string second = co_await late;
        EXPECT_EQ(second, "b");
    });
}

TEST(memory_stream, writing_to_a_closed_peer_is_a_broken_pipe) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair(4);
        task_handle<std::error_code> writer =
            outermost_group().spawn(code_of(write_all(left, bytes_of("123456"))));
        co_await some_turns();
        right.close();
        const std::error_code of_waiting = co_await writer;
        EXPECT_EQ(of_waiting, std::errc::broken_pipe);
        const auto later = co_await code_of(left.write_some(bytes_of("x")));
        EXPECT_EQ(later, std::errc::broken_pipe);
        const auto after_shutdown = co_await code_of(left.shutdown());
        EXPECT_FALSE(after_shutdown);
    });
}

TEST(memory_stream, shutdown_while_a_write_waits_is_busy) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair(4);
        task_handle<std::error_code> writer =
            outermost_group().spawn(code_of(write_all(left, bytes_of("123456"))));
        co_await some_turns();
        const auto code = co_await code_of(left.shutdown());
        EXPECT_EQ(code, errc::busy);
        const std::string read = co_await read_count(right, 6);
        EXPECT_EQ(read, "123456");
        const std::error_code of_writer = co_await writer;
        EXPECT_FALSE(of_writer);
    });
}

TEST(memory_stream, reset_fails_both_ends_and_loses_what_was_on_the_way) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair(4);
        co_await write_all(left, bytes_of("lost"));
        task_handle<std::error_code> reader = outermost_group().spawn(code_of(read_count(left, 1)));
        task_handle<std::error_code> writer =
            outermost_group().spawn(code_of(write_all(left, bytes_of("x"))));
        co_await some_turns();
        right.reset();
        const std::error_code of_reader = co_await reader;
        EXPECT_EQ(of_reader, std::errc::connection_reset);
        const std::error_code of_writer = co_await writer;
        EXPECT_EQ(of_writer, std::errc::connection_reset);
        EXPECT_TRUE(right.has_input());
        for (int again = 0; again < 2; ++again) {
            const auto read = co_await code_of(read_count(right, 4));
            EXPECT_EQ(read, std::errc::connection_reset);
            const auto write = co_await code_of(right.write_some(bytes_of("x")));
            EXPECT_EQ(write, std::errc::connection_reset);
        }
        right.close();
        const auto closed_read = co_await code_of(read_count(right, 4));
        EXPECT_EQ(closed_read, errc::closed);
    });
}

TEST(memory_stream, one_that_was_moved_from_is_closed) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        const memory_stream taken{std::move(left)};
        std::array<std::byte, 8> buffer{};
        const auto read = co_await code_of(left.read_some(buffer));
        EXPECT_EQ(read, errc::closed);
        const auto write = co_await code_of(left.write_some(bytes_of("x")));
        EXPECT_EQ(write, errc::closed);
        const auto end = co_await code_of(left.shutdown());
        EXPECT_EQ(end, errc::closed);
        EXPECT_TRUE(left.has_input());
        EXPECT_FALSE(taken.has_input());
        left.close();
        left.reset();
        left.limit_transfers(1);
        EXPECT_EQ(left.unread_by_peer(), 0U);
    });
}

TEST(memory_stream, assigning_closes_what_was_there) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        auto [other_left, other_right] = memory_stream_pair();
        co_await write_all(other_right, bytes_of("x"));
        left = std::move(other_left);
        const std::string end = co_await read_to_end(right);
        EXPECT_EQ(end, "");
        const std::string one = co_await read_count(left, 1);
        EXPECT_EQ(one, "x");
    });
}

TEST(memory_stream, the_ends_may_be_destroyed_in_any_order) {
    simulate([]() -> task<> {
        for (const bool left_first : {false, true}) {
            auto [left, right] = memory_stream_pair();
            std::optional<memory_stream> ends[2];
            ends[0].emplace(std::move(left));
            ends[1].emplace(std::move(right));
            co_await write_all(*ends[0], bytes_of("x"));
            ends[left_first ? 0 : 1].reset();
            ends[left_first ? 1 : 0].reset();
        }
    });
}

TEST(memory_stream, allocates_nothing_after_it_was_made) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        const auto before = read_frame_statistics().allocated;
        std::array<std::byte, 8> buffer{};
        for (int i = 0; i < 100; ++i) {
            co_await left.write_some(bytes_of("abcdefgh"));
            co_await right.read_some(buffer);
        }
        EXPECT_EQ(read_frame_statistics().allocated, before);
    });
}

TEST(memory_stream, a_stream_is_not_destroyed_while_a_task_waits_on_it) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto destroy_under_a_reader = [] {
        simulate([]() -> task<> {
            auto [left, right] = memory_stream_pair();
            auto doomed = std::make_unique<memory_stream>(std::move(left));
            std::array<std::byte, 8> buffer{};
            outermost_group().spawn([&]() -> task<> { co_await doomed->read_some(buffer); });
            co_await some_turns();
            doomed.reset();
        });
    };
    EXPECT_DEATH(destroy_under_a_reader(), "while a task was waiting on it");
}

}  // namespace
}  // namespace simul
