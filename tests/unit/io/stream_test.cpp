// SPDX-License-Identifier: Apache-2.0
//
// any_stream and write_all: what they add to the stream in them.
#include "simul/io/stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "simul/concurrency/timeout.hpp"
#include "simul/io/memory_stream.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;
using namespace std::chrono_literals;

static_assert(byte_stream<any_stream>);
static_assert(!std::is_copy_constructible_v<any_stream>);

// A stream that is written to and notes what it is asked.
class noting_stream {
public:
    explicit noting_stream(std::vector<std::string>& log) noexcept : log_{&log} {}

    task<std::size_t> read_some(std::span<std::byte>) {
        log_->push_back("read");
        co_return 0;
    }
    task<std::size_t> write_some(std::span<const std::byte> bytes) {
        const std::size_t taken = std::min<std::size_t>(bytes.size(), 3);
        log_->push_back(std::string{text_of(bytes.first(taken))});
        co_return taken;
    }
    task<> shutdown() {
        log_->push_back("shutdown");
        co_return;
    }
    void close() noexcept { log_->push_back("close"); }
    [[nodiscard]] bool has_input() const noexcept { return true; }

private:
    std::vector<std::string>* log_;
};

static_assert(byte_stream<noting_stream>);

TEST(any_stream, passes_every_call_on) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        any_stream stream{noting_stream{log}};
        EXPECT_TRUE(stream.has_value());
        std::array<std::byte, 4> buffer{};
        const std::size_t read = co_await stream.read_some(buffer);
        EXPECT_EQ(read, 0U);
        const std::size_t written = co_await stream.write_some(bytes_of("abcd"));
        EXPECT_EQ(written, 3U);
        co_await stream.shutdown();
        EXPECT_TRUE(stream.has_input());
        stream.close();
        std::vector<std::string> expected{"read", "abc", "shutdown", "close"};
        EXPECT_EQ(log, expected);
    });
}

TEST(any_stream, is_empty_when_made_without_a_stream_or_moved_from) {
    any_stream empty;
    EXPECT_FALSE(empty.has_value());
    empty.close();
    auto [left, right] = memory_stream_pair();
    any_stream first{std::move(left)};
    any_stream second{std::move(first)};
    EXPECT_FALSE(first.has_value());
    EXPECT_TRUE(second.has_value());
    first.close();
    first = std::move(second);
    EXPECT_TRUE(first.has_value());
}

TEST(any_stream, destroys_the_stream_in_it) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        {
            const any_stream owner{std::move(left)};
        }
        const std::string end = co_await read_to_end(right);
        EXPECT_EQ(end, "");
    });
}

TEST(write_all, writes_until_everything_was_taken) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        noting_stream stream{log};
        co_await write_all(stream, bytes_of("abcdefgh"));
        std::vector<std::string> expected{"abc", "def", "gh"};
        EXPECT_EQ(log, expected);
        co_await write_all(stream, {});
        EXPECT_EQ(log, expected) << "nothing to write, nothing written";
    });
}

TEST(write_all, throws_the_error_of_the_stream) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair();
        right.close();
        const auto code = co_await code_of(write_all(left, bytes_of("x")));
        EXPECT_EQ(code, std::errc::broken_pipe);
    });
}

TEST(write_all, that_was_cancelled_has_written_a_part) {
    simulate([]() -> task<> {
        auto [left, right] = memory_stream_pair(4);
        const auto done = co_await move_on_after(1s, write_all(left, bytes_of("123456")));
        EXPECT_FALSE(done);
        left.close();
        const std::string read = co_await read_to_end(right);
        EXPECT_EQ(read, "1234");
    });
}

}  // namespace
}  // namespace simul
