// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/shared_mutex.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

// Notes when it enters and leaves: "+a", "-a".
task<> read(shared_mutex& table, std::string& log, char name, event& leave) {
    const shared_mutex_guard guard = co_await table.acquire_shared();
    log += {'+', name};
    co_await leave.wait();
    log += {'-', name};
}

task<> write(shared_mutex& table, std::string& log, char name, event& leave) {
    const shared_mutex_guard guard = co_await table.acquire();
    log += {'+', name};
    co_await leave.wait();
    log += {'-', name};
}

task<> some_passes() {
    for (int count = 0; count < 5; ++count) co_await yield_now();
}

TEST(shared_mutex, lets_readers_in_together_and_writers_alone) {
    run_on_each_backend([]() -> task<> {
        shared_mutex table;
        int readers = 0;
        int writers = 0;
        int most_readers = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int number = 0; number < 30; ++number) {
                group.spawn([&, writes = number % 5 == 4]() -> task<> {
                    if (writes) {
                        const shared_mutex_guard guard = co_await table.acquire();
                        ++writers;
                        EXPECT_EQ(writers, 1);
                        EXPECT_EQ(readers, 0);
                        co_await yield_now();
                        --writers;
                    } else {
                        const shared_mutex_guard guard = co_await table.acquire_shared();
                        most_readers = std::max(most_readers, ++readers);
                        EXPECT_EQ(writers, 0);
                        co_await yield_now();
                        --readers;
                    }
                });
            }
            co_return;
        });
        EXPECT_EQ(most_readers, 4);
        EXPECT_FALSE(table.is_held());
    });
}

TEST(shared_mutex, lets_nobody_overtake_a_writer_who_waits) {
    simulate([]() -> task<> {
        shared_mutex table;
        std::string log;
        event leave;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(read(table, log, 'a', leave));
            co_await some_passes();
            group.spawn(write(table, log, 'b', leave));
            co_await some_passes();
            group.spawn(read(table, log, 'c', leave));
            group.spawn(read(table, log, 'd', leave));
            co_await some_passes();
            EXPECT_EQ(log, "+a");
            EXPECT_EQ(table.waiting(), 3U);
            EXPECT_FALSE(table.try_acquire_shared());
            leave.set();
        });
        EXPECT_EQ(log, "+a-a+b-b+c-c+d-d");
    });
}

TEST(shared_mutex, suspends_only_where_it_is_promised) {
    simulate([]() -> task<> {
        shared_mutex table;
        const auto passes = loop::current().statistics().passes;
        {
            const shared_mutex_guard first = co_await table.acquire_shared();
            const shared_mutex_guard second = co_await table.acquire_shared();
            EXPECT_EQ(table.readers(), 2U);
        }
        const shared_mutex_guard alone = co_await table.acquire();
        EXPECT_TRUE(table.is_held_exclusively());
        EXPECT_EQ(loop::current().statistics().passes, passes);
        EXPECT_FALSE(table.try_acquire());
        EXPECT_FALSE(table.try_acquire_shared());
    });
}

TEST(shared_mutex, readers_behind_a_writer_who_is_cancelled_enter_at_once) {
    simulate([]() -> task<> {
        shared_mutex table;
        std::string log;
        event leave;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(read(table, log, 'a', leave));
            co_await some_passes();
            auto writer = group.spawn(write(table, log, 'b', leave));
            co_await some_passes();
            group.spawn(read(table, log, 'c', leave));
            co_await some_passes();
            EXPECT_EQ(log, "+a");
            writer.cancel();
            co_await some_passes();
            EXPECT_EQ(log, "+a+c");
            EXPECT_EQ(table.readers(), 2U);
            leave.set();
        });
        EXPECT_FALSE(table.is_held());
    });
}

// C9: a woken waiter that is cancelled passes the mutex on.
TEST(shared_mutex, a_writer_who_is_stopped_before_his_turn_passes_it_on) {
    simulate([]() -> task<> {
        shared_mutex table;
        std::string log;
        event leave;
        leave.set();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto held = table.try_acquire();
            auto writer = group.spawn(write(table, log, 'a', leave));
            co_await some_passes();
            group.spawn(read(table, log, 'b', leave));
            group.spawn(read(table, log, 'c', leave));
            co_await some_passes();
            held.reset();
            EXPECT_TRUE(table.is_held_exclusively()) << "it is the writer's";
            writer.cancel();
        });
        EXPECT_EQ(log, "+b-b+c-c");
        EXPECT_FALSE(table.is_held());
    });
}

TEST(shared_mutex, a_branch_of_select_that_lost_holds_nothing) {
    simulate([]() -> task<> {
        shared_mutex table;
        event stop;
        auto held = table.try_acquire();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto first = co_await select(stop.wait(), table.acquire_shared());
                EXPECT_EQ(first.index(), 0U);
            });
            co_await some_passes();
            stop.set();
            held.reset();
        });
        EXPECT_FALSE(table.is_held());
    });
}

TEST(shared_mutex, many_waiters_that_lost_pass_it_on_without_nesting) {
    simulate([]() -> task<> {
        constexpr std::size_t count = 200'000;
        shared_mutex table;
        event stop;
        auto held = table.try_acquire();
        std::size_t stopped = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (std::size_t number = 0; number < count; ++number) {
                group.spawn([&]() -> task<> {
                    const auto first = co_await select(stop.wait(), table.acquire());
                    stopped += first.index() == 0 ? 1U : 0U;
                });
            }
            while (table.waiting() != count) co_await yield_now();
            stop.set();
            held.reset();
            EXPECT_FALSE(table.is_held());
            EXPECT_TRUE(table.try_acquire()) << "nobody who still wants it is before us";
        });
        EXPECT_EQ(stopped, count);
    });
}

TEST(shared_mutex, a_guard_is_moved_and_released_early) {
    simulate([]() -> task<> {
        shared_mutex table;
        shared_mutex_guard first = co_await table.acquire_shared();
        shared_mutex_guard second = std::move(first);
        EXPECT_FALSE(first);
        EXPECT_TRUE(second);
        second.release();
        EXPECT_FALSE(table.is_held());
        second = co_await table.acquire();
        EXPECT_TRUE(table.is_held_exclusively());
        second = *std::move(std::optional{std::move(second)});
        EXPECT_TRUE(table.is_held_exclusively());
    });
}

TEST(shared_mutex, a_time_out_around_it_leaves_it_free) {
    simulate([]() -> task<> {
        shared_mutex table;
        auto held = table.try_acquire_shared();
        const auto in_time = co_await move_on_after(1s, table.acquire());
        EXPECT_FALSE(in_time);
        held.reset();
        EXPECT_TRUE(table.try_acquire());
    });
}

}  // namespace
}  // namespace simul
