// SPDX-License-Identifier: Apache-2.0
//
// support/counted_malloc.hpp: what a thread asks of malloc, by whatever way: operator new,
// coroutine frames, C libraries.
//
//     SIMUL_TEST_COUNT_MALLOC();  // in one source file of the test program
//
//     const malloc_count before = own_mallocs;
//     …
//     EXPECT_EQ(own_mallocs.calls, before.calls);
#pragma once

#include <cstddef>
#include <cstdint>

#include "simul/base/config.hpp"

namespace simul::test {

struct malloc_count {
    std::uint64_t calls;  ///< that gave memory; a realloc is one
    std::int64_t bytes;   ///< taken and not given back; another thread's may have been given back
};

/// The counts of this thread. Trivial: malloc is called before a thread has constructed anything.
inline constinit SIMUL_THREAD_LOCAL malloc_count own_mallocs{};

}  // namespace simul::test

#if SIMUL_ADDRESS_SANITIZER || SIMUL_THREAD_SANITIZER

// The sanitizer has the functions already, and tells.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*,
                                                                           std::size_t),
                                                         void (*freed)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void*);

namespace simul::test::detail {

inline void count_malloc(const volatile void*, std::size_t size) {
    ++own_mallocs.calls;
    own_mallocs.bytes += static_cast<std::int64_t>(size);
}

inline void count_free(const volatile void* memory) {
    if (memory == nullptr) return;
    own_mallocs.bytes -= static_cast<std::int64_t>(__sanitizer_get_allocated_size(memory));
}

}  // namespace simul::test::detail

#    define SIMUL_TEST_COUNT_MALLOC()                                                       \
        [[maybe_unused]] static const int simul_counts_malloc =                             \
            __sanitizer_install_malloc_and_free_hooks(&::simul::test::detail::count_malloc, \
                                                      &::simul::test::detail::count_free)

#else

#    include <errno.h>
#    include <malloc.h>
#    include <stdlib.h>

// What is behind the functions in glibc, which lets a program have its own in front.
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* __libc_calloc(std::size_t count, std::size_t size);
extern "C" void* __libc_realloc(void* memory, std::size_t size);
extern "C" void* __libc_memalign(std::size_t alignment, std::size_t size);
extern "C" void __libc_free(void* memory);

namespace simul::test::detail {

/// What a block takes of the heap: malloc keeps one word beside it.
inline std::int64_t heap_bytes(void* memory) noexcept {
    if (memory == nullptr) return 0;
    return static_cast<std::int64_t>(::malloc_usable_size(memory) + sizeof(std::size_t));
}

inline void* count_malloc(void* memory) noexcept {
    if (memory == nullptr) return nullptr;
    ++own_mallocs.calls;
    own_mallocs.bytes += heap_bytes(memory);
    return memory;
}

inline void count_free(void* memory) noexcept {
    own_mallocs.bytes -= heap_bytes(memory);
    __libc_free(memory);
}

inline void* count_realloc(void* memory, std::size_t size) noexcept {
    const std::int64_t before = heap_bytes(memory);
    void* const moved = __libc_realloc(memory, size);
    if (moved != nullptr || size == 0) own_mallocs.bytes -= before;
    return count_malloc(moved);
}

}  // namespace simul::test::detail

#    define SIMUL_TEST_COUNT_MALLOC()                                                       \
        extern "C" void* malloc(std::size_t size) noexcept {                                \
            return ::simul::test::detail::count_malloc(__libc_malloc(size));                \
        }                                                                                   \
        extern "C" void* calloc(std::size_t count, std::size_t size) noexcept {             \
            return ::simul::test::detail::count_malloc(__libc_calloc(count, size));         \
        }                                                                                   \
        extern "C" void* realloc(void* memory, std::size_t size) noexcept {                 \
            return ::simul::test::detail::count_realloc(memory, size);                      \
        }                                                                                   \
        extern "C" void free(void* memory) noexcept {                                       \
            ::simul::test::detail::count_free(memory);                                      \
        }                                                                                   \
        extern "C" void* memalign(std::size_t alignment, std::size_t size) noexcept {       \
            return ::simul::test::detail::count_malloc(__libc_memalign(alignment, size));   \
        }                                                                                   \
        extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {  \
            return ::simul::test::detail::count_malloc(__libc_memalign(alignment, size));   \
        }                                                                                   \
        extern "C" int posix_memalign(void** place, std::size_t alignment,                  \
                                      std::size_t size) noexcept {                          \
            *place = ::simul::test::detail::count_malloc(__libc_memalign(alignment, size)); \
            return *place == nullptr ? ENOMEM : 0;                                          \
        }                                                                                   \
        static_assert(true, "a semicolon follows")

#endif
