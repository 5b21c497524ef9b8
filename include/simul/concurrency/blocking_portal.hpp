// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/blocking_portal.hpp: from plain threads into the world of tasks.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "simul/concurrency/portal_future.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

/// A thread with a loop on it, for programs that are not asynchronous themselves.
///
///     simul::blocking_portal portal;
///     std::string page = portal.call(fetch, url);                     // blocks
///     auto other = portal.submit([&] { return fetch(other_url); });   // does not
///     std::cout << page << other.get();
///
/// The tasks are children of the loop's outermost group, and begin in the order in which they were
/// sent. A program whose main() can be a task wants run() instead; a blocking function that a task
/// has sent away by offload(), and that needs its loop again, call_from_thread(). A task of another
/// loop that has to wait for a portal does so in offload(), or its loop stands still.
///
/// What async_trace() knows of an error stays on the portal's thread.
///
/// Threads       any, every call. Signals are not handled on the portal's thread.
/// Lifetime      the destructor calls stop(). Every other call must have returned by then, and it
///               must not run on the portal's own thread.
/// Source        anyio's BlockingPortal and start_blocking_portal.
class blocking_portal {
public:
    /// Starts the thread, and returns when its loop can be used.
    ///
    /// Errors        std::system_error if there is no thread to be had, or no loop as asked for;
    ///               errc::unavailable for the simulated backend, where nothing may depend on other
    ///               threads.
    explicit blocking_portal(const loop_options& options = {});
    blocking_portal(const blocking_portal&) = delete;
    blocking_portal& operator=(const blocking_portal&) = delete;
    ~blocking_portal();

    /// Calls `make(arguments...)` on the portal's thread and runs the task that it returns.
    /// Function and arguments are kept as long as the task, so a lambda with captures is safe here,
    /// and a coroutine may take its parameters by reference.
    ///
    /// Returns       a portal_future for the task's result.
    /// Errors        closed after request_stop() or stop(); std::bad_alloc.
    /// Lifetime      function and arguments are moved to the other thread; pass std::ref for a
    ///               reference, which must stay valid until the task has ended.
    /// Complexity    O(1); five allocations besides the task's own frame.
    template <class Make, class... Arguments>
        requires detail::task_maker<Make, Arguments...>
    auto submit(Make make, Arguments... arguments)
        -> portal_future<detail::made_result_t<Make, Arguments...>> {
        using result = detail::made_result_t<Make, Arguments...>;
        detail::bound_call<Make, Arguments...> bound{std::move(make), std::move(arguments)...};
        return portal_future<result>{detail::send_through(door_, std::move(bound))};
    }

    /// The same, and blocks until the task has ended. Not on the portal's own thread, which would
    /// wait for itself; checked.
    ///
    /// Returns       the task's result.
    /// Errors        as for submit; the task's error, with its own type; cancelled if it was
    ///               stopped, for example by the end of the portal.
    template <class Make, class... Arguments>
        requires detail::task_maker<Make, Arguments...>
    auto call(Make make, Arguments... arguments) -> detail::made_result_t<Make, Arguments...> {
        return submit(std::move(make), std::move(arguments)...).get();
    }

    /// Calls `work` on the portal's thread. What it throws goes to the unhandled-error handler.
    ///
    /// Errors        closed after request_stop() or stop(); std::bad_alloc.
    void post(std::move_only_function<void()> work);

    /// Takes no more work, and cancels what runs. Does not wait, and may be called by a task of the
    /// portal. Idempotent.
    void request_stop() noexcept;

    /// The same, and blocks until everything has ended. That takes as long as the tasks take to
    /// clean up: work in shield(), and functions in offload() that do not listen to their token,
    /// are waited for. Idempotent. Not on the portal's own thread; checked.
    void stop() noexcept;

    /// True on the portal's own thread.
    [[nodiscard]] bool is_own_thread() const noexcept;

private:
    class worker;

    std::shared_ptr<detail::loop_door> door_;
    std::unique_ptr<worker> worker_;
};

/// Runs a task on a loop that runs already, from another thread, and blocks until it has ended: for
/// functions that a task has sent away by offload() and that need the loop again.
///
///     co_await offload([&loop = loop::current()](std::string line) {
///         for (auto& word : split(line)) call_from_thread(loop, look_up, word);
///     }, line);
///
/// Never on the loop's own thread, which would wait for itself; checked. That includes functions in
/// offload() on the simulated backend. The task is a child of the outermost group of the loop's
/// run(): it is not cancelled with the task that called offload(), but when the main task ends.
///
/// Returns       the task's result.
/// Errors        the task's error, with its own type; cancelled if it was stopped; std::bad_alloc.
/// Threads       any but the loop's.
/// Lifetime      the loop must be inside run() and outlive the call, as it does for functions in
///               offload(); function and arguments are kept as long as the task.
/// Source        trio.from_thread.run, anyio.from_thread.run.
template <class Make, class... Arguments>
    requires detail::task_maker<Make, Arguments...>
auto call_from_thread(loop& running, Make make, Arguments... arguments)
    -> detail::made_result_t<Make, Arguments...> {
    const auto door = std::make_shared<detail::loop_door>();
    door->open(running);
    detail::bound_call<Make, Arguments...> bound{std::move(make), std::move(arguments)...};
    SIMUL_ASSERT(!door->is_inside(),
                 "call_from_thread was called on the thread of the loop, which would wait for "
                 "itself: co_await the task there instead");
    const auto sent = detail::send_through(door, std::move(bound));
    sent->wait();
    return sent->take();
}

}  // namespace simul
