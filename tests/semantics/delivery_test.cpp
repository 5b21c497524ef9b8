// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about how a request to cancel is delivered: once, to whoever has not
// begun as well, and without turning in circles.
#include <stdexcept>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"
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

// While an operation ends slowly nobody is asked a second time and nothing turns in circles: the
// loop comes to rest.
EVERY_WORLD_TEST(C15, request_that_cannot_be_answered_yet_is_made_once_and_then_waits) {
    manual_event slow;
    slow.confirms_later = true;
    task_group group;
    auto child = group.spawn([&]() -> task<> { static_cast<void>(co_await slow.wait()); });
    co_await with_task_group([&](task_group& outer) -> task<> {
        outer.spawn([&]() -> task<> { co_await group.run(); });
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(group.cancel());
        co_await testing::wait_until_all_blocked();
        const auto before = loop::current().statistics();
        EXPECT_FALSE(group.cancel());
        EXPECT_FALSE(child.cancel());
        co_await testing::wait_until_all_blocked();
        const auto after = loop::current().statistics();
        EXPECT_LE(after.turns - before.turns, 2U);
        EXPECT_FALSE(child.done());
        EXPECT_EQ(slow.asked, 1);
        slow.confirm();
    });
    EXPECT_EQ(slow.asked, 1);
    EXPECT_TRUE(child.was_cancelled());
}

// A task that is cancelled before its first step does not begin, and what it was given is
// destroyed.
EVERY_WORLD_TEST(C18, task_cancelled_before_its_first_step_never_runs_and_frees_its_arguments) {
    int alive = 0;
    bool began = false;
    const auto hold = [&](counted_object) -> task<> {
        began = true;
        co_return;
    };
    task_group group;
    auto early = group.spawn(hold(counted_object{alive}));
    EXPECT_TRUE(early.cancel());
    group.spawn([&]() -> task<> {
        auto late = group.spawn(hold(counted_object{alive}), spawn_options{}.queued());
        EXPECT_TRUE(late.cancel());
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(late.was_cancelled());
    });
    co_await group.run();
    EXPECT_TRUE(early.was_cancelled());
    EXPECT_FALSE(began);
    EXPECT_EQ(alive, 0);
}

// Neither does one whose group was cancelled by a failure before it was its turn.
EVERY_WORLD_TEST(C18, task_whose_sibling_failed_before_its_first_step_never_runs) {
    for (const bool one_at_a_time : {false, true}) {
        int alive = 0;
        bool began = false;
        bool caught = false;
        const auto hold = [&](counted_object) -> task<> {
            began = true;
            co_return;
        };
        group_options options;
        if (one_at_a_time) {
            options.limit(1);
        } else {
            options.start(start_policy::eager);
        }
        task_group group{options};
        group.spawn(fail_at_once());
        auto held = group.spawn(hold(counted_object{alive}));
        try {
            co_await group.run();
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_TRUE(held.was_cancelled());
        EXPECT_FALSE(began);
        EXPECT_EQ(alive, 0);
    }
}

// The original gives the request a text, and the task could swallow it. Here a task that began
// eagerly and has suspended is stopped, and who waits for it learns the reason.
EVERY_WORLD_TEST(T28, eagerly_started_task_that_suspended_is_cancelled_with_its_reason) {
    event never;
    int alive = 0;
    cancel_reason told = cancel_reason::none;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto child = group.spawn(
            [&]() -> task<> {
                const counted_object local{alive};
                co_await never.wait();
                ADD_FAILURE() << "it went on";
            },
            spawn_options{}.eager());
        EXPECT_EQ(alive, 1);
        EXPECT_TRUE(child.cancel(cancel_reason::shutdown));
        try {
            co_await child;
        } catch (const cancelled& stopped) {
            told = stopped.reason();
        }
        EXPECT_EQ(alive, 0);
    });
    EXPECT_EQ(told, cancel_reason::shutdown);
}

// Two requests are one, and every await in the scope stops, however often it is asked.
EVERY_WORLD_TEST(T49, two_requests_are_one_and_every_await_of_the_scope_stops) {
    manual_event asked_once;
    event never;
    int stopped = 0;
    task_group group;
    group.spawn([&]() -> task<> {
        const auto first = co_await as_outcome(asked_once.wait());
        if (first.is_cancelled()) ++stopped;
        const auto second = co_await as_outcome(never.wait());
        if (second.is_cancelled()) ++stopped;
        co_await yield_now();
        ADD_FAILURE() << "it went on";
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(group.cancel());
        EXPECT_FALSE(group.cancel(cancel_reason::shutdown));
        EXPECT_EQ(this_task::reason(), cancel_reason::requested);
    });
    co_await group.run();
    EXPECT_EQ(stopped, 2);
    EXPECT_EQ(asked_once.asked, 1);
}

// The only member of a cancelled scope has finished: it ends at once, and nothing wakes up again.
EVERY_WORLD_TEST(T76, cancel_of_a_scope_whose_only_member_has_finished_wakes_nobody_again) {
    task_group group;
    auto only = group.spawn([&]() -> task<> {
        group.cancel();
        co_return;
    });
    co_await group.run();
    EXPECT_TRUE(only.done());
    EXPECT_FALSE(only.was_cancelled());
    EXPECT_FALSE(only.cancel());
    EXPECT_FALSE(group.cancel());
    co_await testing::wait_until_all_blocked();
    const auto before = loop::current().statistics();
    co_await testing::wait_until_all_blocked();
    const auto after = loop::current().statistics();
    EXPECT_LE(after.turns - before.turns, 1U);
}

}  // namespace
}  // namespace simul
