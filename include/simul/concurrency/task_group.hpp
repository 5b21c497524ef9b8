// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/task_group.hpp: several tasks that run at once and end together.
//
// Reading order: task_group and with_task_group are the contract; how a child is kept is in
// detail/child.hpp, how a group ends in detail/group.hpp.
#pragma once

#include <concepts>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/concurrency/detail/group.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/coro/task.hpp"

namespace simul {

/// A set of tasks with one owner. Nothing it runs outlives it: run() returns after the last child
/// has ended, whichever way it ended.
///
///     task_group group;                                    // children start at the await and may
///     for (auto& url : urls) group.spawn(add(url, sum));   // refer to locals of this function
///     co_await group.run();
///
/// The first child that fails cancels the others; when all have ended, run() rethrows that error
/// with its own type. Use with_task_group for a body that itself waits and spawns, gather when the
/// results are wanted, select when only the first matters.
///
/// Threads       the loop's thread.
/// Lifetime      must not be destroyed while children run; checked. Children spawned into a group
///               that is never run are destroyed with it, unstarted.
class task_group {
public:
    /// `start` says how its children begin, unless their options say otherwise.
    explicit task_group(start_policy start = start_policy::of_loop) noexcept : core_{start} {}

    /// Adds a child. It is queued and begins in the next pass of the loop, or at once if it is to
    /// start eagerly; before run() it waits for run(). In a group that was cancelled the child is refused: it is destroyed unstarted,
    /// and its handle says cancelled.
    ///
    /// Returns       a handle to wait for this child or to cancel it; may be dropped.
    /// Errors        std::bad_alloc: one allocation besides the task's own frame.
    /// Complexity    O(1).
    template <class Result>
    task_handle<Result> spawn(task<Result> child, spawn_options options = {}) {
        return core_.spawn_task(std::move(child), std::move(options));
    }

    /// Calls `make` now and adds the task it returns. The callable is kept alive as long as the
    /// task, so a lambda with captures is safe here.
    template <class Make>
        requires detail::task_factory<Make>
    auto spawn(Make make, spawn_options options = {}) {
        return core_.spawn_callable(std::move(make), std::move(options));
    }

    /// Asks every child to end. Afterwards spawn refuses, and run() returns normally once all have
    /// ended: being cancelled by its owner is not an error.
    ///
    /// Returns       true if this call cancelled it.
    bool cancel(cancel_reason reason = cancel_reason::requested,
                std::source_location where = std::source_location::current()) noexcept {
        return core_.cancel(reason, where);
    }

    /// Children that have not ended yet.
    [[nodiscard]] std::size_t size() const noexcept { return core_.size(); }

    /// True after cancel(), after a failure, or when the group was cancelled from outside.
    [[nodiscard]] bool is_cancelled() const noexcept { return core_.inner_scope().is_cancelled(); }

    /// Starts the children in the order in which they were spawned and waits until all have ended,
    /// with those that are spawned meanwhile. Once for each group.
    ///
    /// Errors        the first child's error, rethrown with its own type after all have ended; the
    ///               ones that followed are in suppressed().
    /// Suspends      unless there are no children.
    /// Cancellation  partial. The request goes to every child, and the call ends when the last one
    ///               has ended. If a child was stopped by it, the call is stopped too.
    /// Threads       the loop's thread.
    /// Lifetime      the group must outlive the call.
    /// Complexity    O(1) for each child; allocates nothing.
    /// Source        asyncio.TaskGroup (Python 3.11) and Trio's nursery.
    [[nodiscard("co_await it")]] auto run() noexcept { return detail::run_group_awaitable{core_}; }

private:
    template <class Body>
    friend class detail::with_group_operation;
    friend class detail::run_driver;

    detail::group core_;
};

/// What with_task_group returns.
template <class Body>
class [[nodiscard("co_await it")]] with_task_group_awaitable {
public:
    explicit with_task_group_awaitable(Body&& body) : body_{std::forward<Body>(body)} {}
    auto operator co_await() && {
        return detail::with_group_operation<Body>{std::forward<Body>(body_)};
    }

private:
    Body body_;
};

/// Opens a group, runs `body` with it, and waits until the body and every child have ended.
///
///     co_await with_task_group([&](task_group& group) -> task<> {
///         while (true) group.spawn(serve(co_await listener.accept()));
///     });
///
/// Children may refer only to what outlives the whole expression: locals of the body are destroyed
/// when the body returns, before the children. If that is not what you need, use a task_group
/// variable and run().
///
/// Returns       what the body's task returns.
/// Errors        the first error, of the body or of a child, rethrown with its own type after all
///               have ended; cancelled if the body was stopped by the group's own cancel() and so
///               has no result (a body without result returns normally instead).
/// Suspends      unless body and children end without suspending.
/// Cancellation  partial. The request goes to the body and every child, and the call ends when the
///               last one has ended. If one of them was stopped by it, the call is stopped too,
///               even if the body had returned.
/// Threads       the loop's thread.
/// Lifetime      `body` is kept until the call has ended: an lvalue is referenced.
/// Complexity    O(1) for each child; besides their frames one allocation for each.
/// Source        Trio's open_nursery.
template <class Body>
    requires std::invocable<Body&, task_group&>
[[nodiscard]] auto with_task_group(Body&& body) {
    return with_task_group_awaitable<Body>{std::forward<Body>(body)};
}

}  // namespace simul

#include "simul/concurrency/detail/with_group.hpp"
