// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/run.hpp: from main() into the world of tasks and back.
#pragma once

#include <exception>
#include <memory>
#include <utility>

#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

/// How run() is to behave.
struct run_options {
    run_options() noexcept = default;

    loop_options loop;

    /// How spawned tasks begin, unless their group or their options say otherwise.
    start_policy start = start_policy::queued;

    /// The first Ctrl-C cancels the main task, with full cleanup; the second ends the process. Off:
    /// SIGINT is left alone. Only the thread that called run() first handles it.
    bool handle_interrupt = true;

    /// SIGTERM does what Ctrl-C does, as whoever runs servers expects it. Off: it ends the process.
    bool handle_termination = false;
};

namespace detail {

/// Drives a loop until the outermost group has ended.
class run_driver : public waiter {
public:
    run_driver(loop& running, task_group& outermost, const run_options& options);
    ~run_driver();

    static group& core(task_group& outermost) noexcept { return outermost.core_; }
    void drive(started answer);

    /// The first half of drive(), for those who iterate the loop themselves until is_done().
    void begin(started answer) noexcept { done_ = answer != started::pending; }
    [[nodiscard]] const bool& is_done() const noexcept { return done_; }

    [[nodiscard]] bool was_interrupted() const noexcept { return interrupted_; }

private:
    loop& loop_;
    const std::string name_{"main"};
    task_context context_;
    task_group& outermost_;
    task_group* previous_;
    bool done_ = false;
    bool interrupted_ = false;
    bool handles_interrupt_ = false;
};

}  // namespace detail

/// Runs `main_task` on a loop that exists already, as run() does.
///
/// Returns       the task's result.
/// Errors        as for run().
/// Threads       the thread of the loop; blocks it.
template <class Result>
Result run_on(loop& running, task<Result> main_task, const run_options& options = {}) {
    task_group outermost;
    detail::run_driver driver{running, outermost, options};
    detail::body_operation<Result> operation{detail::run_driver::core(outermost)};
    operation.cancel_rest_at_end();
    driver.drive(operation.start_body(driver, std::move(main_task)));
    if (driver.was_interrupted() && operation.was_stopped()) {
        detail::run_driver::core(outermost).throw_if_failed();
        throw cancelled{cancel_reason::interrupted};
    }
    return operation.take();
}

/// Runs a task, and everything it starts, to the end: what main() calls.
///
/// Makes a loop, runs `main_task` as the body of the outermost group, cancels what is left in that
/// group when the task has ended, waits for it, and takes the loop down.
///
///     int main() { return simul::run(program()); }
///
/// The first run of a process ignores SIGPIPE, unless the program handles it: writing to a pipe or
/// socket that nobody reads is the error broken_pipe of that write.
///
/// Returns       the task's result.
/// Errors        the task's error, or the first error of the outermost group, with its own type; if
///               nobody catches it, the chain of awaits is printed before the process ends.
///               cancelled if Ctrl-C stopped the task. deadlock, with the wait graph, on the
///               simulated backend if nothing can run any more. std::system_error with
///               errc::unavailable if the backend asked for cannot run.
/// Threads       blocks the calling thread, which becomes the loop's. Not inside a task: await
///               instead.
/// Source        asyncio.run, trio.run.
template <class Result>
Result run(task<Result> main_task, const run_options& options = {}) {
    SIMUL_ASSERT(loop::find_current() == nullptr || !loop::current().is_running(),
                 "run() was called inside a task: co_await it instead");
    loop running{options.loop};
    return run_on(running, std::move(main_task), options);
}

/// The group that run() opened: for work that must outlive the function that starts it. It is
/// cancelled when the main task ends.
///
/// Threads       the loop's thread, inside run().
[[nodiscard]] task_group& outermost_group() noexcept;

}  // namespace simul
