// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/queue_order.hpp: which item of a queue is taken first.
//
// An order is a class with a member template storage<Item>, which is where the items lie:
//
//     reserve(n)                  makes places; the only one that may throw
//     push(item), push_again(item) add an item, or one that was taken before: it is the next again
//     pop()                       takes the next
//     size(), capacity(), clear(), release()
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/base/ring_buffer.hpp"

namespace simul {

/// The oldest item first.
struct first_in_first_out {
    template <class Item>
    class storage : public ring_buffer<Item> {
    public:
        void push(Item&& item) noexcept { this->push_back(std::move(item)); }
        void push_again(Item&& item) noexcept { this->push_front(std::move(item)); }
        [[nodiscard]] Item pop() noexcept { return this->pop_front(); }
    };
};

/// The newest item first.
struct last_in_first_out {
    template <class Item>
    class storage : public ring_buffer<Item> {
    public:
        void push(Item&& item) noexcept { this->push_back(std::move(item)); }
        void push_again(Item&& item) noexcept { this->push_back(std::move(item)); }
        [[nodiscard]] Item pop() noexcept { return this->pop_back(); }
    };
};

/// The smallest item first, and of equal ones the oldest. Comparing must not throw.
template <class Less = std::less<>>
struct smallest_first {
    template <class Item>
    class storage {
        static_assert(std::is_nothrow_move_constructible_v<Item> &&
                          std::is_nothrow_move_assignable_v<Item>,
                      "items are moved while nothing may throw: make moving them noexcept");

    public:
        [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
        [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
        [[nodiscard]] std::size_t capacity() const noexcept { return heap_.capacity(); }

        void reserve(std::size_t places) {
            if (places > heap_.capacity()) heap_.reserve(std::max(places, 2 * heap_.capacity()));
        }

        void push(Item&& item) noexcept { add(entry{std::move(item), newest_++}); }
        void push_again(Item&& item) noexcept { add(entry{std::move(item), --oldest_}); }

        [[nodiscard]] Item pop() noexcept {
            std::pop_heap(heap_.begin(), heap_.end(), &is_later);
            Item taken{std::move(heap_.back().item)};
            heap_.pop_back();
            return taken;
        }

        void clear() noexcept { heap_.clear(); }
        void release() noexcept { std::vector<entry>{}.swap(heap_); }

    private:
        struct entry {
            Item item;
            std::int64_t age;
        };

        static bool is_later(const entry& left, const entry& right) noexcept {
            if (Less{}(right.item, left.item)) return true;
            return !Less{}(left.item, right.item) && right.age < left.age;
        }

        void add(entry&& added) noexcept {
            SIMUL_ASSERT(heap_.size() < heap_.capacity(), "an item came without a place");
            heap_.push_back(std::move(added));
            std::push_heap(heap_.begin(), heap_.end(), &is_later);
        }

        std::vector<entry> heap_;
        std::int64_t newest_ = 0;
        std::int64_t oldest_ = 0;
    };
};

}  // namespace simul
