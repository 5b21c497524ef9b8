// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/guest.hpp: tasks in a thread whose loop is somebody else's.
//
// run() waits for the outside itself. Where another loop does that already (GLib's, Qt's, libuv's,
// Asio's, one of one's own around poll), a guest_run is driven by it, on the same thread and
// without a thread to help:
//
//      host                                       guest
//      before it waits    ──▶  timeout()          hands over what is to be submitted
//      waits for          ──▶  descriptor()       to be readable, at most as long as that
//      afterwards         ──▶  step()             runs what is ready, and comes back
//
// examples/guest_glib.cpp has the whole of it for GLib.
#pragma once

#include <optional>
#include <source_location>
#include <utility>

#include "simul/concurrency/run.hpp"

namespace simul {

/// How a guest is to behave.
struct guest_options {
    guest_options() noexcept = default;

    /// The simulated backend cannot be a guest's: its clock belongs to nobody who waits.
    loop_options loop;

    /// How spawned tasks begin, unless their group or their options say otherwise.
    start_policy start = start_policy::queued;

    /// The most passes of the loop that one step makes, while tasks keep each other ready. Fewer
    /// let the host have its turn sooner, more cost less. At least 1.
    unsigned passes = 32;

    /// As in run_options, but off: signals are the host's business.
    bool handle_interrupt = false;
    bool handle_termination = false;
};

namespace detail {

/// The part of a guest that knows no types.
class guest_core : posted_work {
public:
    using begin_function = started (*)(void* guest, waiter& self) noexcept;

    guest_core(const guest_options& options, begin_function begin, void* guest);
    guest_core(const guest_core&) = delete;
    guest_core& operator=(const guest_core&) = delete;
    ~guest_core() = default;

    [[nodiscard]] int descriptor() const noexcept { return loop_.descriptor_to_watch(); }
    [[nodiscard]] std::optional<duration> timeout() noexcept;
    [[nodiscard]] int timeout_in_milliseconds() noexcept;
    bool step() noexcept;
    bool cancel(cancel_reason reason, std::source_location where) noexcept;

    /// Cancels what has not ended, and blocks until it has.
    void end() noexcept;

    [[nodiscard]] bool is_done() const noexcept { return driver_.is_done(); }
    [[nodiscard]] group& core() noexcept { return run_driver::core(outermost_); }
    [[nodiscard]] bool was_cancelled() const noexcept {
        return cancelled_ || driver_.was_interrupted();
    }

private:
    static loop_options checked(const guest_options& options);
    static run_options as_run_options(const guest_options& options) noexcept;
    static void begin_main(posted_work& self) noexcept;
    void check_place() const noexcept;

    loop loop_;
    task_group outermost_;
    run_driver driver_;
    begin_function begin_;
    void* guest_;
    unsigned passes_;
    bool cancelled_ = false;
};

}  // namespace detail

/// Runs a task, and everything it starts, inside a loop that is not ours. It is run() in pieces:
/// the same outermost group, the same end, the same errors.
///
///     guest_run guest{program()};
///     while (guest.step()) {
///         pollfd watched{guest.descriptor(), POLLIN, 0};
///         poll(&watched, 1, guest.timeout_in_milliseconds());
///     }
///     use(guest.result());
///
/// The task begins in the first step. Between steps its loop is the current one of the thread, so
/// the host's own callbacks may set events, complete promises, spawn into outermost_group() and
/// cancel; what they set going runs in the next step. They must not call run(), which would wait
/// for one task and hold up all others.
///
/// Threads       one: the thread that constructed it, which has no other loop of this library.
///               Other threads wake it as they wake any loop, by loop::post_from_any_thread.
/// Lifetime      a guest that has not ended when it is destroyed is ended first: its main task and
///               the outermost group are cancelled, and the destructor blocks until they have
///               cleaned up. Not in one of its own tasks; checked. The host must have stopped
///               watching the descriptor before.
/// Source        trio.lowlevel.start_guest_run, which needs a helper thread.
template <class Result>
class guest_run {
public:
    /// Makes a loop, on which `main_task` is to run.
    ///
    /// Errors        std::system_error with errc::unavailable if the backend asked for, by the
    ///               options or by SIMUL_BACKEND, cannot run or is the simulated one; the system's
    ///               own code if a descriptor cannot be made. The task is destroyed unstarted.
    explicit guest_run(task<Result> main_task, const guest_options& options = {})
        : core_{options, &begin, this}, main_{std::move(main_task)}, operation_{core_.core()} {
        operation_.cancel_rest_at_end();
    }
    guest_run(const guest_run&) = delete;
    guest_run& operator=(const guest_run&) = delete;
    ~guest_run() {
        core_.end();
        const detail::task_owner<Result> never_begun{main_.release()};  // that is no mistake here
    }

    /// What the host is to watch for reading, level-triggered: it is readable when something has
    /// come from outside for step(). The same during the whole life of the guest, to which it
    /// belongs: never read it or close it.
    [[nodiscard]] int descriptor() const noexcept { return core_.descriptor(); }

    /// How long the host may wait for the descriptor. To be asked immediately before each wait, and
    /// again when something was done with tasks since, because it also hands to the system what
    /// tasks have asked of it since the last time. Runs no task.
    ///
    /// Returns       zero when there is something to do now; nothing when only the descriptor can
    ///               tell, or when the main task has ended.
    /// Complexity    O(1); without new operations, no system call but that for the time.
    [[nodiscard]] std::optional<duration> timeout() noexcept { return core_.timeout(); }

    /// The same in the form that poll(2), epoll_wait(2) and GLib want: in milliseconds, rounded up,
    /// and -1 for no limit.
    [[nodiscard]] int timeout_in_milliseconds() noexcept { return core_.timeout_in_milliseconds(); }

    /// Runs what is ready, never blocks. A step without need does no harm. Not inside a task.
    ///
    /// Returns       false when the main task, and all that it had started, has ended.
    /// Complexity    at most guest_options::passes passes of the loop. However busy the tasks are,
    ///               every step looks at the timers and at the outside.
    bool step() noexcept { return core_.step(); }

    /// Asks the main task and the outermost group to end, with full cleanup; they do so in the
    /// steps that follow. If the main task has not begun, it never will.
    ///
    /// Returns       true if this call cancelled it.
    bool cancel(cancel_reason reason = cancel_reason::requested,
                std::source_location where = std::source_location::current()) noexcept {
        return core_.cancel(reason, where);
    }

    /// True when step() has nothing to do any more and result() may be asked for.
    [[nodiscard]] bool done() const noexcept { return core_.is_done(); }

    /// What the main task returned; once, after the end.
    ///
    /// Errors        the task's error, or the first error of the outermost group, with its own
    ///               type; cancelled if cancel() or Ctrl-C stopped the task.
    Result result() {
        SIMUL_ASSERT(done(),
                     "the result of a guest that has not ended: step() until that is false");
        SIMUL_ASSERT(!taken_, "the result of a guest was taken twice");
        taken_ = true;
        if (core_.was_cancelled() && operation_.was_stopped()) {
            core_.core().throw_if_failed();
            throw cancelled{core_.core().inner_scope().reason()};
        }
        return operation_.take();
    }

private:
    static started begin(void* guest, waiter& self) noexcept {
        auto& begun = *static_cast<guest_run*>(guest);
        return begun.operation_.start_body(self, std::move(begun.main_));
    }

    detail::guest_core core_;
    task<Result> main_;
    detail::body_operation<Result> operation_;
    bool taken_ = false;
};

}  // namespace simul
