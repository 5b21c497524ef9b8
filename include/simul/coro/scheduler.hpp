// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/scheduler.hpp: who runs next, and who destroys what was cancelled.
//
// The part of an event loop that knows neither time nor descriptors: three lists and the order in
// which they are served. A loop of one's own (see examples/rocket_toy_loop.cpp) needs nothing else
// to run every coroutine type of this library.
//
//      ready      waiters whose turn comes in a later pass, first in, first out
//      now        frames that continue in this turn, because what they awaited has finished in it
//      unwind     frames to destroy: stopped ones, and finished ones of groups
//
// Beside them stand the operations that a request to cancel has reached and that are still to be
// asked to end.
//
// Invariants
//   1. A waiter is in at most one of the lists.
//   2. What becomes ready during a pass runs in the next one, so tasks that keep waking each other
//      cannot starve timers and I/O.
//   3. Coroutines are resumed nested at most 32 deep; deeper ones go through `now`. So the depth of
//      an await chain costs no stack, at every level of optimisation.
//   4. A frame is destroyed by settle() only, innermost first, never while it runs.
//   5. Requests to cancel are delivered by settle() only, never in the middle of a task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "simul/base/config.hpp"
#include "simul/coro/awaitable.hpp"

namespace simul {

namespace detail {
class frame;
class wait_graph_reader;
}  // namespace detail

class schedule;
class turn_observer;

/// Runs coroutines of one thread. Use run() or loop unless you write a loop yourself.
///
/// Threads       one: the thread that made it current.
/// Lifetime      nothing may be running when it is destroyed.
class scheduler {
public:
    scheduler() noexcept;
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler();

    /// The scheduler of this thread, or nullptr.
    [[nodiscard]] static scheduler* find_current() noexcept { return current_; }

    /// The scheduler of this thread. There must be one.
    [[nodiscard]] static scheduler& current() noexcept {
        SIMUL_ASSERT(current_ != nullptr, "no loop runs on this thread: call run() first");
        return *current_;
    }

    /// Makes `replacement` (or none) the scheduler of this thread; returns the one before.
    static scheduler* set_current(scheduler* replacement) noexcept;

    /// Puts a waiter at the end of the ready list; it gets notice::run in a later pass.
    void queue(waiter& ready) noexcept { ready_.push_back(ready); }

    /// True while something is ready.
    [[nodiscard]] bool has_ready() const noexcept { return !ready_.empty(); }

    /// True when settle() would find nothing to do.
    [[nodiscard]] bool is_settled() const noexcept {
        return asked_.empty() && unwind_.empty() && now_.empty();
    }

    /// Runs what is ready now, in order, and all that follows from it in the same turn. What
    /// becomes ready meanwhile waits for the next call.
    ///
    /// Returns       the number of waiters that had their turn.
    std::size_t run_ready() noexcept;

    /// From the next pass on, has `chosen` decide who is next within a pass; nullptr for first in,
    /// first out, which is the rule.
    void follow(schedule* chosen) noexcept { schedule_ = chosen; }

    /// From the next turn on, tells `told` of every turn; nullptr for nobody.
    void observe(turn_observer* told) noexcept { observer_ = told; }

    /// Who is told.
    [[nodiscard]] turn_observer* observer() const noexcept { return observer_; }

    /// Delivers requests to cancel, destroys unwound frames, continues waiters, until all three
    /// lists are empty. To be called after anything that cancels outside of run_ready.
    void settle() noexcept;

    /// The scope that contains all others.
    [[nodiscard]] cancel_scope& root_scope() noexcept { return root_; }

    /// The coroutine that runs, as a waiter; nullptr between turns.
    [[nodiscard]] waiter* running() const noexcept { return running_; }

    /// The number of the next task that begins.
    [[nodiscard]] std::uint64_t next_task_number() noexcept { return ++task_number_; }

    /// Says whether tasks begin inside the call that spawns them, unless their group says
    /// otherwise.
    void start_eagerly(bool eagerly) noexcept { starts_eagerly_ = eagerly; }
    [[nodiscard]] bool starts_eagerly() const noexcept { return starts_eagerly_; }

    // For frames and scopes.

    /// Says who runs now; returns who did.
    waiter* set_running(waiter* now) noexcept { return std::exchange(running_, now); }

    void continue_now(waiter& continued) noexcept { now_.push_back(continued); }
    void unwind(waiter& doomed) noexcept { unwind_.push_back(doomed); }

    /// Takes over what waits in a scope that was cancelled; each is asked to end, once this turn
    /// has come to its end.
    void ask_to_end(intrusive_list<cancellable>& waiting) noexcept { asked_.splice_back(waiting); }

    /// Nested resumption: true when one more level is allowed.
    [[nodiscard]] bool may_nest() const noexcept { return depth_ < maximum_depth; }
    void begin_nested() noexcept { ++depth_; }
    void end_nested() noexcept { --depth_; }

    /// Counts an await that goes on in the same turn. False when the running turn has had enough
    /// of them and the task must queue, so that it cannot starve the others.
    [[nodiscard]] bool spend_budget() noexcept { return budget_ != 0 && --budget_ != 0; }

    static constexpr unsigned maximum_depth = 32;
    static constexpr std::uint32_t inline_budget = 256;

private:
    friend class detail::wait_graph_reader;

    using waiter_queue = intrusive_queue<waiter, &waiter::next>;

    void run(waiter& next) noexcept;
    void take_turn(waiter& next) noexcept;
    void take_observed_turn(waiter& next) noexcept;
    std::size_t run_as_chosen() noexcept;
    void deliver_requests() noexcept;

    waiter_queue ready_;
    waiter_queue now_;
    waiter_queue unwind_;
    intrusive_list<cancellable> asked_;  // whom a request to cancel has reached
    unsigned depth_ = 0;
    std::uint32_t budget_ = inline_budget;
    schedule* schedule_ = nullptr;
    turn_observer* observer_ = nullptr;
    waiter* running_ = nullptr;
    std::uint64_t task_number_ = 0;
    bool starts_eagerly_ = false;
    cancel_scope root_;

    SIMUL_THREAD_LOCAL static constinit scheduler* current_;
};

}  // namespace simul
