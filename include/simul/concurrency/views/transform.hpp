// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/transform.hpp: operators that make other items, one after the other.
//
// Where a function is asked for, one that returns a task (or anything else that can be awaited)
// will do: it is awaited before the next item is asked for. concurrent_map.hpp is for several at
// once.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/views/detail/call.hpp"
#include "simul/concurrency/views/pipe.hpp"

namespace simul::views {

namespace detail {

template <class Result, class Item, class Function>
async_generator<Result> mapped(async_generator<Item> source, Function function) {
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        auto begun = detail::call(function, *std::move(item));
        Result result = co_await std::move(begun);
        co_yield std::move(result);
    }
}

template <class Function>
struct applied {
    explicit applied(Function applied_function) : function{std::move(applied_function)} {}

    template <class Tuple>
    auto operator()(Tuple&& arguments)
        -> decltype(std::apply(std::declval<Function&>(), std::forward<Tuple>(arguments))) {
        return std::apply(function, std::forward<Tuple>(arguments));
    }

    Function function;
};

template <class Item>
async_generator<std::tuple<std::ptrdiff_t, Item>> numbered(async_generator<Item> source,
                                                           std::ptrdiff_t number) {
    for (;; ++number) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        co_yield std::tuple<std::ptrdiff_t, Item>{number, *std::move(item)};
    }
}

template <class Item>
async_generator<std::vector<Item>> chunked(async_generator<Item> source, std::size_t size) {
    while (true) {
        std::vector<Item> piece;
        while (piece.size() != size) {
            std::optional<Item> item = co_await source.next();
            if (!item) break;
            piece.push_back(*std::move(item));
        }
        const bool is_last = piece.size() != size;
        if (!piece.empty()) co_yield std::move(piece);
        if (is_last) break;
    }
}

template <class Pipeline>
async_generator<typename Pipeline::value_type> cycled(task_group& group, Pipeline source) {
    using item_type = typename Pipeline::value_type;
    bool any = true;
    while (any) {
        any = false;
        async_generator<item_type> round = Pipeline(source).open(group);
        while (true) {
            std::optional<item_type> item = co_await round.next();
            if (!item) break;
            any = true;
            co_yield *std::move(item);
        }
    }
}

template <class Total, class Item, class Function>
async_generator<Total> accumulated(async_generator<Item> source, Function function,
                                   std::optional<Total> total) {
    if (total) co_yield *total;
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        if (total) {
            auto begun = detail::call(function, *std::move(total), *std::move(item));
            Total next = co_await std::move(begun);
            total.emplace(std::move(next));
        } else if constexpr (std::constructible_from<Total, Item>) {
            total.emplace(*std::move(item));
        }
        co_yield *total;
    }
}

template <class Item, class Function>
async_generator<Item> acted_on(async_generator<Item> source, Function function) {
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        auto begun = detail::call(function, std::as_const(*item));
        co_await std::move(begun);
        co_yield *std::move(item);
    }
}

}  // namespace detail

/// Calls `function` with each item and streams what it returns.
///
///     urls | views::map(fetch)          // fetch returns a task: one page after the other
///
/// Source        aiostream's map with task_limit=1; std::views::transform.
template <class Function>
[[nodiscard]] auto map(Function function) {
    return detail::make_stage([function = std::move(function)]<class Item>(
                                  task_group&, async_generator<Item> source) mutable {
        constexpr bool fits = std::is_invocable_v<Function&, Item&&>;
        static_assert(fits,
                      "views::map: the function cannot be called with an item of this stream");
        if constexpr (fits) {
            using result = detail::call_result_t<Function, Item&&>;
            static_assert(std::is_object_v<result>,
                          "views::map: the function returns nothing: use action or for_each");
            return detail::mapped<result>(std::move(source), std::move(function));
        } else {
            return source;  // only to keep the message short
        }
    });
}

/// Like map, for items that are tuples (or pairs): calls `function` with their elements.
///
/// Source        aiostream's starmap; std::apply.
template <class Function>
[[nodiscard]] auto starmap(Function function) {
    return views::map(detail::applied<Function>{std::move(function)});
}

/// Pairs each item with its number: std::tuple<std::ptrdiff_t, Item>.
///
/// Source        aiostream's and Python's enumerate; std::views::enumerate.
[[nodiscard]] inline auto enumerate(std::ptrdiff_t first = 0) {
    return detail::make_stage([first]<class Item>(task_group&, async_generator<Item> source) {
        return detail::numbered(std::move(source), first);
    });
}

/// Gathers items into vectors of `size`; the last may be shorter. The size must not be zero;
/// checked.
///
/// Source        aiostream's chunks; std::views::chunk.
[[nodiscard]] inline auto chunk(std::size_t size) {
    SIMUL_ASSERT(size != 0, "a chunk needs room for at least one item");
    return detail::make_stage([size]<class Item>(task_group&, async_generator<Item> source) {
        return detail::chunked(std::move(source), size);
    });
}

/// Runs a copy of the stream again and again, and ends when one of them has no items. Nothing is
/// remembered: what the stream is made of must be copyable, so no generator and no channel.
///
/// Source        aiostream's cycle.
[[nodiscard]] inline auto cycle() {
    return detail::make_adaptor([]<class Pipeline>(Pipeline source) {
        static_assert(std::copy_constructible<Pipeline>,
                      "views::cycle runs its stream again and again: it must be copyable");
        return detail::make_pipeline<typename Pipeline::value_type>(
            [source = std::move(source)](task_group& group) mutable {
                return detail::cycled(group, std::move(source));
            });
    });
}

/// Streams the running result of `function(total, item)`; the first item is the first total.
///
///     numbers | views::accumulate(std::plus<>{})        // 1 2 3 4 -> 1 3 6 10
///
/// Source        aiostream's accumulate; std::partial_sum.
template <class Function>
[[nodiscard]] auto accumulate(Function function) {
    return detail::make_stage([function = std::move(function)]<class Item>(
                                  task_group&, async_generator<Item> source) mutable {
        static_assert(std::is_invocable_v<Function&, Item&&, Item&&>,
                      "views::accumulate: the function cannot be called with two items");
        static_assert(std::copy_constructible<Item>,
                      "views::accumulate gives out each total and goes on with it: a copy");
        return detail::accumulated<Item>(std::move(source), std::move(function),
                                         std::optional<Item>{});
    });
}

/// The same from a first total, which is streamed first.
template <class Function, std::copy_constructible Total>
[[nodiscard]] auto accumulate(Function function, Total first) {
    return detail::make_stage(
        [function = std::move(function), first = std::move(first)]<class Item>(
            task_group&, async_generator<Item> source) mutable {
            static_assert(std::is_invocable_v<Function&, Total&&, Item&&>,
                          "views::accumulate: the function cannot be called with total and item");
            return detail::accumulated<Total>(std::move(source), std::move(function),
                                              std::optional<Total>{std::move(first)});
        });
}

/// Calls `function` with each item and passes the item on.
///
/// Source        aiostream's action.
template <class Function>
[[nodiscard]] auto action(Function function) {
    return detail::make_stage([function = std::move(function)]<class Item>(
                                  task_group&, async_generator<Item> source) mutable {
        static_assert(std::is_invocable_v<Function&, const Item&>,
                      "views::action: the function cannot be called with an item of this stream");
        return detail::acted_on(std::move(source), std::move(function));
    });
}

}  // namespace simul::views
