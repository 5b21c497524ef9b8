// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/task.hpp: the coroutine type that programs are written in.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/coro/detail/frame.hpp"
#include "simul/coro/detail/result_slot.hpp"

namespace simul {

template <class Result = void>
class task;

namespace detail {

void report_never_started(const frame& forgotten) noexcept;

struct final_suspension {
    static constexpr bool await_ready() noexcept { return false; }
    template <class Promise>
    static void await_suspend(std::coroutine_handle<Promise> ended) noexcept {
        ended.promise().reached_end(frame_state::finished);
    }
    static void await_resume() noexcept {}
};

template <class Result>
class task_promise_base : public awaiting_promise {
public:
    using awaiting_promise::awaiting_promise;

    static std::suspend_always initial_suspend() noexcept { return {}; }
    static final_suspension final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { keep_exception(); }
};

template <class Result>
class task_promise final : public task_promise_base<Result> {
public:
    explicit task_promise(std::source_location made = std::source_location::current()) noexcept
        : task_promise_base<Result>{made} {}

    task<Result> get_return_object(
        std::source_location made = std::source_location::current()) noexcept;

    template <class Value = Result>
        requires std::constructible_from<typename result_slot<Result>::stored, Value&&>
    void return_value(Value&& value) noexcept(
        std::is_nothrow_constructible_v<typename result_slot<Result>::stored, Value&&>) {
        result.emplace(std::forward<Value>(value));
    }

    result_slot<Result> result;
};

template <>
class task_promise<void> final : public task_promise_base<void> {
public:
    explicit task_promise(std::source_location made = std::source_location::current()) noexcept
        : task_promise_base<void>{made} {}

    task<void> get_return_object(
        std::source_location made = std::source_location::current()) noexcept;

    static void return_void() noexcept {}

    static constexpr result_slot<void> result{};
};

/// Owns the frame of a task that has not been given to anyone yet, or that is being awaited.
template <class Result>
class task_owner {
public:
    using promise = task_promise<Result>;

    explicit task_owner(frame* owned) noexcept : frame_{owned} {}
    task_owner(task_owner&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
    task_owner& operator=(task_owner&& other) noexcept {
        if (this != &other) {
            destroy();
            frame_ = std::exchange(other.frame_, nullptr);
        }
        return *this;
    }
    ~task_owner() { destroy(); }

    [[nodiscard]] frame* get() const noexcept { return frame_; }
    [[nodiscard]] frame* release() noexcept { return std::exchange(frame_, nullptr); }
    [[nodiscard]] frame** slot() noexcept { return &frame_; }

    decltype(auto) take() {
        frame& ended = *frame_;
        if (ended.exception) std::rethrow_exception(std::move(ended.exception));
        return static_cast<promise&>(ended).result.take();
    }

private:
    void destroy() noexcept {
        if (frame_ != nullptr) frame::drop(*std::exchange(frame_, nullptr));
    }

    frame* frame_;
};

/// Awaits a task: starts it in place and continues when it has ended.
template <class Result>
class task_operation {
public:
    explicit task_operation(task_owner<Result> awaited) noexcept : awaited_{std::move(awaited)} {
        SIMUL_ASSERT(awaited_.get() != nullptr, "a task was awaited twice, or after it was moved");
    }

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        frame& child = *awaited_.get();
        child.up = &self;
        child.scope = self.scope;
        child.slot = awaited_.slot();
        return child.start_nested();
    }

    decltype(auto) take() { return awaited_.take(); }

    /// After it has ended: what take() will throw, or nullptr.
    [[nodiscard]] std::exception_ptr error() const noexcept {
        return awaited_.get() != nullptr ? awaited_.get()->exception : nullptr;
    }
    [[nodiscard]] bool has_error() const noexcept { return error() != nullptr; }

private:
    task_owner<Result> awaited_;
};

}  // namespace detail

/// A computation that can wait, and its result. Calling a coroutine that returns a task runs
/// nothing: the body starts when the task is awaited, or spawned into a task_group.
///
///     task<std::string> greeting(std::string name) {
///         co_await sleep_for(1s);
///         co_return "Hello, " + name;
///     }
///
/// Use task_group or gather when several should run at once: awaiting tasks one after the other
/// runs them one after the other. A task is awaited once, as an rvalue.
///
/// Returns       what the body returns: a value, a reference, or nothing.
/// Errors        whatever the body lets out, with its own type. async_trace() of it tells through
///               which awaits it came.
/// Suspends      when the body does. A body that never suspends runs to its end inside the await.
/// Cancellation  partial. The request reaches whatever the body waits for; then the body's locals
///               are destroyed, innermost coroutine first, and no line of it runs again. What it
///               had done before stays done.
/// Threads       belongs to the thread of the loop that runs it, and never leaves it.
/// Lifetime      a task that is never started destroys its arguments; builds without NDEBUG report
///               it on standard error, unless an exception or a request to cancel was the reason.
///               Arguments taken by reference must outlive the task.
/// Complexity    one allocation for its frame, from the recycler of the thread. Chains of any depth
///               use a bounded part of the stack.
/// Source        the shape of cppcoro::task; cancellation as in P2300's set_stopped.
template <class Result>
class [[nodiscard("a task does nothing until it is awaited or spawned")]] task {
public:
    using promise_type = detail::task_promise<Result>;
    using result_type = Result;

    task(task&& other) noexcept = default;
    task& operator=(task&& other) noexcept = default;
    ~task() {
        if (SIMUL_DEBUG && owner_.get() != nullptr) detail::report_never_started(*owner_.get());
    }

    /// False after the task was awaited, spawned or moved from.
    [[nodiscard]] explicit operator bool() const noexcept { return owner_.get() != nullptr; }

    /// Destroys the task without starting it, and without a report.
    void discard() noexcept { owner_ = detail::task_owner<Result>{nullptr}; }

    auto operator co_await() && noexcept {
        return detail::task_operation<Result>{std::move(owner_)};
    }

    /// For task groups and loops: gives up the frame.
    [[nodiscard]] detail::frame* release() noexcept { return owner_.release(); }

private:
    friend promise_type;
    explicit task(detail::frame& made) noexcept : owner_{&made} {}

    detail::task_owner<Result> owner_;
};

template <class Result>
task<Result> detail::task_promise<Result>::get_return_object(std::source_location made) noexcept {
    static_assert(alignof(task_promise) <= 16,
                  "a task cannot return an over-aligned type: g++ 12 allocates frames without "
                  "regard to it (GCC7). Return a pointer to it");
    this->made_at = made;
    return task<Result>{*this};
}

inline task<void> detail::task_promise<void>::get_return_object(
    std::source_location made) noexcept {
    made_at = made;
    return task<void>{*this};
}

}  // namespace simul
