// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/turn_observer.hpp: who is told of every turn that a scheduler gives.
#pragma once

namespace simul {

struct waiter;

/// Is told when a waiter's turn begins and when it has ended.
///
/// Threads       the thread of the scheduler that tells it.
/// Lifetime      must outlive the time in which it is told.
class turn_observer {
public:
    /// The waiter can be looked at, until this returns.
    virtual void turn_begins(const waiter& whose) noexcept = 0;

    /// All that followed from it in the same turn has run as well. `readied` is who became ready
    /// last in it, nullptr if nobody did: a task that gives way is ready again as it suspends.
    virtual void turn_ended(const waiter* readied) noexcept = 0;

protected:
    ~turn_observer() = default;
};

}  // namespace simul
