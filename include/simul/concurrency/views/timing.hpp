// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/timing.hpp: operators that know the time.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/concurrency/views/pipe.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::views {

namespace detail {

template <class Item>
async_generator<Item> spaced_out(async_generator<Item> source, duration interval) {
    time_point earliest{};
    bool is_first = true;
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        if (!is_first && loop::current().now() < earliest) co_await sleep_until(earliest);
        is_first = false;
        earliest = saturating_add(loop::current().now(), interval);
        co_yield *std::move(item);
    }
}

template <class Item>
async_generator<Item> limited(async_generator<Item> source, duration limit) {
    while (true) {
        std::optional<Item> item = co_await simul::timeout(limit, source.next());
        if (!item) break;
        co_yield *std::move(item);
    }
}

template <class Item>
async_generator<Item> delayed(async_generator<Item> source, duration pause) {
    co_await sleep_for(pause);
    while (true) {
        std::optional<Item> item = co_await source.next();
        if (!item) break;
        co_yield *std::move(item);
    }
}

}  // namespace detail

/// Passes items on at least `interval` apart. The stream is asked for the next one when the one
/// before has been taken; nothing is dropped.
///
/// Source        aiostream's spaceout.
template <class Rep, class Period>
[[nodiscard]] auto space_out(std::chrono::duration<Rep, Period> interval) {
    return detail::make_stage([interval = saturating_duration(interval)]<class Item>(
                                  task_group&, async_generator<Item> source) {
        return detail::spaced_out(std::move(source), interval);
    });
}

/// Fails with timed_out if the stream takes longer than `limit` for an item, or for its end. The
/// time in which nobody asks does not count.
///
/// Source        aiostream's timeout.
template <class Rep, class Period>
[[nodiscard]] auto timeout(std::chrono::duration<Rep, Period> limit) {
    return detail::make_stage([limit = saturating_duration(limit)]<class Item>(
                                  task_group&, async_generator<Item> source) {
        return detail::limited(std::move(source), limit);
    });
}

/// Waits for `pause` before the stream begins.
///
/// Source        aiostream's delay.
template <class Rep, class Period>
[[nodiscard]] auto delay(std::chrono::duration<Rep, Period> pause) {
    return detail::make_stage([pause = saturating_duration(pause)]<class Item>(
                                  task_group&, async_generator<Item> source) {
        return detail::delayed(std::move(source), pause);
    });
}

}  // namespace simul::views
