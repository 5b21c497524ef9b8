// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/timeout.hpp: a limit of time around anything that can be awaited.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/base/time.hpp"
#include "simul/concurrency/deadline.hpp"
#include "simul/coro/cancellation.hpp"
#include "simul/coro/detail/frame.hpp"
#include "simul/coro/detail/result_slot.hpp"
#include "simul/runtime/timer.hpp"

namespace simul {

namespace detail {

/// What the limit of a time-out is: a duration from its start, a point in time, or one that can be
/// moved.
class limit_of_time {
public:
    explicit limit_of_time(duration from_start) noexcept : from_start_{from_start} {}
    explicit limit_of_time(time_point when) noexcept : when_{when}, is_point_{true} {}
    explicit limit_of_time(deadline& movable) noexcept : movable_{&movable}, is_point_{true} {}

private:
    friend class time_limit;

    union {
        duration from_start_;
        time_point when_;
    };
    deadline* movable_ = nullptr;
    bool is_point_ = false;
};

/// The scope and timer of a time-out, without the type of what it limits.
class time_limit : public waiter, public timer {
public:
    time_limit(handler respond, limit_of_time limit) noexcept
        : waiter{respond}, timer{&expire}, limit_{limit} {}

    /// For a limit that can be moved, while it is in force.
    void move_to(time_point when) noexcept;

protected:
    enum class entry : unsigned char { entered, stopped, expired };

    /// Enters the scope and arms the timer.
    entry begin(waiter& self) noexcept;

    /// Leaves the scope and disarms the timer.
    void end() noexcept;

    /// True if the limit passed and no request came from outside: this time-out owns the stop.
    [[nodiscard]] bool owns_stop() const noexcept { return expired_ && !up->scope->is_cancelled(); }

    [[nodiscard]] bool has_expired() const noexcept { return expired_; }

    limited_scope own_scope_;
    bool timed_out_ = false;

private:
    static void expire(timer& self) noexcept;

    limit_of_time limit_;
    bool expired_ = false;
};

template <class Awaitable>
class timeout_operation : public time_limit {
protected:
    using inner = operation_of<Awaitable>;

public:
    timeout_operation(limit_of_time limit, Awaitable&& awaited)
        : time_limit{&respond, limit}, inner_(make_operation(std::forward<Awaitable>(awaited))) {}

    started start(waiter& self) noexcept {
        switch (begin(self)) {
            case entry::stopped: return started::stopped;
            case entry::expired: timed_out_ = true; return started::done;
            case entry::entered: break;
        }
        const started answer = inner_.start(*this);
        if (answer != started::pending) end();
        return answer;
    }

    decltype(auto) take() {
        if (timed_out_) throw timed_out{};
        return inner_.take();
    }

    /// When the outer scope is cancelled after the inner operation has completed.
    bool give_back() noexcept
        requires requires(inner& operation) { operation.give_back(); }
    {
        return !timed_out_ && inner_.give_back();
    }

protected:
    inner inner_;

private:
    static void respond(waiter& self, notice what) noexcept {
        auto& operation = static_cast<timeout_operation&>(self);
        operation.end();
        if (what != notice::stopped && operation.own_scope_.is_cancelled()) {
            // The result was first, but the request is there: some results go back.
            if constexpr (requires(inner& ended) { ended.give_back(); }) {
                if (operation.inner_.give_back()) what = notice::stopped;
            }
        }
        if (what == notice::stopped && operation.owns_stop()) {
            operation.timed_out_ = true;
            what = notice::now;
        }
        operation.up->notify(what);
    }
};

template <class Awaitable>
class move_on_operation : public timeout_operation<Awaitable> {
    using result = await_result_t<Awaitable>;

public:
    using timeout_operation<Awaitable>::timeout_operation;

    auto take() -> std::optional<storable_t<result>> {
        static_assert(!std::is_reference_v<result>,
                      "move_on_after holds its result in an optional: return a pointer instead");
        if (this->timed_out_) return std::nullopt;
        return take_storable(this->inner_);
    }
};

}  // namespace detail

/// What timeout returns.
template <class Awaitable>
class [[nodiscard("co_await it")]] timeout_awaitable {
public:
    timeout_awaitable(detail::limit_of_time limit, Awaitable&& awaited)
        : limit_{limit}, awaited_{std::forward<Awaitable>(awaited)} {}
    auto operator co_await() && {
        return detail::timeout_operation<Awaitable>{limit_, std::forward<Awaitable>(awaited_)};
    }

private:
    detail::limit_of_time limit_;
    Awaitable awaited_;
};

/// What move_on_after returns.
template <class Awaitable>
class [[nodiscard("co_await it")]] move_on_awaitable {
public:
    move_on_awaitable(detail::limit_of_time limit, Awaitable&& awaited)
        : limit_{limit}, awaited_{std::forward<Awaitable>(awaited)} {}
    auto operator co_await() && {
        return detail::move_on_operation<Awaitable>{limit_, std::forward<Awaitable>(awaited_)};
    }

private:
    detail::limit_of_time limit_;
    Awaitable awaited_;
};

/// Awaits `awaited`, for at most `limit`. When the limit passes the work is cancelled, and the call
/// ends when the work has really ended.
///
///     auto page = co_await timeout(10s, fetch(url));
///
/// A result that was there first is returned even if the limit has passed meanwhile. Use
/// move_on_after when running out of time is no error.
///
/// Returns       what `awaited` gives.
/// Errors        timed_out if the limit passed; with a limit of zero or less the work is not even
///               started. Whatever `awaited` throws.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is. A request from outside is passed on, also when the
///               limit has passed too.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced.
/// Complexity    O(1); allocates nothing.
/// Source        asyncio.timeout; Trio's fail_after.
template <class Rep, class Period, awaitable Awaitable>
[[nodiscard]] auto timeout(std::chrono::duration<Rep, Period> limit, Awaitable&& awaited) {
    return timeout_awaitable<Awaitable>{detail::limit_of_time{saturating_duration(limit)},
                                        std::forward<Awaitable>(awaited)};
}

/// The same with a limit that can be moved while `awaited` goes on.
///
/// Returns       what `awaited` gives.
/// Errors        timed_out if the limit passed; if it had passed before, the work is not started.
///               Whatever `awaited` throws.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is.
/// Threads       the loop's thread.
/// Lifetime      `limit` must outlive the call. An rvalue `awaited` is moved in, an lvalue
///               referenced.
/// Complexity    O(1); allocates nothing.
/// Source        asyncio.timeout_at and Timeout.reschedule.
template <awaitable Awaitable>
[[nodiscard]] auto timeout(deadline& limit, Awaitable&& awaited) {
    return timeout_awaitable<Awaitable>{detail::limit_of_time{limit},
                                        std::forward<Awaitable>(awaited)};
}

/// Awaits `awaited`, until `when` at the latest on the loop's clock.
///
/// Returns       what `awaited` gives.
/// Errors        timed_out if the time came; if it has passed, the work is not started. Whatever
///               `awaited` throws.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced.
/// Complexity    O(1); allocates nothing.
/// Source        asyncio.timeout_at, Trio's fail_at.
template <awaitable Awaitable>
[[nodiscard]] auto timeout_at(time_point when, Awaitable&& awaited) {
    return timeout_awaitable<Awaitable>{detail::limit_of_time{when},
                                        std::forward<Awaitable>(awaited)};
}

/// Awaits `awaited`, for at most `limit`, and goes on without a result if the limit passes.
///
/// Returns       std::optional of the result, empty if the limit passed; std::monostate stands for
///               void.
/// Errors        whatever `awaited` throws.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced.
/// Complexity    O(1); allocates nothing.
/// Source        Trio's move_on_after.
template <class Rep, class Period, awaitable Awaitable>
[[nodiscard]] auto move_on_after(std::chrono::duration<Rep, Period> limit, Awaitable&& awaited) {
    return move_on_awaitable<Awaitable>{detail::limit_of_time{saturating_duration(limit)},
                                        std::forward<Awaitable>(awaited)};
}

/// The same with a limit that can be moved while `awaited` goes on.
///
/// Returns       std::optional of the result, empty if the limit passed; std::monostate stands for
///               void.
/// Errors        whatever `awaited` throws.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is.
/// Threads       the loop's thread.
/// Lifetime      `limit` must outlive the call. An rvalue `awaited` is moved in, an lvalue
///               referenced.
/// Complexity    O(1); allocates nothing.
/// Source        Trio's CancelScope with a mutable deadline.
template <awaitable Awaitable>
[[nodiscard]] auto move_on_after(deadline& limit, Awaitable&& awaited) {
    return move_on_awaitable<Awaitable>{detail::limit_of_time{limit},
                                        std::forward<Awaitable>(awaited)};
}

/// Awaits `awaited`, until `when` at the latest on the loop's clock, and goes on without a result
/// then.
///
/// Returns       std::optional of the result, empty if the time came; std::monostate stands for
///               void.
/// Errors        whatever `awaited` throws.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced.
/// Complexity    O(1); allocates nothing.
/// Source        Trio's move_on_at.
template <awaitable Awaitable>
[[nodiscard]] auto move_on_at(time_point when, Awaitable&& awaited) {
    return move_on_awaitable<Awaitable>{detail::limit_of_time{when},
                                        std::forward<Awaitable>(awaited)};
}

}  // namespace simul
