// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about tasks that run at once and end together.
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

task<> fail_at_once(const char* what) {
    throw std::runtime_error{what};
    co_return;
}

// However children start, the current task is right before, inside and after the spawn.
EVERY_WORLD_TEST(C19, current_task_is_right_around_a_spawn) {
    event go;
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto outside = this_task::number();
        std::string before;
        std::string after;
        std::uint64_t inside = 0;
        group.spawn(
            [&]() -> task<> {
                before = this_task::name();
                inside = this_task::number();
                co_await go.wait();
                after = this_task::name();
            },
            spawn_options{}.named("child"));
        EXPECT_EQ(this_task::number(), outside);
        EXPECT_EQ(this_task::name(), "main");
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(before, "child");
        EXPECT_NE(inside, outside);
        EXPECT_EQ(this_task::number(), outside);
        go.set();
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(after, "child");
    });
}

// A child that fails inside spawn() does not stop its spawner before that one awaits something.
EVERY_WORLD_TEST(C19, failing_child_does_not_stop_its_spawner_too_early) {
    event always;
    always.set();
    int spawned = 0;
    bool caught = false;
    bool went_on = false;
    try {
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(fail_at_once("child"), spawn_options{}.eager());
            ++spawned;
            EXPECT_TRUE(group.is_cancelled());
            auto refused = group.spawn(fail_at_once("never"), spawn_options{}.eager());
            ++spawned;
            EXPECT_TRUE(refused.was_cancelled());
            co_await always.wait();
            went_on = true;
        });
    } catch (const std::runtime_error& error) {
        caught = true;
        EXPECT_EQ(error.what(), std::string{"child"});
        EXPECT_TRUE(suppressed().empty());
    }
    EXPECT_EQ(spawned, 2);
    EXPECT_TRUE(caught);
    EXPECT_FALSE(went_on);
}

// A task that cannot even be made leaves its group as it was: nobody waits for it.
EVERY_WORLD_TEST(C19, task_that_cannot_be_made_does_not_hang_its_group) {
    const auto make = [](bool succeeds) -> task<> {
        if (!succeeds) throw std::invalid_argument{"no task"};
        return []() -> task<> { co_return; }();
    };
    bool caught = false;
    task_group group;
    group.spawn([&]() -> task<> {
        try {
            group.spawn([&] { return make(false); });
        } catch (const std::invalid_argument&) {
            caught = true;
        }
        EXPECT_FALSE(group.is_cancelled());
        group.spawn([&] { return make(true); });
        co_await yield_now();
    });
    co_await group.run();
    EXPECT_TRUE(caught);
    EXPECT_EQ(group.size(), 0U);
}

// A task that spawns a sibling which fails is stopped at its next await, not before and not later.
EVERY_WORLD_TEST(T23, spawner_of_a_failing_sibling_is_stopped_at_its_next_await) {
    event never;
    bool caught = false;
    bool after_spawn = false;
    bool went_on = false;
    task_group group;
    auto spawner = group.spawn([&]() -> task<> {
        group.spawn(fail_at_once("sibling"));
        after_spawn = true;
        co_await never.wait();
        went_on = true;
    });
    try {
        co_await group.run();
    } catch (const std::runtime_error&) {
        caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_TRUE(after_spawn);
    EXPECT_FALSE(went_on);
    EXPECT_TRUE(spawner.was_cancelled());
}

// A group that is ending refuses children; what was to be spawned is destroyed, and nobody
// complains that it was never awaited.
EVERY_WORLD_TEST(T24, group_that_is_ending_refuses_children_without_a_report) {
    event never;
    int alive = 0;
    bool ran = false;
    bool caught = false;
    const auto late = [&](counted_object) -> task<> {
        ran = true;
        co_return;
    };
    ::testing::internal::CaptureStderr();
    task_group group;
    const auto clean_up = [&]() -> task<> {
        auto refused = group.spawn(late(counted_object{alive}));
        EXPECT_TRUE(refused.done());
        EXPECT_TRUE(refused.was_cancelled());
        EXPECT_EQ(alive, 0);
        EXPECT_FALSE(refused.cancel());
        co_return;
    };
    group.spawn([&]() -> task<> {
        auto cleanup = clean_up();
        co_await finally(never.wait(), std::move(cleanup));
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        throw std::runtime_error{"first"};
    });
    try {
        co_await group.run();
    } catch (const std::runtime_error&) {
        caught = true;
    }
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    EXPECT_TRUE(caught);
    EXPECT_FALSE(ran);
}

// The original looks at a count. Here: who has handled the failure of a group is not cancelled, and
// may wait, also when groups lay one inside the other.
EVERY_WORLD_TEST(T25, nothing_is_left_of_a_request_after_a_failed_group_was_handled) {
    event always;
    always.set();
    int handled = 0;
    co_await with_task_group([&](task_group& outer) -> task<> {
        for (int round = 0; round != 2; ++round) {
            try {
                co_await with_task_group([&](task_group& inner) -> task<> {
                    inner.spawn(fail_at_once("child"));
                    co_await shield(testing::wait_until_all_blocked());
                    throw std::logic_error{"body"};
                });
            } catch (const std::exception&) {
                ++handled;
            }
            EXPECT_FALSE(this_task::is_cancelled());
            EXPECT_FALSE(outer.is_cancelled());
            co_await always.wait();
            co_await yield_now();
        }
    });
    EXPECT_EQ(handled, 2);
}

// A body that fails in its cleanup after a child has failed: both errors are there.
EVERY_WORLD_TEST(T26, error_of_a_cleanup_is_kept_beside_that_of_the_child) {
    event never;
    std::exception_ptr caught;
    try {
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([]() -> task<> {
                co_await testing::wait_until_all_blocked();
                throw std::runtime_error{"child"};
            });
            auto cleanup = fail_at_once("body");
            co_await finally(never.wait(), std::move(cleanup));
        });
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), std::string{"child"});
        caught = std::current_exception();
    }
    EXPECT_NE(caught, nullptr);
    const auto later = suppressed(caught);
    EXPECT_EQ(later.size(), 1U);
    for (const auto& each : later) {
        try {
            std::rethrow_exception(each);
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(error.what(), std::string{"body"});
        }
    }
}

// A group in which nothing runs but a child that is not ready yet stays open: until that child has
// ended if it gets ready, and until the start has failed if it does not.
VIRTUAL_WORLD_TEST(T53, group_with_only_a_pending_start_stays_open) {
    const auto program = [](bool crashes) -> task<duration> {
        const time_point start = now();
        const auto slow = [crashes](readiness<>& ready) -> task<> {
            co_await sleep_for(3s);
            if (crashes) {
                co_await sleep_for(4s);
                throw std::out_of_range{"crash"};
            }
            ready.set();
            co_await sleep_for(3s);
        };
        bool crashed = false;
        bool ended = false;
        co_await with_task_group([&](task_group& outer) -> task<> {
            task_group inner;
            inner.spawn([&]() -> task<> {
                outer.spawn([&]() -> task<> {
                    try {
                        co_await inner.start(slow);
                    } catch (const std::out_of_range&) {
                        crashed = true;
                    }
                });
                co_await testing::wait_until_all_blocked();  // the start is on its way
            });
            co_await inner.run();
            ended = true;
            EXPECT_EQ(now() - start, crashes ? 7s : 6s);
        });
        EXPECT_TRUE(ended);
        EXPECT_EQ(crashed, crashes);
        co_return now() - start;
    };
    const duration ready = co_await program(false);
    EXPECT_EQ(ready, 6s);
    const duration crashed = co_await program(true);
    EXPECT_EQ(crashed, 7s);
}

}  // namespace
}  // namespace simul
