// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/loop.hpp: the event loop and the order in which it does things.
//
// One iteration, published and tested:
//
//   1. what other threads posted, then what is ready, first in, first out; only what was there
//      when the pass began
//   2. timers that are due, never early, equal deadlines in the order in which they were armed
//   3. the backend is polled; it blocks only if nothing is ready
//   4. completions go to the ready list in completion order
//
// While something is ready, a real clock is read every 32nd pass only, and so is epoll asked (or
// poll or select): either costs more than a task's turn. io_uring and the simulated world are asked
// in every pass.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/coro/scheduler.hpp"
#include "simul/runtime/backend.hpp"
#include "simul/runtime/timer.hpp"

namespace simul {

namespace detail {
struct loop_state;
class blocking_pool;
class callback_registry;
}  // namespace detail

/// How a loop is to be made.
struct loop_options {
    loop_options() noexcept = default;

    backend_kind backend = backend_kind::automatic;

    /// Who waits for what comes from outside: somebody else in a guest_run, which sets it.
    waited_for_by who_waits = waited_for_by::itself;

    /// Where loop::random() begins. 0 takes it from the system's entropy; on the simulated backend,
    /// where a program does the same in every run, 0 means 1.
    std::uint64_t seed = 0;
};

/// Which backend a loop runs on, and why that one.
struct loop_info {
    loop_info() noexcept = default;

    std::string backend;  ///< "epoll", "io_uring", "poll", "select" or "simulated"
    std::string reason;   ///< a sentence for people
};

/// What a loop has done so far.
struct loop_statistics {
    std::uint64_t passes = 0;    ///< iterations
    std::uint64_t turns = 0;     ///< waiters that had their turn
    std::size_t timers = 0;      ///< armed now
    std::size_t operations = 0;  ///< in flight now
};

/// Something another thread hands to a loop; lies in what the other thread works on.
struct posted_work {
    /// Called on the loop's thread. The record may be destroyed inside.
    void (*run)(posted_work&) noexcept = nullptr;
    posted_work* next = nullptr;
};

namespace detail {

/// Work on the heap, which destroys itself when it has been done.
struct posted_call : posted_work {
    posted_call() noexcept { run = &call_once; }
    posted_call(const posted_call&) = delete;
    posted_call& operator=(const posted_call&) = delete;
    virtual ~posted_call() = default;
    virtual void call() = 0;

    static void call_once(posted_work& self) noexcept;
};

template <class Work>
struct posted_callable final : posted_call {
    explicit posted_callable(Work&& work) : work_{std::move(work)} {}
    void call() override { work_(); }

private:
    Work work_;
};

}  // namespace detail

/// Who is to be told when a loop comes to rest: nothing on it is ready, and nothing from outside
/// has arrived, so only time or another party can make it go on.
struct rest_watcher : list_hook<rest_watcher> {
    using told_function = void (*)(rest_watcher&) noexcept;

    explicit rest_watcher(told_function called) noexcept : told{called} {}

    /// Called once, on the loop's thread; the watcher has left the loop's list.
    told_function told;
};

/// Runs the tasks of one thread. Programs use run(), which makes one; construct a loop yourself to
/// drive it from tests or to run several programs after another on it.
///
/// Threads       one: the thread that constructed it. Only post_from_any_thread and post are for
///               others.
/// Lifetime      nothing may run on it when it is destroyed. It joins its offload pool.
class loop {
public:
    /// Makes a loop and makes it the current one of this thread, until it is destroyed.
    ///
    /// Errors        std::system_error with errc::unavailable if the backend that was asked for
    ///               cannot run; the system's own code if a descriptor cannot be made.
    explicit loop(const loop_options& options = {});
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;
    ~loop();

    /// The loop of this thread. There must be one.
    [[nodiscard]] static loop& current() noexcept;

    /// The loop of this thread, or nullptr.
    [[nodiscard]] static loop* find_current() noexcept { return current_; }

    /// The time on this loop's clock, read anew at each call.
    [[nodiscard]] time_point now() const noexcept { return backend_->now(); }

    /// The next number of this loop's random sequence, all of whose bits are equally likely.
    /// Whoever needs chance takes it from here, so that one seed replays a whole program. Not for
    /// secrets.
    ///
    /// Source        std::mt19937_64, whose sequence the standard fixes.
    std::uint64_t random() noexcept;

    /// Which backend runs, and why.
    [[nodiscard]] loop_info info() const;

    [[nodiscard]] loop_statistics statistics() const noexcept;

    /// True while run_until or run_available is on the stack.
    [[nodiscard]] bool is_running() const noexcept { return running_; }

    /// Iterates until `done` is true.
    ///
    /// Returns       false if nothing can ever happen any more (simulated backend only: a real one
    ///               waits for other threads), true otherwise.
    bool run_until(const bool& done);

    // For a foreign loop that waits in our place; see guest_run.

    /// A descriptor that is readable when run_available has something to do that came from
    /// outside; -1 on the simulated backend. It belongs to the loop.
    [[nodiscard]] int descriptor_to_watch() const noexcept {
        return backend_->descriptor_to_watch();
    }

    /// Looks at the clock and asks the backend, then iterates until nothing is ready, `done` is
    /// true, or `passes` iterations were made. Never blocks.
    void run_available(const bool& done, unsigned passes) noexcept;

    /// Submits what is waiting to be submitted and says until when one may wait for
    /// descriptor_to_watch(). Whatever is done on the loop's thread after this makes the answer
    /// out of date.
    ///
    /// Returns       the deadline of the next timer or a time before it; time_point::min() when
    ///               there is something to do now, time_point::max() when only the outside can
    ///               make the loop go on.
    [[nodiscard]] time_point next_deadline() noexcept;

    /// Runs `work` on the loop's thread, in its next iteration. What it throws goes to the
    /// unhandled-error handler. Work that is still waiting when the loop is destroyed is destroyed
    /// without being run.
    ///
    /// Errors        std::bad_alloc: one allocation holds the work.
    /// Threads       any.
    /// Lifetime      the loop must not have begun to be destroyed when this is called. What `work`
    ///               itself brings about is safe: a loop waits for those who are posting to it.
    template <std::invocable Work>
    void post_from_any_thread(Work work) {
        post_owned(std::make_unique<detail::posted_callable<Work>>(std::move(work)));
    }

    /// The same for work with a record of its own: allocates nothing.
    ///
    /// Threads       any, also inside a signal handler.
    /// Lifetime      `work` must live until it has been run, and the loop until this returns, even
    ///               when the work ends it.
    void post(posted_work& work) noexcept;

    /// Arms a timer, whose deadline has been set, and disarms one.
    ///
    /// Complexity    O(1).
    void arm(timer& waiting) noexcept;
    void disarm(timer& waiting) noexcept;

    /// Tells `watcher` when the loop next comes to rest, before time moves on. It leaves by
    /// unlink().
    ///
    /// Complexity    O(1).
    void watch_for_rest(rest_watcher& watcher) noexcept { resting_.push_back(watcher); }

    /// What carries out operations.
    [[nodiscard]] simul::backend& io() noexcept { return *backend_; }

    [[nodiscard]] simul::scheduler& scheduler() noexcept { return scheduler_; }

    /// The threads for blocking calls, made when first asked for.
    [[nodiscard]] detail::blocking_pool& blocking_threads();

    /// What call_soon, add_reader and their like have left with this loop.
    [[nodiscard]] detail::callback_registry& callbacks() noexcept;

    /// True on the simulated backend, where nothing may depend on other threads.
    [[nodiscard]] bool is_simulated() const noexcept { return simulated_; }

    using interrupt_handler = void (*)(void* context);

    /// Says what is called, with `context`, at the start of an iteration after interrupt(); set by
    /// run(). nullptr for nothing. What was asked for before is forgotten.
    void on_interrupt(interrupt_handler handler, void* context) noexcept {
        interrupt_handler_ = handler;
        interrupt_context_ = context;
        interrupted_.store(false, std::memory_order_relaxed);
    }

    /// Asks for the interrupt handler to be called.
    ///
    /// Threads       any, also inside a signal handler.
    void interrupt() noexcept;

private:
    void post_owned(std::unique_ptr<detail::posted_call> work) noexcept;
    void drain_inbox() noexcept;
    enum class blocking : bool { forbidden, allowed };

    void iterate(const bool& done, blocking may_block) noexcept;
    void fire_timers() noexcept;
    [[nodiscard]] bool has_work() const noexcept;
    void come_to_rest() noexcept;

    std::unique_ptr<simul::backend> backend_;
    std::string reason_;
    simul::scheduler scheduler_;
    std::unique_ptr<detail::loop_state> state_;
    interrupt_handler interrupt_handler_ = nullptr;
    void* interrupt_context_ = nullptr;
    intrusive_list<rest_watcher> resting_;
    std::atomic<posted_work*> inbox_{nullptr};
    std::atomic<int> posting_{0};  // threads inside post_from_any_thread
    std::atomic<bool> interrupted_{false};
    bool running_ = false;
    bool simulated_ = false;
    std::uint64_t busy_passes_mask_ = 0;  // a busy loop polls in passes without these bits
    bool stuck_ = false;
    std::uint64_t passes_ = 0;
    std::uint64_t turns_ = 0;
    loop* previous_ = nullptr;
    simul::scheduler* previous_scheduler_ = nullptr;

    SIMUL_THREAD_LOCAL static constinit loop* current_;
};

}  // namespace simul
