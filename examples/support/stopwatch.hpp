// SPDX-License-Identifier: Apache-2.0
//
// examples/support/stopwatch.hpp: how long something took, on the clock of the loop.
#pragma once

#include <chrono>

#include "simul/runtime/loop.hpp"

namespace examples {

/// A watch that starts when it is made. It reads the loop's clock, which is the system's, or one
/// that jumps from event to event when SIMUL_BACKEND=simulated.
class stopwatch {
public:
    /// Seconds since it was made.
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(simul::loop::current().now() - start_).count();
    }

    /// The same without the fraction.
    [[nodiscard]] long whole_seconds() const { return static_cast<long>(seconds()); }

private:
    simul::time_point start_ = simul::loop::current().now();
};

}  // namespace examples
