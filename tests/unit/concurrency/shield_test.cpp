// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/shield.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

task<int> save(log& lines, duration delay) {
    co_await sleep_for(delay);
    co_await yield_now();
    lines.push_back("saved");
    co_return 4;
}

TEST(shield, gives_the_result_and_suspends_only_with_the_work) {
    run_on_each_backend([]() -> task<> {
        log lines;
        const int value = co_await shield(save(lines, 1ms));
        EXPECT_EQ(value, 4);
        auto ready = []() -> task<int> { co_return 1; };
        const auto passes = loop::current().statistics().passes;
        const int one = co_await shield(ready());
        EXPECT_EQ(one, 1);
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(shield, defers_a_request_to_the_next_await_c13) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            const int value = co_await shield(save(lines, 3s));
            lines.push_back(std::to_string(value));
            co_await yield_now();
            lines.push_back("not reached");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        const time_point start = now();
        co_await group.run();
        EXPECT_EQ(now() - start, 3s);
        EXPECT_TRUE(handle.was_cancelled());
    });
    EXPECT_EQ(lines, (log{"saved", "4"}));
}

TEST(shield, runs_in_a_scope_that_is_cancelled_already) {
    log lines;
    simulate([&]() -> task<> {
        outermost_group().cancel();
        co_await shield(save(lines, 1s));
        lines.push_back("after");
        co_await yield_now();
        lines.push_back("not reached");
    });
    EXPECT_EQ(lines, (log{"saved", "after"}));
}

TEST(shield, late_error_is_delivered_once_to_the_waiter_c13) {
    int caught = 0;
    simulate([&]() -> task<> {
        auto fails = []() -> task<> {
            co_await sleep_for(2s);
            throw std::runtime_error{"late"};
        };
        task_group group;
        group.spawn([&]() -> task<> {
            try {
                co_await shield(shield(fails()));
            } catch (const std::runtime_error&) {
                ++caught;
            }
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_EQ(caught, 1);
}

TEST(shield, with_a_limit_inside_is_bounded) {
    simulate([]() -> task<> {
        outermost_group().cancel();
        const auto value = co_await shield(move_on_after(2s, sleep_for(1h)));
        EXPECT_FALSE(value.has_value());
    });
}

TEST(shield, limit_outside_waits_for_the_shielded_work_whose_result_wins_c7) {
    simulate([]() -> task<> {
        log lines;
        const time_point start = now();
        const auto value = co_await move_on_after(1s, shield(save(lines, 3s)));
        EXPECT_EQ(now() - start, 3s);
        EXPECT_TRUE(value.has_value());
    });
}

TEST(shield, protects_a_whole_group_below_it) {
    log lines;
    simulate([&]() -> task<> {
        task_group outer;
        outer.spawn([&]() -> task<> {
            task_group inner;
            inner.spawn(save(lines, 2s));
            inner.spawn(save(lines, 3s));
            co_await shield(inner.run());
            lines.push_back("joined");
        });
        outer.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            outer.cancel();
        });
        co_await outer.run();
    });
    EXPECT_EQ(lines, (log{"saved", "saved", "joined"}));
}

TEST(shield, group_inside_can_still_be_cancelled_by_its_owner) {
    simulate([]() -> task<> {
        task_group inner;
        inner.spawn([]() -> task<> { co_await sleep_for(1h); });
        inner.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            inner.cancel();
        });
        const time_point start = now();
        co_await shield(inner.run());
        EXPECT_EQ(now() - start, 1s);
    });
}

}  // namespace
}  // namespace simul
