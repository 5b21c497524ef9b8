// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/stream_checks.hpp: does a stream keep the rules of simul/io/stream.hpp?
//
//     TEST(compressed_stream, keeps_the_rules_of_streams) {
//         run_test([]() -> task<> { co_await check_stream(&compressed_pair); });
//     }
//
// Reading order: check_stream is the contract; the single checks are in detail/stream_rules.hpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/coro/task.hpp"

namespace simul::testing {

/// Thrown when something does not keep a promise; what() is a sentence that names it.
class broken_promise : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// In what a stream may differ from others, and how much is sent.
class stream_check_options {
public:
    stream_check_options() noexcept = default;

    /// So many bytes make a writer wait: more than all buffers on the way hold. 16 MiB unless told.
    stream_check_options& plenty(std::size_t bytes) noexcept {
        plenty_ = bytes;
        return *this;
    }

    /// So many bytes are sent in both directions at once: 3 MiB unless told.
    stream_check_options& much(std::size_t bytes) noexcept {
        much_ = bytes;
        return *this;
    }

    /// Each check ends within this time: 30 seconds unless told.
    template <class Rep, class Period>
    stream_check_options& limit(std::chrono::duration<Rep, Period> time) noexcept {
        limit_ = saturating_duration(time);
        return *this;
    }

    /// Closing without shutdown() reads as an error at the other end, not as the end: TLS.
    stream_check_options& close_reads_as_error() noexcept {
        close_reads_as_error_ = true;
        return *this;
    }

    /// A write that was cancelled leaves nothing but to close the stream: TLS.
    stream_check_options& cancelled_write_ends_it() noexcept {
        cancelled_write_ends_it_ = true;
        return *this;
    }

    [[nodiscard]] std::size_t plenty() const noexcept { return plenty_; }
    [[nodiscard]] std::size_t much() const noexcept { return much_; }
    [[nodiscard]] duration limit() const noexcept { return limit_; }
    [[nodiscard]] bool lets_close_read_as_error() const noexcept { return close_reads_as_error_; }
    [[nodiscard]] bool lets_cancelled_write_end_it() const noexcept {
        return cancelled_write_ends_it_;
    }

private:
    std::size_t plenty_ = std::size_t{16} << 20;
    std::size_t much_ = std::size_t{3} << 20;
    duration limit_ = std::chrono::seconds{30};
    bool close_reads_as_error_ = false;
    bool cancelled_write_ends_it_ = false;
};

/// Checks every rule of streams, each with two ends of its own. `make_pair` gives two connected
/// ends, as a std::pair or as something to await that gives one. Nothing is asked of buffers: a
/// stream that holds no bytes can pass.
///
/// Errors        broken_promise, at the first rule that is not kept; what `make_pair` throws.
/// Suspends      when the stream does.
/// Cancellation  clean: the ends in use are destroyed.
/// Threads       the loop's thread.
/// Lifetime      `make_pair` is kept until the check has ended.
/// Source        trio.testing's check_two_way_stream.
template <class MakePair>
    requires std::invocable<MakePair&>
[[nodiscard]] task<> check_stream(MakePair make_pair, stream_check_options options = {});

}  // namespace simul::testing

#include "simul/testing/detail/stream_rules.hpp"
