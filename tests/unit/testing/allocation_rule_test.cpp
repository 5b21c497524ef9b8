// SPDX-License-Identifier: Apache-2.0
//
// The rule: cancelling, a time limit that passes, leaving a scope and reporting an error allocate
// nothing but the exception object, so that they cannot fail when memory has run out.
//
// One exception is known and tested here: the later errors of a group and of finally take a block
// each. They are dropped when there is none; the first error needs nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/barrier.hpp"
#include "simul/concurrency/broadcast.hpp"
#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/future.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/rate_limiter.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/shared_mutex.hpp"
#include "simul/concurrency/shared_task.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_local.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/concurrency/wait.hpp"
#include "simul/concurrency/watch.hpp"
#include "simul/concurrency/with.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/coro/trace.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/allocations.hpp"
#include "simul/testing/run_test.hpp"

namespace simul::testing {
namespace {

using namespace std::chrono_literals;

/// An error that needs no memory of its own.
struct failure {};

task<> run_group(task_group& group) {
    co_await group.run();
}

// Waits until all of `group` wait, cancels it, and gives what was allocated until all had ended.
task<std::uint64_t> allocations_of_cancelling(task_group& group) {
    std::uint64_t allocated = 0;
    co_await with_task_group([&](task_group& outer) -> task<> {
        auto running = outer.spawn(run_group(group));
        co_await sleep_for(1s);
        EXPECT_GT(group.size(), 0U);
        const allocation_counter counter;
        group.cancel();
        co_await running;
        allocated = counter.count();
    });
    co_return allocated;
}

using waiter_maker = std::function<task<>()>;

// Cancels several tasks that wait in the same way.
std::uint64_t allocations_of_cancelling(const waiter_maker& make, int count = 5) {
    return run_test([&]() -> task<std::uint64_t> {
        task_group group;
        for (int number = 0; number != count; ++number) group.spawn(make());
        co_return co_await allocations_of_cancelling(group);
    });
}

task<> sleep() {
    co_await sleep_for(1h);
}

TEST(allocation_rule, holds_for_a_group_of_a_thousand_sleepers) {
    EXPECT_EQ(allocations_of_cancelling(&sleep, 1000), 0U);
}

TEST(allocation_rule, holds_for_those_who_wait_for_locks) {
    semaphore none{0};
    EXPECT_EQ(
        allocations_of_cancelling([&]() -> task<> { const auto permit = co_await none.acquire(); }),
        0U);
    mutex lock;
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> {
                  const auto guard = co_await lock.acquire();
                  co_await sleep();
              }),
              0U);
    shared_mutex shared;
    bool alone = false;
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> {
                  alone = !alone;
                  if (alone) {
                      const auto guard = co_await shared.acquire();
                      co_await sleep();
                  } else {
                      const auto guard = co_await shared.acquire_shared();
                      co_await sleep();
                  }
              }),
              0U);
    EXPECT_FALSE(lock.is_held());
}

TEST(allocation_rule, holds_for_those_who_wait_for_signals) {
    event never;
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await never.wait(); }), 0U);
    mutex lock;
    condition changed;
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> {
                  auto guard = co_await lock.acquire();
                  co_await changed.wait(guard);
              }),
              0U);
    barrier line{100};
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await line.wait(); }), 0U);
    watch<int> watched;
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> {
                  auto reader = watched.subscribe();
                  co_await reader.changed();
              }),
              0U);
    rate_limiter limit{1, 1h};
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await limit.acquire(); }, 3), 0U);
}

TEST(allocation_rule, holds_for_those_who_wait_for_items) {
    queue<std::string> empty;
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await empty.get(); }), 0U);
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await empty.next(); }), 0U);
    queue<int> full{0};
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await full.put(1); }), 0U);
    auto [out, in] = make_channel<int>(0);
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await out.send(1); }), 0U);
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await in.receive(); }), 0U);
    broadcast<int> news{1};
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> {
                  auto reader = news.subscribe();
                  co_await reader.next();
              }),
              0U);
    auto [left, right] = memory_stream_pair(4);
    EXPECT_EQ(allocations_of_cancelling(
                  [&]() -> task<> {
                      std::byte buffer[4];
                      co_await left.read_some(buffer);
                  },
                  1),
              0U);
}

TEST(allocation_rule, holds_for_those_who_wait_for_other_tasks) {
    promise<int> given;
    future<int> never = given.get_future();
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> { co_await never; }), 0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> {
                  const shared_task<> shared{sleep()};
                  co_await shared;
              }),
              0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> {
                  task_group inner;
                  auto child = inner.spawn(sleep());
                  inner.spawn([&]() -> task<> { co_await child; });
                  co_await inner.run();
              }),
              0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> {
                  co_await with_task_group([](task_group& group) -> task<> {
                      auto child = group.spawn(sleep());
                      const auto ended = co_await wait(wait_until::all_completed, child);
                      EXPECT_TRUE(ended.pending.empty());
                  });
              }),
              0U);
}

async_generator<int> slow_numbers() {
    co_yield 1;
    co_await sleep();
    co_yield 2;
}

const task_local<std::string> request;

struct door {
    static task<> on_enter() { co_await sleep_for(1ms); }
    static task<> on_exit() { co_await sleep_for(1s); }
};

TEST(allocation_rule, holds_for_what_contains_other_waits) {
    EXPECT_EQ(allocations_of_cancelling(
                  []() -> task<> { co_await gather(sleep(), sleep_for(2h), sleep()); }),
              0U);
    queue<int> empty;
    EXPECT_EQ(allocations_of_cancelling(
                  [&]() -> task<> { co_await select(empty.get(), sleep(), sleep_for(2h)); }),
              0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> { co_await timeout(2h, sleep()); }), 0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> { co_await move_on_after(2h, sleep()); }),
              0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> { co_await shield(sleep_for(10s)); }), 0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> { co_await finally(sleep(), sleep()); }),
              0U);
    door entered;
    EXPECT_EQ(allocations_of_cancelling([&]() -> task<> {
                  co_await with(entered, [](door&) -> task<> { co_await sleep(); });
              }),
              0U);
    EXPECT_EQ(allocations_of_cancelling(
                  []() -> task<> { co_await with_value(request, std::string("x"), sleep()); }),
              0U);
    EXPECT_EQ(allocations_of_cancelling([]() -> task<> {
                  auto numbers = slow_numbers();
                  co_await numbers.next();
                  co_await numbers.next();
              }),
              0U);
}

TEST(allocation_rule, holds_for_children_that_have_not_begun) {
    EXPECT_EQ(run_test([]() -> task<std::uint64_t> {
                  task_group group{group_options{}.limit(1).grace(1s)};
                  std::vector<task_handle<>> handles;
                  for (int number = 0; number != 5; ++number) {
                      handles.push_back(group.spawn(sleep()));
                  }
                  co_return co_await allocations_of_cancelling(group);
              }),
              0U);
}

// What is allocated until the task has ended, without its own frame.
std::uint64_t allocations_in(const waiter_maker& make) {
    return run_test([&]() -> task<std::uint64_t> {
        task<> working = make();
        const allocation_counter counter;
        try {
            co_await std::move(working);
        } catch (const failure&) {
        } catch (const error&) {
        }
        co_return counter.count();
    });
}

TEST(allocation_rule, holds_for_time_limits_that_pass) {
    EXPECT_EQ(allocations_in([]() -> task<> { co_await timeout(1s, sleep_for(1h)); }), 0U);
    EXPECT_EQ(allocations_in([]() -> task<> { co_await move_on_after(1s, sleep_for(1h)); }), 0U);
    EXPECT_EQ(allocations_in([]() -> task<> { co_await move_on_after(0s, sleep_for(1h)); }), 0U);
    event never;
    EXPECT_EQ(allocations_in([&]() -> task<> { co_await timeout(1s, never.wait()); }), 0U);
    EXPECT_EQ(allocations_in([&]() -> task<> {
                  co_await timeout(1s, shield(move_on_after(2s, never.wait())));
              }),
              0U);
}

TEST(allocation_rule, holds_for_the_losers_of_select) {
    event never;
    mutex held;
    EXPECT_EQ(allocations_in([&]() -> task<> {
                  const auto guard = co_await held.acquire();
                  co_await select(sleep_for(1s), never.wait(), held.acquire(), sleep_for(1h));
              }),
              0U);
}

TEST(allocation_rule, holds_for_the_errors_of_the_library) {
    EXPECT_EQ(allocations_in([]() -> task<> {
                  co_await yield_now();
                  throw error{errc::deadlock};
              }),
              0U);
    queue<int> over;
    over.close();
    EXPECT_EQ(allocations_in([&]() -> task<> { co_await over.get(); }), 0U);
    // Of the operating system's own errors the text is a block, but it belongs to the exception.
    EXPECT_EQ(allocations_in([]() -> task<> {
                  co_await yield_now();
                  throw cancelled{};
              }),
              0U);
}

task<> fail_after(duration delay) {
    co_await sleep_for(delay);
    throw failure{};
}

// Made where nothing is counted: its parts are in its own frame's parameters.
task<> fail_late(task<> work = sleep(), task<> cleanup = fail_after(1s)) {
    co_await finally(std::move(work), std::move(cleanup));
}

// A group in which the first error cancels the others, of which `later` fail too.
std::uint64_t allocations_of_failing(int later) {
    return run_test([=]() -> task<std::uint64_t> {
        task_group group;
        group.spawn(fail_after(1s));
        for (int number = 0; number != later; ++number) {
            group.spawn(fail_late());
        }
        for (int number = 0; number != 5; ++number) group.spawn(sleep());
        const allocation_counter counter;
        std::uint64_t allocated = 0;
        try {
            co_await group.run();
        } catch (const failure&) {
            allocated = counter.count();
        }
        co_return allocated;
    });
}

TEST(allocation_rule, holds_for_the_first_error_of_a_group) {
    EXPECT_EQ(allocations_of_failing(0), 0U);
}

TEST(allocation_rule, has_an_exception_in_the_later_errors_of_a_group) {
    EXPECT_EQ(allocations_of_failing(3), 3U);
}

TEST(allocation_rule, has_an_exception_in_the_error_of_a_cleanup_behind_another) {
    std::uint64_t allocated = 0;
    run_test([&]() -> task<> {
        task<> work = fail_after(1s);
        task<> cleanup = fail_after(1s);
        const allocation_counter counter;
        try {
            co_await finally(std::move(work), std::move(cleanup));
        } catch (const failure&) {
            allocated = counter.count();
        }
    });
    EXPECT_EQ(allocated, 1U);
}

task<> nap() {
    co_await sleep_for(1s);
}

TEST(allocation_rule, holds_for_handles_and_for_leaving_scopes) {
    run_test([]() -> task<> {
        std::uint64_t allocated = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto slow = group.spawn(sleep());
            auto dropped = group.spawn(nap());
            co_await yield_now();
            const allocation_counter counter;
            {
                const auto gone = std::move(dropped);
            }
            slow.cancel();
            bool was_cancelled = false;
            try {
                co_await slow;
            } catch (const cancelled&) {
                was_cancelled = true;
            }
            allocated = counter.count();
            EXPECT_TRUE(was_cancelled);
        });
        EXPECT_EQ(allocated, 0U);
    });
}

// The same rule, checked at the place where it would be broken.
TEST(allocation_rule, lets_everything_be_cancelled_where_allocations_are_forbidden) {
    run_test([]() -> task<> {
        task_group group;
        queue<int> empty;
        for (int number = 0; number != 10; ++number) {
            group.spawn(sleep());
            group.spawn([&]() -> task<> { co_await timeout(1h, empty.get()); });
        }
        co_await with_task_group([&](task_group& outer) -> task<> {
            auto running = outer.spawn(run_group(group));
            co_await sleep_for(1s);
            const forbid_allocations forbidden;
            group.cancel();
            co_await running;
        });
    });
}

}  // namespace
}  // namespace simul::testing
