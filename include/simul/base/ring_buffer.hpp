// SPDX-License-Identifier: Apache-2.0
//
// simul/base/ring_buffer.hpp: items in a row that come and go at both ends.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "simul/base/assert.hpp"

namespace simul {

/// A double-ended queue in one block of memory. Unlike std::deque it allocates only in reserve(),
/// so that who has reserved a place can come, and come back, while nothing may fail.
///
/// Threads       none of its own: one thread at a time.
template <class Item>
class ring_buffer {
    static_assert(std::is_nothrow_move_constructible_v<Item>,
                  "items are moved while nothing may throw: make moving them noexcept");

public:
    ring_buffer() noexcept = default;
    ring_buffer(const ring_buffer&) = delete;
    ring_buffer& operator=(const ring_buffer&) = delete;
    ~ring_buffer() { release(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// The item at a place in the row, counted from the first. There must be one.
    [[nodiscard]] Item& operator[](std::size_t index) noexcept {
        SIMUL_ASSERT(index < size_, "an item was asked for where none was");
        return *place(index);
    }
    [[nodiscard]] Item& front() noexcept { return (*this)[0]; }

    /// How many items have a place.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    /// Makes places for so many items, those that are there included.
    ///
    /// Errors        std::bad_alloc; nothing has changed then.
    /// Complexity    O(1) for each place, if it grows by one again and again.
    void reserve(std::size_t places) {
        if (places > capacity_) grow(places);
    }

    /// Adds an item at the end, or in front. There must be a place.
    ///
    /// Complexity    O(1).
    void push_back(Item&& item) noexcept {
        SIMUL_ASSERT(size_ < capacity_, "an item came without a place: reserve() first");
        std::construct_at(place(size_), std::move(item));
        ++size_;
    }
    void push_front(Item&& item) noexcept {
        SIMUL_ASSERT(size_ < capacity_, "an item came without a place: reserve() first");
        first_ = (first_ + capacity_ - 1) & (capacity_ - 1);
        std::construct_at(place(0), std::move(item));
        ++size_;
    }

    /// Takes the first or the last item. There must be one.
    ///
    /// Complexity    O(1).
    [[nodiscard]] Item pop_front() noexcept {
        SIMUL_ASSERT(size_ != 0, "an item was taken where none was");
        Item* const taken = place(0);
        first_ = (first_ + 1) & (capacity_ - 1);
        --size_;
        return take_from(taken);
    }
    [[nodiscard]] Item pop_back() noexcept {
        SIMUL_ASSERT(size_ != 0, "an item was taken where none was");
        --size_;
        return take_from(place(size_));
    }

    /// Destroys the items; the places stay.
    void clear() noexcept {
        for (std::size_t index = 0; index < size_; ++index) std::destroy_at(place(index));
        size_ = 0;
    }

    /// Destroys the items and gives the memory back.
    void release() noexcept {
        clear();
        if (items_ != nullptr) std::allocator<Item>{}.deallocate(items_, capacity_);
        items_ = nullptr;
        capacity_ = 0;
        first_ = 0;
    }

private:
    static constexpr std::size_t smallest = 8;

    // The capacity is a power of two.
    [[nodiscard]] Item* place(std::size_t index) const noexcept {
        return items_ + ((first_ + index) & (capacity_ - 1));
    }

    static Item take_from(Item* place) noexcept {
        Item taken{std::move(*place)};
        std::destroy_at(place);
        return taken;
    }

    void grow(std::size_t places) {
        std::size_t wider = capacity_ == 0 ? smallest : capacity_;
        while (wider < places) {
            if (wider > static_cast<std::size_t>(-1) / 2) throw std::bad_array_new_length{};
            wider *= 2;
        }
        Item* const fresh = std::allocator<Item>{}.allocate(wider);
        for (std::size_t index = 0; index < size_; ++index) {
            std::construct_at(fresh + index, take_from(place(index)));
        }
        if (items_ != nullptr) std::allocator<Item>{}.deallocate(items_, capacity_);
        items_ = fresh;
        capacity_ = wider;
        first_ = 0;
    }

    Item* items_ = nullptr;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
    std::size_t first_ = 0;
};

}  // namespace simul
