// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/aggregate.hpp: the terminals that run a stream and make one thing of it.
//
// Each of them, at the right of the last `|`, makes a task; awaiting the task runs the stream.
// While it runs the stream has a task group of its own: nothing outlives the task.
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/views/detail/call.hpp"
#include "simul/concurrency/views/pipe.hpp"

namespace simul::views {

namespace detail {

template <class Function>
class for_each_body {
public:
    explicit for_each_body(Function function) : function_{std::move(function)} {}

    template <class Item>
    task<> operator()(stream_reader<Item>& reader) {
        while (true) {
            std::optional<Item> item = co_await reader.next();
            if (!item) break;
            auto begun = detail::call(function_, *std::move(item));
            co_await std::move(begun);
        }
    }

private:
    Function function_;
};

struct to_vector_body {
    template <class Item>
    task<std::vector<Item>> operator()(stream_reader<Item>& reader) const {
        std::vector<Item> items;
        while (true) {
            std::optional<Item> item = co_await reader.next();
            if (!item) break;
            items.push_back(*std::move(item));
        }
        co_return items;
    }
};

struct first_body {
    template <class Item>
    task<std::optional<Item>> operator()(stream_reader<Item>& reader) const {
        std::optional<Item> item = co_await reader.next();
        co_return item;
    }
};

struct last_body {
    template <class Item>
    task<std::optional<Item>> operator()(stream_reader<Item>& reader) const {
        std::optional<Item> latest;
        while (true) {
            std::optional<Item> item = co_await reader.next();
            if (!item) break;
            latest.emplace(*std::move(item));
        }
        co_return latest;
    }
};

template <class Function, class Total>
class fold_body {
public:
    fold_body(Function function, Total first)
        : function_{std::move(function)}, total_{std::move(first)} {}

    template <class Item>
    task<Total> operator()(stream_reader<Item>& reader) {
        std::optional<Total> total{std::move(total_)};
        while (true) {
            std::optional<Item> item = co_await reader.next();
            if (!item) break;
            auto begun = detail::call(function_, *std::move(total), *std::move(item));
            Total next = co_await std::move(begun);
            total.emplace(std::move(next));
        }
        co_return *std::move(total);
    }

private:
    Function function_;
    Total total_;
};

template <class Function>
class reduce_body {
public:
    explicit reduce_body(Function function) : function_{std::move(function)} {}

    template <class Item>
    task<std::optional<Item>> operator()(stream_reader<Item>& reader) {
        std::optional<Item> total = co_await reader.next();
        while (total) {
            std::optional<Item> item = co_await reader.next();
            if (!item) break;
            auto begun = detail::call(function_, *std::move(total), *std::move(item));
            Item next = co_await std::move(begun);
            total.emplace(std::move(next));
        }
        co_return total;
    }

private:
    Function function_;
};

}  // namespace detail

/// Runs a stream and calls `function` with each item. What the function returns is awaited if it
/// can be, and dropped.
///
///     co_await (std::move(lines) | views::for_each(print));
///
/// Returns       a terminal; with a stream, task<>.
/// Errors        those of the stream and of `function`, with their own type, when all that the
///               stream runs has ended.
/// Suspends      when the stream or `function` does.
/// Cancellation  partial. The request goes to all that the stream runs.
/// Threads       the loop's thread.
/// Lifetime      lvalues that the stream was made of must outlive the task.
/// Source        std::ranges::for_each; Python's `async for`.
template <class Function>
[[nodiscard]] auto for_each(Function function) {
    return detail::make_terminal(
        [function = std::move(function)]<class Pipeline>(Pipeline source) mutable {
            constexpr bool fits = std::is_invocable_v<Function&, typename Pipeline::value_type&&>;
            static_assert(fits, "views::for_each: the function cannot be called with an item");
            if constexpr (fits) {
                return views::with_stream(std::move(source),
                                          detail::for_each_body<Function>{std::move(function)});
            }
        });
}

/// Runs a stream and collects its items.
///
/// Returns       a terminal; with a stream, a task of std::vector<Item>.
/// Errors        those of the stream; std::bad_alloc.
/// Suspends      when the stream does.
/// Cancellation  partial. Items collected so far are destroyed.
/// Threads       the loop's thread.
/// Lifetime      lvalues that the stream was made of must outlive the task.
/// Source        aiostream's list; std::ranges::to.
[[nodiscard]] inline auto to_vector() {
    return detail::make_terminal([]<class Pipeline>(Pipeline source) {
        return views::with_stream(std::move(source), detail::to_vector_body{});
    });
}

/// Runs a stream and combines its items, from the first: `function(function(a, b), c)`.
///
/// Returns       a terminal; with a stream, a task of std::optional<Item>, empty if there was none.
/// Errors        those of the stream and of `function`.
/// Suspends      when the stream or `function` does.
/// Cancellation  partial. The request goes to all that the stream runs.
/// Threads       the loop's thread.
/// Lifetime      lvalues that the stream was made of must outlive the task.
/// Source        aiostream's reduce; std::ranges::fold_left_first.
template <class Function>
[[nodiscard]] auto reduce(Function function) {
    return detail::make_terminal(
        [function = std::move(function)]<class Pipeline>(Pipeline source) mutable {
            using item = typename Pipeline::value_type;
            static_assert(std::is_invocable_v<Function&, item&&, item&&>,
                          "views::reduce: the function cannot be called with two items");
            return views::with_stream(std::move(source),
                                      detail::reduce_body<Function>{std::move(function)});
        });
}

/// The same from a first total: `function(function(first, a), b)`.
///
/// Returns       a terminal; with a stream, a task of Total.
/// Errors        those of the stream and of `function`.
/// Suspends      when the stream or `function` does.
/// Cancellation  partial. The request goes to all that the stream runs.
/// Threads       the loop's thread.
/// Lifetime      lvalues that the stream was made of must outlive the task.
/// Source        aiostream's reduce with an initializer; std::ranges::fold_left.
template <class Function, std::move_constructible Total>
[[nodiscard]] auto reduce(Function function, Total first) {
    return detail::make_terminal([function = std::move(function),
                                  first =
                                      std::move(first)]<class Pipeline>(Pipeline source) mutable {
        static_assert(std::is_invocable_v<Function&, Total&&, typename Pipeline::value_type&&>,
                      "views::reduce: the function cannot be called with the total and an item");
        return views::with_stream(std::move(source), detail::fold_body<Function, Total>{
                                                         std::move(function), std::move(first)});
    });
}

/// Runs a stream until it has given one item, and ends it.
///
/// Returns       a terminal; with a stream, a task of std::optional<Item>.
/// Errors        those of the stream up to there.
/// Suspends      when the stream does.
/// Cancellation  partial. The request goes to all that the stream runs.
/// Threads       the loop's thread.
/// Lifetime      lvalues that the stream was made of must outlive the task.
/// Source        aiostream, where one awaits the stream; std::ranges::find_if.
[[nodiscard]] inline auto first() {
    return detail::make_terminal([]<class Pipeline>(Pipeline source) {
        return views::with_stream(std::move(source), detail::first_body{});
    });
}

/// Runs a stream to its end and keeps the last item.
///
/// Returns       a terminal; with a stream, a task of std::optional<Item>.
/// Errors        those of the stream.
/// Suspends      when the stream does.
/// Cancellation  partial. The request goes to all that the stream runs.
/// Threads       the loop's thread.
/// Lifetime      lvalues that the stream was made of must outlive the task.
/// Source        awaiting a stream of aiostream.
[[nodiscard]] inline auto last() {
    return detail::make_terminal([]<class Pipeline>(Pipeline source) {
        return views::with_stream(std::move(source), detail::last_body{});
    });
}

}  // namespace simul::views
