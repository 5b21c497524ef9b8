// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/as_completed.hpp: results in the order in which they become ready.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/task_group.hpp"

namespace simul {

/// One task that has ended: which, and how.
template <class Result>
class completion {
public:
    completion(std::size_t place, outcome<Result>&& how) noexcept
        : index_{place}, ended_{std::move(how)} {}

    /// Its place in the range given to as_completed.
    [[nodiscard]] std::size_t index() const noexcept { return index_; }

    /// How it ended.
    [[nodiscard]] outcome<Result>& ended() noexcept { return ended_; }

    /// Its result, moved out.
    ///
    /// Errors        its error; cancelled if it was cancelled.
    Result take() { return ended_.take(); }

private:
    std::size_t index_;
    outcome<Result> ended_;
};

namespace detail {

template <class Result>
struct completion_state {
    explicit completion_state(std::size_t count) noexcept : left{count} {}

    queue<completion<Result>> ended;
    std::size_t left;
};

/// Puts the completion of one task into the stream. A task that is destroyed before it began, with
/// its group, was cancelled.
template <class Result>
class completion_reporter {
public:
    completion_reporter(std::shared_ptr<completion_state<Result>> state, std::size_t index) noexcept
        : state_{std::move(state)}, index_{index} {}
    completion_reporter(completion_reporter&&) noexcept = default;
    completion_reporter& operator=(completion_reporter&&) = delete;
    ~completion_reporter() {
        if (state_ != nullptr) report({});
    }

    void report(outcome<Result>&& how) {
        const std::shared_ptr<completion_state<Result>> state = std::move(state_);
        const bool taken = state->ended.try_put(completion<Result>{index_, std::move(how)});
        SIMUL_ASSERT(taken, "the stream of completions is unbounded");
    }

private:
    std::shared_ptr<completion_state<Result>> state_;
    std::size_t index_;
};

template <class Result>
task<> report_completion(completion_reporter<Result> reporter, task<Result> work) {
    outcome<Result> how = co_await as_outcome(std::move(work));
    reporter.report(std::move(how));
}

template <class Result>
class completion_operation {
public:
    explicit completion_operation(completion_state<Result>& state) noexcept
        : state_{state}, get_{state.ended} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        exhausted_ = state_.left == 0;
        return exhausted_ ? started::done : get_.start(self);
    }

    std::optional<completion<Result>> take() {
        if (exhausted_ || !get_.has_item()) return std::nullopt;
        if (--state_.left == 0) state_.ended.close();  // for others who wait for one more
        return get_.take();
    }

    bool give_back() noexcept { return get_.give_back(); }

private:
    completion_state<Result>& state_;
    get_operation<completion<Result>, first_in_first_out> get_;
    bool exhausted_ = false;
};

}  // namespace detail

/// What completion_stream::next returns.
template <class Result>
class [[nodiscard("co_await it")]] completion_awaitable {
public:
    explicit completion_awaitable(detail::completion_state<Result>& state) noexcept
        : state_{state} {}
    auto operator co_await() const noexcept { return detail::completion_operation<Result>{state_}; }

private:
    detail::completion_state<Result>& state_;
};

/// The stream that as_completed returns. Iteration may stop and go on later: no result is lost or
/// repeated. Dropping it leaves the tasks to their group.
///
/// Threads       the loop's thread.
template <class Result>
class completion_stream {
public:
    explicit completion_stream(std::shared_ptr<detail::completion_state<Result>> state) noexcept
        : state_{std::move(state)} {}

    /// Waits for the next task to end.
    ///
    /// Returns       std::optional of its completion; empty after the last one.
    /// Errors        none: a task's error is in its completion.
    /// Suspends      while none that was not yet reported has ended.
    /// Cancellation  clean. A completion that was handed over while the request was on its way is
    ///               kept for the next call.
    /// Threads       the loop's thread.
    /// Lifetime      the stream must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] completion_awaitable<Result> next() noexcept {
        return completion_awaitable<Result>{*state_};
    }

    /// Tasks whose completion was not yet taken.
    [[nodiscard]] std::size_t size() const noexcept { return state_->left; }

private:
    std::shared_ptr<detail::completion_state<Result>> state_;
};

/// Spawns every task of `tasks` into `group` and returns a stream of their completions, in the
/// order in which they end.
///
///     co_await with_task_group([&](task_group& group) -> task<> {
///         auto results = as_completed(group, std::move(tasks));
///         while (auto ended = co_await results.next()) use(ended->take());
///     });
///
/// A task that fails does not fail the group: its error is in its completion. Use gather when all
/// results are wanted at once and a failure should cancel the rest.
///
/// Returns       completion_stream.
/// Errors        std::bad_alloc.
/// Threads       the loop's thread.
/// Complexity    two allocations for each task besides its own frame.
/// Source        asyncio.as_completed in its form of Python 3.13.
template <class Result>
[[nodiscard]] completion_stream<Result> as_completed(task_group& group,
                                                     std::vector<task<Result>> tasks) {
    auto state = std::make_shared<detail::completion_state<Result>>(tasks.size());
    for (std::size_t index = 0; index != tasks.size(); ++index) {
        group.spawn(detail::report_completion<Result>(
            detail::completion_reporter<Result>{state, index}, std::move(tasks[index])));
    }
    return completion_stream<Result>{std::move(state)};
}

}  // namespace simul
