// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/task_group.hpp: several tasks that run at once and end together.
//
// Reading order: task_group and with_task_group are the contract; how a child is kept is in
// detail/child.hpp, how a group ends in detail/group.hpp.
#pragma once

#include <concepts>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/detail/group.hpp"
#include "simul/concurrency/detail/start_child.hpp"
#include "simul/concurrency/group_options.hpp"
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
    task_group() : task_group{group_options{}} {}
    explicit task_group(start_policy start) : task_group{group_options{}.start(start)} {}

    /// Errors        std::bad_alloc, if the options give a grace period.
    explicit task_group(const group_options& options) : core_{options} {}

    /// Adds a child. It is queued and begins in the next pass of the loop, or at once if it is to
    /// start eagerly; before run() it waits for run(). In a group that was cancelled the child is
    /// refused: it is destroyed unstarted, and its handle says cancelled.
    ///
    /// Returns       a handle to wait for this child or to cancel it; may be dropped.
    /// Errors        std::bad_alloc: one allocation besides the task's own frame.
    /// Complexity    O(1).
    template <class Result>
    task_handle<Result> spawn(task<Result> child, spawn_options options = {}) {
        return core_.spawn_task(std::move(child), std::move(options), detail::child_kind::regular);
    }

    /// Calls `make` now and adds the task it returns. The callable is kept alive as long as the
    /// task, so a lambda with captures is safe here. If it has a member function
    /// take_error(const std::exception_ptr&), that is given the child's error instead of the group,
    /// which then goes on; what it throws is the group's.
    template <class Make>
        requires detail::task_factory<Make>
    auto spawn(Make make, spawn_options options = {}) {
        return core_.spawn_callable(std::move(make), std::move(options),
                                    detail::child_kind::regular);
    }

    /// Adds a child that serves the others: a writer of logs, a pool that is kept warm. It begins
    /// before them and is not waited for. When the body and every other child have ended, in
    /// whichever way, services are cancelled one after the other, the newest first, each when the
    /// one before has ended; requests from outside do not reach them sooner. One that fails cancels
    /// the group like any child. The limit of the group does not count them.
    ///
    /// Returns       a handle, as for spawn.
    /// Errors        std::bad_alloc, as for spawn.
    /// Complexity    O(1).
    /// Source        asked for as python-trio/trio#1521.
    template <class Result>
    task_handle<Result> spawn_service(task<Result> service, spawn_options options = {}) {
        return core_.spawn_task(std::move(service), std::move(options),
                                detail::child_kind::service);
    }
    template <class Make>
        requires detail::task_factory<Make>
    auto spawn_service(Make make, spawn_options options = {}) {
        return core_.spawn_callable(std::move(make), std::move(options),
                                    detail::child_kind::service);
    }

    /// Spawns a child and waits until it says that it is ready: that it listens, that it is
    /// connected. Until then it belongs to the call: its error is thrown here and does not concern
    /// the group, and cancelling the call cancels it. From then on it is a child of the group.
    ///
    ///     const int port = co_await group.start([&](readiness<int>& ready) -> task<> {
    ///         auto listener = co_await listen();
    ///         ready.set(listener.port());
    ///         co_await serve(listener);
    ///     });
    ///
    /// The group must be running, so this is for bodies of with_task_group and for children; it
    /// stays open as long as the call goes on.
    ///
    /// Returns       what the child gave to readiness::set().
    /// Errors        the child's error, if it fails before it is ready; errc::never_ready if it
    ///               ends without having been.
    /// Suspends      unless the child gets ready without suspending.
    /// Cancellation  partial. The request goes to the child, if it is not ready yet, and the call
    ///               ends when it has ended. A child that has become ready goes on.
    /// Threads       the loop's thread.
    /// Lifetime      `make` is kept as long as the child.
    /// Complexity    O(1); one allocation besides the child's frame.
    /// Source        Trio's nursery.start and task_status.started.
    template <class Make>
    [[nodiscard]] auto start(Make make, spawn_options options = {}) {
        return detail::start_child_awaitable<Make>{core_, std::move(make), std::move(options)};
    }

    /// Asks every child to end. Afterwards spawn refuses, and run() returns normally once all have
    /// ended: being cancelled by its owner is not an error.
    ///
    /// Returns       true if this call cancelled it.
    bool cancel(cancel_reason reason = cancel_reason::requested,
                std::source_location where = std::source_location::current()) noexcept {
        return core_.cancel(reason, where);
    }

    /// The children, services too, that had not ended when the grace period was over.
    [[nodiscard]] const std::vector<slow_task>& slow_tasks() const noexcept {
        return core_.slow_tasks();
    }

    /// Children that have not ended yet, without services.
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
    with_task_group_awaitable(const group_options& options, Body&& body)
        : body_{std::forward<Body>(body)}, options_{options} {}
    auto operator co_await() && {
        return detail::with_group_operation<Body>{options_, std::forward<Body>(body_)};
    }

private:
    Body body_;
    group_options options_;
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
    return with_task_group_awaitable<Body>{group_options{}, std::forward<Body>(body)};
}

/// The same with options for the group.
///
/// Returns       what the body's task returns.
/// Errors        as without options; std::bad_alloc if they give a grace period.
/// Suspends      unless body and children end without suspending.
/// Cancellation  partial, as without options.
/// Threads       the loop's thread.
/// Lifetime      `body` is kept until the call has ended: an lvalue is referenced.
/// Complexity    O(1) for each child; besides their frames one allocation for each.
template <class Body>
    requires std::invocable<Body&, task_group&>
[[nodiscard]] auto with_task_group(const group_options& options, Body&& body) {
    return with_task_group_awaitable<Body>{options, std::forward<Body>(body)};
}

}  // namespace simul

#include "simul/concurrency/detail/with_group.hpp"
