// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/allocations.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "simul/base/assert.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "testing/allocation_gate.hpp"

namespace simul::testing {

namespace detail {

constinit SIMUL_THREAD_LOCAL allocation_gate gate{};

namespace {

// malloc and free for all forms: memory may come through one form of operator new and go through
// any form of operator delete, and AddressSanitizer checks this pair like any other.
void* get_memory(std::size_t size, std::size_t alignment) noexcept {
    if (alignment <= alignof(std::max_align_t)) return std::malloc(std::max<std::size_t>(size, 1));
    if (size > std::numeric_limits<std::size_t>::max() - alignment) return nullptr;
    const std::size_t whole = (std::max<std::size_t>(size, 1) + alignment - 1) & ~(alignment - 1);
    return std::aligned_alloc(alignment, whole);
}

void refuse_if_forbidden() noexcept {
    if (gate.forbidden == 0) [[likely]]
        return;
    gate.forbidden = 0;
    assertion_failed(
        "memory was allocated where forbid_allocations does not allow it: the stack shows by whom");
}

std::uint64_t frames_so_far() noexcept {
    return read_frame_statistics().allocated + gate.frames;
}

}  // namespace

void* allocate(std::size_t size, std::size_t alignment) {
    refuse_if_forbidden();
    if (gate.fails()) throw std::bad_alloc{};
    while (true) {
        if (void* memory = get_memory(size, alignment)) {
            ++gate.blocks;
            return memory;
        }
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc{};
        handler();
    }
}

void* allocate_or_null(std::size_t size, std::size_t alignment) noexcept {
    try {
        return allocate(size, alignment);
    } catch (...) {
        return nullptr;
    }
}

void release(void* memory) noexcept {
    if (memory == nullptr) return;
    ++gate.released_blocks;
    std::free(memory);
}

}  // namespace detail

// Called as a function: an expression with `new` may be optimised away.
bool sees_operator_new() {
    const std::uint64_t before = detail::gate.blocks;
    ::operator delete(::operator new(1));
    return detail::gate.blocks != before;
}

allocation_counter::allocation_counter() {
    if (!sees_operator_new()) {
        throw std::logic_error{
            "allocations are not seen: write SIMUL_TESTING_REPLACE_OPERATOR_NEW(); in one source "
            "file of this program"};
    }
    blocks_before_ = detail::gate.blocks;
    frames_before_ = detail::frames_so_far();
}

std::uint64_t allocation_counter::blocks() const noexcept {
    return detail::gate.blocks - blocks_before_;
}

std::uint64_t allocation_counter::frames() const noexcept {
    return detail::frames_so_far() - frames_before_;
}

forbid_allocations::forbid_allocations() {
    ++detail::gate.forbidden;
}

forbid_allocations::~forbid_allocations() {
    --detail::gate.forbidden;
    SIMUL_ASSERT(counter_.frames() == 0,
                 "a coroutine was called where forbid_allocations does not allow it: its frame is "
                 "an allocation");
}

}  // namespace simul::testing
