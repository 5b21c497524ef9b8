// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/queue_steps.hpp: the steps of get and put. Included by queue.hpp.
#pragma once

#include "simul/concurrency/queue.hpp"

namespace simul {

namespace detail {

template <class Item, class Order>
started get_operation<Item, Order>::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    source_.take_first(item_);
    if (item_ || source_.is_closed()) return started::done;
    if (!begin(self)) return started::stopped;
    source_.getters_.park(*this);
    return started::pending;
}

template <class Item, class Order>
std::optional<Item> get_operation<Item, Order>::take_if_any() noexcept {
    // Closed while we waited; meanwhile another consumer may have given his item back.
    if (!item_) source_.take_first(item_);
    std::optional<Item> taken;
    if (item_) {
        taken.emplace(*std::move(item_));
        item_.reset();
        source_.unclaim();
    }
    return taken;
}

template <class Item, class Order>
bool get_operation<Item, Order>::give_back() noexcept {
    if (item_) {
        source_.take_back(*std::move(item_));
        item_.reset();
    }
    return true;
}

template <class Item, class Order>
void get_operation<Item, Order>::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<get_operation&>(self);
    waiting.source_.getters_.leave_if_parked(waiting);
    waiting.finish(notice::stopped);
}

template <class Item, class Order>
started put_operation<Item, Order>::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (target_.is_closed()) {
        state_ = queue_wait::closed;
        return started::done;
    }
    try {
        target_.claim();
    } catch (const std::bad_alloc&) {
        state_ = queue_wait::out_of_memory;
        return started::done;
    }
    if (target_.has_room()) {
        target_.accept(std::move(item_));
        state_ = queue_wait::served;
        return started::done;
    }
    static_cast<void>(begin(self));  // the scope was asked above
    target_.putters_.park(*this);
    return started::pending;
}

template <class Item, class Order>
void put_operation<Item, Order>::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<put_operation&>(self);
    waiting.target_.putters_.leave_if_parked(waiting);
    waiting.target_.unclaim();
    waiting.finish(notice::stopped);
}

}  // namespace detail

}  // namespace simul
