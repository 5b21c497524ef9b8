// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/cores.hpp: one program on several cores, a loop on each.
//
// A task stays on the loop where it began, so nothing that belongs to one loop needs a lock. What
// the cores have to do with one another goes through core::call, or through an mt::queue.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "simul/concurrency/detail/core_call.hpp"
#include "simul/concurrency/run.hpp"

namespace simul {

/// How run_on_cores() is to behave.
struct cores_options {
    cores_options() noexcept = default;

    /// How many loops; 0 for as many as there are processors that this thread may run on.
    std::size_t count = 0;

    /// Keeps each loop on a processor of its own. Threads and programs that a task starts inherit
    /// that, those of offload() too: for programs that start none.
    bool pin_threads = false;

    /// Gives each loop but the first a table of descriptors of its own. The limit on descriptors
    /// (RLIMIT_NOFILE) is one for each table, so that a server on five loops holds five times as
    /// many connections; count may then well be more than there are processors.
    ///
    /// A descriptor that a program opens exists on its core only, for its offload() threads and for
    /// the programs that it starts; on another core its number names nothing, or something else. So
    /// a blocking_portal that is made on a core is for that core. What was open before is open on
    /// each core, and ends when all have closed it or have ended.
    bool own_descriptors = false;

    /// For each loop. Signals are handled on the first.
    run_options run;
};

namespace detail {

class cores_state;

loop_door& door_of(cores_state& all, std::size_t index) noexcept;

}  // namespace detail

/// What core::call returns.
template <class Make>
class [[nodiscard("co_await it")]] core_call_awaitable {
public:
    core_call_awaitable(detail::loop_door& here, detail::loop_door& there, Make&& make)
        : here_{here}, there_{there}, make_{std::move(make)} {}
    auto operator co_await() && {
        return detail::core_call_operation<Make>{here_, there_, std::move(make_)};
    }

private:
    detail::loop_door& here_;
    detail::loop_door& there_;
    Make make_;
};

/// The core that a task runs on, and the way to the others. run_on_cores() makes them.
///
/// Threads       the thread of its loop.
/// Lifetime      until the program on that core has ended.
class core {
public:
    core(const core&) = delete;
    core& operator=(const core&) = delete;

    /// Which one it is, from 0.
    [[nodiscard]] std::size_t index() const noexcept { return index_; }

    /// How many there are.
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    /// Calls `make(arguments...)` on another core, or on this one, and runs the task it returns.
    ///
    ///     const double sum = co_await here.call(1, add_up, std::move(numbers));
    ///
    /// The task is a child of the outermost group over there, and ends with the program on that
    /// core at the latest. Function and arguments live until the call has ended; what async_trace()
    /// knows of an error stays on the other core.
    ///
    /// Returns       the task's result.
    /// Errors        the task's error, with its own type; closed if that core's program has ended;
    ///               cancelled if it ended while the task ran; std::bad_alloc.
    /// Suspends      always, unless it throws closed.
    /// Cancellation  partial. The request goes to the task, and the call ends when the task has
    ///               ended. If that had a result all the same, the result is delivered.
    /// Threads       the thread of this core's loop; the task runs on the thread of the other.
    /// Lifetime      function and arguments are moved in; pass std::ref for a reference, which the
    ///               other thread may use until the call has ended.
    /// Complexity    O(1); one allocation besides the task's own frame.
    template <class Make, class... Arguments>
        requires detail::task_maker<Make, Arguments...>
    [[nodiscard]] auto call(std::size_t index, Make make, Arguments... arguments) {
        SIMUL_ASSERT(index < count_, "there is no core with this number: they count from 0");
        detail::bound_call<Make, Arguments...> bound{std::move(make), std::move(arguments)...};
        return core_call_awaitable<detail::bound_call<Make, Arguments...>>{
            detail::door_of(all_, index_), detail::door_of(all_, index), std::move(bound)};
    }

private:
    friend class detail::cores_state;
    core(detail::cores_state& all, std::size_t index, std::size_t count) noexcept
        : all_{all}, index_{index}, count_{count} {}

    detail::cores_state& all_;
    std::size_t index_;
    std::size_t count_;
};

namespace detail {

/// A program for each core, without its type.
struct core_program {
    task<> (*begin)(const void* make, core& here);
    const void* make;
};

void run_cores(const core_program& program, const cores_options& options);

}  // namespace detail

/// Runs a program on every core: calls `make` on each, on a loop and a thread of its own, and runs
/// the task that it returns like run() does. The first loop gets the calling thread.
///
///     run_on_cores([](core& here) -> task<> {
///         listen_options shared;
///         shared.reuse_port = true;                  // the system spreads the connections
///         auto listener = tcp_listener::bind({ip_address::any_v4(), 8080}, shared);
///         co_await serve(listener, answer);
///     });
///
/// No program begins before every loop is there. The programs end one by one; the first that fails
/// stops all the others, and so does Ctrl-C. When all have ended, that error is rethrown.
///
/// Errors        the first error of a program, with its own type; those that followed are in
///               suppressed(). cancelled if Ctrl-C stopped them. std::system_error if there is no
///               thread to be had, no loop as asked for, or no memory for a table of descriptors
///               (unshare(2)); errc::unavailable for the simulated backend, where nothing may
///               depend on other threads.
/// Threads       blocks the calling thread. `make` is called on all threads, possibly at once. Not
///               inside a task.
/// Lifetime      `make` is moved in and kept until all have ended.
/// Source        the shared-nothing shape of Seastar and of Go's SO_REUSEPORT servers.
template <class Make>
    requires std::is_invocable_r_v<task<>, const Make&, core&>
void run_on_cores(Make make, const cores_options& options = {}) {
    const detail::core_program program{
        [](const void* kept, core& here) { return (*static_cast<const Make*>(kept))(here); },
        std::addressof(make)};
    detail::run_cores(program, options);
}

}  // namespace simul
