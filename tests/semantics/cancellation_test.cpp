// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about requests to cancel: that they reach whom they should, once, and
// are neither swallowed nor lost. What happens when they meet a result is in
// late_requests_test.cpp, the rules about limits of time, shields and waiters are in files of those
// names.
#include <stdexcept>
#include <utility>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

task<> do_nothing() {
    co_return;
}

task<> fail_at_once() {
    throw std::runtime_error{"failed"};
    co_return;
}

// In a cancelled scope every await stops, also what would be done at once.
EVERY_WORLD_TEST(C1, every_await_in_a_cancelled_scope_stops) {
    event always;
    always.set();
    mutex lock;
    int stopped = 0;
    bool went_on = false;
    task_group group;
    group.spawn([&]() -> task<> {
        const auto note = [&](const auto& ended) {
            if (ended.is_cancelled()) ++stopped;
        };
        group.cancel();
        const auto passed = co_await as_outcome(always.wait());
        note(passed);
        const auto locked = co_await as_outcome(lock.acquire());
        note(locked);
        const auto yielded = co_await as_outcome(yield_now());
        note(yielded);
        const auto slept = co_await as_outcome(sleep_for(1h));
        note(slept);
        const auto called = co_await as_outcome(do_nothing());
        note(called);
        const auto gathered = co_await as_outcome(gather(do_nothing(), do_nothing()));
        note(gathered);
        task_group inner;
        inner.spawn(do_nothing());
        const auto joined = co_await as_outcome(inner.run());
        note(joined);
        co_await always.wait();
        went_on = true;
    });
    co_await group.run();
    EXPECT_EQ(stopped, 7);
    EXPECT_FALSE(went_on);
    EXPECT_FALSE(lock.is_held());
}

// A request that was made a value of is not used up by that: the next await stops.
EVERY_WORLD_TEST(C1, request_that_was_looked_at_stops_the_next_await) {
    event never;
    int looked = 0;
    task_group group;
    auto child = group.spawn([&]() -> task<> {
        for (int round = 0; round != 3; ++round) {
            const auto ended = co_await as_outcome(never.wait());
            if (ended.is_cancelled()) ++looked;
        }
        co_await never.wait();
        ADD_FAILURE() << "it went on";
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        child.cancel();
    });
    co_await group.run();
    EXPECT_EQ(looked, 3);
    EXPECT_TRUE(child.was_cancelled());
}

// A stop is no exception: handlers do not see it, destructors run.
EVERY_WORLD_TEST(C2, catching_everything_does_not_catch_a_stop) {
    event never;
    int alive = 0;
    int caught = 0;
    task_group group;
    auto child = group.spawn([&]() -> task<> {
        const counted_object outer{alive};
        try {
            const counted_object inner{alive};
            co_await never.wait();
        } catch (...) {
            ++caught;
        }
        co_await never.wait();
        ++caught;
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(alive, 2);
        child.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(alive, 0);
    });
    co_await group.run();
    EXPECT_TRUE(child.was_cancelled());
    EXPECT_EQ(caught, 0);
}

// A limit of zero in a scope that somebody has cancelled does not take the request for its own.
EVERY_WORLD_TEST(C3, limit_of_zero_does_not_absorb_the_request_of_another) {
    event never;
    bool absorbed = false;
    task_group group;
    auto child = group.spawn([&]() -> task<> {
        group.cancel();
        static_cast<void>(co_await move_on_after(0s, never.wait()));
        absorbed = true;
    });
    co_await group.run();
    EXPECT_FALSE(absorbed);
    EXPECT_TRUE(child.was_cancelled());
}

// When a limit and a request from outside come together, the limit may end its work as its own, but
// the request stops what follows.
VIRTUAL_WORLD_TEST(C3, limit_that_passes_with_a_request_from_outside_does_not_absorb_it) {
    bool went_on = false;
    task_group group;
    auto child = group.spawn([&]() -> task<> {
        static_cast<void>(co_await move_on_after(1s, sleep_for(1h)));
        co_await yield_now();
        co_await sleep_for(0s);
        went_on = true;
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        child.cancel();
    });
    co_await group.run();
    EXPECT_FALSE(went_on);
    EXPECT_TRUE(child.was_cancelled());
}

// A request from outside passes through limits that have not passed: nothing after them runs.
EVERY_WORLD_TEST(C3, request_from_outside_passes_through_limits) {
    event never;
    bool absorbed = false;
    task_group group;
    auto child = group.spawn([&]() -> task<> {
        try {
            static_cast<void>(co_await move_on_after(1h, timeout(2h, never.wait())));
        } catch (const timed_out&) {
        }
        absorbed = true;
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        child.cancel();
    });
    co_await group.run();
    EXPECT_FALSE(absorbed);
    EXPECT_TRUE(child.was_cancelled());
}

// The same for one that comes while the work of an expired limit cleans up.
VIRTUAL_WORLD_TEST(C3, expired_limit_leaves_the_stop_to_a_request_from_outside) {
    bool absorbed = false;
    const auto clean_up = []() -> task<> { co_await sleep_for(2s); };
    task_group group;
    auto child = group.spawn([&]() -> task<> {
        auto cleanup = clean_up();
        static_cast<void>(co_await move_on_after(1s, finally(sleep_for(1h), std::move(cleanup))));
        absorbed = true;
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(2s);
        child.cancel();
    });
    co_await group.run();
    EXPECT_FALSE(absorbed);
    EXPECT_TRUE(child.was_cancelled());
}

// Who is stopped, and who waits for him, can tell why; only the latter has an exception.
EVERY_WORLD_TEST(C3, reason_of_a_request_is_kept_for_those_inside_and_outside) {
    event never;
    cancel_reason inside = cancel_reason::none;
    cancel_reason outside = cancel_reason::none;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto child = group.spawn([&]() -> task<> {
            static_cast<void>(co_await as_outcome(never.wait()));
            inside = this_task::reason();
            co_await never.wait();
        });
        co_await testing::wait_until_all_blocked();
        child.cancel(cancel_reason::shutdown);
        child.cancel(cancel_reason::requested);
        try {
            co_await child;
        } catch (const cancelled& stopped) {
            outside = stopped.reason();
        }
        EXPECT_FALSE(this_task::is_cancelled());
    });
    EXPECT_EQ(inside, cancel_reason::shutdown);
    EXPECT_EQ(outside, cancel_reason::shutdown);
}

// There is nothing to count here: a group that ends with an error instead of its stop, and whose
// error is caught, has not used up the request that came from further out.
EVERY_WORLD_TEST(C4, error_in_place_of_a_stop_does_not_lose_the_outer_request) {
    event never;
    event always;
    always.set();
    bool caught = false;
    bool went_on = false;
    task_group outer;
    auto child = outer.spawn([&]() -> task<> {
        try {
            co_await with_task_group([&](task_group& inner) -> task<> {
                inner.spawn([&]() -> task<> { co_await never.wait(); });
                auto cleanup = fail_at_once();
                co_await finally(never.wait(), std::move(cleanup));
            });
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(this_task::is_cancelled());
        co_await always.wait();
        went_on = true;
    });
    outer.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        child.cancel();
    });
    co_await outer.run();
    EXPECT_TRUE(caught);
    EXPECT_FALSE(went_on);
    EXPECT_TRUE(child.was_cancelled());
}

}  // namespace
}  // namespace simul
