// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/create.hpp: streams from nothing.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

#include "simul/concurrency/views/detail/call.hpp"
#include "simul/concurrency/views/iterate.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::views {

namespace detail {

template <class Item>
async_generator<Item> one(Item item) {
    co_yield std::move(item);
}

template <class Item, class Function, class Arguments>
async_generator<Item> result_of(Function function, Arguments arguments) {
    auto begun = std::apply(
        [&](auto&... each) { return detail::call(function, std::move(each)...); }, arguments);
    Item item = co_await std::move(begun);
    co_yield std::move(item);
}

template <class Item>
async_generator<Item> nothing() {
    co_return;
}

template <class Item>
async_generator<Item> failure(std::exception_ptr error) {
    if (error != nullptr) std::rethrow_exception(std::move(error));
    co_return;
}

template <class Item>
async_generator<Item> silence() {
    co_await sleep_until(time_point::max());
}

template <class Item>
async_generator<Item> repeated(Item item, std::size_t times) {
    for (; times != 0; --times) co_yield item;
}

// Adds a step; false if the type has no such number.
template <class Number>
bool advance(Number& number, Number step) {
    using limits = std::numeric_limits<Number>;
    if (step > Number{} ? number > limits::max() - step : number < limits::lowest() - step) {
        return false;
    }
    number = static_cast<Number>(number + step);
    return true;
}

template <class Number>
async_generator<Number> counted(Number next, Number step) {
    while (true) {
        co_yield next;
        if (!advance(next, step)) break;
    }
}

template <class Number>
async_generator<Number> numbers(Number next, Number stop, Number step) {
    while (step > Number{} ? next < stop : stop < next) {
        co_yield next;
        if (!advance(next, step)) break;
    }
}

}  // namespace detail

/// A stream of one item.
///
/// Source        aiostream's just.
template <class Item>
[[nodiscard]] auto just(Item item) {
    return detail::make_pipeline<Item>([item = std::move(item)](task_group&) mutable {
        return detail::one<Item>(std::move(item));
    });
}

/// A stream of one item: what `function`, called with `arguments` when the stream runs, returns.
/// A function that returns a task is awaited.
///
/// Source        aiostream's call.
template <class Function, class... Arguments>
[[nodiscard]] auto call(Function function, Arguments... arguments) {
    static_assert(std::is_invocable_v<Function&, Arguments&&...>,
                  "views::call: the function cannot be called with these arguments");
    using item = detail::call_result_t<Function, Arguments&&...>;
    static_assert(std::is_object_v<item>, "views::call: the function returns nothing to stream");
    return detail::make_pipeline<item>(
        [function = std::move(function),
         arguments = std::tuple<Arguments...>{std::move(arguments)...}](task_group&) mutable {
            return detail::result_of<item>(std::move(function), std::move(arguments));
        });
}

/// A stream without items that ends at once.
///
/// Source        aiostream's empty; std::views::empty.
template <class Item>
[[nodiscard]] auto empty() {
    return detail::make_pipeline<Item>([](task_group&) { return detail::nothing<Item>(); });
}

/// A stream of Items that fails when it is first asked.
///
/// Source        aiostream's throw.
template <class Item, class Error>
[[nodiscard]] auto throw_error(Error error) {
    std::exception_ptr kept;
    if constexpr (std::same_as<Error, std::exception_ptr>) {
        kept = std::move(error);
        SIMUL_ASSERT(kept != nullptr, "views::throw_error needs an error");
    } else {
        kept = std::make_exception_ptr(std::move(error));
    }
    return detail::make_pipeline<Item>(
        [kept = std::move(kept)](task_group&) { return detail::failure<Item>(kept); });
}

/// A stream of Items that waits until it is cancelled.
///
/// Source        aiostream's never.
template <class Item>
[[nodiscard]] auto never() {
    return detail::make_pipeline<Item>([](task_group&) { return detail::silence<Item>(); });
}

/// Copies of one item, `times` of them, or without end. Put space_out behind it for an interval.
///
/// Source        aiostream's repeat; std::views::repeat.
template <std::copy_constructible Item>
[[nodiscard]] auto repeat(Item item, std::size_t times = std::numeric_limits<std::size_t>::max()) {
    return detail::make_pipeline<Item>([item = std::move(item), times](task_group&) mutable {
        return detail::repeated<Item>(std::move(item), times);
    });
}

/// Numbers without end: `start`, `start + step`, and so on, as far as the type has them.
///
/// Source        aiostream's count; std::views::iota with one argument.
template <class Number = int>
[[nodiscard]] auto count(Number start = {}, std::type_identity_t<Number> step = Number{1}) {
    return detail::make_pipeline<Number>(
        [start, step](task_group&) { return detail::counted<Number>(start, step); });
}

/// Numbers from `start` up to, without it, `stop`; downwards if `step` is negative. The step must
/// not be zero; checked.
///
/// Source        aiostream's range; std::views::iota with two arguments.
template <class Number>
[[nodiscard]] auto range(Number start, std::type_identity_t<Number> stop,
                         std::type_identity_t<Number> step = Number{1}) {
    SIMUL_ASSERT(step != Number{}, "a range with a step of zero would never end");
    return detail::make_pipeline<Number>(
        [start, stop, step](task_group&) { return detail::numbers<Number>(start, stop, step); });
}

/// Numbers from zero up to, without it, `stop`.
template <class Number>
[[nodiscard]] auto range(Number stop) {
    return views::range(Number{}, stop);
}

}  // namespace simul::views
