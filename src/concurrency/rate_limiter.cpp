// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/rate_limiter.hpp"

#include <algorithm>

#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul {

rate_limiter::rate_limiter(std::size_t burst, duration period) noexcept
    : burst_{static_cast<duration::rep>(burst)} {
    SIMUL_ASSERT(burst != 0 && period > duration::zero(),
                 "a rate_limiter needs a burst and a period greater than zero");
    interval_ = (period + duration{burst_ - 1}) / burst_;  // rounded up: never too early
}

task<> rate_limiter::acquire() {
    if (try_acquire()) co_return;
    const mutex_guard guard = co_await lock_.acquire();
    const loop& clock = loop::current();
    while (clock.now() < next()) co_await sleep_until(next());
    use(clock.now());
}

bool rate_limiter::try_acquire() noexcept {
    const time_point now = loop::current().now();
    if (lock_.is_held() || now < next()) return false;
    use(now);
    return true;
}

std::size_t rate_limiter::available() const noexcept {
    const duration missing = std::max(full_at_ - loop::current().now(), duration::zero());
    const auto used = (missing + interval_ - duration{1}) / interval_;
    return static_cast<std::size_t>(std::max<duration::rep>(burst_ - used, 0));
}

void rate_limiter::use(time_point now) noexcept {
    full_at_ = std::max(full_at_, now) + interval_;
}

}  // namespace simul
