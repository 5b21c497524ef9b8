// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/concurrent_map.hpp: an asynchronous function, called for several items at
// once.
//
// Each item that was asked for has a slot until its result was taken, and there are no more slots
// than the limit. The pump asks for an item when a slot is free and spawns a worker for it; slots
// go through the relay in the order in which they were made, or in which they are ready.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/views/detail/background.hpp"
#include "simul/concurrency/views/detail/call.hpp"
#include "simul/concurrency/views/pipe.hpp"

namespace simul::views {

/// The order in which results come out: that of the items, or that in which they become ready.
enum class result_order : unsigned char { ordered, unordered };
using enum result_order;

namespace detail {

/// Room for the result of one item.
template <class Result>
class map_slot {
public:
    map_slot(std::shared_ptr<semaphore> slots, semaphore_permit place) noexcept
        : slots_{std::move(slots)}, place_{std::move(place)} {}

    std::optional<Result> result;
    kept_error error;
    event ready;

private:
    std::shared_ptr<semaphore> slots_;
    semaphore_permit place_;  // returned before the last owner of slots_ goes
};

template <class Result>
using map_slot_pointer = std::shared_ptr<map_slot<Result>>;

/// Calls the function for the items of a stream.
template <class Item, class Result, class Function>
class map_pump {
    using slot_pointer = map_slot_pointer<Result>;

public:
    map_pump(relay<slot_pointer>& to, std::size_t limit, Function function, result_order order)
        : to_{to},
          slots_{std::make_shared<semaphore>(limit)},
          function_{std::move(function)},
          order_{order} {}

    task<> feed(task_group& workers, async_generator<Item> source) {
        try {
            while (true) {
                semaphore_permit place = co_await slots_->acquire();
                if (has_failed_) break;
                std::optional<Item> item = co_await source.next();
                if (!item) break;
                auto slot = std::make_shared<map_slot<Result>>(slots_, std::move(place));
                if (order_ == ordered) co_await to_.items.put(slot);
                workers.spawn(work(std::move(slot), *std::move(item)));
            }
        } catch (...) {
            to_.error.keep(std::current_exception());  // comes out behind the results
        }
        if (order_ == ordered) to_.items.close();
    }

private:
    task<> work(slot_pointer slot, Item item) {
        try {
            auto begun = detail::call(function_, std::move(item));
            Result result = co_await std::move(begun);
            slot->result.emplace(std::move(result));
        } catch (...) {
            slot->error.keep(std::current_exception());
            has_failed_ = true;
        }
        slot->ready.set();
        if (order_ == unordered) co_await to_.items.put(std::move(slot));
    }

    relay<slot_pointer>& to_;
    std::shared_ptr<semaphore> slots_;
    Function function_;
    result_order order_;
    bool has_failed_ = false;  // an item was in vain: ask for no more
};

template <class Item, class Result, class Function>
task<> run_map_pump(relay<map_slot_pointer<Result>>& to, async_generator<Item> source,
                    std::size_t limit, Function function, result_order order) {
    map_pump<Item, Result, Function> pump{to, limit, std::move(function), order};
    const auto feed = [&](task_group& workers) { return pump.feed(workers, std::move(source)); };
    co_await with_task_group(feed);
}

template <class Result>
async_generator<Result> results_of(async_generator<map_slot_pointer<Result>> slots) {
    while (true) {
        std::optional<map_slot_pointer<Result>> slot = co_await slots.next();
        if (!slot) break;
        co_await (*slot)->ready.wait();
        (*slot)->error.rethrow_if_any();
        Result result = *std::move((*slot)->result);
        slot.reset();  // its place is free for the next item
        co_yield std::move(result);
    }
}

}  // namespace detail

/// Calls `function`, which returns a task, for up to `limit` items at once and streams the results:
/// in the order of the items, or as they become ready.
///
///     urls | views::concurrent_map(10, fetch)
///     urls | views::concurrent_map(10, fetch, views::unordered)
///
/// What is at work, and results that nobody has taken, are together never more than `limit`: a slow
/// reader slows down the stream. An error of `function` comes out in the place of its result, and
/// the stream has ended; from the failure on no more items are asked for. One of the source comes
/// behind all results. The limit must not be zero; checked.
///
/// Lifetime      `function` is kept until the last task has ended: captures are safe.
/// Complexity    two allocations for each item: its task and its slot.
/// Source        aiostream's map with task_limit and ordered.
template <class Function>
[[nodiscard]] auto concurrent_map(std::size_t limit, Function function,
                                  result_order order = ordered) {
    SIMUL_ASSERT(limit != 0, "a limit of zero would never do anything");
    return detail::make_stage([limit, function = std::move(function), order]<class Item>(
                                  task_group& group, async_generator<Item> source) mutable {
        constexpr bool fits = std::is_invocable_v<Function&, Item&&>;
        static_assert(fits, "views::concurrent_map: the function cannot be called with an item");
        constexpr bool waits = detail::asynchronous<Function, Item&&>;
        static_assert(waits || !fits,
                      "views::concurrent_map: the function must return a task: use map");
        if constexpr (waits) {
            using result = detail::call_result_t<Function, Item&&>;
            static_assert(std::is_object_v<result>,
                          "views::concurrent_map: the task gives nothing that could be streamed");
            using slot = detail::map_slot_pointer<result>;
            auto begin = [source = std::move(source), limit, function = std::move(function),
                          order](detail::relay<slot>& to) mutable {
                return detail::run_map_pump<Item, result>(to, std::move(source), limit,
                                                          std::move(function), order);
            };
            return detail::results_of<result>(
                detail::in_background<slot>(group, std::move(begin), limit));
        } else {
            return source;  // only to keep the message short
        }
    });
}

}  // namespace simul::views
