// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/queue_operations.hpp: what waits at a queue. What they do is in
// queue_steps.hpp, which knows the queue.
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/parking_lot.hpp"

namespace simul {

template <class Item, class Order>
class queue;

namespace detail {

enum class queue_wait : unsigned char { waiting, served, closed, out_of_memory };

template <class Item, class Order>
class get_operation : public leaf, public parked {
public:
    explicit get_operation(queue<Item, Order>& source) noexcept
        : leaf{kind}, parked{&woken}, source_{source} {}
    ~get_operation() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    Item take() {
        std::optional<Item> taken = take_if_any();
        if (!taken) throw closed{};
        return *std::move(taken);
    }
    bool give_back() noexcept;

    /// After it has ended: false if the queue was closed instead.
    [[nodiscard]] bool has_item() const noexcept { return item_.has_value(); }

protected:
    /// The item, or nothing if the queue was closed.
    std::optional<Item> take_if_any() noexcept;

private:
    friend class simul::queue<Item, Order>;
    static void woken(parked& self) noexcept {
        static_cast<get_operation&>(self).finish(notice::queue);
    }
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "an item"};
    queue<Item, Order>& source_;
    std::optional<Item> item_;
};

template <class Item, class Order>
class queue_next_operation : public get_operation<Item, Order> {
public:
    using get_operation<Item, Order>::get_operation;
    std::optional<Item> take() noexcept { return this->take_if_any(); }
};

template <class Item, class Order>
class put_operation : public leaf, public parked {
public:
    put_operation(queue<Item, Order>& target, Item&& item) noexcept
        : leaf{kind}, parked{&woken}, target_{target}, item_{std::move(item)} {}

    started start(waiter& self) noexcept;
    void take() const {
        if (state_ == queue_wait::closed) throw closed{};
        if (state_ == queue_wait::out_of_memory) throw std::bad_alloc{};
    }

private:
    friend class simul::queue<Item, Order>;
    static void woken(parked& self) noexcept {
        static_cast<put_operation&>(self).finish(notice::queue);
    }
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "room in a queue"};

    queue<Item, Order>& target_;
    Item item_;
    queue_wait state_ = queue_wait::waiting;
};

class join_operation : public parked_leaf {
public:
    join_operation(parking_lot& lot, const std::size_t& unfinished) noexcept
        : parked_leaf{lot, kind}, unfinished_{unfinished} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        return unfinished_ == 0 ? started::done : park(self);
    }
    static void take() noexcept {}
    static bool give_back() noexcept { return true; }

private:
    static constexpr wait_kind kind{&parked_leaf::interrupt, "the items of a queue to be done"};

    const std::size_t& unfinished_;
};

}  // namespace detail

}  // namespace simul
