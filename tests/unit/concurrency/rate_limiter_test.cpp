// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using times = std::vector<std::chrono::milliseconds>;

std::chrono::milliseconds since(time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(test::now() - start);
}

task<> pass(rate_limiter& limit, time_point start, times& passed) {
    co_await limit.acquire();
    passed.push_back(since(start));
}

TEST(rate_limiter, lets_a_burst_pass_and_then_one_after_the_other) {
    simulate([]() -> task<> {
        rate_limiter limit{3, 3s};
        times passed;
        const time_point start = test::now();
        for (int count = 0; count < 6; ++count) co_await pass(limit, start, passed);
        EXPECT_EQ(passed, (times{0ms, 0ms, 0ms, 1000ms, 2000ms, 3000ms}));
    });
}

TEST(rate_limiter, fills_up_again_while_nobody_comes_and_no_further) {
    simulate([]() -> task<> {
        rate_limiter limit{2, 2s};
        EXPECT_EQ(limit.available(), 2U);
        EXPECT_TRUE(limit.try_acquire());
        EXPECT_TRUE(limit.try_acquire());
        EXPECT_FALSE(limit.try_acquire());
        EXPECT_EQ(limit.available(), 0U);
        co_await sleep_for(1s);
        EXPECT_EQ(limit.available(), 1U);
        co_await sleep_for(1h);
        EXPECT_EQ(limit.available(), 2U);
        EXPECT_TRUE(limit.try_acquire());
        EXPECT_TRUE(limit.try_acquire());
        EXPECT_FALSE(limit.try_acquire());
    });
}

TEST(rate_limiter, lets_nobody_overtake) {
    simulate([]() -> task<> {
        rate_limiter limit{1, 1s};
        times passed;
        const time_point start = test::now();
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int count = 0; count < 4; ++count) group.spawn(pass(limit, start, passed));
            co_await sleep_for(500ms);
            EXPECT_EQ(limit.waiting(), 3U);
            co_await sleep_for(500ms);
            EXPECT_FALSE(limit.try_acquire());
        });
        EXPECT_EQ(passed, (times{0ms, 1000ms, 2000ms, 3000ms}));
    });
}

TEST(rate_limiter, who_stops_waiting_uses_nothing_up) {
    simulate([]() -> task<> {
        rate_limiter limit{1, 1s};
        times passed;
        const time_point start = test::now();
        co_await limit.acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto doomed = group.spawn(pass(limit, start, passed));
            co_await sleep_for(500ms);
            group.spawn(pass(limit, start, passed));
            doomed.cancel();
        });
        EXPECT_EQ(passed, times{1000ms});
        const auto in_time = co_await move_on_after(1ms, limit.acquire());
        EXPECT_FALSE(in_time);
        EXPECT_EQ(limit.waiting(), 0U);
    });
}

TEST(rate_limiter, is_never_too_early_when_the_period_does_not_divide) {
    simulate([]() -> task<> {
        rate_limiter limit{3, duration{1'000'000'000}};
        const time_point start = test::now();
        for (int count = 0; count < 3 + 3000; ++count) co_await limit.acquire();
        EXPECT_GE(test::now() - start, 1000s);
        EXPECT_LT(test::now() - start, 1000s + 1ms);
    });
}

TEST(rate_limiter, does_not_suspend_while_there_is_room) {
    simulate([]() -> task<> {
        rate_limiter limit{2, 1s};
        const auto passes = loop::current().statistics().passes;
        co_await limit.acquire();
        co_await limit.acquire();
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(rate_limiter, checks_its_arguments) {
    EXPECT_DEATH((rate_limiter{0, 1s}), "greater than zero");
    EXPECT_DEATH((rate_limiter{1, 0s}), "greater than zero");
}

}  // namespace
}  // namespace simul
