// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/condition.hpp"

namespace simul::detail {

started condition_operation::start(waiter& self) noexcept {
    if (!begin(self)) return started::stopped;
    SIMUL_ASSERT(static_cast<bool>(guard_),
                 "condition::wait needs a guard that holds its mutex, and one for each wait");
    lot_.park(*this);
    guard_.release();
    return started::pending;
}

// Woken twice on the way: by a notification, out of the condition's lot, and by the mutex, out of
// its lot.
void condition_operation::woken(parked& self) noexcept {
    auto& waiting = static_cast<condition_operation&>(self);
    if (waiting.phase_ == phase::waiting) {
        waiting.phase_ = phase::acquiring;
        waiting.acquire();
    } else {
        waiting.own();
    }
}

void condition_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<condition_operation&>(self);
    if (waiting.phase_ == phase::waiting) {
        waiting.lot_.leave(waiting);
        waiting.phase_ = phase::acquiring_to_stop;
        waiting.acquire();
    } else {
        waiting.phase_ = phase::acquiring_to_stop;
        waiting.lot_.wake_one();
    }
}

void condition_operation::acquire() noexcept {
    if (mutex_.try_lock()) {
        own();
    } else {
        mutex_.lot_.park(*this);
    }
}

void condition_operation::own() noexcept {
    guard_ = mutex_guard{mutex_};
    mutex_.owner_ = number_of(waiting().scope->context());
    const notice how = phase_ == phase::acquiring ? notice::queue : notice::stopped;
    phase_ = phase::ended;
    finish(how);
}

// Notified and holding the mutex, but the task is to be stopped: somebody else gets the
// notification, and the guard releases the mutex.
bool condition_operation::give_back() noexcept {
    lot_.wake_one();
    return true;
}

}  // namespace simul::detail
