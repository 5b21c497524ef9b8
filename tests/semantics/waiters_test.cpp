// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about several tasks that wait for the same thing: who is cancelled
// hands on what he was about to get, and nobody is overtaken.
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"

namespace simul {
namespace {

using numbers = std::vector<std::size_t>;

/// Spawns tasks one after the other, so that they wait in the order of their numbers.
template <class Make>
task<std::vector<task_handle<>>> spawn_in_order(task_group& group, std::size_t count,
                                                const Make& make) {
    std::vector<task_handle<>> handles;
    handles.reserve(count);
    for (std::size_t number = 0; number != count; ++number) {
        handles.push_back(group.spawn(make(number)));
        co_await testing::wait_until_all_blocked();
    }
    co_return std::move(handles);
}

/// Three tasks wait, in order; then `give` wakes the first one, which is cancelled in the same
/// step, before or after that.
template <class Wait, class Give>
task<> cancel_the_first_of_three(bool request_first, const Wait& wait, const Give& give) {
    co_await with_task_group([&](task_group& group) -> task<> {
        auto waiting = co_await spawn_in_order(group, 3, wait);
        if (request_first) waiting[0].cancel();
        give();
        if (!request_first) waiting[0].cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(waiting[0].was_cancelled());
        group.cancel();
    });
}

// A mutex.
EVERY_WORLD_TEST(C9, cancelled_waiter_of_a_mutex_hands_it_on) {
    for (const bool request_first : {false, true}) {
        mutex lock;
        std::optional<mutex_guard> held = lock.try_acquire();
        numbers entered;
        int inside = 0;
        const auto enter = [&](std::size_t number) -> task<> {
            const mutex_guard guard = co_await lock.acquire();
            EXPECT_EQ(++inside, 1) << "two owners at once";
            entered.push_back(number);
            co_await yield_now();
            --inside;
        };
        co_await cancel_the_first_of_three(request_first, enter, [&] { held.reset(); });
        EXPECT_EQ(entered, (numbers{1, 2}));
        EXPECT_FALSE(lock.is_held());
    }
}

// A semaphore: one permit wakes one waiter.
EVERY_WORLD_TEST(C9, cancelled_waiter_of_a_semaphore_hands_its_permit_on) {
    for (const bool request_first : {false, true}) {
        semaphore permits{0};
        numbers entered;
        const auto enter = [&](std::size_t number) -> task<> {
            semaphore_permit permit = co_await permits.acquire();
            entered.push_back(number);
            permit.forget();
        };
        co_await cancel_the_first_of_three(request_first, enter, [&] { permits.release(); });
        EXPECT_EQ(entered, numbers{1}) << "handed on, and to one only";
        EXPECT_EQ(permits.held(), 0U);
        EXPECT_EQ(permits.available(), 0U);
        permits.release();
        EXPECT_TRUE(permits.try_acquire().has_value()) << "it still counts";
    }
}

// A condition: one notification wakes one waiter, who holds the lock then.
EVERY_WORLD_TEST(C9, cancelled_waiter_of_a_condition_passes_the_notification_on) {
    for (const bool request_first : {false, true}) {
        mutex lock;
        condition changed;
        numbers notified;
        const auto wait = [&](std::size_t number) -> task<> {
            mutex_guard guard = co_await lock.acquire();
            co_await changed.wait(guard);
            EXPECT_TRUE(static_cast<bool>(guard));
            notified.push_back(number);
        };
        co_await cancel_the_first_of_three(request_first, wait, [&] { changed.notify(); });
        EXPECT_EQ(notified, numbers{1});
        EXPECT_FALSE(lock.is_held());
        EXPECT_EQ(changed.waiting(), 0U);
    }
}

// The same when the lock is held during the notification and the request, as it should be.
EVERY_WORLD_TEST(C9, waiter_cancelled_while_it_gets_its_lock_back_passes_the_notification_on) {
    for (const bool request_first : {false, true}) {
        mutex lock;
        condition changed;
        numbers notified;
        const auto wait = [&](std::size_t number) -> task<> {
            mutex_guard guard = co_await lock.acquire();
            co_await changed.wait(guard);
            notified.push_back(number);
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiting = co_await spawn_in_order(group, 3, wait);
            std::optional<mutex_guard> held = lock.try_acquire();
            EXPECT_TRUE(held.has_value());
            if (request_first) waiting[0].cancel();
            changed.notify();
            if (!request_first) waiting[0].cancel();
            co_await testing::wait_until_all_blocked();
            EXPECT_FALSE(waiting[0].done()) << "it ends with its lock";
            held.reset();
            co_await testing::wait_until_all_blocked();
            EXPECT_TRUE(waiting[0].was_cancelled());
            group.cancel();
        });
        EXPECT_EQ(notified, numbers{1});
        EXPECT_FALSE(lock.is_held());
    }
}

// A queue: the item goes to the next consumer.
EVERY_WORLD_TEST(C9, cancelled_consumer_of_a_queue_leaves_the_item_to_the_next_one) {
    for (const bool request_first : {false, true}) {
        queue<int> items;
        numbers served;
        const auto consume = [&](std::size_t number) -> task<> {
            const int item = co_await items.get();
            EXPECT_EQ(item, 5);
            served.push_back(number);
        };
        co_await cancel_the_first_of_three(request_first, consume,
                                           [&] { EXPECT_TRUE(items.try_put(5)); });
        EXPECT_EQ(served, numbers{1});
        EXPECT_TRUE(items.empty());
    }
}

// A full queue: the room goes to the next producer, and the cancelled one has put nothing.
EVERY_WORLD_TEST(C9, cancelled_producer_of_a_full_queue_leaves_the_room_to_the_next_one) {
    queue<std::size_t> items{1};
    EXPECT_TRUE(items.try_put(100));
    const auto produce = [&](std::size_t number) -> task<> { co_await items.put(number); };
    co_await cancel_the_first_of_three(true, produce, [&] { EXPECT_EQ(items.try_get(), 100U); });
    EXPECT_EQ(items.try_get(), 1U);
    EXPECT_TRUE(items.empty());
}

// All waiters are cancelled: what was given is free again.
EVERY_WORLD_TEST(C9, wake_up_that_nobody_is_left_to_take_is_not_lost) {
    mutex lock;
    std::optional<mutex_guard> held = lock.try_acquire();
    semaphore permits{0};
    const auto enter = [&](std::size_t) -> task<> {
        const mutex_guard guard = co_await lock.acquire();
        ADD_FAILURE() << "it was cancelled";
    };
    const auto pass = [&](std::size_t) -> task<> {
        const semaphore_permit permit = co_await permits.acquire();
        ADD_FAILURE() << "it was cancelled";
    };
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await spawn_in_order(group, 2, enter);
        co_await spawn_in_order(group, 2, pass);
        held.reset();
        permits.release();
        group.cancel();
    });
    EXPECT_FALSE(lock.is_held());
    EXPECT_EQ(permits.available(), 1U);
}

// A waiter that was woken has what it waited for: nobody gets it between that and its turn.
EVERY_WORLD_TEST(C10, newcomer_does_not_overtake_a_woken_waiter) {
    mutex lock;
    std::optional<mutex_guard> held = lock.try_acquire();
    semaphore permits{0};
    numbers locked;
    numbers passed;
    const auto enter = [&](std::size_t number) -> task<> {
        const mutex_guard guard = co_await lock.acquire();
        locked.push_back(number);
    };
    const auto pass = [&](std::size_t number) -> task<> {
        const semaphore_permit permit = co_await permits.acquire();
        passed.push_back(number);
    };
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await spawn_in_order(group, 1, enter);
        co_await spawn_in_order(group, 1, pass);
        held.reset();
        permits.release();
        EXPECT_FALSE(lock.try_acquire().has_value());
        EXPECT_FALSE(permits.try_acquire().has_value());
        group.spawn(enter(1), spawn_options{}.eager());
        group.spawn(pass(1), spawn_options{}.eager());
        EXPECT_TRUE(locked.empty());
        EXPECT_TRUE(passed.empty());
    });
    EXPECT_EQ(locked, (numbers{0, 1}));
    EXPECT_EQ(passed, (numbers{0, 1}));
}

// Permits and the lock go to waiters in the order in which they came.
EVERY_WORLD_TEST(C10, waiters_are_served_in_the_order_in_which_they_came) {
    constexpr std::size_t count = 5;
    mutex lock;
    std::optional<mutex_guard> held = lock.try_acquire();
    semaphore permits{0};
    numbers locked;
    numbers passed;
    const auto enter = [&](std::size_t number) -> task<> {
        const mutex_guard guard = co_await lock.acquire();
        locked.push_back(number);
        co_await yield_now();
    };
    const auto pass = [&](std::size_t number) -> task<> {
        semaphore_permit permit = co_await permits.acquire();
        passed.push_back(number);
        permit.forget();
    };
    co_await with_task_group([&](task_group& group) -> task<> {
        co_await spawn_in_order(group, count, enter);
        co_await spawn_in_order(group, count, pass);
        held.reset();
        for (std::size_t given = 0; given != count; ++given) {
            permits.release();
            co_await testing::wait_until_all_blocked();
        }
    });
    const numbers in_order{0, 1, 2, 3, 4};
    EXPECT_EQ(locked, in_order);
    EXPECT_EQ(passed, in_order);
}

// A waiter that wants no more than there is does not wait because there was once none.
EVERY_WORLD_TEST(C10, free_permits_are_taken_without_waiting_when_nobody_waits) {
    semaphore permits{0};
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto pass = [&](std::size_t) -> task<> {
            const semaphore_permit permit = co_await permits.acquire();
        };
        auto waiting = co_await spawn_in_order(group, 1, pass);
        waiting[0].cancel();
        permits.release(2);
        co_await testing::wait_until_all_blocked();
        const auto first = permits.try_acquire();
        const auto second = permits.try_acquire();
        EXPECT_TRUE(first.has_value());
        EXPECT_TRUE(second.has_value());
        EXPECT_FALSE(permits.try_acquire().has_value());
    });
}

}  // namespace
}  // namespace simul
