// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/timer.hpp: the record of one deadline, to be embedded in whatever waits for it.
//
// Only the node. The loop keeps the armed ones in a timer wheel, which is private to the runtime.
#pragma once

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"

namespace simul {

/// One deadline and what to call when it has passed.
///
/// It lies inside the object that waits (an awaiter in the frame of a coroutine, a connection with
/// an idle limit), so arming and disarming one allocate nothing. Derive from it, or make it a
/// member and find the owner from its address. A timer fires once per arming and may be armed
/// again at any time, also by its own callback. To sleep in a coroutine, await a sleep instead.
///
/// Threads       only the thread of the loop it is armed on.
/// Lifetime      must not be moved, and must be disarmed or have fired before it is destroyed;
///               checked. It has left the loop before its callback runs, so the callback may
///               destroy it.
struct timer : list_hook<timer> {
    /// Called on the loop's thread, never before the deadline and never while arming.
    using callback = void (*)(timer&) noexcept;

    explicit timer(callback when_expired, time_point when = time_point::max()) noexcept
        : deadline{when}, expired{when_expired} {}

    /// True from arming until it fires or is disarmed.
    [[nodiscard]] bool armed() const noexcept { return linked(); }

    // Written by whoever arms it, and only while it is not armed.
    time_point deadline;  ///< time_point::max() means never
    callback expired;
};

static_assert(sizeof(timer) <= 32, "timers lie in the frames of coroutines and must stay small");

}  // namespace simul
