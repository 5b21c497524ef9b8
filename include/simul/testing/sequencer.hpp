// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/sequencer.hpp: makes steps of several tasks happen in a given order.
#pragma once

#include <cstddef>
#include <map>
#include <utility>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"

namespace simul::testing {

/// Orders steps that lie in different tasks.
///
///     sequencer order;
///     // in one task                             // in another
///     auto first = co_await order.step(0);       auto second = co_await order.step(1);
///     …                                          …      // begins when `first` was destroyed
///
/// Steps are numbered from 0 on, without a gap. A step that is given up
/// before it began lets nobody pass, as its part was not done: the steps behind it end with
/// errc::deadlock on the simulated backend, which is what a test wants to know.
///
/// Threads       the loop's thread.
/// Lifetime      must outlive its steps.
/// Source        Trio's Sequencer.
class sequencer {
public:
    /// A step that has begun; it ends when this is destroyed.
    class turn {
    public:
        explicit turn(sequencer& owner) noexcept : owner_{&owner} {}
        turn(turn&& other) noexcept : owner_{std::exchange(other.owner_, nullptr)} {}
        turn& operator=(turn&&) = delete;
        ~turn() {
            if (owner_ != nullptr) owner_->finish_step();
        }

    private:
        sequencer* owner_;
    };

    /// Waits until every step with a smaller number has ended.
    ///
    /// Returns       what ends this step when it is destroyed.
    /// Errors        std::bad_alloc.
    /// Suspends      unless it is this step's turn.
    /// Cancellation  clean: the step has not begun, and those behind it wait on.
    /// Threads       the loop's thread.
    /// Lifetime      the sequencer must outlive the call and the turn.
    /// Complexity    O(log n) with n steps that wait.
    [[nodiscard]] task<turn> step(std::size_t number) {
        SIMUL_ASSERT(number >= next_, "a step of a sequencer was taken twice");
        if (number > next_) co_await events_[number].wait();
        co_return turn{*this};
    }

private:
    void finish_step() noexcept {
        events_.erase(next_);
        const auto following = events_.find(++next_);
        if (following != events_.end()) following->second.set();
    }

    std::size_t next_ = 0;
    std::map<std::size_t, event> events_;
};

}  // namespace simul::testing
