// SPDX-License-Identifier: Apache-2.0
#include "runtime/timer_wheel.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "simul/base/config.hpp"

namespace simul::detail {
namespace {

constexpr time_point at(std::int64_t nanoseconds) {
    return time_point{duration{nanoseconds}};
}

constexpr std::int64_t year = std::int64_t{365} * 24 * 3600 * 1'000'000'000;

// A timer that writes its number into a log and then does what it was told.
struct probe : timer {
    probe(std::vector<int>& log, int number, time_point when)
        : timer{&probe::fired, when}, log_{log}, number_{number} {}

    void (*then)(probe&) = nullptr;
    timer_wheel* wheel = nullptr;
    probe* other = nullptr;

private:
    static void fired(timer& item) noexcept {
        auto& self = static_cast<probe&>(item);
        self.log_.push_back(self.number_);
        if (self.then != nullptr) self.then(self);
    }

    std::vector<int>& log_;
    int number_;
};

using numbers = std::vector<int>;

TEST(timer_wheel, fires_equal_deadlines_in_the_order_they_were_armed) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe first{log, 1, at(50)}, second{log, 2, at(50)}, third{log, 3, at(50)};
    wheel.arm(second);
    wheel.arm(third);
    wheel.arm(first);
    wheel.advance(at(50));
    EXPECT_EQ(log, (numbers{2, 3, 1}));
}

TEST(timer_wheel, fires_different_deadlines_in_their_order_within_one_advance) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe late{log, 3, at(70'000)}, middle{log, 2, at(4'096)}, early{log, 1, at(63)};
    wheel.arm(late);
    wheel.arm(middle);
    wheel.arm(early);
    wheel.advance(at(1'000'000));
    EXPECT_EQ(log, (numbers{1, 2, 3}));
}

TEST(timer_wheel, never_fires_before_the_deadline) {
    for (const std::int64_t deadline : {std::int64_t{1}, std::int64_t{63}, std::int64_t{64},
                                        std::int64_t{4'095}, std::int64_t{4'097}, 100 * year}) {
        timer_wheel wheel{at(0)};
        numbers log;
        probe item{log, 1, at(deadline)};
        wheel.arm(item);
        wheel.advance(at(deadline - 1));
        EXPECT_TRUE(log.empty()) << deadline;
        EXPECT_TRUE(item.armed());
        wheel.advance(at(deadline));
        EXPECT_EQ(log.size(), 1U) << deadline;
        EXPECT_FALSE(item.armed());
    }
}

TEST(timer_wheel, keeps_ties_in_order_when_they_were_armed_on_different_levels) {
    // The same deadline is armed again after each step towards it, so that the first ones have
    // been dealt out many times when the last is put directly on a low level.
    const std::int64_t deadline = 100 * year + 12'345;
    timer_wheel wheel{at(-200 * year)};
    numbers log, expected;
    std::list<probe> items;
    std::int64_t distance = 200 * year;
    for (int number = 0; distance > 0; ++number, distance /= 3) {
        wheel.advance(at(deadline - distance));
        wheel.arm(items.emplace_back(log, number, at(deadline)));
        expected.push_back(number);
    }
    EXPECT_TRUE(log.empty());
    wheel.advance(at(deadline));
    EXPECT_GT(expected.size(), 30U);
    EXPECT_EQ(log, expected);
}

TEST(timer_wheel, keeps_ties_in_order_when_many_are_dealt_out_slot_by_slot) {
    timer_wheel wheel{at(0)};
    numbers log, expected;
    std::list<probe> items;
    const std::int64_t base = std::int64_t{1} << 40;
    for (int number = 0; number < 1'000; ++number) {
        wheel.arm(items.emplace_back(log, number, at(base + number % 7)));
    }
    for (int remainder = 0; remainder < 7; ++remainder) {
        for (int number = remainder; number < 1'000; number += 7) expected.push_back(number);
    }
    while (wheel.next_wakeup() != time_point::max()) wheel.advance(wheel.next_wakeup());
    EXPECT_EQ(log, expected);
}

TEST(timer_wheel, keeps_order_and_ties_of_slots_that_one_advance_passes) {
    // As many as are sorted, and more; in one slot of a high level, and some in the next ones.
    for (const int count : {2, timer_wheel::search_limit, timer_wheel::search_limit + 1}) {
        timer_wheel wheel{at(0)};
        numbers log, expected;
        std::list<probe> items;
        const std::int64_t base = std::int64_t{1} << 30;
        probe late{log, -1, at(0)}, after{log, -2, at(base + (std::int64_t{1} << 33))};
        wheel.arm(after);
        for (int number = 0; number < count; ++number) {
            wheel.arm(items.emplace_back(log, number, at(base + 1'000 - number / 2)));
        }
        wheel.arm(late);
        expected.push_back(-1);
        for (int pair = (count - 1) / 2; pair >= 0; --pair) {
            expected.push_back(2 * pair);
            if (2 * pair + 1 < count) expected.push_back(2 * pair + 1);
        }
        expected.push_back(-2);
        wheel.advance(at(std::int64_t{1} << 40));
        EXPECT_EQ(log, expected) << count;
        EXPECT_EQ(wheel.size(), 0U);
    }
}

TEST(timer_wheel, leaves_what_is_due_after_a_slot_that_was_passed) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe first{log, 1, at(4'100)}, second{log, 2, at(4'200)}, third{log, 3, at(8'300)};
    wheel.arm(first);
    wheel.arm(second);
    wheel.arm(third);
    wheel.advance(at(8'200));  // the end of a slot of 4,096, and a little more
    EXPECT_EQ(log, (numbers{1, 2}));
    EXPECT_EQ(wheel.next_wakeup(), at(8'300));
    EXPECT_TRUE(wheel.disarm(third));
    EXPECT_EQ(wheel.next_wakeup(), time_point::max());
}

TEST(timer_wheel, fires_late_timers_in_arming_order_before_those_that_were_ahead) {
    timer_wheel wheel{at(1'000)};
    numbers log;
    probe ahead{log, 1, at(1'001)}, late{log, 2, at(1'000)}, later{log, 3, at(-5)};
    wheel.arm(ahead);
    wheel.arm(late);
    wheel.arm(later);
    EXPECT_EQ(wheel.next_wakeup(), time_point::min());
    wheel.advance(at(2'000));
    EXPECT_EQ(log, (numbers{2, 3, 1}));
}

TEST(timer_wheel, does_not_let_time_run_backwards) {
    timer_wheel wheel{at(1'000)};
    numbers log;
    probe late{log, 1, at(1'000)}, ahead{log, 2, at(1'001)};
    wheel.arm(late);
    wheel.arm(ahead);
    wheel.advance(at(10));
    EXPECT_EQ(log, (numbers{1}));
    wheel.advance(at(1'001));
    EXPECT_EQ(log, (numbers{1, 2}));
}

TEST(timer_wheel, never_fires_a_deadline_of_max_and_does_not_wake_up_for_it) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe never{log, 1, time_point::max()};
    wheel.arm(never);
    EXPECT_EQ(wheel.size(), 1U);
    EXPECT_EQ(wheel.next_wakeup(), time_point::max());
    wheel.advance(time_point::max());
    EXPECT_TRUE(log.empty());
    EXPECT_TRUE(never.armed());
    EXPECT_TRUE(wheel.disarm(never));
    EXPECT_EQ(wheel.size(), 0U);
}

TEST(timer_wheel, fires_over_the_whole_range_of_time) {
    timer_wheel wheel;
    numbers log;
    const time_point last = time_point::max() - duration{1};
    probe lowest{log, 1, time_point::min()}, low{log, 2, time_point::min() + duration{1}};
    probe zero{log, 4, at(0)}, minus{log, 3, at(-1)}, highest{log, 5, last};
    for (probe* item : {&highest, &zero, &minus, &low, &lowest}) wheel.arm(*item);
    wheel.advance(time_point::min());
    EXPECT_EQ(log, (numbers{1}));
    for (int number = 2; number <= 5; ++number) {
        const time_point next = wheel.next_wakeup();
        EXPECT_EQ(next, std::vector({low.deadline, at(-1), at(0), last})[std::size_t(number) - 2]);
        wheel.advance(next);
        EXPECT_EQ(log.back(), number);
    }
    EXPECT_EQ(wheel.size(), 0U);
}

TEST(timer_wheel, disarms_once_and_tells_whether_it_did) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe item{log, 1, at(500)};
    EXPECT_FALSE(wheel.disarm(item));
    wheel.arm(item);
    EXPECT_TRUE(wheel.disarm(item));
    EXPECT_FALSE(wheel.disarm(item));
    EXPECT_EQ(wheel.size(), 0U);
    EXPECT_EQ(wheel.next_wakeup(), time_point::max());
    wheel.advance(at(1'000));
    EXPECT_TRUE(log.empty());
}

TEST(timer_wheel, lets_a_callback_disarm_a_timer_that_is_due_in_the_same_advance) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe first{log, 1, at(10)}, tie{log, 2, at(10)}, far{log, 3, at(100'000)}, kept{log, 4, at(9)};
    first.wheel = &wheel;
    for (probe* victim : {&tie, &far}) {
        log.clear();
        first.deadline = at(first.deadline.time_since_epoch().count() + 1'000'000);
        tie.deadline = first.deadline;
        far.deadline = first.deadline + duration{100'000};
        kept.deadline = first.deadline + duration{1};
        first.other = victim;
        first.then = [](probe& self) { EXPECT_TRUE(self.wheel->disarm(*self.other)); };
        for (probe* item : {&first, &tie, &far, &kept}) wheel.arm(*item);
        wheel.advance(far.deadline);
        EXPECT_EQ(log, victim == &tie ? (numbers{1, 4, 3}) : (numbers{1, 2, 4}));
        EXPECT_EQ(wheel.size(), 0U);
        EXPECT_EQ(wheel.next_wakeup(), time_point::max());
    }
}

TEST(timer_wheel, has_disarmed_a_timer_before_it_calls_it) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe item{log, 1, at(10)};
    item.wheel = &wheel;
    item.then = [](probe& self) {
        EXPECT_FALSE(self.armed());
        EXPECT_EQ(self.wheel->size(), 0U);
        EXPECT_FALSE(self.wheel->disarm(self));
    };
    wheel.arm(item);
    wheel.advance(at(10));
    EXPECT_EQ(log.size(), 1U);
}

TEST(timer_wheel, lets_a_callback_destroy_its_timer) {
    struct owned : timer {
        explicit owned(time_point when) : timer{&owned::fired, when} {}
        static void fired(timer& item) noexcept { delete static_cast<owned*>(&item); }
    };
    timer_wheel wheel{at(0)};
    wheel.arm(*std::make_unique<owned>(at(5)).release());
    wheel.advance(at(5));
    EXPECT_EQ(wheel.size(), 0U);
}

TEST(timer_wheel, fires_what_a_callback_arms_for_now_in_the_next_advance_only) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe item{log, 1, at(10)};
    item.wheel = &wheel;
    item.then = [](probe& self) { self.wheel->arm(self); };  // due at once, for ever
    wheel.arm(item);
    for (std::size_t round = 1; round <= 3; ++round) {
        wheel.advance(at(10'000));
        EXPECT_EQ(log.size(), round);
        EXPECT_EQ(wheel.next_wakeup(), time_point::min());
    }
    EXPECT_TRUE(wheel.disarm(item));
}

TEST(timer_wheel, fires_what_a_callback_arms_before_now_after_the_timers_due_now) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe again{log, 1, at(10)}, last{log, 2, at(900)};
    again.wheel = &wheel;
    again.then = [](probe& self) {
        self.then = nullptr;
        self.deadline = at(500);
        self.wheel->arm(self);
    };
    wheel.arm(again);
    wheel.arm(last);
    wheel.advance(at(1'000));
    EXPECT_EQ(log, (numbers{1, 2}));
    wheel.advance(at(1'000));
    EXPECT_EQ(log, (numbers{1, 2, 1}));
}

TEST(timer_wheel, fires_a_periodic_timer_at_exactly_every_period) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe item{log, 1, at(777)};
    item.wheel = &wheel;
    item.then = [](probe& self) {
        self.deadline += duration{777};
        self.wheel->arm(self);
    };
    wheel.arm(item);
    for (std::int64_t now = 1; now <= 100'000; ++now) {
        wheel.advance(at(now));
        ASSERT_EQ(log.size(), std::size_t(now / 777)) << now;
    }
    wheel.disarm(item);
}

TEST(timer_wheel, names_the_exact_next_deadline_while_its_slot_is_short) {
    timer_wheel wheel{at(0)};
    numbers log;
    std::list<probe> items;
    const std::int64_t begin = std::int64_t{1} << 30;  // the beginning of a slot of level 5
    EXPECT_EQ(wheel.next_wakeup(), time_point::max());
    for (int number = 0; number < timer_wheel::search_limit; ++number) {
        wheel.arm(items.emplace_back(log, number, at(begin + 1'000'000 - number)));
        EXPECT_EQ(wheel.next_wakeup(), items.back().deadline);
    }
    wheel.arm(items.emplace_back(log, 99, at(begin + 2'000'000)));
    EXPECT_EQ(wheel.next_wakeup(), at(begin));
    EXPECT_TRUE(wheel.disarm(items.back()));
    EXPECT_EQ(wheel.next_wakeup(), at(begin + 1'000'000 - 15));
    wheel.advance(at(begin + 3'000'000));
    EXPECT_EQ(log.size(), 16U);
}

TEST(timer_wheel, wakes_up_early_at_most_once_per_level) {
    timer_wheel wheel;
    numbers log;
    std::list<probe> items;
    const time_point deadline = at(12'345'678'901'234'567);
    for (int number = 0; number < 100; ++number) {
        wheel.arm(items.emplace_back(log, number, deadline));
    }
    int early = 0;
    while (wheel.next_wakeup() < deadline) {
        wheel.advance(wheel.next_wakeup());
        ASSERT_TRUE(log.empty());
        ASSERT_LE(++early, 11);
    }
    EXPECT_GT(early, 0);
    EXPECT_EQ(wheel.next_wakeup(), deadline);
    wheel.advance(deadline);
    EXPECT_EQ(log.size(), 100U);
}

TEST(timer_wheel, fires_everything_at_exactly_its_deadline_when_driven_by_next_wakeup) {
    struct exact : timer {
        explicit exact(time_point& clock) : timer{&exact::fired}, clock_{clock} {}
        static void fired(timer& item) noexcept {
            auto& self = static_cast<exact&>(item);
            self.error_ = self.clock_ - self.deadline;
        }
        time_point& clock_;
        duration error_ = duration::max();
    };
    std::mt19937_64 random{7};
    timer_wheel wheel;
    time_point clock = time_point::min();
    std::list<exact> items;
    for (int number = 0; number < 20'000; ++number) {
        exact& item = items.emplace_back(clock);
        const auto offset = static_cast<std::int64_t>(random() >> 1 >> random() % 62);
        item.deadline = at(number % 2 == 0 ? offset : -offset);
        if (item.deadline == time_point::max()) item.deadline -= duration{1};
        wheel.arm(item);
    }
    while (wheel.size() != 0) {
        const time_point next = wheel.next_wakeup();
        ASSERT_GT(next, clock);
        clock = next;
        wheel.advance(clock);
    }
    for (const exact& item : items) ASSERT_EQ(item.error_, duration::zero());
}

TEST(timer_wheel, costs_no_memory_for_a_million_armed_and_disarmed_timers) {
#if SIMUL_ADDRESS_SANITIZER || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the sanitizer's allocator does not count for mallinfo2";
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
    GTEST_SKIP() << "the sanitizer's allocator does not count for mallinfo2";
#    endif
#endif
    auto wheel = std::make_unique<timer_wheel>(at(0));
    const auto items = std::make_unique<std::vector<std::unique_ptr<timer>>>();
    for (int number = 0; number < 1'000; ++number) {
        items->push_back(std::make_unique<timer>([](timer&) noexcept {}));
    }
    std::mt19937_64 random{1};
    const auto before = mallinfo2();
    ASSERT_GT(before.uordblks, sizeof(timer_wheel));  // it does count
    for (int round = 0; round < 1'000; ++round) {
        for (auto& item : *items) {
            item->deadline = at(static_cast<std::int64_t>(random() >> 1 >> random() % 60));
            wheel->arm(*item);
        }
        ASSERT_EQ(mallinfo2().uordblks, before.uordblks);
        for (auto& item : *items) wheel->disarm(*item);
    }
    EXPECT_EQ(mallinfo2().uordblks, before.uordblks);
    EXPECT_EQ(wheel->size(), 0U);
    EXPECT_EQ(wheel->next_wakeup(), time_point::max());
}

TEST(timer_wheel_death, refuses_to_arm_a_timer_twice) {
    timer_wheel wheel{at(0)};
    timer item{[](timer&) noexcept {}, at(5)};
    wheel.arm(item);
    EXPECT_DEATH(wheel.arm(item), "a timer was armed twice");
    wheel.disarm(item);
}

TEST(timer_wheel_death, refuses_to_advance_inside_a_callback) {
    timer_wheel wheel{at(0)};
    numbers log;
    probe item{log, 1, at(5)};
    item.wheel = &wheel;
    item.then = [](probe& self) { self.wheel->advance(at(6)); };
    wheel.arm(item);
    EXPECT_DEATH(wheel.advance(at(5)), "a timer's callback called advance");
    wheel.disarm(item);
}

// The specification in the words of the standard library: a stable sorted container and a list.
// Every operation is done on both; the callbacks compare, and then do random operations themselves.
class differential {
public:
    differential(std::uint64_t seed, time_point start, unsigned largest_step)
        : random_{seed}, largest_step_{largest_step}, now_{start}, wheel_{start} {
        for (int number = 0; number < 600; ++number) {
            items_.push_back(std::make_unique<entry>(*this));
        }
    }

    ~differential() {
        for (auto& item : items_) wheel_.disarm(*item);
    }

    void run(int operations) {
        for (int count = 0; count < 300; ++count) change_one();
        for (int count = 0; count < operations && !::testing::Test::HasFailure(); ++count) {
            switch (random_() % 8) {
                case 0: advance(later(random_duration(largest_step_))); break;
                case 1:
                    if (occupied()) advance(wheel_.next_wakeup());
                    break;
                case 2:
                    if (occupied()) advance(ahead_.begin()->first);
                    break;
                default: change_one();
            }
            check();
        }
    }

    [[nodiscard]] time_point now() const { return now_; }
    [[nodiscard]] std::size_t fired() const { return fired_; }
    [[nodiscard]] std::size_t ties() const { return ties_; }

private:
    enum class where { nowhere, ahead, late, due, never };

    struct entry : timer {
        explicit entry(differential& test) : timer{&differential::called}, owner{test} {}
        differential& owner;
        where state = where::nowhere;
        std::multimap<time_point, entry*>::iterator ahead;
        std::list<entry*>::iterator listed;
    };

    [[nodiscard]] bool occupied() const { return !ahead_.empty(); }

    // Every order of magnitude below 2^bits nanoseconds is equally likely.
    duration random_duration(unsigned bits) {
        return duration{static_cast<std::int64_t>(random_() >> (63 - random_() % bits))};
    }

    time_point later(duration delay) const {
        // saturating_add needs a start that is not negative.
        return now_ < at(0) ? now_ + delay : saturating_add(now_, delay);
    }

    time_point random_deadline() {
        switch (random_() % 16) {
            case 0: return time_point::max();
            case 1: return now_;
            case 2: {
                const duration past = now_ < at(0) ? now_ - time_point::min() : duration::max();
                return now_ - std::min(random_duration(40), past);
            }
            case 3:
            case 4:
            case 5: {  // a tie with one that is somewhere ahead
                auto found = ahead_.lower_bound(later(random_duration(62)));
                if (found != ahead_.end()) return found->first;
                [[fallthrough]];
            }
            default: return later(random_duration(62));
        }
    }

    void change_one() {
        entry& item = *items_[random_() % items_.size()];
        if (item.state == where::nowhere) {
            arm(item);
        } else {
            disarm(item);
        }
    }

    void arm(entry& item) {
        item.deadline = random_deadline();
        if (item.deadline == time_point::max()) {
            item.state = where::never;
            ++never_;
        } else if (item.deadline <= now_) {
            item.state = where::late;
            item.listed = late_.insert(late_.end(), &item);
        } else {
            item.state = where::ahead;
            ties_ += ahead_.count(item.deadline) != 0;
            item.ahead = ahead_.emplace(item.deadline, &item);
        }
        wheel_.arm(item);
    }

    void disarm(entry& item) {
        if (item.state == where::never) --never_;
        if (item.state == where::ahead) ahead_.erase(item.ahead);
        if (item.state == where::late) late_.erase(item.listed);
        if (item.state == where::due) due_.erase(item.listed);
        item.state = where::nowhere;
        EXPECT_TRUE(wheel_.disarm(item));
    }

    void advance(time_point now) {
        now_ = std::max(now, now_);
        due_.splice(due_.end(), late_);
        const auto end = ahead_.upper_bound(now_);
        for (auto next = ahead_.begin(); next != end; next = ahead_.erase(next)) {
            next->second->listed = due_.insert(due_.end(), next->second);
        }
        for (entry* item : due_) item->state = where::due;
        wheel_.advance(now);
        EXPECT_TRUE(due_.empty()) << "not everything that was due fired";
        due_.clear();
    }

    static void called(timer& item) noexcept {
        auto& self = static_cast<entry&>(item);
        self.owner.on_expired(self);
    }

    void on_expired(entry& item) {
        ++fired_;
        EXPECT_LE(item.deadline, now_);
        ASSERT_FALSE(due_.empty()) << "something fired that was not due";
        ASSERT_EQ(due_.front(), &item) << "fired in another order";
        due_.pop_front();
        item.state = where::nowhere;
        for (auto changes = random_() % 3; changes != 0; --changes) change_one();
        if (random_() % 8 == 0 && item.state == where::nowhere) arm(item);
        if (random_() % 8 == 0 && !due_.empty()) disarm(*due_.back());
    }

    void check() {
        ASSERT_EQ(wheel_.size(), ahead_.size() + late_.size() + never_);
        const time_point next = wheel_.next_wakeup();
        if (!late_.empty()) {
            ASSERT_EQ(next, time_point::min());
        } else if (ahead_.empty()) {
            ASSERT_EQ(next, time_point::max());
        } else if (ahead_.size() <= timer_wheel::search_limit) {
            ASSERT_EQ(next, ahead_.begin()->first);
        } else {
            ASSERT_LE(next, ahead_.begin()->first);
            ASSERT_GT(next, now_);
        }
    }

    std::mt19937_64 random_;
    unsigned largest_step_;
    time_point now_;
    timer_wheel wheel_;
    std::vector<std::unique_ptr<entry>> items_;
    std::multimap<time_point, entry*> ahead_;
    std::list<entry*> late_, due_;
    std::size_t never_ = 0, fired_ = 0, ties_ = 0;
};

TEST(timer_wheel, agrees_with_a_stable_multimap_over_a_million_operations) {
    std::size_t fired = 0, ties = 0;
    std::uint64_t seed = 0;
    for (const time_point start : {time_point::min(), at(-year), at(0), at(3'600'000'000'000)}) {
        for (const unsigned largest_step : {4U, 12U, 30U, 45U, 52U}) {
            differential test{++seed, start, largest_step};
            test.run(50'000);
            ASSERT_FALSE(HasFailure()) << "seed " << seed;
            ASSERT_LT(test.now(), time_point::max() - duration{100 * year});
            fired += test.fired();
            ties += test.ties();
        }
    }
    EXPECT_GT(fired, 100'000U);
    EXPECT_GT(ties, 10'000U);
}

}  // namespace
}  // namespace simul::detail
