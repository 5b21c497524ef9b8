// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about time: who is called when.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/callback.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "simul/testing/clock.hpp"
#include "support/every_world.hpp"
#include "support/jumping_clock.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::now;

using seconds_as_double = std::chrono::duration<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

// A computation that takes its time, on whichever clock the loop has.
void compute_for(duration length) {
    loop& running = loop::current();
    if (running.is_simulated()) return testing::advance_clock(length);
    const auto end = std::chrono::steady_clock::now() + length;
    while (std::chrono::steady_clock::now() < end) {
    }
}

class noting_timer : public timer {
public:
    noting_timer(time_point when, int number, std::vector<int>& log, event& fired)
        : timer{&expire, when}, number_{number}, log_{log}, fired_{fired} {
        loop::current().arm(*this);
    }

private:
    static void expire(timer& self) noexcept {
        auto& due = static_cast<noting_timer&>(self);
        due.log_.push_back(due.number_);
        due.fired_.set();
    }

    int number_;
    std::vector<int>& log_;
    event& fired_;
};

// Timers fire by their deadlines, and those with the same one in the order in which they were made,
// also if one between them goes, and if all are late.
EVERY_WORLD_TEST(K2, timers_with_equal_deadlines_fire_in_the_order_in_which_they_were_made) {
    std::vector<int> log;
    event fired;
    event last;
    std::vector<std::unique_ptr<noting_timer>> timers;
    const time_point base = now() + 20us;
    for (int number = 0; number != 30; ++number) {
        const duration apart = number % 3 * 5us;
        event& told = number == 29 ? last : fired;
        timers.push_back(std::make_unique<noting_timer>(base + apart, number, log, told));
    }
    loop::current().disarm(*timers[4]);
    co_await last.wait();
    std::vector<int> expected;
    for (int group = 0; group != 3; ++group) {
        for (int number = group; number < 30; number += 3) {
            if (number != 4) expected.push_back(number);
        }
    }
    EXPECT_EQ(log, expected);
}

// So tasks and callbacks whose times are equal go on in the order in which they began to wait.
TEST(K2, sleepers_and_callbacks_of_one_time_go_on_in_the_order_in_which_they_began) {
    test::run_on_each_backend([]() -> task<> {
        std::vector<int> log;
        const time_point when = now() + 20ms;
        task_group group;
        for (int number = 0; number != 8; ++number) {
            group.spawn([&, number]() -> task<> {
                if (number % 2 == 0) {
                    co_await sleep_until(when);
                    log.push_back(number);
                } else {
                    call_at(when, [&log, number] { log.push_back(number); });
                    co_await sleep_until(when + 1ms);
                }
            });
        }
        co_await group.run();
        EXPECT_EQ(log, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
    });
}

// Whoever waits for a time never finds the clock before it.
EVERY_WORLD_TEST(K3, nobody_who_waits_for_a_time_is_early) {
    task_group group;
    for (const duration delay : {1ns, 999ns, 1001ns, 20001ns}) {
        group.spawn([delay]() -> task<> {
            const time_point due = now() + delay;
            co_await sleep_for(delay);
            EXPECT_GE(now(), due);
        });
        group.spawn([delay]() -> task<> {
            event called;
            const time_point due = now() + delay;
            call_later(delay, [&] {
                EXPECT_GE(now(), due);
                called.set();
            });
            co_await called.wait();
        });
        group.spawn([delay]() -> task<> {
            event never;
            const time_point due = now() + delay;
            co_await move_on_after(delay, never.wait());
            EXPECT_GE(now(), due);
        });
    }
    co_await group.run();
}

// A nanosecond counts, also when the machine has been up for years.
VIRTUAL_WORLD_TEST(K3, precision_does_not_fade_with_the_age_of_the_clock) {
    for (int years = 0; years != 200; years += 40) {
        for (const duration delay : {1ns, 63ns, 64ns, 4097ns, 1000001ns}) {
            const time_point before = now();
            co_await sleep_for(delay);
            EXPECT_EQ(now() - before, delay) << "after " << years << " years";
        }
        test::advance_clock(std::chrono::years{40});
    }
}

// Each is a delay that is nothing, or one that never ends.
std::vector<duration> no_delays() {
    return {saturating_duration(seconds_as_double{0.0}),
            saturating_duration(seconds_as_double{-1.0}),
            saturating_duration(seconds_as_double{-infinity}),
            saturating_duration(seconds_as_double{std::nan("")}),
            saturating_duration(std::chrono::hours::min()),
            duration::min()};
}

std::vector<duration> endless_delays() {
    return {saturating_duration(seconds_as_double{infinity}),
            saturating_duration(seconds_as_double{1e300}),
            saturating_duration(std::chrono::hours::max()), duration::max()};
}

// Delays that are negative or no number end at once, in every form of waiting.
VIRTUAL_WORLD_TEST(K4, negative_delays_and_those_that_are_no_number_end_at_once) {
    const time_point start = now();
    for (const duration delay : no_delays()) {
        co_await sleep_for(delay);
        event called;
        call_later(delay, [&] { called.set(); });
        co_await called.wait();
        bool began = false;
        const auto begin = [&]() -> task<> {
            began = true;
            co_return;
        };
        const auto nothing = co_await move_on_after(delay, begin());
        EXPECT_FALSE(nothing.has_value());
        EXPECT_FALSE(began);
    }
    co_await sleep_for(seconds_as_double{std::nan("")});
    co_await sleep_for(seconds_as_double{-infinity});
    EXPECT_EQ(now(), start);
}

// Those that are infinite, or longer than a clock can tell, never end, and overflow nowhere.
VIRTUAL_WORLD_TEST(K4, delays_that_are_too_long_to_tell_never_end) {
    for (const duration delay : endless_delays()) {
        const time_point start = now();
        const auto ended = co_await move_on_after(1000h, sleep_for(delay));
        EXPECT_FALSE(ended.has_value());
        bool called = false;
        callback_handle waiting = call_later(delay, [&] { called = true; });
        const auto slept = co_await move_on_after(delay, sleep_for(1000h));
        EXPECT_TRUE(slept.has_value());
        EXPECT_FALSE(called);
        EXPECT_TRUE(waiting.cancel());
        EXPECT_EQ(now() - start, 2000h);
    }
}

// Sleeps of more seconds than the clock has nanoseconds can be waited for, and cancelled.
EVERY_WORLD_TEST(T63, sleeps_of_absurd_length_can_be_cancelled) {
    const std::vector<std::chrono::seconds> lengths{
        std::chrono::seconds{std::int64_t{1} << 54}, std::chrono::seconds{std::int64_t{1} << 55},
        std::chrono::seconds{std::numeric_limits<int>::max()}, std::chrono::seconds::max()};
    const std::size_t before = loop::current().statistics().timers;
    std::vector<callback_handle> callbacks;
    bool called = false;
    task_group group;
    const auto note = [&] { called = true; };
    for (const std::chrono::seconds length : lengths) {
        group.spawn([length]() -> task<> { co_await sleep_for(length); });
        callbacks.push_back(call_later(length, note));
    }
    group.spawn([]() -> task<> { co_await sleep_for(seconds_as_double{infinity}); });
    callbacks.push_back(call_later(seconds_as_double{infinity}, note));
    std::size_t armed = 0;
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        armed = loop::current().statistics().timers - before;
        group.cancel();
    });
    co_await group.run();
    EXPECT_EQ(armed, 2 * (lengths.size() + 1));
    for (callback_handle& each : callbacks) EXPECT_TRUE(each.cancel());
    EXPECT_EQ(loop::current().statistics().timers, before);
    EXPECT_FALSE(called);
}

// The clock goes on inside a long callback, and delays are counted from what it says then.
EVERY_WORLD_TEST(K5, clock_goes_on_inside_a_long_callback) {
    event called;
    call_soon([&] {
        const time_point before = now();
        compute_for(20us);
        const time_point after = now();
        EXPECT_GE(after - before, 20us);
        callback_handle later = call_later(1us, [&] { called.set(); });
        EXPECT_GE(later.when(), after + 1us);
    });
    co_await called.wait();
}

// What was cancelled is gone at once: from the count, with what it held, and from the times at
// which the loop wakes up.
EVERY_WORLD_TEST(K6, cancelled_timer_leaves_nothing_behind) {
    int alive = 0;
    const std::size_t before = loop::current().statistics().timers;
    std::vector<callback_handle> handles;
    for (int number = 0; number != 20; ++number) {
        const auto delay = std::chrono::milliseconds{number + 1};
        const test::counted_object held{alive};
        handles.push_back(call_later(delay, [held] { ADD_FAILURE() << "it was cancelled"; }));
    }
    EXPECT_EQ(alive, 20);
    EXPECT_EQ(loop::current().statistics().timers, before + 20);
    for (callback_handle& each : handles) EXPECT_TRUE(each.cancel());
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(loop::current().statistics().timers, before);
    event done;
    for (int number = 0; number != 20; ++number) {
        done.clear();
        call_soon([&] { done.set(); });
        co_await timeout(1h, done.wait());
        EXPECT_EQ(loop::current().statistics().timers, before);
    }
}

class silent_timer : public timer {
public:
    silent_timer() noexcept : timer{[](timer&) noexcept {}} {}
};

// A million timers that were set and cancelled again cost neither memory nor a wake-up.
TEST(K6, million_rearmed_timers_cost_no_memory_and_no_pass) {
    testing::run_test([]() -> task<> {
        loop& running = loop::current();
        silent_timer heartbeat;
        const time_point start = now();
        std::size_t most = 0;
        for (int number = 0; number != 1'000'000; ++number) {
            heartbeat.deadline = start + number * 1us + 30s;
            running.arm(heartbeat);
            most = std::max(most, running.statistics().timers);
            running.disarm(heartbeat);
        }
        EXPECT_EQ(most, 1U);
        int alive = 0;
        for (int number = 0; number != 50'000; ++number) {
            const test::counted_object held{alive};
            call_later(number * 1ms, [held] {}).cancel();
        }
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(running.statistics().timers, 0U);
        const std::uint64_t passes = running.statistics().passes;
        co_await sleep_for(10h);
        EXPECT_LE(running.statistics().passes - passes, 12U);
        EXPECT_EQ(now() - start, 10h);
    });
}

// Time that nobody uses is skipped.
VIRTUAL_WORLD_TEST(T57, waiting_for_minutes_takes_no_time) {
    const time_point start = now();
    const auto real_start = std::chrono::steady_clock::now();
    task_group group;
    for (const auto length : {50s, 100s, 150s, 450s}) {
        group.spawn([length]() -> task<> { co_await sleep_for(length); });
    }
    co_await group.run();
    EXPECT_EQ(now() - start, 450s);
    EXPECT_LT(std::chrono::steady_clock::now() - real_start, 1s);
}

// A clock that is told to stand still does so from now on, and one that is told to jump jumps.
SIMULATED_WORLD_TEST(T57, clock_that_is_told_to_stand_or_to_jump_obeys_at_once) {
    const time_point start = now();
    testing::set_autojump(false);
    co_await with_task_group([&](task_group& group) -> task<> {
        auto sleeper = group.spawn([]() -> task<> { co_await sleep_for(10s); });
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(now(), start);
        testing::advance_clock(10s - 1ns);
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(sleeper.done());
        testing::advance_clock(1ns);
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(sleeper.done());
        // A sleeper who began while time stood still profits from the change.
        group.spawn([&]() -> task<> {
            co_await sleep_for(440s);
            EXPECT_EQ(now() - start, 450s);
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(now() - start, 10s);
        testing::set_autojump(true);
    });
    EXPECT_EQ(now() - start, 450s);
}

}  // namespace
}  // namespace simul
