// SPDX-License-Identifier: Apache-2.0
//
// support/stream_checks.hpp: the rules at the top of simul/io/stream.hpp, as tests for any stream.
//
// A stream takes part with a type that makes two connected ends of it, and one line:
//
//     struct memory_ends : stream_ends {
//         using stream = memory_stream;
//         static task<std::pair<stream, stream>> make();
//     };
//     INSTANTIATE_TYPED_TEST_SUITE_P(memory, stream_rules, memory_ends);
//
// Helpers for tests of streams without these rules are in stream_tools.hpp.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "support/stream_tools.hpp"

namespace simul::test {

/// What makers of streams have in common; they hide what is different with them.
struct stream_ends {
    /// Where the stream works.
    static std::vector<backend_kind> backends() { return test_backends(); }

    /// Closing without shutdown() reads as the end at the other side, not as an error.
    static constexpr bool close_reads_as_end = true;

    /// So much is written to make a writer wait; more than all buffers on the way.
    static constexpr std::size_t plenty = std::size_t{16} << 20;

    /// So much is sent in both directions at once.
    static constexpr std::size_t much = std::size_t{3} << 20;
};

template <class Ends>
class stream_rules : public testing::Test {
protected:
    /// Runs `body(left, right)` with two connected ends, on each backend.
    template <class Body>
    static void with_ends(Body body) {
        for (const backend_kind kind : Ends::backends()) {
            SCOPED_TRACE(name_of(kind));
            run(call(body), options_for(kind));
        }
    }

private:
    template <class Body>
    static task<> call(Body& body) {
        auto [left, right] = co_await Ends::make();
        co_await body(left, right);
    }
};

TYPED_TEST_SUITE_P(stream_rules);

TYPED_TEST_P(stream_rules, what_is_written_is_read_at_the_other_end) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        co_await write_all(left, bytes_of("there"));
        const std::string there = co_await read_count(right, 5);
        EXPECT_EQ(there, "there");
        co_await write_all(right, bytes_of("and back"));
        const std::string back = co_await read_count(left, 8);
        EXPECT_EQ(back, "and back");
    });
}

TYPED_TEST_P(stream_rules, much_goes_both_ways_at_once_and_arrives_in_order) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        const std::string sent = numbered_text(TypeParam::much);
        auto [nothing, also, at_right, at_left] =
            co_await gather(write_and_shut_down(left, sent), write_and_shut_down(right, sent),
                            read_to_end(right), read_to_end(left));
        EXPECT_TRUE(at_right == sent);
        EXPECT_TRUE(at_left == sent);
    });
}

TYPED_TEST_P(stream_rules, the_end_is_read_after_shutdown_and_stays_the_end) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        co_await write_and_shut_down(left, "last words");
        const std::string read = co_await read_to_end(right);
        EXPECT_EQ(read, "last words");
        std::array<std::byte, 8> buffer{};
        for (int again = 0; again < 3; ++again) {
            const std::size_t count = co_await right.read_some(buffer);
            EXPECT_EQ(count, 0U);
        }
    });
}

TYPED_TEST_P(stream_rules, shutdown_ends_one_direction_only_and_once) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        co_await left.shutdown();
        co_await left.shutdown();
        const std::string nothing = co_await read_to_end(right);
        EXPECT_EQ(nothing, "");
        co_await write_and_shut_down(right, "answer");
        const std::string answer = co_await read_to_end(left);
        EXPECT_EQ(answer, "answer");
        const auto code = co_await code_of(left.write_some(bytes_of("too late")));
        EXPECT_TRUE(code) << "writing after shutdown is an error";
    });
}

TYPED_TEST_P(stream_rules, empty_buffers_give_zero_at_once) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        const std::size_t read = co_await left.read_some({});
        const std::size_t written = co_await left.write_some({});
        EXPECT_EQ(read, 0U);
        EXPECT_EQ(written, 0U);
        co_await write_all(right, bytes_of("x"));
        const std::string one = co_await read_count(left, 1);
        EXPECT_EQ(one, "x");
    });
}

TYPED_TEST_P(stream_rules, a_read_waits_for_the_first_byte) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        task_handle<std::string> reader = outermost_group().spawn(read_count(right, 1));
        co_await some_turns();
        EXPECT_FALSE(reader.done());
        co_await write_all(left, bytes_of("x"));
        const std::string one = co_await reader;
        EXPECT_EQ(one, "x");
    });
}

TYPED_TEST_P(stream_rules, a_write_waits_until_the_reader_has_made_room) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        const std::string sent = numbered_text(TypeParam::plenty);
        task_handle<> writer = outermost_group().spawn(write_and_shut_down(left, sent));
        co_await some_turns();
        EXPECT_FALSE(writer.done());
        const std::string read = co_await read_to_end(right);
        EXPECT_TRUE(read == sent);
        co_await writer;
    });
}

TYPED_TEST_P(stream_rules, a_second_reader_and_a_second_writer_are_refused) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        task_handle<std::string> reader = outermost_group().spawn(read_count(left, 1));
        const std::string sent = numbered_text(TypeParam::plenty);
        task_handle<> writer = outermost_group().spawn(write_and_shut_down(left, sent));
        co_await some_turns();
        EXPECT_FALSE(writer.done());
        std::array<std::byte, 8> buffer{};
        const auto of_reader = co_await code_of(left.read_some(buffer));
        EXPECT_EQ(of_reader, errc::busy);
        const auto of_writer = co_await code_of(left.write_some(bytes_of("x")));
        EXPECT_EQ(of_writer, errc::busy);
        // Neither the reader nor the writer has noticed.
        co_await write_all(right, bytes_of("x"));
        const std::string one = co_await reader;
        EXPECT_EQ(one, "x");
        const std::string read = co_await read_to_end(right);
        EXPECT_TRUE(read == sent);
        co_await writer;
    });
}

TYPED_TEST_P(stream_rules, close_ends_what_waits_and_every_later_call) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream&) -> task<> {
        task_handle<std::error_code> reader = outermost_group().spawn(code_of(read_count(left, 1)));
        const std::string sent = numbered_text(TypeParam::plenty);
        task_handle<std::error_code> writer =
            outermost_group().spawn(code_of(write_all(left, bytes_of(sent))));
        co_await some_turns();
        EXPECT_FALSE(reader.done());
        EXPECT_FALSE(writer.done());
        left.close();
        left.close();
        const std::error_code of_reader = co_await reader;
        EXPECT_EQ(of_reader, errc::closed);
        const std::error_code of_writer = co_await writer;
        EXPECT_EQ(of_writer, errc::closed);
        EXPECT_TRUE(left.has_input()) << "a read would not wait";
        std::array<std::byte, 8> buffer{};
        const auto late_read = co_await code_of(left.read_some(buffer));
        EXPECT_EQ(late_read, errc::closed);
        const auto late_write = co_await code_of(left.write_some(bytes_of("x")));
        EXPECT_EQ(late_write, errc::closed);
        const auto late_shutdown = co_await code_of(left.shutdown());
        EXPECT_EQ(late_shutdown, errc::closed);
    });
}

TYPED_TEST_P(stream_rules, a_stream_is_destroyed_right_after_its_close_ended_a_read) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream&) -> task<> {
        task_handle<std::error_code> reader;
        {
            stream here{std::move(left)};
            reader = outermost_group().spawn(code_of(read_count(here, 1)));
            co_await some_turns();
            here.close();
        }
        const std::error_code of_reader = co_await reader;
        EXPECT_EQ(of_reader, errc::closed);
    });
}

TYPED_TEST_P(stream_rules, the_other_end_notices_a_close) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        co_await write_all(left, bytes_of("bye"));
        left.close();
        const std::string read = co_await read_count(right, 3);
        EXPECT_EQ(read, "bye");
        auto rest = co_await as_result(read_to_end(right));
        EXPECT_EQ(rest.has_value(), TypeParam::close_reads_as_end);
        // The first bytes may still be taken, by a system that does not know yet.
        const std::string sent = numbered_text(TypeParam::plenty);
        const auto code = co_await code_of(write_all(right, bytes_of(sent)));
        EXPECT_TRUE(code) << "nobody reads what is written";
        EXPECT_NE(code, errc::closed) << "this end was not closed";
    });
}

TYPED_TEST_P(stream_rules, tells_whether_there_is_input) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        EXPECT_FALSE(right.has_input());
        co_await write_all(left, bytes_of("x"));
        co_await until_input(right);
        const std::string one = co_await read_count(right, 1);
        EXPECT_EQ(one, "x");
        EXPECT_FALSE(right.has_input());
        co_await left.shutdown();
        co_await until_input(right);
        const std::string nothing = co_await read_to_end(right);
        EXPECT_EQ(nothing, "");
        EXPECT_TRUE(right.has_input()) << "the end stays there";
    });
}

TYPED_TEST_P(stream_rules, a_cancelled_read_loses_nothing) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        for (int turns = 0; turns < 6; ++turns) {
            std::array<std::byte, 8> buffer{};
            std::size_t count = 0;
            task_handle<> reader = outermost_group().spawn([&]() -> task<> {
                count = co_await right.read_some(buffer);
                co_await yield_now();
            });
            co_await some_turns(turns);
            co_await write_all(left, bytes_of("abc"));
            reader.cancel();
            co_await until_ended(reader);
            std::string text{text_of(std::span{buffer}.first(count))};
            text += co_await read_count(right, 3 - count);
            EXPECT_EQ(text, "abc") << "cancelled after " << turns << " turns";
        }
    });
}

/// For streams on which a cancelled write did nothing or says what it did: all but TLS.
template <class Ends>
class clean_write_rules : public stream_rules<Ends> {};

TYPED_TEST_SUITE_P(clean_write_rules);

TYPED_TEST_P(clean_write_rules, a_cancelled_write_leaves_the_stream_usable) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        const std::string sent = numbered_text(TypeParam::plenty);
        std::size_t reported = 0;
        task_handle<> writer = outermost_group().spawn([&]() -> task<> {
            while (reported < sent.size()) {
                const auto rest = bytes_of(sent).subspan(reported);
                const std::size_t count = co_await left.write_some(rest);
                reported += count;
            }
        });
        co_await some_turns();
        EXPECT_FALSE(writer.done());
        writer.cancel();
        co_await until_ended(writer);
        auto [nothing, read] =
            co_await gather(write_and_shut_down(left, "|more"), read_to_end(right));
        EXPECT_TRUE(read == sent.substr(0, reported) + "|more");
    });
}

TYPED_TEST_P(stream_rules, a_stream_that_was_moved_goes_on) {
    using stream = typename TypeParam::stream;
    this->with_ends([](stream& left, stream& right) -> task<> {
        co_await write_all(left, bytes_of("be"));
        stream there{std::move(left)};
        co_await write_and_shut_down(there, "fore and after");
        const std::string read = co_await read_to_end(right);
        EXPECT_EQ(read, "before and after");
    });
}

REGISTER_TYPED_TEST_SUITE_P(stream_rules, what_is_written_is_read_at_the_other_end,
                            much_goes_both_ways_at_once_and_arrives_in_order,
                            the_end_is_read_after_shutdown_and_stays_the_end,
                            shutdown_ends_one_direction_only_and_once,
                            empty_buffers_give_zero_at_once, a_read_waits_for_the_first_byte,
                            a_write_waits_until_the_reader_has_made_room,
                            a_second_reader_and_a_second_writer_are_refused,
                            close_ends_what_waits_and_every_later_call,
                            a_stream_is_destroyed_right_after_its_close_ended_a_read,
                            the_other_end_notices_a_close, tells_whether_there_is_input,
                            a_cancelled_read_loses_nothing, a_stream_that_was_moved_goes_on);

REGISTER_TYPED_TEST_SUITE_P(clean_write_rules, a_cancelled_write_leaves_the_stream_usable);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(clean_write_rules);

}  // namespace simul::test
