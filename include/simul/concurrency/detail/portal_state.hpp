// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/portal_state.hpp: one task that a thread has sent to a loop.
//
//      the thread                            the loop's thread
//      portal_future ──▶ portal_state ◀── portal_job, in the task's record of its group
//
// Invariants
//   1. The job is destroyed after the task's frame, and after the task's handle was told. If
//   nothing
//      has settled the state by then, the task was stopped, or never begun: cancelled.
//   2. handle_ and ended_ belong to the loop's thread; everything else is under the mutex.
//   3. A request to cancel is a message to the loop that keeps the state alive. It is posted behind
//      the one that spawns the task, and a door is closed before its loop has read the last
//      message.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

/// The way into a loop for other threads; open while the loop reads what comes.
///
/// Threads       any, every call.
class loop_door {
public:
    void open(loop& behind) noexcept;

    /// Lets no more work in. Messages of the library still pass.
    ///
    /// Returns       true if this call did it.
    bool refuse_work() noexcept;

    /// Nobody is posting any more when this returns.
    void close() noexcept;

    /// Errors        closed after refuse_work() or close(); std::bad_alloc.
    void post_work(std::move_only_function<void()> work);

    /// Returns       false if the door is closed.
    bool post(posted_work& message) noexcept;

    /// True on the thread of the loop.
    [[nodiscard]] bool is_inside() const noexcept;

private:
    mutable std::mutex mutex_;
    loop* loop_ = nullptr;
    bool takes_work_ = false;
};

/// What thread and loop share, without the type of the result.
class portal_state_base : public posted_work,
                          public std::enable_shared_from_this<portal_state_base> {
public:
    explicit portal_state_base(std::shared_ptr<loop_door> door) noexcept;
    portal_state_base(const portal_state_base&) = delete;
    portal_state_base& operator=(const portal_state_base&) = delete;
    virtual ~portal_state_base() = default;

    // From any thread.

    [[nodiscard]] bool is_done() const noexcept;
    void wait() const noexcept;
    [[nodiscard]] bool wait_for(duration limit) const noexcept;
    void cancel() noexcept;
    [[nodiscard]] const std::shared_ptr<loop_door>& door() const noexcept { return door_; }

    // On the loop's thread.

    void attach(task_handle<> child) noexcept { handle_ = std::move(child); }
    [[nodiscard]] event& ended() noexcept { return ended_; }

protected:
    /// Stores an outcome by calling `store` under the mutex, unless there is one, and tells it.
    template <class Store>
    void settle(Store store) {
        {
            const std::lock_guard held{mutex_};
            if (is_done_) return;
            store();
            is_done_ = true;
            done_.notify_all();
        }
        ended_.set();
    }

    /// Why a task without an outcome has none. Under the mutex.
    [[nodiscard]] cancel_reason stop_reason() const noexcept {
        return is_asked_ ? cancel_reason::requested : cancel_reason::shutdown;
    }

    mutable std::mutex mutex_;

private:
    static void ask(posted_work& self) noexcept;
    void assert_may_wait() const noexcept;

    mutable std::condition_variable done_;
    std::shared_ptr<loop_door> door_;
    std::shared_ptr<portal_state_base> kept_;  // by the message on its way
    task_handle<> handle_;
    event ended_;
    bool is_done_ = false;
    bool is_asked_ = false;
};

/// Tells the unhandled-error handler of an error that nobody has asked for.
void report_dropped(const std::exception_ptr& error) noexcept;

template <class Result>
class portal_state final : public portal_state_base {
public:
    using portal_state_base::portal_state_base;
    ~portal_state() override {
        if (outcome_.has_error() && !is_taken_) report_dropped(outcome_.error());
    }

    template <class... Value>
    void succeed(Value&&... value) {
        settle([&] { outcome_ = outcome<Result>::succeeded(std::forward<Value>(value)...); });
    }
    void fail(std::exception_ptr error) noexcept {
        settle([&] { outcome_ = outcome<Result>::failed(std::move(error)); });
    }
    void abandon() noexcept {
        settle([&] { reason_ = stop_reason(); });
    }

    /// After it is done, once.
    Result take() {
        const std::lock_guard held{mutex_};
        is_taken_ = true;
        if (outcome_.is_cancelled()) throw cancelled{reason_};
        return outcome_.take();
    }

private:
    outcome<Result> outcome_;
    cancel_reason reason_ = cancel_reason::none;
    bool is_taken_ = false;
};

/// A function and its arguments, kept as long as the task that it makes.
template <class Make, class... Arguments>
class bound_call {
public:
    bound_call(Make&& make, Arguments&&... arguments)
        : make_{std::move(make)}, arguments_{std::move(arguments)...} {}

    auto operator()() {
        return std::apply(
            [this](Arguments&... each) { return std::invoke(make_, std::move(each)...); },
            arguments_);
    }

private:
    Make make_;
    std::tuple<Arguments...> arguments_;
};

template <class Result, class Make>
task<> drive_job(portal_state<Result>& state, Make& make) {
    try {
        if constexpr (std::is_void_v<Result>) {
            co_await make();
            state.succeed();
        } else {
            Result result = co_await make();
            state.succeed(static_cast<Result&&>(result));
        }
    } catch (...) {
        state.fail(std::current_exception());
    }
}

template <class Result, class Make>
class portal_job {
public:
    portal_job(std::shared_ptr<portal_state<Result>> state, Make&& make)
        : state_{std::move(state)}, make_{std::move(make)} {}
    portal_job(portal_job&& other) noexcept = default;
    portal_job& operator=(portal_job&&) = delete;
    ~portal_job() {
        if (state_ != nullptr) state_->abandon();
    }

    task<> operator()() { return drive_job(*state_, make_); }

private:
    std::shared_ptr<portal_state<Result>> state_;
    Make make_;
};

template <class Make, class... Arguments>
using made_result_t = typename task_result<std::invoke_result_t<Make&, Arguments...>>::type;

/// Something that makes a task when it is called with Arguments.
template <class Make, class... Arguments>
concept task_maker = requires { typename made_result_t<Make, Arguments...>; };

/// Sends a task through a door.
///
/// Errors        closed if it takes no work; std::bad_alloc.
template <class Make>
auto send_through(const std::shared_ptr<loop_door>& door, Make make) {
    using result = made_result_t<Make>;
    auto state = std::make_shared<portal_state<result>>(door);
    portal_job<result, Make> job{state, std::move(make)};
    door->post_work([state, job = std::move(job)]() mutable {
        state->attach(outermost_group().spawn(std::move(job)));
    });
    return state;
}

}  // namespace simul::detail
