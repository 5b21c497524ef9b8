// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/clock.hpp: the clock of the simulated world, moved by hand.
#pragma once

#include "simul/base/time.hpp"

namespace simul::testing {

/// Says whether the clock of the current loop jumps to the next deadline when nothing else can
/// happen, as it does at the beginning. If it does not, time stands still until advance_clock(),
/// and a program in which everybody waits for time ends with errc::deadlock.
///
/// Threads       the thread of a loop on the simulated backend; others fail an assertion.
/// Source        Trio's MockClock.autojump_threshold, which is 0 or infinite here.
void set_autojump(bool jumps);

/// Moves the clock of the current loop forward. What becomes due has its turn in the next pass.
///
/// Threads       the thread of a loop on the simulated backend; others fail an assertion.
/// Source        Trio's MockClock.jump.
void advance_clock(duration by);

}  // namespace simul::testing
