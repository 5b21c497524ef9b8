// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/barrier.hpp"

#include <gtest/gtest.h>

#include <expected>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using places = std::vector<std::size_t>;

task<> cross(barrier& line, places& crossed) {
    crossed.push_back(co_await line.wait());
}

task<> find_it_broken(barrier& line) {
    const auto place = co_await as_result(line.wait());
    EXPECT_EQ(place, std::unexpected{make_error_code(errc::broken_barrier)});
}

task<> until_waiting(const barrier& line, std::size_t count) {
    while (line.waiting() != count) co_await yield_now();
}

TEST(barrier, lets_nobody_cross_before_the_last_has_come) {
    run_on_each_backend([]() -> task<> {
        barrier line{3};
        places crossed;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(cross(line, crossed));
            group.spawn(cross(line, crossed));
            co_await until_waiting(line, 2);
            EXPECT_TRUE(crossed.empty());
            const std::size_t place = co_await line.wait();
            EXPECT_EQ(place, 2U);
        });
        EXPECT_EQ(crossed, (places{0, 1}));
    });
}

TEST(barrier, is_crossed_again_and_again) {
    simulate([]() -> task<> {
        barrier line{3};
        std::vector<int> rounds;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int number = 0; number < 3; ++number) {
                group.spawn([&]() -> task<> {
                    for (int round = 0; round < 4; ++round) {
                        rounds.push_back(round);
                        static_cast<void>(co_await line.wait());
                    }
                });
            }
            co_return;
        });
        EXPECT_EQ(rounds, (std::vector<int>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}));
        EXPECT_EQ(line.waiting(), 0U);
    });
}

TEST(barrier, of_one_does_not_suspend) {
    simulate([]() -> task<> {
        barrier line{1};
        const auto passes = loop::current().statistics().passes;
        const std::size_t place = co_await line.wait();
        EXPECT_EQ(place, 0U);
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(barrier, waits_for_another_when_one_is_cancelled) {
    simulate([]() -> task<> {
        barrier line{3};
        places crossed;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto doomed = group.spawn(cross(line, crossed));
            group.spawn(cross(line, crossed));
            co_await until_waiting(line, 2);
            doomed.cancel();
            co_await until_waiting(line, 1);
            group.spawn(cross(line, crossed));
            co_await until_waiting(line, 2);
            EXPECT_TRUE(crossed.empty());
            static_cast<void>(co_await line.wait());
        });
        EXPECT_EQ(crossed, (places{0, 1}));
    });
}

TEST(barrier, does_not_count_who_is_about_to_be_stopped) {
    simulate([]() -> task<> {
        barrier line{2};
        event stop;
        std::size_t won = 9;
        places crossed;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(
                [&]() -> task<> { won = (co_await select(line.wait(), stop.wait())).index(); });
            co_await until_waiting(line, 1);
            stop.set();
            const auto alone = co_await move_on_after(1s, line.wait());
            EXPECT_FALSE(alone);
        });
        EXPECT_EQ(won, 1U);
        EXPECT_EQ(line.waiting(), 0U);
    });
}

TEST(barrier, sends_away_who_waits_when_it_is_reset_and_begins_anew) {
    simulate([]() -> task<> {
        barrier line{2};
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(find_it_broken(line));
            co_await until_waiting(line, 1);
            line.reset();
            EXPECT_FALSE(line.is_broken());
        });
        places crossed;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(cross(line, crossed));
            group.spawn(cross(line, crossed));
            co_return;
        });
        EXPECT_EQ(crossed.size(), 2U);
    });
}

TEST(barrier, that_is_aborted_sends_everybody_away_until_it_is_reset) {
    simulate([]() -> task<> {
        barrier line{2};
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(find_it_broken(line));
            co_await until_waiting(line, 1);
            line.abort();
        });
        EXPECT_TRUE(line.is_broken());
        co_await find_it_broken(line);
        line.reset();
        const auto alone = co_await move_on_after(1s, line.wait());
        EXPECT_FALSE(alone);
    });
}

TEST(barrier, names_its_error) {
    EXPECT_EQ(broken_barrier{}.code(), errc::broken_barrier);
    EXPECT_STREQ(broken_barrier{}.what(), "the barrier was reset or aborted");
}

}  // namespace
}  // namespace simul
