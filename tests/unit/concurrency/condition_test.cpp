// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/condition.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
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

struct shared_state {
    mutex lock;
    condition changed;
    log lines;
};

task<> wait_and_note(shared_state& shared, std::string name) {
    mutex_guard guard = co_await shared.lock.acquire();
    co_await shared.changed.wait(guard);
    EXPECT_TRUE(guard);
    EXPECT_TRUE(shared.lock.is_held());
    shared.lines.push_back(name);
}

task<> until_waiting(const condition& changed, std::size_t count) {
    while (changed.waiting() != count) co_await yield_now();
}

TEST(condition, releases_the_mutex_while_it_waits_and_has_it_again_after) {
    run_on_each_backend([]() -> task<> {
        shared_state shared;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(wait_and_note(shared, "a"));
            group.spawn(wait_and_note(shared, "b"));
            co_await until_waiting(shared.changed, 2);
            EXPECT_FALSE(shared.lock.is_held());
            mutex_guard guard = co_await shared.lock.acquire();
            shared.changed.notify();
            for (int i = 0; i < 3; ++i) co_await yield_now();
            EXPECT_EQ(shared.lines, log{}) << "the notified one waits for the mutex";
            EXPECT_EQ(shared.changed.waiting(), 1U);
            EXPECT_EQ(shared.lock.waiting(), 1U);
            guard.release();
            for (int i = 0; i < 3; ++i) co_await yield_now();
            EXPECT_EQ(shared.lines, log{"a"});
            shared.changed.notify_all();
        });
        EXPECT_EQ(shared.lines, (log{"a", "b"}));
        EXPECT_FALSE(shared.lock.is_held());
    });
}

TEST(condition, notify_wakes_as_many_as_it_is_told_in_the_order_of_arrival) {
    simulate([]() -> task<> {
        shared_state shared;
        shared.changed.notify(3);  // nobody waits: forgotten
        co_await with_task_group([&](task_group& group) -> task<> {
            for (const char* name : {"a", "b", "c", "d"}) group.spawn(wait_and_note(shared, name));
            co_await until_waiting(shared.changed, 4);
            shared.changed.notify(0);
            EXPECT_EQ(shared.changed.waiting(), 4U);
            shared.changed.notify(2);
            for (int i = 0; i < 5; ++i) co_await yield_now();
            EXPECT_EQ(shared.lines, (log{"a", "b"}));
            shared.changed.notify(100);
        });
        EXPECT_EQ(shared.lines, (log{"a", "b", "c", "d"}));
    });
}

TEST(condition, waits_for_a_predicate_under_the_mutex) {
    simulate([]() -> task<> {
        shared_state shared;
        int stock = 1;
        int asked = 0;
        const auto in_stock = [&] {
            EXPECT_TRUE(shared.lock.is_held());
            ++asked;
            return stock > 0;
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            mutex_guard guard = co_await shared.lock.acquire();
            const auto passes = loop::current().statistics().passes;
            co_await shared.changed.wait(guard, in_stock);
            EXPECT_EQ(loop::current().statistics().passes, passes);
            EXPECT_EQ(asked, 1);
            stock = 0;
            group.spawn([&]() -> task<> {
                shared.changed.notify();  // in vain
                co_await yield_now();
                co_await yield_now();
                const mutex_guard own = co_await shared.lock.acquire();
                stock = 3;
                shared.changed.notify();
            });
            co_await shared.changed.wait(guard, in_stock);
            EXPECT_TRUE(guard);
            EXPECT_EQ(asked, 4);
            EXPECT_EQ(stock, 3);
        });
    });
}

TEST(condition, lets_the_errors_of_the_predicate_out_with_the_mutex_held) {
    simulate([]() -> task<> {
        shared_state shared;
        mutex_guard guard = co_await shared.lock.acquire();
        const auto fail = []() -> bool { throw std::runtime_error{"predicate"}; };
        bool caught = false;
        try {
            co_await shared.changed.wait(guard, fail);
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_TRUE(guard);
    });
}

// C7: the time-out surfaces only when the mutex is held again.
TEST(condition, a_time_out_surfaces_after_the_mutex_was_acquired_again) {
    simulate([]() -> task<> {
        shared_state shared;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                mutex_guard guard = co_await shared.lock.acquire();
                const time_point begin = test::now();
                bool late = false;
                try {
                    co_await timeout(1s, shared.changed.wait(guard));
                } catch (const timed_out&) {
                    late = true;
                }
                EXPECT_TRUE(late);
                EXPECT_TRUE(guard);
                EXPECT_EQ(test::now() - begin, 5s) << "when the other one let go";
                EXPECT_EQ(shared.changed.waiting(), 0U);
                shared.lines.push_back("timed out");
            });
            co_await until_waiting(shared.changed, 1);
            const mutex_guard guard = co_await shared.lock.acquire();
            co_await sleep_for(5s);
            EXPECT_TRUE(shared.lines.empty());
            EXPECT_EQ(shared.lock.waiting(), 1U);
        });
        EXPECT_EQ(shared.lines, log{"timed out"});
        EXPECT_FALSE(shared.lock.is_held());
    });
}

TEST(condition, a_time_out_with_a_free_mutex_surfaces_at_once) {
    simulate([]() -> task<> {
        shared_state shared;
        mutex_guard guard = co_await shared.lock.acquire();
        const time_point begin = test::now();
        const auto answer_1 = co_await move_on_after(1s, shared.changed.wait(guard));
        EXPECT_FALSE(answer_1);
        EXPECT_EQ(test::now() - begin, 1s);
        EXPECT_TRUE(guard);
        EXPECT_TRUE(shared.lock.is_held());
    });
}

TEST(condition, a_stopped_waiter_unwinds_with_the_mutex_held) {
    simulate([]() -> task<> {
        shared_state shared;
        struct checks_lock {
            shared_state& shared;
            ~checks_lock() { shared.lines.push_back(shared.lock.is_held() ? "held" : "free"); }
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiting = group.spawn([&]() -> task<> {
                mutex_guard guard = co_await shared.lock.acquire();
                const checks_lock at_end{shared};
                co_await shared.changed.wait(guard);
            });
            co_await until_waiting(shared.changed, 1);
            mutex_guard guard = co_await shared.lock.acquire();
            waiting.cancel();
            for (int i = 0; i < 3; ++i) co_await yield_now();
            EXPECT_FALSE(waiting.done()) << "it still waits for the mutex";
            EXPECT_EQ(shared.changed.waiting(), 0U);
            guard.release();
            for (int i = 0; i < 3; ++i) co_await yield_now();
            EXPECT_TRUE(waiting.was_cancelled());
        });
        EXPECT_EQ(shared.lines, log{"held"});
        EXPECT_FALSE(shared.lock.is_held());
    });
}

// T37, C9: the four moments between the notification and the waiter's turn.
TEST(condition, a_notification_for_a_cancelled_waiter_goes_to_the_next) {
    enum class moment { before_notify, after_notify, while_acquiring, after_acquiring };
    for (const moment when : {moment::before_notify, moment::after_notify, moment::while_acquiring,
                              moment::after_acquiring}) {
        SCOPED_TRACE(static_cast<int>(when));
        simulate([&]() -> task<> {
            shared_state shared;
            co_await with_task_group([&](task_group& group) -> task<> {
                auto first = group.spawn(wait_and_note(shared, "first"));
                group.spawn(wait_and_note(shared, "second"));
                co_await until_waiting(shared.changed, 2);
                mutex_guard guard = co_await shared.lock.acquire();
                if (when == moment::before_notify) first.cancel();
                shared.changed.notify();
                EXPECT_EQ(shared.changed.waiting(), 1U);
                if (when == moment::after_notify) first.cancel();
                if (when == moment::while_acquiring) {
                    co_await yield_now();
                    first.cancel();
                    co_await yield_now();
                    EXPECT_EQ(shared.changed.waiting(), 0U) << "passed on without the mutex";
                    EXPECT_FALSE(first.done());
                }
                guard.release();  // handed to the first one
                if (when == moment::after_acquiring) first.cancel();
                for (int i = 0; i < 6; ++i) co_await yield_now();
                EXPECT_TRUE(first.was_cancelled());
                EXPECT_EQ(shared.changed.waiting(), 0U);
            });
            EXPECT_EQ(shared.lines, log{"second"});
            EXPECT_FALSE(shared.lock.is_held());
        });
    }
}

TEST(condition, a_notification_that_came_before_the_time_out_is_not_lost) {
    simulate([]() -> task<> {
        shared_state shared;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                mutex_guard guard = co_await shared.lock.acquire();
                // Notified after 1 s, timed out after 2 s while it waits for the mutex.
                const auto answer_2 = co_await move_on_after(2s, shared.changed.wait(guard));
                EXPECT_FALSE(answer_2);
                EXPECT_TRUE(guard);
                shared.lines.push_back("timed out");
            });
            co_await until_waiting(shared.changed, 1);
            group.spawn(wait_and_note(shared, "next"));
            co_await until_waiting(shared.changed, 2);
            const mutex_guard guard = co_await shared.lock.acquire();
            co_await sleep_for(1s);
            shared.changed.notify();
            co_await sleep_for(2s);
        });
        EXPECT_EQ(shared.lines, (log{"timed out", "next"}));
    });
}

TEST(condition, a_cancelled_scope_does_not_release_the_mutex) {
    simulate([]() -> task<> {
        shared_state shared;
        bool was_free = false;
        task_group group;
        group.spawn([&]() -> task<> {
            mutex_guard guard = co_await shared.lock.acquire();
            group.cancel();
            const auto ended = co_await as_outcome(shared.changed.wait(guard));
            EXPECT_TRUE(ended.is_cancelled());
            EXPECT_TRUE(guard);
            was_free = !shared.lock.is_held();
        });
        co_await group.run();
        EXPECT_FALSE(was_free);
        EXPECT_FALSE(shared.lock.is_held());
    });
}

TEST(condition, as_a_branch_of_a_select_it_passes_a_late_notification_on) {
    simulate([]() -> task<> {
        shared_state shared;
        event stop;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                mutex_guard guard = co_await shared.lock.acquire();
                const auto first = co_await select(stop.wait(), shared.changed.wait(guard));
                EXPECT_EQ(first.index(), 0U);
                EXPECT_TRUE(guard) << "on every way out";
                shared.lines.push_back("stopped");
            });
            co_await until_waiting(shared.changed, 1);
            group.spawn(wait_and_note(shared, "other"));
            co_await until_waiting(shared.changed, 2);
            stop.set();
            shared.changed.notify();
        });
        EXPECT_EQ(shared.lines, (log{"stopped", "other"}));
        EXPECT_FALSE(shared.lock.is_held());
    });
}

TEST(condition, checks_that_the_guard_holds_its_mutex) {
    EXPECT_DEATH(simulate([]() -> task<> {
                     shared_state shared;
                     mutex_guard guard = co_await shared.lock.acquire();
                     guard.release();
                     co_await shared.changed.wait(guard);
                 }),
                 "a guard that holds its mutex");
}

TEST(condition, checks_that_a_guard_serves_one_wait_at_a_time) {
    EXPECT_DEATH(
        simulate([]() -> task<> {
            shared_state shared;
            condition other;
            mutex_guard guard = co_await shared.lock.acquire();
            static_cast<void>(co_await select(shared.changed.wait(guard), other.wait(guard)));
        }),
        "one for each wait");
}

}  // namespace
}  // namespace simul
