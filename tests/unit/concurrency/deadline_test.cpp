// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/deadline.hpp"

#include <gtest/gtest.h>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

template <class Awaitable>
task<bool> times_out(Awaitable awaited) {
    try {
        co_await std::move(awaited);
        co_return false;
    } catch (const timed_out&) {
        co_return true;
    }
}

TEST(deadline, limits_like_a_duration) {
    simulate([]() -> task<> {
        const time_point start = now();
        deadline limit{2s};
        EXPECT_EQ(limit.when(), start + 2s);
        const bool late = co_await times_out(timeout(limit, sleep_for(1h)));
        EXPECT_TRUE(late);
        EXPECT_TRUE(limit.has_expired());
        EXPECT_EQ(now(), start + 2s);
    });
}

// SEMANTICS T20.
TEST(deadline, moved_later_and_then_expired_tells_the_new_time_t20) {
    simulate([]() -> task<> {
        const time_point start = now();
        deadline limit{2s};
        task_group group;
        bool late = false;
        group.spawn([&]() -> task<> {
            late = co_await times_out(timeout(limit, sleep_for(1h)));
            EXPECT_EQ(now(), start + 5s);
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_TRUE(limit.reschedule(start + 5s));
            EXPECT_EQ(limit.when(), start + 5s);
            EXPECT_FALSE(limit.has_expired());
        });
        co_await group.run();
        EXPECT_TRUE(late);
        EXPECT_TRUE(limit.has_expired());
    });
}

TEST(deadline, can_be_moved_earlier_and_into_the_past) {
    simulate([]() -> task<> {
        const time_point start = now();
        deadline limit{10s};
        task_group group;
        group.spawn([&]() -> task<> {
            const bool late = co_await times_out(timeout(limit, sleep_for(1h)));
            EXPECT_TRUE(late);
            EXPECT_EQ(now(), start + 1s);
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_TRUE(limit.reschedule(start));
        });
        co_await group.run();
    });
}

TEST(deadline, is_moved_by_the_work_that_it_limits) {
    simulate([]() -> task<> {
        const time_point start = now();
        deadline idle{60s};
        const auto receive = [&]() -> task<int> {
            int blocks = 0;
            for (; blocks != 10; ++blocks) {
                co_await sleep_for(50s);
                idle.reschedule(60s);
                EXPECT_EQ(this_task::deadline(), now() + 60s);
            }
            co_return blocks;
        };
        const int blocks = co_await timeout(idle, receive());
        EXPECT_EQ(blocks, 10);
        EXPECT_EQ(now(), start + 500s);
        EXPECT_FALSE(idle.has_expired());
    });
}

TEST(deadline, cannot_be_moved_once_it_has_expired) {
    simulate([]() -> task<> {
        deadline limit{1s};
        const auto stubborn = [&]() -> task<> {
            struct moves_at_end {
                deadline& limit;
                ~moves_at_end() { EXPECT_FALSE(limit.reschedule(1h)); }
            };
            const moves_at_end local{limit};
            co_await sleep_for(1h);
        };
        const bool late = co_await times_out(timeout(limit, stubborn()));
        EXPECT_TRUE(late);
        EXPECT_TRUE(limit.reschedule(1h));  // for another await
        const bool again = co_await times_out(timeout(limit, sleep_for(1s)));
        EXPECT_FALSE(again);
        EXPECT_FALSE(limit.has_expired());
    });
}

TEST(deadline, that_has_passed_does_not_start_the_work_c8) {
    simulate([]() -> task<> {
        bool began = false;
        const auto work = [&]() -> task<> {
            began = true;
            co_return;
        };
        deadline limit{0s};
        const bool late = co_await times_out(timeout(limit, work()));
        EXPECT_TRUE(late);
        const bool at = co_await times_out(timeout_at(now(), work()));
        EXPECT_TRUE(at);
        const auto moved_on = co_await move_on_at(now() - 1s, work());
        EXPECT_FALSE(moved_on.has_value());
        EXPECT_FALSE(began);
    });
}

TEST(deadline, works_as_a_point_in_time) {
    simulate([]() -> task<> {
        const time_point start = now();
        const bool late = co_await times_out(timeout_at(start + 3s, sleep_for(1h)));
        EXPECT_TRUE(late);
        EXPECT_EQ(now(), start + 3s);
        const auto nothing = co_await move_on_at(start + 4s, sleep_for(1h));
        EXPECT_FALSE(nothing.has_value());
        EXPECT_EQ(now(), start + 4s);
        deadline limit{1s};
        const auto slept = co_await move_on_after(limit, sleep_for(1ms));
        EXPECT_TRUE(slept.has_value());
        const bool never = co_await times_out(timeout_at(time_point::max(), sleep_for(1s)));
        EXPECT_FALSE(never);
    });
}

}  // namespace
}  // namespace simul
