// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/as_completed.hpp: results in the order in which they become ready.
//
// Reading order: completion_stream and the overloads of as_completed are the whole contract. Which
// child is where, and who gets it, is in detail/completions.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/concurrency/detail/completions.hpp"
#include "simul/concurrency/detail/handle_range.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"

namespace simul {

template <class Result>
class completion_stream;

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

/// How a child has ended. Its result is moved out of the handle.
template <class Result>
outcome<Result> take_outcome_of(task_handle<Result>& ended) noexcept {
    if (ended.was_cancelled()) return {};
    if (ended.error() != nullptr) return outcome<Result>::failed(ended.error());
    auto operation = ended.operator co_await();
    return take_outcome(operation);
}

/// The state of a stream; how its children are kept is for the derived classes.
template <class Result>
class completion_state : public completion_list {
public:
    using completion_list::completion_list;
    completion_state(const completion_state&) = delete;
    completion_state& operator=(const completion_state&) = delete;
    virtual ~completion_state() = default;

    virtual outcome<Result> take(std::size_t index) = 0;
};

/// A task whose failure is no failure of its group.
template <class Result>
task<outcome<Result>> settled(task<Result> work) {
    outcome<Result> how = co_await as_outcome(std::move(work));
    co_return std::move(how);
}

/// Children that the stream has spawned.
template <class Result>
class spawned_completions final : public completion_state<Result> {
public:
    spawned_completions(task_group& group, std::vector<task<Result>>& tasks, duration limit)
        : completion_state<Result>{tasks.size(), limit}, children_(tasks.size()) {
        for (std::size_t index = 0; index != tasks.size(); ++index) {
            child& each = children_[index];
            each.handle = group.spawn(settled<Result>(std::move(tasks[index])));
            this->add(each.watch, handle_access::base(each.handle), index);
        }
    }

    outcome<Result> take(std::size_t index) override {
        outcome<outcome<Result>> ended = take_outcome_of(children_[index].handle);
        if (ended.has_value()) return ended.take();
        // Cancelled before it began, or its result could not be moved.
        return ended.has_error() ? outcome<Result>::failed(ended.error()) : outcome<Result>{};
    }

private:
    struct child {
        task_handle<outcome<Result>> handle;
        completion_watch watch;  // destroyed before the handle
    };

    std::vector<child> children_;
};

/// Children whose handles are somebody else's.
template <class Result>
class watched_completions final : public completion_state<Result> {
public:
    template <class View>
    watched_completions(View& handles, std::size_t count, duration limit)
        : completion_state<Result>{count, limit}, children_(count) {
        std::size_t index = 0;
        for (task_handle<Result>& handle : handles) {
            children_[index].handle = &handle;
            this->add(children_[index].watch, handle_access::base(handle), index);
            ++index;
        }
        this->sort();
    }

    outcome<Result> take(std::size_t index) override {
        return take_outcome_of(*children_[index].handle);
    }

private:
    struct child {
        task_handle<Result>* handle = nullptr;
        completion_watch watch;
    };

    std::vector<child> children_;
};

template <class Result>
class completion_operation : public next_completion {
public:
    explicit completion_operation(completion_state<Result>& state) noexcept
        : next_completion{state}, state_{state} {}

    std::optional<completion<Result>> take() {
        std::optional<completion<Result>> taken;
        if (const completion_watch* watch = take_watch()) {
            taken.emplace(watch->index(), state_.take(watch->index()));
        }
        return taken;
    }

private:
    completion_state<Result>& state_;
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
/// Several tasks may wait in next() at once: whoever began to wait first gets the earliest.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait in next() when it is destroyed; checked.
template <class Result>
class completion_stream {
public:
    explicit completion_stream(std::unique_ptr<detail::completion_state<Result>> state) noexcept
        : state_{std::move(state)} {}

    /// Waits for the next task to end.
    ///
    /// Returns       std::optional of its completion; empty after the last one.
    /// Errors        timed_out, if the limit of the stream has passed and nothing that has ended is
    ///               left to give. A task's error is in its completion.
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
    [[nodiscard]] std::size_t size() const noexcept { return state_->left(); }

private:
    std::unique_ptr<detail::completion_state<Result>> state_;
};

namespace detail {

template <class Result>
completion_stream<Result> stream_of(task_group& group, std::vector<task<Result>> tasks,
                                    duration limit) {
    return completion_stream<Result>{
        std::make_unique<spawned_completions<Result>>(group, tasks, limit)};
}

template <class View>
auto stream_of(View handles, duration limit) {
    using result = typename handle_result<std::ranges::range_value_t<View>>::type;
    const auto count = static_cast<std::size_t>(std::ranges::distance(handles));
    return completion_stream<result>{
        std::make_unique<watched_completions<result>>(handles, count, limit)};
}

}  // namespace detail

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
/// With a limit, counted from this call, next() waits no longer than that: what has ended is still
/// given, then next() throws timed_out. The tasks go on in their group, and what ends later can be
/// taken later. To stop them, cancel the group.
///
/// Returns       completion_stream.
/// Errors        std::bad_alloc.
/// Threads       the loop's thread.
/// Complexity    two allocations for each task besides its own frame, and two for the stream.
/// Source        asyncio.as_completed in its form of Python 3.13.
template <class Result>
[[nodiscard]] completion_stream<Result> as_completed(task_group& group,
                                                     std::vector<task<Result>> tasks) {
    return detail::stream_of(group, std::move(tasks), duration::max());
}

template <class Result, class Rep, class Period>
[[nodiscard]] completion_stream<Result> as_completed(task_group& group,
                                                     std::vector<task<Result>> tasks,
                                                     std::chrono::duration<Rep, Period> limit) {
    return detail::stream_of(group, std::move(tasks), saturating_duration(limit));
}

/// The same for children that run already, or have ended: a stream of their completions, in the
/// order in which they end.
///
///     auto results = as_completed(handles, 10s);
///     while (auto ended = co_await results.next()) use(ended->take());
///
/// Taking a completion takes the result out of its handle, as awaiting the handle does. A failure
/// is in the completion and is the failure of its group as well, which cancels the siblings: wait
/// from outside of that group if you want to see it.
///
/// Returns       completion_stream.
/// Errors        std::bad_alloc. An empty handle is misuse; checked.
/// Threads       the loop's thread.
/// Lifetime      the handles must outlive the stream, and must not be moved until it is gone or has
///               given all.
/// Complexity    O(n log n) in those that have ended; three allocations.
/// Source        asyncio.as_completed given tasks.
template <class Range>
    requires detail::handle_range<Range>
[[nodiscard]] auto as_completed(Range&& handles) {
    return detail::stream_of(std::views::all(std::forward<Range>(handles)), duration::max());
}

template <class Range, class Rep, class Period>
    requires detail::handle_range<Range>
[[nodiscard]] auto as_completed(Range&& handles, std::chrono::duration<Rep, Period> limit) {
    return detail::stream_of(std::views::all(std::forward<Range>(handles)),
                             saturating_duration(limit));
}

}  // namespace simul
