// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/future.hpp: a result that somebody will give, and those who wait for it.
//
// The bridge from code with callbacks to code with tasks: a function that starts something keeps
// the promise in the callback and returns the future.
//
//     future<std::string> resolve(resolver& asked, std::string name) {
//         promise<std::string> result;
//         auto answer = result.get_future();
//         asked.start(name, [result = std::move(result)](std::string address) mutable {
//             result.set_value(std::move(address));
//         });
//         return answer;
//     }
//
// Between tasks it is seldom needed: await the task, or its handle.
#pragma once

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/detail/future_state.hpp"

namespace simul {

/// Thrown to who waits for a promise that was destroyed without a result.
class broken_promise : public error {
public:
    broken_promise() noexcept : error{errc::broken_promise} {}
};

/// Thrown where a result is set twice, or asked for before it is there.
class invalid_state : public error {
public:
    invalid_state() noexcept : error{errc::invalid_state} {}
};

template <class Value>
class promise;

/// A result that may not be there yet. Any number of tasks may await it, and copies speak of the
/// same result.
///
/// An lvalue shows the result, an rvalue hands it over:
///
///     const std::string& seen = co_await answer;            // lives as long as the future
///     std::string mine = co_await resolve(asked, "a");      // moved, if nobody else has a future
///
/// Thus waiting for what cannot be copied, or is large, costs its readers nothing, and who is alone
/// with it may have it. A result that others can still see is copied for an rvalue; if it cannot be
/// copied, that is a mistake of the program, and asserted. select, as_result and move_on_after hold
/// no references: give them a copy of the future, `future{answer}`.
///
/// Returns       `co_await` gives const Value& for an lvalue and Value for an rvalue; Value& if
///               that is what was promised.
/// Errors        what the promise was given; broken_promise if it was destroyed without a result;
///               cancelled if the future or the promise was, and the awaiting task was not.
/// Suspends      unless it is done.
/// Cancellation  clean. The future goes on, and keeps a result that came in the same turn.
/// Threads       the loop's thread.
/// Lifetime      the result lives as long as a future that speaks of it. A wait keeps it, too.
/// Complexity    O(1); awaiting and copying allocate nothing.
/// Source        asyncio.Future, seen by its readers; std::shared_future.
template <class Value = void>
class future {
public:
    using result_type = Value;

    /// Speaks of no result. All that one may do with it is to assign to it.
    future() noexcept = default;

    /// False for one that was made by default, or moved from.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }

    /// True once there is a result, an error, or a cancellation.
    [[nodiscard]] bool done() const noexcept { return state_->is_done(); }

    /// True once somebody has cancelled it, from either side.
    [[nodiscard]] bool is_cancelled() const noexcept { return state_->is_cancelled(); }

    /// The result, without waiting.
    ///
    /// Errors        invalid_state if it is not done; else as for co_await.
    detail::future_view<Value> result() const& { return detail::view_result(*state_); }
    void result() const&& = delete;

    /// What co_await would throw, or nullptr if there is a value.
    ///
    /// Errors        invalid_state if it is not done.
    [[nodiscard]] std::exception_ptr error() const { return state_->error(); }

    /// Makes an end: everybody who waits gets the exception cancelled, and the producer is told
    /// (promise::on_cancel) that nobody wants the result any more.
    ///
    /// Returns       false if it was done.
    /// Complexity    O(waiters and callbacks).
    bool cancel(cancel_reason reason = cancel_reason::requested) const noexcept {
        return state_->cancel(reason);
    }

    /// Calls `function` with this future when it is done, at once if it is: always through the
    /// loop, never from inside this or set_value. Callbacks and tasks that wait have their turns in
    /// the order in which they came. What a function throws goes to the unhandled-error handler.
    ///
    /// Returns       a handle whose cancel() removes the callback, up to the moment of its call.
    /// Errors        std::bad_alloc.
    /// Threads       the loop's thread. A future that becomes done while this thread has no loop
    ///               destroys its callbacks without calling them.
    /// Lifetime      the function is destroyed when it was called or removed. It may hold a future
    ///               of its own result.
    /// Complexity    O(1); one allocation holds the record, and another a function that is large.
    /// Source        asyncio's Future.add_done_callback.
    template <class Function>
        requires std::invocable<Function&, const future&> || std::invocable<Function&>
    callback_handle add_done_callback(Function function) const {
        return state_->add_done_callback(
            [called = std::move(function)](detail::future_state& shared) mutable {
                if constexpr (std::invocable<Function&, const future&>) {
                    const future done{static_cast<state&>(shared)};
                    static_cast<void>(called(done));
                } else {
                    static_cast<void>(called());
                }
            });
    }

    auto operator co_await() const& noexcept {
        return detail::future_operation<Value, false>{state_};
    }
    auto operator co_await() && noexcept {
        return detail::future_operation<Value, true>{std::move(state_)};
    }

private:
    using state = detail::typed_future_state<Value>;
    friend class promise<Value>;

    explicit future(state& shared) noexcept : state_{shared} {}

    detail::future_reference<Value> state_;
};

/// The writing end of a future: who has it owes a result. One that is destroyed without having
/// given it gives broken_promise.
///
/// Threads       the loop's thread; others hand the result over with loop::post_from_any_thread.
/// Lifetime      may outlive its futures, and the loop.
/// Source        asyncio.Future, seen by its producer; std::promise.
template <class Value = void>
class promise {
public:
    using result_type = Value;

    /// Errors        std::bad_alloc: one allocation holds what is shared.
    promise() : state_{new state} {}
    promise(promise&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
    promise& operator=(promise&& other) noexcept {
        promise taken{std::move(other)};
        std::swap(state_, taken.state_);
        return *this;
    }
    ~promise() {
        if (state_ != nullptr) state_->remove_promise();
    }

    /// A future of the result; one may ask for any number of them, also later.
    [[nodiscard]] future<Value> get_future() const noexcept {
        SIMUL_ASSERT(!shared().is_taken(), "a future was asked for after the result was taken");
        return future<Value>{shared()};
    }

    /// Gives the result. Who waits goes on in the next pass.
    ///
    /// Errors        invalid_state if there is one, or a reader has cancelled; whatever the value's
    ///               constructor throws, and then nothing has happened.
    /// Complexity    O(waiters and callbacks); allocates nothing.
    template <class Source = Value>
        requires(!std::is_void_v<Value> && std::is_constructible_v<Value, Source &&>)
    void set_value(Source&& source) {
        if (!try_set_value(std::forward<Source>(source))) throw invalid_state{};
    }
    void set_value()
        requires std::is_void_v<Value>
    {
        if (!try_set_value()) throw invalid_state{};
    }

    /// The same for a producer who may be late.
    ///
    /// Returns       false if it is done, and then `source` has not been touched.
    template <class Source = Value>
        requires(!std::is_void_v<Value> && std::is_constructible_v<Value, Source &&>)
    bool try_set_value(Source&& source) {
        if (done()) return false;
        shared().emplace(std::forward<Source>(source));
        shared().settle_value();
        return true;
    }
    bool try_set_value()
        requires std::is_void_v<Value>
    {
        if (done()) return false;
        shared().settle_value();
        return true;
    }

    /// Gives an error in place of a result; it is thrown to everybody who waits.
    ///
    /// Errors        invalid_state, as for set_value.
    void set_error(std::exception_ptr error) {
        if (!try_set_error(std::move(error))) throw invalid_state{};
    }

    /// The same for a producer who may be late.
    ///
    /// Returns       false if it is done.
    bool try_set_error(std::exception_ptr error) noexcept {
        SIMUL_ASSERT(error != nullptr, "a promise was given an error that is none");
        if (done()) return false;
        shared().settle_error(std::move(error));
        return true;
    }

    /// Gives up: everybody who waits gets the exception cancelled.
    ///
    /// Returns       false if it is done.
    bool cancel(cancel_reason reason = cancel_reason::requested) noexcept {
        return shared().cancel(reason);
    }

    /// True once there is a result, an error, or a cancellation: nothing more can be given.
    [[nodiscard]] bool done() const noexcept { return shared().is_done(); }

    /// True once it was cancelled, from either side: a producer need not go on.
    [[nodiscard]] bool is_cancelled() const noexcept { return shared().is_cancelled(); }

    /// Calls `function` through the loop when this is cancelled, from either side; soon if it was.
    /// It is destroyed without a call when the result comes.
    ///
    /// Returns       a handle whose cancel() removes the callback.
    /// Errors        std::bad_alloc. What the function throws goes to the unhandled-error handler.
    /// Lifetime      as for future::add_done_callback; the function must not own this promise.
    /// Complexity    as for future::add_done_callback.
    template <std::invocable Function>
    callback_handle on_cancel(Function function) {
        return shared().add_cancel_callback(
            [called = std::move(function)](detail::future_state&) mutable {
                static_cast<void>(called());
            });
    }

private:
    using state = detail::typed_future_state<Value>;

    [[nodiscard]] state& shared() const noexcept {
        SIMUL_ASSERT(state_ != nullptr, "a promise was used after it was moved");
        return *state_;
    }

    state* state_;
};

}  // namespace simul
