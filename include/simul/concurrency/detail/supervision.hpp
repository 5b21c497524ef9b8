// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/supervision.hpp: what supervise() and supervisor know, without types.
//
// States of a child of a supervisor
//
//      waiting ──> running ──┬──> finished       it has ended for good
//         ^                  └──> failed         the supervisor has not looked at it yet
//         └── the delay ──────────── resting <── (with the others that the strategy names)
//
// Invariants
//   1. Only the supervisor's task, manage(), moves a child out of failed, resting and waiting; only
//      the child's own task moves it out of running.
//   2. A child is asked to stop by manage() alone, which waits for its end; while the group ends
//      nobody looks at the states any more.
#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/concurrency/detail/back_off.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/restart_options.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/task.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul {

/// Which children a supervisor starts again when one has to be.
enum class restart_strategy : unsigned char {
    one_for_one,   ///< that one alone
    one_for_all,   ///< all: they cannot do without each other
    rest_for_one,  ///< it, and those that were added after it and may depend on it
};

namespace detail {

/// The restarts within the last period.
class restart_counter {
public:
    explicit restart_counter(const restart_options& options) noexcept
        : limit_{options.restarts_}, period_{options.period_} {}

    /// Counts one more.
    ///
    /// Returns       false if there were enough already.
    bool admit(time_point now);

    /// How many there were in all.
    [[nodiscard]] std::size_t total() const noexcept { return total_; }

private:
    std::size_t limit_;
    duration period_;
    std::size_t total_ = 0;
    std::deque<time_point> recent_;
};

/// Whether the policy wants a new start after this end; nullptr is a normal one.
[[nodiscard]] bool wants_restart(restart_policy policy, const std::exception_ptr& error);

/// One call of supervise(); it lies in its frame.
class supervision {
public:
    explicit supervision(restart_options options);

    /// The task is about to start.
    void begin() noexcept;

    /// Whether a normal end is the end.
    [[nodiscard]] bool ends_normally() const noexcept {
        return options_.policy_ != restart_policy::always;
    }

    /// The task has ended, normally if there is no error.
    ///
    /// Returns       how long to wait before the next start.
    /// Errors        the error, or restarted_too_often, if there is to be none.
    duration ended(std::exception_ptr error);

private:
    restart_options options_;
    restart_counter counter_;
    back_off delays_;
    error_history errors_;
    time_point began_{};
};

/// One child of a supervisor.
class supervised_task {
public:
    using factory = std::move_only_function<task<>()>;
    enum class state : unsigned char { waiting, running, finished, failed, resting };

    supervised_task(std::string called, factory maker, restart_policy when,
                    const restart_options& options)
        : name{std::move(called)}, make{std::move(maker)}, policy{when}, delays{options.delays_} {}

    std::string name;
    factory make;
    restart_policy policy;
    state now = state::waiting;
    bool is_being_stopped = false;
    time_point began{};
    time_point due{};  // of its next start, while it rests
    std::exception_ptr error;
    back_off delays;
    task_handle<> running;
};

class supervisor_core {
public:
    supervisor_core(restart_strategy strategy, restart_options options);
    supervisor_core(const supervisor_core&) = delete;
    supervisor_core& operator=(const supervisor_core&) = delete;
    ~supervisor_core();

    void add(std::string name, supervised_task::factory make, restart_policy policy);
    void add(std::string name, supervised_task::factory make) {
        add(std::move(name), std::move(make), options_.policy_);
    }

    task<> run();

    [[nodiscard]] std::size_t restarts() const noexcept { return counter_.total(); }
    [[nodiscard]] std::size_t size() const noexcept { return children_.size(); }
    [[nodiscard]] std::size_t running() const noexcept;

private:
    class running_mark;
    class child_duty;
    using state = supervised_task::state;

    task<> manage(task_group& group);
    task<> run_child(supervised_task& child);
    task<> restart(std::size_t failed);
    void reset();
    void start_due(task_group& group);
    void child_ended(supervised_task& child, std::exception_ptr error);
    void report(const supervised_task& child, duration delay) const;
    void rest(std::size_t first, duration delay);
    [[nodiscard]] std::size_t first_failed() const noexcept;
    [[nodiscard]] bool all_finished() const noexcept;
    [[nodiscard]] duration time_to_next_start() const noexcept;

    restart_strategy strategy_;
    restart_options options_;
    restart_counter counter_;
    error_history errors_;
    std::deque<supervised_task> children_;
    event changed_;
    bool is_running_ = false;
    bool is_managed_ = false;  // manage() is there to hear of ends
};

template <class Result, class Make>
task<Result> supervise_with(Make make, restart_options options) {
    supervision state{std::move(options)};
    while (true) {
        std::exception_ptr error;
        state.begin();
        try {
            if constexpr (std::is_void_v<Result>) {
                co_await make();
                if (state.ends_normally()) co_return;
            } else {
                Result value = co_await make();
                if (state.ends_normally()) co_return static_cast<Result&&>(value);
            }
        } catch (...) {
            error = std::current_exception();
        }
        const duration delay = state.ended(std::move(error));
        co_await sleep_for(delay);
    }
}

/// Makes a factory of task<> of any other; it is kept as long as its tasks.
template <class Make>
supervised_task::factory without_result(Make make) {
    using result = typename task_result<std::invoke_result_t<Make&>>::type;
    if constexpr (std::is_void_v<result>) {
        return supervised_task::factory{std::move(make)};
    } else {
        return [kept = std::move(make)]() mutable -> task<> { static_cast<void>(co_await kept()); };
    }
}

}  // namespace detail

}  // namespace simul
