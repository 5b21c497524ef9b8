// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/concurrent.hpp: the same work for many items, so many of them at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/task_group.hpp"

namespace simul {

namespace detail {

/// The task that Work makes of an item, and its result.
template <class Range, class Work>
using work_task_t = std::invoke_result_t<Work&, std::ranges::range_reference_t<Range>>;

template <class Range, class Work>
concept work_on = std::ranges::input_range<Range> &&
                  std::invocable<Work&, std::ranges::range_reference_t<Range>> &&
                  requires { typename task_result<work_task_t<Range, Work>>::type; };

/// Hands out the items of a view, each once.
template <class View>
class item_source {
public:
    explicit item_source(View& items)
        : next_{std::ranges::begin(items)}, end_{std::ranges::end(items)} {}

    [[nodiscard]] bool empty() const { return next_ == end_; }

    /// Makes the task of the next item. An iterator of a single pass forgets the item when it
    /// moves on, so the task is made before.
    template <class Work>
    auto make_task(Work& work) {
        auto made = std::invoke(work, *next_);
        ++next_;
        return made;
    }

private:
    std::ranges::iterator_t<View> next_;
    std::ranges::sentinel_t<View> end_;
};

/// Runs so many copies of a worker as are of use.
template <class View, class Worker>
void spawn_workers(task_group& group, View& items, std::size_t limit, const Worker& worker) {
    if constexpr (std::ranges::sized_range<View>) {
        limit = std::min(limit, static_cast<std::size_t>(std::ranges::size(items)));
    }
    for (; limit != 0; --limit) group.spawn(worker());
}

template <class View, class Work>
task<> for_each_of(View items, std::size_t limit, Work work) {
    item_source<View> source{items};
    const auto worker = [&]() -> task<> {
        while (!source.empty()) {
            auto made = source.make_task(work);
            co_await std::move(made);
        }
    };
    task_group group;
    spawn_workers(group, items, limit, worker);
    co_await group.run();
}

template <class Result, class View, class Work>
task<std::vector<Result>> map_of(View items, std::size_t limit, Work work) {
    item_source<View> source{items};
    std::vector<std::optional<Result>> places;
    const auto worker = [&]() -> task<> {
        while (!source.empty()) {
            const std::size_t place = places.size();
            places.emplace_back();
            auto made = source.make_task(work);
            Result value = co_await std::move(made);
            places[place].emplace(std::move(value));
        }
    };
    task_group group;
    spawn_workers(group, items, limit, worker);
    co_await group.run();

    std::vector<Result> results;
    results.reserve(places.size());
    for (std::optional<Result>& each : places) results.push_back(*std::move(each));
    co_return results;
}

}  // namespace detail

/// Does the work for each item of a range, for at most `limit` of them at once.
///
///     co_await concurrent_for_each(urls, 100, [&](const std::string& url) { return save(url); });
///
/// The range is walked while the work goes on, so a million inputs, or a view that makes them, need
/// no million tasks. The first failure cancels what runs and begins no more.
///
/// `work` makes the task of an item. A range of a single pass (an input range) forgets an item when
/// the next is asked for: take the items of such a one by value.
///
/// Errors        the first error of a task, of the range or of `work`; later ones are in
///               suppressed(). The limit must not be zero; checked.
/// Suspends      when the work does, or if there is any.
/// Cancellation  partial. The request goes to what runs; nothing more is begun.
/// Threads       the loop's thread.
/// Lifetime      an lvalue range is referenced and must outlive the call; `work` is kept in it.
/// Complexity    O(items); memory for `limit` tasks.
/// Source        Seastar's max_concurrent_for_each.
template <class Range, class Work>
    requires detail::work_on<Range, Work>
[[nodiscard]] task<> concurrent_for_each(Range&& items, std::size_t limit, Work work) {
    SIMUL_ASSERT(limit != 0, "a limit of zero would never do anything");
    return detail::for_each_of(std::views::all(std::forward<Range>(items)), limit, std::move(work));
}

/// Does the work for each item of a range, for at most `limit` of them at once, and returns the
/// results in the order of the items.
///
/// Returns       std::vector of what the tasks return.
/// Errors        as concurrent_for_each; std::bad_alloc.
/// Suspends      when the work does, or if there is any.
/// Cancellation  partial. The request goes to what runs; no more is begun, results are dropped.
/// Threads       the loop's thread.
/// Lifetime      an lvalue range is referenced and must outlive the call; `work` is kept in it.
/// Complexity    O(items); memory for `limit` tasks and all results.
/// Source        anyio's amap; Python's Executor.map.
template <class Range, class Work>
    requires detail::work_on<Range, Work>
[[nodiscard]] auto concurrent_map(Range&& items, std::size_t limit, Work work) {
    using result = typename detail::task_result<detail::work_task_t<Range, Work>>::type;
    static_assert(std::is_object_v<result>,
                  "the work has no result that could be kept: use concurrent_for_each");
    SIMUL_ASSERT(limit != 0, "a limit of zero would never do anything");
    return detail::map_of<result>(std::views::all(std::forward<Range>(items)), limit,
                                  std::move(work));
}

}  // namespace simul
