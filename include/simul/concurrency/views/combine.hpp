// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/combine.hpp: several streams made one.
//
// Their arguments are what can stand at the left of `|`: pipelines, generators, ranges.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/views/detail/background.hpp"
#include "simul/concurrency/views/transform.hpp"

namespace simul::views {

namespace detail {

template <class... Sources>
concept mixable = requires { typename std::common_type_t<item_of<Sources>...>; };

/// Pipelines that wait to be opened.
template <class... Sources>
auto keep_pipelines(Sources&&... sources) {
    return std::tuple<pipeline_of<Sources>...>{views::iterate(std::forward<Sources>(sources))...};
}

template <class... Pipelines>
auto open_all(task_group& group, std::tuple<Pipelines...> sources) {
    return std::apply(
        [&](Pipelines&... each) {
            return std::tuple<async_generator<typename Pipelines::value_type>...>{
                std::move(each).open(group)...};
        },
        sources);
}

template <class Item, class From>
async_generator<Item> converted(async_generator<From> source) {
    while (true) {
        std::optional<From> item = co_await source.next();
        if (!item) break;
        co_yield static_cast<Item>(*std::move(item));
    }
}

template <class Item>
using opener = std::move_only_function<async_generator<Item>(task_group&)>;

template <class Item, class Pipeline>
opener<Item> make_opener(Pipeline source) {
    return [source = std::move(source)](task_group& group) mutable {
        if constexpr (std::same_as<typename Pipeline::value_type, Item>) {
            return std::move(source).open(group);
        } else {
            return converted<Item>(std::move(source).open(group));
        }
    };
}

template <class Item>
async_generator<Item> chained(task_group& group, std::vector<opener<Item>> sources) {
    for (opener<Item>& open : sources) {
        async_generator<Item> source = open(group);
        while (true) {
            std::optional<Item> item = co_await source.next();
            if (!item) break;
            co_yield *std::move(item);
        }
    }
}

template <class... Items>
async_generator<std::tuple<Items...>> zipped(std::tuple<async_generator<Items>...> sources) {
    while (true) {
        auto asked = std::apply([](auto&... each) { return gather(each.next()...); }, sources);
        std::tuple<std::optional<Items>...> row = co_await std::move(asked);
        if (!std::apply([](auto&... each) { return (each.has_value() && ...); }, row)) break;
        co_yield std::apply([](auto&... each) { return std::tuple<Items...>{*std::move(each)...}; },
                            row);
    }
}

template <class Item, class... From>
task<> merge_pump(relay<Item>& to, std::tuple<async_generator<From>...> sources) {
    task_group group;
    std::apply([&](auto&... each) { (group.spawn(pump_all(to, std::move(each))), ...); }, sources);
    co_await group.run();
}

// For zip_latest: the index of the alternative says which stream an item came from.
template <std::size_t Index, class... Items, class From>
task<> pump_tagged(relay<std::variant<Items...>>& to, async_generator<From> source) {
    while (true) {
        std::optional<From> item = co_await source.next();
        if (!item) break;
        std::variant<Items...> marked{std::in_place_index<Index>, *std::move(item)};
        co_await to.items.put(std::move(marked));
    }
}

template <class... Items>
task<> tagging_pump(relay<std::variant<Items...>>& to,
                    std::tuple<async_generator<Items>...> sources) {
    task_group group;
    const auto spawn_all = [&]<std::size_t... Index>(std::index_sequence<Index...>) {
        (group.spawn(pump_tagged<Index>(to, std::move(std::get<Index>(sources)))), ...);
    };
    spawn_all(std::index_sequence_for<Items...>{});
    co_await group.run();
}

template <class... Items>
void note_latest(std::tuple<std::optional<Items>...>& latest, std::variant<Items...>&& news) {
    const auto visit = [&]<std::size_t Index>() {
        if (news.index() == Index) {
            std::get<Index>(latest).emplace(std::get<Index>(std::move(news)));
        }
    };
    [&]<std::size_t... Index>(std::index_sequence<Index...>) {
        (visit.template operator()<Index>(), ...);
    }(std::index_sequence_for<Items...>{});
}

template <class... Items>
async_generator<std::tuple<Items...>> complete_rows(async_generator<std::variant<Items...>> news) {
    std::tuple<std::optional<Items>...> latest;
    while (true) {
        std::optional<std::variant<Items...>> item = co_await news.next();
        if (!item) break;
        note_latest(latest, *std::move(item));
        if (std::apply([](auto&... each) { return (each.has_value() && ...); }, latest)) {
            co_yield std::apply([](auto&... each) { return std::tuple<Items...>{*each...}; },
                                latest);
        }
    }
}

template <class... Items>
async_generator<std::tuple<std::optional<Items>...>> all_rows(
    async_generator<std::variant<Items...>> news) {
    std::tuple<std::optional<Items>...> latest;
    while (true) {
        std::optional<std::variant<Items...>> item = co_await news.next();
        if (!item) break;
        note_latest(latest, *std::move(item));
        co_yield latest;
    }
}

/// The items of all streams as they come, each saying where from.
template <class... Pipelines>
auto open_news(task_group& group, std::tuple<Pipelines...> sources) {
    using news = std::variant<typename Pipelines::value_type...>;
    auto begin = [opened = open_all(group, std::move(sources))](relay<news>& to) mutable {
        return tagging_pump(to, std::move(opened));
    };
    return in_background<news>(group, std::move(begin));
}

}  // namespace detail

/// The items of the first stream, then those of the next, and so on. A stream begins when the one
/// before has ended.
///
/// Source        aiostream's chain; std::views::concat.
template <streamable... Sources>
    requires(sizeof...(Sources) > 0)
[[nodiscard]] auto chain(Sources&&... sources) {
    static_assert(detail::mixable<Sources...>, "views::chain: the items have no common type");
    using item = std::common_type_t<item_of<Sources>...>;
    return detail::make_pipeline<item>([kept = detail::keep_pipelines(std::forward<Sources>(
                                            sources)...)](task_group& group) mutable {
        std::vector<detail::opener<item>> openers;
        std::apply(
            [&](auto&... each) {
                (openers.push_back(detail::make_opener<item>(std::move(each))), ...);
            },
            kept);
        return detail::chained<item>(group, std::move(openers));
    });
}

/// Tuples of one item of each stream; ends with the shortest. The streams are asked at the same
/// time, and a row waits for all of them. What others gave beside an end is dropped.
///
/// Source        aiostream's and Python's zip; std::views::zip.
template <streamable... Sources>
    requires(sizeof...(Sources) > 0)
[[nodiscard]] auto zip(Sources&&... sources) {
    return detail::make_pipeline<std::tuple<item_of<Sources>...>>(
        [kept =
             detail::keep_pipelines(std::forward<Sources>(sources)...)](task_group& group) mutable {
            return detail::zipped(detail::open_all(group, std::move(kept)));
        });
}

/// Calls `function` with one item of each stream and streams what it returns.
///
/// Source        aiostream's map with several sources; std::views::zip_transform.
template <class Function, streamable... Sources>
    requires(sizeof...(Sources) > 0)
[[nodiscard]] auto zip_transform(Function function, Sources&&... sources) {
    return views::zip(std::forward<Sources>(sources)...) | views::starmap(std::move(function));
}

/// The items of all streams, as they come. The streams run at the same time, each at most one item
/// ahead; the first that fails ends the others. An item that was read ahead is destroyed if nobody
/// wants it any more: with a channel that others read too, that item is lost to them.
///
/// Source        aiostream's merge.
template <streamable... Sources>
    requires(sizeof...(Sources) > 0)
[[nodiscard]] auto merge(Sources&&... sources) {
    static_assert(detail::mixable<Sources...>, "views::merge: the items have no common type");
    using item = std::common_type_t<item_of<Sources>...>;
    return detail::make_pipeline<item>([kept = detail::keep_pipelines(std::forward<Sources>(
                                            sources)...)](task_group& group) mutable {
        auto begin =
            [opened = detail::open_all(group, std::move(kept))](detail::relay<item>& to) mutable {
                return detail::merge_pump<item>(to, std::move(opened));
            };
        return detail::in_background<item>(group, std::move(begin));
    });
}

/// Each time that one of the streams gives an item: a tuple of the latest items of all, once all
/// have given one. They run at the same time, as those of merge.
///
/// Source        aiostream's ziplatest with partial=False; combineLatest of ReactiveX.
template <streamable... Sources>
    requires(sizeof...(Sources) > 0)
[[nodiscard]] auto zip_latest(Sources&&... sources) {
    static_assert((std::copy_constructible<item_of<Sources>> && ...),
                  "views::zip_latest gives an item out as long as it is the latest: a copy");
    return detail::make_pipeline<std::tuple<item_of<Sources>...>>(
        [kept =
             detail::keep_pipelines(std::forward<Sources>(sources)...)](task_group& group) mutable {
            return detail::complete_rows(detail::open_news(group, std::move(kept)));
        });
}

/// The same from the first item on: a tuple of std::optional, empty for a stream that has not given
/// any yet.
///
/// Source        aiostream's ziplatest with partial=True, its default.
template <streamable... Sources>
    requires(sizeof...(Sources) > 0)
[[nodiscard]] auto zip_latest_partial(Sources&&... sources) {
    static_assert(
        (std::copy_constructible<item_of<Sources>> && ...),
        "views::zip_latest_partial gives an item out as long as it is the latest: a copy");
    return detail::make_pipeline<std::tuple<std::optional<item_of<Sources>>...>>(
        [kept =
             detail::keep_pipelines(std::forward<Sources>(sources)...)](task_group& group) mutable {
            return detail::all_rows(detail::open_news(group, std::move(kept)));
        });
}

}  // namespace simul::views
