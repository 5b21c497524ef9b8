// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about queues and channels. Those about streams are in
// tests/unit/io/stream_rules_test.cpp.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"

namespace simul {
namespace {

// An item that was taken is still unfinished: join waits for its task_done, not for an empty queue.
EVERY_WORLD_TEST(Q1, join_waits_for_items_that_were_taken_and_are_not_done) {
    queue<int> jobs;
    bool joined = false;
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await jobs.put(1);
        co_await jobs.put(2);
        group.spawn([&]() -> task<> {
            co_await jobs.join();
            joined = true;
        });
        for (int number = 1; number <= 2; ++number) {
            const int job = co_await jobs.get();
            EXPECT_EQ(job, number);
        }
        EXPECT_TRUE(jobs.empty());
        for (int left = 2; left != 0; --left) {
            co_await testing::wait_until_all_blocked();
            EXPECT_FALSE(joined) << left << " are unfinished";
            jobs.task_done();
        }
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(joined);
    });
}

// The item of a producer who waits for room does not count before it is inside.
EVERY_WORLD_TEST(Q1, item_counts_from_the_moment_in_which_it_is_inside) {
    queue<int> jobs{1};
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await jobs.put(1);
        auto waiting = group.spawn([&]() -> task<> { co_await jobs.put(2); });
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(jobs.unfinished(), 1U);
        waiting.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(waiting.was_cancelled());
        EXPECT_EQ(jobs.unfinished(), 1U);
        const int job = co_await jobs.get();
        EXPECT_EQ(job, 1);
        jobs.task_done();
        co_await jobs.join();
    });
    EXPECT_EQ(jobs.waiting_producers(), 0U);
}

task<> report_too_much() {
    queue<int> jobs;
    co_await jobs.put(1);
    jobs.task_done();
    jobs.task_done();
}

// Saying done more often than there were items is misuse.
TEST(Q1, one_task_done_too_many_is_refused) {
    EXPECT_DEATH(testing::run_test(&report_too_much),
                 "task_done was called more often than there were items");
}

task<> report_after_closing_at_once() {
    queue<int> jobs;
    co_await jobs.put(1);
    co_await jobs.put(2);
    const int taken = co_await jobs.get();
    EXPECT_EQ(taken, 1);
    jobs.close_now();
    jobs.task_done();
    co_await jobs.join();
    std::fputs("joined; ", stderr);
    jobs.task_done();
}

// Two items, one of them taken, and the queue is closed at once: join waits for the taken one, and
// ends with it.
EVERY_WORLD_TEST(T41, closing_at_once_leaves_the_taken_item_to_be_done) {
    queue<int> jobs;
    bool joined = false;
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await jobs.put(1);
        co_await jobs.put(2);
        const int taken = co_await jobs.get();
        EXPECT_EQ(taken, 1);
        group.spawn([&]() -> task<> {
            co_await jobs.join();
            joined = true;
        });
        co_await testing::wait_until_all_blocked();
        jobs.close_now();
        EXPECT_TRUE(jobs.empty());
        EXPECT_EQ(jobs.unfinished(), 1U);
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(joined);
        jobs.task_done();
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(joined);
    });
}

// And one more report is misuse.
TEST(T41, second_report_after_closing_at_once_is_refused) {
    EXPECT_DEATH(testing::run_test(&report_after_closing_at_once),
                 "joined; .*task_done was called more often than there were items");
}

// Closing at once with nothing taken ends those who wait to join, to get and to put.
EVERY_WORLD_TEST(Q1, closing_at_once_ends_everybody_who_waits) {
    queue<int> jobs{1};
    int refused = 0;
    bool joined = false;
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await jobs.put(1);
        group.spawn([&]() -> task<> {
            co_await jobs.join();
            joined = true;
        });
        group.spawn([&]() -> task<> {
            try {
                co_await jobs.put(2);
                ADD_FAILURE() << "there is no room";
            } catch (const closed&) {
                ++refused;
            }
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(jobs.waiting_producers(), 1U);
        jobs.close_now();
        const std::optional<int> none = co_await jobs.next();
        EXPECT_EQ(none, std::nullopt);
    });
    EXPECT_TRUE(joined);
    EXPECT_EQ(refused, 1);
    EXPECT_EQ(jobs.unfinished(), 0U);
}

// Consumers are cancelled in all stages, waiting or with an item on its way: every item arrives
// once.
EVERY_WORLD_TEST(Q2, items_of_cancelled_consumers_reach_others_once) {
    queue<int> items;
    std::vector<int> arrived;
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto take_one = [&]() -> task<> {
            const int item = co_await items.get();
            arrived.push_back(item);
        };
        std::vector<task_handle<>> consumers;
        for (int number = 0; number != 4; ++number) {
            consumers.push_back(group.spawn(take_one));
            co_await testing::wait_until_all_blocked();
        }
        consumers[3].cancel();
        co_await items.put(1);
        co_await items.put(2);
        consumers[0].cancel();
        co_await items.put(3);
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(consumers[3].was_cancelled());
        while (std::optional<int> left = items.try_get()) arrived.push_back(*left);
        // Tasks of one pass note their items in any order.
        std::sort(arrived.begin(), arrived.end());
        EXPECT_EQ(arrived, (std::vector<int>{1, 2, 3}));
        EXPECT_EQ(items.waiting_consumers(), 0U);
    });
}

// The only consumer is cancelled with the item on its way: it is the next item again.
EVERY_WORLD_TEST(Q2, item_on_its_way_to_a_cancelled_consumer_goes_back_to_the_front) {
    queue<int> items;
    co_await with_task_group([&](task_group& group) -> task<> {
        std::optional<int> got;
        auto consumer = group.spawn([&]() -> task<> {
            const int item = co_await items.get();
            got = item;
        });
        co_await testing::wait_until_all_blocked();
        co_await items.put(1);
        co_await items.put(2);
        consumer.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(consumer.was_cancelled());
        EXPECT_EQ(got, std::nullopt);
        EXPECT_EQ(items.size(), 2U);
        for (int expected = 1; expected <= 2; ++expected) {
            const int item = co_await items.get();
            EXPECT_EQ(item, expected);
        }
    });
}

// A producer who is cancelled while he waits puts nothing, also if room appears in that moment, and
// those behind him come up.
EVERY_WORLD_TEST(Q2, cancelled_producer_puts_nothing_and_holds_nobody_up) {
    queue<int> items{1};
    std::vector<int> arrived;
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await items.put(0);
        std::vector<task_handle<>> producers;
        for (int number = 1; number <= 3; ++number) {
            producers.push_back(group.spawn([&, number]() -> task<> {
                co_await items.put(number);
                co_await yield_now();
            }));
            co_await testing::wait_until_all_blocked();
        }
        producers[0].cancel();
        const std::optional<int> first = items.try_get();
        EXPECT_EQ(first, 0);
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(producers[0].was_cancelled());
        EXPECT_EQ(items.unfinished(), 2U);
        for (int left = 2; left != 0; --left) {
            const int item = co_await items.get();
            arrived.push_back(item);
        }
        EXPECT_EQ(items.try_get(), std::nullopt);
    });
    EXPECT_EQ(arrived, (std::vector<int>{2, 3}));
}

// Whoever is asked to stop before he begins neither takes nor puts.
EVERY_WORLD_TEST(Q2, task_that_is_asked_to_stop_neither_takes_nor_puts) {
    queue<int> full;
    queue<int> empty;
    co_await full.put(1);
    task_group group;
    group.spawn([&]() -> task<> {
        group.cancel();
        const int item = co_await full.get();
        ADD_FAILURE() << item;
    });
    co_await group.run();
    task_group other;
    other.spawn([&]() -> task<> {
        other.cancel();
        co_await empty.put(2);
        ADD_FAILURE() << "it went on";
    });
    co_await other.run();
    EXPECT_EQ(full.size(), 1U);
    EXPECT_EQ(empty.size(), 0U);
    EXPECT_EQ(empty.unfinished(), 0U);
}

// One place, five items, one producer and one consumer who wait for each other in turns.
EVERY_WORLD_TEST(T40, queue_with_one_place_carries_five_items_without_a_hang) {
    queue<int> items{1};
    std::vector<int> arrived;
    task_group group;
    group.spawn([&]() -> task<> {
        for (int item = 0; item != 5; ++item) co_await items.put(item);
        items.close();
    });
    group.spawn([&]() -> task<> {
        while (true) {
            const std::optional<int> item = co_await items.next();
            if (!item) break;
            arrived.push_back(*item);
        }
    });
    co_await group.run();
    EXPECT_EQ(arrived, (std::vector<int>{0, 1, 2, 3, 4}));
    EXPECT_LE(items.peak_size(), 1U);
}

// What a receiver waits for goes to him; who only looks in, a moment later, gets nothing.
EVERY_WORLD_TEST(K8, item_on_its_way_to_a_receiver_cannot_be_taken_by_another) {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, unbounded}) {
        auto ends = make_channel<int>(capacity);
        receiver<int> thief = ends.second.clone();
        std::optional<int> got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const int item = co_await ends.second.receive();
                got = item;
            });
            co_await testing::wait_until_all_blocked();
            EXPECT_TRUE(ends.first.try_send(1));
            EXPECT_EQ(thief.try_receive(), std::nullopt);
            co_await yield_now();
            EXPECT_EQ(thief.try_receive(), std::nullopt);
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(got, 1);
        });
    }
}

// Room that was made for a waiting sender is his, too.
EVERY_WORLD_TEST(K8, room_made_for_a_waiting_sender_cannot_be_taken_by_another) {
    auto ends = make_channel<int>(1);
    sender<int> pusher = ends.first.clone();
    co_await ends.first.send(1);
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> { co_await ends.first.send(2); });
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(ends.second.try_receive(), 1);
        EXPECT_FALSE(pusher.try_send(3));
        const int next = co_await ends.second.receive();
        EXPECT_EQ(next, 2);
    });
}

// Receivers who come back for more, each behind the others, get the items in turns.
EVERY_WORLD_TEST(K8, receivers_who_wait_are_served_in_the_order_of_their_arrival) {
    queue<int> items;
    std::vector<std::pair<int, int>> got;
    co_await with_task_group([&](task_group& group) -> task<> {
        for (int number = 0; number != 3; ++number) {
            group.spawn([&, number]() -> task<> {
                for (int turn = 0; turn != 2; ++turn) {
                    const int item = co_await items.get();
                    got.emplace_back(item, number);
                }
            });
            co_await testing::wait_until_all_blocked();
        }
        for (int item = 0; item != 6; ++item) {
            co_await items.put(item);
            co_await testing::wait_until_all_blocked();
        }
    });
    const std::vector<std::pair<int, int>> in_turns{{0, 0}, {1, 1}, {2, 2}, {3, 0}, {4, 1}, {5, 2}};
    EXPECT_EQ(got, in_turns);
}

}  // namespace
}  // namespace simul
