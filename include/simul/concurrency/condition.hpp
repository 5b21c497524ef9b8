// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/condition.hpp: wait, under a mutex, for somebody to change something.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include "simul/concurrency/mutex.hpp"
#include "simul/coro/task.hpp"

namespace simul {

class condition;

namespace detail {

/// Waits for a notification, then for the mutex. It ends only when it holds the mutex again,
/// whichever way it ends: the guard of the caller is valid on every path.
//
//      waiting ──notified──▶ acquiring ──────────▶ done
//         │                      │
//         └──────cancelled───────┴──▶ acquiring to stop ──▶ stopped
class condition_operation : public leaf, public parked {
public:
    condition_operation(parking_lot& lot, mutex_guard& guard) noexcept
        : leaf{kind}, parked{&woken}, lot_{lot}, guard_{guard}, mutex_{*guard.held_} {}

    started start(waiter& self) noexcept;
    static void take() noexcept {}
    bool give_back() noexcept;

private:
    enum class phase : unsigned char { waiting, acquiring, acquiring_to_stop, ended };

    static void woken(parked& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a condition"};
    void acquire() noexcept;
    void own() noexcept;

    parking_lot& lot_;
    mutex_guard& guard_;
    mutex& mutex_;
    phase phase_ = phase::waiting;
};

}  // namespace detail

/// What condition::wait returns.
class [[nodiscard("co_await it")]] condition_awaitable {
public:
    condition_awaitable(parking_lot& lot, mutex_guard& guard) noexcept : lot_{lot}, guard_{guard} {}
    auto operator co_await() const noexcept { return detail::condition_operation{lot_, guard_}; }

private:
    parking_lot& lot_;
    mutex_guard& guard_;
};

/// What a condition tells of itself.
struct condition_statistics {
    condition_statistics() noexcept = default;

    std::size_t waiting = 0;  ///< to be notified
};

/// Lets tasks wait until something that a mutex protects has changed.
///
///     mutex_guard guard = co_await mutex.acquire();
///     while (stock == 0) co_await restocked.wait(guard);
///
/// A queue or an event is simpler where it fits. Notify while holding the mutex.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait for it when it is destroyed.
/// Source        asyncio.Condition.
class condition {
public:
    /// Releases the mutex, waits to be notified, and acquires the mutex again.
    ///
    /// Errors        none. The guard must hold a mutex; checked.
    /// Suspends      always.
    /// Cancellation  clean. The mutex is acquired again before the call ends, by a stop too, so a
    ///               time-out around it finds the guard valid. A notification that arrived while
    ///               the request was on its way is passed on to the next waiter.
    /// Threads       the loop's thread.
    /// Lifetime      condition, guard and mutex must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] condition_awaitable wait(mutex_guard& guard) noexcept {
        SIMUL_ASSERT(static_cast<bool>(guard),
                     "condition::wait needs a guard that holds its mutex");
        return condition_awaitable{lot_, guard};
    }

    /// Waits until `holds` is true; it is asked under the mutex, first at once.
    ///
    /// Errors        what `holds` throws.
    /// Suspends      unless `holds` is true at once.
    /// Cancellation  clean, as for wait.
    /// Threads       the loop's thread.
    /// Lifetime      condition, guard and mutex must outlive the call.
    /// Source        asyncio.Condition.wait_for.
    template <std::predicate Predicate>
    task<> wait(mutex_guard& guard, Predicate holds) {
        while (!holds()) co_await wait(guard);
    }

    /// Wakes the task that has waited longest, or `count` of them.
    void notify(std::size_t count = 1) noexcept {
        while (count-- != 0 && lot_.wake_one()) {
        }
    }

    /// Wakes everybody who waits.
    void notify_all() noexcept { lot_.wake_all(); }

    /// The number of tasks that wait to be notified.
    [[nodiscard]] std::size_t waiting() const noexcept { return lot_.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] condition_statistics statistics() const noexcept {
        condition_statistics answer;
        answer.waiting = waiting();
        return answer;
    }

private:
    parking_lot lot_;
};

}  // namespace simul
