// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/mt/queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/blocking.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using numbers = std::vector<int>;

template <class Body>
void run_on_each_real_backend(Body body) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        body(kind);
    }
}

/// Gives up the processor until others have brought something about.
template <class Condition>
void until(Condition condition) {
    while (!condition()) std::this_thread::yield();
}

template <class Queue>
void until_consumers(const Queue& items, std::size_t count) {
    until([&] { return items.statistics().waiting_consumers == count; });
}

template <class Queue>
void until_producers(const Queue& items, std::size_t count) {
    until([&] { return items.statistics().waiting_producers == count; });
}

template <class Condition>
task<> passes_until(Condition condition) {
    while (!condition()) co_await yield_now();
}

task<> get_into(mt::queue<int>& source, numbers& got) {
    got.push_back(co_await source.async_get());
}

task<> put_one(mt::queue<int>& target, int item) {
    co_await target.async_put(item);
}

task<numbers> get_all(mt::queue<int>& source) {
    numbers got;
    while (auto item = co_await source.async_next()) got.push_back(*item);
    co_return got;
}

numbers first_numbers(int count) {
    numbers all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

TEST(mt_queue, carries_items_from_a_thread_to_a_task_in_order) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items{2};
        std::thread producer{[&] {
            for (int i = 0; i < 500; ++i) items.put(i);
            items.close();
        }};
        const numbers got = run(get_all(items), options_for(kind));
        producer.join();
        EXPECT_EQ(got, first_numbers(500));
        EXPECT_LE(items.statistics().peak_size, 2U);
    });
}

TEST(mt_queue, carries_items_from_a_task_to_a_thread_in_order) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items{2};
        numbers got;
        std::thread consumer{[&] {
            while (auto item = items.next()) got.push_back(*item);
        }};
        run(
            [](mt::queue<int>& target) -> task<> {
                for (int i = 0; i < 500; ++i) co_await target.async_put(i);
                target.close();
            }(items),
            options_for(kind));
        consumer.join();
        EXPECT_EQ(got, first_numbers(500));
    });
}

TEST(mt_queue, carries_items_between_two_loops) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<std::unique_ptr<int>> items{1};
        std::thread other{[&] {
            run(
                [](auto& target) -> task<> {
                    for (int i = 0; i < 200; ++i) {
                        co_await target.async_put(std::make_unique<int>(i));
                    }
                    target.close();
                }(items),
                options_for(kind));
        }};
        const int sum = run(
            [](auto& source) -> task<int> {
                int total = 0;
                while (auto item = co_await source.async_next()) total += **item;
                co_return total;
            }(items),
            options_for(kind));
        other.join();
        EXPECT_EQ(sum, 199 * 200 / 2);
    });
}

TEST(mt_queue, suspends_only_where_it_is_promised) {
    simulate([]() -> task<> {
        mt::queue<int> items{2};
        const auto passes = loop::current().statistics().passes;
        co_await items.async_put(1);
        co_await items.async_put(2);
        const int first = co_await items.async_get();
        EXPECT_EQ(first, 1);
        const auto second = co_await items.async_next();
        EXPECT_EQ(second, 2);
        items.task_done();
        items.task_done();
        co_await items.async_join();
        EXPECT_EQ(loop::current().statistics().passes, passes);
        const auto nothing = co_await move_on_after(1s, items.async_get());
        EXPECT_FALSE(nothing);
        co_await items.async_put(1);
        co_await items.async_put(2);
        const auto not_put = co_await move_on_after(1s, items.async_put(3));
        EXPECT_FALSE(not_put);
        const auto not_joined = co_await move_on_after(1s, items.async_join());
        EXPECT_FALSE(not_joined);
        EXPECT_EQ(items.statistics().size, 2U);
        EXPECT_EQ(items.statistics().waiting_consumers, 0U);
        EXPECT_EQ(items.statistics().waiting_producers, 0U);
    });
}

TEST(mt_queue, try_get_and_try_put_never_wait) {
    mt::queue<std::unique_ptr<int>> items{1};
    EXPECT_FALSE(items.try_get());
    EXPECT_TRUE(items.try_put(std::make_unique<int>(1)));
    auto second = std::make_unique<int>(2);
    EXPECT_FALSE(items.try_put(std::move(second)));
    ASSERT_NE(second, nullptr) << "untouched when there is no room";
    EXPECT_EQ(**items.try_get(), 1);
    items.close();
    EXPECT_TRUE(items.is_closed());
    EXPECT_FALSE(items.try_put(std::move(second)));
    EXPECT_NE(second, nullptr);
    EXPECT_EQ(items.capacity(), 1U);
}

TEST(mt_queue, takes_the_newest_or_the_smallest_first_if_it_is_told_so) {
    mt::lifo_queue<int> newest;
    mt::priority_queue<int> smallest;
    for (const int item : {2, 1, 3}) {
        newest.put(item);
        smallest.put(item);
    }
    EXPECT_EQ((numbers{newest.get(), newest.get(), newest.get()}), (numbers{3, 1, 2}));
    EXPECT_EQ((numbers{smallest.get(), smallest.get(), smallest.get()}), (numbers{1, 2, 3}));
}

TEST(mt_queue, a_blocked_thread_and_a_task_are_served_in_the_order_of_arrival) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items;
        int of_thread = 0;
        std::thread first{[&] { of_thread = items.get(); }};
        until_consumers(items, 1);
        numbers of_task;
        run(
            [](mt::queue<int>& source, numbers& got) -> task<> {
                task_group group;
                group.spawn(get_into(source, got));
                group.spawn([&source]() -> task<> {
                    co_await passes_until(
                        [&source] { return source.statistics().waiting_consumers == 2; });
                    source.put(1);
                    EXPECT_FALSE(source.try_get()) << "nobody can take it in between";
                    source.put(2);
                });
                co_await group.run();
            }(items, of_task),
            options_for(kind));
        first.join();
        EXPECT_EQ(of_thread, 1);
        EXPECT_EQ(of_task, numbers{2});
    });
}

TEST(mt_queue, a_thread_waits_no_longer_than_it_wants) {
    mt::queue<std::unique_ptr<int>> items{1};
    EXPECT_FALSE(items.get_for(0s));
    EXPECT_FALSE(items.get_for(1ms));
    EXPECT_TRUE(items.put_for(std::make_unique<int>(1), 0s));
    auto second = std::make_unique<int>(2);
    EXPECT_FALSE(items.put_for(std::move(second), 1ms));
    ASSERT_NE(second, nullptr) << "untouched";
    EXPECT_EQ(items.statistics().waiting_producers, 0U);
    const auto got = items.get_for(duration::max());
    EXPECT_EQ(**got, 1);
    items.close();
    EXPECT_THROW(static_cast<void>(items.get_for(1h)), closed);
    EXPECT_THROW(static_cast<void>(items.put_for(std::move(second), 1h)), closed);
    EXPECT_NE(second, nullptr);
}

TEST(mt_queue, a_blocked_thread_gives_up_when_its_token_is_asked) {
    mt::queue<std::unique_ptr<int>> items{1};
    std::stop_source stop;
    std::thread getter{
        [&] { EXPECT_THROW(static_cast<void>(items.get(stop.get_token())), cancelled); }};
    std::thread reader{
        [&] { EXPECT_THROW(static_cast<void>(items.next(stop.get_token())), cancelled); }};
    until_consumers(items, 2);
    stop.request_stop();
    getter.join();
    reader.join();
    items.put(std::make_unique<int>(1));

    std::stop_source stop_putting;
    auto second = std::make_unique<int>(2);
    std::thread putter{[&] {
        EXPECT_THROW(
            static_cast<void>(items.put_for(std::move(second), 1h, stop_putting.get_token())),
            cancelled);
    }};
    std::thread joiner{[&] { EXPECT_THROW(items.join(stop_putting.get_token()), cancelled); }};
    until_producers(items, 1);
    stop_putting.request_stop();
    putter.join();
    joiner.join();
    EXPECT_NE(second, nullptr);
    EXPECT_THROW(items.put(std::make_unique<int>(3), stop.get_token()), cancelled)
        << "asked before";
    EXPECT_EQ(**items.try_get(), 1);
    EXPECT_THROW(static_cast<void>(items.get(stop.get_token())), cancelled) << "asked before";
    items.put(std::make_unique<int>(4), stop.get_token());
    EXPECT_EQ(*items.get(stop.get_token()), 4) << "nothing to wait for";
}

// A callback of the same token that runs before the thread's own sees a thread that is asked and
// has not been woken. Which of the two runs first is up to the library; both orders must do.
TEST(mt_queue, a_thread_that_is_about_to_give_up_is_passed_over) {
    mt::queue<int> items{1};
    items.put(1);
    std::stop_source stop;
    std::thread putter{[&] { EXPECT_THROW(items.put(2, stop.get_token()), cancelled); }};
    until_producers(items, 1);
    const std::stop_callback makes_room{stop.get_token(), [&] {
                                            EXPECT_EQ(items.try_get(), 1);
                                            EXPECT_FALSE(items.try_get());
                                        }};
    stop.request_stop();
    putter.join();
    EXPECT_EQ(items.statistics().put, 1U);
    EXPECT_EQ(items.statistics().size, 0U);
}

TEST(mt_queue, without_capacity_a_producer_waits_for_his_consumer) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items{0};
        EXPECT_FALSE(items.try_put(0));
        std::thread producer{[&] {
            for (int i = 0; i < 100; ++i) items.put(i);
            items.close();
        }};
        const numbers got = run(get_all(items), options_for(kind));
        producer.join();
        EXPECT_EQ(got, first_numbers(100));
        EXPECT_EQ(items.statistics().peak_size, 0U);
    });
}

TEST(mt_queue, close_gives_out_the_rest_and_then_tells_everybody) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items{1};
        items.put(1);
        std::thread producer{[&] { EXPECT_THROW(items.put(2), closed); }};
        until_producers(items, 1);
        items.close();
        producer.join();
        EXPECT_THROW(items.put(3), closed);
        EXPECT_EQ(items.get(), 1);
        EXPECT_THROW(static_cast<void>(items.get()), closed);
        EXPECT_EQ(items.next(), std::nullopt);

        mt::queue<int> empty;
        std::thread consumer{[&] { EXPECT_THROW(static_cast<void>(empty.get()), closed); }};
        until_consumers(empty, 1);
        run(
            [](mt::queue<int>& source) -> task<> {
                task_group group;
                group.spawn([&source]() -> task<> {
                    bool was_closed = false;
                    try {
                        static_cast<void>(co_await source.async_get());
                    } catch (const closed&) {
                        was_closed = true;
                    }
                    EXPECT_TRUE(was_closed);
                });
                group.spawn([&source]() -> task<> {
                    co_await passes_until(
                        [&source] { return source.statistics().waiting_consumers == 2; });
                    source.close();
                });
                co_await group.run();
                bool was_closed = false;
                try {
                    co_await source.async_put(1);
                } catch (const closed&) {
                    was_closed = true;
                }
                EXPECT_TRUE(was_closed);
            }(empty),
            options_for(kind));
        consumer.join();
    });
}

/// An item that wants to know about its queue in its last moment.
struct curious_item {
    explicit curious_item(const mt::queue<curious_item>& watched) : home{&watched} {}
    curious_item(curious_item&& other) noexcept : home{std::exchange(other.home, nullptr)} {}
    curious_item& operator=(curious_item&&) = delete;
    ~curious_item() {
        if (home != nullptr) {
            EXPECT_TRUE(home->is_closed());
        }
    }
    const mt::queue<curious_item>* home;
};

TEST(mt_queue, close_now_throws_away_what_is_left_and_counts_it_as_done) {
    mt::queue<curious_item> items;
    for (int i = 0; i < 3; ++i) items.put(curious_item{items});
    std::thread joiner{[&] { items.join(); }};
    items.close_now();
    joiner.join();
    EXPECT_EQ(items.statistics().size, 0U);
    EXPECT_EQ(items.statistics().unfinished, 0U);
    EXPECT_FALSE(items.next());
}

TEST(mt_queue, join_waits_until_every_item_is_done) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items;
        for (int i = 0; i < 100; ++i) items.put(i);
        std::atomic<int> worked{0};
        const auto work = [&] {
            while (items.next()) {
                ++worked;
                items.task_done();
            }
        };
        std::thread joiner{[&] {
            items.join();
            EXPECT_EQ(worked, 100);
        }};
        std::thread one{work};
        std::thread two{work};
        run(
            [](mt::queue<int>& joined, std::atomic<int>& done) -> task<> {
                co_await joined.async_join();
                EXPECT_EQ(done, 100);
                joined.close();
            }(items, worked),
            options_for(kind));
        for (std::thread* each : {&joiner, &one, &two}) each->join();
    });
}

TEST(mt_queue, an_item_handed_to_a_consumer_who_is_cancelled_goes_to_the_next) {
    simulate([]() -> task<> {
        mt::queue<int> items;
        numbers first;
        numbers second;
        task_group group;
        auto doomed = group.spawn(get_into(items, first));
        group.spawn(get_into(items, second));
        group.spawn([&]() -> task<> {
            co_await passes_until([&] { return items.statistics().waiting_consumers == 2; });
            items.put(7);
            doomed.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(first.empty());
        EXPECT_EQ(second, numbers{7});
        EXPECT_EQ(items.statistics().taken, 1U);
    });
}

TEST(mt_queue, without_another_consumer_the_item_goes_back_to_the_front) {
    simulate([]() -> task<> {
        mt::queue<int> items{2};
        numbers got;
        task_group group;
        auto doomed = group.spawn(get_into(items, got));
        group.spawn([&]() -> task<> {
            co_await passes_until([&] { return items.statistics().waiting_consumers == 1; });
            items.put(1);
            items.put(2);
            doomed.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(got.empty());
        EXPECT_EQ(items.try_get(), 1);
        EXPECT_EQ(items.try_get(), 2);
    });
}

TEST(mt_queue, a_cancelled_consumer_lets_a_blocked_thread_have_the_item) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items;
        std::atomic<int> of_thread{0};
        std::thread blocked;
        run(
            [](mt::queue<int>& source, std::atomic<int>& got_there, std::thread& thread) -> task<> {
                numbers got;
                task_group group;
                auto doomed = group.spawn(get_into(source, got));
                group.spawn([&]() -> task<> {
                    co_await passes_until(
                        [&] { return source.statistics().waiting_consumers == 1; });
                    thread = std::thread{[&] { got_there = source.get(); }};
                    co_await passes_until(
                        [&] { return source.statistics().waiting_consumers == 2; });
                    source.put(7);
                    doomed.cancel();
                });
                co_await group.run();
                EXPECT_TRUE(got.empty());
            }(items, of_thread, blocked),
            options_for(kind));
        blocked.join();
        EXPECT_EQ(of_thread, 7);
    });
}

TEST(mt_queue, a_task_that_is_about_to_be_stopped_is_passed_over) {
    simulate([]() -> task<> {
        mt::queue<int> items{1};
        items.put(1);
        task_group group;
        auto doomed = group.spawn(put_one(items, 2));
        auto next = group.spawn(put_one(items, 3));
        group.spawn([&]() -> task<> {
            co_await passes_until([&] { return items.statistics().waiting_producers == 2; });
            doomed.cancel();
            EXPECT_EQ(items.try_get(), 1);
            EXPECT_EQ(items.try_get(), 3) << "a cancelled put never inserts";
        });
        co_await group.run();
        EXPECT_TRUE(doomed.was_cancelled());
        EXPECT_FALSE(next.was_cancelled());
        EXPECT_EQ(items.statistics().put, 2U);
    });
}

// The mark on the task's scope is all there is: its loop has not come to deliver the request.
TEST(mt_queue, another_thread_passes_over_who_is_about_to_be_stopped) {
    run_on_each_real_backend([](backend_kind kind) {
        mt::queue<int> items{1};
        mt::queue<int> empty;
        items.put(1);
        run(
            [](mt::queue<int>& target, mt::queue<int>& source) -> task<> {
                numbers got;
                task_group group;
                auto putter = group.spawn(put_one(target, 2));
                auto getter = group.spawn(get_into(source, got));
                group.spawn([&]() -> task<> {
                    co_await passes_until([&] {
                        return target.statistics().waiting_producers == 1 &&
                               source.statistics().waiting_consumers == 1;
                    });
                    putter.cancel();
                    getter.cancel();
                    std::thread other{[&] {
                        EXPECT_EQ(target.try_get(), 1);
                        EXPECT_FALSE(target.try_get()) << "a cancelled put never inserts";
                        source.put(7);
                        EXPECT_EQ(source.try_get(), 7) << "a cancelled get takes nothing";
                    }};
                    other.join();
                });
                co_await group.run();
                EXPECT_TRUE(putter.was_cancelled());
                EXPECT_TRUE(getter.was_cancelled());
                EXPECT_TRUE(got.empty());
            }(items, empty),
            options_for(kind));
    });
}

TEST(mt_queue, a_losing_branch_of_select_takes_nothing) {
    simulate([]() -> task<> {
        mt::queue<int> left;
        mt::queue<int> right;
        left.put(1);
        right.put(2);
        const auto won = co_await select(left.async_get(), right.async_get());
        EXPECT_EQ(won.index(), 0U);
        EXPECT_EQ(left.statistics().size, 0U);
        EXPECT_EQ(right.statistics().size, 1U);
    });
}

// Whoever wakes a task may still be about it when the task, its loop and its thread have ended.
TEST(mt_queue, a_loop_may_end_as_soon_as_its_task_was_served) {
    run_on_each_real_backend([](backend_kind kind) {
        for (int i = 0; i < 100; ++i) {
            mt::queue<int> items;
            std::thread receiver{[&] {
                EXPECT_EQ(run([](mt::queue<int>& source)
                                  -> task<int> { co_return co_await source.async_get(); }(items),
                              options_for(kind)),
                          i);
            }};
            until_consumers(items, 1);
            items.put(i);
            receiver.join();
        }
    });
}

TEST(mt_queue, statistics_tell_what_has_happened) {
    mt::queue<int> items{3};
    for (int i = 0; i < 3; ++i) items.put(i);
    static_cast<void>(items.get());
    items.task_done();
    const mt::queue_statistics seen = items.statistics();
    EXPECT_EQ(seen.size, 2U);
    EXPECT_EQ(seen.peak_size, 3U);
    EXPECT_EQ(seen.unfinished, 2U);
    EXPECT_EQ(seen.put, 3U);
    EXPECT_EQ(seen.taken, 1U);
    EXPECT_FALSE(seen.is_closed);
}

task<> put_some(mt::queue<int>& target, int first, int count) {
    for (int i = 0; i < count; ++i) co_await target.async_put(first + i);
}

// Cancels every other get a little later, and keeps what the others had.
task<> get_restlessly(mt::queue<int>& source, numbers& got) {
    for (int round = 0; !source.is_closed() || source.statistics().size != 0; ++round) {
        auto next = co_await select(source.async_next(), [](int passes) -> task<> {
            while (passes-- > 0) co_await yield_now();
        }(round % 4));
        if (next.index() != 0) continue;
        const auto& item = std::get<0>(next);
        if (!item) co_return;
        got.push_back(*item);
    }
}

// Threads and tasks of two loops put and get; some gets are cancelled all the time, some puts for
// threads run out of time. In the end every number was seen once.
TEST(mt_queue, loses_and_doubles_nothing_between_many_threads_and_loops) {
    run_on_each_real_backend([](backend_kind kind) {
        for (const std::size_t capacity : {0U, 1U, 16U}) {
            constexpr int count = 300;
            mt::queue<int> items{capacity};
            std::vector<numbers> got(4);
            std::vector<std::thread> producers;
            std::vector<std::thread> consumers;
            consumers.emplace_back([&] {
                while (auto item = items.next()) got[0].push_back(*item);
            });
            consumers.emplace_back([&] {
                try {
                    while (true) {
                        if (auto item = items.get_for(10us)) got[1].push_back(*item);
                    }
                } catch (const closed&) {
                }
            });
            for (const std::size_t each : {2U, 3U}) {
                consumers.emplace_back([&items, &mine = got[each], kind] {
                    run(get_restlessly(items, mine), options_for(kind));
                });
            }
            producers.emplace_back([&] {
                for (int i = 0; i < count; ++i) items.put(i);
            });
            producers.emplace_back([&] {
                for (int i = 0; i < count; ++i) {
                    int item = count + i;
                    while (!items.put_for(std::move(item), 10us)) continue;
                }
            });
            producers.emplace_back(
                [&] { run(put_some(items, 2 * count, count), options_for(kind)); });
            for (std::thread& each : producers) each.join();
            items.close();
            for (std::thread& each : consumers) each.join();
            numbers all;
            for (const numbers& each : got) all.insert(all.end(), each.begin(), each.end());
            while (auto left = items.try_get()) all.push_back(*left);
            std::ranges::sort(all);
            EXPECT_EQ(all, first_numbers(3 * count));
        }
    });
}

using mt_queue_death = testing::Test;

TEST(mt_queue_death, misuse_is_told_with_its_remedy) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     mt::queue<int> items;
                     static_cast<void>(items.get());
                     co_return;
                 }),
                 "with async_ in front");
    EXPECT_DEATH(
        {
            mt::queue<int> items;
            items.task_done();
        },
        "more often than there were items");
    EXPECT_DEATH(
        {
            auto items = std::make_unique<mt::queue<int>>();
            std::thread blocked{[&] { static_cast<void>(items->get()); }};
            until_consumers(*items, 1);
            items.reset();
        },
        "while somebody waits at it");
}

// In the simulated world offload() calls on the loop's own thread: what need not wait is fine.
TEST(mt_queue, a_call_that_need_not_block_may_be_made_anywhere) {
    simulate([]() -> task<> {
        mt::queue<int> items;
        items.put(1);
        const int got =
            co_await offload([](mt::queue<int>* source) { return source->get(); }, &items);
        EXPECT_EQ(got, 1);
    });
}

}  // namespace
}  // namespace simul
