// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/iterate.hpp: what a stream is before it runs, and what can become one.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "simul/concurrency/task_group.hpp"
#include "simul/coro/async_generator.hpp"

namespace simul::views {

namespace detail {

struct pipeline_base {};

template <class Type>
struct optional_item {};
template <class Item>
struct optional_item<std::optional<Item>> {
    using type = Item;
};

template <class Source>
using next_item_t =
    typename optional_item<await_result_t<decltype(std::declval<Source&>().next())>>::type;

}  // namespace detail

/// The description of a stream: a pipeline, not yet running.
template <class Type>
concept description = std::derived_from<std::remove_cvref_t<Type>, detail::pipeline_base>;

/// What is asked for items one by one: `co_await source.next()` gives std::optional of one, empty
/// at the end. async_generator, receiver, broadcast_reader and completion_stream are such.
template <class Type>
concept async_source = !std::ranges::range<Type> &&
                       requires { typename detail::next_item_t<std::remove_reference_t<Type>>; };

/// What can stand at the left of a `|`: a pipeline, a source of items, or any range of values.
template <class Type>
concept streamable =
    description<Type> || async_source<Type> ||
    (std::ranges::input_range<Type> && std::constructible_from<std::remove_cvref_t<Type>, Type>) ||
    (std::ranges::input_range<Type> && std::is_lvalue_reference_v<Type>);

/// Describes a stream of Items. Nothing runs, and no function is called, before a terminal
/// (for_each, to_vector, reduce, first, last, with_stream) is awaited.
///
///     auto squares = views::count(1) | views::filter(odd) | views::map(square) | views::take(3);
///     co_await (std::move(squares) | views::for_each(print));
///
/// It can be copied if all that it is made of can, and each copy runs on its own.
///
/// Threads       the loop's thread.
/// Lifetime      lvalues that it was made of are referenced and must outlive its run.
/// Source        Python's aiostream, whose operators these are; the look of std::views.
template <class Item, class Open>
class [[nodiscard("a stream does nothing until a terminal runs it")]] pipeline
    : public detail::pipeline_base {
public:
    static_assert(std::is_object_v<Item> && std::move_constructible<Item>,
                  "a stream carries movable values: use pointers for what cannot be moved");
    using value_type = Item;

    explicit pipeline(Open open) : open_{std::move(open)} {}

    /// Makes the stream itself; what it runs besides goes into `group`. For terminals and
    /// operators.
    [[nodiscard]] async_generator<Item> open(task_group& group) && {
        return std::invoke(open_, group);
    }

private:
    Open open_;
};

namespace detail {

template <class Item, class Open>
auto make_pipeline(Open open) {
    return pipeline<Item, Open>{std::move(open)};
}

// A container that the stream owns: its items can be moved out.
template <class Item, class Container>
async_generator<Item> consume(Container items) {
    for (auto place = std::ranges::begin(items); place != std::ranges::end(items); ++place) {
        co_yield std::ranges::iter_move(place);
    }
}

template <class Item, class Range>
async_generator<Item> walk(Range items) {
    for (auto&& each : items) co_yield std::forward<decltype(each)>(each);
}

// Source is a reference for a source that belongs to somebody else.
template <class Item, class Source>
async_generator<Item> pull(Source source) {
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        co_yield *std::move(item);
    }
}

template <class Item, class Range>
auto iterate_range(Range&& items) {
    using bare = std::remove_cvref_t<Range>;
    static_assert(std::constructible_from<Item, std::ranges::range_reference_t<Range>> ||
                      !std::is_lvalue_reference_v<Range>,
                  "the items of this range cannot be copied: move the range into the stream");
    if constexpr (std::ranges::view<bare>) {
        return make_pipeline<Item>([items = std::forward<Range>(items)](task_group&) mutable {
            return walk<Item, bare>(std::move(items));
        });
    } else if constexpr (std::is_lvalue_reference_v<Range>) {
        return make_pipeline<Item>([items = std::ranges::ref_view{items}](task_group&) {
            return walk<Item, std::remove_const_t<decltype(items)>>(items);
        });
    } else {
        return make_pipeline<Item>([items = std::forward<Range>(items)](task_group&) mutable {
            return consume<Item, bare>(std::move(items));
        });
    }
}

template <class Item, class Source>
auto iterate_source(Source&& source) {
    using bare = std::remove_cvref_t<Source>;
    if constexpr (std::is_lvalue_reference_v<Source>) {
        return make_pipeline<Item>(
            [source = &source](task_group&) { return pull<Item, bare&>(*source); });
    } else if constexpr (std::same_as<bare, async_generator<Item>>) {
        return make_pipeline<Item>(
            [source = std::move(source)](task_group&) mutable { return std::move(source); });
    } else {
        return make_pipeline<Item>([source = std::move(source)](task_group&) mutable {
            return pull<Item, bare>(std::move(source));
        });
    }
}

}  // namespace detail

/// Streams the items of a range, of an async_generator, or of anything else with a next(). A
/// pipeline stays what it is. On the left of `|` it is not needed: `numbers | views::take(3)`.
///
/// An rvalue is owned, and the items of an owned container are moved out. An lvalue is referenced:
/// the items of a range are copied, and a generator is left where the stream has stopped asking.
///
/// Lifetime      an lvalue must outlive the run of the stream.
/// Source        aiostream's iterate, and for lvalue generators its preserve.
template <streamable Source>
[[nodiscard]] auto iterate(Source&& source) {
    if constexpr (description<Source>) {
        using same = std::remove_cvref_t<Source>;
        constexpr bool fits = std::is_constructible_v<same, Source>;
        static_assert(fits, "this stream cannot be copied: std::move it");
        if constexpr (fits) {
            return same(std::forward<Source>(source));
        } else {
            return std::move(source);  // only to keep the message short
        }
    } else if constexpr (async_source<Source>) {
        return detail::iterate_source<detail::next_item_t<std::remove_reference_t<Source>>>(
            std::forward<Source>(source));
    } else {
        return detail::iterate_range<std::ranges::range_value_t<Source>>(
            std::forward<Source>(source));
    }
}

/// The pipeline that a Source becomes, and its items.
template <streamable Source>
using pipeline_of = decltype(views::iterate(std::declval<Source>()));
template <streamable Source>
using item_of = typename pipeline_of<Source>::value_type;

}  // namespace simul::views
