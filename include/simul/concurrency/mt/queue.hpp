// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/mt/queue.hpp: items between threads and tasks, in order.
//
// One queue with two faces: plain calls block a thread, those with async_ in front are awaited by a
// task of any loop. Both stand in the same line. How threads and tasks wait in one line is in
// detail/places.hpp, what becomes of an item in detail/queue_core.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <utility>

#include "simul/concurrency/mt/detail/queue_operations.hpp"
#include "simul/concurrency/queue_order.hpp"
#include "simul/coro/cancellation.hpp"

namespace simul::mt {

/// What a queue was doing at one moment.
struct queue_statistics {
    queue_statistics() noexcept = default;

    std::size_t size = 0;               ///< items inside
    std::size_t peak_size = 0;          ///< the most that were inside at once
    std::size_t unfinished = 0;         ///< put and not yet reported done
    std::size_t waiting_consumers = 0;  ///< threads and tasks
    std::size_t waiting_producers = 0;  ///< threads and tasks
    std::uint64_t put = 0;              ///< items that were taken in, since the queue was made
    std::uint64_t taken = 0;            ///< items that reached a consumer
    bool is_closed = false;
};

/// A queue between threads and tasks, first in first out, with a capacity that makes producers
/// wait.
///
///     mt::queue<frame> frames{8};
///     std::jthread camera{[&](std::stop_token stop) {     // a thread: blocks while 8 are inside
///         while (!stop.stop_requested()) frames.put(take_picture());
///         frames.close();
///     }};
///     while (auto each = co_await frames.async_next()) co_await send(*each);   // a task
///
/// An item goes straight to the consumer who waits longest, thread or task; nobody can take it in
/// between. Between tasks of one loop use simul::queue, which needs no locks. With another `Order`
/// (see queue_order.hpp) another item than the oldest is taken first.
///
/// A call that blocks must not have to wait on a thread that has a loop; checked.
///
/// Threads       any, every call; the awaitable ones on the thread of the loop that runs the task.
/// Lifetime      must outlive every call, those of other threads too; nobody may wait at it when it
///               is destroyed, checked. Not for the simulated backend if other threads take part.
/// Source        janus.Queue, curio.UniversalQueue; the close of Python 3.13's shutdown().
template <class Item, class Order = first_in_first_out>
class queue {
public:
    /// Makes a queue for at most `capacity` items; without one it never makes producers wait. With
    /// a capacity of zero a producer waits for the consumer who takes his item.
    explicit queue(std::size_t capacity = std::numeric_limits<std::size_t>::max()) noexcept
        : core_{capacity} {}
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;

    // For threads.

    /// Takes the oldest item; blocks while the queue is empty.
    ///
    /// Errors        closed, once the queue is closed and empty; cancelled, if `give_up` was asked
    ///               to stop before there was an item.
    [[nodiscard]] Item get(std::stop_token give_up = {}) {
        std::optional<Item> taken;
        check(core_.take_blocking(taken, detail::patience{std::move(give_up)}));
        if (!taken) throw closed{};
        return *std::move(taken);
    }

    /// Takes the oldest item; blocks while the queue is empty, but not longer than `limit`.
    ///
    /// Returns       nothing if the time was over first.
    /// Errors        as for get.
    [[nodiscard]] std::optional<Item> get_for(duration limit, std::stop_token give_up = {}) {
        std::optional<Item> taken;
        const auto how = core_.take_blocking(taken, detail::patience{limit, std::move(give_up)});
        check(how);
        if (!taken && how != detail::wait_end::timed_out) throw closed{};
        return taken;
    }

    /// Takes the oldest item, and says at the end that there is none; blocks while it is empty.
    ///
    ///     while (std::optional<job> each = jobs.next()) work_on(*each);
    ///
    /// Returns       nothing once the queue is closed and empty.
    /// Errors        cancelled, if `give_up` was asked to stop before there was an item.
    [[nodiscard]] std::optional<Item> next(std::stop_token give_up = {}) {
        std::optional<Item> taken;
        check(core_.take_blocking(taken, detail::patience{std::move(give_up)}));
        return taken;
    }

    /// Adds an item at the end; blocks while the queue is full.
    ///
    /// Errors        closed, if the queue is closed before there was room; cancelled, if `give_up`
    ///               was asked to stop before; std::bad_alloc. The item is destroyed then.
    void put(Item item, std::stop_token give_up = {}) {
        check_put(core_.put_blocking(item, detail::patience{std::move(give_up)}));
    }

    /// Adds an item at the end; blocks while the queue is full, but not longer than `limit`.
    ///
    /// Returns       false if the time was over first.
    /// Errors        as for put. Unless the answer is true, `item` is untouched.
    [[nodiscard]] bool put_for(Item&& item, duration limit, std::stop_token give_up = {}) {
        const auto how = core_.put_blocking(item, detail::patience{limit, std::move(give_up)});
        if (how == detail::wait_end::timed_out) return false;
        check_put(how);
        return true;
    }

    /// Blocks until task_done was called for every item that was put.
    ///
    /// Errors        cancelled, if `give_up` was asked to stop before.
    void join(std::stop_token give_up = {}) {
        detail::lock held{core_.mutex};
        if (core_.unfinished == 0) return;
        detail::thread_place self{nullptr};
        check(self.wait(core_.joiners, held, detail::patience{std::move(give_up)}));
    }

    // For tasks.

    /// Takes the oldest item.
    ///
    /// Returns       Item, moved out.
    /// Errors        closed, once the queue is closed and empty.
    /// Suspends      while it is empty.
    /// Cancellation  clean. An item that was handed over while the request was on its way goes to
    ///               the next consumer, or back to the front.
    /// Threads       the thread of the loop that runs the task.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] get_awaitable<Item, Order> async_get() noexcept {
        return get_awaitable<Item, Order>{core_};
    }

    /// Takes the oldest item, and says at the end that there is none.
    ///
    /// Returns       std::optional<Item>; empty once the queue is closed and empty.
    /// Errors        none.
    /// Suspends      while it is empty.
    /// Cancellation  clean, as for async_get.
    /// Threads       the thread of the loop that runs the task.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] next_awaitable<Item, Order> async_next() noexcept {
        return next_awaitable<Item, Order>{core_};
    }

    /// Adds an item at the end.
    ///
    /// Errors        closed, if the queue is closed before there was room; std::bad_alloc. The item
    ///               is destroyed then.
    /// Suspends      while it is full.
    /// Cancellation  clean. After the request nothing is taken in. An item that was taken in before
    ///               stays, and the task is stopped at its next await.
    /// Threads       the thread of the loop that runs the task.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates only when the queue grows.
    [[nodiscard]] put_awaitable<Item, Order> async_put(Item item) noexcept {
        return put_awaitable<Item, Order>{core_, std::move(item)};
    }

    /// Waits until task_done was called for every item that was put.
    ///
    /// Errors        none.
    /// Suspends      while items are unfinished.
    /// Cancellation  clean.
    /// Threads       the thread of the loop that runs the task.
    /// Lifetime      the queue must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] join_awaitable async_join() noexcept {
        return join_awaitable{core_.mutex, core_.joiners, core_.unfinished};
    }

    // For both: none of them waits.

    /// Takes the oldest item if there is one.
    [[nodiscard]] std::optional<Item> try_get() noexcept {
        std::optional<Item> taken;
        const detail::lock held{core_.mutex};
        core_.take_first(taken);
        if (taken) core_.has_taken();
        return taken;
    }

    /// Adds an item if there is room.
    ///
    /// Returns       false if the queue is full or closed; `item` is untouched then.
    /// Errors        std::bad_alloc; `item` is untouched then.
    [[nodiscard]] bool try_put(Item&& item) {
        const detail::lock held{core_.mutex};
        if (core_.is_closed || !core_.has_room()) return false;
        core_.claim();
        core_.accept(item);
        return true;
    }

    /// Takes no more items. Consumers get what is left, then closed; waiting producers get closed.
    void close() noexcept {
        const detail::lock held{core_.mutex};
        core_.close_held();
    }

    /// Like close(), and throws away what is left. Thrown-away items count as done for join().
    void close_now() noexcept {
        detail::lock held{core_.mutex};
        core_.discards = true;
        core_.close_held();
        while (!core_.items.empty()) {
            std::optional<Item> discarded{core_.items.pop()};
            core_.unclaim();
            core_.done_held();
            held.unlock();  // what destroying an item does may concern this queue
            discarded.reset();
            held.lock();
        }
    }

    /// Says that the work on one item that was taken is done.
    ///
    /// More often than there were items is misuse; checked.
    void task_done() noexcept {
        const detail::lock held{core_.mutex};
        core_.done_held();
    }

    [[nodiscard]] std::size_t capacity() const noexcept { return core_.capacity; }

    /// True after close(). With other threads about, only true is an answer that stays so.
    [[nodiscard]] bool is_closed() const noexcept {
        const detail::lock held{core_.mutex};
        return core_.is_closed;
    }

    /// Everything at one moment, which may have passed when the caller reads it.
    [[nodiscard]] queue_statistics statistics() const noexcept {
        queue_statistics now;
        const detail::lock held{core_.mutex};
        now.size = core_.items.size();
        now.peak_size = core_.peak_size;
        now.unfinished = core_.unfinished;
        now.waiting_consumers = core_.getters.size();
        now.waiting_producers = core_.putters.size();
        now.put = core_.put;
        now.taken = core_.taken;
        now.is_closed = core_.is_closed;
        return now;
    }

private:
    using wait_end = detail::wait_end;

    static void check(wait_end how) {
        if (how == wait_end::given_up) throw cancelled{};
    }
    static void check_put(wait_end how) {
        check(how);
        if (how == wait_end::closed) throw closed{};
        if (how == wait_end::out_of_memory) throw std::bad_alloc{};
    }

    detail::queue_core<Item, Order> core_;
};

/// A queue whose newest item is taken first.
///
/// Source        janus's LifoQueue.
template <class Item>
using lifo_queue = queue<Item, last_in_first_out>;

/// A queue whose smallest item is taken first, and of equal ones the oldest.
///
/// Source        janus's PriorityQueue, which keeps no order among equals.
template <class Item, class Less = std::less<>>
using priority_queue = queue<Item, smallest_first<Less>>;

}  // namespace simul::mt
