// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/clock.hpp"

#include "runtime/backends/simulated.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::testing {

namespace {

simul::detail::simulated_backend& world() {
    loop& running = loop::current();
    SIMUL_ASSERT(running.is_simulated(),
                 "only the clock of the simulated backend can be moved: use run_test()");
    return static_cast<simul::detail::simulated_backend&>(running.io());
}

}  // namespace

void set_autojump(bool jumps) {
    world().set_autojump(jumps);
}

void advance_clock(duration by) {
    SIMUL_ASSERT(by >= duration::zero(), "a clock does not go backwards");
    world().advance(by);
}

}  // namespace simul::testing
