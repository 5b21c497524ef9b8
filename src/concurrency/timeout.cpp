// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/timeout.hpp"

#include "simul/runtime/loop.hpp"

namespace simul::detail {

time_limit::entry time_limit::begin(waiter& self) noexcept {
    up = &self;
    if (self.scope->is_cancelled()) return entry::stopped;
    if (limit_ <= duration::zero()) return entry::expired;
    scope = &own_scope_;
    own_scope_.enter(*self.scope);
    loop& running = loop::current();
    deadline = saturating_add(running.now(), limit_);
    running.arm(*this);
    return entry::entered;
}

void time_limit::end() noexcept {
    loop::current().disarm(*this);
    own_scope_.leave();
}

void time_limit::expire(timer& self) noexcept {
    auto& limited = static_cast<time_limit&>(self);
    limited.expired_ = true;
    limited.own_scope_.cancel(cancel_reason::deadline);
}

}  // namespace simul::detail
