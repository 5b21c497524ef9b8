// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about locks.
#include <string>
#include <vector>

#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/shared_mutex.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"

namespace simul {
namespace {

// A waiter that was woken, and is cancelled before its turn, hands the lock on.
EVERY_WORLD_TEST(T32, woken_waiter_that_is_cancelled_passes_the_lock_on) {
    mutex lock;
    std::optional<mutex_guard> held = lock.try_acquire();
    int entered = 0;
    task_group group;
    const auto enter = [&]() -> task<> {
        const mutex_guard guard = co_await lock.acquire();
        ++entered;
    };
    auto first = group.spawn(enter);
    group.spawn(enter);
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        held.reset();
        first.cancel();
    });
    co_await group.run();
    EXPECT_FALSE(lock.is_held());
    EXPECT_GE(entered, 1);
    EXPECT_EQ(entered, first.was_cancelled() ? 1 : 2);
}

// Of four who wait two are cancelled, then the lock is released once: it is the third's, and the
// fourth waits on.
EVERY_WORLD_TEST(T35, release_after_two_cancels_reaches_the_third_waiter_alone) {
    mutex lock;
    std::optional<mutex_guard> held = lock.try_acquire();
    event leave;
    std::vector<int> entered;
    co_await with_task_group([&](task_group& group) -> task<> {
        std::vector<task_handle<>> waiters;
        for (int number = 1; number <= 4; ++number) {
            waiters.push_back(group.spawn([&, number]() -> task<> {
                const mutex_guard guard = co_await lock.acquire();
                entered.push_back(number);
                co_await leave.wait();
            }));
            co_await testing::wait_until_all_blocked();
        }
        waiters[0].cancel();
        waiters[1].cancel();
        held.reset();
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(entered, std::vector<int>{3});
        EXPECT_EQ(lock.waiting(), 1U);
        leave.set();
    });
    EXPECT_EQ(entered, (std::vector<int>{3, 4}));
    EXPECT_FALSE(lock.is_held());
}

// Looks, while it goes, whether the mutex of its guard is really held.
class held_at_the_end {
public:
    held_at_the_end(const mutex& lock, const mutex_guard& guard, int& times)
        : lock_{lock}, guard_{guard}, times_{times} {}
    held_at_the_end(const held_at_the_end&) = delete;
    held_at_the_end& operator=(const held_at_the_end&) = delete;
    ~held_at_the_end() {
        if (lock_.is_held() && guard_) ++times_;
    }

private:
    const mutex& lock_;
    const mutex_guard& guard_;
    int& times_;
};

// A request between the notification and the lock takes effect, but only with the lock in hand.
EVERY_WORLD_TEST(T37, cancel_between_notification_and_lock_waits_for_the_lock) {
    mutex lock;
    condition changed;
    int held_when_stopped = 0;
    bool went_on = false;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto waiter = group.spawn([&]() -> task<> {
            mutex_guard guard = co_await lock.acquire();
            const held_at_the_end check{lock, guard, held_when_stopped};
            co_await changed.wait(guard);
            went_on = true;
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(changed.waiting(), 1U);
        mutex_guard guard = co_await lock.acquire();
        changed.notify();
        co_await testing::wait_until_all_blocked();
        waiter.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(waiter.done());
        guard.release();
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(waiter.was_cancelled());
    });
    EXPECT_FALSE(went_on);
    EXPECT_EQ(held_when_stopped, 1);
    EXPECT_FALSE(lock.is_held());
    EXPECT_EQ(lock.waiting(), 0U);
}

// One notification, and who got it is cancelled, before or after the lock is free for him: the next
// one gets it.
EVERY_WORLD_TEST(C9, notification_of_a_cancelled_waiter_reaches_the_next_one) {
    for (const bool lock_is_free : {false, true}) {
        mutex lock;
        condition changed;
        int notified = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto wait = [&]() -> task<> {
                mutex_guard guard = co_await lock.acquire();
                co_await changed.wait(guard);
                ++notified;
            };
            std::vector<task_handle<>> waiters;
            for (int number = 0; number != 3; ++number) {
                waiters.push_back(group.spawn(wait));
                co_await testing::wait_until_all_blocked();
            }
            {
                const mutex_guard guard = co_await lock.acquire();
                changed.notify();
                waiters[0].cancel();
                if (!lock_is_free) co_await testing::wait_until_all_blocked();
            }
            co_await testing::wait_until_all_blocked();
            EXPECT_TRUE(waiters[0].was_cancelled());
            EXPECT_TRUE(waiters[1].done());
            EXPECT_FALSE(waiters[2].done());
            EXPECT_EQ(notified, 1);
            changed.notify_all();
        });
        EXPECT_EQ(notified, 2);
    }
}

// Whatever happens to those who wait, there are never more permits out than there are, and none is
// missing in the end.
EVERY_WORLD_TEST(C9, permits_are_neither_lost_nor_doubled_when_waiters_are_cancelled) {
    semaphore permits{2};
    event leave;
    int entered = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        std::vector<task_handle<>> waiters;
        const auto enter = [&]() -> task<> {
            const semaphore_permit permit = co_await permits.acquire();
            ++entered;
            co_await leave.wait();
        };
        {
            const semaphore_permit one = co_await permits.acquire();
            const semaphore_permit other = co_await permits.acquire();
            for (int number = 0; number != 8; ++number) waiters.push_back(group.spawn(enter));
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(permits.waiting(), 8U);
        }
        // Two permits are on their way now; some of those that they were for go away.
        for (std::size_t number = 0; number < waiters.size(); number += 2) waiters[number].cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(entered, 2);
        EXPECT_EQ(permits.held(), 2U);
        EXPECT_EQ(permits.waiting(), 2U);
        leave.set();
    });
    EXPECT_EQ(entered, 4);
    EXPECT_EQ(permits.available(), 2U);
    EXPECT_EQ(permits.waiting(), 0U);
}

// A writer that gives up lets in the readers who waited behind it.
EVERY_WORLD_TEST(C9, readers_behind_a_cancelled_writer_are_let_in) {
    shared_mutex lock;
    event leave;
    int reading = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto read = [&]() -> task<> {
            const auto guard = co_await lock.acquire_shared();
            ++reading;
            co_await leave.wait();
        };
        group.spawn(read);
        co_await testing::wait_until_all_blocked();
        auto writer = group.spawn([&]() -> task<> {
            const auto guard = co_await lock.acquire();
            ADD_FAILURE() << "somebody reads";
        });
        co_await testing::wait_until_all_blocked();
        group.spawn(read);
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(reading, 1);
        writer.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(reading, 2);
        leave.set();
    });
}

// What was handed to a waiter is his from that moment: nobody who does not wait gets it before him.
EVERY_WORLD_TEST(K8, lock_on_its_way_to_a_waiter_cannot_be_taken_by_another) {
    mutex lock;
    semaphore permits{1};
    std::optional<mutex_guard> held = lock.try_acquire();
    std::optional<semaphore_permit> permit = permits.try_acquire();
    event leave;
    co_await with_task_group([&](task_group& group) -> task<> {
        bool has_lock = false;
        bool has_permit = false;
        group.spawn([&]() -> task<> {
            const mutex_guard guard = co_await lock.acquire();
            has_lock = true;
            co_await leave.wait();
        });
        group.spawn([&]() -> task<> {
            const semaphore_permit mine = co_await permits.acquire();
            has_permit = true;
            co_await leave.wait();
        });
        co_await testing::wait_until_all_blocked();
        held.reset();
        permit.reset();
        for (int turn = 0; turn != 3; ++turn) {
            EXPECT_FALSE(lock.try_acquire().has_value());
            EXPECT_FALSE(permits.try_acquire().has_value());
            co_await yield_now();
        }
        EXPECT_TRUE(has_lock && has_permit);
        leave.set();
        co_await testing::wait_until_all_blocked();
    });
}

// A newcomer stands in line even if a permit is free in the moment in which somebody is woken.
EVERY_WORLD_TEST(C10, newcomer_does_not_overtake_a_woken_waiter) {
    mutex lock;
    std::vector<std::string> entered;
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto enter = [&](std::string name) -> task<> {
            const mutex_guard guard = co_await lock.acquire();
            entered.push_back(name);
            co_await yield_now();
        };
        {
            const mutex_guard guard = co_await lock.acquire();
            group.spawn([&]() -> task<> { co_await enter("waiter"); });
            co_await testing::wait_until_all_blocked();
        }
        co_await enter("newcomer");
    });
    EXPECT_EQ(entered, (std::vector<std::string>{"waiter", "newcomer"}));
}

}  // namespace
}  // namespace simul
