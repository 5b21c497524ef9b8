// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/shared_mutex.hpp: many readers or one writer, across awaits.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "simul/concurrency/parking_lot.hpp"

namespace simul {

class shared_mutex;

namespace detail {
class shared_mutex_operation;

enum class lock_mode : unsigned char { shared, exclusive };
}  // namespace detail

/// Holds a shared_mutex, in the mode in which it was acquired, and releases it when destroyed.
/// Move-only.
///
/// Threads       the loop's thread.
class [[nodiscard("the mutex is released when the guard is destroyed")]] shared_mutex_guard {
public:
    shared_mutex_guard(shared_mutex_guard&& other) noexcept
        : held_{std::exchange(other.held_, nullptr)}, mode_{other.mode_} {}
    shared_mutex_guard& operator=(shared_mutex_guard&& other) noexcept;
    ~shared_mutex_guard() { release(); }

    /// Releases the mutex now.
    void release() noexcept;

    /// False after release() or when moved from.
    [[nodiscard]] explicit operator bool() const noexcept { return held_ != nullptr; }

private:
    friend class shared_mutex;
    friend class detail::shared_mutex_operation;
    shared_mutex_guard(shared_mutex& held, detail::lock_mode mode) noexcept
        : held_{&held}, mode_{mode} {}

    shared_mutex* held_;
    detail::lock_mode mode_;
};

namespace detail {

class shared_mutex_operation : public leaf, public parked {
public:
    shared_mutex_operation(shared_mutex& wanted, lock_mode mode) noexcept
        : leaf{kind}, parked{&woken}, wanted_{wanted}, mode_{mode} {}
    ~shared_mutex_operation() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    shared_mutex_guard take() noexcept {
        holds_ = false;
        return shared_mutex_guard{wanted_, mode_};
    }
    bool give_back() noexcept;

private:
    friend class simul::shared_mutex;
    static void woken(parked& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a shared mutex"};

    shared_mutex& wanted_;
    lock_mode mode_;
    bool holds_ = false;
};

}  // namespace detail

/// What shared_mutex::acquire and acquire_shared return.
class [[nodiscard("co_await it")]] shared_mutex_awaitable {
public:
    shared_mutex_awaitable(shared_mutex& wanted, detail::lock_mode mode) noexcept
        : wanted_{wanted}, mode_{mode} {}
    auto operator co_await() const noexcept {
        return detail::shared_mutex_operation{wanted_, mode_};
    }

private:
    shared_mutex& wanted_;
    detail::lock_mode mode_;
};

/// What a shared_mutex tells of itself.
struct shared_mutex_statistics {
    shared_mutex_statistics() noexcept = default;

    bool has_writer = false;
    std::size_t readers = 0;
    std::size_t waiting = 0;  ///< for either mode
};

/// Lets many tasks read, or one task write, in sections that await in the middle.
///
///     shared_mutex_guard guard = co_await table.acquire_shared();   // with other readers
///     shared_mutex_guard guard = co_await table.acquire();          // alone
///
/// Tasks enter in the order of arrival, those who read together: a reader who comes while a writer
/// waits stands behind him, so neither side can starve the other. It is not recursive: a reader who
/// acquires it again while a writer waits, waits for ever.
///
/// Threads       the loop's thread.
/// Lifetime      must be neither held nor waited for when it is destroyed.
/// Source        std::shared_mutex; tokio::sync::RwLock for the order.
class shared_mutex {
public:
    shared_mutex() noexcept = default;
    shared_mutex(const shared_mutex&) = delete;
    shared_mutex& operator=(const shared_mutex&) = delete;
    ~shared_mutex() { SIMUL_ASSERT(!is_held(), "a shared_mutex was destroyed while it was held"); }

    /// Waits until nobody else holds it.
    ///
    /// Returns       shared_mutex_guard, which releases it.
    /// Errors        none.
    /// Suspends      if it is held in either mode.
    /// Cancellation  clean. If it was handed over while the request was on its way, it is passed on
    ///               to the next waiter. Readers behind a writer who stops waiting enter at once.
    /// Threads       the loop's thread.
    /// Lifetime      the mutex must outlive the guard.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] shared_mutex_awaitable acquire() noexcept {
        return shared_mutex_awaitable{*this, detail::lock_mode::exclusive};
    }

    /// Waits until no writer holds it or waits for it.
    ///
    /// Returns       shared_mutex_guard, which releases it.
    /// Errors        none.
    /// Suspends      if a writer holds it or somebody waits.
    /// Cancellation  clean, as for acquire.
    /// Threads       the loop's thread.
    /// Lifetime      the mutex must outlive the guard.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] shared_mutex_awaitable acquire_shared() noexcept {
        return shared_mutex_awaitable{*this, detail::lock_mode::shared};
    }

    /// Takes it alone, or with other readers, if that is possible at once.
    [[nodiscard]] std::optional<shared_mutex_guard> try_acquire() noexcept {
        return try_acquire(detail::lock_mode::exclusive);
    }
    [[nodiscard]] std::optional<shared_mutex_guard> try_acquire_shared() noexcept {
        return try_acquire(detail::lock_mode::shared);
    }

    [[nodiscard]] bool is_held() const noexcept { return has_writer_ || readers_ != 0; }
    [[nodiscard]] bool is_held_exclusively() const noexcept { return has_writer_; }

    /// The number of tasks that read, and that wait for either mode.
    [[nodiscard]] std::size_t readers() const noexcept { return readers_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return lot_.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] shared_mutex_statistics statistics() const noexcept {
        shared_mutex_statistics answer;
        answer.has_writer = has_writer_;
        answer.readers = readers_;
        answer.waiting = waiting();
        return answer;
    }

private:
    friend class shared_mutex_guard;
    friend class detail::shared_mutex_operation;

    std::optional<shared_mutex_guard> try_acquire(detail::lock_mode mode) noexcept {
        if (!try_lock(mode)) return std::nullopt;
        return shared_mutex_guard{*this, mode};
    }

    bool try_lock(detail::lock_mode mode) noexcept {
        if (next_waiting() != nullptr || !admits(mode)) return false;
        enter(mode);
        return true;
    }

    [[nodiscard]] bool admits(detail::lock_mode mode) const noexcept {
        return mode == detail::lock_mode::shared ? !has_writer_ : !is_held();
    }

    void enter(detail::lock_mode mode) noexcept {
        if (mode == detail::lock_mode::shared) {
            ++readers_;
        } else {
            has_writer_ = true;
        }
    }

    void unlock(detail::lock_mode mode) noexcept {
        if (mode == detail::lock_mode::shared) {
            --readers_;
        } else {
            has_writer_ = false;
        }
        admit_waiting();
    }

    // Who is about to be stopped is passed over: one that gave it back at once would let in the
    // next from inside, and many of them in a row would nest.
    detail::shared_mutex_operation* next_waiting() noexcept {
        return detail::first_live<detail::shared_mutex_operation>(lot_);
    }

    // Lets in who waits longest, and all behind who may enter with him.
    void admit_waiting() noexcept {
        while (detail::shared_mutex_operation* const first = next_waiting()) {
            if (!admits(first->mode_)) return;
            enter(first->mode_);
            lot_.wake(*first);
        }
    }

    parking_lot lot_;
    std::size_t readers_ = 0;
    bool has_writer_ = false;
};

inline void shared_mutex_guard::release() noexcept {
    if (shared_mutex* held = std::exchange(held_, nullptr)) held->unlock(mode_);
}

inline shared_mutex_guard& shared_mutex_guard::operator=(shared_mutex_guard&& other) noexcept {
    if (this != &other) {
        release();
        held_ = std::exchange(other.held_, nullptr);
        mode_ = other.mode_;
    }
    return *this;
}

namespace detail {

inline started shared_mutex_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    holds_ = wanted_.try_lock(mode_);
    if (holds_) return started::done;
    static_cast<void>(begin(self));  // the scope was asked above
    wanted_.lot_.park(*this);
    return started::pending;
}

inline bool shared_mutex_operation::give_back() noexcept {
    if (std::exchange(holds_, false)) wanted_.unlock(mode_);
    return true;
}

inline void shared_mutex_operation::woken(parked& self) noexcept {
    auto& waiting = static_cast<shared_mutex_operation&>(self);
    waiting.holds_ = true;
    waiting.finish(notice::queue);
}

inline void shared_mutex_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<shared_mutex_operation&>(self);
    waiting.wanted_.lot_.leave_if_parked(waiting);
    waiting.wanted_.admit_waiting();
    waiting.finish(notice::stopped);
}

}  // namespace detail

}  // namespace simul
