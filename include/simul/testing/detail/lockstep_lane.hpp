// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/detail/lockstep_lane.hpp: one direction of a lockstep_stream, which holds no bytes.
//
// Invariants
//   1. Bytes go from the writer's memory to the reader's as soon as both are there, so a reader and
//      a writer wait both only while one of them is doomed.
//   2. A writer waits until its last byte was taken, a reader until it got its first.
//   3. A closed direction has nobody waiting in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "simul/io/detail/stream_result.hpp"
#include "simul/runtime/leaf.hpp"

namespace simul::testing::detail {

class lockstep_operation;

/// What one end does with a lane.
enum class lane_side : unsigned char { reading, writing };

class lockstep_lane {
public:
    lockstep_lane() noexcept = default;
    lockstep_lane(const lockstep_lane&) = delete;
    lockstep_lane& operator=(const lockstep_lane&) = delete;

    /// Does what can be done now. True if that is all, and the operation has its result.
    bool attempt(lockstep_operation& request) noexcept;

    /// The writer says that nothing follows. A result as of the operations.
    std::ptrdiff_t shut_down() noexcept;

    void close(lane_side side) noexcept;

    [[nodiscard]] bool has_input() const noexcept {
        return waiting(lane_side::writing) != nullptr || is_ended_ || closed(lane_side::writing) ||
               closed(lane_side::reading);
    }
    [[nodiscard]] bool closed(lane_side side) const noexcept { return is_closed_[index(side)]; }
    [[nodiscard]] lockstep_operation* waiting(lane_side side) const noexcept {
        return waiting_[index(side)];
    }
    void set_waiting(lane_side side, lockstep_operation* who) noexcept {
        waiting_[index(side)] = who;
    }

private:
    static std::size_t index(lane_side side) noexcept { return static_cast<std::size_t>(side); }
    bool transfer(lockstep_operation& writer, lockstep_operation& reader) noexcept;
    void end_wait(lane_side side, std::ptrdiff_t result) noexcept;

    std::array<lockstep_operation*, 2> waiting_{};
    std::array<bool, 2> is_closed_{};
    bool is_ended_ = false;
};

/// A read or a write. On a lane that is nullptr, as of a stream that was moved from, it is closed.
class lockstep_operation : public leaf {
public:
    lockstep_operation(lockstep_lane* on, lane_side side, std::byte* data,
                       std::size_t size) noexcept
        : leaf{kind}, data_{data}, size_{size}, lane_{on}, side_{side} {}

    started start(waiter& self) noexcept;
    [[nodiscard]] std::size_t take() const { return simul::detail::take_stream_result(result_); }

private:
    friend class lockstep_lane;

    void complete(std::ptrdiff_t result) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "the other side of a stream"};

    std::byte* data_;
    std::size_t size_;
    std::size_t moved_ = 0;
    lockstep_lane* lane_;
    std::ptrdiff_t result_ = simul::detail::stream_closed;
    lane_side side_;
};

class lockstep_shutdown_operation {
public:
    explicit lockstep_shutdown_operation(lockstep_lane* on) noexcept : lane_{on} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        if (lane_ != nullptr) result_ = lane_->shut_down();
        return started::done;
    }
    void take() const { static_cast<void>(simul::detail::take_stream_result(result_)); }

private:
    lockstep_lane* lane_;
    std::ptrdiff_t result_ = simul::detail::stream_closed;
};

}  // namespace simul::testing::detail
