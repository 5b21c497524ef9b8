// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/awaitable.hpp: the protocol between what waits and what is waited for.
//
// THREE ROLES
//
// An *awaitable* is a movable description: task<T>, sleep_for(1s), gather(a, b). Its operator
// co_await makes the *operation*, which does the work; it lies in the frame of the coroutine that
// awaits it, is never moved, and allocates nothing. Whoever waits for an operation is a *waiter*: a
// coroutine frame, or a combinator (time-out, group, gather) that lies in such a frame and has a
// waiter of its own, and so on up to run().
//
// THE LIFE OF AN OPERATION
//
//   1. `start(waiter&)` tests the waiter's scope and begins. It answers
//         done      finished; take() may be called; the waiter is never notified
//         pending   the waiter will be notified exactly once
//         stopped   nothing was done, because the scope is cancelled
//      It must not notify before it has returned, and it must not throw: a failure is kept and
//      thrown by take().
//   2. A pending operation ends with one notice to its waiter:
//         now       finished as part of what is running; the waiter continues in this very turn
//         queue     finished by an event; the waiter goes to the end of the ready list
//         stopped   ended by cancellation; the waiter's frame is destroyed, or the waiter is the
//                   owner of the request and turns it into a result
//   3. `take()` gives the result or throws the error. It is called once, and only after done, now
//      or queue.
//   4. The operation is destroyed: after take(), or when its frame is unwound after stopped. Never
//      between pending and its notice.
//
// CANCELLATION
//
// A suspended leaf hangs on its waiter's scope as a `cancellable`. Its request is a question; the
// leaf ends when it can, with `stopped` if nothing happened and with its result if that was first.
// Three rules say what becomes of a result when the request is already there:
//
//      rule        when the waiter's turn comes               used by
//      deliver     it resumes with the result and is          read, write, send, receive, connect
//                  stopped at its next await                  by descriptor, tasks, combinators
//      give back   the result returns to its source and the   mutex, semaphore, queue, accept,
//                  waiter is stopped                          condition, event
//      dispose     the result is destroyed and the waiter     opened files, connected streams
//                  is stopped
//
// A leaf with one of the last two rules has a member `bool give_back() noexcept`: it returns or
// destroys the result and answers true, or answers false to have it delivered after all. It is
// called in place of take(), never after it.
#pragma once

#include <concepts>
#include <coroutine>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/coro/cancel_scope.hpp"

namespace simul {

/// What start() answers; see the protocol at the top of this file.
enum class started : unsigned char { done, pending, stopped };

/// What a waiter is told. `run` is the ready list's own: the turn of a queued waiter has come.
/// `gone` is the reaper's: a finished frame has been destroyed.
enum class notice : unsigned char { run, now, queue, stopped, gone };

/// Who waits. The base of coroutine frames and of every combinator.
///
/// Threads       the loop's thread.
struct waiter {
    using handler = void (*)(waiter&, notice) noexcept;

    explicit waiter(handler respond) noexcept : on{respond} {}
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    /// Tells this waiter that what it waits for has ended.
    void notify(notice what) noexcept { on(*this, what); }

    handler on;
    waiter* next = nullptr;         ///< link of the list it is queued in
    cancel_scope* scope = nullptr;  ///< where operations that are started for it live
    waiter* up = nullptr;           ///< who waits for this waiter
};

/// An operation: what operator co_await makes. See the protocol at the top of this file.
template <class Type>
concept operation_type = requires(Type& operation, waiter& self) {
    { operation.start(self) } noexcept -> std::same_as<started>;
    operation.take();
};

namespace detail {

template <class Awaitable>
concept has_member_co_await = requires(Awaitable&& awaitable) {
    { std::forward<Awaitable>(awaitable).operator co_await() } -> operation_type;
};

template <class Awaitable>
    requires has_member_co_await<Awaitable>
auto make_operation(Awaitable&& awaitable) {
    return std::forward<Awaitable>(awaitable).operator co_await();
}

}  // namespace detail

/// Anything that can be awaited in a task: a type whose operator co_await makes an operation.
template <class Type>
concept awaitable = detail::has_member_co_await<Type>;

/// The operation that awaiting a Type makes.
template <awaitable Type>
using operation_of = decltype(detail::make_operation(std::declval<Type>()));

/// What `co_await` gives for a Type: a value, a reference, or void.
template <awaitable Type>
using await_result_t = decltype(std::declval<operation_of<Type>&>().take());

/// An awaitable whose result is Result.
template <class Type, class Result>
concept awaitable_of = awaitable<Type> && std::same_as<await_result_t<Type>, Result>;

}  // namespace simul
