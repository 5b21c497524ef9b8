// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/select.hpp: operators that let some of the items through.
//
// Predicates may return a task of bool; it is awaited before the next item is asked for.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include "simul/base/ring_buffer.hpp"
#include "simul/concurrency/views/detail/call.hpp"
#include "simul/concurrency/views/pipe.hpp"

namespace simul::views {

namespace detail {

template <class Item>
async_generator<Item> first_of(async_generator<Item> source, std::size_t count) {
    for (; count != 0; --count) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        if (count == 1) source.close();  // whoever takes the last may take his time
        co_yield *std::move(item);
    }
}

template <class Item>
async_generator<Item> last_of(async_generator<Item> source, std::size_t count) {
    ring_buffer<Item> kept;
    while (count != 0) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        if (kept.size() == count) static_cast<void>(kept.pop_front());
        kept.reserve(kept.size() + 1);
        kept.push_back(*std::move(item));
    }
    while (!kept.empty()) co_yield kept.pop_front();
}

template <class Item>
async_generator<Item> without_first(async_generator<Item> source, std::size_t count) {
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        if (count == 0) {
            co_yield *std::move(item);
        } else {
            --count;
        }
    }
}

template <class Item>
async_generator<Item> without_last(async_generator<Item> source, std::size_t count) {
    ring_buffer<Item> held;
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        held.reserve(held.size() + 1);
        held.push_back(*std::move(item));
        if (held.size() > count) co_yield held.pop_front();
    }
}

template <class Item>
async_generator<Item> each_nth(async_generator<Item> source, std::size_t step) {
    for (std::size_t index = 0;; index = index + 1 == step ? 0 : index + 1) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        if (index == 0) co_yield *std::move(item);
    }
}

inline std::size_t magnitude(std::ptrdiff_t index) noexcept {
    const auto same = static_cast<std::size_t>(index);
    return index < 0 ? std::size_t{0} - same : same;
}

/// The items from an index on; all that there are if there are fewer than counted back.
template <class Item>
async_generator<Item> from_index(async_generator<Item> source, std::ptrdiff_t index) {
    if (index < 0) return last_of(std::move(source), magnitude(index));
    return without_first(std::move(source), magnitude(index));
}

template <class Item>
async_generator<Item> item_at(async_generator<Item> source, std::ptrdiff_t index) {
    async_generator<Item> rest = from_index(std::move(source), index);
    std::optional<Item> item = co_await rest.next();
    bool found = item.has_value();
    if (index < 0) {  // there must be as many as counted back
        for (std::size_t left = magnitude(index) - 1; left != 0 && found; --left) {
            const std::optional<Item> later = co_await rest.next();
            found = later.has_value();
        }
    }
    rest.close();
    if (!found) throw std::out_of_range{"views::get_item: the stream has fewer items"};
    co_yield *std::move(item);
}

enum class keep : unsigned char { matching, from_first_mismatch, to_first_mismatch, to_match };

template <keep What, class Item, class Predicate>
async_generator<Item> selected(async_generator<Item> source, Predicate predicate) {
    bool passes_all = false;
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        bool matches = true;
        if (!passes_all) {
            auto begun = detail::call(predicate, std::as_const(*item));
            matches = co_await std::move(begun);
        }
        if constexpr (What == keep::matching) {
            if (matches) co_yield *std::move(item);
        } else if constexpr (What == keep::from_first_mismatch) {
            passes_all = passes_all || !matches;
            if (passes_all) co_yield *std::move(item);
        } else if constexpr (What == keep::to_first_mismatch) {
            if (!matches) break;
            co_yield *std::move(item);
        } else {
            if (matches) source.close();
            co_yield *std::move(item);
            if (matches) break;
        }
    }
}

template <keep What, class Predicate>
auto make_selection(Predicate wanted) {
    return make_stage([wanted = std::move(wanted)]<class Item>(
                          task_group&, async_generator<Item> source) mutable {
        constexpr bool fits = predicate<Predicate, Item>;
        static_assert(fits,
                      "the predicate of a view must take a const item of the stream and return "
                      "bool, or a task of bool");
        if constexpr (fits) {
            return selected<What>(std::move(source), std::move(wanted));
        } else {
            return source;  // only to keep the message short
        }
    });
}

}  // namespace detail

/// The first `count` items. The stream is not asked for more: it is closed, and what it runs is
/// cancelled, when the last of them has come.
///
/// Source        aiostream's take; std::views::take.
[[nodiscard]] inline auto take(std::size_t count) {
    return detail::make_stage([count]<class Item>(task_group&, async_generator<Item> source) {
        return detail::first_of(std::move(source), count);
    });
}

/// The last `count` items, when the stream has ended.
///
/// Source        aiostream's takelast.
[[nodiscard]] inline auto take_last(std::size_t count) {
    return detail::make_stage([count]<class Item>(task_group&, async_generator<Item> source) {
        return detail::last_of(std::move(source), count);
    });
}

/// All but the first `count` items.
///
/// Source        aiostream's skip; std::views::drop.
[[nodiscard]] inline auto drop(std::size_t count) {
    return detail::make_stage([count]<class Item>(task_group&, async_generator<Item> source) {
        return detail::without_first(std::move(source), count);
    });
}

/// All but the last `count` items: each is passed on when `count` more have come.
///
/// Source        aiostream's skiplast.
[[nodiscard]] inline auto drop_last(std::size_t count) {
    return detail::make_stage([count]<class Item>(task_group&, async_generator<Item> source) {
        return detail::without_last(std::move(source), count);
    });
}

/// The one item at `index`, counted from the end if it is negative: -1 is the last. The stream
/// fails with std::out_of_range if there is none.
///
/// Source        aiostream's getitem with an index.
[[nodiscard]] inline auto get_item(std::ptrdiff_t index) {
    return detail::make_stage([index]<class Item>(task_group&, async_generator<Item> source) {
        return detail::item_at(std::move(source), index);
    });
}

/// Each item whose index modulo `step` is zero. The step must not be zero; checked.
///
/// Source        std::views::stride.
[[nodiscard]] inline auto stride(std::size_t step) {
    SIMUL_ASSERT(step != 0, "a stride of zero would never advance");
    return detail::make_stage([step]<class Item>(task_group&, async_generator<Item> source) {
        return detail::each_nth(std::move(source), step);
    });
}

/// The end of a slice that has none.
inline constexpr std::ptrdiff_t to_end = std::numeric_limits<std::ptrdiff_t>::max();

/// The items from index `start` to, without it, `stop`, each `step`th of them. Negative indices
/// count from the end. A stop that is not negative cannot follow a negative start, and the step
/// must be positive; checked.
///
/// Source        aiostream's getitem with a slice.
[[nodiscard]] inline auto slice(std::ptrdiff_t start, std::ptrdiff_t stop = to_end,
                                std::ptrdiff_t step = 1) {
    SIMUL_ASSERT(step > 0, "a stream cannot be walked backwards: the step must be positive");
    SIMUL_ASSERT(start >= 0 || stop < 0 || stop == to_end,
                 "a slice that starts at the end of a stream cannot stop at its beginning");
    return detail::make_stage([=]<class Item>(task_group&, async_generator<Item> source) {
        auto items = detail::from_index(std::move(source), start);
        if (stop < 0) {
            items = detail::without_last(std::move(items), detail::magnitude(stop));
        } else if (stop != to_end) {
            const std::size_t count = stop > start ? detail::magnitude(stop - start) : 0;
            items = detail::first_of(std::move(items), count);
        }
        if (step != 1) items = detail::each_nth(std::move(items), detail::magnitude(step));
        return items;
    });
}

/// The items for which `wanted` says true.
///
/// Source        aiostream's filter; std::views::filter.
template <class Predicate>
[[nodiscard]] auto filter(Predicate wanted) {
    return detail::make_selection<detail::keep::matching>(std::move(wanted));
}

/// The items up to the first for which `wanted` says false, without it.
///
/// Source        aiostream's takewhile; std::views::take_while.
template <class Predicate>
[[nodiscard]] auto take_while(Predicate wanted) {
    return detail::make_selection<detail::keep::to_first_mismatch>(std::move(wanted));
}

/// The items from the first for which `unwanted` says false.
///
/// Source        aiostream's dropwhile; std::views::drop_while.
template <class Predicate>
[[nodiscard]] auto drop_while(Predicate unwanted) {
    return detail::make_selection<detail::keep::from_first_mismatch>(std::move(unwanted));
}

/// The items up to the first for which `last` says true, with it.
///
/// Source        aiostream's until.
template <class Predicate>
[[nodiscard]] auto until(Predicate last) {
    return detail::make_selection<detail::keep::to_match>(std::move(last));
}

}  // namespace simul::views
