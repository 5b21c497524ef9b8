// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/retry_jitter.hpp: how waits before another try are spread.
#pragma once

namespace simul {

/// How a wait between two attempts is spread, so that those who failed together do not come back
/// together. The ceiling is the first delay, grown by the factor, up to the longest.
enum class retry_jitter : unsigned char {
    none,   ///< the ceiling
    equal,  ///< half of the ceiling and a random part of the other half
    full,   ///< anything from zero to the ceiling: the least load on whoever is asked
};

}  // namespace simul
