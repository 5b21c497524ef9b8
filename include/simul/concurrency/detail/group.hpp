// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/group.hpp: the part of a task group that knows no types.
//
// Life of a group
//      collecting   children are kept, unstarted
//      running      start() has entered the scope; children begin as they are spawned, as many at
//                   once as the limit allows
//      ending       the last participant has ended; services are stopped, the newest first
//      ended        the waiter was told
//
// A participant is a child, the body of with_task_group, or a start() that goes on. Services are
// children that are none: they lie in a scope of their own, which requests from outside do not
// reach. The end: the first error, else stopped if a participant was stopped and the request came
// from outside, else normal.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/detail/child.hpp"
#include "simul/concurrency/detail/grace_period.hpp"
#include "simul/concurrency/group_options.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/coro/trace.hpp"

namespace simul {

template <class Result>
class task;

namespace detail {

template <class Type>
struct task_result {};
template <class Result>
struct task_result<task<Result>> {
    using type = Result;
};

/// A callable without arguments that returns a task.
template <class Make>
concept task_factory =
    std::invocable<Make&> && requires { typename task_result<std::invoke_result_t<Make&>>::type; };

class group : public waiter {
public:
    explicit group(const group_options& options);
    ~group();

    /// Takes over an unstarted frame and attaches `handle` to it.
    void add(frame* spawned, handle_base& handle, child* record, spawn_options&& options,
             child_kind kind);

    /// Takes over a record with its task, for which there is no handle.
    void add_unwatched(child& record, spawn_options&& options);

    template <class Result>
    task_handle<Result> spawn_task(task<Result>&& spawned, spawn_options&& options,
                                   child_kind kind) {
        task_handle<Result> handle;
        add(spawned.release(), handle, nullptr, std::move(options), kind);
        return handle;
    }

    template <class Make>
    auto spawn_callable(Make&& make, spawn_options&& options, child_kind kind) {
        using result = typename task_result<std::invoke_result_t<Make&>>::type;
        task_handle<result> handle;
        auto* record = new child_with_callable<Make>{*this, std::move(make)};
        frame* made = nullptr;
        try {
            made = record->make().release();
        } catch (...) {
            delete record;
            throw;
        }
        add(made, handle, record, std::move(options), kind);
        return handle;
    }

    bool cancel(cancel_reason reason, std::source_location where) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return participants_; }
    [[nodiscard]] bool is_running() const noexcept { return phase_ == phase::running; }
    [[nodiscard]] const std::vector<slow_task>& slow_tasks() const noexcept;
    [[nodiscard]] const cancel_scope& inner_scope() const noexcept { return own_scope_; }
    [[nodiscard]] cancel_scope& inner_scope() noexcept { return own_scope_; }

    // For the operations that run a group.

    /// Enters the scope of `self` and begins the children collected so far.
    started start(waiter& self) noexcept;

    // For children.

    /// The scope that children of this kind enter.
    [[nodiscard]] cancel_scope& scope_of(child_kind kind) noexcept {
        return kind == child_kind::service ? service_scope_ : own_scope_;
    }

    /// Takes over a running child of another group, and lets one go.
    void adopt() noexcept;
    void release() noexcept;

    /// Ends a group whose children have all been released.
    void dissolve() noexcept { static_cast<void>(conclude()); }

    /// A child has gone; its record exists no more.
    void child_gone(child_kind kind, bool stopped) noexcept;

    /// Adds and removes a participant that is no child.
    void join() noexcept { ++participants_; }
    void part(bool stopped) noexcept;

    /// Like part(), inside start(): answers for the group if that was the last participant.
    started part_inside_start(bool stopped) noexcept;

    /// A participant has failed: keeps the first error and cancels the others. Later errors are
    /// kept beside it.
    void fail(std::exception_ptr error) noexcept;

    void throw_if_failed();

private:
    friend class grace_period;

    enum class phase : unsigned char { collecting, running, ended };

    /// Takes the one that waits longest out; nullptr if there is none.
    child* next_held() noexcept;
    void begin(child& first) noexcept;
    void begin_services() noexcept;
    void begin_held() noexcept;
    void end_if_empty() noexcept;
    bool stop_a_service() noexcept;

    /// Ends the group; answers pending's opposite: done, or stopped.
    started conclude() noexcept;

    using child_queue = intrusive_queue<waiter, &waiter::next>;

    child_queue held_;  // not begun; the others are found by their scopes
    std::size_t participants_ = 0;
    std::size_t begun_ = 0;  // children that run
    std::size_t limit_;
    cancel_scope own_scope_;
    cancel_scope service_scope_;
    std::unique_ptr<grace_period> grace_;
    std::exception_ptr error_;
    suppressed_list later_errors_;
    phase phase_ = phase::collecting;
    start_policy start_;
    bool any_stopped_ = false;
};

/// What task_group::run returns, and its operation.
class run_group_operation {
public:
    explicit run_group_operation(group& core) noexcept : core_{core} {}
    started start(waiter& self) noexcept { return core_.start(self); }
    void take() { core_.throw_if_failed(); }

private:
    group& core_;
};

class run_group_awaitable {
public:
    explicit run_group_awaitable(group& core) noexcept : core_{core} {}
    auto operator co_await() const noexcept { return run_group_operation{core_}; }

private:
    group& core_;
};

template <class Body>
class with_group_operation;
class run_driver;

}  // namespace detail

}  // namespace simul
