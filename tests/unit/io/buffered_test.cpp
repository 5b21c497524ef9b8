// SPDX-License-Identifier: Apache-2.0
#include "simul/io/buffered.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/timeout.hpp"
#include "simul/io/memory_stream.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;
using namespace std::chrono_literals;

using reader_type = buffered_reader<memory_stream>;

std::string text_of_vector(const std::vector<std::byte>& bytes) {
    return std::string{text_of(bytes)};
}

// Runs `body(writer, reader)` with all cuts of what is sent: in one piece, byte by byte, in threes.
template <class Body>
void in_all_pieces(Body body, std::size_t limit = reader_type::default_limit) {
    for (const std::size_t most : {std::size_t{1} << 20, std::size_t{1}, std::size_t{3}}) {
        SCOPED_TRACE(most);
        simulate([&body, most, limit]() -> task<> {
            auto [left, right] = memory_stream_pair();
            right.limit_transfers(most);
            reader_type reader{right, limit};
            co_await body(left, reader);
        });
    }
}

TEST(buffered_reader, reads_lines_without_their_ends) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        co_await write_and_shut_down(writer, "one\r\n\ntwo\n\r\nwith\rin\n");
        std::vector<std::string> lines;
        while (true) {
            const auto next = co_await reader.peek();
            if (next.empty()) break;
            std::string line = co_await reader.read_line();
            lines.push_back(std::move(line));
        }
        const std::vector<std::string> expected{"one", "", "two", "", "with\rin"};
        EXPECT_EQ(lines, expected);
    });
}

TEST(buffered_reader, a_line_that_is_cut_off_is_incomplete_and_stays) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        co_await write_and_shut_down(writer, "whole\nhalf");
        const std::string whole = co_await reader.read_line();
        EXPECT_EQ(whole, "whole");
        for (int again = 0; again < 2; ++again) {
            const auto code = co_await code_of(reader.read_line());
            EXPECT_EQ(code, io_errc::incomplete_read);
            EXPECT_EQ(text_of(reader.buffered()), "half");
        }
    });
}

TEST(buffered_reader, at_the_end_nothing_is_incomplete_too) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        co_await writer.shutdown();
        const auto line = co_await code_of(reader.read_line());
        EXPECT_EQ(line, io_errc::incomplete_read);
        EXPECT_TRUE(reader.buffered().empty());
        const auto one = co_await code_of(reader.read_exactly(1));
        EXPECT_EQ(one, io_errc::incomplete_read);
        std::array<std::byte, 4> buffer{};
        const std::size_t count = co_await reader.read_some(buffer);
        EXPECT_EQ(count, 0U);
        const auto nothing = co_await reader.read_exactly(0);
        EXPECT_TRUE(nothing.empty());
    });
}

TEST(buffered_reader, a_line_may_be_as_long_as_its_limit) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        for (const char* end : {"\n", "\r\n"}) {
            for (const std::size_t length : {std::size_t{9}, std::size_t{10}}) {
                std::string sent(length, 'x');
                sent += end;
                co_await write_all(writer, bytes_of(sent));
                const std::string line = co_await reader.read_line(10);
                EXPECT_EQ(line, std::string(length, 'x'));
            }
        }
        co_await write_all(writer, bytes_of("xxxxxxxxxxx\n"));
        const auto code = co_await code_of(reader.read_line(10));
        EXPECT_EQ(code, io_errc::limit_exceeded);
        const std::string line = co_await reader.read_line(11);
        EXPECT_EQ(line, "xxxxxxxxxxx") << "nothing was lost";
        co_await write_all(writer, bytes_of("endless endless"));
        const auto endless = co_await code_of(reader.read_line(10));
        EXPECT_EQ(endless, io_errc::limit_exceeded);
        EXPECT_GE(reader.buffered().size(), 12U);
    });
}

TEST(buffered_reader, the_limit_of_the_reader_holds_for_every_piece) {
    static constexpr std::size_t limit = 5000;  // beyond the first size of the buffer
    in_all_pieces(
        [](memory_stream& writer, reader_type& reader) -> task<> {
            EXPECT_EQ(reader.limit(), limit);
            for (const std::size_t length : {limit - 1, limit}) {
                std::string sent(length, 'x');
                sent += '\n';
                co_await write_all(writer, bytes_of(sent));
                const std::string line = co_await reader.read_line();
                EXPECT_EQ(line.size(), length);
                co_await write_all(writer, bytes_of(sent));
                const std::string until = co_await reader.read_until("\n");
                EXPECT_EQ(until, sent);
                co_await write_all(writer, bytes_of(sent));
                const auto bytes = co_await reader.read_exactly(length);
                EXPECT_EQ(bytes.size(), length);
                const auto rest = co_await reader.peek();
                EXPECT_EQ(text_of(rest), "\n");
                reader.consume(1);
            }
            const auto exactly = co_await code_of(reader.read_exactly(limit + 1));
            EXPECT_EQ(exactly, io_errc::limit_exceeded);
            std::vector<std::byte> large(limit + 1);
            const auto into = co_await code_of(reader.read_exactly(large));
            EXPECT_EQ(into, io_errc::limit_exceeded);
            const auto peek = co_await code_of(reader.peek(limit + 1));
            EXPECT_EQ(peek, io_errc::limit_exceeded);
            std::string sent(limit + 1, 'x');
            sent += '\n';
            co_await write_all(writer, bytes_of(sent));
            const auto line = co_await code_of(reader.read_line());
            EXPECT_EQ(line, io_errc::limit_exceeded);
            const auto until = co_await code_of(reader.read_until("\n"));
            EXPECT_EQ(until, io_errc::limit_exceeded);
        },
        limit);
}

TEST(buffered_reader, reads_up_to_a_delimiter_and_with_it) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        co_await write_and_shut_down(writer, "a-b--c--\r\n\r\r\n\r\nrest");
        const std::string first = co_await reader.read_until("--");
        EXPECT_EQ(first, "a-b--");
        const std::string second = co_await reader.read_until("--");
        EXPECT_EQ(second, "c--");
        const std::string third = co_await reader.read_until("\r\n\r\n");
        EXPECT_EQ(third, "\r\n\r\r\n\r\n");
        const auto code = co_await code_of(reader.read_until("--"));
        EXPECT_EQ(code, io_errc::incomplete_read);
        EXPECT_EQ(text_of(reader.buffered()), "rest");
    });
}

TEST(buffered_reader, the_limit_of_read_until_counts_what_is_before_the_delimiter) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        co_await write_all(writer, bytes_of("12--123--1234--"));
        const std::string below = co_await reader.read_until("--", 3);
        EXPECT_EQ(below, "12--");
        const std::string at = co_await reader.read_until("--", 3);
        EXPECT_EQ(at, "123--");
        const auto above = co_await code_of(reader.read_until("--", 3));
        EXPECT_EQ(above, io_errc::limit_exceeded);
        const std::string higher = co_await reader.read_until("--", 4);
        EXPECT_EQ(higher, "1234--");
    });
}

TEST(buffered_reader, reads_exactly_so_many_bytes) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        co_await write_and_shut_down(writer, "abcdefghij");
        const auto three = co_await reader.read_exactly(3);
        EXPECT_EQ(text_of_vector(three), "abc");
        std::array<std::byte, 4> buffer{};
        co_await reader.read_exactly(buffer);
        EXPECT_EQ(text_of(buffer), "defg");
        buffer.fill(std::byte{'-'});
        const auto code = co_await code_of(reader.read_exactly(buffer));
        EXPECT_EQ(code, io_errc::incomplete_read);
        EXPECT_EQ(text_of(buffer), "----") << "nothing is filled in";
        EXPECT_EQ(text_of(reader.buffered()), "hij") << "and nothing is lost";
        const auto rest = co_await reader.read_exactly(3);
        EXPECT_EQ(text_of_vector(rest), "hij");
    });
}

TEST(buffered_reader, peek_shows_without_taking) {
    in_all_pieces([](memory_stream& writer, reader_type& reader) -> task<> {
        co_await write_and_shut_down(writer, "abcdef");
        const auto four = co_await reader.peek(4);
        EXPECT_GE(four.size(), 4U);
        EXPECT_EQ(text_of(four.first(4)), "abcd");
        reader.consume(2);
        const auto all = co_await reader.peek(100);
        EXPECT_EQ(text_of(all), "cdef") << "less only at the end";
        reader.consume(4);
        const auto none = co_await reader.peek();
        EXPECT_TRUE(none.empty());
    });
}

TEST(buffered_reader, read_some_takes_from_the_buffer_first) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        reader_type reader{right};
        co_await write_all(left, bytes_of("line\nmore"));
        const std::string line = co_await reader.read_line();
        EXPECT_EQ(line, "line");
        co_await write_all(left, bytes_of(" later"));
        std::array<std::byte, 16> buffer{};
        std::size_t count = co_await reader.read_some(buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(count)), "more");
        count = co_await reader.read_some(buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(count)), " later");
        count = co_await reader.read_some({});
        EXPECT_EQ(count, 0U);
        co_await left.shutdown();
        count = co_await reader.read_some(buffer);
        EXPECT_EQ(count, 0U);
    });
}

TEST(buffered_reader, a_second_call_is_refused) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        reader_type reader{right};
        task_handle<std::string> line = outermost_group().spawn(reader.read_line());
        co_await some_turns();
        std::array<std::byte, 4> buffer{};
        const auto some = co_await code_of(reader.read_some(buffer));
        EXPECT_EQ(some, errc::busy);
        const auto exactly = co_await code_of(reader.read_exactly(1));
        EXPECT_EQ(exactly, errc::busy);
        const auto into = co_await code_of(reader.read_exactly(buffer));
        EXPECT_EQ(into, errc::busy);
        const auto until = co_await code_of(reader.read_until("x"));
        EXPECT_EQ(until, errc::busy);
        const auto second = co_await code_of(reader.read_line());
        EXPECT_EQ(second, errc::busy);
        const auto peek = co_await code_of(reader.peek());
        EXPECT_EQ(peek, errc::busy);
        co_await write_all(left, bytes_of("done\n"));
        const std::string done = co_await line;
        EXPECT_EQ(done, "done");
    });
}

TEST(buffered_reader, errors_of_the_stream_lose_nothing) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        reader_type reader{right};
        task_handle<std::error_code> line = outermost_group().spawn(code_of(reader.read_line()));
        co_await some_turns();
        co_await write_all(left, bytes_of("abc"));
        co_await some_turns();
        left.reset();
        const std::error_code code = co_await line;
        EXPECT_EQ(code, std::errc::connection_reset);
        EXPECT_EQ(text_of(reader.buffered()), "abc");
    });
}

// asyncio.wait_for around a StreamReader may lose bytes; here every call is cancelled after every
// byte, before and after its arrival has woken the call.
enum class call { some, exactly, exactly_into, until, line, peek };

task<> make_call(reader_type& reader, call which, std::span<std::byte> into, std::size_t& taken) {
    switch (which) {
        case call::some: taken = co_await reader.read_some(into); break;
        case call::exactly: co_await reader.read_exactly(9); break;
        case call::exactly_into: co_await reader.read_exactly(into.first(9)); break;
        case call::until: co_await reader.read_until("\r\n"); break;
        case call::line: co_await reader.read_line(); break;
        case call::peek: co_await reader.peek(9); break;
    }
    co_await yield_now();
}

TEST(buffered_reader, a_cancelled_call_loses_nothing_at_any_suspension) {
    const std::string sent = "1234567\r\n";
    for (const call which :
         {call::some, call::exactly, call::exactly_into, call::until, call::line, call::peek}) {
        for (std::size_t arrived = 0; arrived != sent.size(); ++arrived) {
            for (int turns = 0; turns != 4; ++turns) {
                SCOPED_TRACE(testing::Message() << "call " << static_cast<int>(which) << ", "
                                                << arrived << " bytes, " << turns << " turns");
                simulate([&]() -> task<> {
                    auto [left, right] = memory_stream_pair();
                    right.limit_transfers(2);
                    reader_type reader{right};
                    std::array<std::byte, 16> buffer{};
                    std::size_t taken = 0;
                    task_handle<> reading =
                        outermost_group().spawn(make_call(reader, which, buffer, taken));
                    co_await yield_now();
                    for (std::size_t i = 0; i != arrived; ++i) {
                        co_await write_all(left, bytes_of(sent).subspan(i, 1));
                        if (i + 1 != arrived) co_await yield_now();
                    }
                    co_await some_turns(turns);
                    reading.cancel();
                    co_await until_ended(reading);
                    co_await write_all(left, bytes_of(sent).subspan(arrived));
                    const auto rest = co_await reader.read_exactly(sent.size() - taken);
                    std::string all{text_of(std::span{buffer}.first(taken))};
                    all += text_of(rest);
                    EXPECT_EQ(all, sent);
                });
            }
        }
    }
}

TEST(buffered_reader, a_time_out_leaves_the_rest_for_the_next_call) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        reader_type reader{right};
        co_await write_all(left, bytes_of("first ha"));
        const auto none = co_await move_on_after(1s, reader.read_line());
        EXPECT_FALSE(none.has_value());
        EXPECT_EQ(text_of(reader.buffered()), "first ha");
        co_await write_all(left, bytes_of("lf\n"));
        const std::string line = co_await reader.read_line();
        EXPECT_EQ(line, "first half");
    });
}

TEST(buffered_reader, reads_through_any_stream) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        any_stream stream{std::move(right)};
        buffered_reader reader{stream};
        co_await write_all(left, bytes_of("first ha"));
        const auto none = co_await move_on_after(1s, reader.read_line());
        EXPECT_FALSE(none.has_value());
        co_await write_all(left, bytes_of("lf\n"));
        const std::string line = co_await reader.read_line();
        EXPECT_EQ(line, "first half");
    });
}

TEST(buffered_reader, much_goes_through_a_small_buffer) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair(1000);
        reader_type reader{right, 64};
        const std::string sent = numbered_text(100'000);
        task_handle<> writer = outermost_group().spawn(write_and_shut_down(left, sent));
        std::string read;
        while (true) {
            const auto next = co_await reader.peek();
            if (next.empty()) break;
            const std::size_t size = std::min<std::size_t>(sent.size() - read.size(), 61);
            const auto piece = co_await reader.read_exactly(size);
            read += text_of(piece);
        }
        EXPECT_TRUE(read == sent);
        co_await writer;
    });
}

TEST(io_errc, has_messages_in_plain_words) {
    EXPECT_EQ(make_error_code(io_errc::incomplete_read).message(), "the stream ended too early");
    EXPECT_STREQ(io_category().name(), "simul.io");
    EXPECT_NE(make_error_code(io_errc::limit_exceeded).message(), "");
    EXPECT_NE(io_category().message(99), "");
}

}  // namespace
}  // namespace simul
