// SPDX-License-Identifier: Apache-2.0
//
// examples/support/overtaking_queue.hpp: a queue with the order of asyncio.Queue.
//
// simul::queue hands an item to the consumer who waits longest, and nobody can take it in between.
// asyncio only wakes that consumer; a task that calls get() before he has his turn takes the item,
// and he waits again, now as the last. The printed listings of asyncq.py depend on that order, so
// the port of it uses this. Prefer simul::queue: its order is fair.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "simul/concurrency/queue.hpp"
#include "simul/coro/task.hpp"

namespace examples {

template <class Item>
class overtaking_queue {
public:
    simul::task<> put(Item item) {
        co_await items_.put(std::move(item));
        if (wakings_.waiting_consumers() != 0) co_await wakings_.put({});
    }

    simul::task<Item> get() {
        while (true) {
            std::optional<Item> item = items_.try_get();
            if (item) co_return *std::move(item);
            co_await wakings_.get();
        }
    }

    void task_done() noexcept { items_.task_done(); }
    [[nodiscard]] simul::join_awaitable join() noexcept { return items_.join(); }

private:
    simul::queue<Item> items_;              // nobody ever waits in it
    simul::queue<std::monostate> wakings_;  // one for each put that found somebody waiting
};

}  // namespace examples
