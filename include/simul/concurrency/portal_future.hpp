// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/portal_future.hpp: the result of a task on another thread.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "simul/base/assert.hpp"
#include "simul/concurrency/detail/portal_state.hpp"

namespace simul {

template <class Result>
class portal_future;

namespace detail {

template <class Type>
struct unwrapped_task {
    using type = Type;
};
template <class Result>
struct unwrapped_task<task<Result>> {
    using type = Result;
};

template <class Function, class Result>
struct continued {
    using returned = std::invoke_result_t<Function&, Result>;
};
template <class Function>
struct continued<Function, void> {
    using returned = std::invoke_result_t<Function&>;
};

template <class Function, class Result>
using continued_t = typename unwrapped_task<typename continued<Function, Result>::returned>::type;

template <class Function, class... Value>
auto call_or_await(Function& function, Value&&... value)
    -> task<typename unwrapped_task<std::invoke_result_t<Function&, Value...>>::type> {
    using returned = std::invoke_result_t<Function&, Value...>;
    if constexpr (std::is_same_v<returned, typename unwrapped_task<returned>::type>) {
        co_return std::invoke(function, std::forward<Value>(value)...);
    } else {
        co_return co_await std::invoke(function, std::forward<Value>(value)...);
    }
}

template <class Result, class Function>
task<continued_t<Function, Result>> continue_with(portal_state<Result>& earlier,
                                                  Function& function) {
    co_await earlier.ended().wait();
    if constexpr (std::is_void_v<Result>) {
        earlier.take();
        co_return co_await call_or_await(function);
    } else {
        Result value = earlier.take();
        co_return co_await call_or_await(function, static_cast<Result&&>(value));
    }
}

/// Makes the task of portal_future::then. If that ends first, because it was cancelled, the earlier
/// one is cancelled too.
template <class Result, class Function>
class continuation {
public:
    continuation(std::shared_ptr<portal_state<Result>> earlier, Function&& function)
        : earlier_{std::move(earlier)}, function_{std::move(function)} {}
    continuation(continuation&& other) noexcept = default;
    continuation& operator=(continuation&&) = delete;
    ~continuation() {
        if (earlier_ != nullptr) earlier_->cancel();
    }

    auto operator()() { return continue_with(*earlier_, function_); }

private:
    std::shared_ptr<portal_state<Result>> earlier_;
    Function function_;
};

}  // namespace detail

/// The result of a task that was sent to another thread; what blocking_portal::submit returns.
///
/// A view, like task_handle: dropping it changes nothing for the task. An error that nobody asked
/// for goes to the unhandled-error handler when the future is dropped and the task has ended.
///
/// Threads       any, one at a time; cancel() while another thread waits is fine. Waiting on the
///               thread of the task's loop would never end; checked.
/// Lifetime      may outlive the portal.
/// Source        concurrent.futures.Future as anyio's portals and unsync use it.
template <class Result = void>
class [[nodiscard("drop it by .detach() if nobody waits")]] portal_future {
public:
    /// An empty one.
    portal_future() noexcept = default;

    /// False after get(), then(), or detach(), and for one that was moved from.
    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

    /// True once the task has ended, in whichever way.
    [[nodiscard]] bool done() const noexcept { return state().is_done(); }

    /// Blocks until the task has ended.
    void wait() const noexcept { state().wait(); }

    /// Blocks until the task has ended, but not longer than `limit`.
    ///
    /// Returns       true if the task has ended.
    [[nodiscard]] bool wait_for(duration limit) const noexcept { return state().wait_for(limit); }

    /// Blocks until the task has ended; the future is empty then.
    ///
    /// Returns       the task's result, moved out.
    /// Errors        the task's error, with its own type; cancelled if the task was stopped, with
    ///               the reason requested (by cancel()) or shutdown (by the end of the portal).
    Result get() {
        state().wait();
        const std::shared_ptr<detail::portal_state<Result>> ended = std::move(state_);
        return ended->take();
    }

    /// Asks the task to end. If it does, get() throws cancelled; if it had a result, or ends with
    /// one all the same, get() returns that. Does nothing for a task that has ended.
    ///
    /// Complexity    O(1); allocates nothing.
    void cancel() noexcept { state().cancel(); }

    /// Calls `function` with the task's result, on the thread of its loop, when the task has ended;
    /// this future is empty then. If `function` returns a task, that is run. Errors and
    /// cancellation are passed on, and cancelling the new future cancels the task.
    ///
    ///     auto size = portal.submit(fetch, url).then([](std::string page) { return page.size();
    ///     });
    ///
    /// Returns       a portal_future of what `function` returns, or of its task's result.
    /// Errors        closed if the portal takes no more work; std::bad_alloc. Then this task is
    ///               cancelled.
    /// Lifetime      `function` is kept until the new future's task has ended.
    /// Source        Unfuture.then of Python's unsync.
    template <class Function>
    auto then(Function function) {
        using next = detail::continued_t<Function, Result>;
        const std::shared_ptr<detail::loop_door> door = state().door();
        detail::continuation<Result, Function> following{std::move(state_), std::move(function)};
        return portal_future<next>{detail::send_through(door, std::move(following))};
    }

    /// Drops the future; the task goes on.
    void detach() noexcept { state_.reset(); }

private:
    template <class>
    friend class portal_future;
    friend class blocking_portal;

    explicit portal_future(std::shared_ptr<detail::portal_state<Result>> state) noexcept
        : state_{std::move(state)} {}

    [[nodiscard]] detail::portal_state<Result>& state() const noexcept {
        SIMUL_ASSERT(state_ != nullptr,
                     "a portal_future was used that is empty: its result was taken before");
        return *state_;
    }

    std::shared_ptr<detail::portal_state<Result>> state_;
};

}  // namespace simul
