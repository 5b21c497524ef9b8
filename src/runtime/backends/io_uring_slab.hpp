// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/io_uring_slab.hpp: where the io_uring backend keeps operations in flight.
//
//      user_data of a submission = generation << 32 | index        (never a pointer)
//
//      slots_    [0]──▶operation  [1] free  [2]──▶operation ...    index is operation::slot
//      lanes_    by descriptor: readers  first ⇄ ... ⇄ last        chains of slot indices
//                               writers  first ⇄ ... ⇄ last
//                               polls    first ⇄ ... ⇄ last
//
// A completion whose generation is not the slot's belongs to an operation that is gone, and is
// dropped. The slab is also the answer to "what is in flight", as a whole and by descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "simul/runtime/operation.hpp"

namespace simul::detail {

/// Where an operation is that the backend has accepted.
enum class stage : std::uint8_t {
    free,             ///< the slot holds none
    queued,           ///< behind another operation of its lane; the kernel does not know it
    pending,          ///< in the list of what the next flush submits; the kernel does not know it
    in_kernel,        ///< submitted, no completion seen
    held,             ///< completed, and held back by SIMUL_IO_URING_DELAY
    waits_for_ahead,  ///< for what the kernel receives ahead; the kernel does not know it
};

/// One operation in flight.
struct slot {
    static constexpr std::uint32_t none = 0xffff'ffff;

    operation* owner = nullptr;
    std::uint32_t generation = 1;
    std::uint32_t previous = none;  // in its lane
    std::uint32_t next = none;      // in its lane, or in the list of free slots
    stage where = stage::free;
    bool awaits_readiness = false;  // a poll stands in for the call, which gave EAGAIN
};

/// The operations in flight, by slot and by descriptor.
///
/// Threads       one at a time.
class slab {
public:
    /// Chains of one descriptor. Readers and writers go to the kernel one at a time, because the
    /// kernel promises no order among operations that wait for the same thing. Polls and operations
    /// of files are in no order.
    enum class lane : std::uint8_t { readers, writers, polls };

    static constexpr lane lane_of(opcode code) noexcept {
        switch (code) {
            case opcode::receive:
            case opcode::read:
            case opcode::accept: return lane::readers;
            case opcode::send:
            case opcode::write:
            case opcode::connect: return lane::writers;
            default: break;
        }
        return lane::polls;
    }

    /// True when the table of descriptors reaches as far as `descriptor`.
    [[nodiscard]] bool has_seen(int descriptor) const noexcept {
        return descriptor >= 0 && static_cast<std::size_t>(descriptor) < lanes_.size();
    }

    /// Gives `request` a slot and a place in its lane. Its descriptor is not negative.
    ///
    /// Returns       false when there is no memory.
    bool insert(operation& request) noexcept try {
        const auto descriptor = static_cast<std::size_t>(request.descriptor);
        if (lanes_.size() <= descriptor) lanes_.resize(descriptor + descriptor / 2 + 16);
        if (free_ == slot::none) {
            slots_.emplace_back();
            free_ = static_cast<std::uint32_t>(slots_.size() - 1);
        }
        const std::uint32_t index = free_;
        slot& taken = slots_[index];
        free_ = taken.next;
        taken.owner = &request;
        taken.awaits_readiness = false;
        taken.where = stage::queued;
        request.slot = index;

        chain& places = chain_of(request);
        taken.previous = places.last;
        taken.next = slot::none;
        (places.last == slot::none ? places.first : slots_[places.last].next) = index;
        places.last = index;
        ++size_;
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }

    /// Frees the slot of `request`.
    void erase(operation& request) noexcept {
        slot& left = slots_[request.slot];
        chain& places = chain_of(request);
        (left.previous == slot::none ? places.first : slots_[left.previous].next) = left.next;
        (left.next == slot::none ? places.last : slots_[left.next].previous) = left.previous;
        left.owner = nullptr;
        left.where = stage::free;
        renew(left);
        left.next = free_;
        free_ = request.slot;
        --size_;
    }

    /// True when no operation of its lane is before `request`, or when its lane knows no order.
    [[nodiscard]] bool may_run(const operation& request) noexcept {
        return lane_of(request.code) == lane::polls || chain_of(request).first == request.slot;
    }

    /// The operation that may run now that the first of the lane has left, or nullptr.
    [[nodiscard]] operation* first_of(int descriptor, lane which) noexcept {
        const std::uint32_t index = lanes_[static_cast<std::size_t>(descriptor)]
                                        .chains[static_cast<std::size_t>(which)]
                                        .first;
        return index == slot::none ? nullptr : slots_[index].owner;
    }

    [[nodiscard]] slot& at(const operation& request) noexcept { return slots_[request.slot]; }

    [[nodiscard]] std::uint64_t user_data(const operation& request) noexcept {
        return std::uint64_t{at(request).generation} << 32 | request.slot;
    }

    /// The slot that a completion belongs to, or nullptr when its operation is gone.
    [[nodiscard]] slot* find(std::uint64_t user_data) noexcept {
        const auto index = static_cast<std::uint32_t>(user_data);
        if (index >= slots_.size()) return nullptr;
        slot& found = slots_[index];
        const bool current = found.where != stage::free && found.generation == user_data >> 32;
        return current ? &found : nullptr;
    }

    /// Makes completions of what was submitted for this slot so far strangers. Generation 0 is
    /// kept for user_data that name no slot.
    static void renew(slot& used) noexcept {
        if (++used.generation == 0) used.generation = 1;
    }

    /// Calls `visit` with every operation; it may erase the one it is given.
    template <class Visit>
    void for_each(Visit visit) noexcept {
        for (std::size_t i = 0; i < slots_.size(); ++i)
            if (slots_[i].where != stage::free) visit(*slots_[i].owner);
    }

    /// Calls `visit` with every operation on `descriptor`, the last of each lane first, so that a
    /// cancel of each moves no other one to the kernel; it may erase the one it is given.
    template <class Visit>
    void for_each_on(int descriptor, Visit visit) noexcept {
        if (!has_seen(descriptor)) return;
        for (std::size_t which = 0; which < 3; ++which) {
            std::uint32_t index = lanes_[static_cast<std::size_t>(descriptor)].chains[which].last;
            while (index != slot::none) {
                const std::uint32_t before = slots_[index].previous;
                visit(*slots_[index].owner);
                index = before;
            }
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    struct chain {
        std::uint32_t first = slot::none;
        std::uint32_t last = slot::none;
    };
    struct lanes {
        chain chains[3];
    };

    chain& chain_of(const operation& request) noexcept {
        return lanes_[static_cast<std::size_t>(request.descriptor)]
            .chains[static_cast<std::size_t>(lane_of(request.code))];
    }

    std::vector<slot> slots_;
    std::vector<lanes> lanes_;  // by descriptor
    std::uint32_t free_ = slot::none;
    std::size_t size_ = 0;
};

}  // namespace simul::detail
