// SPDX-License-Identifier: Apache-2.0
//
// Invariants of the wheel. E is elapsed_, D the deadline of a timer, in ticks; they hold whenever a
// public function is entered or left and whenever a callback runs.
//   1. A timer in a slot has D > E. Its level is that of the highest digit in which D and E differ,
//      its slot is that digit of D. Since D > E, that digit is greater in D than in E.
//   2. Hence in every level only slots after E's own digit are occupied: the lowest set bit of the
//      bitmap is the earliest slot, and no rotation is needed. Every D of a level is before every D
//      of the levels above (they agree with E in higher digits for longer), so the first occupied
//      slot of the lowest occupied level holds the earliest deadline.
//   3. Exactness: the slots of level 0 are one tick wide, and a timer is due only when E is D.
//   4. Equal deadlines share a list, because by (1) the place is a function of D and E alone. The
//      later armed one is appended, so the list has them in arming order.
//   5. Moving E to e keeps (1) and (4):
//      a. if e is before the beginning of the first slot S of (2), no timer changes its place: e
//         agrees with E in all digits above S's, and is still smaller than S in that one;
//      b. if e is in S and not after any D in S, exactly the timers of S change their place. All
//         lower levels are empty by the choice of S, so dealing S out front to back appends to
//         empty lists, and equal deadlines arrive in one list in the order they had. Those with
//         D == e join the due list in that order, and nobody else has this D, by (4).
//      c. if e is the last tick of S, every timer of S is due. In the order of their deadlines, and
//         of the list among equal ones, they join the due list; other timers stay, as in (a).
//      collect() makes no other move. FIFO therefore holds over any number of levels.
//   6. late_ holds what was armed with D <= E. All its deadlines are before those in slots, so it
//      fires first; its own order is arming order. It is taken at the start of an advance, and E
//      is `now` before the first callback, so what a callback arms for a time that is not after
//      `now` lands in late_ and waits for the next advance.
//   7. By (1) where an armed timer lies follows from D and E, and is kept nowhere: one with D <= E
//      is late or due, and in no slot.
//   8. A bit of occupied_ is set exactly when its list is not empty, a bit of occupied_levels_
//      exactly when its word of occupied_ is not zero.
#include "runtime/timer_wheel.hpp"

#include <algorithm>
#include <bit>

#include "simul/base/assert.hpp"

namespace simul::detail {

timer_wheel::timer_wheel(time_point start) noexcept : elapsed_{to_ticks(start)} {}

void timer_wheel::arm(timer& item) noexcept {
    SIMUL_ASSERT(!item.linked(), "a timer was armed twice");
    ++size_;
    if (item.deadline == time_point::max()) {
        never_.push_back(item);
    } else if (to_ticks(item.deadline) <= elapsed_) {
        late_.push_back(item);
    } else {
        put_into_slot(item);
    }
}

bool timer_wheel::disarm(timer& item) noexcept {
    if (!item.linked()) return false;
    item.unlink();
    --size_;
    const ticks deadline = to_ticks(item.deadline);
    if (deadline > elapsed_ && item.deadline != time_point::max())
        vacate_if_empty(place_of(deadline));
    return true;
}

void timer_wheel::advance(time_point now) noexcept {
    SIMUL_ASSERT(!advancing_, "a timer's callback called advance");
    advancing_ = true;
    list due;
    due.splice_back(late_);
    collect(std::max(to_ticks(now), elapsed_), due);
    while (timer* item = due.pop_front()) {
        --size_;
        item->expired(*item);  // it may be gone now
    }
    advancing_ = false;
}

time_point timer_wheel::next_wakeup() const noexcept {
    if (!late_.empty()) return time_point::min();
    if (occupied_levels_ == 0) return time_point::max();
    return to_time(earliest_in(first_slot()));
}

// Moves E to `now`, and every timer that is due on the way to `due`.
void timer_wheel::collect(ticks now, list& due) noexcept {
    while (occupied_levels_ != 0) {
        const candidate slot = first_slot();
        if (slot.begin > now) break;
        list& items = slots_[slot.place];
        if (slot.place < slots_per_level) {
            elapsed_ = slot.begin;
            due.splice_back(items);  // all have the deadline that E has just become
        } else if (slot.end <= now && is_short(items)) {
            elapsed_ = slot.end;
            while (timer* item = items.pop_front()) due.insert_sorted(*item, &is_earlier);
        } else {
            elapsed_ = std::min(now, earliest_in(slot));
            deal_out(items, due);
        }
        vacate_if_empty(slot.place);
    }
    elapsed_ = now;
}

void timer_wheel::deal_out(list& from, list& due) noexcept {
    while (timer* item = from.pop_front()) {
        if (to_ticks(item->deadline) == elapsed_) {
            due.push_back(*item);
        } else {
            put_into_slot(*item);
        }
    }
}

unsigned timer_wheel::place_of(ticks deadline) const noexcept {
    const unsigned highest_bit = 63U - static_cast<unsigned>(std::countl_zero(deadline ^ elapsed_));
    const unsigned level = highest_bit / digit_bits;
    const unsigned slot = static_cast<unsigned>(deadline >> (level * digit_bits)) % slots_per_level;
    return level * slots_per_level + slot;
}

void timer_wheel::put_into_slot(timer& item) noexcept {
    const unsigned place = place_of(to_ticks(item.deadline));
    const unsigned level = place / slots_per_level;
    slots_[place].push_back(item);
    occupied_[level] |= std::uint64_t{1} << place % slots_per_level;
    occupied_levels_ |= std::uint32_t{1} << level;
}

void timer_wheel::vacate_if_empty(unsigned place) noexcept {
    if (!slots_[place].empty()) return;
    const unsigned level = place / slots_per_level;
    occupied_[level] &= ~(std::uint64_t{1} << place % slots_per_level);
    if (occupied_[level] == 0) occupied_levels_ &= ~(std::uint32_t{1} << level);
}

timer_wheel::candidate timer_wheel::first_slot() const noexcept {
    const auto level = static_cast<unsigned>(std::countr_zero(occupied_levels_));
    const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    // Two shifts, because the digit above the highest level would be shifted by 66.
    const unsigned shift = level * digit_bits;
    const ticks higher_digits = elapsed_ >> shift >> digit_bits << digit_bits;
    const ticks begin = (higher_digits | slot) << shift;
    return {level * slots_per_level + slot, begin, begin | ((ticks{1} << shift) - 1)};
}

bool timer_wheel::is_short(list& items) noexcept {
    timer* item = &items.front();
    for (int seen = 1; seen <= search_limit; ++seen) {
        item = items.next(*item);
        if (item == nullptr) return true;
    }
    return false;
}

bool timer_wheel::is_earlier(const timer& one, const timer& other) noexcept {
    return one.deadline < other.deadline;
}

// The earliest deadline of a slot, or a time before it when the slot is long.
timer_wheel::ticks timer_wheel::earliest_in(const candidate& slot) const noexcept {
    if (slot.place < slots_per_level) return slot.begin;
    list& items = slots_[slot.place];
    time_point earliest = time_point::max();
    int seen = 0;
    for (timer* item = &items.front(); item != nullptr; item = items.next(*item)) {
        if (++seen > search_limit) return slot.begin;
        earliest = std::min(earliest, item->deadline);
    }
    return to_ticks(earliest);
}

// Flipping the sign bit maps the signed range onto the unsigned one in order.
timer_wheel::ticks timer_wheel::to_ticks(time_point time) noexcept {
    return static_cast<ticks>(time.time_since_epoch().count()) ^ (ticks{1} << 63);
}

time_point timer_wheel::to_time(ticks value) noexcept {
    return time_point{duration{static_cast<std::int64_t>(value ^ (ticks{1} << 63))}};
}

}  // namespace simul::detail
