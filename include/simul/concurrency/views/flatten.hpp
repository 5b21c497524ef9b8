// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/flatten.hpp: streams of streams, and functions that make a stream of each
// item.
//
// The items may be whatever can stand at the left of `|`: pipelines, generators, ranges. They
// differ in what they do when a further inner stream comes:
//
//      concat         it begins when the one before has ended
//      flatten        it runs beside the others, up to a limit
//      switch_latest  the one before is cancelled
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/views/detail/background.hpp"
#include "simul/concurrency/views/transform.hpp"

namespace simul::views {

namespace detail {

/// What made the inner streams, for the operators below: they keep it until the last of those has
/// ended, because coroutines that are lambdas refer to it.
using maker = std::shared_ptr<void>;

/// A function that lives as long as somebody has its maker.
template <class Function>
class shared_function {
public:
    explicit shared_function(Function function)
        : function_{std::make_shared<Function>(std::move(function))} {}

    template <class... Arguments>
        requires std::invocable<Function&, Arguments...>
    decltype(auto) operator()(Arguments&&... arguments) {
        return std::invoke(*function_, std::forward<Arguments>(arguments)...);
    }

    [[nodiscard]] maker kept() const noexcept { return function_; }

private:
    std::shared_ptr<Function> function_;
};

template <class Item, class Inner>
async_generator<Item> concatenated(task_group& group, maker, async_generator<Inner> streams) {
    while (true) {
        std::optional<Inner> inner = co_await streams.next();
        if (!inner) break;
        async_generator<Item> source = views::iterate(*std::move(inner)).open(group);
        while (true) {
            std::optional<Item> item = co_await source.next();
            if (!item) break;
            co_yield *std::move(item);
        }
    }
}

// The permit lies in the frame, so it goes back when the inner stream has ended.
template <class Item>
task<> pump_permitted(relay<Item>& to, async_generator<Item> source, semaphore_permit) {
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        co_await to.items.put(*std::move(item));
    }
}

template <class Item, class Inner>
task<> flatten_pump(relay<Item>& to, maker, async_generator<Inner> streams, std::size_t limit) {
    semaphore running{limit};
    const auto begin_all = [&](task_group& group) -> task<> {
        while (true) {
            semaphore_permit permit = co_await running.acquire();
            std::optional<Inner> inner = co_await streams.next();
            if (!inner) break;
            auto source = views::iterate(*std::move(inner)).open(group);
            group.spawn(pump_permitted<Item>(to, std::move(source), std::move(permit)));
        }
    };
    co_await with_task_group(begin_all);
}

/// Cancels a child and waits until it has ended. Its error is its group's.
inline task<> end_child(task_handle<>& child) {
    if (child.done()) co_return;
    child.cancel();
    try {
        co_await child;
    } catch (...) {
    }
}

template <class Item, class Inner>
task<> switch_pump(relay<Item>& to, maker, async_generator<Inner> streams) {
    const auto begin_latest = [&](task_group& group) -> task<> {
        task_handle<> latest;
        while (true) {
            std::optional<Inner> inner = co_await streams.next();
            if (!inner) break;
            co_await end_child(latest);
            auto source = views::iterate(*std::move(inner)).open(group);
            latest = group.spawn(pump_all<Item>(to, std::move(source)));
        }
    };
    co_await with_task_group(begin_latest);
}

template <class Inner>
concept inner_stream = streamable<Inner&&>;

inline auto concat_made_by(maker kept) {
    return make_stage(
        [kept = std::move(kept)]<class Inner>(task_group& group, async_generator<Inner> streams) {
            static_assert(inner_stream<Inner>,
                          "views::concat: the items of this stream are not streams or ranges");
            return concatenated<item_of<Inner>>(group, kept, std::move(streams));
        });
}

inline auto flatten_made_by(maker kept, std::size_t limit) {
    SIMUL_ASSERT(limit != 0, "a limit of zero would never do anything");
    return make_stage([kept = std::move(kept), limit]<class Inner>(task_group& group,
                                                                   async_generator<Inner> streams) {
        static_assert(inner_stream<Inner>,
                      "views::flatten: the items of this stream are not streams or ranges");
        using item = item_of<Inner>;
        auto begin = [kept, streams = std::move(streams), limit](relay<item>& to) mutable {
            return flatten_pump<item>(to, std::move(kept), std::move(streams), limit);
        };
        return in_background<item>(group, std::move(begin));
    });
}

inline auto switch_made_by(maker kept) {
    return make_stage([kept = std::move(kept)]<class Inner>(task_group& group,
                                                            async_generator<Inner> streams) {
        static_assert(inner_stream<Inner>,
                      "views::switch_latest: the items of this stream are not streams or ranges");
        using item = item_of<Inner>;
        auto begin = [kept, streams = std::move(streams)](relay<item>& to) mutable {
            return switch_pump<item>(to, std::move(kept), std::move(streams));
        };
        return in_background<item>(group, std::move(begin));
    });
}

}  // namespace detail

/// The items of the first inner stream, then those of the next, and so on.
///
/// Source        aiostream's concat; std::views::join.
[[nodiscard]] inline auto concat() {
    return detail::concat_made_by(nullptr);
}

/// The items of all inner streams as they come. At most `limit` of them run at the same time, each
/// at most one item ahead; the next is asked for when one has ended. The first that fails ends the
/// others. The limit must not be zero; checked.
///
/// Source        aiostream's flatten.
[[nodiscard]] inline auto flatten(std::size_t limit = unbounded) {
    return detail::flatten_made_by(nullptr, limit);
}

/// The items of the latest inner stream: when another comes, the one before is cancelled, with the
/// item that it may have ready, and has ended before the other begins.
///
/// Source        aiostream's switch; switchLatest of ReactiveX.
[[nodiscard]] inline auto switch_latest() {
    return detail::switch_made_by(nullptr);
}

/// map(function), then concat(): the streams that `function` makes, one after the other. They may
/// refer to the function, such as coroutines that are lambdas: it lives until they have ended.
///
/// Source        aiostream's concatmap with task_limit=1.
template <class Function>
[[nodiscard]] auto concat_map(Function function) {
    detail::shared_function<Function> shared{std::move(function)};
    detail::maker kept = shared.kept();
    return views::map(std::move(shared)) | detail::concat_made_by(std::move(kept));
}

/// map(function), then flatten(limit): the streams that `function` makes, at the same time. They
/// may refer to the function, as in concat_map.
///
/// Source        aiostream's flatmap.
template <class Function>
[[nodiscard]] auto flat_map(Function function, std::size_t limit = unbounded) {
    detail::shared_function<Function> shared{std::move(function)};
    detail::maker kept = shared.kept();
    return views::map(std::move(shared)) | detail::flatten_made_by(std::move(kept), limit);
}

/// map(function), then switch_latest(): the stream that `function` makes of the latest item, which
/// may refer to the function, as in concat_map.
///
/// Source        aiostream's switchmap.
template <class Function>
[[nodiscard]] auto switch_map(Function function) {
    detail::shared_function<Function> shared{std::move(function)};
    detail::maker kept = shared.kept();
    return views::map(std::move(shared)) | detail::switch_made_by(std::move(kept));
}

}  // namespace simul::views
