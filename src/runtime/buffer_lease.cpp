// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/buffer_lease.hpp"

#include <new>
#include <utility>

#include "simul/coro/frame_allocator.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/operation.hpp"

namespace simul {

namespace detail {

std::byte* take_lease_buffer() noexcept try {
    return static_cast<std::byte*>(allocate_frame(lease_size));
} catch (const std::bad_alloc&) {
    return nullptr;
}

void give_back_lease_buffer(buffer_lender* lender, std::byte* bytes) noexcept {
    lender != nullptr ? lender->take_back(bytes) : deallocate_frame(bytes, lease_size);
}

}  // namespace detail

buffer_lease buffer_lease::of(operation& completed) noexcept {
    auto* const begin = static_cast<std::byte*>(std::exchange(completed.buffer, nullptr));
    if (begin == nullptr) return {};
    detail::buffer_lender* const lender = loop::current().io().lender_of(begin);
    if (completed.result > 0)
        return buffer_lease{lender, {begin, static_cast<std::size_t>(completed.result)}};
    detail::give_back_lease_buffer(lender, begin);
    return {};
}

}  // namespace simul
