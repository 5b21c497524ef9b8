// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/event.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

task<> wait_and_note(event& awaited, log& lines, std::string name) {
    const noted destroyed{lines, "~" + name};
    co_await awaited.wait();
    lines.push_back(name);
}

TEST(event, wakes_everybody_in_the_order_of_arrival) {
    run_on_each_backend([]() -> task<> {
        event happened;
        log lines;
        task_group group;
        group.spawn(wait_and_note(happened, lines, "a"));
        group.spawn(wait_and_note(happened, lines, "b"));
        group.spawn([&]() -> task<> {
            EXPECT_EQ(happened.waiting(), 2U);
            happened.set();
            EXPECT_EQ(happened.waiting(), 0U);
            EXPECT_TRUE(lines.empty()) << "who is woken runs in a later turn";
            co_return;
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"a", "~a", "b", "~b"}));
    });
}

TEST(event, does_not_suspend_once_it_is_set) {
    simulate([]() -> task<> {
        event happened;
        happened.set();
        happened.set();
        const auto turns = loop::current().statistics().passes;
        co_await happened.wait();
        co_await happened.wait();
        EXPECT_EQ(loop::current().statistics().passes, turns);
        EXPECT_TRUE(happened.is_set());
    });
}

TEST(event, clear_makes_those_wait_who_come_later) {
    simulate([]() -> task<> {
        event happened;
        happened.set();
        happened.clear();
        EXPECT_FALSE(happened.is_set());
        const auto came = co_await move_on_after(1s, happened.wait());
        EXPECT_FALSE(came);
    });
}

TEST(event, whoever_was_woken_continues_although_the_flag_was_cleared_again) {
    simulate([]() -> task<> {
        event happened;
        log lines;
        task_group group;
        group.spawn(wait_and_note(happened, lines, "a"));
        group.spawn([&]() -> task<> {
            happened.set();
            happened.clear();
            co_return;
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"a", "~a"}));
    });
}

TEST(event, a_cancelled_wait_leaves_at_once_and_disturbs_nobody) {
    run_on_each_backend([]() -> task<> {
        event happened;
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto before_start = group.spawn(wait_and_note(happened, lines, "early"));
            before_start.cancel();
            auto suspended = group.spawn(wait_and_note(happened, lines, "suspended"));
            group.spawn(wait_and_note(happened, lines, "patient"));
            while (happened.waiting() != 2) co_await yield_now();
            EXPECT_TRUE(before_start.was_cancelled());
            suspended.cancel();
            co_await yield_now();
            EXPECT_TRUE(suspended.was_cancelled());
            EXPECT_EQ(happened.waiting(), 1U);
            EXPECT_EQ(lines, log{"~suspended"});
            happened.set();
        });
        EXPECT_EQ(lines, (log{"~suspended", "patient", "~patient"}));
    });
}

// C6: both in one turn. The flag stays set, so nothing is lost when the waiter is stopped.
TEST(event, a_request_in_the_turn_of_the_set_stops_the_waiter_in_both_orders) {
    for (const bool set_first : {true, false}) {
        simulate([&]() -> task<> {
            event happened;
            log lines;
            co_await with_task_group([&](task_group& group) -> task<> {
                auto waiting = group.spawn(wait_and_note(happened, lines, "a"));
                while (happened.waiting() != 1) co_await yield_now();
                if (set_first) happened.set();
                EXPECT_TRUE(waiting.cancel());
                if (!set_first) happened.set();
                EXPECT_TRUE(lines.empty());
                co_await yield_now();
                co_await yield_now();
                EXPECT_TRUE(waiting.was_cancelled());
                EXPECT_TRUE(happened.is_set());
            });
            EXPECT_EQ(lines, log{"~a"});
        });
    }
}

TEST(event, a_cancelled_scope_stops_a_wait_for_a_flag_that_is_set) {
    simulate([]() -> task<> {
        event happened;
        happened.set();
        log lines;
        task_group group;
        group.spawn([&]() -> task<> {
            group.cancel();
            co_await wait_and_note(happened, lines, "a");
            lines.push_back("went on");
        });
        co_await group.run();
        EXPECT_TRUE(lines.empty());
    });
}

TEST(event, two_branches_of_a_select_may_wait_for_the_same_one) {
    simulate([]() -> task<> {
        event happened;
        task_group group;
        group.spawn([&]() -> task<> {
            const auto first = co_await select(happened.wait(), happened.wait());
            EXPECT_EQ(first.index(), 0U);
            EXPECT_EQ(happened.waiting(), 0U);
        });
        group.spawn([&]() -> task<> {
            EXPECT_EQ(happened.waiting(), 2U);
            happened.set();
            co_return;
        });
        co_await group.run();
    });
}

}  // namespace
}  // namespace simul
