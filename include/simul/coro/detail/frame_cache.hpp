// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/detail/frame_cache.hpp: the lists of freed frames of a thread.
//
// The size of a frame is known where it is made, so that taking one from its list and putting it
// back are a handful of instructions there. Everything else is done in the long way: when a list is
// empty or full, and when somebody replaces the recycler or looks at what is freed.
//
// Invariants
//   1. While the recycler is replaced, or its thread ends, the lists are empty.
//   2. `lists[i]` holds pieces of bytes_of(i) bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simul/base/config.hpp"

namespace simul::detail {

struct free_frame {
    free_frame* next;
};

/// Trivial on purpose: a thread-local object with a constructor or destructor is guarded on every
/// access.
struct frame_cache {
    // Classes of 8, 24, 40 … bytes: what malloc hands out without waste, as it keeps 8 bytes beside
    // each piece and counts in sixteens.
    static constexpr std::size_t granularity = 16;
    static constexpr std::size_t class_count = 256;  // frames up to 4 KiB are recycled

    static constexpr std::size_t class_of(std::size_t size) noexcept {
        return (size + 7) / granularity;
    }
    static constexpr std::size_t bytes_of(std::size_t index) noexcept {
        return index * granularity + 8;
    }

    /// A frame from its list, or nullptr.
    void* take(std::size_t index) noexcept {
        free_frame* const frame = lists[index];
        if (frame == nullptr) [[unlikely]]
            return nullptr;
        lists[index] = frame->next;
        room += bytes_of(index);
        ++recycled;
        return frame;
    }

    /// Puts a frame into its list; false when there is no room.
    bool keep(void* memory, std::size_t index) noexcept {
        if (room < bytes_of(index)) [[unlikely]]
            return false;
        room -= bytes_of(index);
        ++kept;
        auto* const frame = static_cast<free_frame*>(memory);
        frame->next = lists[index];
        lists[index] = frame;
        return true;
    }

    free_frame* lists[class_count];
    std::size_t room;        // bytes that the lists may still take
    std::uint64_t recycled;  // frames taken from a list
    std::uint64_t kept;      // frames put into a list
    bool takes_nothing;      // the long way for everything that is freed
};

extern constinit SIMUL_THREAD_LOCAL frame_cache own_frames;

void* allocate_frame_anew(std::size_t size);
void deallocate_frame_fully(void* memory, std::size_t size) noexcept;

/// The pair behind every promise's operator new and delete.
inline void* allocate_frame(std::size_t size) {
    const std::size_t index = frame_cache::class_of(size);
    if (!SIMUL_ADDRESS_SANITIZER && index < frame_cache::class_count) {
        if (void* const frame = own_frames.take(index)) return frame;
    }
    return allocate_frame_anew(size);
}

inline void deallocate_frame(void* memory, std::size_t size) noexcept {
    const std::size_t index = frame_cache::class_of(size);
    if (SIMUL_ADDRESS_SANITIZER || index >= frame_cache::class_count || own_frames.takes_nothing ||
        !own_frames.keep(memory, index)) [[unlikely]] {
        deallocate_frame_fully(memory, size);
    }
}

}  // namespace simul::detail
