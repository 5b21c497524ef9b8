// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/mutex.hpp: one task at a time, across awaits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "simul/concurrency/parking_lot.hpp"
#include "simul/coro/task_context.hpp"

namespace simul {

class mutex;

namespace detail {
class mutex_operation;
class condition_operation;
}  // namespace detail

/// Holds a mutex and releases it when destroyed. Move-only.
///
/// Threads       the loop's thread.
class [[nodiscard("the mutex is released when the guard is destroyed")]] mutex_guard {
public:
    mutex_guard(mutex_guard&& other) noexcept : held_{std::exchange(other.held_, nullptr)} {}
    mutex_guard& operator=(mutex_guard&& other) noexcept;
    ~mutex_guard() { release(); }

    /// Releases the mutex now.
    void release() noexcept;

    /// False after release() or when moved from.
    [[nodiscard]] explicit operator bool() const noexcept { return held_ != nullptr; }

private:
    friend class mutex;
    friend class detail::mutex_operation;
    friend class detail::condition_operation;
    explicit mutex_guard(mutex& held) noexcept : held_{&held} {}

    mutex* held_;
};

namespace detail {

/// The wait for a mutex that is held.
class mutex_wait : public parked_leaf {
public:
    explicit mutex_wait(mutex& wanted) noexcept;

    using parked_leaf::park;
    using parked_leaf::was_woken;

    /// The number of the task that waits.
    [[nodiscard]] std::uint64_t task() const noexcept {
        return number_of(waiting().scope->context());
    }

private:
    static std::uint64_t awaited_task(const cancellable& self) noexcept;
    static constexpr wait_kind kind{&parked_leaf::interrupt, "a mutex", &awaited_task};

    mutex& wanted_;
};

class mutex_operation {
public:
    explicit mutex_operation(mutex& wanted) noexcept : wanted_{wanted} {}
    ~mutex_operation() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    mutex_guard take() noexcept;
    bool give_back() noexcept;

private:
    mutex& wanted_;
    bool holds_ = false;              // took it at once, and has not passed it on yet
    std::optional<mutex_wait> wait_;  // most find it free, and need none
};

}  // namespace detail

/// What mutex::acquire returns.
class [[nodiscard("co_await it")]] mutex_awaitable {
public:
    explicit mutex_awaitable(mutex& wanted) noexcept : wanted_{wanted} {}
    auto operator co_await() const noexcept { return detail::mutex_operation{wanted_}; }

private:
    mutex& wanted_;
};

/// What a mutex tells of itself.
struct mutex_statistics {
    mutex_statistics() noexcept = default;

    bool is_held = false;
    std::uint64_t owner = 0;  ///< see mutex::owner()
    std::size_t waiting = 0;
};

/// Mutual exclusion between tasks of one loop, for sections that await in the middle. A section
/// that does not await needs none: tasks interleave only where they suspend.
///
///     mutex_guard guard = co_await stock.acquire();
///     co_await update(row);                          // nobody else is in here
///
/// It is handed over in the order of arrival; a task that comes later cannot overtake one that was
/// woken. It is not recursive.
///
/// Threads       the loop's thread.
/// Lifetime      must be neither held nor waited for when it is destroyed.
/// Source        asyncio.Lock, trio.StrictFIFOLock.
class mutex {
public:
    /// Waits for the mutex.
    ///
    /// Returns       mutex_guard, which releases it.
    /// Errors        none.
    /// Suspends      if it is held.
    /// Cancellation  clean. If it was handed over while the request was on its way, it is passed on
    ///               to the next waiter.
    /// Threads       the loop's thread.
    /// Lifetime      the mutex must outlive the guard.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] mutex_awaitable acquire() noexcept { return mutex_awaitable{*this}; }

    /// Takes the mutex if it is free.
    ///
    /// Returns       a guard, or nothing if it is held.
    [[nodiscard]] std::optional<mutex_guard> try_acquire() noexcept {
        if (!try_lock()) return std::nullopt;
        owner_ = detail::number_of(detail::find_current_context());
        return mutex_guard{*this};
    }

    [[nodiscard]] bool is_held() const noexcept { return is_held_; }

    /// The this_task::number() of the task that holds it: of the one that acquired it, also when
    /// the guard has moved to another since. 0 if nobody does, if it is being handed over, and if
    /// it was acquired outside of tasks.
    [[nodiscard]] std::uint64_t owner() const noexcept { return owner_; }

    /// The number of tasks that wait.
    [[nodiscard]] std::size_t waiting() const noexcept { return lot_.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] mutex_statistics statistics() const noexcept {
        mutex_statistics answer;
        answer.is_held = is_held_;
        answer.owner = owner_;
        answer.waiting = waiting();
        return answer;
    }

private:
    friend class mutex_guard;
    friend class detail::mutex_operation;
    friend class detail::mutex_wait;
    friend class detail::condition_operation;

    bool try_lock() noexcept {
        if (is_held_) return false;
        is_held_ = true;
        return true;
    }

    // Stays held if somebody waits: it is theirs from this moment.
    void unlock() noexcept {
        owner_ = 0;
        if (!lot_.wake_one()) is_held_ = false;
    }

    parking_lot lot_;
    std::uint64_t owner_ = 0;
    bool is_held_ = false;
};

inline void mutex_guard::release() noexcept {
    if (mutex* held = std::exchange(held_, nullptr)) held->unlock();
}

inline mutex_guard& mutex_guard::operator=(mutex_guard&& other) noexcept {
    if (this != &other) {
        release();
        held_ = std::exchange(other.held_, nullptr);
    }
    return *this;
}

namespace detail {

inline mutex_wait::mutex_wait(mutex& wanted) noexcept
    : parked_leaf{wanted.lot_, kind}, wanted_{wanted} {}

inline std::uint64_t mutex_wait::awaited_task(const cancellable& self) noexcept {
    return static_cast<const mutex_wait&>(self).wanted_.owner();
}

inline started mutex_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    holds_ = wanted_.try_lock();
    if (!holds_) return wait_.emplace(wanted_).park(self);
    wanted_.owner_ = number_of(self.scope->context());
    return started::done;
}

inline mutex_guard mutex_operation::take() noexcept {
    if (wait_) wanted_.owner_ = wait_->task();
    wait_.reset();
    holds_ = false;
    return mutex_guard{wanted_};
}

inline bool mutex_operation::give_back() noexcept {
    if (holds_ || (wait_ && wait_->was_woken())) {
        holds_ = false;
        wait_.reset();
        wanted_.unlock();
    }
    return true;
}

}  // namespace detail

}  // namespace simul
