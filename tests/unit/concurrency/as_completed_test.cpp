// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/as_completed.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/gather.hpp"
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

// T05 with both calls pending at once. asyncio hands out coroutines, of which each gives the next
// result when it is awaited; here a call of next() is that coroutine.
TEST(as_completed, of_two_that_wait_at_once_the_one_that_began_first_gets_the_earliest) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stream = as_completed(group, four_tasks());
            auto taken_first = stream.next();
            auto taken_second = stream.next();
            auto begins_second = [&]() -> task<> {
                auto ended = co_await taken_first;
                EXPECT_EQ(ended->take(), 2);
            };
            auto begins_first = [&]() -> task<> {
                auto ended = co_await taken_second;
                EXPECT_EQ(ended->take(), 1);
            };
            co_await gather(begins_first(), begins_second());
            EXPECT_EQ(stream.size(), 2U);
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

TEST(as_completed, those_who_give_completions_back_do_not_change_their_order) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            event release;
            const auto when_released = [&](int value) -> task<int> {
                co_await release.wait();
                co_return value;
            };
            std::vector<task<int>> tasks;
            for (int value = 0; value < 4; ++value) tasks.push_back(when_released(value));
            auto stream = as_completed(group, std::move(tasks));
            std::vector<task_handle<>> consumers;
            for (int each = 0; each < 3; ++each) {
                consumers.push_back(group.spawn([&]() -> task<> {
                    co_await stream.next();
                    ADD_FAILURE() << "it was cancelled";
                }));
            }
            while (release.waiting() != 4) co_await yield_now();
            release.set();
            co_await yield_now();  // the tasks have ended in this pass, before our turn
            for (auto& consumer : consumers) consumer.cancel();
            co_await yield_now();  // their turn: they give back what they have
            for (int value = 0; value < 4; ++value) {
                auto ended = co_await stream.next();
                EXPECT_EQ(ended->take(), value);
            }
            for (auto& consumer : consumers) EXPECT_TRUE(consumer.was_cancelled());
        });
    });
}

TEST(as_completed, a_limit_ends_the_waiting_and_not_the_tasks) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stream = as_completed(group, four_tasks(), 2500ms);
            const time_point start = now();
            co_await sleep_for(1s);  // the limit is for everything, not for each
            for (int value = 1; value <= 2; ++value) {
                auto ended = co_await stream.next();
                EXPECT_EQ(ended->take(), value);
            }
            for (int time = 0; time < 2; ++time) {
                bool late = false;
                try {
                    co_await stream.next();
                } catch (const timed_out&) {
                    late = true;
                }
                EXPECT_TRUE(late);
                EXPECT_EQ(now() - start, 2500ms);
            }
            EXPECT_EQ(stream.size(), 2U);
            EXPECT_EQ(loop::current().statistics().timers, 2U) << "the tasks";

            co_await sleep_for(1s);  // one more has ended meanwhile
            auto ended = co_await stream.next();
            EXPECT_EQ(ended->take(), 3);
            bool late = false;
            try {
                co_await stream.next();
            } catch (const timed_out&) {
                late = true;
            }
            EXPECT_TRUE(late);
            co_await sleep_for(1s);
            ended = co_await stream.next();
            EXPECT_EQ(ended->take(), 4);
            ended = co_await stream.next();
            EXPECT_FALSE(ended) << "after the last one there is nothing to be late for";
        });
    });
}

TEST(as_completed, a_limit_that_is_not_reached_leaves_no_timer) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto stream = as_completed(group, four_tasks(), 1h);
            int count = 0;
            while (auto ended = co_await stream.next()) ++count;
            EXPECT_EQ(count, 4);
            EXPECT_EQ(loop::current().statistics().timers, 0U);
        });
    });
}

TEST(as_completed, with_a_limit_of_zero_gives_what_is_there) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            std::vector<task_handle<int>> handles;
            handles.push_back(group.spawn(give(1)));
            handles.push_back(group.spawn(give(2, 1s)));
            co_await yield_now();
            const auto passes = loop::current().statistics().passes;
            auto stream = as_completed(handles, 0s);
            auto ended = co_await stream.next();
            EXPECT_EQ(ended->take(), 1);
            bool late = false;
            try {
                co_await stream.next();
            } catch (const timed_out&) {
                late = true;
            }
            EXPECT_TRUE(late);
            EXPECT_EQ(loop::current().statistics().passes, passes);
        });
    });
}

// --- children that run already ------------------------------------------------------------------

std::vector<task_handle<int>> spawn_four(task_group& group) {
    std::vector<task_handle<int>> handles;
    for (auto& each : four_tasks()) handles.push_back(group.spawn(std::move(each)));
    return handles;
}

TEST(as_completed, of_handles_gives_their_results_as_they_end) {
    run_on_each_backend([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            std::vector<task_handle<int>> handles;
            for (const int value : {3, 1, 2}) {
                handles.push_back(group.spawn(give(value, value * 2ms)));
            }
            auto stream = as_completed(handles);
            std::vector<std::size_t> places;
            std::vector<int> values;
            while (auto ended = co_await stream.next()) {
                places.push_back(ended->index());
                values.push_back(ended->take());
            }
            EXPECT_EQ(values, (std::vector<int>{1, 2, 3}));
            EXPECT_EQ(places, (std::vector<std::size_t>{1, 2, 0}));
        });
    });
}

// T06, and its second half with another stream: what was not taken is still in the handles.
TEST(as_completed, of_handles_may_stop_and_go_on_later) {
    simulate([]() -> task<> {
        std::vector<int> values;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto handles = spawn_four(group);
            {
                auto stream = as_completed(handles);
                for (int i = 0; i < 2; ++i) values.push_back((co_await stream.next())->take());
                co_await sleep_for(10s);
            }
            std::swap(handles[0], handles[2]);  // 4, 1, 3, 2: the order is that of their ends
            auto rest = handles | std::views::filter([](auto& each) { return each.done(); });
            auto stream = as_completed(rest);
            EXPECT_EQ(stream.size(), 4U);
            std::vector<std::size_t> places;
            while (auto ended = co_await stream.next()) places.push_back(ended->index());
            EXPECT_EQ(places, (std::vector<std::size_t>{1, 3, 2, 0}));
        });
        EXPECT_EQ(values, (std::vector<int>{1, 2}));
    });
}

TEST(as_completed, of_handles_tells_of_errors_and_cancellations) {
    simulate([]() -> task<> {
        task_group failers;
        std::vector<task_handle<int>> handles;
        handles.push_back(failers.spawn(give(1, 1h)));
        handles.push_back(failers.spawn(fail(1s)));
        auto stream = as_completed(handles);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                try {
                    co_await failers.run();
                } catch (const std::runtime_error&) {
                }
            });
            auto ended = co_await stream.next();
            EXPECT_EQ(ended->index(), 1U);
            EXPECT_TRUE(ended->ended().has_error());
            EXPECT_THROW(ended->take(), std::runtime_error);
            ended = co_await stream.next();
            EXPECT_EQ(ended->index(), 0U);
            EXPECT_TRUE(ended->ended().is_cancelled()) << "its group has failed";
            ended = co_await stream.next();
            EXPECT_FALSE(ended);
        });
    });
}

TEST(as_completed, of_handles_that_is_dropped_lets_them_go) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto handles = spawn_four(group);
            {
                auto stream = as_completed(handles, 1h);
                co_await stream.next();
            }
            auto moved = std::move(handles);
            std::swap(moved[0], moved[3]);
            const int value = co_await moved[0];
            EXPECT_EQ(value, 2);
        });
    });
}

TEST(as_completed, gives_nothing_references_and_results_that_cannot_be_copied) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            int target = 0;
            std::vector<task_handle<int&>> references;
            references.push_back(group.spawn([&]() -> task<int&> { co_return target; }));
            auto of_references = as_completed(references);
            auto reference = co_await of_references.next();
            EXPECT_EQ(&reference->take(), &target);

            std::vector<task<int&>> tasks;
            tasks.push_back([](int& given) -> task<int&> { co_return given; }(target));
            auto of_tasks = as_completed(group, std::move(tasks));
            reference = co_await of_tasks.next();
            EXPECT_EQ(&reference->take(), &target);

            std::vector<task_handle<>> empty_ones;
            empty_ones.push_back(group.spawn([]() -> task<> { co_return; }));
            auto of_nothing = as_completed(empty_ones);
            auto nothing = co_await of_nothing.next();
            nothing->take();

            std::vector<task_handle<std::unique_ptr<int>>> owners;
            owners.push_back(group.spawn(
                []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); }));
            auto of_owners = as_completed(owners);
            auto owner = co_await of_owners.next();
            EXPECT_EQ(*owner->take(), 5);
        });
    });
}

TEST(as_completed_death_test, refuses_an_empty_handle) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     std::vector<task_handle<>> handles(1);
                     static_cast<void>(as_completed(handles));
                     co_return;
                 }),
                 "empty task handle");
}

}  // namespace
}  // namespace simul
