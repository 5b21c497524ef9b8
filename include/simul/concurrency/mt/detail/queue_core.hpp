// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/mt/detail/queue_core.hpp: what an mt::queue holds, and the steps that its two
// faces share.
//
// As in concurrency/queue.hpp nothing may fail once an item is on its way, so every item has a
// place reserved for it (a claim) from the moment in which it is put, and only putting can run out
// of memory. Who waits to get has an std::optional<Item> in his hand, empty; who waits to put has
// the Item.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "simul/base/assert.hpp"
#include "simul/concurrency/mt/detail/places.hpp"

namespace simul::mt::detail {

/// Threads       any: whole calls take the mutex, steps are made while it is held.
template <class Item, class Order>
class queue_core {
public:
    explicit queue_core(std::size_t most) noexcept : capacity{most} {}
    ~queue_core() {
        SIMUL_ASSERT(getters.size() + putters.size() + joiners.size() == 0,
                     "an mt::queue was destroyed while somebody waits at it: close() it, and join "
                     "the threads and tasks that use it");
    }

    // Whole calls.

    wait_end take_blocking(std::optional<Item>& hand, const patience& limits) noexcept {
        auto how = wait_end::none;
        lock held{mutex};
        take_first(hand);
        if (!hand && !is_closed) {
            thread_place self{&hand};
            how = self.wait(getters, held, limits);
            // Closed while we waited; meanwhile another consumer may have given his item back.
            if (how == wait_end::closed) take_first(hand);
        }
        if (hand) has_taken();
        return how;
    }

    wait_end put_blocking(Item& item, const patience& limits) noexcept {
        lock held{mutex};
        wait_end how = put_at_once(item);
        if (how != wait_end::none) return how;
        thread_place self{&item};
        how = self.wait(putters, held, limits);
        if (how == wait_end::timed_out || how == wait_end::given_up) unclaim();
        return how;
    }

    // Steps.

    // Puts without waiting. `none` means that there is no room; the item has a claim then.
    wait_end put_at_once(Item& item) noexcept {
        if (is_closed) return wait_end::closed;
        try {
            claim();
        } catch (const std::bad_alloc&) {
            return wait_end::out_of_memory;
        }
        if (!has_room()) return wait_end::none;
        accept(item);
        return wait_end::served;
    }

    // Reserves a place for one more item, and frees one. Claimed are the places of items inside, of
    // those in the hands of consumers who have not gone on, and of those of waiting producers.
    void claim() {
        items.reserve(claims + 1);
        ++claims;
    }
    void unclaim() noexcept {
        if (--claims == 0 && items.capacity() > kept_places) items.release();
    }

    [[nodiscard]] bool has_room() noexcept {
        return getters.first() != nullptr ||
               (putters.first() == nullptr && items.size() < capacity);
    }

    // Moves the next item into `hand`, which is empty, if there is one.
    void take_first(std::optional<Item>& hand) noexcept {
        if (!items.empty()) {
            hand.emplace(items.pop());
            refill();
        } else if (place* const putter = putters.first()) {  // without capacity
            hand.emplace(std::move(item_of(*putter)));
            served(*putter);
        }
    }

    // An item has reached its consumer.
    void has_taken() noexcept {
        ++taken;
        unclaim();
    }

    // Hands an item to the consumer who waits longest. False if nobody does.
    bool hand_over(Item& item) noexcept {
        place* const getter = getters.first();
        if (getter == nullptr) return false;
        static_cast<std::optional<Item>*>(getter->hand())->emplace(std::move(item));
        getters.end(*getter, wait_end::served);
        return true;
    }

    // Takes in an item for which there is room.
    void accept(Item& item) noexcept {
        ++unfinished;
        ++put;
        if (!hand_over(item)) push(std::move(item));
    }

    // An item has left: producers may put theirs, longest waiting first.
    void refill() noexcept {
        while (items.size() < capacity) {
            place* const putter = putters.first();
            if (putter == nullptr) return;
            push(std::move(item_of(*putter)));
            served(*putter);
        }
    }

    void push(Item&& item) noexcept {
        items.push(std::move(item));
        peak_size = std::max(peak_size, items.size());
    }

    void served(place& putter) noexcept {
        ++unfinished;
        ++put;
        putters.end(putter, wait_end::served);
    }

    // An item whose consumer was cancelled; moved from, unless it is to be thrown away. For the
    // moment there may be one too many inside.
    void take_back(Item&& item) noexcept {
        if (hand_over(item)) return;
        if (discards) {
            unclaim();
            done_held();
        } else {
            items.push_again(std::move(item));
        }
    }

    void close_held() noexcept {
        is_closed = true;
        while (place* const putter = putters.first()) {
            unclaim();
            putters.end(*putter, wait_end::closed);
        }
        getters.end_all(wait_end::closed);
    }

    void done_held() noexcept {
        SIMUL_ASSERT(unfinished != 0, "task_done was called more often than there were items");
        if (--unfinished == 0) joiners.end_all(wait_end::served);
    }

    const std::size_t capacity;
    mutable std::mutex mutex;  // guards everything below, and the places of those who wait
    typename Order::template storage<Item> items;
    std::size_t claims = 0;
    std::size_t unfinished = 0;
    std::size_t peak_size = 0;
    std::uint64_t put = 0;
    std::uint64_t taken = 0;
    bool is_closed = false;
    bool discards = false;
    line getters;
    line putters;
    line joiners;

private:
    static constexpr std::size_t kept_places = 64;  // memory that an empty queue may keep

    static Item& item_of(const place& putter) noexcept {
        return *static_cast<Item*>(putter.hand());
    }
};

}  // namespace simul::mt::detail
