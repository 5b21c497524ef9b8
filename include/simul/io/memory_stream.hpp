// SPDX-License-Identifier: Apache-2.0
//
// simul/io/memory_stream.hpp: two connected streams inside the program.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "simul/io/detail/memory_pipe.hpp"

namespace simul {

/// What memory_stream::read_some and write_some return.
class [[nodiscard("co_await it")]] memory_transfer_awaitable {
public:
    memory_transfer_awaitable(detail::memory_pipe* on, detail::pipe_side side, std::byte* data,
                              std::size_t size) noexcept
        : pipe_{on}, side_{side}, data_{data}, size_{size} {}
    auto operator co_await() const noexcept {
        return detail::memory_operation{pipe_, side_, data_, size_};
    }

private:
    detail::memory_pipe* pipe_;
    detail::pipe_side side_;
    std::byte* data_;
    std::size_t size_;
};

/// What memory_stream::shutdown returns.
class [[nodiscard("co_await it")]] memory_shutdown_awaitable {
public:
    explicit memory_shutdown_awaitable(detail::memory_pipe* on) noexcept : pipe_{on} {}
    auto operator co_await() const noexcept { return detail::memory_shutdown_operation{pipe_}; }

private:
    detail::memory_pipe* pipe_;
};

/// One of two ends that are connected inside the program: a stream that keeps the rules of
/// simul/io/stream.hpp and needs neither descriptors nor a network.
///
/// For tests of whatever talks over a stream, and for parts of one program that speak a protocol
/// with each other. It works on every backend, and on the simulated one the same program takes the
/// same course each time. Two knobs let a test see what a network does: limit_transfers() cuts
/// reads and writes to pieces, reset() breaks the connection.
///
/// Threads       both ends on the thread of one loop.
/// Lifetime      the ends may be destroyed in any order. One that was moved from is closed.
class memory_stream {
public:
    /// An end that was closed.
    memory_stream() noexcept = default;
    memory_stream(memory_stream&& other) noexcept;
    memory_stream& operator=(memory_stream&& other) noexcept;
    ~memory_stream();

    /// Reads what is there, up to `buffer.size()` bytes.
    ///
    /// Returns       how many bytes; 0 at the end: the other end was shut down or closed, and all
    ///               that it had written was read.
    /// Errors        errc::closed       this end was closed, before or during the wait.
    ///               errc::busy         another task reads from this end.
    ///               connection_reset   after reset(); std::system_error.
    /// Suspends      if nothing is there and more may come.
    /// Cancellation  clean. Bytes that arrived before the request are delivered, and the task is
    ///               stopped at its next await.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    /// Complexity    O(bytes); allocates nothing.
    [[nodiscard]] memory_transfer_awaitable read_some(std::span<std::byte> buffer) noexcept {
        return memory_transfer_awaitable{incoming(), detail::pipe_side::reading, buffer.data(),
                                         buffer.size()};
    }

    /// Writes what there is room for.
    ///
    /// Returns       how many bytes were taken, at least 1 unless `bytes` is empty.
    /// Errors        errc::closed       this end was closed, before or during the wait.
    ///               errc::busy         another task writes to this end.
    ///               broken_pipe        the other end was closed, or this one was shut down;
    ///                                  std::system_error.
    ///               connection_reset   after reset(); std::system_error.
    /// Suspends      while as many bytes as the capacity are unread.
    /// Cancellation  clean. Bytes that were taken before the request are reported, and the task is
    ///               stopped at its next await.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    /// Complexity    O(bytes); allocates nothing.
    [[nodiscard]] memory_transfer_awaitable write_some(std::span<const std::byte> bytes) noexcept {
        // Only read from: the operations of both directions have one type.
        return memory_transfer_awaitable{outgoing(), detail::pipe_side::writing,
                                         const_cast<std::byte*>(bytes.data()), bytes.size()};
    }

    /// Says that no more will be written: the other end reads what was written, then the end.
    ///
    /// Errors        errc::closed       this end was closed.
    ///               errc::busy         a task waits in write_some on this end.
    /// Suspends      never.
    /// Cancellation  clean.
    [[nodiscard]] memory_shutdown_awaitable shutdown() noexcept {
        return memory_shutdown_awaitable{outgoing()};
    }

    /// Ends both directions. The other end reads what was written, then the end; what it writes
    /// from now on fails. What was not read here is dropped.
    void close() noexcept;

    /// True when a read would not wait.
    [[nodiscard]] bool has_input() const noexcept;

    /// From now on no read or write of this end moves more than `most` bytes, which must not be 0.
    void limit_transfers(std::size_t most) noexcept;

    /// Breaks the connection as a reset by the network does: what was written and not yet read is
    /// lost in both directions, and every read and write of either end, waiting or to come, fails
    /// with connection_reset until that end is closed.
    void reset() noexcept;

    /// How many bytes were written here and not read by the other end yet.
    [[nodiscard]] std::size_t unread_by_peer() const noexcept;

private:
    friend std::pair<memory_stream, memory_stream> memory_stream_pair(std::size_t capacity);

    struct connection {
        explicit connection(std::size_t capacity);
        detail::memory_pipe pipes[2];
    };

    memory_stream(std::shared_ptr<connection> both, std::size_t side) noexcept;

    [[nodiscard]] detail::memory_pipe* incoming() const noexcept {
        return connection_ ? &connection_->pipes[side_] : nullptr;
    }
    [[nodiscard]] detail::memory_pipe* outgoing() const noexcept {
        return connection_ ? &connection_->pipes[1 - side_] : nullptr;
    }
    void expect_nobody_waits() const noexcept;

    std::shared_ptr<connection> connection_;
    std::size_t side_ = 0;
};

/// Makes two connected ends.
///
///     auto [client, server] = memory_stream_pair();
///
/// Returns       the two ends; each holds up to `capacity` bytes that the other has not read.
/// Errors        std::bad_alloc: the memory for both directions is allocated here.
[[nodiscard]] std::pair<memory_stream, memory_stream> memory_stream_pair(
    std::size_t capacity = 65536);

}  // namespace simul
