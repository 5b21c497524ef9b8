// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/callback.hpp: functions that the loop calls, for code that is not coroutines.
//
// In a task, await a sleep or spawn another task instead: those belong to somebody, end with their
// owner, and tell him of their errors. A callback belongs to the loop. It runs between the turns of
// tasks and cannot wait, but it may set an event, give a promise its result, or spawn into a group.
#pragma once

#include <functional>

#include "simul/base/time.hpp"
#include "simul/runtime/detail/callback_record.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

/// A callback, seen by who asked for it: for changing one's mind. Copies speak of the same
/// callback. Dropping a handle changes nothing, and a handle may outlive the loop.
///
/// Threads       the loop's thread.
/// Source        asyncio.Handle and asyncio.TimerHandle.
class callback_handle {
public:
    /// Speaks of no callback.
    callback_handle() noexcept = default;

    /// Sees to it that the callback is never called, and destroys its function now.
    ///
    /// Returns       false if nothing changed: it has begun, it was cancelled before, or there is
    ///               none.
    /// Complexity    O(1).
    bool cancel() noexcept {
        const detail::callback_reference kept = record_;  // the function may own this handle
        return kept.get() != nullptr && kept.get()->cancel();
    }

    /// True if it will not be called and never was: somebody cancelled it, or its loop has gone.
    [[nodiscard]] bool cancelled() const noexcept {
        return record_.get() != nullptr && record_.get()->was_cancelled();
    }

    /// Not before which time it is called; time_point::min() if it waits for no time.
    [[nodiscard]] time_point when() const noexcept {
        return record_.get() != nullptr ? record_.get()->when() : time_point::min();
    }

    /// For what makes callbacks.
    explicit callback_handle(detail::callback_record& made) noexcept : record_{made} {}

private:
    detail::callback_reference record_;
};

/// Calls `function` in the next pass of this thread's loop. Callbacks and tasks that became ready
/// have their turns in one order, first in, first out; one that posts itself anew each time starves
/// nobody.
///
/// What it throws goes to the unhandled-error handler, and the loop goes on. run() does not wait
/// for callbacks; those that are left when the loop is destroyed are destroyed without being
/// called.
///
/// Returns       a handle that can cancel it, and may be dropped.
/// Errors        std::bad_alloc.
/// Threads       the loop's thread; others use loop::post_from_any_thread.
/// Lifetime      the function is destroyed when it has been called, or cancelled.
/// Complexity    O(1); one allocation holds the record, and another a function that is large.
/// Source        asyncio's loop.call_soon.
callback_handle call_soon(std::move_only_function<void()> function);

/// Calls `function` when the loop's clock has reached `when`, never before; after that it is like
/// call_soon. Equal times are served in the order of the calls.
///
/// A time that has passed costs a pass of the loop; time_point::max() never comes.
///
/// Returns       as for call_soon.
/// Errors        std::bad_alloc.
/// Threads       the loop's thread.
/// Lifetime      as for call_soon.
/// Complexity    O(1), as is cancelling it; allocates as call_soon does.
/// Source        asyncio's loop.call_at, except that it is never early.
callback_handle call_at(time_point when, std::move_only_function<void()> function);

/// Calls `function` after `delay`, counted from now, never earlier; else like call_at.
///
/// Infinite and unrepresentably long delays never end, but can be cancelled. Zero, negative and NaN
/// delays end at once.
///
/// Returns       as for call_soon.
/// Errors        std::bad_alloc.
/// Threads       the loop's thread.
/// Lifetime      as for call_soon.
/// Complexity    as for call_at.
/// Source        asyncio's loop.call_later, except that it is never early.
template <class Rep, class Period>
callback_handle call_later(std::chrono::duration<Rep, Period> delay,
                           std::move_only_function<void()> function) {
    const time_point when = saturating_add(loop::current().now(), saturating_duration(delay));
    return call_at(when, std::move(function));
}

}  // namespace simul
