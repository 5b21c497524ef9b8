// SPDX-License-Identifier: Apache-2.0
//
// support/counted_operation.hpp: an operation for tests of a backend by itself.
#pragma once

#include <cstddef>

#include "simul/runtime/operation.hpp"

namespace simul::test {

/// Counts how often it was completed by a poll.
struct counted_operation : operation {
    counted_operation(opcode what, int on, void* data, std::size_t length) noexcept
        : operation{what, on, data, length, [](operation& self) noexcept {
                        ++static_cast<counted_operation&>(self).completions;
                    }} {}

    int completions = 0;
};

}  // namespace simul::test
