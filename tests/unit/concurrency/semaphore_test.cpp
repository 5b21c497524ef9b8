// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/semaphore.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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

task<> take_and_note(semaphore& permits, log& lines, std::string name) {
    const semaphore_permit permit = co_await permits.acquire();
    lines.push_back(name);
}

TEST(semaphore, lets_as_many_in_as_it_has_permits) {
    run_on_each_backend([]() -> task<> {
        semaphore permits{3};
        int inside = 0;
        int most = 0;
        task_group group;
        for (int i = 0; i < 10; ++i) {
            group.spawn([&]() -> task<> {
                const semaphore_permit permit = co_await permits.acquire();
                most = std::max(most, ++inside);
                co_await yield_now();
                --inside;
            });
        }
        co_await group.run();
        EXPECT_EQ(most, 3);
        EXPECT_EQ(permits.available(), 3U);
    });
}

TEST(semaphore, does_not_suspend_while_permits_are_left) {
    simulate([]() -> task<> {
        semaphore permits{2};
        const auto passes = loop::current().statistics().passes;
        const semaphore_permit first = co_await permits.acquire();
        const semaphore_permit second = co_await permits.acquire();
        EXPECT_EQ(loop::current().statistics().passes, passes);
        EXPECT_EQ(permits.available(), 0U);
        EXPECT_FALSE(permits.try_acquire());
        const auto answer_1 = co_await move_on_after(1s, permits.acquire());
        EXPECT_FALSE(answer_1);
        EXPECT_EQ(permits.waiting(), 0U);
    });
}

TEST(semaphore, release_adds_permits_beyond_the_first_number) {
    simulate([]() -> task<> {
        semaphore permits{0};
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (const char* name : {"a", "b"}) group.spawn(take_and_note(permits, lines, name));
            while (permits.waiting() != 2) co_await yield_now();
            permits.release(5);
            EXPECT_EQ(permits.available(), 3U) << "two were handed over";
        });
        EXPECT_EQ(lines, (log{"a", "b"}));
        EXPECT_EQ(permits.available(), 5U);
        permits.release(0);
        EXPECT_EQ(permits.available(), 5U);
    });
}

TEST(semaphore, a_permit_goes_back_once_and_can_be_forgotten) {
    semaphore permits{2};
    {
        auto taken = permits.try_acquire();
        ASSERT_TRUE(taken);
        semaphore_permit moved = *std::move(taken);
        EXPECT_FALSE(*taken);
        EXPECT_EQ(permits.available(), 1U);
        moved.release();
        EXPECT_EQ(permits.available(), 2U);
        EXPECT_FALSE(moved);
        moved.release();
        EXPECT_EQ(permits.available(), 2U);
        moved = *permits.try_acquire();
        moved = *permits.try_acquire();
        EXPECT_EQ(permits.available(), 1U) << "assigning returns the one it held";
        moved.forget();
    }
    EXPECT_EQ(permits.available(), 1U);
}

// C10, K8.
TEST(semaphore, a_newcomer_cannot_overtake_the_woken_one) {
    simulate([]() -> task<> {
        semaphore permits{1};
        log lines;
        auto held = permits.try_acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(take_and_note(permits, lines, "waiter"));
            while (permits.waiting() != 1) co_await yield_now();
            held->release();
            EXPECT_EQ(permits.available(), 0U);
            EXPECT_FALSE(permits.try_acquire());
            co_await take_and_note(permits, lines, "newcomer");
        });
        EXPECT_EQ(lines, (log{"waiter", "newcomer"}));
    });
}

// C9.
TEST(semaphore, a_waiter_that_is_woken_and_cancelled_passes_the_permit_on) {
    for (const bool release_first : {true, false}) {
        for (const bool somebody_else : {true, false}) {
            simulate([&]() -> task<> {
                semaphore permits{1};
                log lines;
                auto held = permits.try_acquire();
                co_await with_task_group([&](task_group& group) -> task<> {
                    auto first = group.spawn(take_and_note(permits, lines, "first"));
                    if (somebody_else) group.spawn(take_and_note(permits, lines, "second"));
                    while (permits.waiting() != (somebody_else ? 2U : 1U)) co_await yield_now();
                    if (release_first) held->release();
                    first.cancel();
                    if (!release_first) held->release();
                    EXPECT_EQ(permits.available(), 0U);
                    co_await yield_now();
                    co_await yield_now();
                    EXPECT_TRUE(first.was_cancelled());
                });
                EXPECT_EQ(lines, somebody_else ? log{"second"} : log{});
                EXPECT_EQ(permits.available(), 1U);
                EXPECT_EQ(permits.waiting(), 0U);
            });
        }
    }
}

TEST(semaphore, a_waiter_cancelled_while_it_waits_takes_nothing) {
    simulate([]() -> task<> {
        semaphore permits{0};
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto a = group.spawn(take_and_note(permits, lines, "a"));
            auto b = group.spawn(take_and_note(permits, lines, "b"));
            b.cancel();  // before it begins
            while (permits.waiting() != 1 || !b.was_cancelled()) co_await yield_now();
            a.cancel();
            co_await yield_now();
            EXPECT_EQ(permits.waiting(), 0U);
            permits.release();
        });
        EXPECT_TRUE(lines.empty());
        EXPECT_EQ(permits.available(), 1U);
    });
}

TEST(semaphore, branches_that_lost_return_their_permits_without_nesting) {
    simulate([]() -> task<> {
        constexpr std::size_t count = 20'000;
        semaphore permits{0};
        event stop;
        std::size_t stopped = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (std::size_t i = 0; i < count; ++i) {
                group.spawn([&]() -> task<> {
                    const auto first = co_await select(stop.wait(), permits.acquire());
                    stopped += first.index() == 0 ? 1 : 0;
                });
            }
            while (permits.waiting() != count) co_await yield_now();
            stop.set();
            permits.release(2);
            EXPECT_EQ(permits.available(), 2U);
            EXPECT_EQ(permits.waiting(), 0U);
        });
        EXPECT_EQ(stopped, count);
        EXPECT_EQ(permits.available(), 2U);
    });
}

TEST(semaphore, the_winner_of_a_select_that_is_then_stopped_returns_its_permit) {
    simulate([]() -> task<> {
        semaphore permits{0};
        bool went_on = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto choosing = group.spawn([&]() -> task<> {
                static_cast<void>(co_await select(permits.acquire(), sleep_for(1h)));
                went_on = true;
            });
            while (permits.waiting() != 1) co_await yield_now();
            permits.release();
            choosing.cancel();
            EXPECT_EQ(permits.available(), 0U);
        });
        EXPECT_FALSE(went_on);
        EXPECT_EQ(permits.available(), 1U);
    });
}

TEST(semaphore, may_be_given_more_permits_and_lets_in_who_waits) {
    simulate([]() -> task<> {
        semaphore seats{0};
        int inside = 0;
        event leave;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int number = 0; number < 4; ++number) {
                group.spawn([&]() -> task<> {
                    const semaphore_permit seat = co_await seats.acquire();
                    ++inside;
                    co_await leave.wait();
                });
            }
            while (seats.waiting() != 4) co_await yield_now();
            seats.set_permits(3);
            for (int passes = 0; passes < 3; ++passes) co_await yield_now();
            EXPECT_EQ(inside, 3);
            EXPECT_EQ(seats.held(), 3U);
            EXPECT_EQ(seats.available(), 0U);
            leave.set();
        });
        EXPECT_EQ(inside, 4);
        EXPECT_EQ(seats.held(), 0U);
        EXPECT_EQ(seats.available(), 3U);
    });
}

TEST(semaphore, that_has_fewer_permits_than_are_held_waits_until_they_come_back) {
    simulate([]() -> task<> {
        semaphore seats{3};
        auto first = seats.try_acquire();
        auto second = seats.try_acquire();
        seats.set_permits(1);
        EXPECT_EQ(seats.available(), 0U);
        first.reset();
        EXPECT_FALSE(seats.try_acquire());
        second.reset();
        EXPECT_EQ(seats.available(), 1U);
        auto third = seats.try_acquire();
        EXPECT_TRUE(third);
        seats.set_permits(0);
        third->forget();
        EXPECT_EQ(seats.permits(), 0U);
        EXPECT_EQ(seats.held(), 0U);
        co_return;
    });
}

}  // namespace
}  // namespace simul
