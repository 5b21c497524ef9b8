// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/queue.hpp"

#include <gtest/gtest.h>

#include <memory>
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
using numbers = std::vector<int>;

task<> get_into(queue<int>& source, numbers& got) {
    got.push_back(co_await source.get());
}

task<> put_one(queue<int>& target, int item, numbers& put) {
    co_await target.put(item);
    put.push_back(item);
}

template <class Item>
task<> until_consumers(const queue<Item>& items, std::size_t count) {
    while (items.waiting_consumers() != count) co_await yield_now();
}

template <class Item>
task<> until_producers(const queue<Item>& items, std::size_t count) {
    while (items.waiting_producers() != count) co_await yield_now();
}

task<> some_passes() {
    for (int i = 0; i < 5; ++i) co_await yield_now();
}

TEST(queue, gives_items_in_the_order_in_which_they_were_put) {
    run_on_each_backend([]() -> task<> {
        queue<int> items{2};
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                for (int i = 0; i < 10; ++i) {
                    co_await items.put(i);
                    EXPECT_LE(items.size(), 2U);
                }
                items.close();
            });
            try {
                while (true) got.push_back(co_await items.get());
            } catch (const closed&) {
            }
        });
        EXPECT_EQ(got, (numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    });
}

TEST(queue, suspends_only_where_it_is_promised) {
    simulate([]() -> task<> {
        queue<int> items{2};
        const auto passes = loop::current().statistics().passes;
        co_await items.put(1);
        co_await items.put(2);
        const auto answer_3 = co_await items.get();
        EXPECT_EQ(answer_3, 1);
        const auto answer_4 = co_await items.get();
        EXPECT_EQ(answer_4, 2);
        items.task_done();
        items.task_done();
        co_await items.join();
        EXPECT_EQ(loop::current().statistics().passes, passes);
        const auto answer_5 = co_await move_on_after(1s, items.get());
        EXPECT_FALSE(answer_5);
        co_await items.put(1);
        co_await items.put(2);
        const auto answer_6 = co_await move_on_after(1s, items.put(3));
        EXPECT_FALSE(answer_6);
        const auto answer_7 = co_await move_on_after(1s, items.join());
        EXPECT_FALSE(answer_7);
        EXPECT_EQ(items.size(), 2U);
        EXPECT_EQ(items.waiting_consumers() + items.waiting_producers(), 0U);
    });
}

TEST(queue, try_get_and_try_put_never_wait) {
    queue<std::unique_ptr<int>> items{1};
    EXPECT_FALSE(items.try_get());
    EXPECT_TRUE(items.try_put(std::make_unique<int>(1)));
    auto second = std::make_unique<int>(2);
    EXPECT_FALSE(items.try_put(std::move(second)));
    ASSERT_NE(second, nullptr) << "untouched when there is no room";
    EXPECT_EQ(**items.try_get(), 1);
    EXPECT_TRUE(items.empty());
    items.close();
    EXPECT_FALSE(items.try_put(std::move(second)));
    EXPECT_NE(second, nullptr);
    EXPECT_EQ(items.capacity(), 1U);
}

TEST(queue, moves_items_that_cannot_be_copied) {
    simulate([]() -> task<> {
        queue<std::unique_ptr<int>> items{1};
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                for (int i = 0; i < 3; ++i) co_await items.put(std::make_unique<int>(i));
            });
            for (int i = 0; i < 3; ++i) {
                const auto item = co_await items.get();
                EXPECT_EQ(*item, i);
            }
        });
    });
}

// K8: an item that was handed to a consumer cannot be taken by one who comes later.
TEST(queue, an_item_for_a_waiting_consumer_cannot_be_stolen) {
    simulate([]() -> task<> {
        queue<int> items;
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(get_into(items, got));
            co_await until_consumers(items, 1);
            co_await items.put(1);
            EXPECT_TRUE(items.empty());
            EXPECT_FALSE(items.try_get());
        });
        EXPECT_EQ(got, numbers{1});
    });
}

TEST(queue, waiting_producers_are_served_in_the_order_of_arrival) {
    simulate([]() -> task<> {
        queue<int> items{1};
        numbers put;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 4; ++i) group.spawn(put_one(items, i, put));
            co_await until_producers(items, 3);
            EXPECT_FALSE(items.try_put(9)) << "may not overtake";
            for (int i = 0; i < 4; ++i) {
                const int item = co_await items.get();
                EXPECT_EQ(item, i);
            }
        });
        EXPECT_EQ(put, (numbers{0, 1, 2, 3}));
        EXPECT_EQ(items.unfinished(), 4U);
    });
}

// T40.
TEST(queue, one_producer_and_one_consumer_with_room_for_one_item_do_not_hang) {
    run_on_each_backend([]() -> task<> {
        queue<int> items{1};
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                for (int i = 0; i < 5; ++i) {
                    co_await items.put(i);
                    co_await yield_now();
                }
            });
            for (int i = 0; i < 5; ++i) {
                co_await yield_now();
                got.push_back(co_await items.get());
            }
        });
        EXPECT_EQ(got, (numbers{0, 1, 2, 3, 4}));
    });
}

TEST(queue, without_capacity_a_producer_waits_for_his_consumer) {
    simulate([]() -> task<> {
        queue<int> items{0};
        numbers put;
        EXPECT_FALSE(items.try_put(1));
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(put_one(items, 1, put));
            group.spawn(put_one(items, 2, put));
            co_await until_producers(items, 2);
            EXPECT_EQ(items.size(), 0U);
            const auto answer_8 = co_await items.get();
            EXPECT_EQ(answer_8, 1);
            EXPECT_EQ(items.try_get(), 2);
            EXPECT_FALSE(items.try_get());
            co_await yield_now();
            EXPECT_EQ(put, (numbers{1, 2}));

            numbers got;
            task_group consumers;
            consumers.spawn(get_into(items, got));
            consumers.spawn([&]() -> task<> {
                EXPECT_EQ(items.waiting_consumers(), 1U);
                EXPECT_TRUE(items.try_put(3));
                EXPECT_FALSE(items.try_put(4));
                co_return;
            });
            co_await consumers.run();
            EXPECT_EQ(got, numbers{3});
        });
        EXPECT_EQ(items.unfinished(), 3U);
    });
}

// Q2 and C9, in both orders of one turn.
TEST(queue, a_consumer_that_is_woken_and_cancelled_hands_the_item_to_the_next) {
    for (const bool put_first : {true, false}) {
        simulate([&]() -> task<> {
            queue<int> items;
            numbers got;
            co_await with_task_group([&](task_group& group) -> task<> {
                auto first = group.spawn(get_into(items, got));
                group.spawn(get_into(items, got));
                co_await until_consumers(items, 2);
                if (!put_first) first.cancel();
                EXPECT_TRUE(items.try_put(1));
                if (put_first) first.cancel();
                co_await some_passes();
                EXPECT_TRUE(first.was_cancelled());
            });
            EXPECT_EQ(got, numbers{1});
            EXPECT_TRUE(items.empty());
            EXPECT_EQ(items.unfinished(), 1U);
        });
    }
}

TEST(queue, without_another_consumer_the_item_goes_back_to_the_front) {
    simulate([]() -> task<> {
        queue<int> items{1};
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto only = group.spawn(get_into(items, got));
            co_await until_consumers(items, 1);
            EXPECT_TRUE(items.try_put(1));
            only.cancel();
            EXPECT_TRUE(items.try_put(2)) << "the first one is on its way";
            co_await some_passes();
            EXPECT_TRUE(only.was_cancelled());
            EXPECT_EQ(items.size(), 2U) << "for the moment one too many";
            EXPECT_FALSE(items.try_put(3));
            const auto answer_9 = co_await items.get();
            EXPECT_EQ(answer_9, 1);
            EXPECT_FALSE(items.try_put(3)) << "still full";
            const auto answer_10 = co_await items.get();
            EXPECT_EQ(answer_10, 2);
        });
        EXPECT_TRUE(got.empty());
    });
}

TEST(queue, a_consumer_who_is_about_to_be_stopped_gets_nothing) {
    simulate([]() -> task<> {
        queue<int> items{1};
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto doomed = group.spawn(get_into(items, got));
            co_await until_consumers(items, 1);
            doomed.cancel();
            EXPECT_TRUE(items.try_put(1));
            EXPECT_FALSE(items.try_put(2)) << "it is inside, not on its way";
            EXPECT_EQ(items.waiting_consumers(), 0U);
            co_await some_passes();
            EXPECT_TRUE(doomed.was_cancelled());
        });
        EXPECT_TRUE(got.empty());
        EXPECT_EQ(items.try_get(), 1);
    });
}

TEST(queue, a_cancelled_consumer_takes_nothing) {
    simulate([]() -> task<> {
        queue<int> items;
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto before_start = group.spawn(get_into(items, got));
            before_start.cancel();
            auto suspended = group.spawn(get_into(items, got));
            co_await until_consumers(items, 1);
            suspended.cancel();
            co_await until_consumers(items, 0);
            co_await items.put(1);
            co_await some_passes();
            EXPECT_EQ(items.size(), 1U);
            group.spawn([&]() -> task<> {
                group.cancel();
                co_await get_into(items, got);  // stopped, although an item is there
            });
            co_await some_passes();
        });
        EXPECT_TRUE(got.empty());
        EXPECT_EQ(items.size(), 1U);
    });
}

TEST(queue, a_cancelled_producer_inserts_nothing_and_its_item_is_destroyed) {
    simulate([]() -> task<> {
        int alive = 0;
        queue<counted_object> items{1};
        co_await items.put(counted_object{alive});
        EXPECT_EQ(alive, 1);
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiting =
                group.spawn([&]() -> task<> { co_await items.put(counted_object{alive}); });
            co_await until_producers(items, 1);
            EXPECT_GE(alive, 2);
            waiting.cancel();
            co_await until_producers(items, 0);
            EXPECT_EQ(alive, 1);
            EXPECT_TRUE(items.try_get());
            EXPECT_EQ(alive, 0);
            EXPECT_TRUE(items.empty());
        });
        EXPECT_EQ(items.unfinished(), 1U);
    });
}

// C6: the item is inside, so the producer goes on with that and is stopped at its next await.
TEST(queue, a_producer_that_was_served_and_then_cancelled_has_put_its_item_once) {
    simulate([]() -> task<> {
        queue<int> items{1};
        numbers put;
        co_await items.put(1);
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiting = group.spawn([&]() -> task<> {
                co_await put_one(items, 2, put);
                co_await yield_now();
                put.push_back(99);
            });
            co_await until_producers(items, 1);
            EXPECT_EQ(items.try_get(), 1);
            waiting.cancel();
            co_await some_passes();
            EXPECT_TRUE(waiting.was_cancelled());
            EXPECT_EQ(items.try_get(), 2);
        });
        EXPECT_EQ(put, numbers{2});
    });
}

TEST(queue, destroys_every_item_exactly_once) {
    simulate([]() -> task<> {
        int alive = 0;
        {
            queue<counted_object> items;
            for (int i = 0; i < 5; ++i) co_await items.put(counted_object{alive});
            EXPECT_EQ(alive, 5);
            static_cast<void>(co_await items.get());
            EXPECT_EQ(alive, 4);
            co_await with_task_group([&](task_group& group) -> task<> {
                auto waiting = group.spawn([&]() -> task<> {
                    for (int i = 0; i < 5; ++i) static_cast<void>(co_await items.get());
                });
                co_await until_consumers(items, 1);
                EXPECT_EQ(alive, 0);
                EXPECT_TRUE(items.try_put(counted_object{alive}));
                waiting.cancel();
            });
            EXPECT_EQ(alive, 1) << "given back";
            static_cast<void>(items.put(counted_object{alive}));  // never awaited
            EXPECT_EQ(alive, 1);
        }
        EXPECT_EQ(alive, 0);
    });
}

TEST(queue, close_lets_consumers_take_the_rest_and_then_tells_them) {
    run_on_each_backend([]() -> task<> {
        queue<int> items;
        co_await items.put(1);
        co_await items.put(2);
        items.close();
        EXPECT_TRUE(items.is_closed());
        const auto answer_11 = co_await items.get();
        EXPECT_EQ(answer_11, 1);
        bool refused = false;
        try {
            co_await items.put(3);
        } catch (const closed&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        const auto answer_12 = co_await items.get();
        EXPECT_EQ(answer_12, 2);
        for (int i = 0; i < 2; ++i) {
            const auto answer_13 = (co_await as_outcome(items.get())).has_error();
            EXPECT_TRUE(answer_13);
        }
        items.close();  // again: nothing happens
    });
}

TEST(queue, close_wakes_consumers_and_producers_that_wait) {
    simulate([]() -> task<> {
        queue<int> empty;
        queue<int> full{1};
        co_await full.put(1);
        int told = 0;
        const auto get = [&]() -> task<> {
            try {
                static_cast<void>(co_await empty.get());
            } catch (const closed&) {
                ++told;
            }
        };
        const auto put = [&]() -> task<> {
            try {
                co_await full.put(7);
            } catch (const closed&) {
                ++told;
            }
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 3; ++i) group.spawn(get);
            for (int i = 0; i < 2; ++i) group.spawn(put);
            co_await until_consumers(empty, 3);
            co_await until_producers(full, 2);
            empty.close();
            full.close();
            EXPECT_EQ(empty.waiting_consumers() + full.waiting_producers(), 0U);
        });
        EXPECT_EQ(told, 5);
        EXPECT_EQ(full.size(), 1U) << "what was refused is not inside";
        EXPECT_EQ(full.unfinished(), 1U);
    });
}

// The second consumer was told of the close in the same pass in which the first gave its item back.
TEST(queue, an_item_given_back_after_the_close_reaches_a_consumer_that_waits) {
    simulate([]() -> task<> {
        queue<int> items;
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto first = group.spawn(get_into(items, got));
            group.spawn(get_into(items, got));
            co_await until_consumers(items, 2);
            EXPECT_TRUE(items.try_put(1));
            items.close();
            first.cancel();
        });
        EXPECT_EQ(got, numbers{1});
        EXPECT_TRUE(items.empty());
    });
}

TEST(queue, join_waits_until_every_item_was_reported_done) {
    simulate([]() -> task<> {
        queue<int> items;
        bool joined = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            co_await items.put(1);
            co_await items.put(2);
            group.spawn([&]() -> task<> {
                co_await items.join();
                joined = true;
            });
            co_await items.get();
            co_await items.get();
            co_await some_passes();
            EXPECT_FALSE(joined) << "it counts unfinished items, not those inside";
            items.task_done();
            co_await some_passes();
            EXPECT_FALSE(joined);
            EXPECT_EQ(items.unfinished(), 1U);
            items.task_done();
            EXPECT_FALSE(joined) << "it continues in a later turn";
        });
        EXPECT_TRUE(joined);
    });
}

TEST(queue, join_counts_items_of_producers_that_waited) {
    simulate([]() -> task<> {
        queue<int> items{1};
        numbers put;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 3; ++i) group.spawn(put_one(items, i, put));
            co_await until_producers(items, 2);
            EXPECT_EQ(items.unfinished(), 1U);
            for (int i = 0; i < 3; ++i) {
                co_await items.get();
                items.task_done();
            }
            co_await items.join();
        });
        EXPECT_EQ(items.unfinished(), 0U);
    });
}

TEST(queue, checks_that_task_done_is_not_called_too_often) {
    EXPECT_DEATH(
        {
            queue<int> items;
            static_cast<void>(items.try_put(1));
            items.task_done();
            items.task_done();
        },
        "more often than there were items");
}

// T41, Q1.
TEST(queue, close_now_counts_what_it_throws_away_as_done) {
    simulate([]() -> task<> {
        int alive = 0;
        queue<counted_object> items;
        bool joined = false;
        co_await items.put(counted_object{alive});
        co_await items.put(counted_object{alive});
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                co_await items.join();
                joined = true;
            });
            static_cast<void>(co_await items.get());
            items.close_now();
            EXPECT_EQ(alive, 0);
            EXPECT_TRUE(items.empty());
            co_await some_passes();
            EXPECT_FALSE(joined) << "one was taken and is not done";
            EXPECT_EQ(items.unfinished(), 1U);
            items.task_done();
        });
        EXPECT_TRUE(joined);
        const auto answer_14 = (co_await as_outcome(items.get())).has_error();
        EXPECT_TRUE(answer_14);
    });
}

TEST(queue, close_now_joins_at_once_when_nothing_was_taken) {
    simulate([]() -> task<> {
        queue<int> items;
        for (int i = 0; i < 3; ++i) co_await items.put(i);
        items.close_now();
        co_await items.join();
        EXPECT_EQ(items.unfinished(), 0U);
    });
}

TEST(queue, an_item_given_back_after_close_now_is_thrown_away_too) {
    simulate([]() -> task<> {
        int alive = 0;
        queue<counted_object> items;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto only = group.spawn([&]() -> task<> { static_cast<void>(co_await items.get()); });
            co_await until_consumers(items, 1);
            EXPECT_TRUE(items.try_put(counted_object{alive}));
            items.close_now();
            EXPECT_EQ(items.unfinished(), 1U) << "on its way to the consumer";
            only.cancel();
            co_await items.join();
            EXPECT_TRUE(only.was_cancelled());
        });
        EXPECT_EQ(alive, 0);
        EXPECT_TRUE(items.empty());
    });
}

// Exactly one branch takes something.
TEST(queue, a_branch_of_a_select_that_lost_in_the_same_pass_gives_its_item_back) {
    for (const bool item_first : {true, false}) {
        SCOPED_TRACE(item_first);
        simulate([&]() -> task<> {
            queue<int> items;
            queue<int> others;
            numbers got;
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn([&]() -> task<> {
                    auto first = co_await select(items.get(), others.get());
                    EXPECT_EQ(first.index(), item_first ? 0U : 1U);
                    got.push_back(first.index() == 0 ? std::get<0>(first) : std::get<1>(first));
                });
                co_await until_consumers(items, 1);
                EXPECT_TRUE((item_first ? items : others).try_put(1));
                EXPECT_TRUE((item_first ? others : items).try_put(2));
                EXPECT_EQ((item_first ? others : items).size(), 1U) << "given back at once";
            });
            EXPECT_EQ(got, numbers{1});
            EXPECT_EQ(items.size() + others.size(), 1U);
            EXPECT_EQ((item_first ? others : items).try_get(), 2);
        });
    }
}

TEST(queue, two_branches_on_one_queue_take_one_item) {
    simulate([]() -> task<> {
        queue<int> items;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                auto first = co_await select(items.get(), items.get());
                EXPECT_EQ(first.index(), 0U);
                EXPECT_EQ(std::get<0>(first), 1);
            });
            co_await until_consumers(items, 2);
            EXPECT_TRUE(items.try_put(1));
            EXPECT_TRUE(items.try_put(2));
        });
        EXPECT_EQ(items.try_get(), 2);
    });
}

TEST(queue, a_put_that_lost_takes_nothing_in) {
    for (const bool full : {false, true}) {
        simulate([full]() -> task<> {
            queue<int> items{full ? 1U : 0U};
            event stop;
            if (full) co_await items.put(1);
            std::size_t won = 9;
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn([&]() -> task<> {
                    won = (co_await select(items.put(2), stop.wait())).index();
                });
                co_await until_producers(items, 1);
                stop.set();  // in the same turn room is made for the item
                const auto answer = items.try_get();
                EXPECT_EQ(answer, full ? std::optional{1} : std::nullopt);
                EXPECT_EQ(items.try_get(), std::nullopt);
            });
            EXPECT_EQ(won, 1U);
            EXPECT_EQ(items.size(), 0U);
            EXPECT_EQ(items.unfinished(), full ? 1U : 0U);
        });
    }
}

TEST(queue, a_put_that_won_stays_in_though_its_rival_came_in_the_same_turn) {
    simulate([]() -> task<> {
        queue<int> items{0};
        queue<int> others;
        std::size_t won = 9;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(
                [&]() -> task<> { won = (co_await select(items.put(2), others.get())).index(); });
            co_await until_producers(items, 1);
            EXPECT_EQ(items.try_get(), 2);
            EXPECT_TRUE(others.try_put(1));
        });
        EXPECT_EQ(won, 0U);
        EXPECT_EQ(others.try_get(), 1);
    });
}

TEST(queue, a_producer_who_is_about_to_be_stopped_does_not_hold_up_the_next) {
    simulate([]() -> task<> {
        queue<int> items{1};
        numbers put;
        co_await items.put(0);
        co_await with_task_group([&](task_group& group) -> task<> {
            auto doomed = group.spawn(put_one(items, 1, put));
            co_await until_producers(items, 1);
            group.spawn(put_one(items, 2, put));
            co_await until_producers(items, 2);
            doomed.cancel();
            EXPECT_EQ(items.try_get(), 0);
            EXPECT_EQ(items.try_get(), 2);
            EXPECT_EQ(items.try_get(), std::nullopt);
        });
        EXPECT_EQ(put, numbers{2});
    });
}

TEST(queue, next_says_that_there_is_no_more) {
    simulate([]() -> task<> {
        queue<int> items;
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                while (const auto item = co_await items.next()) got.push_back(*item);
            });
            co_await items.put(1);
            co_await until_consumers(items, 1);
            co_await items.put(2);
            co_await until_consumers(items, 1);
            items.close();
        });
        EXPECT_EQ(got, (numbers{1, 2}));
        EXPECT_EQ(items.peak_size(), 1U);
    });
}

TEST(queue, an_empty_queue_gives_the_memory_of_many_items_back) {
    simulate([]() -> task<> {
        const auto shared = std::make_shared<int>(1);
        queue<std::shared_ptr<int>> items;
        for (int round = 0; round < 3; ++round) {
            for (int count = 0; count < 1000; ++count) co_await items.put(shared);
            while (items.try_get()) continue;
            EXPECT_EQ(shared.use_count(), 1);
        }
    });
}

TEST(queue, a_time_out_in_the_pass_of_the_item_loses_nothing) {
    simulate([]() -> task<> {
        queue<int> items;
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                if (auto item = co_await move_on_after(1s, items.get())) got.push_back(*item);
            });
            co_await until_consumers(items, 1);
            co_await sleep_for(1s);
            EXPECT_TRUE(items.try_put(1));
        });
        EXPECT_EQ(got.size() + items.size(), 1U);
    });
}

TEST(queue, many_consumers_that_lost_pass_an_item_on_without_nesting) {
    simulate([]() -> task<> {
        constexpr std::size_t count = 20'000;
        queue<int> items;
        event stop;
        std::size_t stopped = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (std::size_t i = 0; i < count; ++i) {
                group.spawn([&]() -> task<> {
                    const auto first = co_await select(stop.wait(), items.get());
                    stopped += first.index() == 0 ? 1 : 0;
                });
            }
            co_await until_consumers(items, count);
            stop.set();
            EXPECT_TRUE(items.try_put(1));
            EXPECT_EQ(items.size(), 1U);
        });
        EXPECT_EQ(stopped, count);
        EXPECT_EQ(items.try_get(), 1);
    });
}

// S085 as a stress: the number of consumers should be no problem.
TEST(queue, a_hundred_thousand_consumers_share_one_queue) {
    simulate([]() -> task<> {
        constexpr int count = 100'000;
        queue<int> items;
        long long sum = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < count; ++i) {
                group.spawn([&]() -> task<> {
                    sum += co_await items.get();
                    items.task_done();
                });
            }
            co_await until_consumers(items, count);
            for (int i = 1; i <= count; ++i) co_await items.put(i);
            co_await items.join();
        });
        EXPECT_EQ(sum, static_cast<long long>(count) * (count + 1) / 2);
    });
}

// S087: join, then cancel the consumers, who would wait for ever.
TEST(queue, production_ends_with_a_join_and_a_cancel) {
    simulate([]() -> task<> {
        queue<int> items{3};
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            task_group producers;
            std::vector<task_handle<>> consumers;
            for (int i = 0; i < 4; ++i) {
                consumers.push_back(group.spawn([&]() -> task<> {
                    while (true) {
                        got.push_back(co_await items.get());
                        co_await sleep_for(10ms);
                        items.task_done();
                    }
                }));
            }
            for (int i = 0; i < 2; ++i) {
                producers.spawn([&]() -> task<> {
                    for (int item = 0; item < 10; ++item) co_await items.put(item);
                });
            }
            co_await producers.run();
            co_await items.join();
            EXPECT_EQ(got.size(), 20U);
            for (auto& consumer : consumers) consumer.cancel();
        });
        EXPECT_EQ(items.unfinished(), 0U);
        EXPECT_EQ(items.waiting_consumers(), 0U);
    });
}

}  // namespace
}  // namespace simul
