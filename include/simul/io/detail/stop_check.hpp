// SPDX-License-Identifier: Apache-2.0
//
// simul/io/detail/stop_check.hpp: a place where a task may be stopped, and nothing else.
//
// A read whose bytes came together with the request to stop delivers them. Who would take something
// out of a buffer on their account asks here first: the result of a branch that has lost a select
// reaches nobody.
#pragma once

#include "simul/coro/awaitable.hpp"

namespace simul::detail {

class stop_check {
public:
    class operation {
    public:
        static started start(waiter& self) noexcept {
            return self.scope->is_cancelled() ? started::stopped : started::done;
        }
        static void take() noexcept {}
    };

    operation operator co_await() const noexcept { return {}; }
};

}  // namespace simul::detail
