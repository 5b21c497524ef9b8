// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/mt/detail/queue_operations.hpp: tasks that wait at an mt::queue.
#pragma once

#include <new>
#include <optional>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/mt/detail/queue_core.hpp"

namespace simul::mt {

namespace detail {

template <class Item, class Order>
class get_operation : public task_place {
public:
    explicit get_operation(queue_core<Item, Order>& source) noexcept
        : task_place{kind, &item_, source.mutex}, source_{source} {}
    ~get_operation() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    Item take() {
        std::optional<Item> taken = take_if_any();
        if (!taken) throw closed{};
        return *std::move(taken);
    }
    bool give_back() noexcept;

protected:
    /// The item, or nothing if the queue was closed.
    std::optional<Item> take_if_any() noexcept;

private:
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "an item"};

    queue_core<Item, Order>& source_;
    std::optional<Item> item_;
};

template <class Item, class Order>
class next_operation : public get_operation<Item, Order> {
public:
    using get_operation<Item, Order>::get_operation;
    std::optional<Item> take() noexcept { return this->take_if_any(); }
};

template <class Item, class Order>
class put_operation : public task_place {
public:
    put_operation(queue_core<Item, Order>& target, Item&& item) noexcept
        : task_place{kind, &item_, target.mutex}, target_{target}, item_{std::move(item)} {}

    started start(waiter& self) noexcept;
    void take() const {
        if (end_ == wait_end::closed) throw closed{};
        if (end_ == wait_end::out_of_memory) throw std::bad_alloc{};
    }

private:
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "room in a queue"};

    queue_core<Item, Order>& target_;
    Item item_;
};

class join_operation : public task_place {
public:
    join_operation(std::mutex& guard, line& joiners, const std::size_t& unfinished) noexcept
        : task_place{kind, nullptr, guard}, joiners_{joiners}, unfinished_{unfinished} {}

    started start(waiter& self) noexcept;
    static void take() noexcept {}
    static bool give_back() noexcept { return true; }

private:
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "the items of a queue to be done"};

    line& joiners_;
    const std::size_t& unfinished_;
};

template <class Item, class Order>
started get_operation<Item, Order>::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    const lock held{guard_};
    source_.take_first(item_);
    if (item_ || source_.is_closed) return started::done;
    return this->wait_in(source_.getters, self);
}

template <class Item, class Order>
std::optional<Item> get_operation<Item, Order>::take_if_any() noexcept {
    std::optional<Item> taken;
    const lock held{guard_};
    // Closed while we waited; meanwhile another consumer may have given his item back.
    if (!item_) source_.take_first(item_);
    if (item_) {
        taken.emplace(*std::move(item_));
        item_.reset();
        source_.has_taken();
    }
    return taken;
}

template <class Item, class Order>
bool get_operation<Item, Order>::give_back() noexcept {
    if (!item_) return true;
    {
        const lock held{guard_};
        source_.take_back(*std::move(item_));
    }
    item_.reset();
    return true;
}

template <class Item, class Order>
void get_operation<Item, Order>::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<get_operation&>(self);
    {
        const lock held{waiting.guard_};
        if (!waiting.withdraw(waiting.source_.getters)) return;
    }
    waiting.finish(notice::stopped);
}

template <class Item, class Order>
started put_operation<Item, Order>::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    const lock held{guard_};
    end_ = target_.put_at_once(item_);
    if (end_ != wait_end::none) return started::done;
    return this->wait_in(target_.putters, self);
}

template <class Item, class Order>
void put_operation<Item, Order>::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<put_operation&>(self);
    {
        const lock held{waiting.guard_};
        if (!waiting.withdraw(waiting.target_.putters)) return;
        waiting.target_.unclaim();
    }
    waiting.finish(notice::stopped);
}

}  // namespace detail

/// What mt::queue::async_get returns.
template <class Item, class Order>
class [[nodiscard("co_await it")]] get_awaitable {
public:
    explicit get_awaitable(detail::queue_core<Item, Order>& source) noexcept : source_{source} {}
    auto operator co_await() const noexcept { return detail::get_operation<Item, Order>{source_}; }

private:
    detail::queue_core<Item, Order>& source_;
};

/// What mt::queue::async_next returns.
template <class Item, class Order>
class [[nodiscard("co_await it")]] next_awaitable {
public:
    explicit next_awaitable(detail::queue_core<Item, Order>& source) noexcept : source_{source} {}
    auto operator co_await() const noexcept { return detail::next_operation<Item, Order>{source_}; }

private:
    detail::queue_core<Item, Order>& source_;
};

/// What mt::queue::async_put returns.
template <class Item, class Order>
class [[nodiscard("co_await it")]] put_awaitable {
public:
    put_awaitable(detail::queue_core<Item, Order>& target, Item&& item) noexcept
        : target_{target}, item_{std::move(item)} {}
    auto operator co_await() && noexcept {
        return detail::put_operation<Item, Order>{target_, std::move(item_)};
    }

private:
    detail::queue_core<Item, Order>& target_;
    Item item_;
};

/// What mt::queue::async_join returns.
class [[nodiscard("co_await it")]] join_awaitable {
public:
    join_awaitable(std::mutex& guard, detail::line& joiners, const std::size_t& unfinished) noexcept
        : guard_{guard}, joiners_{joiners}, unfinished_{unfinished} {}
    auto operator co_await() const noexcept {
        return detail::join_operation{guard_, joiners_, unfinished_};
    }

private:
    std::mutex& guard_;
    detail::line& joiners_;
    const std::size_t& unfinished_;
};

}  // namespace simul::mt
