// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about gather: what becomes of its children, and of requests to it.
#include <stdexcept>
#include <utility>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace test;

task<> fail_at_once() {
    throw std::runtime_error{"failed"};
    co_return;
}

task<int> give_when(event& happened, int value) {
    co_await happened.wait();
    co_return value;
}

// A child that somebody else cancels is an error for who gathers it, not a stop.
EVERY_WORLD_TEST(C11, gathered_child_that_another_cancels_is_an_error_for_the_caller) {
    event never;
    event always;
    always.set();
    bool caught = false;
    bool went_on = false;
    task_group group;
    auto child = group.spawn(give_when(never, 1));
    auto caller = group.spawn([&]() -> task<> {
        try {
            co_await gather(child, give_when(never, 2));
        } catch (const cancelled&) {
            caught = true;
        }
        EXPECT_FALSE(this_task::is_cancelled());
        co_await always.wait();
        went_on = true;
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        child.cancel();
    });
    co_await group.run();
    EXPECT_TRUE(caught);
    EXPECT_TRUE(went_on);
    EXPECT_FALSE(caller.was_cancelled());
}

// gather_settled keeps errors as results, but not the request to its caller.
EVERY_WORLD_TEST(C11, request_passes_through_a_gather_that_keeps_errors) {
    event never;
    int alive = 0;
    bool went_on = false;
    const auto hold = [&]() -> task<> {
        const counted_object local{alive};
        co_await never.wait();
    };
    task_group group;
    auto caller = group.spawn([&]() -> task<> {
        co_await gather_settled(hold(), fail_at_once(), hold());
        went_on = true;
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(alive, 2);
        caller.cancel();
    });
    co_await group.run();
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(went_on);
    EXPECT_TRUE(caller.was_cancelled());
}

// A request in the turn in which all children finish comes too late for the gather: the results are
// delivered, and the next await stops.
EVERY_WORLD_TEST(C11, gather_whose_children_have_all_finished_cannot_be_cancelled) {
    for (const bool request_first : {false, true}) {
        manual_event left;
        manual_event right;
        event always;
        always.set();
        int sum = 0;
        bool went_on = false;
        task_group group;
        auto caller = group.spawn([&]() -> task<> {
            const auto [one, two] = co_await gather(left.wait(), right.wait());
            sum = one + two;
            co_await always.wait();
            went_on = true;
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            if (request_first) caller.cancel();
            left.complete();
            right.complete();
            if (!request_first) caller.cancel();
        });
        co_await group.run();
        EXPECT_EQ(sum, 14);
        EXPECT_FALSE(went_on);
        EXPECT_TRUE(caller.was_cancelled());
    }
}

// The first failure cancels the siblings, and is seen when they have ended: none is left running.
EVERY_WORLD_TEST(C12, failure_in_a_gather_leaves_no_sibling_running) {
    event never;
    event fails;
    int alive = 0;
    bool cleaned = false;
    bool caught = false;
    const auto fail = [&]() -> task<> {
        co_await fails.wait();
        throw std::runtime_error{"first"};
    };
    const auto clean_up = [&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        cleaned = true;
    };
    const auto sibling = [&]() -> task<> {
        const counted_object local{alive};
        auto cleanup = clean_up();
        co_await finally(never.wait(), std::move(cleanup));
    };
    task_group group;
    group.spawn([&]() -> task<> {
        try {
            co_await gather(sibling(), fail(), sibling());
        } catch (const std::runtime_error&) {
            caught = true;
            EXPECT_EQ(alive, 0);
            EXPECT_TRUE(cleaned);
        }
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(alive, 2);
        fails.set();
    });
    co_await group.run();
    EXPECT_TRUE(caught);
}

// Who cancels a gather cancels all that it runs, once: a second request changes nothing.
EVERY_WORLD_TEST(T11, request_to_a_gather_reaches_all_children_and_a_second_one_says_false) {
    event never;
    int alive = 0;
    bool went_on = false;
    const auto hold = [&]() -> task<int> {
        const counted_object local{alive};
        co_await never.wait();
        co_return 1;
    };
    task_group group;
    auto caller = group.spawn([&]() -> task<> {
        co_await gather(hold(), hold(), hold());
        went_on = true;
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(alive, 3);
        EXPECT_TRUE(caller.cancel());
        EXPECT_FALSE(caller.cancel());
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(alive, 0);
        EXPECT_FALSE(caller.cancel());
    });
    co_await group.run();
    EXPECT_FALSE(went_on);
    EXPECT_TRUE(caller.was_cancelled());
}

}  // namespace
}  // namespace simul
