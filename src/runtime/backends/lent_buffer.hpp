// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/lent_buffer.hpp: a receive that brings its buffer with it, where the kernel does
// not choose the buffer: one is taken out of the recycler just before the system is asked.
#pragma once

#include <utility>

#include "simul/runtime/buffer_lease.hpp"
#include "simul/runtime/operation.hpp"

namespace simul::detail {

[[nodiscard]] inline bool lends_buffer(const operation& request) noexcept {
    return request.code == opcode::receive && (request.flags & operation::lends_buffer) != 0;
}

/// Gives `request` a buffer, if it is one that wants to be lent one and has none.
///
/// Returns       false if there is no memory.
[[nodiscard]] inline bool provide_buffer(operation& request) noexcept {
    if (!lends_buffer(request) || request.buffer != nullptr) return true;
    request.buffer = take_lease_buffer();
    return request.buffer != nullptr;
}

/// Takes back what provide_buffer has given to `request`, if it has.
inline void withdraw_buffer(operation& request) noexcept {
    if (!lends_buffer(request) || request.buffer == nullptr) return;
    give_back_lease_buffer(nullptr,
                           static_cast<std::byte*>(std::exchange(request.buffer, nullptr)));
}

}  // namespace simul::detail
