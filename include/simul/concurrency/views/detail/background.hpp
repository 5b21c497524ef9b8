// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/detail/background.hpp: a part of a stream that runs in a task of its own.
//
//      terminal's group
//        ├── body: reader <- generator <- generator of in_background
//        │                                    ↑ next()
//        │                                  relay
//        │                                    ↑ put()
//        └── run_pump: pump ── its own group ─┴─ one task for each inner stream, item, ...
//
// Invariants
//   1. The generator begins the pump when it is first asked, and cancels it when it is destroyed:
//      at its end, or because nobody wants more. It never yields inside a group (SEMANTICS.md G2).
//   2. The group waits for the pump. So nothing outlives the terminal.
//   3. The relay outlives both. An error of the pump comes out behind the items that it has put;
//      one that nobody has waited for goes to the unhandled-error handler.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul::views::detail {

/// Room for an error that must reach somebody.
class kept_error {
public:
    kept_error() noexcept = default;
    kept_error(const kept_error&) = delete;
    kept_error& operator=(const kept_error&) = delete;
    ~kept_error() {
        if (error_) report_unhandled_error(std::move(error_), "in a stream that was ended early");
    }

    void keep(std::exception_ptr error) noexcept { error_ = std::move(error); }
    void rethrow_if_any() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    std::exception_ptr error_;
};

/// What a pump and its generator share.
template <class Item>
class relay {
public:
    explicit relay(std::size_t capacity) noexcept : items{capacity} {}

    queue<Item> items;
    kept_error error;
};

/// Cancels a task when it is destroyed.
class background_task {
public:
    explicit background_task(task_handle<> handle) noexcept : handle_{std::move(handle)} {}
    background_task(const background_task&) = delete;
    background_task& operator=(const background_task&) = delete;
    ~background_task() { handle_.cancel(); }

private:
    task_handle<> handle_;
};

template <class Item>
task<> run_pump(std::shared_ptr<relay<Item>> to, task<> pump) {
    try {
        co_await std::move(pump);
    } catch (...) {
        to->error.keep(std::current_exception());
    }
    to->items.close();
}

/// The items that a pump puts into a relay. `make_pump(relay)` makes its task. Without capacity a
/// pump makes its next item when the last one was taken.
template <class Item, class MakePump>
async_generator<Item> in_background(task_group& group, MakePump make_pump,
                                    std::size_t capacity = 0) {
    const auto shared = std::make_shared<relay<Item>>(capacity);
    const background_task running{group.spawn(run_pump<Item>(shared, make_pump(*shared)))};
    while (true) {
        std::optional<Item> item = co_await shared->items.next();
        if (!item) break;
        co_yield *std::move(item);
    }
    shared->error.rethrow_if_any();
}

/// Puts all items of a stream into a relay.
template <class Item, class From>
task<> pump_all(relay<Item>& to, async_generator<From> source) {
    while (true) {
        std::optional<From> item = co_await source.next();
        if (!item) break;
        co_await to.items.put(static_cast<Item>(*std::move(item)));
    }
}

}  // namespace simul::views::detail
