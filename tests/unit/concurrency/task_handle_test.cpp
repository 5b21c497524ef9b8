// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_handle.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

task<int> give(int value, duration delay) {
    co_await sleep_for(delay);
    co_return value;
}

task<> fail(duration delay) {
    co_await sleep_for(delay);
    throw failure{"child"};
}

TEST(task_handle, gives_the_result_of_its_child) {
    run_on_each_backend([]() -> task<> {
        task_group group;
        auto handle = group.spawn(give(7, 1ms));
        EXPECT_FALSE(handle.done());
        group.spawn([&]() -> task<> {
            const int value = co_await handle;
            EXPECT_EQ(value, 7);
            EXPECT_TRUE(handle.done());
            EXPECT_FALSE(handle.was_cancelled());
            EXPECT_EQ(handle.error(), nullptr);
        });
        co_await group.run();
    });
}

TEST(task_handle, of_an_ended_child_does_not_suspend_and_may_outlive_its_group) {
    simulate([]() -> task<> {
        task_handle<std::unique_ptr<int>> kept;
        {
            task_group group;
            kept = group.spawn(
                []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(9); });
            co_await group.run();
        }
        const auto passes = loop::current().statistics().passes;
        auto value = co_await kept;
        EXPECT_EQ(*value, 9);
        EXPECT_EQ(loop::current().statistics().passes, passes);
        EXPECT_FALSE(kept.cancel()) << "there is nothing left to cancel";
    });
}

TEST(task_handle, gives_references_and_nothing) {
    simulate([]() -> task<> {
        int target = 0;
        task_group group;
        auto reference = group.spawn([&]() -> task<int&> { co_return target; });
        auto nothing = group.spawn([]() -> task<> { co_return; });
        co_await group.run();
        int& found = co_await reference;
        EXPECT_EQ(&found, &target);
        co_await nothing;
    });
}

TEST(task_handle, throws_the_error_of_its_child_which_the_group_reports_too_o3) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn(fail(1s));
        bool from_group = false;
        try {
            co_await group.run();
        } catch (const failure&) {
            from_group = true;
        }
        EXPECT_TRUE(from_group);
        EXPECT_NE(handle.error(), nullptr);
        for (int time = 0; time < 2; ++time) {
            bool from_handle = false;
            try {
                co_await handle;
            } catch (const failure&) {
                from_handle = true;
            }
            EXPECT_TRUE(from_handle);
        }
    });
}

TEST(task_handle, keeping_it_does_not_silence_the_error_o3) {
    simulate([]() -> task<> {
        task_handle<> kept;
        bool caught = false;
        try {
            co_await with_task_group([&](task_group& group) -> task<> {
                kept = group.spawn(fail(1s));
                co_return;
            });
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(task_handle, cancels_one_child_only_and_says_so_to_its_waiter) {
    simulate([]() -> task<> {
        log lines;
        task_group group;
        auto victim = group.spawn([&]() -> task<int> {
            const noted local{lines, "victim destroyed"};
            co_await sleep_for(1h);
            co_return 1;
        });
        auto sibling = group.spawn(give(2, 5s));
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_TRUE(victim.cancel());
            EXPECT_FALSE(victim.cancel());
            bool caught = false;
            try {
                static_cast<void>(co_await victim);
            } catch (const cancelled& error) {
                caught = error.reason() == cancel_reason::requested;
            }
            EXPECT_TRUE(caught);
            EXPECT_TRUE(victim.was_cancelled());
        });
        co_await group.run();
        EXPECT_EQ(lines, log{"victim destroyed"});
        const int value = co_await sibling;
        EXPECT_EQ(value, 2);
    });
}

TEST(task_handle, tells_why_its_child_was_cancelled) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn(give(1, 1h));
        group.spawn(fail(1s));
        try {
            co_await group.run();
        } catch (const failure&) {
        }
        cancel_reason reason = cancel_reason::none;
        try {
            static_cast<void>(co_await handle);
        } catch (const cancelled& error) {
            reason = error.reason();
        }
        EXPECT_EQ(reason, cancel_reason::sibling_failed);
    });
}

TEST(task_handle, is_busy_for_a_second_waiter) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn(give(3, 1s));
        group.spawn([&]() -> task<> {
            const int value = co_await handle;
            EXPECT_EQ(value, 3);
        });
        group.spawn([&]() -> task<> {
            bool caught = false;
            try {
                static_cast<void>(co_await handle);
            } catch (const error& busy) {
                caught = busy.code() == errc::busy;
            }
            EXPECT_TRUE(caught);
        });
        co_await group.run();
    });
}

TEST(task_handle, waiting_for_it_can_be_cancelled_while_the_child_goes_on) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn(give(3, 3s));
        group.spawn([&]() -> task<> {
            const auto early = co_await move_on_after(1s, handle);
            EXPECT_FALSE(early.has_value());
            EXPECT_FALSE(handle.done());
            const int value = co_await handle;
            EXPECT_EQ(value, 3) << "the wait may be repeated";
        });
        co_await group.run();
    });
}

TEST(task_handle, waiter_and_child_cancelled_in_the_same_turn_both_end_once_t04) {
    for (const bool child_first : {false, true}) {
        log lines;
        simulate([&]() -> task<> {
            task_group group;
            auto child = group.spawn([&]() -> task<> {
                const noted local{lines, "child"};
                co_await sleep_for(1h);
            });
            auto waits = group.spawn([&]() -> task<> {
                const noted local{lines, "waiter"};
                co_await child;
                lines.push_back("resumed");
            });
            group.spawn([&]() -> task<> {
                co_await yield_now();
                if (child_first) child.cancel();
                waits.cancel();
                if (!child_first) child.cancel();
            });
            co_await group.run();
            EXPECT_TRUE(child.was_cancelled());
            EXPECT_TRUE(waits.was_cancelled());
        });
        EXPECT_EQ(lines, child_first ? (log{"child", "waiter"}) : (log{"waiter", "child"}));
    }
}

TEST(task_handle, result_and_request_to_the_waiter_in_the_same_pass_keeps_the_result_c6) {
    simulate([]() -> task<> {
        log lines;
        manual_event event;
        task_group group;
        auto child = group.spawn([&]() -> task<int> {
            const int value = co_await event.wait();
            co_return value;
        });
        auto waits = group.spawn([&]() -> task<> {
            const int value = co_await child;
            lines.push_back("got " + std::to_string(value));
            co_await yield_now();
            lines.push_back("not reached");
        });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            event.complete();
            co_await yield_now();  // the child has ended in this pass, its waiter is queued
            EXPECT_TRUE(child.done());
            waits.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(waits.was_cancelled());
        EXPECT_EQ(lines, log{"got 7"});
    });
}

TEST(task_handle, may_be_dropped_or_moved_while_the_child_runs_o1) {
    simulate([]() -> task<> {
        log lines;
        task_group group;
        {
            auto dropped = group.spawn([&]() -> task<> {
                co_await sleep_for(1s);
                lines.push_back("ran all the same");
            });
        }
        auto first = group.spawn(give(4, 1s));
        auto second = std::move(first);
        EXPECT_TRUE(first.done()) << "an empty handle has nothing to wait for";
        EXPECT_FALSE(second.done());
        task_handle<int> third;
        third = std::move(second);
        co_await group.run();
        const int value = co_await third;
        EXPECT_EQ(value, 4);
        EXPECT_EQ(lines, log{"ran all the same"});
    });
}

TEST(task_handle, can_be_assigned_over_a_handle_of_a_running_child) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn(give(1, 1s));
        handle = group.spawn(give(2, 1s));
        co_await group.run();
        const int value = co_await handle;
        EXPECT_EQ(value, 2);
    });
}

TEST(task_handle, destroys_a_result_that_nobody_takes) {
    int alive = 0;
    simulate([&]() -> task<> {
        auto makes = [&]() -> task<counted_object> { co_return counted_object{alive}; };
        {
            task_group group;
            auto kept = group.spawn(makes);
            group.spawn(makes);
            co_await group.run();
            EXPECT_EQ(alive, 1) << "the dropped handle's result is gone, the kept one's is kept";
        }
        EXPECT_EQ(alive, 0);
    });
}

TEST(task_handle, releases_the_frame_of_its_child_when_that_ends) {
    simulate([]() -> task<> {
        int alive = 0;
        auto holds = [](counted_object) -> task<int> { co_return 1; };
        task_group group;
        auto handle = group.spawn(holds(counted_object{alive}));
        co_await group.run();
        EXPECT_EQ(alive, 0);
        EXPECT_TRUE(handle.done());
    });
}

TEST(task_handle_death_test, refuses_to_be_awaited_empty) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     task_handle<> empty;
                     co_await empty;
                 }),
                 "empty task handle");
}

TEST(task_handle_death_test, refuses_to_be_destroyed_while_it_is_awaited) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     task_group group;
                     auto handle = std::make_unique<task_handle<int>>(group.spawn(give(1, 1s)));
                     group.spawn([&]() -> task<> { co_await *handle; });
                     group.spawn([&]() -> task<> {
                         co_await yield_now();
                         handle.reset();
                     });
                     co_await group.run();
                 }),
                 "destroyed while it is being awaited");
}

}  // namespace
}  // namespace simul
