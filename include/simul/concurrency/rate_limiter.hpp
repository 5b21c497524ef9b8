// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/rate_limiter.hpp: no more than so many in so much time.
#pragma once

#include <cstddef>

#include "simul/base/time.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/coro/task.hpp"

namespace simul {

/// What a rate_limiter tells of itself.
struct rate_limiter_statistics {
    rate_limiter_statistics() noexcept = default;

    std::size_t available = 0;  ///< would pass at once
    std::size_t waiting = 0;
};

/// Lets so many tasks pass in each period, in the order in which they came.
///
///     rate_limiter requests{100, 1s};      // 100 at once, then one every 10 ms
///     co_await requests.acquire();
///
/// It is a bucket of `burst` tokens that fills at the rate of `burst` a period. It bounds how often
/// something begins; for how many run at once see semaphore.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait for it when it is destroyed.
/// Source        the generic cell rate algorithm (ITU-T I.371); aiolimiter.
class rate_limiter {
public:
    /// Both must be greater than zero; checked.
    rate_limiter(std::size_t burst, duration period) noexcept;

    /// Waits until the rate allows one more.
    ///
    /// Errors        none.
    /// Suspends      while the rate does not allow it, and while others wait before.
    /// Cancellation  clean. Who stops waiting uses nothing up.
    /// Threads       the loop's thread.
    /// Lifetime      the limiter must outlive the call.
    /// Complexity    O(1).
    task<> acquire();

    /// Passes if the rate allows it at once and nobody waits.
    [[nodiscard]] bool try_acquire() noexcept;

    /// How many would pass at once now.
    [[nodiscard]] std::size_t available() const noexcept;

    /// The number of tasks that wait.
    [[nodiscard]] std::size_t waiting() const noexcept {
        return lock_.waiting() + (lock_.is_held() ? 1 : 0);
    }

    /// All of it at once, for reports.
    [[nodiscard]] rate_limiter_statistics statistics() const noexcept {
        rate_limiter_statistics answer;
        answer.available = available();
        answer.waiting = waiting();
        return answer;
    }

private:
    // When the next one may pass.
    [[nodiscard]] time_point next() const noexcept { return full_at_ - (burst_ - 1) * interval_; }
    void use(time_point now) noexcept;

    mutex lock_;            // held by the one who waits for the time
    duration interval_;     // in which one token comes
    duration::rep burst_;   // how many tokens there are at most
    time_point full_at_{};  // when the bucket will be full, if nobody passes
};

}  // namespace simul
