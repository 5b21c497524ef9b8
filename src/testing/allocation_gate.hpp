// SPDX-License-Identifier: Apache-2.0
//
// testing/allocation_gate.hpp: what every allocation of a thread passes, and where one can fail.
#pragma once

#include <cstdint>

#include "simul/base/config.hpp"

namespace simul::testing::detail {

/// What one thread has allocated, and which allocation of it fails. Trivial on purpose: it is asked
/// before a thread has begun to construct anything, and after it has destroyed everything.
struct allocation_gate {
    std::uint64_t blocks;
    std::uint64_t released_blocks;
    std::uint64_t frames;
    std::uint64_t released_frames;

    std::uint64_t countdown;  // 0: none will fail
    bool counts_down;
    bool lasting;
    bool has_failed;
    unsigned forbidden;

    /// From now on allocations are counted, and the n-th fails; with `lasting_` all after it too.
    void arm(std::uint64_t n, bool lasting_) noexcept {
        countdown = n;
        lasting = lasting_;
        has_failed = false;
        counts_down = true;
    }

    /// True if this allocation is to fail.
    bool fails() noexcept {
        if (!counts_down) return false;
        if (has_failed) return lasting;
        if (countdown == 0 || --countdown != 0) return false;
        return has_failed = true;
    }
};

extern constinit SIMUL_THREAD_LOCAL allocation_gate gate;

}  // namespace simul::testing::detail
