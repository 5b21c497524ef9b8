// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/lockstep_stream.hpp: two connected streams with nothing between them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "simul/testing/detail/lockstep_lane.hpp"

namespace simul::testing {

/// What lockstep_stream::read_some and write_some return.
class [[nodiscard("co_await it")]] lockstep_transfer_awaitable {
public:
    lockstep_transfer_awaitable(detail::lockstep_lane* on, detail::lane_side side, std::byte* data,
                                std::size_t size) noexcept
        : lane_{on}, side_{side}, data_{data}, size_{size} {}
    auto operator co_await() const noexcept {
        return detail::lockstep_operation{lane_, side_, data_, size_};
    }

private:
    detail::lockstep_lane* lane_;
    detail::lane_side side_;
    std::byte* data_;
    std::size_t size_;
};

/// What lockstep_stream::shutdown returns.
class [[nodiscard("co_await it")]] lockstep_shutdown_awaitable {
public:
    explicit lockstep_shutdown_awaitable(detail::lockstep_lane* on) noexcept : lane_{on} {}
    auto operator co_await() const noexcept { return detail::lockstep_shutdown_operation{lane_}; }

private:
    detail::lockstep_lane* lane_;
};

/// One of two connected ends that hold no bytes at all: a write ends when the other end has read
/// the last of them. It keeps the rules of simul/io/stream.hpp.
///
/// A protocol in which both sides write first and read afterwards works as long as some buffer on
/// the way is large enough, and stops for ever on the day it is not. Here it stops in the first
/// test, which run_test() tells as errc::deadlock. Use memory_stream where that is not the
/// question.
///
/// Threads       both ends on the thread of one loop.
/// Lifetime      the ends may be destroyed in any order. One that was moved from is closed.
/// Source        Trio's lockstep_stream_pair.
class lockstep_stream {
public:
    /// An end that was closed.
    lockstep_stream() noexcept = default;
    lockstep_stream(lockstep_stream&& other) noexcept;
    lockstep_stream& operator=(lockstep_stream&& other) noexcept;
    ~lockstep_stream();

    /// Reads what the other end is writing, up to `buffer.size()` bytes.
    ///
    /// Returns       how many bytes; 0 at the end: the other end was shut down or closed.
    /// Errors        errc::closed  this end was closed, before or during the wait.
    ///               errc::busy    another task reads from this end.
    /// Suspends      unless the other end waits in a write, or has ended.
    /// Cancellation  clean. Bytes that arrived before the request are delivered, and the task is
    ///               stopped at its next await.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    /// Complexity    O(bytes); allocates nothing.
    [[nodiscard]] lockstep_transfer_awaitable read_some(std::span<std::byte> buffer) noexcept {
        return lockstep_transfer_awaitable{incoming(), detail::lane_side::reading, buffer.data(),
                                           buffer.size()};
    }

    /// Writes all of `bytes` and waits until the other end has read them.
    ///
    /// Returns       bytes.size(); less only after a request to cancel.
    /// Errors        errc::closed  this end was closed, before or during the wait.
    ///               errc::busy    another task writes to this end.
    ///               broken_pipe   the other end was closed before it had read all, or this one was
    ///                             shut down; std::system_error.
    /// Suspends      unless the other end waits in a read that takes all of it.
    /// Cancellation  clean. When a part has been read before the request, its size is given, and
    ///               the task is stopped at its next await.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    /// Complexity    O(bytes); allocates nothing.
    [[nodiscard]] lockstep_transfer_awaitable write_some(
        std::span<const std::byte> bytes) noexcept {
        // Only read from: the operations of both directions have one type.
        return lockstep_transfer_awaitable{outgoing(), detail::lane_side::writing,
                                           const_cast<std::byte*>(bytes.data()), bytes.size()};
    }

    /// Says that no more will be written: the other end reads the end.
    ///
    /// Errors        errc::closed  this end was closed.
    ///               errc::busy    a task waits in write_some on this end.
    /// Suspends      never.
    /// Cancellation  clean.
    [[nodiscard]] lockstep_shutdown_awaitable shutdown() noexcept {
        return lockstep_shutdown_awaitable{outgoing()};
    }

    /// Ends both directions. The other end reads the end; what it writes fails.
    void close() noexcept;

    /// True when a read would not wait.
    [[nodiscard]] bool has_input() const noexcept;

private:
    friend std::pair<lockstep_stream, lockstep_stream> lockstep_stream_pair();

    struct connection {
        detail::lockstep_lane lanes[2];
    };

    lockstep_stream(std::shared_ptr<connection> both, std::size_t side) noexcept
        : connection_{std::move(both)}, side_{side} {}

    [[nodiscard]] detail::lockstep_lane* incoming() const noexcept {
        return connection_ ? &connection_->lanes[side_] : nullptr;
    }
    [[nodiscard]] detail::lockstep_lane* outgoing() const noexcept {
        return connection_ ? &connection_->lanes[1 - side_] : nullptr;
    }
    void expect_nobody_waits() const noexcept;

    std::shared_ptr<connection> connection_;
    std::size_t side_ = 0;
};

/// Makes two connected ends.
///
///     auto [client, server] = lockstep_stream_pair();
///
/// Returns       the two ends.
/// Errors        std::bad_alloc.
[[nodiscard]] std::pair<lockstep_stream, lockstep_stream> lockstep_stream_pair();

}  // namespace simul::testing
