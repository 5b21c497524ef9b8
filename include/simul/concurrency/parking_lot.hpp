// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/parking_lot.hpp: the one wait queue that every synchronisation primitive uses.
//
// Waiters stand in the order in which they came, and are woken in that order. Whoever wakes one
// hands it what it waits for in the same step, so that nobody who comes later can take it first,
// and a waiter that is cancelled afterwards gives it back (see the rules in coro/awaitable.hpp).
#pragma once

#include <cstddef>

#include "simul/base/intrusive_list.hpp"
#include "simul/runtime/leaf.hpp"

namespace simul {

/// One place in a parking_lot; the base of the operations that wait there.
class parked : public list_hook<parked> {
public:
    /// Called when this waiter is woken; it has left the lot.
    using woken_function = void (*)(parked&) noexcept;

    explicit parked(woken_function woken) noexcept : woken_{woken} {}

private:
    friend class parking_lot;
    woken_function woken_;
};

/// Waiters in the order of their arrival.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait in it when it is destroyed; checked.
/// Source        Trio's ParkingLot; WebKit's locking library, which named it.
class parking_lot {
public:
    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The one who waits longest. There must be one.
    [[nodiscard]] parked& front() noexcept { return waiting_.front(); }

    void park(parked& waiter) noexcept {
        waiting_.push_back(waiter);
        ++size_;
    }

    /// Takes a waiter out without waking it.
    void leave(parked& waiter) noexcept {
        waiter.unlink();
        --size_;
    }

    /// The same for one that may have left before.
    void leave_if_parked(parked& waiter) noexcept {
        if (waiter.linked()) leave(waiter);
    }

    /// Wakes one who waits in it, out of turn.
    void wake(parked& waiter) noexcept {
        leave(waiter);
        waiter.woken_(waiter);
    }

    /// Wakes the one who waits longest.
    ///
    /// Returns       false if nobody waits.
    bool wake_one() noexcept {
        if (size_ == owed_) return false;
        ++owed_;
        // A woken one that was too late passes its turn on inside woken_: the loop below us on the
        // stack wakes the next, so that many of them in a row do not nest.
        if (is_waking_) return true;
        is_waking_ = true;
        while (owed_ != 0) {
            parked& first = *waiting_.pop_front();
            --owed_;
            --size_;
            first.woken_(first);
        }
        is_waking_ = false;
        return true;
    }

    /// Wakes everybody who waits now.
    void wake_all() noexcept {
        for (std::size_t left = size_; left != 0; --left) wake_one();
    }

private:
    intrusive_list<parked> waiting_;
    std::size_t size_ = 0;
    std::size_t owed_ = 0;  // how many of them are to be woken by the loop in wake_one()
    bool is_waking_ = false;
};

namespace detail {

/// The one who waits longest in a lot of Operations and is not about to be stopped. Those before it
/// leave the lot, so an operation must see in its request whether it is still there.
///
/// Returns       nullptr if there is none.
template <class Operation>
Operation* first_live(parking_lot& lot) noexcept {
    while (!lot.empty()) {
        auto& first = static_cast<Operation&>(lot.front());
        if (!first.is_doomed()) return &first;
        lot.leave(first);
    }
    return nullptr;
}

/// A leaf that waits in a lot and ends when it is woken.
class parked_leaf : public leaf, public parked {
public:
    /// `kind` asks by way of interrupt().
    parked_leaf(parking_lot& lot, const wait_kind& kind) noexcept
        : leaf{kind}, parked{&woken}, lot_{lot} {}

protected:
    static void interrupt(cancellable& self) noexcept {
        auto& waiting = static_cast<parked_leaf&>(self);
        waiting.lot_.leave(waiting);
        waiting.finish(notice::stopped);
    }

    /// Begins to wait at the end of the lot; answers pending or stopped.
    started park(waiter& self) noexcept {
        if (!begin(self)) return started::stopped;
        lot_.park(*this);
        return started::pending;
    }

    /// True once it was woken.
    [[nodiscard]] bool was_woken() const noexcept { return was_woken_; }

private:
    static void woken(parked& self) noexcept {
        auto& waiting = static_cast<parked_leaf&>(self);
        waiting.was_woken_ = true;
        waiting.finish(notice::queue);
    }

    parking_lot& lot_;
    bool was_woken_ = false;
};

}  // namespace detail

}  // namespace simul
