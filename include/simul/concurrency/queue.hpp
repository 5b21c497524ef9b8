// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/queue.hpp: items from producers to consumers, in order.
//
// Nothing may fail once an item is on its way: a consumer that is cancelled gives its item back, a
// producer that waits has his item taken from his hands. So every item has a place reserved for it
// (a claim) from the moment in which it is put, and only putting can run out of memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "simul/concurrency/detail/queue_operations.hpp"
#include "simul/concurrency/queue_order.hpp"

namespace simul {

/// What queue::get returns.
template <class Item, class Order>
class [[nodiscard("co_await it")]] get_awaitable {
public:
    explicit get_awaitable(queue<Item, Order>& source) noexcept : source_{source} {}
    auto operator co_await() const noexcept { return detail::get_operation<Item, Order>{source_}; }

private:
    queue<Item, Order>& source_;
};

/// What queue::next returns.
template <class Item, class Order>
class [[nodiscard("co_await it")]] queue_next_awaitable {
public:
    explicit queue_next_awaitable(queue<Item, Order>& source) noexcept : source_{source} {}
    auto operator co_await() const noexcept {
        return detail::queue_next_operation<Item, Order>{source_};
    }

private:
    queue<Item, Order>& source_;
};

/// What queue::put returns.
template <class Item, class Order>
class [[nodiscard("co_await it")]] put_awaitable {
public:
    put_awaitable(queue<Item, Order>& target, Item&& item) noexcept
        : target_{target}, item_{std::move(item)} {}
    auto operator co_await() && noexcept {
        return detail::put_operation<Item, Order>{target_, std::move(item_)};
    }

private:
    queue<Item, Order>& target_;
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

/// What a queue tells of itself.
struct queue_statistics {
    queue_statistics() noexcept = default;

    std::size_t size = 0;
    std::size_t peak_size = 0;
    std::size_t capacity = 0;
    std::size_t unfinished = 0;  ///< put and not yet reported done
    std::size_t waiting_consumers = 0;
    std::size_t waiting_producers = 0;
    bool is_closed = false;
};

/// A first-in-first-out queue between tasks of one loop, with a capacity that makes producers wait.
///
///     queue<std::string> urls{100};
///     co_await urls.put(url);               // producer; waits while 100 are inside
///     std::string url = co_await urls.get();  // consumer; waits while it is empty
///
/// An item goes straight to the consumer who waits longest; nobody can take it in between. Ending:
/// close() lets consumers take what is left and then tells them; or count with task_done() and wait
/// with join(), as in asyncio. With another `Order` (see queue_order.hpp) another item than the
/// oldest is taken first.
///
/// Threads       the loop's thread; it needs no locks because it never leaves it.
/// Lifetime      nobody may wait on it when it is destroyed.
/// Source        asyncio.Queue with the close of Python 3.13's shutdown().
template <class Item, class Order = first_in_first_out>
class queue {
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
    [[nodiscard]] get_awaitable<Item, Order> get() noexcept {
        return get_awaitable<Item, Order>{*this};
    }

    /// Takes the oldest item, and says at the end that there is none:
    ///
    ///     while (std::optional<job> each = co_await jobs.next()) work_on(*each);
    ///
    /// Returns       std::optional<Item>; empty once the queue is closed and empty.
    /// Errors        none.
    /// Suspends      while it is empty.
    /// Cancellation  clean, as for get.
    /// Threads       the loop's thread.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] queue_next_awaitable<Item, Order> next() noexcept {
        return queue_next_awaitable<Item, Order>{*this};
    }

    /// Adds an item at the end.
    ///
    /// Errors        closed, if the queue is closed before there was room; std::bad_alloc. The item
    ///               is destroyed then.
    /// Suspends      while it is full.
    /// Cancellation  clean. After the request nothing is taken in. An item that was taken in before
    ///               stays, and the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates only when the queue grows.
    [[nodiscard]] put_awaitable<Item, Order> put(Item item) noexcept {
        return put_awaitable<Item, Order>{*this, std::move(item)};
    }

    /// Takes the oldest item if there is one.
    [[nodiscard]] std::optional<Item> try_get() noexcept {
        std::optional<Item> item;
        take_first(item);
        if (item) unclaim();
        return item;
    }

    /// Adds an item if there is room.
    ///
    /// Returns       false if the queue is full or closed; `item` is untouched then.
    /// Errors        std::bad_alloc; `item` is untouched then.
    [[nodiscard]] bool try_put(Item&& item) {
        if (is_closed_ || !has_room()) return false;
        claim();
        accept(std::move(item));
        return true;
    }

    /// Takes no more items. Consumers get what is left, then closed; waiting producers get closed.
    void close() noexcept {
        is_closed_ = true;
        while (put_operation* putter = next_putter()) {
            unclaim();
            end(*putter, detail::queue_wait::closed);
        }
        while (get_operation* getter = next_getter()) getters_.wake(*getter);
    }

    /// Like close(), and throws away what is left. Thrown-away items count as done for join().
    void close_now() noexcept {
        discards_ = true;
        while (!items_.empty()) {
            static_cast<void>(items_.pop());
            unclaim();
            task_done();
        }
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

    /// The most items that were inside at once.
    [[nodiscard]] std::size_t peak_size() const noexcept { return peak_size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

    /// Items that were put and not yet reported done.
    [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_; }

    /// Tasks that wait to get, and to put.
    [[nodiscard]] std::size_t waiting_consumers() const noexcept { return getters_.size(); }
    [[nodiscard]] std::size_t waiting_producers() const noexcept { return putters_.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] queue_statistics statistics() const noexcept {
        queue_statistics answer;
        answer.size = size();
        answer.peak_size = peak_size_;
        answer.capacity = capacity_;
        answer.unfinished = unfinished_;
        answer.waiting_consumers = waiting_consumers();
        answer.waiting_producers = waiting_producers();
        answer.is_closed = is_closed_;
        return answer;
    }

private:
    using get_operation = detail::get_operation<Item, Order>;
    using put_operation = detail::put_operation<Item, Order>;
    friend get_operation;
    friend put_operation;

    // Reserves a place for one more item, and frees one. Claimed are the places of items inside, of
    // those in the hands of consumers who have not resumed, and of those of waiting producers.
    void claim() {
        items_.reserve(claims_ + 1);
        ++claims_;
    }
    void unclaim() noexcept {
        if (--claims_ == 0 && items_.capacity() > kept_places) items_.release();
    }

    [[nodiscard]] bool has_room() noexcept {
        return next_getter() != nullptr || (next_putter() == nullptr && items_.size() < capacity_);
    }

    get_operation* next_getter() noexcept { return detail::first_live<get_operation>(getters_); }
    put_operation* next_putter() noexcept { return detail::first_live<put_operation>(putters_); }

    // Moves the next item into `place`, which is empty, if there is one.
    void take_first(std::optional<Item>& place) noexcept {
        if (!items_.empty()) {
            place.emplace(items_.pop());
            refill();
        } else if (put_operation* putter = next_putter()) {  // without capacity
            place.emplace(std::move(putter->item_));
            ++unfinished_;
            end(*putter, detail::queue_wait::served);
        }
    }

    // Hands an item to the consumer who waits longest. False if nobody does.
    bool hand_over(Item& item) noexcept {
        get_operation* const getter = next_getter();
        if (getter == nullptr) return false;
        getter->item_.emplace(std::move(item));
        getters_.wake(*getter);
        return true;
    }

    // Takes in an item for which there is room.
    void accept(Item&& item) noexcept {
        ++unfinished_;
        if (!hand_over(item)) push(std::move(item));
    }

    // An item has left: producers may put theirs, longest waiting first.
    void refill() noexcept {
        while (items_.size() < capacity_) {
            put_operation* const putter = next_putter();
            if (putter == nullptr) return;
            push(std::move(putter->item_));
            ++unfinished_;
            end(*putter, detail::queue_wait::served);
        }
    }

    void push(Item&& item) noexcept {
        items_.push(std::move(item));
        peak_size_ = std::max(peak_size_, items_.size());
    }

    void end(put_operation& putter, detail::queue_wait how) noexcept {
        putter.state_ = how;
        putters_.wake(putter);
    }

    // An item whose consumer was cancelled. For the moment there may be one too many inside.
    void take_back(Item&& item) noexcept {
        if (hand_over(item)) return;
        if (discards_) {
            unclaim();
            task_done();
        } else {
            items_.push_again(std::move(item));
        }
    }

    static constexpr std::size_t kept_places = 64;  // memory that an empty queue may keep

    std::size_t capacity_;
    typename Order::template storage<Item> items_;
    std::size_t claims_ = 0;
    std::size_t unfinished_ = 0;
    std::size_t peak_size_ = 0;
    bool is_closed_ = false;
    bool discards_ = false;
    parking_lot getters_;
    parking_lot putters_;
    parking_lot joiners_;
};

/// A queue whose newest item is taken first.
///
/// Source        asyncio.LifoQueue.
template <class Item>
using lifo_queue = queue<Item, last_in_first_out>;

/// A queue whose smallest item is taken first, and of equal ones the oldest.
///
/// Source        asyncio.PriorityQueue, which keeps no order among equals.
template <class Item, class Less = std::less<>>
using priority_queue = queue<Item, smallest_first<Less>>;

}  // namespace simul

#include "simul/concurrency/detail/queue_steps.hpp"
