// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/leaf.hpp: the base of operations that really suspend.
//
// Only leaves suspend; everything else is a chain of frames and combinators above one. To write a
// leaf of your own, derive from this, begin() waiting in start(), and end with finish() when the
// event has come. A complete one, sleeping until `when`:
//
//     struct nap : leaf, timer {
//         explicit nap(time_point when) : leaf{kind}, timer{&ring, when} {}
//         started start(waiter& self) noexcept {
//             if (!begin(self)) return started::stopped;
//             loop::current().arm(*this);
//             return started::pending;
//         }
//         void take() {}
//         static void ring(timer& t) noexcept { static_cast<nap&>(t).finish(notice::queue); }
//         static void wake(cancellable& c) noexcept {
//             loop::current().disarm(static_cast<nap&>(c));
//             static_cast<nap&>(c).finish(notice::stopped);
//         }
//         static constexpr wait_kind kind{&wake, "a nap"};
//     };
#pragma once

#include "simul/coro/awaitable.hpp"

namespace simul {

/// An operation that waits for an event: remembers the waiter and hangs on its cancel scope.
///
/// Threads       the loop's thread.
class leaf : public cancellable {
public:
    explicit leaf(const wait_kind& kind) noexcept : cancellable{kind} {}

    /// While it waits: true if a request to end is on its way. It may be a branch of a select that
    /// has lost, so what cannot be given back must no longer be taken from it or given to it.
    [[nodiscard]] bool is_doomed() const noexcept { return waiting().scope->is_cancelled(); }

protected:
    /// Begins to wait for `self`, unless its scope is cancelled.
    ///
    /// Returns       false if it is; start() then answers stopped.
    [[nodiscard]] bool begin(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return false;
        waits_for_this(self);
        self.scope->add(*this);
        return true;
    }

    /// Ends the wait: leaves the scope and tells the waiter.
    void finish(notice how) noexcept {
        cancellable::unlink();
        waiting().notify(how);
    }
};

}  // namespace simul
