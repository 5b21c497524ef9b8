// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/semaphore.hpp: a number of permits to hand out.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "simul/concurrency/parking_lot.hpp"

namespace simul {

class semaphore;

/// Holds one permit of a semaphore and returns it when destroyed. Move-only.
///
/// Threads       the loop's thread.
class [[nodiscard("the permit goes back when it is destroyed")]] semaphore_permit {
public:
    semaphore_permit(semaphore_permit&& other) noexcept
        : source_{std::exchange(other.source_, nullptr)} {}
    semaphore_permit& operator=(semaphore_permit&& other) noexcept;
    ~semaphore_permit() { release(); }

    /// Returns the permit now.
    void release() noexcept;

    /// Keeps the permit out of circulation for good: the semaphore has one less.
    void forget() noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return source_ != nullptr; }

private:
    friend class semaphore;
    explicit semaphore_permit(semaphore& source) noexcept : source_{&source} {}

    semaphore* source_;
};

namespace detail {

class semaphore_operation : public parked_leaf {
public:
    explicit semaphore_operation(semaphore& wanted) noexcept;
    ~semaphore_operation() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    semaphore_permit take() noexcept;
    bool give_back() noexcept;

private:
    static constexpr wait_kind kind{&parked_leaf::interrupt, "a permit of a semaphore"};

    semaphore& wanted_;
    bool took_at_once_ = false;
    bool taken_ = false;
};

}  // namespace detail

/// What semaphore::acquire returns.
class [[nodiscard("co_await it")]] semaphore_awaitable {
public:
    explicit semaphore_awaitable(semaphore& wanted) noexcept : wanted_{wanted} {}
    auto operator co_await() const noexcept { return detail::semaphore_operation{wanted_}; }

private:
    semaphore& wanted_;
};

/// What a semaphore tells of itself.
struct semaphore_statistics {
    semaphore_statistics() noexcept = default;

    std::size_t permits = 0;
    std::size_t held = 0;
    std::size_t waiting = 0;
};

/// Lets at most so many tasks at once do something.
///
///     semaphore_permit permit = co_await downloads.acquire();
///     co_await fetch(url);
///
/// Permits are handed over in the order of arrival: while somebody waits, nobody overtakes. Their
/// number may be changed at any time, to zero as well, which stops all newcomers.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait for it, or hold a permit, when it is destroyed.
/// Source        asyncio.Semaphore and BoundedSemaphore, trio.CapacityLimiter: a permit can only be
///               returned once, and may be held by whoever has the object.
class semaphore {
public:
    /// Makes a semaphore with so many permits.
    explicit semaphore(std::size_t permits) noexcept : permits_{permits} {}

    /// Waits for a permit.
    ///
    /// Returns       semaphore_permit, which returns it.
    /// Errors        none.
    /// Suspends      if none is available.
    /// Cancellation  clean. A permit that was handed over while the request was on its way goes to
    ///               the next waiter.
    /// Threads       the loop's thread.
    /// Lifetime      the semaphore must outlive the permit.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] semaphore_awaitable acquire() noexcept { return semaphore_awaitable{*this}; }

    /// Takes a permit if one is available.
    [[nodiscard]] std::optional<semaphore_permit> try_acquire() noexcept {
        if (!try_take()) return std::nullopt;
        return semaphore_permit{*this};
    }

    /// Adds permits.
    void release(std::size_t permits = 1) noexcept { set_permits(permits_ + permits); }

    /// Changes how many permits there are. If more are held, the first that are returned go.
    ///
    /// Complexity    O(tasks that are let in).
    void set_permits(std::size_t permits) noexcept {
        permits_ = permits;
        hand_out();
    }

    /// How many permits there are, how many of them are held, and how many are free.
    [[nodiscard]] std::size_t permits() const noexcept { return permits_; }
    [[nodiscard]] std::size_t held() const noexcept { return held_; }
    [[nodiscard]] std::size_t available() const noexcept {
        return permits_ > held_ ? permits_ - held_ : 0;
    }

    /// The number of tasks that wait.
    [[nodiscard]] std::size_t waiting() const noexcept { return lot_.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] semaphore_statistics statistics() const noexcept {
        semaphore_statistics answer;
        answer.permits = permits_;
        answer.held = held_;
        answer.waiting = waiting();
        return answer;
    }

private:
    friend class semaphore_permit;
    friend class detail::semaphore_operation;

    static semaphore_permit make_permit(semaphore& source) noexcept {
        return semaphore_permit{source};
    }

    bool try_take() noexcept {
        if (available() == 0) return false;
        ++held_;
        return true;
    }

    void take_back() noexcept {
        --held_;
        hand_out();
    }

    void hand_out() noexcept {
        while (try_take()) {
            if (lot_.wake_one()) continue;
            --held_;
            return;
        }
    }

    parking_lot lot_;
    std::size_t permits_;
    std::size_t held_ = 0;
};

inline void semaphore_permit::forget() noexcept {
    if (semaphore* source = std::exchange(source_, nullptr)) {
        if (source->permits_ != 0) --source->permits_;
        --source->held_;
    }
}

inline void semaphore_permit::release() noexcept {
    if (semaphore* source = std::exchange(source_, nullptr)) source->take_back();
}

inline semaphore_permit& semaphore_permit::operator=(semaphore_permit&& other) noexcept {
    if (this != &other) {
        release();
        source_ = std::exchange(other.source_, nullptr);
    }
    return *this;
}

namespace detail {

inline semaphore_operation::semaphore_operation(semaphore& wanted) noexcept
    : parked_leaf{wanted.lot_, kind}, wanted_{wanted} {}

inline started semaphore_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    took_at_once_ = wanted_.try_take();
    return took_at_once_ ? started::done : park(self);
}

inline semaphore_permit semaphore_operation::take() noexcept {
    taken_ = true;
    return semaphore::make_permit(wanted_);
}

inline bool semaphore_operation::give_back() noexcept {
    if (!taken_ && (took_at_once_ || was_woken())) {
        taken_ = true;
        wanted_.take_back();
    }
    return true;
}

}  // namespace detail

}  // namespace simul
