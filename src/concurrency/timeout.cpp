// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/timeout.hpp"

#include "simul/runtime/loop.hpp"

namespace simul {

namespace detail {

time_limit::entry time_limit::begin(waiter& self) noexcept {
    up = &self;
    if (self.scope->is_cancelled()) return entry::stopped;
    loop& running = loop::current();
    if (!limit_.is_point_) {
        if (limit_.from_start_ <= duration::zero()) return entry::expired;
        timer::deadline = saturating_add(running.now(), limit_.from_start_);
    } else {
        timer::deadline = limit_.movable_ != nullptr ? limit_.movable_->when_ : limit_.when_;
        if (timer::deadline <= running.now()) {
            if (limit_.movable_ != nullptr) limit_.movable_->expired_ = true;
            return entry::expired;
        }
    }
    if (simul::deadline* movable = limit_.movable_) {
        SIMUL_ASSERT(movable->limiting_ == nullptr, "a deadline was used for two awaits at once");
        movable->limiting_ = this;
        movable->expired_ = false;
    }
    scope = &own_scope_;
    own_scope_.enter(*self.scope);
    own_scope_.deadline = timer::deadline;
    running.arm(*this);
    return entry::entered;
}

void time_limit::end() noexcept {
    if (limit_.movable_ != nullptr) limit_.movable_->limiting_ = nullptr;
    loop::current().disarm(*this);
    own_scope_.leave();
}

void time_limit::move_to(time_point when) noexcept {
    loop& running = loop::current();
    running.disarm(*this);
    timer::deadline = own_scope_.deadline = when;
    running.arm(*this);
}

void time_limit::expire(timer& self) noexcept {
    auto& limited = static_cast<time_limit&>(self);
    limited.expired_ = true;
    if (limited.limit_.movable_ != nullptr) limited.limit_.movable_->expired_ = true;
    limited.own_scope_.cancel(cancel_reason::deadline);
}

}  // namespace detail

deadline::~deadline() {
    SIMUL_ASSERT(limiting_ == nullptr, "a deadline was destroyed while it limits something");
}

bool deadline::reschedule(time_point when) noexcept {
    if (limiting_ != nullptr && expired_) return false;
    when_ = when;
    if (limiting_ != nullptr) limiting_->move_to(when);
    return true;
}

time_point deadline::from_now_on(duration delay) noexcept {
    return saturating_add(loop::current().now(), delay);
}

}  // namespace simul
