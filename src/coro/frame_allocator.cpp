// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/frame_allocator.hpp"

#include <cstdlib>
#include <new>

#include "simul/base/config.hpp"

namespace simul {

namespace {

using detail::frame_cache;
using detail::free_frame;
using detail::own_frames;

constexpr std::size_t initial_limit = std::size_t{8} << 20;

// What the long way needs to know.
struct frame_policy {
    const frame_allocator* replacement;
    detail::frame_check check;
    std::size_t limit;
    std::uint64_t fresh;  // frames that were in no list
    std::uint64_t freed;  // frames that went into none
    bool owned;
    bool closed;
};

constinit SIMUL_THREAD_LOCAL frame_policy policy{nullptr, nullptr, initial_limit, 0,
                                                 0,       false,   false};

std::size_t cached_bytes() noexcept {
    return policy.limit - own_frames.room;
}

// Frees what is above the limit.
void trim(std::size_t limit) noexcept {
    std::size_t cached = cached_bytes();
    for (std::size_t index = frame_cache::class_count; index-- > 0;) {
        while (own_frames.lists[index] != nullptr && cached > limit) {
            free_frame* frame = own_frames.lists[index];
            own_frames.lists[index] = frame->next;
            cached -= frame_cache::bytes_of(index);
            std::free(frame);
        }
    }
    own_frames.room = policy.limit - cached;
}

void update() noexcept {
    own_frames.takes_nothing =
        policy.replacement != nullptr || policy.check != nullptr || policy.closed || !policy.owned;
}

// The lists are freed by it; a thread makes one when it first frees a frame.
struct cache_owner {
    ~cache_owner() {
        policy.closed = true;
        update();
        trim(0);
    }
};

// Makes sure that the lists are freed when the thread ends.
void own_cache() noexcept {
    static thread_local cache_owner owner;
    static_cast<void>(owner);
    policy.owned = true;
    update();
}

}  // namespace

const frame_allocator* set_frame_allocator(const frame_allocator* allocator) noexcept {
    const frame_allocator* old = policy.replacement;
    policy.replacement = allocator;
    update();
    if (allocator != nullptr) trim(0);
    return old;
}

frame_statistics read_frame_statistics() noexcept {
    frame_statistics answer;
    answer.allocated = own_frames.recycled + policy.fresh;
    answer.recycled = own_frames.recycled;
    answer.released = own_frames.kept + policy.freed;
    answer.cached_bytes = cached_bytes();
    answer.cache_limit = policy.limit;
    return answer;
}

void set_frame_cache_limit(std::size_t bytes) noexcept {
    trim(bytes);
    const std::size_t cached = cached_bytes();
    policy.limit = bytes;
    own_frames.room = bytes - cached;
}

namespace detail {

constinit SIMUL_THREAD_LOCAL frame_cache own_frames{{}, initial_limit, 0, 0, true};

frame_check set_frame_check(frame_check check) noexcept {
    frame_check old = policy.check;
    policy.check = check;
    update();
    return old;
}

void* allocate_frame_anew(std::size_t size) {
    if (policy.replacement != nullptr) return policy.replacement->allocate(size);
    const std::size_t index = frame_cache::class_of(size);
    const bool is_large = SIMUL_ADDRESS_SANITIZER || index >= frame_cache::class_count;
    void* const memory = std::malloc(is_large ? size : frame_cache::bytes_of(index));
    if (memory == nullptr) throw std::bad_alloc{};
    ++policy.fresh;
    return memory;
}

// The first frame that a thread frees comes here, too, and opens the lists for those that follow.
void deallocate_frame_fully(void* memory, std::size_t size) noexcept {
    if (policy.check != nullptr) policy.check(memory, size);
    if (policy.replacement != nullptr) return policy.replacement->deallocate(memory, size);
    if (!policy.owned && !policy.closed) own_cache();
    const std::size_t index = frame_cache::class_of(size);
    if (SIMUL_ADDRESS_SANITIZER || index >= frame_cache::class_count || policy.closed ||
        !own_frames.keep(memory, index)) {
        ++policy.freed;
        std::free(memory);
    }
}

}  // namespace detail

}  // namespace simul
