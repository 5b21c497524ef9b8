// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/stream_checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "simul/io/memory_stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/lockstep_stream.hpp"
#include "simul/testing/run_test.hpp"
#include "support/connected_streams.hpp"

namespace simul::testing {
namespace {

using namespace std::chrono_literals;

stream_check_options small() {
    return stream_check_options{}.plenty(200'000).much(100'000);
}

template <class MakePair>
std::string verdict(MakePair make_pair, const stream_check_options& options = small()) {
    try {
        run_test([&]() -> task<> { co_await check_stream(make_pair, options); });
    } catch (const broken_promise& broken) {
        return broken.what();
    }
    return "";
}

TEST(check_stream, lets_pass_what_keeps_the_rules) {
    EXPECT_EQ(verdict([] { return memory_stream_pair(); }), "");
    EXPECT_EQ(verdict([] { return memory_stream_pair(1); },
                      stream_check_options{}.plenty(1000).much(1000)),
              "");
    EXPECT_EQ(verdict(&lockstep_stream_pair), "");
}

TEST(check_stream, awaits_a_pair_that_takes_time_and_may_have_two_types) {
    const auto connect = []() -> task<std::pair<any_stream, memory_stream>> {
        auto [left, right] = memory_stream_pair();
        co_return std::pair{any_stream{std::move(left)}, std::move(right)};
    };
    EXPECT_EQ(verdict(connect), "");
}

enum class fault {
    loses_a_byte,
    doubles_a_byte,
    empty_read_waits,
    gives_bytes_behind_the_end,
    never_has_input,
    always_has_input,
    ignores_close,
    reads_ahead,
    swallows_writes,
    writes_nothing,
    refuses_a_second_shutdown,
    closes_with_a_reset,
    writes_all,
};

// A memory_stream with one thing wrong.
class faulty_stream {
public:
    faulty_stream(memory_stream inner, fault wrong) noexcept
        : inner_{std::move(inner)}, wrong_{wrong} {}

    task<std::size_t> read_some(std::span<std::byte> buffer) {
        if (buffer.empty() && wrong_ != fault::empty_read_waits) co_return 0;
        if (wrong_ == fault::reads_ahead) {
            // Into memory of its own, which goes with the read.
            std::array<std::byte, 64> ahead{};
            const std::size_t room = std::min(buffer.size(), ahead.size());
            const std::size_t count = co_await inner_.read_some(std::span{ahead}.first(room));
            co_await yield_now();
            std::ranges::copy(std::span{ahead}.first(count), buffer.begin());
            co_return count;
        }
        if (buffer.empty()) {
            std::array<std::byte, 1> one{};
            co_return co_await inner_.read_some(one);
        }
        std::size_t count = co_await inner_.read_some(buffer);
        total_ += count;
        if (wrong_ == fault::loses_a_byte && total_ > 50'000 && count > 1) {
            total_ = 0;
            --count;
        }
        if (count == 0 && wrong_ == fault::gives_bytes_behind_the_end && ++ends_ > 1) co_return 1;
        co_return count;
    }
    task<std::size_t> write_some(std::span<const std::byte> bytes) {
        if (wrong_ == fault::writes_nothing) co_return 0;
        if (wrong_ == fault::swallows_writes && bytes.size() > 100'000) co_return bytes.size();
        if (wrong_ == fault::writes_all) {
            co_await write_all(inner_, bytes);
            co_return bytes.size();
        }
        if (wrong_ == fault::doubles_a_byte && bytes.size() > 1000) {
            co_await inner_.write_some(bytes.first(1));
        }
        co_return co_await inner_.write_some(bytes);
    }
    task<> shutdown() {
        if (wrong_ == fault::refuses_a_second_shutdown && std::exchange(is_shut_, true)) {
            throw std::logic_error{"shut down twice"};
        }
        co_await inner_.shutdown();
    }
    void close() noexcept {
        if (wrong_ != fault::ignores_close) inner_.close();
        if (wrong_ == fault::closes_with_a_reset) inner_.reset();
    }
    [[nodiscard]] bool has_input() const noexcept {
        if (wrong_ == fault::never_has_input) return false;
        return wrong_ == fault::always_has_input || inner_.has_input();
    }

private:
    memory_stream inner_;
    fault wrong_;
    std::size_t total_ = 0;
    int ends_ = 0;
    bool is_shut_ = false;
};

static_assert(byte_stream<faulty_stream>);

std::string verdict_on(fault wrong, const stream_check_options& options = small()) {
    const auto connect = [=] {
        auto [left, right] = memory_stream_pair(4096);
        return std::pair{faulty_stream{std::move(left), wrong},
                         faulty_stream{std::move(right), wrong}};
    };
    return verdict(connect, options);
}

TEST(check_stream, names_the_promise_that_is_broken) {
    EXPECT_EQ(verdict_on(fault::loses_a_byte),
              "much goes both ways at once and arrives in order: not so many bytes came as were "
              "sent");
    EXPECT_EQ(verdict_on(fault::doubles_a_byte),
              "much goes both ways at once and arrives in order: not so many bytes came as were "
              "sent");
    EXPECT_EQ(verdict_on(fault::empty_read_waits),
              "empty buffers give 0 at once: it has not ended within the limit");
    EXPECT_EQ(verdict_on(fault::gives_bytes_behind_the_end),
              "the end is read after shutdown() and stays the end: bytes came behind the end");
    EXPECT_EQ(verdict_on(fault::never_has_input),
              "the end is read after shutdown() and stays the end: has_input() is false at the "
              "end");
    EXPECT_EQ(verdict_on(fault::always_has_input),
              "a read waits for the first byte: has_input() is true before anything was sent");
    EXPECT_EQ(verdict_on(fault::ignores_close),
              "close() ends what waits and every later call: it has not ended within the limit");
    EXPECT_EQ(verdict_on(fault::reads_ahead),
              "a cancelled read loses nothing: it has not ended within the limit");
    EXPECT_EQ(verdict_on(fault::swallows_writes),
              "a write waits until the reader has made room: plenty() bytes were taken although "
              "nobody reads");
    EXPECT_EQ(verdict_on(fault::writes_nothing),
              "what is written is read at the other end: a write gave 0 although there were "
              "bytes");
    EXPECT_EQ(verdict_on(fault::refuses_a_second_shutdown),
              "shutdown() ends one direction only, and may be called twice: shut down twice");
}

TEST(check_stream, allows_what_its_options_say) {
    EXPECT_EQ(verdict_on(fault::closes_with_a_reset),
              "the other end notices a close(): the other end reads an error, not the end; if "
              "that is meant, say close_reads_as_error()");
    EXPECT_EQ(verdict_on(fault::closes_with_a_reset, small().close_reads_as_error()), "");
    EXPECT_EQ(verdict([] { return memory_stream_pair(); }, small().close_reads_as_error()),
              "the other end notices a close(): the other end reads the end, not an error");
    EXPECT_EQ(verdict_on(fault::writes_all),
              "a cancelled write tells what it did: what came is not what the writes reported; if "
              "that is meant, say cancelled_write_ends_it()");
    EXPECT_EQ(verdict_on(fault::writes_all, small().cancelled_write_ends_it()), "");
}

TEST(check_stream, gives_up_after_its_limit) {
    EXPECT_EQ(run_test([]() -> task<duration> {
                  const time_point begin = loop::current().now();
                  try {
                      co_await check_stream(
                          [] {
                              auto [left, right] = memory_stream_pair();
                              return std::pair{
                                  faulty_stream{std::move(left), fault::empty_read_waits},
                                  std::move(right)};
                          },
                          small().limit(7s));
                  } catch (const broken_promise&) {
                  }
                  co_return loop::current().now() - begin;
              }),
              7s);
}

TEST(check_stream, runs_over_a_real_network) {
    const auto options = stream_check_options{}.plenty(std::size_t{8} << 20).much(1 << 20);
    try {
        run_test([&]() -> task<> { co_await check_stream(&test::connected_tcp_streams, options); },
                 test_options{}.on(backend_kind::epoll));
    } catch (const broken_promise& broken) {
        ADD_FAILURE() << broken.what();
    }
}

TEST(check_stream, lets_an_error_of_the_maker_through) {
    EXPECT_THROW(run_test([]() -> task<> {
                     co_await check_stream([]() -> std::pair<memory_stream, memory_stream> {
                         throw std::out_of_range{"no stream"};
                     });
                 }),
                 std::out_of_range);
}

}  // namespace
}  // namespace simul::testing
