// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/schedule.hpp: another order than first in, first out, for those who look for bugs.
//
// A program that is right under one order of its tasks may be wrong under another. Everything that
// depends on the order comes from one question, asked before each turn of a pass: who of those that
// are ready is next? A schedule answers it. See simul/testing/schedules.hpp for those that answer
// at random, or try all answers.
#pragma once

#include <cstddef>

namespace simul {

/// Says in which order the tasks that are ready have their turns.
///
/// Threads       the thread of the scheduler that follows it.
/// Lifetime      must outlive the time in which it is followed.
class schedule {
public:
    /// The most candidates that it is ever asked to choose from.
    static constexpr std::size_t window = 64;

    /// Chooses one of the `candidates` (2 to 64) that have waited longest in this pass.
    ///
    /// Returns       its place, less than `candidates`; 0 is who has waited longest.
    virtual std::size_t choose(std::size_t candidates) noexcept = 0;

protected:
    ~schedule() = default;
};

}  // namespace simul
