// SPDX-License-Identifier: Apache-2.0
//
// support/stream_tools.hpp: what tests of streams need again and again.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {

/// Lets other tasks and the backend have their turns.
inline task<> some_turns(int count = 100) {
    for (int i = 0; i < count; ++i) co_await yield_now();
}

/// How long a test gives turns before it complains. Counted turns would not do: a thread or a
/// process that is waited for gets none on a machine with other work.
constexpr std::chrono::seconds test_patience{20};

/// Gives turns until a task has ended; complains if it never does.
template <class Result>
task<> until_ended(task_handle<Result>& handle) {
    const auto begin = std::chrono::steady_clock::now();
    while (!handle.done() && std::chrono::steady_clock::now() - begin < test_patience) {
        co_await yield_now();
    }
    EXPECT_TRUE(handle.done()) << "the task has not ended";
}

/// Gives turns until there is input; complains if there never is.
template <byte_stream Stream>
task<> until_input(const Stream& stream) {
    const auto begin = std::chrono::steady_clock::now();
    while (!stream.has_input() && std::chrono::steady_clock::now() - begin < test_patience) {
        co_await yield_now();
    }
    EXPECT_TRUE(stream.has_input()) << "no input has come";
}

/// The code of the error that `awaited` ends with, or none.
template <awaitable Awaitable>
task<std::error_code> code_of(Awaitable awaited) {
    auto result = co_await as_result(std::move(awaited));
    if (result.has_value()) co_return std::error_code{};
    co_return result.error();
}

/// Reads to the end.
template <byte_stream Stream>
task<std::string> read_to_end(Stream& stream) {
    std::string text;
    std::array<std::byte, 4096> buffer{};
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) break;
        text += text_of(std::span{buffer}.first(count));
    }
    co_return text;
}

/// Reads exactly so many bytes, or to the end.
template <byte_stream Stream>
task<std::string> read_count(Stream& stream, std::size_t wanted) {
    std::string text(wanted, '\0');
    std::size_t done = 0;
    while (done != wanted) {
        const auto rest = std::as_writable_bytes(std::span{text}).subspan(done);
        const std::size_t count = co_await stream.read_some(rest);
        if (count == 0) break;
        done += count;
    }
    text.resize(done);
    co_return text;
}

template <byte_stream Stream>
task<> write_and_shut_down(Stream& stream, std::string_view text) {
    co_await write_all(stream, bytes_of(text));
    co_await stream.shutdown();
}

/// Text in which a byte that is lost, doubled or misplaced is noticed.
inline std::string numbered_text(std::size_t size) {
    static std::string numbers;  // made once: tests ask for megabytes of it
    while (numbers.size() < size) {
        numbers += std::to_string(numbers.size());
        numbers += ' ';
    }
    return numbers.substr(0, size);
}

}  // namespace simul::test
