// SPDX-License-Identifier: Apache-2.0
//
// process_pool_failure.hpp: what is sent of an exception, and how a request is carried out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "simul/concurrency/process_codec.hpp"

namespace simul::detail {

/// What a reply holds.
enum class reply_kind : std::uintptr_t { result, failure };

/// Carries out the request `what`, an entry, with these arguments.
///
/// Returns       the whole reply, its header included; of an exception what is known of it.
std::vector<std::byte> carry_out(std::uintptr_t what, std::span<const std::byte> arguments);

/// Throws what the body of a reply of kind failure tells of.
[[noreturn]] void throw_remote_failure(std::span<const std::byte> body);

}  // namespace simul::detail
