// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/sleep.hpp: waiting for time to pass, and giving the others a turn.
#pragma once

#include "simul/base/time.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/timer.hpp"

namespace simul {

namespace detail {

class yield_operation : public waiter {
public:
    yield_operation() noexcept : waiter{&respond} {}

    started start(waiter& self) noexcept;
    static void take() noexcept {}

    /// There is nothing to give back: who is cancelled before its turn comes has not gone on.
    static bool give_back() noexcept { return true; }

private:
    static void respond(waiter& self, notice what) noexcept;
};

class sleep_operation : public leaf, public timer {
public:
    explicit sleep_operation(time_point when) noexcept : leaf{kind}, timer{&expire, when} {}

    started start(waiter& self) noexcept;
    static void take() noexcept {}

private:
    static void expire(timer& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a time"};
};

/// Keeps the delay where the deadline will be.
class sleep_for_operation : public sleep_operation {
public:
    explicit sleep_for_operation(duration delay) noexcept : sleep_operation{time_point{delay}} {}

    started start(waiter& self) noexcept;
};

}  // namespace detail

/// What sleep_until returns.
class [[nodiscard("co_await it")]] sleep_until_awaitable {
public:
    explicit sleep_until_awaitable(time_point deadline) noexcept : deadline_{deadline} {}
    auto operator co_await() const noexcept { return detail::sleep_operation{deadline_}; }

private:
    time_point deadline_;
};

/// What sleep_for returns.
class [[nodiscard("co_await it")]] sleep_for_awaitable {
public:
    explicit sleep_for_awaitable(duration delay) noexcept : delay_{delay} {}
    auto operator co_await() const noexcept { return detail::sleep_for_operation{delay_}; }

private:
    duration delay_;
};

/// What yield_now returns.
class [[nodiscard("co_await it")]] yield_awaitable {
public:
    yield_awaitable() noexcept = default;
    auto operator co_await() const noexcept { return detail::yield_operation{}; }
};

/// Waits until the loop's clock has reached `deadline`, never less. As with every wait of the
/// system it may be more by the thread's timer slack, 50 microseconds unless prctl(2) was told
/// otherwise.
///
/// time_point::max() waits until it is cancelled.
///
/// Errors        none.
/// Suspends      always; a deadline that has passed already costs one turn, like yield_now.
/// Cancellation  clean. The timer is gone at once.
/// Threads       the loop's thread.
/// Complexity    O(1) to arm and to cancel; allocates nothing.
[[nodiscard]] inline sleep_until_awaitable sleep_until(time_point deadline) noexcept {
    return sleep_until_awaitable{deadline};
}

/// Waits for `delay`, counted from the await, never less; see sleep_until. Several tasks whose
/// delays end at the same time continue in the order in which they began to wait.
///
/// Infinite and unrepresentably long delays wait until they are cancelled. Zero, negative and NaN
/// delays give the other tasks one turn, like yield_now.
///
/// Errors        none.
/// Suspends      always.
/// Cancellation  clean. The timer is gone at once.
/// Threads       the loop's thread.
/// Complexity    O(1) to arm and to cancel; allocates nothing.
/// Source        asyncio.sleep, except that it is never early.
template <class Rep, class Period>
[[nodiscard]] sleep_for_awaitable sleep_for(std::chrono::duration<Rep, Period> delay) noexcept {
    return sleep_for_awaitable{saturating_duration(delay)};
}

/// Lets every other task that is ready have its turn, then continues.
///
/// Errors        none.
/// Suspends      always, for one pass of the loop.
/// Cancellation  clean.
/// Threads       the loop's thread.
/// Complexity    O(1); allocates nothing and makes no system call.
/// Source        asyncio.sleep(0).
[[nodiscard]] inline yield_awaitable yield_now() noexcept {
    return yield_awaitable{};
}

}  // namespace simul
