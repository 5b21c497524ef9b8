// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/run_test.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "simul/testing/clock.hpp"
#include "simul/testing/sequencer.hpp"

namespace simul::testing {
namespace {

using namespace std::chrono_literals;
using log = std::vector<std::string>;

TEST(run_test, gives_the_result_of_the_task) {
    EXPECT_EQ(run_test([]() -> task<int> { co_return 7; }), 7);
}

TEST(run_test, passes_ten_hours_in_no_time) {
    const auto before = std::chrono::steady_clock::now();
    const duration passed = run_test([]() -> task<duration> {
        const time_point start = loop::current().now();
        co_await sleep_for(10h);
        co_return loop::current().now() - start;
    });
    EXPECT_EQ(passed, 10h);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 1h);
}

TEST(run_test, lets_an_error_out_with_its_own_type) {
    EXPECT_THROW(run_test([]() -> task<> {
                     co_await yield_now();
                     throw std::out_of_range{"nine"};
                 }),
                 std::out_of_range);
}

TEST(run_test, reports_a_program_that_can_never_go_on) {
    try {
        run_test([]() -> task<> {
            event never;
            co_await never.wait();
        });
        ADD_FAILURE() << "nothing was thrown";
    } catch (const error& stuck) {
        EXPECT_EQ(stuck.code(), errc::deadlock);
    }
}

TEST(run_test, reports_what_the_test_left_behind) {
    std::optional<task<>> kept;
    const auto forgetful = [&]() -> task<> {
        kept.emplace([]() -> task<> { co_return; }());
        co_return;
    };
    try {
        run_test(forgetful);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const leak& found) {
        EXPECT_STREQ(found.what(),
                     "the test has ended and left behind: 1 coroutine frames, 0 "
                     "timers, 0 operations");
    }
    kept->discard();
}

TEST(run_test, runs_on_a_real_backend_if_told) {
    const std::string name =
        run_test([]() -> task<std::string> { co_return loop::current().info().backend; },
                 test_options{}.on(backend_kind::epoll));
    EXPECT_EQ(name, "epoll");
}

TEST(all_blocked, goes_on_when_everybody_else_waits) {
    run_test([]() -> task<> {
        queue<int> items;
        log lines;
        task_group group;
        group.spawn([&]() -> task<> {
            for (int turn = 0; turn != 3; ++turn) {
                lines.push_back("working");
                co_await yield_now();
            }
            lines.push_back("got " + std::to_string(co_await items.get()));
        });
        group.spawn([&]() -> task<> {
            co_await wait_until_all_blocked();
            lines.push_back("all wait");
            EXPECT_TRUE(items.try_put(1));
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"working", "working", "working", "all wait", "got 1"}));
    });
}

TEST(all_blocked, comes_before_time_moves_on) {
    run_test([]() -> task<> {
        const time_point start = loop::current().now();
        task_group group;
        group.spawn([]() -> task<> { co_await sleep_for(1s); }());
        group.spawn([start]() -> task<> {
            co_await wait_until_all_blocked();
            EXPECT_EQ(loop::current().now(), start);
        });
        co_await group.run();
    });
}

TEST(all_blocked, wakes_everybody_who_waits_for_it) {
    run_test([]() -> task<> {
        int woken = 0;
        task_group group;
        for (int each = 0; each != 3; ++each) {
            group.spawn([&]() -> task<> {
                co_await wait_until_all_blocked();
                ++woken;
            });
        }
        co_await group.run();
        EXPECT_EQ(woken, 3);
    });
}

TEST(all_blocked, can_be_cancelled) {
    run_test([]() -> task<> {
        task_group group;
        bool went_on = false;
        auto handle = group.spawn([&]() -> task<> {
            co_await wait_until_all_blocked();
            went_on = true;
        });
        group.spawn([&]() -> task<> {
            handle.cancel();
            co_return;
        });
        co_await group.run();
        EXPECT_FALSE(went_on);
    });
}

TEST(all_blocked, works_on_real_backends) {
    run_test(
        []() -> task<> {
            event there;
            task_group group;
            bool waits = false;
            group.spawn([&]() -> task<> {
                waits = true;
                co_await there.wait();
            });
            group.spawn([&]() -> task<> {
                co_await wait_until_all_blocked();
                EXPECT_TRUE(waits);
                there.set();
            });
            co_await group.run();
        },
        test_options{}.on(backend_kind::epoll));
}

TEST(sequencer, puts_steps_of_several_tasks_in_order) {
    run_test([]() -> task<> {
        sequencer order;
        log lines;
        task_group group;
        for (const std::size_t number : {3U, 1U, 0U, 2U}) {
            group.spawn([&order, &lines, number]() -> task<> {
                const auto turn = co_await order.step(number);
                lines.push_back("begin " + std::to_string(number));
                co_await yield_now();
                lines.push_back("end " + std::to_string(number));
            });
        }
        co_await group.run();
        EXPECT_EQ(lines, (log{"begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2", "begin 3",
                              "end 3"}));
    });
}

TEST(sequencer, does_not_skip_a_step_that_was_given_up) {
    EXPECT_THROW(run_test([]() -> task<> {
                     sequencer order;
                     task_group group;
                     const auto step = [&order](std::size_t number) -> task<> {
                         const auto turn = co_await order.step(number);
                         co_await yield_now();
                     };
                     group.spawn(step(0));
                     auto second = group.spawn(step(1));
                     group.spawn(step(2));
                     group.spawn([&]() -> task<> {
                         second.cancel();
                         co_return;
                     });
                     co_await group.run();
                 }),
                 error);
}

TEST(clock, stands_still_until_it_is_moved) {
    run_test([]() -> task<> {
        set_autojump(false);
        const time_point start = loop::current().now();
        task_group group;
        std::vector<duration> woken;
        for (const auto delay : {1s, 2s, 3s}) {
            group.spawn([&, delay]() -> task<> {
                co_await sleep_for(delay);
                woken.push_back(loop::current().now() - start);
            });
        }
        group.spawn([&]() -> task<> {
            co_await wait_until_all_blocked();
            advance_clock(1s);
            co_await wait_until_all_blocked();
            EXPECT_EQ(woken, (std::vector<duration>{1s}));
            advance_clock(5s);
        });
        co_await group.run();
        EXPECT_EQ(woken, (std::vector<duration>{1s, 6s, 6s}));
        set_autojump(true);
        co_await sleep_for(1s);
    });
}

TEST(clock, that_stands_still_makes_sleepers_a_deadlock) {
    EXPECT_THROW(run_test([]() -> task<> {
                     set_autojump(false);
                     co_await sleep_for(1s);
                 }),
                 error);
}

// SEMANTICS T57.
TEST(clock, jumps_over_450_seconds_and_obeys_at_once_T57) {
    run_test([]() -> task<> {
        const time_point start = loop::current().now();
        for (int turn = 0; turn != 450; ++turn) co_await sleep_for(1s);
        EXPECT_EQ(loop::current().now() - start, 450s);
        set_autojump(false);
        task_group group;
        bool slept = false;
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            slept = true;
        });
        group.spawn([&]() -> task<> {
            co_await wait_until_all_blocked();
            EXPECT_FALSE(slept);
            set_autojump(true);
        });
        co_await group.run();
        EXPECT_TRUE(slept);
    });
}

}  // namespace
}  // namespace simul::testing
