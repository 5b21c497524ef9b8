// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/event.hpp: a flag to wait for.
#pragma once

#include <cstddef>

#include "simul/concurrency/parking_lot.hpp"

namespace simul {

namespace detail {

class event_operation : public parked_leaf {
public:
    event_operation(parking_lot& lot, const bool& is_set) noexcept
        : parked_leaf{lot, kind}, is_set_{is_set} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        return is_set_ ? started::done : park(self);
    }
    static void take() noexcept {}
    static bool give_back() noexcept { return true; }

private:
    static constexpr wait_kind kind{&parked_leaf::interrupt, "an event"};

    const bool& is_set_;
};

}  // namespace detail

/// What event::wait returns.
class [[nodiscard("co_await it")]] event_awaitable {
public:
    event_awaitable(parking_lot& lot, const bool& is_set) noexcept : lot_{lot}, is_set_{is_set} {}
    auto operator co_await() const noexcept { return detail::event_operation{lot_, is_set_}; }

private:
    parking_lot& lot_;
    const bool& is_set_;
};

/// What an event tells of itself.
struct event_statistics {
    event_statistics() noexcept = default;

    bool is_set = false;
    std::size_t waiting = 0;
};

/// A flag that is set once for everybody: "the server is listening", "stop now".
///
/// Whoever waits is woken when it is set, and who comes later does not wait. clear() exists for
/// those who come from asyncio; a condition or a queue is usually what one wants instead, because
/// who was woken cannot know whether the flag is still set.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait for it when it is destroyed.
/// Source        asyncio.Event, trio.Event.
class event {
public:
    /// Sets the flag and wakes everybody who waits, in the order of their arrival.
    ///
    /// Complexity    O(waiters).
    void set() noexcept {
        is_set_ = true;
        lot_.wake_all();
    }

    /// Takes the flag back for those who come later.
    void clear() noexcept { is_set_ = false; }

    [[nodiscard]] bool is_set() const noexcept { return is_set_; }

    /// The number of tasks that wait.
    [[nodiscard]] std::size_t waiting() const noexcept { return lot_.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] event_statistics statistics() const noexcept {
        event_statistics answer;
        answer.is_set = is_set_;
        answer.waiting = waiting();
        return answer;
    }

    /// Waits until the flag is set.
    ///
    /// Errors        none.
    /// Suspends      unless the flag is set.
    /// Cancellation  clean.
    /// Threads       the loop's thread.
    /// Lifetime      the event must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] event_awaitable wait() noexcept { return event_awaitable{lot_, is_set_}; }

private:
    parking_lot lot_;
    bool is_set_ = false;
};

}  // namespace simul
