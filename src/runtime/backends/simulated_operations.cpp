// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/simulated_operations.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "runtime/backends/lent_buffer.hpp"
#include "simul/base/config.hpp"

#if SIMUL_ADDRESS_SANITIZER
#    include <sanitizer/asan_interface.h>
#endif

namespace simul::detail {

namespace {

constexpr unsigned char pattern = 0xa5;

bool is_pending(const operation& request) noexcept {
    return request.state == operation_state::in_flight ||
           request.state == operation_state::cancelling;
}

bool is_filled(opcode code) noexcept {
    return code == opcode::receive || code == opcode::read;
}

bool is_read_from(opcode code) noexcept {
    return code == opcode::send || code == opcode::write || code == opcode::connect;
}

// FNV-1a.
std::uint64_t checksum_of(const void* data, std::size_t size) noexcept {
    std::uint64_t sum = 14695981039346656037U;
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) sum = (sum ^ bytes[i]) * 1099511628211U;
    return sum;
}

#if SIMUL_ADDRESS_SANITIZER
// The shadow of AddressSanitizer knows granules of eight bytes, which a neighbour of the buffer
// may share at its ends: only granules that lie wholly inside are poisoned.
void forbid(void* data, std::size_t size) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = (begin + 7) & ~std::uintptr_t{7};
    const std::uintptr_t last = (begin + size) & ~std::uintptr_t{7};
    if (first < last) ASAN_POISON_MEMORY_REGION(reinterpret_cast<void*>(first), last - first);
}

void allow(void* data, std::size_t size) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = (begin + 7) & ~std::uintptr_t{7};
    const std::uintptr_t last = (begin + size) & ~std::uintptr_t{7};
    if (first < last) ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<void*>(first), last - first);
}
#else
void forbid(void*, std::size_t) noexcept {}
void allow(void*, std::size_t) noexcept {}
#endif

}  // namespace

bool simulated_operations::start(operation& request) noexcept {
    try {
        if (free_records_.empty()) add_records();
    } catch (const std::bad_alloc&) {
        request.result = -ENOMEM;
        request.state = operation_state::completed;
        return false;
    }
    request.slot = free_records_.back();
    free_records_.pop_back();
    records_[request.slot] = record{};
    request.state = operation_state::in_flight;
    ++count_;
    take_buffer(request);
    return true;
}

// There is room for all of them among the free ones, so that none has to allocate when it leaves.
void simulated_operations::add_records() {
    const std::size_t before = records_.size();
    const std::size_t after = before == 0 ? 16 : 2 * before;
    free_records_.reserve(after);
    records_.resize(after);
    for (std::size_t slot = after; slot != before; --slot) {
        free_records_.push_back(static_cast<std::uint32_t>(slot - 1));
    }
}

void simulated_operations::leave(operation& request) noexcept {
    give_back_buffer(request);
    request.unlink();
    free_records_.push_back(request.slot);
    --count_;
}

void simulated_operations::take_buffer(operation& request) noexcept {
    if (lends_buffer(request)) return;
    record& known = records_[request.slot];
    known.owns_buffer = true;
    if (is_filled(request.code)) {
        if (request.size != 0) std::memset(request.buffer, pattern, request.size);
        forbid(request.buffer, request.size);
    } else if (is_read_from(request.code)) {
        known.checksum = checksum_of(request.buffer, request.size);
    }
}

void simulated_operations::give_back_buffer(operation& request) noexcept {
    if (!is_pending(request)) return;
    record& known = records_[request.slot];
    if (!std::exchange(known.owns_buffer, false)) return;
    if (is_filled(request.code)) {
        allow(request.buffer, request.size);
        const auto* bytes = static_cast<const unsigned char*>(request.buffer);
        const bool untouched = std::all_of(bytes, bytes + request.size,
                                           [](unsigned char one) { return one == pattern; });
        SIMUL_ASSERT(untouched, "a buffer was written to while an operation was to fill it");
    } else if (is_read_from(request.code)) {
        SIMUL_ASSERT(known.checksum == checksum_of(request.buffer, request.size),
                     "a buffer was written to while an operation was sending from it");
    }
}

}  // namespace simul::detail
