// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/lockstep_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "simul/testing/run_test.hpp"

namespace simul::testing {
namespace {

using namespace std::chrono_literals;

static_assert(byte_stream<lockstep_stream>);
static_assert(!std::is_copy_constructible_v<lockstep_stream>);

task<std::string> read_piece(lockstep_stream& stream, std::size_t most) {
    std::array<std::byte, 64> buffer{};
    const std::size_t count = co_await stream.read_some(std::span{buffer}.first(most));
    co_return std::string{text_of(std::span{buffer}.first(count))};
}

template <awaitable Awaitable>
task<std::error_code> code_of(Awaitable awaited) {
    auto result = co_await as_result(std::move(awaited));
    if (result.has_value()) co_return std::error_code{};
    co_return result.error();
}

TEST(lockstep_stream, ends_a_write_when_the_other_end_has_read_the_last_byte) {
    run_test([]() -> task<> {
        auto [left, right] = lockstep_stream_pair();
        lockstep_stream& writes = left;
        co_await with_task_group([&writes, &reads = right](task_group& group) -> task<> {
            auto writer = group.spawn([&]() -> task<std::size_t> {
                co_return co_await writes.write_some(bytes_of("abcde"));
            });
            co_await wait_until_all_blocked();
            EXPECT_TRUE(reads.has_input());
            const std::string first = co_await read_piece(reads, 3);
            EXPECT_EQ(first, "abc");
            co_await wait_until_all_blocked();
            EXPECT_FALSE(writer.done());
            const std::string second = co_await read_piece(reads, 3);
            EXPECT_EQ(second, "de");
            const std::size_t written = co_await writer;
            EXPECT_EQ(written, 5U);
            EXPECT_FALSE(reads.has_input());
        });
    });
}

TEST(lockstep_stream, suspends_only_when_the_other_end_is_not_there) {
    run_test([]() -> task<> {
        auto ends = lockstep_stream_pair();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto reader = group.spawn(read_piece(ends.second, 10));
            co_await wait_until_all_blocked();
            const auto turns = loop::current().statistics().turns;
            const std::size_t written = co_await ends.first.write_some(bytes_of("all of it"));
            EXPECT_EQ(written, 9U);
            EXPECT_EQ(loop::current().statistics().turns, turns) << "the reader took it at once";
            const std::string read = co_await reader;
            EXPECT_EQ(read, "all of it");
            co_await ends.first.shutdown();
            std::array<std::byte, 8> buffer{};
            const auto turns_at_end = loop::current().statistics().turns;
            const std::size_t end = co_await ends.second.read_some(buffer);
            EXPECT_EQ(end, 0U);
            EXPECT_EQ(loop::current().statistics().turns, turns_at_end);
        });
    });
}

// With a buffer between them, as on most days, this would work.
TEST(lockstep_stream, stops_two_who_both_write_first) {
    EXPECT_THROW(run_test([]() -> task<> {
                     auto ends = lockstep_stream_pair();
                     co_await gather(write_all(ends.first, bytes_of("hello")),
                                     write_all(ends.second, bytes_of("hello")));
                 }),
                 error);
}

TEST(lockstep_stream, tells_the_writer_when_the_other_end_is_closed) {
    run_test([]() -> task<> {
        auto ends = lockstep_stream_pair();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto writer = group.spawn(code_of(ends.first.write_some(bytes_of("abc"))));
            co_await wait_until_all_blocked();
            const std::string read = co_await read_piece(ends.second, 1);
            EXPECT_EQ(read, "a");
            ends.second.close();
            const std::error_code code = co_await writer;
            EXPECT_EQ(code, std::errc::broken_pipe);
            const std::error_code late = co_await code_of(ends.first.write_some(bytes_of("x")));
            EXPECT_EQ(late, std::errc::broken_pipe);
        });
    });
}

TEST(lockstep_stream, gives_the_end_to_a_reader_that_waits) {
    run_test([]() -> task<> {
        for (const bool politely : {true, false}) {
            auto ends = lockstep_stream_pair();
            co_await with_task_group([&](task_group& group) -> task<> {
                auto reader = group.spawn(read_piece(ends.second, 10));
                co_await wait_until_all_blocked();
                if (politely) {
                    co_await ends.first.shutdown();
                } else {
                    ends.first.close();
                }
                const std::string end = co_await reader;
                EXPECT_EQ(end, "");
            });
        }
    });
}

TEST(lockstep_stream, refuses_to_shut_down_while_it_writes) {
    run_test([]() -> task<> {
        auto ends = lockstep_stream_pair();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto writer = group.spawn(code_of(ends.first.write_some(bytes_of("abc"))));
            co_await wait_until_all_blocked();
            const std::error_code busy = co_await code_of(ends.first.shutdown());
            EXPECT_EQ(busy, errc::busy);
            ends.first.close();
            const std::error_code closed_meanwhile = co_await writer;
            EXPECT_EQ(closed_meanwhile, errc::closed);
        });
    });
}

TEST(lockstep_stream, gives_what_was_read_when_a_write_is_cancelled) {
    run_test([]() -> task<> {
        auto ends = lockstep_stream_pair();
        std::size_t written = 0;
        bool went_on = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto writer = group.spawn([&]() -> task<> {
                written = co_await ends.first.write_some(bytes_of("abcde"));
                co_await yield_now();
                went_on = true;
            });
            co_await wait_until_all_blocked();
            const std::string read = co_await read_piece(ends.second, 2);
            EXPECT_EQ(read, "ab");
            writer.cancel();
            co_await wait_until_all_blocked();
            EXPECT_TRUE(writer.done());
            EXPECT_FALSE(ends.second.has_input());
        });
        EXPECT_EQ(written, 2U);
        EXPECT_FALSE(went_on);
    });
}

TEST(lockstep_stream, loses_nothing_with_a_read_that_comes_second_in_select) {
    run_test([]() -> task<> {
        auto ends = lockstep_stream_pair();
        co_await with_task_group([&](task_group& group) -> task<> {
            std::array<std::byte, 8> buffer{};
            const auto first = co_await select(sleep_for(1s), ends.second.read_some(buffer));
            EXPECT_EQ(first.index(), 0U);
            auto writer = group.spawn(write_all(ends.first, bytes_of("kept")));
            const std::string read = co_await read_piece(ends.second, 8);
            EXPECT_EQ(read, "kept");
            co_await writer;
        });
    });
}

TEST(lockstep_stream, is_closed_when_it_was_moved_from) {
    run_test([]() -> task<> {
        auto ends = lockstep_stream_pair();
        lockstep_stream there{std::move(ends.first)};
        // NOLINTNEXTLINE(bugprone-use-after-move)
        EXPECT_TRUE(ends.first.has_input());
        const std::error_code code = co_await code_of(ends.first.write_some(bytes_of("x")));
        EXPECT_EQ(code, errc::closed);
        const std::error_code shut = co_await code_of(ends.first.shutdown());
        EXPECT_EQ(shut, errc::closed);
        auto [sent, read] =
            co_await gather(write_all(there, bytes_of("moved")), read_piece(ends.second, 8));
        EXPECT_EQ(read, "moved");
        there = lockstep_stream{};
        const std::string end = co_await read_piece(ends.second, 8);
        EXPECT_EQ(end, "");
    });
}

TEST(lockstep_stream_death_test, is_not_moved_while_somebody_waits_on_it) {
    const auto misuse = [] {
        run_test([]() -> task<> {
            auto ends = lockstep_stream_pair();
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn(write_all(ends.first, bytes_of("x")));
                co_await wait_until_all_blocked();
                const lockstep_stream there{std::move(ends.first)};
            });
        });
    };
    EXPECT_DEATH(misuse(), "a stream was moved or destroyed while a task was waiting on it");
}

}  // namespace
}  // namespace simul::testing
