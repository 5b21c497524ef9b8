// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/mutex.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

task<> lock_and_note(mutex& shared, log& lines, std::string name) {
    const mutex_guard guard = co_await shared.acquire();
    lines.push_back(name);
}

TEST(mutex, lets_one_task_in_at_a_time_in_the_order_of_arrival) {
    run_on_each_backend([]() -> task<> {
        mutex shared;
        int inside = 0;
        log lines;
        task_group group;
        for (const char* name : {"a", "b", "c"}) {
            group.spawn([&, name]() -> task<> {
                const mutex_guard guard = co_await shared.acquire();
                EXPECT_EQ(++inside, 1);
                for (int i = 0; i < 3; ++i) co_await yield_now();
                --inside;
                lines.push_back(name);
            });
        }
        co_await group.run();
        EXPECT_EQ(lines, (log{"a", "b", "c"}));
        EXPECT_FALSE(shared.is_held());
    });
}

TEST(mutex, does_not_suspend_when_it_is_free) {
    simulate([]() -> task<> {
        mutex shared;
        const auto passes = loop::current().statistics().passes;
        {
            const mutex_guard guard = co_await shared.acquire();
            EXPECT_TRUE(guard);
            EXPECT_TRUE(shared.is_held());
        }
        EXPECT_FALSE(shared.is_held());
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(mutex, try_acquire_takes_only_what_is_free) {
    mutex shared;
    auto first = shared.try_acquire();
    ASSERT_TRUE(first);
    EXPECT_FALSE(shared.try_acquire());
    first->release();
    EXPECT_FALSE(*first);
    first->release();  // again: nothing happens
    EXPECT_FALSE(shared.is_held());
    EXPECT_TRUE(shared.try_acquire());
}

// K8, C10: between the release and the turn of the woken one the mutex is not free.
TEST(mutex, a_newcomer_cannot_overtake_the_woken_one) {
    simulate([]() -> task<> {
        mutex shared;
        log lines;
        auto held = shared.try_acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(lock_and_note(shared, lines, "waiter"));
            while (shared.waiting() != 1) co_await yield_now();
            held->release();
            EXPECT_TRUE(shared.is_held());
            EXPECT_FALSE(shared.try_acquire());
            co_await lock_and_note(shared, lines, "newcomer");
        });
        EXPECT_EQ(lines, (log{"waiter", "newcomer"}));
    });
}

TEST(mutex, a_guard_can_be_moved_and_is_released_once) {
    mutex shared;
    mutex other;
    mutex_guard guard = *shared.try_acquire();
    mutex_guard moved = std::move(guard);
    EXPECT_FALSE(guard);  // NOLINT: looks at what was moved from
    EXPECT_TRUE(shared.is_held());
    moved = *other.try_acquire();
    EXPECT_FALSE(shared.is_held()) << "assigning to a guard releases what it held";
    EXPECT_TRUE(other.is_held());
    mutex_guard& same = moved;
    moved = std::move(same);
    EXPECT_TRUE(other.is_held());
}

TEST(mutex, guards_of_several_are_released_in_any_order) {
    simulate([]() -> task<> {
        mutex outer;
        mutex inner;
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            mutex_guard first = co_await outer.acquire();
            mutex_guard second = co_await inner.acquire();
            group.spawn(lock_and_note(inner, lines, "inner"));
            group.spawn(lock_and_note(outer, lines, "outer"));
            while (outer.waiting() + inner.waiting() != 2) co_await yield_now();
            first.release();
            co_await yield_now();
            EXPECT_EQ(lines, log{"outer"});
            EXPECT_TRUE(inner.is_held());
        });
        EXPECT_EQ(lines, (log{"outer", "inner"}));
    });
}

TEST(mutex, is_released_when_the_holder_fails_or_is_stopped) {
    simulate([]() -> task<> {
        mutex shared;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stopped = group.spawn([&]() -> task<> {
                const mutex_guard guard = co_await shared.acquire();
                co_await sleep_for(1h);
            });
            while (!shared.is_held()) co_await yield_now();
            stopped.cancel();
            co_await yield_now();
            EXPECT_FALSE(shared.is_held());
        });
        const auto fail = [&]() -> task<> {
            const mutex_guard guard = co_await shared.acquire();
            throw 7;
        };
        const auto answer_1 = (co_await as_outcome(fail())).has_error();
        EXPECT_TRUE(answer_1);
        EXPECT_FALSE(shared.is_held());
    });
}

// T35: the first two of four waiters are cancelled, then it is released once.
TEST(mutex, goes_past_cancelled_waiters_to_the_next_one) {
    simulate([]() -> task<> {
        mutex shared;
        log lines;
        auto held = shared.try_acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto a = group.spawn(lock_and_note(shared, lines, "a"));
            auto b = group.spawn(lock_and_note(shared, lines, "b"));
            auto holder = group.spawn([&]() -> task<> {
                const mutex_guard guard = co_await shared.acquire();
                lines.push_back("c");
                co_await sleep_for(1h);
            });
            group.spawn(lock_and_note(shared, lines, "d"));
            while (shared.waiting() != 4) co_await yield_now();
            a.cancel();
            b.cancel();
            held->release();
            for (int i = 0; i < 5; ++i) co_await yield_now();
            EXPECT_EQ(lines, log{"c"});
            EXPECT_EQ(shared.waiting(), 1U);
            EXPECT_TRUE(a.was_cancelled());
            EXPECT_TRUE(b.was_cancelled());
            holder.cancel();
        });
        EXPECT_EQ(lines, (log{"c", "d"}));
        EXPECT_FALSE(shared.is_held());
    });
}

// T32, C9: the mutex was handed over and the request comes before the waiter's turn, or the other
// way round in one turn.
TEST(mutex, a_waiter_that_is_woken_and_cancelled_passes_it_on) {
    for (const bool release_first : {true, false}) {
        SCOPED_TRACE(release_first);
        simulate([&]() -> task<> {
            mutex shared;
            log lines;
            auto held = shared.try_acquire();
            co_await with_task_group([&](task_group& group) -> task<> {
                auto first = group.spawn(lock_and_note(shared, lines, "first"));
                group.spawn(lock_and_note(shared, lines, "second"));
                while (shared.waiting() != 2) co_await yield_now();
                if (release_first) held->release();
                first.cancel();
                if (!release_first) held->release();
                EXPECT_EQ(shared.waiting(), 1U) << "it was handed to the first one";
                for (int i = 0; i < 3; ++i) co_await yield_now();
                EXPECT_TRUE(first.was_cancelled());
            });
            EXPECT_EQ(lines, log{"second"});
            EXPECT_FALSE(shared.is_held());
        });
    }
}

TEST(mutex, is_free_again_when_the_only_waiter_was_woken_and_cancelled) {
    simulate([]() -> task<> {
        mutex shared;
        log lines;
        auto held = shared.try_acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto only = group.spawn(lock_and_note(shared, lines, "only"));
            while (shared.waiting() != 1) co_await yield_now();
            held->release();
            only.cancel();
            EXPECT_TRUE(shared.is_held());
            co_await yield_now();
            EXPECT_FALSE(shared.is_held());
        });
        EXPECT_TRUE(lines.empty());
    });
}

TEST(mutex, a_cancelled_scope_does_not_take_it) {
    simulate([]() -> task<> {
        mutex shared;
        log lines;
        task_group group;
        group.spawn([&]() -> task<> {
            group.cancel();
            co_await lock_and_note(shared, lines, "a");
        });
        co_await group.run();
        EXPECT_TRUE(lines.empty());
        EXPECT_FALSE(shared.is_held());
    });
}

TEST(mutex, a_time_out_gives_up_the_place_in_the_line) {
    simulate([]() -> task<> {
        mutex shared;
        const auto held = shared.try_acquire();
        bool late = false;
        try {
            static_cast<void>(co_await timeout(1s, shared.acquire()));
        } catch (const timed_out&) {
            late = true;
        }
        EXPECT_TRUE(late);
        EXPECT_EQ(shared.waiting(), 0U);
    });
}

TEST(mutex, a_branch_that_lost_passes_it_on) {
    simulate([]() -> task<> {
        mutex shared;
        event stop;
        log lines;
        auto held = shared.try_acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto first = co_await select(stop.wait(), shared.acquire());
                EXPECT_EQ(first.index(), 0U);
            });
            group.spawn(lock_and_note(shared, lines, "other"));
            while (shared.waiting() != 2) co_await yield_now();
            stop.set();
            held->release();  // handed to the branch that has lost already
            EXPECT_EQ(shared.waiting(), 0U);
        });
        EXPECT_EQ(lines, log{"other"});
        EXPECT_FALSE(shared.is_held());
    });
}

TEST(mutex, many_branches_that_lost_pass_it_on_without_nesting) {
    simulate([]() -> task<> {
        constexpr std::size_t count = 20'000;
        mutex shared;
        event stop;
        std::size_t stopped = 0;
        log lines;
        auto held = shared.try_acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            for (std::size_t i = 0; i < count; ++i) {
                group.spawn([&]() -> task<> {
                    const auto first = co_await select(stop.wait(), shared.acquire());
                    stopped += first.index() == 0 ? 1 : 0;
                });
            }
            group.spawn(lock_and_note(shared, lines, "last"));
            while (shared.waiting() != count + 1) co_await yield_now();
            stop.set();
            held->release();
        });
        EXPECT_EQ(stopped, count);
        EXPECT_EQ(lines, log{"last"});
        EXPECT_FALSE(shared.is_held());
    });
}

TEST(mutex, a_result_dropped_unused_releases_it) {
    simulate([]() -> task<> {
        mutex shared;
        static_cast<void>(co_await shared.acquire());
        EXPECT_FALSE(shared.is_held());
        static_cast<void>(shared.acquire());  // described, never awaited
        EXPECT_FALSE(shared.is_held());
    });
}

}  // namespace
}  // namespace simul
