// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/watch.hpp: one value that changes, and tasks that want to know the latest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/parking_lot.hpp"

namespace simul {

template <class Value>
class watch;

namespace detail {

/// The part of a watch that does not know the value.
struct watch_state {
    [[nodiscard]] bool has_news(std::uint64_t seen) const noexcept {
        return version != seen || is_closed;
    }

    parking_lot lot;
    std::uint64_t version = 0;
    bool is_closed = false;
};

class watch_operation : public parked_leaf {
public:
    watch_operation(watch_state& watched, std::uint64_t& seen) noexcept
        : parked_leaf{watched.lot, kind}, watched_{watched}, seen_{seen} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        return watched_.has_news(seen_) ? started::done : park(self);
    }
    void take() {
        if (watched_.version == seen_) throw closed{};
        seen_ = watched_.version;
    }
    static bool give_back() noexcept { return true; }  // it is still news to the next who asks

private:
    static constexpr wait_kind kind{&parked_leaf::interrupt, "a change"};

    watch_state& watched_;
    std::uint64_t& seen_;
};

}  // namespace detail

/// What watch_reader::changed returns.
class [[nodiscard("co_await it")]] watch_awaitable {
public:
    watch_awaitable(detail::watch_state& watched, std::uint64_t& seen) noexcept
        : watched_{watched}, seen_{seen} {}
    auto operator co_await() const noexcept { return detail::watch_operation{watched_, seen_}; }

private:
    detail::watch_state& watched_;
    std::uint64_t& seen_;
};

/// Follows a watch. What it has seen is its own; copies go on from the same point.
///
/// Threads       the loop's thread.
/// Lifetime      the watch must outlive it.
template <class Value>
class watch_reader {
public:
    /// Waits until there is a value that this reader has not seen.
    ///
    ///     while (true) {
    ///         co_await settings.changed();
    ///         apply(settings.value());      // the latest; what came between is never seen
    ///     }
    ///
    /// Errors        closed, once the watch is closed and its last value has been seen.
    /// Suspends      unless there is one.
    /// Cancellation  clean. A change that came while the request was on its way is still unseen.
    /// Threads       the loop's thread.
    /// Lifetime      reader and watch must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] watch_awaitable changed() noexcept {
        return watch_awaitable{watched_->state_, seen_};
    }

    /// The latest value. Whether it counts as seen does not change.
    [[nodiscard]] const Value& value() const noexcept { return watched_->value(); }

    /// True if changed() would not wait.
    [[nodiscard]] bool has_changed() const noexcept { return watched_->state_.has_news(seen_); }

private:
    friend class watch<Value>;
    explicit watch_reader(watch<Value>& watched) noexcept
        : watched_{&watched}, seen_{watched.state_.version} {}

    watch<Value>* watched_;
    std::uint64_t seen_;
};

/// What a watch tells of itself.
struct watch_statistics {
    watch_statistics() noexcept = default;

    std::uint64_t version = 0;  ///< how often it was set
    std::size_t waiting = 0;
    bool is_closed = false;
};

/// A value with an owner who sets it, and readers who are told that it has changed. Unlike a
/// channel it keeps the latest value only, so that nobody ever waits for a slow reader.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait for it when it is destroyed.
/// Source        tokio::sync::watch.
template <class Value>
class watch {
public:
    explicit watch(Value initial = Value{}) : value_{std::move(initial)} {}
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;

    /// Replaces the value and wakes the readers who wait.
    ///
    /// Complexity    O(waiting readers).
    void set(Value value) {
        value_ = std::move(value);
        announce();
    }

    /// Changes the value in place, and wakes the readers who wait if `change` returns true.
    template <class Change>
    void modify(Change change) {
        if (change(value_)) announce();
    }

    /// Sets no more: readers who have seen the last value get closed.
    void close() noexcept {
        state_.is_closed = true;
        state_.lot.wake_all();
    }

    /// A reader who has seen the present value.
    [[nodiscard]] watch_reader<Value> subscribe() noexcept { return watch_reader<Value>{*this}; }

    [[nodiscard]] const Value& value() const noexcept { return value_; }

    /// The number of tasks that wait for a change.
    [[nodiscard]] std::size_t waiting() const noexcept { return state_.lot.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] watch_statistics statistics() const noexcept {
        watch_statistics answer;
        answer.version = state_.version;
        answer.waiting = waiting();
        answer.is_closed = state_.is_closed;
        return answer;
    }

private:
    friend class watch_reader<Value>;

    void announce() noexcept {
        SIMUL_ASSERT(!state_.is_closed, "a watch was set after it was closed");
        ++state_.version;
        state_.lot.wake_all();
    }

    detail::watch_state state_;
    Value value_;
};

}  // namespace simul
