// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/mt/queue.hpp"

namespace simul::mt::detail {

started join_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    const lock held{guard_};
    return unfinished_ == 0 ? started::done : wait_in(joiners_, self);
}

void join_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<join_operation&>(self);
    {
        const lock held{waiting.guard_};
        if (!waiting.withdraw(waiting.joiners_)) return;
    }
    waiting.finish(notice::stopped);
}

}  // namespace simul::mt::detail
