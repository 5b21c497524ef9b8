// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/frame_allocator.hpp: how coroutine frames get memory, and how to replace it.
//
// Frames come and go at the rate of calls, in few sizes. Each thread keeps the freed ones in lists
// by size class and hands them out again, so that a coroutine call costs two list operations
// instead of malloc and free. The records of spawned tasks and of sockets, which come and go in the
// same way, are frames in this sense. Under AddressSanitizer the lists are bypassed: memory that is
// recycled hides use after free.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simul/coro/detail/frame_cache.hpp"

namespace simul {

/// Where coroutine frames come from. Both functions may be called on any thread, and a frame may be
/// given back on another thread than the one that took it.
struct frame_allocator {
    /// Returns `size` bytes aligned to 16, or throws std::bad_alloc.
    void* (*allocate)(std::size_t size);
    /// Takes back what allocate returned for the same size.
    void (*deallocate)(void* memory, std::size_t size) noexcept;
};

/// Replaces the recycler for the calling thread; nullptr brings it back.
///
/// Returns       the allocator in force before, nullptr for the recycler.
/// Threads       sets the allocator of the calling thread only.
/// Lifetime      `allocator` must outlive every frame that was made with it. A frame goes back to
///               the allocator in force when it is destroyed: change it while there are none.
const frame_allocator* set_frame_allocator(const frame_allocator* allocator) noexcept;

/// What the recycler of the calling thread has done so far.
struct frame_statistics {
    std::uint64_t allocated = 0;   ///< frames handed out
    std::uint64_t recycled = 0;    ///< of these, taken from a list
    std::uint64_t released = 0;    ///< frames given back
    std::size_t cached_bytes = 0;  ///< bytes in the lists now
    std::size_t cache_limit = 0;   ///< bytes the lists may hold
};

/// Reads the statistics of the calling thread.
///
/// Complexity    O(1).
frame_statistics read_frame_statistics() noexcept;

/// Sets how many bytes of freed frames the calling thread keeps (8 MiB unless told). What is above
/// the limit goes back to the system's allocator as frames are freed.
void set_frame_cache_limit(std::size_t bytes) noexcept;

namespace detail {

/// A debugging aid: called with every frame of this thread before its memory is given back.
/// nullptr, the default, turns it off. Returns the check in force before.
using frame_check = void (*)(const void* memory, std::size_t size) noexcept;
frame_check set_frame_check(frame_check check) noexcept;

}  // namespace detail

}  // namespace simul
