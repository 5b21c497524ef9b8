// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/detail/stream_rules.hpp: the rules of streams as checks, one function each.
//
// Whatever is written is read by another task at the same time, so that streams without a buffer
// can take part. The children of a check end before its two ends are destroyed.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/stream_checks.hpp"

namespace simul::testing::detail {

/// Throws broken_promise unless it was kept.
void expect_kept(bool kept, const char* what_happened);

/// Text in which a byte that is lost, doubled or misplaced is noticed.
std::string numbered_text(std::size_t size);

/// Lets other tasks and the backend have their turns.
task<> let_others_run();

template <class Stream>
task<std::string> read_to_end(Stream& stream) {
    std::string text;
    std::array<std::byte, 4096> buffer{};
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        expect_kept(count <= buffer.size(), "a read gave more than its buffer holds");
        if (count == 0) break;
        text += text_of(std::span{buffer}.first(count));
    }
    co_return text;
}

template <class Stream>
task<std::string> read_count(Stream& stream, std::size_t wanted) {
    std::string text(wanted, '\0');
    std::size_t done = 0;
    while (done != wanted) {
        const auto rest = std::as_writable_bytes(std::span{text}).subspan(done);
        const std::size_t count = co_await stream.read_some(rest);
        expect_kept(count <= rest.size(), "a read gave more than its buffer holds");
        if (count == 0) break;
        done += count;
    }
    text.resize(done);
    co_return text;
}

template <class Stream>
task<> write_text(Stream& stream, std::string_view text) {
    auto bytes = bytes_of(text);
    while (!bytes.empty()) {
        const std::size_t count = co_await stream.write_some(bytes);
        expect_kept(count != 0, "a write gave 0 although there were bytes");
        expect_kept(count <= bytes.size(), "a write gave more than there were bytes");
        bytes = bytes.subspan(count);
    }
}

template <class Stream>
task<> write_and_shut_down(Stream& stream, std::string_view text) {
    co_await write_text(stream, text);
    co_await stream.shutdown();
}

/// The code of the error that `awaited` ends with, or none.
template <awaitable Awaitable>
task<std::error_code> code_of(Awaitable awaited) {
    auto result = co_await as_result(std::move(awaited));
    if (result.has_value()) co_return std::error_code{};
    co_return result.error();
}

template <class Stream>
task<> wait_for_input(const Stream& stream) {
    for (int turns = 0; turns != 200'000; ++turns) {
        if (stream.has_input()) co_return;
        co_await yield_now();
    }
    expect_kept(false, "has_input() stayed false");
}

template <class Left, class Right>
class stream_rules {
public:
    using rule = task<> (*)(task_group&, Left&, Right&, const stream_check_options&);

    static task<> bytes_arrive(task_group&, Left& left, Right& right, const stream_check_options&) {
        auto [there_sent, there] = co_await gather(write_text(left, "there"), read_count(right, 5));
        expect_kept(there == "there", "other bytes came");
        auto [back_sent, back] =
            co_await gather(write_text(right, "and back"), read_count(left, 8));
        expect_kept(back == "and back", "other bytes came back");
    }

    static task<> both_ways(task_group&, Left& left, Right& right,
                            const stream_check_options& options) {
        const std::string sent = numbered_text(options.much());
        auto [left_sent, right_sent, at_right, at_left] =
            co_await gather(write_and_shut_down(left, sent), write_and_shut_down(right, sent),
                            read_to_end(right), read_to_end(left));
        expect_kept(at_right.size() == sent.size(), "not so many bytes came as were sent");
        expect_kept(at_right == sent, "other bytes came");
        expect_kept(at_left.size() == sent.size(), "not so many bytes came back as were sent");
        expect_kept(at_left == sent, "other bytes came back");
    }

    static task<> end_stays(task_group&, Left& left, Right& right, const stream_check_options&) {
        auto [sent, read] =
            co_await gather(write_and_shut_down(left, "last words"), read_to_end(right));
        expect_kept(read == "last words", "the bytes before the end did not come");
        std::array<std::byte, 8> buffer{};
        for (int again = 0; again != 3; ++again) {
            const std::size_t count = co_await right.read_some(buffer);
            expect_kept(count == 0, "bytes came behind the end");
        }
        expect_kept(right.has_input(), "has_input() is false at the end");
    }

    static task<> one_direction(task_group&, Left& left, Right& right,
                                const stream_check_options&) {
        auto [shut, nothing] = co_await gather(shut_down_twice(left), read_to_end(right));
        expect_kept(nothing.empty(), "bytes came that nobody sent");
        auto [sent, answer] =
            co_await gather(write_and_shut_down(right, "answer"), read_to_end(left));
        expect_kept(answer == "answer", "the other direction did not go on");
        const std::error_code late = co_await code_of(left.write_some(bytes_of("late")));
        expect_kept(static_cast<bool>(late), "a write after shutdown() was taken");
    }

    static task<> empty_spans(task_group&, Left& left, Right& right, const stream_check_options&) {
        const std::size_t read = co_await left.read_some({});
        expect_kept(read == 0, "an empty buffer did not give 0");
        const std::size_t written = co_await left.write_some({});
        expect_kept(written == 0, "an empty span did not give 0");
        auto [sent, one] = co_await gather(write_text(right, "x"), read_count(left, 1));
        expect_kept(one == "x", "the stream did not go on after it");
    }

    static task<> read_waits(task_group& group, Left& left, Right& right,
                             const stream_check_options&) {
        expect_kept(!right.has_input(), "has_input() is true before anything was sent");
        auto reader = group.spawn(read_count(right, 1));
        co_await let_others_run();
        expect_kept(!reader.done(), "a read did not wait");
        co_await write_text(left, "x");
        const std::string one = co_await reader;
        expect_kept(one == "x", "the read that waited got something else");
    }

    static task<> write_waits(task_group& group, Left& left, Right& right,
                              const stream_check_options& options) {
        const std::string sent = numbered_text(options.plenty());
        auto writer = group.spawn(write_and_shut_down(left, sent));
        co_await let_others_run();
        expect_kept(!writer.done(), "plenty() bytes were taken although nobody reads");
        const std::string read = co_await read_to_end(right);
        expect_kept(read == sent, "other bytes came");
        co_await writer;
    }

    static task<> second_is_refused(task_group& group, Left& left, Right& right,
                                    const stream_check_options& options) {
        auto reader = group.spawn(read_count(left, 1));
        const std::string sent = numbered_text(options.plenty());
        auto writer = group.spawn(write_and_shut_down(left, sent));
        co_await let_others_run();
        expect_kept(!reader.done(), "a read did not wait");
        expect_kept(!writer.done(), "plenty() bytes were taken although nobody reads");
        std::array<std::byte, 8> buffer{};
        const std::error_code of_reader = co_await code_of(left.read_some(buffer));
        expect_kept(of_reader == errc::busy, "a second reader did not get errc::busy");
        const std::error_code of_writer = co_await code_of(left.write_some(bytes_of("x")));
        expect_kept(of_writer == errc::busy, "a second writer did not get errc::busy");
        co_await write_text(right, "x");
        const std::string one = co_await reader;
        expect_kept(one == "x", "the first reader was disturbed");
        const std::string read = co_await read_to_end(right);
        expect_kept(read == sent, "the first writer was disturbed");
        co_await writer;
    }

    static task<> close_ends_all(task_group& group, Left& left, Right&,
                                 const stream_check_options& options) {
        auto reader = group.spawn(code_of(read_count(left, 1)));
        const std::string sent = numbered_text(options.plenty());
        auto writer = group.spawn(code_of(write_text(left, sent)));
        co_await let_others_run();
        left.close();
        left.close();
        const std::error_code of_reader = co_await reader;
        expect_kept(of_reader == errc::closed, "a read that waits did not get errc::closed");
        const std::error_code of_writer = co_await writer;
        expect_kept(of_writer == errc::closed, "a write that waits did not get errc::closed");
        expect_kept(left.has_input(), "has_input() is false although a read would not wait");
        std::array<std::byte, 8> buffer{};
        const std::error_code read = co_await code_of(left.read_some(buffer));
        expect_kept(read == errc::closed, "a later read did not get errc::closed");
        const std::error_code written = co_await code_of(left.write_some(bytes_of("x")));
        expect_kept(written == errc::closed, "a later write did not get errc::closed");
        const std::error_code shut = co_await code_of(left.shutdown());
        expect_kept(shut == errc::closed, "a later shutdown() did not get errc::closed");
    }

    static task<> close_is_noticed(task_group&, Left& left, Right& right,
                                   const stream_check_options& options) {
        auto [sent, read] = co_await gather(write_text(left, "bye"), read_count(right, 3));
        expect_kept(read == "bye", "other bytes came");
        left.close();
        const std::error_code rest = co_await code_of(read_to_end(right));
        expect_kept(static_cast<bool>(rest) == options.lets_close_read_as_error(),
                    rest ? "the other end reads an error, not the end; if that is meant, say "
                           "close_reads_as_error()"
                         : "the other end reads the end, not an error");
        // The first bytes may still be taken, by a system that does not know yet.
        const std::string more = numbered_text(options.plenty());
        const std::error_code code = co_await code_of(write_text(right, more));
        expect_kept(static_cast<bool>(code), "bytes are taken that nobody will read");
        expect_kept(code != errc::closed, "the other end says errc::closed: it was not closed");
    }

    static task<> input_is_told(task_group& group, Left& left, Right& right,
                                const stream_check_options&) {
        expect_kept(!right.has_input(), "has_input() is true before anything was sent");
        auto writer = group.spawn(write_text(left, "x"));
        co_await wait_for_input(right);
        const std::string one = co_await read_count(right, 1);
        expect_kept(one == "x", "other bytes came");
        co_await writer;
        expect_kept(!right.has_input(), "has_input() is true after all was read");
        auto end = group.spawn(shut_down_twice(left));
        co_await wait_for_input(right);
        const std::string nothing = co_await read_to_end(right);
        expect_kept(nothing.empty(), "bytes came that nobody sent");
        co_await end;
    }

    static task<> cancelled_read(task_group& group, Left& left, Right& right,
                                 const stream_check_options&) {
        for (int turns = 0; turns != 6; ++turns) {
            std::array<std::byte, 8> buffer{};
            std::size_t count = 0;
            auto reader = group.spawn([&]() -> task<> {
                count = co_await right.read_some(buffer);
                co_await yield_now();
            });
            for (int turn = 0; turn != turns; ++turn) co_await yield_now();
            auto writer = group.spawn(write_text(left, "abc"));
            co_await yield_now();
            reader.cancel();
            static_cast<void>(co_await as_outcome(reader));
            std::string text{text_of(std::span{buffer}.first(count))};
            text += co_await read_count(right, 3 - count);
            expect_kept(text == "abc", "bytes were lost with the read, or came twice");
            co_await writer;
        }
    }

    static task<> cancelled_write(task_group& group, Left& left, Right& right,
                                  const stream_check_options& options) {
        if (options.lets_cancelled_write_end_it()) co_return;
        const std::string sent = numbered_text(options.plenty());
        std::size_t reported = 0;
        auto writer = group.spawn([&]() -> task<> {
            while (reported < sent.size()) {
                const auto rest = bytes_of(sent).subspan(reported);
                reported += co_await left.write_some(rest);
            }
        });
        co_await let_others_run();
        writer.cancel();
        static_cast<void>(co_await as_outcome(writer));
        auto [shut, read] = co_await gather(write_and_shut_down(left, "|more"), read_to_end(right));
        expect_kept(read == sent.substr(0, reported) + "|more",
                    "what came is not what the writes reported; if that is meant, say "
                    "cancelled_write_ends_it()");
    }

    static task<> moved(task_group&, Left& left, Right& right, const stream_check_options&) {
        auto [sent, read] = co_await gather(write_text(left, "be"), read_count(right, 2));
        Left there{std::move(left)};
        auto [shut, rest] =
            co_await gather(write_and_shut_down(there, "fore and after"), read_to_end(right));
        expect_kept(read + rest == "before and after", "other bytes came");
    }

private:
    static task<> shut_down_twice(Left& stream) {
        co_await stream.shutdown();
        co_await stream.shutdown();
    }
};

template <class MakePair>
auto connect_ends(MakePair& make_pair) {
    if constexpr (awaitable<std::invoke_result_t<MakePair&>>) {
        return [](MakePair& make) -> task<await_result_t<std::invoke_result_t<MakePair&>>> {
            co_return co_await std::invoke(make);
        }(make_pair);
    } else {
        return [](MakePair& make) -> task<std::invoke_result_t<MakePair&>> {
            co_return std::invoke(make);
        }(make_pair);
    }
}

/// What a check that failed throws, with the rule before it. Called while the error is handled.
[[noreturn]] void throw_broken(const char* rule);

template <class Ends, class Rule>
task<> check_rule(Ends& ends, const char* name, Rule rule, const stream_check_options& options) {
    std::optional<std::monostate> ended;
    try {
        ended = co_await move_on_after(options.limit(),
                                       with_task_group([&](task_group& group) -> task<> {
                                           co_await rule(group, ends.first, ends.second, options);
                                           group.cancel();
                                       }));
        expect_kept(ended.has_value(), "it has not ended within the limit");
    } catch (...) {
        throw_broken(name);
    }
}

}  // namespace simul::testing::detail

namespace simul::testing {

template <class MakePair>
    requires std::invocable<MakePair&>
task<> check_stream(MakePair make_pair, stream_check_options options) {
    using ends = typename decltype(detail::connect_ends(make_pair))::result_type;
    using rules = detail::stream_rules<typename ends::first_type, typename ends::second_type>;
    struct named_rule {
        const char* name;
        typename rules::rule check;
    };
    static constexpr named_rule all[] = {
        {"what is written is read at the other end", &rules::bytes_arrive},
        {"much goes both ways at once and arrives in order", &rules::both_ways},
        {"the end is read after shutdown() and stays the end", &rules::end_stays},
        {"shutdown() ends one direction only, and may be called twice", &rules::one_direction},
        {"empty buffers give 0 at once", &rules::empty_spans},
        {"a read waits for the first byte", &rules::read_waits},
        {"a write waits until the reader has made room", &rules::write_waits},
        {"a second reader and a second writer are refused", &rules::second_is_refused},
        {"close() ends what waits and every later call", &rules::close_ends_all},
        {"the other end notices a close()", &rules::close_is_noticed},
        {"has_input() tells whether a read would give something now", &rules::input_is_told},
        {"a cancelled read loses nothing", &rules::cancelled_read},
        {"a cancelled write tells what it did", &rules::cancelled_write},
        {"a stream that was moved goes on", &rules::moved},
    };
    for (const named_rule& each : all) {
        ends pair = co_await detail::connect_ends(make_pair);
        co_await detail::check_rule(pair, each.name, each.check, options);
    }
}

}  // namespace simul::testing
