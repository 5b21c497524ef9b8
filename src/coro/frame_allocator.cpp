// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/frame_allocator.hpp"

#include <cstdlib>
#include <new>

#include "simul/base/config.hpp"

namespace simul {

namespace {

// Classes of 8, 24, 40 … bytes: what malloc hands out without waste, as it keeps 8 bytes beside
// each piece and counts in sixteens.
constexpr std::size_t granularity = 16;
constexpr std::size_t class_count = 256;  // frames up to 4 KiB are recycled

constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size + 7) / granularity;
}

constexpr std::size_t bytes_of(std::size_t index) noexcept {
    return index * granularity + 8;
}

struct free_frame {
    free_frame* next;
};

// Trivial on purpose: a thread-local object with a constructor or destructor is guarded on every
// access. The lists are freed by `cache_owner`, which a thread makes when it first frees a frame.
struct frame_cache {
    free_frame* lists[class_count];
    frame_statistics statistics;
    const frame_allocator* replacement;
    detail::frame_check check;
    bool owned;
    bool closed;
};

constinit SIMUL_THREAD_LOCAL frame_cache cache{
    {}, {0, 0, 0, 0, std::size_t{8} << 20}, nullptr, nullptr, false, false};

void trim(std::size_t limit) noexcept {
    for (std::size_t index = class_count; index-- > 0;) {
        while (cache.lists[index] != nullptr && cache.statistics.cached_bytes > limit) {
            free_frame* frame = cache.lists[index];
            cache.lists[index] = frame->next;
            cache.statistics.cached_bytes -= bytes_of(index);
            std::free(frame);
        }
    }
}

struct cache_owner {
    ~cache_owner() {
        cache.closed = true;
        trim(0);
    }
};

// Makes sure that the lists are freed when the thread ends.
void own_cache() noexcept {
    static thread_local cache_owner owner;
    static_cast<void>(owner);
    cache.owned = true;
}

void* checked_malloc(std::size_t size) {
    void* memory = std::malloc(size);
    if (memory == nullptr) throw std::bad_alloc{};
    return memory;
}

}  // namespace

const frame_allocator* set_frame_allocator(const frame_allocator* allocator) noexcept {
    const frame_allocator* old = cache.replacement;
    cache.replacement = allocator;
    return old;
}

frame_statistics read_frame_statistics() noexcept {
    return cache.statistics;
}

void set_frame_cache_limit(std::size_t bytes) noexcept {
    cache.statistics.cache_limit = bytes;
    trim(bytes);
}

namespace detail {

frame_check set_frame_check(frame_check check) noexcept {
    frame_check old = cache.check;
    cache.check = check;
    return old;
}

void* allocate_frame(std::size_t size) {
    if (cache.replacement != nullptr) [[unlikely]]
        return cache.replacement->allocate(size);
    const std::size_t index = class_of(size);
    ++cache.statistics.allocated;
    if (SIMUL_ADDRESS_SANITIZER || index >= class_count) return checked_malloc(size);
    if (free_frame* frame = cache.lists[index]) {
        cache.lists[index] = frame->next;
        cache.statistics.cached_bytes -= bytes_of(index);
        ++cache.statistics.recycled;
        return frame;
    }
    return checked_malloc(bytes_of(index));
}

void deallocate_frame(void* memory, std::size_t size) noexcept {
    if (cache.check != nullptr) [[unlikely]]
        cache.check(memory, size);
    if (cache.replacement != nullptr) [[unlikely]]
        return cache.replacement->deallocate(memory, size);
    const std::size_t index = class_of(size);
    const std::size_t bytes = bytes_of(index);
    ++cache.statistics.released;
    if (SIMUL_ADDRESS_SANITIZER || index >= class_count || cache.closed ||
        cache.statistics.cached_bytes + bytes > cache.statistics.cache_limit) {
        std::free(memory);
        return;
    }
    if (!cache.owned) [[unlikely]]
        own_cache();
    auto* frame = static_cast<free_frame*>(memory);
    frame->next = cache.lists[index];
    cache.lists[index] = frame;
    cache.statistics.cached_bytes += bytes;
}

}  // namespace detail

}  // namespace simul
