// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/as_completed.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

task<int> give(int value, duration delay = 0s) {
    if (delay > 0s) co_await sleep_for(delay);
    co_return value;
}

task<int> fail(duration delay) {
    co_await sleep_for(delay);
    throw std::runtime_error{"one of them"};
}

std::vector<task<int>> four_tasks() {
    std::vector<task<int>> tasks;
    for (const int value : {3, 1, 4, 2}) tasks.push_back(give(value, value * 1s));
    return tasks;
}

TEST(as_completed, gives_results_in_the_order_in_which_they_become_ready) {
    run_on_each_backend([]() -> task<> {
        std::vector<int> values;
        std::vector<std::size_t> places;
        co_await with_task_group([&](task_group& group) -> task<> {
            std::vector<task<int>> tasks;
            for (const int value : {3, 1, 2}) tasks.push_back(give(value, value * 2ms));
            auto stream = as_completed(group, std::move(tasks));
            EXPECT_EQ(stream.size(), 3U);
            while (auto ended = co_await stream.next()) {
                places.push_back(ended->index());
                values.push_back(ended->take());
            }
            EXPECT_EQ(stream.size(), 0U);
            const auto answer_1 = co_await stream.next();
            EXPECT_FALSE(answer_1) << "again after the end";
        });
        EXPECT_EQ(values, (std::vector<int>{1, 2, 3}));
        EXPECT_EQ(places, (std::vector<std::size_t>{1, 2, 0}));
    });
}

TEST(as_completed, ends_at_once_without_tasks) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stream = as_completed(group, std::vector<task<int>>{});
            const auto answer_2 = co_await stream.next();
            EXPECT_FALSE(answer_2);
        });
    });
}

// T05.
TEST(as_completed, the_first_to_wait_gets_the_earliest_result) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stream = as_completed(group, four_tasks());
            auto first = stream.next();
            auto second = stream.next();
            const auto answer_3 = (co_await second)->take();
            EXPECT_EQ(answer_3, 1);
            const auto answer_4 = (co_await first)->take();
            EXPECT_EQ(answer_4, 2);
        });
    });
}

// T06.
TEST(as_completed, iteration_may_stop_and_go_on_later) {
    simulate([]() -> task<> {
        std::vector<int> values;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stream = as_completed(group, four_tasks());
            for (int i = 0; i < 2; ++i) values.push_back((co_await stream.next())->take());
            co_await sleep_for(10s);  // the others end meanwhile
            while (auto ended = co_await stream.next()) values.push_back(ended->take());
        });
        EXPECT_EQ(values, (std::vector<int>{1, 2, 3, 4}));
    });
}

TEST(as_completed, an_error_is_in_its_completion_and_disturbs_nobody) {
    simulate([]() -> task<> {
        int good = 0;
        int bad = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto tasks = four_tasks();
            tasks.push_back(fail(2500ms));
            auto stream = as_completed(group, std::move(tasks));
            while (auto ended = co_await stream.next()) {
                if (ended->ended().has_error()) {
                    EXPECT_EQ(ended->index(), 4U);
                    EXPECT_EQ(good, 2);
                    EXPECT_THROW(ended->take(), std::runtime_error);
                    ++bad;
                } else {
                    ++good;
                }
            }
        });
        EXPECT_EQ(good, 4);
        EXPECT_EQ(bad, 1);
    });
}

TEST(as_completed, moves_results_that_cannot_be_copied) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto make = []() -> task<std::unique_ptr<int>> {
                co_await yield_now();
                co_return std::make_unique<int>(5);
            };
            std::vector<task<std::unique_ptr<int>>> tasks;
            tasks.push_back(make());
            auto stream = as_completed(group, std::move(tasks));
            auto ended = co_await stream.next();
            EXPECT_EQ(*ended->take(), 5);
        });
    });
}

TEST(as_completed, a_cancelled_next_keeps_the_completion_for_the_next_call) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stream = as_completed(group, four_tasks());
            const auto answer_5 = co_await move_on_after(500ms, stream.next());
            EXPECT_FALSE(answer_5);
            EXPECT_EQ(stream.size(), 4U);
            // Both at 1 s: whichever comes first, no completion is lost.
            auto perhaps = co_await move_on_after(500ms, stream.next());
            int seen = perhaps && *perhaps ? 1 : 0;
            auto waiting = group.spawn([&]() -> task<> {
                co_await stream.next();
                ADD_FAILURE() << "it was cancelled";
            });
            waiting.cancel();
            while (auto ended = co_await stream.next()) {
                ++seen;
                EXPECT_EQ(ended->take(), seen);
            }
            EXPECT_EQ(seen, 4);
        });
    });
}

TEST(as_completed, a_consumer_that_was_handed_a_completion_and_cancelled_gives_it_back) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            event release;
            const auto when_released = [&]() -> task<int> {
                co_await release.wait();
                co_return 7;
            };
            std::vector<task<int>> tasks;
            tasks.push_back(when_released());
            auto stream = as_completed(group, std::move(tasks));
            auto consumer = group.spawn([&]() -> task<> {
                co_await stream.next();
                ADD_FAILURE() << "it was cancelled";
            });
            while (release.waiting() != 1) co_await yield_now();
            release.set();
            co_await yield_now();  // the task has ended in this pass, before our turn
            consumer.cancel();
            auto ended = co_await stream.next();
            if (!ended) {
                ADD_FAILURE();
                co_return;
            }
            EXPECT_EQ(ended->take(), 7);
            EXPECT_TRUE(consumer.was_cancelled());
        });
    });
}

TEST(as_completed, several_may_wait_for_the_last_completion_and_one_gets_it) {
    simulate([]() -> task<> {
        int got = 0;
        int ended_without = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            std::vector<task<int>> tasks;
            tasks.push_back(give(1, 1s));
            auto stream = as_completed(group, std::move(tasks));
            task_group consumers;
            for (int i = 0; i < 3; ++i) {
                consumers.spawn([&]() -> task<> {
                    const auto ended = co_await stream.next();
                    ++(ended ? got : ended_without);
                });
            }
            co_await consumers.run();
        });
        EXPECT_EQ(got, 1);
        EXPECT_EQ(ended_without, 2);
    });
}

TEST(as_completed, tells_of_tasks_that_were_cancelled_before_and_after_they_began) {
    simulate([]() -> task<> {
        for (const bool begun : {true, false}) {
            SCOPED_TRACE(begun);
            int cancelled_ones = 0;
            task_group workers;
            auto stream = as_completed(workers, four_tasks());
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn([&]() -> task<> { co_await workers.run(); });
                if (begun) {
                    co_await yield_now();
                    co_await yield_now();
                }
                workers.cancel();
                while (auto ended = co_await stream.next()) {
                    cancelled_ones += ended->ended().is_cancelled() ? 1 : 0;
                }
            });
            EXPECT_EQ(cancelled_ones, 4);
        }
    });
}

TEST(as_completed, into_a_group_that_was_cancelled_everything_is_cancelled) {
    simulate([]() -> task<> {
        int cancelled_ones = 0;
        task_group workers;
        workers.cancel();
        auto stream = as_completed(workers, four_tasks());
        while (auto ended = co_await stream.next()) {
            cancelled_ones += ended->ended().is_cancelled() ? 1 : 0;
        }
        EXPECT_EQ(cancelled_ones, 4);
        co_await workers.run();
    });
}

TEST(as_completed, a_dropped_stream_leaves_the_tasks_to_their_group) {
    simulate([]() -> task<> {
        int finished = 0;
        const auto count = [&]() -> task<int> {
            co_await sleep_for(1s);
            co_return ++finished;
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            std::vector<task<int>> tasks;
            for (int i = 0; i < 3; ++i) tasks.push_back(count());
            static_cast<void>(as_completed(group, std::move(tasks)));
            co_return;
        });
        EXPECT_EQ(finished, 3);
    });
}

}  // namespace
}  // namespace simul
