// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/barrier.hpp: tasks wait for one another and go on together.
#pragma once

#include <cstddef>

#include "simul/base/error.hpp"
#include "simul/concurrency/parking_lot.hpp"

namespace simul {

/// Thrown to who waits at a barrier that is reset or aborted.
class broken_barrier : public error {
public:
    broken_barrier() noexcept : error{errc::broken_barrier} {}
};

class barrier;

namespace detail {

class barrier_operation : public leaf, public parked {
public:
    explicit barrier_operation(barrier& where) noexcept
        : leaf{kind}, parked{&woken}, where_{where} {}

    started start(waiter& self) noexcept;
    [[nodiscard]] std::size_t take() const {
        if (is_broken_) throw broken_barrier{};
        return index_;
    }
    static bool give_back() noexcept { return true; }

private:
    friend class simul::barrier;
    static void woken(parked& self) noexcept {
        static_cast<barrier_operation&>(self).finish(notice::queue);
    }
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "others at a barrier"};

    barrier& where_;
    std::size_t index_ = 0;
    bool is_broken_ = false;
};

}  // namespace detail

/// What barrier::wait returns.
class [[nodiscard("co_await it")]] barrier_awaitable {
public:
    explicit barrier_awaitable(barrier& where) noexcept : where_{where} {}
    auto operator co_await() const noexcept { return detail::barrier_operation{where_}; }

private:
    barrier& where_;
};

/// What a barrier tells of itself.
struct barrier_statistics {
    barrier_statistics() noexcept = default;

    std::size_t parties = 0;
    std::size_t waiting = 0;
    bool is_broken = false;
};

/// A line that tasks cross together, again and again: nobody before the last has come.
///
///     const std::size_t place = co_await round_done.wait();
///     if (place == 0) print_round();                         // one of them
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait for it when it is destroyed.
/// Source        asyncio.Barrier. A crossing is over for the barrier when the last one comes, so
///               whoever is early for the next one need not wait until the others have left.
class barrier {
public:
    /// Makes a barrier for so many tasks, at least one.
    explicit barrier(std::size_t parties) noexcept : parties_{parties} {
        SIMUL_ASSERT(parties != 0, "a barrier needs at least one party");
    }

    /// Waits until as many tasks wait as there are parties.
    ///
    /// Returns       the place in the order of arrival, from 0; the last one goes on at once.
    /// Errors        broken_barrier, if it is reset or aborted meanwhile, or has been aborted.
    /// Suspends      unless this is the last one.
    /// Cancellation  clean. The barrier waits for somebody else instead; once the last one has come
    ///               the crossing counts, whoever is stopped then.
    /// Threads       the loop's thread.
    /// Lifetime      the barrier must outlive the call.
    /// Complexity    O(1), O(parties) for the last one; allocates nothing.
    [[nodiscard]] barrier_awaitable wait() noexcept { return barrier_awaitable{*this}; }

    /// Sends those who wait away with broken_barrier and begins anew, also after abort().
    void reset() noexcept {
        send_away();
        is_broken_ = false;
    }

    /// Sends those who wait, and all who come later, away with broken_barrier.
    void abort() noexcept {
        is_broken_ = true;
        send_away();
    }

    [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return lot_.size(); }
    [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }

    /// All of it at once, for reports.
    [[nodiscard]] barrier_statistics statistics() const noexcept {
        barrier_statistics answer;
        answer.parties = parties_;
        answer.waiting = waiting();
        answer.is_broken = is_broken_;
        return answer;
    }

private:
    friend class detail::barrier_operation;

    // Who is about to be stopped does not count, wherever he stands.
    [[nodiscard]] bool is_last() noexcept {
        if (lot_.size() + 1 < parties_) return false;
        for (std::size_t left = lot_.size(); left != 0; --left) {
            auto& first = static_cast<detail::barrier_operation&>(lot_.front());
            lot_.leave(first);
            if (!first.is_doomed()) lot_.park(first);
        }
        return lot_.size() + 1 == parties_;
    }

    void open() noexcept {
        for (std::size_t place = 0; !lot_.empty(); ++place) wake_first(place, false);
    }
    void send_away() noexcept {
        while (!lot_.empty()) wake_first(0, true);
    }
    void wake_first(std::size_t place, bool broken) noexcept {
        auto& first = static_cast<detail::barrier_operation&>(lot_.front());
        first.index_ = place;
        first.is_broken_ = broken;
        lot_.wake(first);
    }

    parking_lot lot_;
    std::size_t parties_;
    bool is_broken_ = false;
};

namespace detail {

inline started barrier_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    is_broken_ = where_.is_broken();
    if (is_broken_) return started::done;
    if (where_.is_last()) {
        index_ = where_.waiting();
        where_.open();
        return started::done;
    }
    static_cast<void>(begin(self));  // the scope was asked above
    where_.lot_.park(*this);
    return started::pending;
}

inline void barrier_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<barrier_operation&>(self);
    waiting.where_.lot_.leave_if_parked(waiting);
    waiting.finish(notice::stopped);
}

}  // namespace detail

}  // namespace simul
