// SPDX-License-Identifier: Apache-2.0
//
// What every primitive that tasks wait at tells of itself.
#include <gtest/gtest.h>

#include "simul/concurrency/barrier.hpp"
#include "simul/concurrency/broadcast.hpp"
#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/once.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/rate_limiter.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/shared_mutex.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/watch.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

// Runs `wait` in `count` tasks, calls `look` when all of them wait, and cancels them.
template <class Wait, class Look>
task<> look_while_tasks_wait(int count, Wait wait, Look look) {
    task_group group;
    for (int each = 0; each != count; ++each) group.spawn(wait);
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        look();
        group.cancel();
    });
    co_await group.run();
}

TEST(statistics, of_a_mutex_name_its_owner) {
    simulate([]() -> task<> {
        mutex lock;
        EXPECT_EQ(lock.statistics().owner, 0U);
        mutex_guard mine = co_await lock.acquire();
        EXPECT_EQ(lock.owner(), this_task::number());
        const auto wait = [&]() -> task<> { const auto guard = co_await lock.acquire(); };
        co_await look_while_tasks_wait(2, wait, [&] {
            const mutex_statistics seen = lock.statistics();
            EXPECT_TRUE(seen.is_held);
            EXPECT_EQ(seen.owner, 1U);
            EXPECT_EQ(seen.waiting, 2U);
        });
        mine.release();
        EXPECT_EQ(lock.owner(), 0U);
        const auto taken = lock.try_acquire();
        EXPECT_EQ(lock.owner(), this_task::number());
    });
}

TEST(statistics, of_a_mutex_follow_it_from_hand_to_hand) {
    simulate([]() -> task<> {
        mutex lock;
        condition changed;
        std::vector<std::uint64_t> owners;
        std::vector<std::uint64_t> numbers;
        task_group group;
        for (int each = 0; each != 2; ++each) {
            group.spawn([&]() -> task<> {
                numbers.push_back(this_task::number());
                mutex_guard guard = co_await lock.acquire();
                owners.push_back(lock.owner());
                co_await changed.wait(guard);
                EXPECT_EQ(lock.owner(), this_task::number());
            });
        }
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(lock.owner(), 0U);
            EXPECT_EQ(changed.statistics().waiting, 2U);
            changed.notify_all();
        });
        co_await group.run();
        EXPECT_EQ(owners, numbers);
        EXPECT_EQ(lock.owner(), 0U);
    });
}

TEST(statistics, of_gates_count_who_waits) {
    simulate([]() -> task<> {
        event flag;
        co_await look_while_tasks_wait(
            3, [&]() -> task<> { co_await flag.wait(); },
            [&] {
                EXPECT_EQ(flag.statistics().waiting, 3U);
                EXPECT_FALSE(flag.statistics().is_set);
            });
        semaphore permits{2};
        const auto hold = [&]() -> task<> {
            const auto permit = co_await permits.acquire();
            co_await sleep_for(1h);
        };
        co_await look_while_tasks_wait(5, hold, [&] {
            EXPECT_EQ(permits.statistics().permits, 2U);
            EXPECT_EQ(permits.statistics().held, 2U);
            EXPECT_EQ(permits.statistics().waiting, 3U);
        });
        barrier line{4};
        co_await look_while_tasks_wait(
            3, [&]() -> task<> { static_cast<void>(co_await line.wait()); },
            [&] {
                EXPECT_EQ(line.statistics().parties, 4U);
                EXPECT_EQ(line.statistics().waiting, 3U);
                EXPECT_FALSE(line.statistics().is_broken);
            });
        rate_limiter rate{1, 1h};
        co_await look_while_tasks_wait(
            3, [&]() -> task<> { co_await rate.acquire(); },
            [&] {
                EXPECT_EQ(rate.statistics().available, 0U);
                EXPECT_EQ(rate.statistics().waiting, 2U);
            });
        once first;
        const auto work = [] { return []() -> task<> { co_await sleep_for(1h); }(); };
        co_await look_while_tasks_wait(
            3, [&]() -> task<> { co_await first.run(work); },
            [&] {
                EXPECT_FALSE(first.statistics().is_done);
                EXPECT_EQ(first.statistics().waiting, 2U);
            });
    });
}

TEST(statistics, of_a_shared_mutex_tell_readers_from_the_writer) {
    simulate([]() -> task<> {
        shared_mutex table;
        const auto reader = table.try_acquire_shared();
        const auto write = [&]() -> task<> { const auto guard = co_await table.acquire(); };
        co_await look_while_tasks_wait(2, write, [&] {
            EXPECT_EQ(table.statistics().readers, 1U);
            EXPECT_FALSE(table.statistics().has_writer);
            EXPECT_EQ(table.statistics().waiting, 2U);
        });
    });
}

TEST(statistics, of_a_queue_tell_what_is_inside_and_who_waits) {
    simulate([]() -> task<> {
        queue<int> items{2};
        const auto put = [&]() -> task<> { co_await items.put(1); };
        co_await look_while_tasks_wait(3, put, [&] {
            const queue_statistics seen = items.statistics();
            EXPECT_EQ(seen.size, 2U);
            EXPECT_EQ(seen.peak_size, 2U);
            EXPECT_EQ(seen.capacity, 2U);
            EXPECT_EQ(seen.unfinished, 2U);
            EXPECT_EQ(seen.waiting_producers, 1U);
            EXPECT_EQ(seen.waiting_consumers, 0U);
            EXPECT_FALSE(seen.is_closed);
        });
    });
}

TEST(statistics, of_what_tells_many_count_readers_and_changes) {
    simulate([]() -> task<> {
        broadcast<int> news{4};
        auto reader = news.subscribe();
        co_await look_while_tasks_wait(
            1, [&]() -> task<> { static_cast<void>(co_await reader.next()); },
            [&] {
                EXPECT_EQ(news.statistics().readers, 1U);
                EXPECT_EQ(news.statistics().waiting_readers, 1U);
                EXPECT_EQ(news.statistics().size, 0U);
                EXPECT_FALSE(news.statistics().is_closed);
            });
        watch<int> level{1};
        auto watcher = level.subscribe();
        const auto before = level.statistics().version;
        level.set(2);
        EXPECT_EQ(level.statistics().version, before + 1);
        co_await watcher.changed();
        co_await look_while_tasks_wait(
            1, [&]() -> task<> { co_await watcher.changed(); },
            [&] { EXPECT_EQ(level.statistics().waiting, 1U); });
    });
}

}  // namespace
}  // namespace simul
