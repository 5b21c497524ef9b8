// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about work that a request does not interrupt.
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

task<> fail_when(event& happened) {
    co_await happened.wait();
    throw std::runtime_error{"late"};
}

std::vector<std::string> names_of(const std::vector<slow_task>& tasks) {
    std::vector<std::string> names;
    for (const slow_task& each : tasks) names.push_back(each.name());
    return names;
}

// Nothing goes on behind a shield when its waiter has gone: the waiter stays, gets a late error
// once, through however many shields, and is stopped afterwards.
EVERY_WORLD_TEST(C13, late_error_behind_shields_reaches_the_waiter_once) {
    const unhandled_errors unhandled;
    event fails;
    int caught = 0;
    task_group group;
    auto waiter = group.spawn([&]() -> task<> {
        try {
            co_await shield(shield(fail_when(fails)));
        } catch (const std::runtime_error&) {
            ++caught;
        }
        co_await fails.wait();
        ++caught;
    });
    co_await with_task_group([&](task_group& outer) -> task<> {
        outer.spawn([&]() -> task<> { co_await group.run(); });
        co_await testing::wait_until_all_blocked();
        group.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(waiter.done());
        fails.set();
    });
    EXPECT_EQ(caught, 1);
    EXPECT_TRUE(waiter.was_cancelled());
    EXPECT_EQ(unhandled.count(), 0U);
}

// A shielded wait for what never comes is bounded by a limit inside the shield.
VIRTUAL_WORLD_TEST(C14, shielded_wait_is_bounded_by_a_limit_of_its_own) {
    const time_point start = now();
    event never;
    task_group group;
    auto child = group.spawn([&]() -> task<> {
        group.cancel();
        const auto in_time = co_await shield(move_on_after(2s, never.wait()));
        EXPECT_FALSE(in_time.has_value());
        co_await yield_now();
    });
    co_await group.run();
    EXPECT_TRUE(child.was_cancelled());
    EXPECT_EQ(now() - start, 2s);
}

// One without a limit is ended by the grace period of its group, which tells its name.
VIRTUAL_WORLD_TEST(C14,
                   shielded_wait_without_a_limit_ends_with_the_grace_of_its_group_and_is_named) {
    const time_point start = now();
    event never;
    task_group group{group_options{}.grace(5s)};
    group.spawn([&]() -> task<> { co_await shield(never.wait()); },
                spawn_options{}.named("lost child"));
    group.spawn([&]() -> task<> { co_await never.wait(); }, spawn_options{}.named("polite"));
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        group.cancel();
    });
    co_await group.run();
    EXPECT_EQ(now() - start, 6s);
    EXPECT_EQ(names_of(group.slow_tasks()), std::vector<std::string>{"lost child"});
}

// Cleanup may wait, with a limit of its own, after the request has come.
VIRTUAL_WORLD_TEST(C16, cleanup_has_a_limit_of_its_own) {
    const time_point start = now();
    bool cleaned = false;
    bool hung = true;
    const auto clean_up = [&]() -> task<> {
        co_await sleep_for(1s);
        cleaned = true;
        const auto in_time = co_await move_on_after(2s, sleep_for(1h));
        hung = in_time.has_value();
    };
    task_group group;
    group.spawn([&]() -> task<> {
        auto cleanup = clean_up();
        co_await finally(sleep_for(1h), std::move(cleanup));
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        group.cancel();
    });
    co_await group.run();
    EXPECT_TRUE(cleaned);
    EXPECT_FALSE(hung);
    EXPECT_EQ(now() - start, 4s);
}

// A second request, from further out where there is less time, shortens the grace of the first.
VIRTUAL_WORLD_TEST(C16, second_request_with_less_grace_shortens_the_first) {
    const time_point start = now();
    task_group inner{group_options{}.grace(1h)};
    task_group outer{group_options{}.grace(1s)};
    inner.spawn([]() -> task<> { co_await shield(sleep_for(24h)); });
    outer.spawn([&]() -> task<> { co_await inner.run(); });
    outer.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        inner.cancel();
        co_await sleep_for(4s);
        outer.cancel();
    });
    co_await outer.run();
    EXPECT_EQ(now() - start, 6s);
}

// The waiter of shielded work is cancelled, then the work fails, and nobody catches it: the error
// is the group's, once, and is not reported a second time.
EVERY_WORLD_TEST(T09, late_error_that_nobody_catches_is_reported_once) {
    const unhandled_errors unhandled;
    event fails;
    int caught = 0;
    std::size_t later = 0;
    task_group group;
    auto waiter = group.spawn([&]() -> task<> { co_await shield(fail_when(fails)); });
    co_await with_task_group([&](task_group& outer) -> task<> {
        outer.spawn([&]() -> task<> {
            try {
                co_await group.run();
            } catch (const std::runtime_error&) {
                ++caught;
                later = suppressed().size();
            }
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(waiter.cancel());
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(waiter.done());
        fails.set();
    });
    EXPECT_EQ(caught, 1);
    EXPECT_EQ(later, 0U);
    EXPECT_EQ(unhandled.count(), 0U);
    EXPECT_NE(waiter.error(), nullptr);
}

// A sleep behind shields ends at once when the shields are taken away.
VIRTUAL_WORLD_TEST(T51, shielded_sleep_ends_at_once_when_the_shields_are_taken_away) {
    const time_point start = now();
    bool went_on = false;
    task_group group{group_options{}.grace(2s)};
    auto child = group.spawn([&]() -> task<> {
        co_await shield(shield(sleep_for(1h)));
        went_on = true;
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(3s);
        group.cancel();
    });
    co_await group.run();
    EXPECT_EQ(now() - start, 5s);
    EXPECT_FALSE(went_on);
    EXPECT_TRUE(child.was_cancelled());
}

}  // namespace
}  // namespace simul
