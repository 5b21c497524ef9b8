// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/allocations.hpp: counts the allocations of this thread, and forbids them.
//
//     SIMUL_TESTING_REPLACE_OPERATOR_NEW();  // in one source file of the test program
//
//     EXPECT_EQ(simul::testing::allocations_of([&] { group.cancel(); }), 0U);
//
// What is seen: the coroutine frames, and everything that goes through operator new. What is not:
// memory that C libraries get from malloc, and the exception objects themselves, for which the
// runtime of the language has a reserve when malloc fails.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <utility>

namespace simul::testing {

/// True if the operators of SIMUL_TESTING_REPLACE_OPERATOR_NEW are those of this program: asks by
/// making one allocation.
[[nodiscard]] bool sees_operator_new();

/// Counts the allocations of the thread that makes it, from then on.
///
/// Errors        std::logic_error if operator new has not been replaced.
/// Threads       the one that made it.
class allocation_counter {
public:
    allocation_counter();

    /// Blocks from operator new so far.
    [[nodiscard]] std::uint64_t blocks() const noexcept;

    /// Coroutine frames so far, those from the recycler's lists too.
    [[nodiscard]] std::uint64_t frames() const noexcept;

    /// Both together.
    [[nodiscard]] std::uint64_t count() const noexcept { return blocks() + frames(); }

private:
    std::uint64_t blocks_before_;
    std::uint64_t frames_before_;
};

/// Calls `function` and counts what it allocates.
///
/// Returns       the number of blocks and coroutine frames.
/// Errors        std::logic_error if operator new has not been replaced; whatever the call throws.
/// Threads       allocations of other threads are not counted.
template <std::invocable Function>
[[nodiscard]] std::uint64_t allocations_of(Function&& function) {
    const allocation_counter counter;
    static_cast<void>(std::invoke(std::forward<Function>(function)));
    return counter.count();
}

/// While one exists, an allocation by this thread is a mistake of the program and ends it, there
/// and then, so that a debugger shows who it was. A coroutine frame is noticed when the scope ends,
/// because the recycler has no time to ask.
///
/// Errors        std::logic_error if operator new has not been replaced.
/// Threads       the one that made it, where it must be destroyed.
class forbid_allocations {
public:
    forbid_allocations();
    forbid_allocations(const forbid_allocations&) = delete;
    forbid_allocations& operator=(const forbid_allocations&) = delete;
    ~forbid_allocations();

private:
    allocation_counter counter_;
};

namespace detail {

/// What is behind the replaced operators.
void* allocate(std::size_t size, std::size_t alignment);
void* allocate_or_null(std::size_t size, std::size_t alignment) noexcept;
void release(void* memory) noexcept;

}  // namespace detail

}  // namespace simul::testing

/// Replaces operator new and operator delete, in all their forms, by those that the functions above
/// and fail_allocations() need. Stands outside of all namespaces, in one source file of a test
/// program; a program without it keeps its operators.
#define SIMUL_TESTING_REPLACE_OPERATOR_NEW()                                                    \
    void* operator new(std::size_t size) {                                                      \
        return ::simul::testing::detail::allocate(size, 0);                                     \
    }                                                                                           \
    void* operator new[](std::size_t size) {                                                    \
        return ::simul::testing::detail::allocate(size, 0);                                     \
    }                                                                                           \
    void* operator new(std::size_t size, std::align_val_t alignment) {                          \
        return ::simul::testing::detail::allocate(size, static_cast<std::size_t>(alignment));   \
    }                                                                                           \
    void* operator new[](std::size_t size, std::align_val_t alignment) {                        \
        return ::simul::testing::detail::allocate(size, static_cast<std::size_t>(alignment));   \
    }                                                                                           \
    void* operator new(std::size_t size, const std::nothrow_t&) noexcept {                      \
        return ::simul::testing::detail::allocate_or_null(size, 0);                             \
    }                                                                                           \
    void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {                    \
        return ::simul::testing::detail::allocate_or_null(size, 0);                             \
    }                                                                                           \
    void* operator new(std::size_t size, std::align_val_t alignment,                            \
                       const std::nothrow_t&) noexcept {                                        \
        return ::simul::testing::detail::allocate_or_null(size,                                 \
                                                          static_cast<std::size_t>(alignment)); \
    }                                                                                           \
    void* operator new[](std::size_t size, std::align_val_t alignment,                          \
                         const std::nothrow_t&) noexcept {                                      \
        return ::simul::testing::detail::allocate_or_null(size,                                 \
                                                          static_cast<std::size_t>(alignment)); \
    }                                                                                           \
    void operator delete(void* memory) noexcept {                                               \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete[](void* memory) noexcept {                                             \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete(void* memory, std::size_t) noexcept {                                  \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete[](void* memory, std::size_t) noexcept {                                \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete(void* memory, std::align_val_t) noexcept {                             \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete[](void* memory, std::align_val_t) noexcept {                           \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {                \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {              \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete(void* memory, const std::nothrow_t&) noexcept {                        \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete[](void* memory, const std::nothrow_t&) noexcept {                      \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {      \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {    \
        ::simul::testing::detail::release(memory);                                              \
    }                                                                                           \
    static_assert(true, "a semicolon follows")
