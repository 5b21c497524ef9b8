// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/sleep.hpp"

#include "simul/coro/detail/frame.hpp"
#include "simul/coro/scheduler.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

// A coroutine queues by itself: when its turn comes it asks whether it has been cancelled.
started yield_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (frame* const waiting = frame::from(self)) {
        scheduler::current().queue(*waiting);
        return started::pending;
    }
    up = &self;
    scope = self.scope;
    scheduler::current().queue(*this);
    return started::pending;
}

void yield_operation::respond(waiter& self, notice) noexcept {
    self.up->notify(self.scope->is_cancelled() ? notice::stopped : notice::now);
}

started sleep_operation::start(waiter& self) noexcept {
    if (!begin(self)) return started::stopped;
    loop::current().arm(*this);
    return started::pending;
}

void sleep_operation::expire(timer& self) noexcept {
    static_cast<sleep_operation&>(self).finish(notice::queue);
}

void sleep_operation::interrupt(cancellable& self) noexcept {
    auto& sleeping = static_cast<sleep_operation&>(self);
    loop::current().disarm(sleeping);
    sleeping.finish(notice::stopped);
}

started sleep_for_operation::start(waiter& self) noexcept {
    deadline = saturating_add(loop::current().now(), deadline.time_since_epoch());
    return sleep_operation::start(self);
}

}  // namespace simul::detail
