// SPDX-License-Identifier: Apache-2.0
//
// simul/base/time.hpp: the vocabulary of time. Reads no clock.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <ratio>

namespace simul {

/// A length of time, in nanoseconds.
using duration = std::chrono::nanoseconds;

/// Names the time line of a loop: monotonic, with an origin of no meaning. Real loops use the
/// system's monotonic clock, simulated ones a clock that jumps. It has no now(): only a loop knows.
struct loop_clock {
    using duration = simul::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<loop_clock, duration>;
    static constexpr bool is_steady = true;
};

/// A point on the time line of a loop, in nanoseconds.
using time_point = loop_clock::time_point;

/// Adds a delay to a time point without overflow: anything too far away becomes time_point::max().
/// A negative delay gives `start` itself.
///
/// Complexity    O(1).
constexpr time_point saturating_add(time_point start, duration delay) noexcept {
    if (delay <= duration::zero()) return start;
    if (start > time_point{} && delay > time_point::max() - start) return time_point::max();
    return start + delay;
}

/// Converts any duration to nanoseconds without overflow; infinities and values too large become
/// duration::max(), NaN becomes zero.
///
/// Complexity    O(1); one multiplication for whole numbers of seconds and the like.
template <class Rep, class Period>
constexpr duration saturating_duration(std::chrono::duration<Rep, Period> value) noexcept {
    using per_unit = std::ratio_divide<Period, std::nano>;
    if constexpr (std::integral<Rep> && per_unit::den == 1) {
        std::int64_t nanoseconds = 0;
        if (!__builtin_mul_overflow(value.count(), per_unit::num, &nanoseconds)) {
            return duration{nanoseconds};
        }
        return value < value.zero() ? duration::min() : duration::max();
    }
    using wide = std::chrono::duration<long double, std::nano>;
    const long double nanoseconds = std::chrono::duration_cast<wide>(value).count();
    if (nanoseconds != nanoseconds) return duration::zero();
    if (nanoseconds >= static_cast<long double>(duration::max().count())) return duration::max();
    if (nanoseconds <= static_cast<long double>(duration::min().count())) return duration::min();
    return duration{static_cast<std::int64_t>(nanoseconds)};
}

/// Nanoseconds are passed through: no conversion, no floating point.
constexpr duration saturating_duration(duration value) noexcept {
    return value;
}

}  // namespace simul
