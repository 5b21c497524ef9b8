// SPDX-License-Identifier: Apache-2.0
//
// simul/io/detail/memory_pipe.hpp: one direction of a memory_stream, and what waits for it.
//
// Invariants
//   1. A reader waits only while the pipe is empty, a writer only while it is full; so they never
//      wait both.
//   2. Bytes are moved when they become available, not in the turn of who waits for them: who comes
//      later cannot take them first.
//   3. A closed direction has nobody waiting in it.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "simul/io/detail/stream_result.hpp"
#include "simul/runtime/leaf.hpp"

namespace simul::detail {

class memory_operation;

/// What one end does with a pipe.
enum class pipe_side : unsigned char { reading, writing };

class memory_pipe {
public:
    explicit memory_pipe(std::size_t capacity);
    memory_pipe(const memory_pipe&) = delete;
    memory_pipe& operator=(const memory_pipe&) = delete;

    /// A count, an error, or would_block.
    std::ptrdiff_t attempt(const memory_operation& request) noexcept;

    /// Ends the other side's wait if it can go on now.
    void wake(pipe_side side) noexcept;

    /// The writer says that nothing follows. A result as of attempt().
    std::ptrdiff_t shut_down() noexcept;

    /// One side is closed, or the connection is lost: whoever waits is told.
    void close(pipe_side side) noexcept;
    void reset() noexcept;

    [[nodiscard]] bool has_input() const noexcept {
        return filled_ != 0 || is_ended_ || is_reset_ || closed(pipe_side::writing) ||
               closed(pipe_side::reading);
    }
    [[nodiscard]] bool closed(pipe_side side) const noexcept { return at(side).is_closed; }
    [[nodiscard]] std::size_t filled() const noexcept { return filled_; }
    void limit(pipe_side side, std::size_t most) noexcept { at(side).most = most; }

    memory_operation*& waiting(pipe_side side) noexcept { return at(side).waiting; }

    static constexpr std::ptrdiff_t would_block = std::numeric_limits<std::ptrdiff_t>::min();

private:
    struct side_state {
        memory_operation* waiting = nullptr;
        std::size_t most = std::numeric_limits<std::size_t>::max();  // bytes in one transfer
        bool is_closed = false;
    };

    side_state& at(pipe_side side) noexcept { return sides_[static_cast<std::size_t>(side)]; }
    const side_state& at(pipe_side side) const noexcept {
        return sides_[static_cast<std::size_t>(side)];
    }
    std::ptrdiff_t fill(const std::byte* from, std::size_t size) noexcept;
    std::ptrdiff_t drain(std::byte* into, std::size_t size) noexcept;

    // A ring: `filled_` bytes beginning at `first_`.
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_;
    std::size_t first_ = 0;
    std::size_t filled_ = 0;
    bool is_ended_ = false;  // after what is in it comes the end
    bool is_reset_ = false;
    std::array<side_state, 2> sides_;
};

/// A read or a write. On a pipe that is nullptr, as of a stream that was moved from, it is closed.
class memory_operation : public leaf {
public:
    memory_operation(memory_pipe* on, pipe_side side, std::byte* data, std::size_t size) noexcept
        : leaf{kind}, data_{data}, size_{size}, pipe_{on}, side_{side} {}

    started start(waiter& self) noexcept;
    [[nodiscard]] std::size_t take() const { return take_stream_result(result_); }

    /// It has come to its turn in the pipe.
    void complete(std::ptrdiff_t result) noexcept;

    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] pipe_side side() const noexcept { return side_; }

private:
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "the other side of a stream"};

    std::byte* data_;
    std::size_t size_;
    memory_pipe* pipe_;
    std::ptrdiff_t result_ = stream_closed;
    pipe_side side_;
};

class memory_shutdown_operation {
public:
    explicit memory_shutdown_operation(memory_pipe* on) noexcept : pipe_{on} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        if (pipe_ != nullptr) result_ = pipe_->shut_down();
        return started::done;
    }
    void take() const { static_cast<void>(take_stream_result(result_)); }

private:
    memory_pipe* pipe_;
    std::ptrdiff_t result_ = stream_closed;
};

}  // namespace simul::detail
