// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/shared_task.hpp: one computation, and any number of tasks that await it.
//
// Reading order: shared_task is the contract; how the computation is kept, and what becomes of an
// error that nobody takes, is in detail/shared_core.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/concurrency/detail/shared_core.hpp"
#include "simul/concurrency/task_group.hpp"

namespace simul {

/// How a shared_task behaves.
struct shared_task_options {
    shared_task_options() noexcept = default;

    /// Go on when the last one who awaited it was cancelled, instead of being cancelled too.
    bool keep_running = false;
};

/// A task that many may await: it runs once, and all get the same result or the same error.
///
///     shared_task<config> settings{load_settings()};
///     co_await gather(serve_with(settings), report_with(settings));   // loaded once
///
/// It starts when it is first awaited, as a child of the group given at construction, or of
/// outermost_group(). An awaiter that is cancelled leaves the others alone; when the last one is,
/// the computation is cancelled as well. Its error reaches those who await it and not the group,
/// which goes on. If all who awaited it were cancelled before they could take its error, the error
/// goes to the unhandled-error handler, once; who awaits it later gets it all the same.
///
/// A shared_task is a handle: copies mean the same computation. Use task_handle for a child with
/// one who awaits it, once for work that the next one tries again after a failure, and async_cache
/// for one computation for each key.
///
/// Returns       `co_await shared` gives a const reference to the result, valid while a copy of the
///               handle lives; awaiting a temporary gives a copy, as select and move_on_after need
///               it: move_on_after(1s, shared_task{shared}). A task<T&> gives T&.
/// Errors        the computation's error, with its own type; cancelled if the computation was
///               cancelled, by cancel() or with its group, and the awaiting task was not.
/// Suspends      unless the computation has ended.
/// Cancellation  clean. The others, and who asks again, find the result; the last one to leave ends
///               the computation, see above.
/// Threads       the loop's thread.
/// Lifetime      the group must not have ended when the first one awaits it.
/// Complexity    O(1); nothing is allocated to await it. One allocation for the handle's state and
///               those of a spawn.
/// Source        cppcoro::shared_task; Shared of Rust's futures for what ends it.
template <class Result = void>
class shared_task {
    using value = detail::shared_value<Result>;
    using state = detail::shared_state<Result>;

public:
    using result_type = Result;

    /// Keeps `work` for the first who awaits it; then it is a child of the outermost group.
    explicit shared_task(task<Result> work, const shared_task_options& options = {})
        : state_{std::make_shared<state>(std::move(work), nullptr, options.keep_running)} {}

    /// The same with a group of one's own.
    shared_task(task<Result> work, task_group& owner, const shared_task_options& options = {})
        : state_{std::make_shared<state>(std::move(work), &owner, options.keep_running)} {}

    /// True once the computation has ended, in whichever way.
    [[nodiscard]] bool done() const noexcept { return state_->has_ended(); }

    /// True once the computation was stopped by a request to cancel.
    [[nodiscard]] bool was_cancelled() const noexcept { return state_->was_cancelled(); }

    /// True once it was asked to end, by cancel() or because the last awaiter was cancelled. It may
    /// still be on its way to its end.
    [[nodiscard]] bool was_asked_to_end() const noexcept { return state_->was_asked_to_end(); }

    /// The computation's error, or nullptr. Looking at it does not count as awaiting it.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return state_->error(); }

    /// The number of tasks that await it and have not got its result yet.
    [[nodiscard]] std::size_t waiting() const noexcept { return state_->awaiters(); }

    /// Asks the computation to end. Whoever awaits it gets cancelled.
    ///
    /// Returns       false if it had ended, or been asked, before.
    bool cancel(cancel_reason reason = cancel_reason::requested,
                std::source_location where = std::source_location::current()) const noexcept {
        return state_->cancel(reason, where);
    }

    auto operator co_await() const& noexcept {
        return detail::shared_operation<Result, typename value::seen>{state_};
    }
    auto operator co_await() && noexcept
        requires(!std::is_object_v<Result> || std::copy_constructible<Result>)
    {
        return detail::shared_operation<Result, typename value::given>{std::move(state_)};
    }
    void operator co_await() && = delete;  // a result that cannot be copied: await a variable

private:
    std::shared_ptr<state> state_;
};

}  // namespace simul
