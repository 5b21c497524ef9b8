// SPDX-License-Identifier: Apache-2.0
//
// runtime/timer_wheel.hpp: the armed timers of a loop, in the order in which they fire.
//
// A hierarchical wheel with a tick of one nanosecond. A time is read as eleven digits of six bits,
// and a timer lies on the level of the highest digit in which its deadline differs from `elapsed`,
// in the slot that this digit of its deadline names:
//
//      elapsed    0  0 ... 0  12  40   3         level 2   level 1   level 0
//      deadline   0  0 ... 0  12  40   9   ──▶      .         .       slot 9
//      deadline   0  0 ... 0  12  41  63   ──▶      .      slot 41       .
//      deadline   0  0 ... 0  50   0   0   ──▶   slot 50      .          .
//
// When time enters a slot of a higher level, its timers are dealt out to the levels below. Why this
// keeps deadlines exact and ties in arming order is at the top of timer_wheel.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/runtime/timer.hpp"

namespace simul::detail {

/// Keeps timers and fires those that are due.
///
/// It has no clock: advance() is told the time. It owns nothing and never allocates; a timer that
/// is armed and disarmed leaves no trace.
///
/// Threads       only the loop's thread.
/// Lifetime      must be empty when it is destroyed; checked.
class timer_wheel {
public:
    /// A slot with at most this many timers is searched for its earliest deadline.
    static constexpr int search_limit = 16;

    /// Makes an empty wheel whose time is `start`. Any start is correct; one near the deadlines to
    /// come saves a few early wake-ups.
    explicit timer_wheel(time_point start = time_point::min()) noexcept;
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;

    /// Adds a timer, which must not be armed. A deadline that has passed already (it is not after
    /// the time of the last advance) fires in the next advance, before every timer that was still
    /// ahead; among such late ones the order is that of arming, whatever their deadlines. A
    /// deadline of time_point::max() never fires.
    ///
    /// Complexity    O(1).
    void arm(timer& item) noexcept;

    /// Takes a timer out; also one that is due in the advance going on, which then does not fire.
    ///
    /// Returns       false when the timer was not armed, and nothing happened.
    /// Complexity    O(1).
    bool disarm(timer& item) noexcept;

    /// Calls `expired` of every timer whose deadline is not after `now`, in the order of deadlines
    /// and, among equal ones, of arming. A timer is disarmed before it is called. Callbacks may arm
    /// and disarm any timer; what they arm fires in a later advance even when it is due at once, so
    /// that nobody can starve the loop. They must not call advance.
    ///
    /// A `now` before that of the last advance is taken as that one: time does not run backwards.
    ///
    /// Complexity    O(1) for each timer that fires, and for each at most ten moves on the way from
    ///               its first level down; O(1) when there is nothing to do.
    void advance(time_point now) noexcept;

    /// When to call advance next: never after the earliest deadline.
    ///
    /// Returns       time_point::max() when no timer will ever fire; time_point::min(), which asks
    ///               not to wait at all, when a late one was armed; the earliest deadline itself
    ///               when its slot holds at most search_limit timers; otherwise the time at which
    ///               that slot begins. An advance at that time fires nothing, it only deals the
    ///               timers out, and happens at most once per level.
    /// Complexity    O(1).
    [[nodiscard]] time_point next_wakeup() const noexcept;

    /// The number of armed timers, with those that never fire.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    using list = intrusive_list<timer, timer>;
    using ticks = std::uint64_t;  // a time_point as an unsigned number that sorts the same way

    static constexpr unsigned digit_bits = 6;
    static constexpr unsigned slots_per_level = 1U << digit_bits;
    static constexpr unsigned levels = 11;  // 64 bits in digits of 6

    // The first occupied slot of the lowest occupied level.
    struct candidate {
        unsigned place;
        ticks begin;
        ticks end;  // its last one
    };

    static ticks to_ticks(time_point time) noexcept;
    static time_point to_time(ticks value) noexcept;
    [[nodiscard]] candidate first_slot() const noexcept;
    [[nodiscard]] static bool is_short(list& items) noexcept;
    [[nodiscard]] static bool is_earlier(const timer& one, const timer& other) noexcept;
    [[nodiscard]] ticks earliest_in(const candidate& slot) const noexcept;
    [[nodiscard]] unsigned place_of(ticks deadline) const noexcept;
    void put_into_slot(timer& item) noexcept;
    void vacate_if_empty(unsigned place) noexcept;
    void collect(ticks now, list& due) noexcept;
    void deal_out(list& from, list& due) noexcept;

    ticks elapsed_;
    std::size_t size_ = 0;
    bool advancing_ = false;
    std::uint32_t occupied_levels_ = 0;             // bit n: level n has an occupied slot
    std::array<std::uint64_t, levels> occupied_{};  // bit n: slot n of the level is not empty
    list late_;                                     // armed when their deadline had passed
    list never_;                                    // deadline time_point::max()

    // mutable because intrusive_list cannot be walked when it is const; next_wakeup only reads.
    mutable std::array<list, levels * slots_per_level> slots_;
};

}  // namespace simul::detail
