// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/deadline.hpp: a limit of time that can be moved while it is in force.
#pragma once

#include "simul/base/time.hpp"

namespace simul {

namespace detail {
class time_limit;
}

/// A point in time for timeout() and move_on(), which can be moved while the work goes on: for a
/// connection that may be idle for a minute, but that lives as long as there is progress.
///
///     deadline idle{60s};
///     co_await timeout(idle, receive_all(stream, idle));     // idle.reschedule(60s) at each block
///
/// Threads       the loop's thread.
/// Lifetime      must outlive the await that it limits. It limits one at a time; checked.
/// Source        asyncio.Timeout with reschedule; Trio's CancelScope.deadline.
class deadline {
public:
    /// At a point on the loop's clock; time_point::max() is never.
    explicit deadline(time_point when) noexcept : when_{when} {}

    /// So much from now on, on the clock of the current loop.
    template <class Rep, class Period>
    explicit deadline(std::chrono::duration<Rep, Period> from_now)
        : deadline{from_now_on(saturating_duration(from_now))} {}

    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;
    ~deadline();

    /// When the limit passes.
    [[nodiscard]] time_point when() const noexcept { return when_; }

    /// True once it has passed while something was limited by it.
    [[nodiscard]] bool has_expired() const noexcept { return expired_; }

    /// Moves it, in either direction; a time that has passed lets it expire in the next pass.
    ///
    /// Returns       false if it has expired: the work has been asked to end, and that cannot be
    ///               taken back.
    bool reschedule(time_point when) noexcept;

    /// Moves it so far from now.
    template <class Rep, class Period>
    bool reschedule(std::chrono::duration<Rep, Period> from_now) noexcept {
        return reschedule(from_now_on(saturating_duration(from_now)));
    }

private:
    friend class detail::time_limit;

    static time_point from_now_on(duration delay) noexcept;

    time_point when_;
    detail::time_limit* limiting_ = nullptr;
    bool expired_ = false;
};

}  // namespace simul
