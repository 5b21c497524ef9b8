// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/queue.hpp: items from producers to consumers, in order.
#pragma once

#include <cstddef>
#include <deque>
#include <limits>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/parking_lot.hpp"

namespace simul {

template <class Item>
class queue;

namespace detail {

enum class queue_wait : unsigned char { waiting, served, closed, out_of_memory };

template <class Item>
class get_operation : public leaf, public parked {
public:
    explicit get_operation(queue<Item>& source) noexcept
        : leaf{&interrupt}, parked{&woken}, source_{source} {}
    ~get_operation() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    Item take();
    bool give_back() noexcept;

    /// After it has ended: false if the queue was closed instead.
    [[nodiscard]] bool has_item() const noexcept { return item_.has_value(); }

private:
    friend class simul::queue<Item>;
    static void woken(parked& self) noexcept {
        static_cast<get_operation&>(self).finish(notice::queue);
    }
    static void interrupt(cancellable& self) noexcept;

    queue<Item>& source_;
    std::optional<Item> item_;
};

template <class Item>
class put_operation : public leaf, public parked {
public:
    put_operation(queue<Item>& target, Item&& item) noexcept
        : leaf{&interrupt}, parked{&woken}, target_{target}, item_{std::move(item)} {}

    started start(waiter& self) noexcept;
    void take() const {
        if (state_ == queue_wait::closed) throw closed{};
        if (state_ == queue_wait::out_of_memory) throw std::bad_alloc{};
    }

private:
    friend class simul::queue<Item>;
    static void woken(parked& self) noexcept {
        static_cast<put_operation&>(self).finish(notice::queue);
    }
    static void interrupt(cancellable& self) noexcept;

    queue<Item>& target_;
    Item item_;
    queue_wait state_ = queue_wait::waiting;
};

class join_operation : public parked_leaf {
public:
    join_operation(parking_lot& lot, const std::size_t& unfinished) noexcept
        : parked_leaf{lot}, unfinished_{unfinished} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        return unfinished_ == 0 ? started::done : park(self);
    }
    static void take() noexcept {}
    static bool give_back() noexcept { return true; }

private:
    const std::size_t& unfinished_;
};

}  // namespace detail

/// What queue::get returns.
template <class Item>
class [[nodiscard("co_await it")]] get_awaitable {
public:
    explicit get_awaitable(queue<Item>& source) noexcept : source_{source} {}
    auto operator co_await() const noexcept { return detail::get_operation<Item>{source_}; }

private:
    queue<Item>& source_;
};

/// What queue::put returns.
template <class Item>
class [[nodiscard("co_await it")]] put_awaitable {
public:
    put_awaitable(queue<Item>& target, Item&& item) noexcept
        : target_{target}, item_{std::move(item)} {}
    auto operator co_await() && noexcept {
        return detail::put_operation<Item>{target_, std::move(item_)};
    }

private:
    queue<Item>& target_;
    Item item_;
};

/// What queue::join returns.
class [[nodiscard("co_await it")]] join_awaitable {
public:
    join_awaitable(parking_lot& lot, const std::size_t& unfinished) noexcept
        : lot_{lot}, unfinished_{unfinished} {}
    auto operator co_await() const noexcept { return detail::join_operation{lot_, unfinished_}; }

private:
    parking_lot& lot_;
    const std::size_t& unfinished_;
};

/// A first-in-first-out queue between tasks of one loop, with a capacity that makes producers wait.
///
///     queue<std::string> urls{100};
///     co_await urls.put(url);               // producer; waits while 100 are inside
///     std::string url = co_await urls.get();  // consumer; waits while it is empty
///
/// An item goes straight to the consumer who waits longest; nobody can take it in between. Ending:
/// close() lets consumers take what is left and then tells them; or count with task_done() and wait
/// with join(), as in asyncio.
///
/// Threads       the loop's thread; it needs no locks because it never leaves it.
/// Lifetime      nobody may wait on it when it is destroyed.
/// Source        asyncio.Queue with the close of Python 3.13's shutdown().
template <class Item>
class queue {
    static_assert(std::is_nothrow_move_constructible_v<Item>,
                  "items are handed over while nothing may throw: make moving them noexcept");

public:
    /// Makes a queue for at most `capacity` items; without one it never makes producers wait. With
    /// a capacity of zero a producer waits for the consumer who takes his item.
    explicit queue(std::size_t capacity = std::numeric_limits<std::size_t>::max()) noexcept
        : capacity_{capacity} {}
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;

    /// Takes the oldest item.
    ///
    /// Returns       Item, moved out.
    /// Errors        closed, once the queue is closed and empty.
    /// Suspends      while it is empty.
    /// Cancellation  clean. An item that was handed over while the request was on its way goes to
    ///               the next consumer, or back to the front.
    /// Threads       the loop's thread.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] get_awaitable<Item> get() noexcept { return get_awaitable<Item>{*this}; }

    /// Adds an item at the end.
    ///
    /// Errors        closed, if the queue is closed before there was room; std::bad_alloc. The item
    ///               is destroyed then.
    /// Suspends      while it is full.
    /// Cancellation  clean. An item that was taken in while the request was on its way stays, and
    ///               the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates only when the queue grows.
    [[nodiscard]] put_awaitable<Item> put(Item item) noexcept {
        return put_awaitable<Item>{*this, std::move(item)};
    }

    /// Takes the oldest item if there is one.
    [[nodiscard]] std::optional<Item> try_get() noexcept {
        std::optional<Item> item;
        take_first(item);
        return item;
    }

    /// Adds an item if there is room.
    ///
    /// Returns       false if the queue is full or closed; `item` is untouched then.
    [[nodiscard]] bool try_put(Item&& item) {
        const bool has_room = putters_.empty() && items_.size() < capacity_;
        if (is_closed_ || (getters_.empty() && !has_room)) return false;
        accept(std::move(item));
        return true;
    }

    /// Takes no more items. Consumers get what is left, then closed; waiting producers get closed.
    void close() noexcept {
        is_closed_ = true;
        while (!putters_.empty()) {
            first_putter().state_ = detail::queue_wait::closed;
            putters_.wake_one();
        }
        getters_.wake_all();
    }

    /// Like close(), and throws away what is left. Thrown-away items count as done for join().
    void close_now() noexcept {
        discards_ = true;
        for (std::size_t left = items_.size(); left != 0; --left) task_done();
        items_.clear();
        close();
    }

    /// Says that the work on one item that was taken is done.
    ///
    /// More often than there were items is misuse; checked.
    void task_done() noexcept {
        SIMUL_ASSERT(unfinished_ != 0, "task_done was called more often than there were items");
        if (--unfinished_ == 0) joiners_.wake_all();
    }

    /// Waits until task_done was called for every item that was put.
    ///
    /// Errors        none.
    /// Suspends      while items are unfinished.
    /// Cancellation  clean.
    /// Threads       the loop's thread.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] join_awaitable join() noexcept { return join_awaitable{joiners_, unfinished_}; }

    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

    /// Items that were put and not yet reported done.
    [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_; }

    /// Tasks that wait to get, and to put.
    [[nodiscard]] std::size_t waiting_consumers() const noexcept { return getters_.size(); }
    [[nodiscard]] std::size_t waiting_producers() const noexcept { return putters_.size(); }

private:
    friend class detail::get_operation<Item>;
    friend class detail::put_operation<Item>;

    detail::put_operation<Item>& first_putter() noexcept {
        return static_cast<detail::put_operation<Item>&>(putters_.front());
    }

    // Moves the oldest item into `place`, which is empty, if there is one.
    void take_first(std::optional<Item>& place) noexcept {
        if (!items_.empty()) {
            place.emplace(std::move(items_.front()));
            items_.pop_front();
            refill();
        } else if (!putters_.empty()) {  // no capacity, or no memory for an item inside
            place.emplace(std::move(first_putter().item_));
            serve_putter();
        }
    }

    // Hands an item to the consumer who waits longest. One that is too late gives it back inside
    // wake_one(); from here it goes to the next, so that many of them in a row do not nest.
    //
    // Returns the item if nobody wanted it.
    std::optional<Item> hand_over(Item&& offered) noexcept {
        std::optional<Item> item{std::move(offered)};
        while (item && !getters_.empty()) {
            auto& get = static_cast<detail::get_operation<Item>&>(getters_.front());
            get.item_.emplace(*std::move(item));
            item.reset();
            returned_ = &item;
            getters_.wake_one();
            returned_ = nullptr;
        }
        return item;
    }

    // Takes in an item for which there is room.
    void accept(Item&& item) {
        if (getters_.empty()) {
            items_.push_back(std::move(item));
        } else if (std::optional<Item> left = hand_over(std::move(item))) {
            items_.push_back(*std::move(left));
        }
        ++unfinished_;
    }

    // An item has left: producers may put theirs, longest waiting first. Without memory they wait
    // on, until theirs is taken from their hands.
    void refill() noexcept {
        while (!putters_.empty() && items_.size() < capacity_) {
            try {
                items_.push_back(std::move(first_putter().item_));
            } catch (const std::bad_alloc&) {
                return;
            }
            serve_putter();
        }
    }

    // The item of the producer who waits longest has been taken in.
    void serve_putter() noexcept {
        ++unfinished_;
        first_putter().state_ = detail::queue_wait::served;
        putters_.wake_one();
    }

    // An item whose consumer was cancelled. For the moment there may be one too many inside.
    void take_back(Item&& item) noexcept {
        if (returned_ != nullptr) {
            returned_->emplace(std::move(item));
        } else if (std::optional<Item> left = hand_over(std::move(item))) {
            if (discards_) return task_done();
            items_.push_front(*std::move(left));
        }
    }

    std::size_t capacity_;
    std::deque<Item> items_;
    std::size_t unfinished_ = 0;
    std::optional<Item>* returned_ = nullptr;  // where hand_over() gets an item back
    bool is_closed_ = false;
    bool discards_ = false;
    parking_lot getters_;
    parking_lot putters_;
    parking_lot joiners_;
};

namespace detail {

template <class Item>
started get_operation<Item>::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    source_.take_first(item_);
    if (item_ || source_.is_closed()) return started::done;
    if (!begin(self)) return started::stopped;
    source_.getters_.park(*this);
    return started::pending;
}

template <class Item>
Item get_operation<Item>::take() {
    // Closed while we waited; meanwhile another consumer may have given his item back.
    if (!item_) source_.take_first(item_);
    if (!item_) throw closed{};
    Item taken{*std::move(item_)};
    item_.reset();
    return taken;
}

template <class Item>
bool get_operation<Item>::give_back() noexcept {
    if (item_) {
        source_.take_back(*std::move(item_));
        item_.reset();
    }
    return true;
}

template <class Item>
void get_operation<Item>::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<get_operation&>(self);
    waiting.source_.getters_.leave(waiting);
    waiting.finish(notice::stopped);
}

template <class Item>
started put_operation<Item>::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (target_.is_closed()) {
        state_ = queue_wait::closed;
        return started::done;
    }
    try {
        if (target_.try_put(std::move(item_))) {
            state_ = queue_wait::served;
            return started::done;
        }
    } catch (const std::bad_alloc&) {
        state_ = queue_wait::out_of_memory;
        return started::done;
    }
    if (!begin(self)) return started::stopped;
    target_.putters_.park(*this);
    return started::pending;
}

template <class Item>
void put_operation<Item>::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<put_operation&>(self);
    waiting.target_.putters_.leave(waiting);
    waiting.finish(notice::stopped);
}

}  // namespace detail

}  // namespace simul
