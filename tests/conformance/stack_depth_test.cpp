// SPDX-License-Identifier: Apache-2.0
//
// Neither a deep chain of awaits nor a wide group costs stack: everything here runs in a thread
// with a stack of 256 KiB, at every level of optimisation and under sanitizers.
#include <gtest/gtest.h>
#include <pthread.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/trace.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

constexpr int deep = 100'000;
constexpr int nested = 10'000;
constexpr int many = 1'000'000;

// Runs the task that `body()` makes in the simulated world, in a thread with a small stack.
template <class Body>
void run_with_a_small_stack(Body body) {
    pthread_attr_t attributes;
    ASSERT_EQ(pthread_attr_init(&attributes), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
    pthread_t thread{};
    const auto entry = [](void* argument) -> void* {
        simulate(*static_cast<Body*>(argument));
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, entry, &body), 0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
    pthread_attr_destroy(&attributes);
}

task<int> descend(int depth) {
    if (depth == 0) co_return 0;
    const int below = co_await descend(depth - 1);
    co_return below + 1;
}

task<int> descend_and_sleep(int depth) {
    if (depth == 0) {
        co_await sleep_for(1s);
        co_return 0;
    }
    const int below = co_await descend_and_sleep(depth - 1);
    co_return below + 1;
}

task<int> descend_and_fail(int depth) {
    if (depth == 0) throw std::runtime_error{"bottom"};
    const int below = co_await descend_and_fail(depth - 1);
    co_return below + 1;
}

TEST(stack_depth, chain_of_awaits_that_completes_at_once) {
    run_with_a_small_stack([]() -> task<> {
        const int depth = co_await descend(deep);
        EXPECT_EQ(depth, deep);
    });
}

TEST(stack_depth, chain_of_awaits_that_suspends_at_the_bottom) {
    run_with_a_small_stack([]() -> task<> {
        const int depth = co_await descend_and_sleep(deep);
        EXPECT_EQ(depth, deep);
    });
}

TEST(stack_depth, chain_of_awaits_that_fails_at_the_bottom) {
    run_with_a_small_stack([]() -> task<> {
        std::exception_ptr caught;
        try {
            co_await descend_and_fail(deep);
        } catch (const std::runtime_error&) {
            caught = std::current_exception();
        }
        EXPECT_NE(caught, nullptr);
        EXPECT_FALSE(async_trace(caught).empty());
    });
}

task<int> descend_with_a_limit(int depth, int limit_at, int& alive) {
    const counted_object local{alive};
    if (depth == 0) {
        co_await sleep_for(1h);
        co_return 0;
    }
    if (depth == limit_at) {
        const auto below =
            co_await move_on_after(1s, descend_with_a_limit(depth - 1, limit_at, alive));
        EXPECT_FALSE(below.has_value());
        co_return 0;
    }
    const int below = co_await descend_with_a_limit(depth - 1, limit_at, alive);
    co_return below + 1;
}

TEST(stack_depth, chain_of_awaits_that_is_cancelled_half_way_down) {
    run_with_a_small_stack([]() -> task<> {
        int alive = 0;
        const int above = co_await descend_with_a_limit(deep, deep / 2, alive);
        EXPECT_EQ(above, deep / 2);
        EXPECT_EQ(alive, 0);
    });
}

task<> wrap(task<> inner, counted_object) {
    co_await std::move(inner);
}

TEST(stack_depth, unstarted_tasks_that_own_one_another_are_dropped) {
    run_with_a_small_stack([]() -> task<> {
        int alive = 0;
        auto bottom = [](int& count) -> task<> {
            const counted_object local{count};
            co_return;
        };
        task<> owner = bottom(alive);
        for (int level = 0; level < deep; ++level) {
            owner = wrap(std::move(owner), counted_object{alive});
        }
        EXPECT_EQ(alive, deep);
        owner.discard();
        EXPECT_EQ(alive, 0);
        co_return;
    });
}

task<> count_up(int& count) {
    ++count;
    co_return;
}

TEST(stack_depth, million_children_of_a_group_that_finish_at_once) {
    run_with_a_small_stack([]() -> task<> {
        int count = 0;
        task_group group;
        for (int index = 0; index < many; ++index) group.spawn(count_up(count));
        co_await group.run();
        EXPECT_EQ(count, many);
    });
}

TEST(stack_depth, million_children_of_a_group_cancelled_half_way) {
    run_with_a_small_stack([]() -> task<> {
        int count = 0;
        auto child = [](int& ended, task_group& group) -> task<> {
            if (++ended == many / 2) group.cancel();
            co_await yield_now();
            ++ended;
        };
        task_group group;
        for (int index = 0; index < many; ++index) group.spawn(child(count, group));
        co_await group.run();
        EXPECT_EQ(count, many / 2) << "the others never began, and nobody was resumed";
        EXPECT_TRUE(group.is_cancelled());
    });
}

TEST(stack_depth, gather_of_a_long_range) {
    run_with_a_small_stack([]() -> task<> {
        auto child = [](int value) -> task<int> {
            if (value % 2 == 0) co_await yield_now();
            co_return value;
        };
        std::vector<task<int>> children;
        for (int index = 0; index < deep; ++index) children.push_back(child(index));
        const std::vector<int> values = co_await gather(std::move(children));
        EXPECT_EQ(values.size(), static_cast<std::size_t>(deep));
        EXPECT_EQ(values.back(), deep - 1);
    });
}

enum class ending { at_once, suspended, failed, cancelled };

task<int> bottom(ending how) {
    if (how == ending::failed) throw std::runtime_error{"bottom"};
    if (how != ending::at_once) co_await sleep_for(how == ending::suspended ? 1s : 1h);
    co_return 1;
}

task<int> through_gather(int depth, ending how) {
    if (depth == 0) {
        const int one = co_await bottom(how);
        co_return one;
    }
    auto [below, nothing] = co_await gather(through_gather(depth - 1, how), yield_now());
    static_cast<void>(nothing);
    co_return below + 1;
}

task<int> through_timeout(int depth, ending how) {
    if (depth == 0) {
        const int one = co_await bottom(how);
        co_return one;
    }
    const int below = co_await timeout(24h, through_timeout(depth - 1, how));
    co_return below + 1;
}

task<int> through_group(int depth, ending how) {
    if (depth == 0) {
        const int one = co_await bottom(how);
        co_return one;
    }
    const int below = co_await with_task_group(
        [&](task_group&) -> task<int> { return through_group(depth - 1, how); });
    co_return below + 1;
}

task<int> through_outcome(int depth, ending how) {
    if (depth == 0) {
        const int one = co_await bottom(how);
        co_return one;
    }
    auto below = co_await as_outcome(through_outcome(depth - 1, how));
    const int value = below.take();
    co_return value + 1;
}

template <class Descend>
void check_each_ending(Descend descend_through) {
    run_with_a_small_stack([&]() -> task<> {
        for (const ending how : {ending::at_once, ending::suspended}) {
            const int depth = co_await descend_through(nested, how);
            EXPECT_EQ(depth, nested + 1);
        }
        bool caught = false;
        try {
            static_cast<void>(co_await descend_through(nested, ending::failed));
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        auto stopped =
            co_await as_outcome(move_on_after(1s, descend_through(nested, ending::cancelled)));
        EXPECT_TRUE(stopped.has_value() || stopped.has_error());
    });
}

TEST(stack_depth, recursion_through_gather) {
    check_each_ending(&through_gather);
}

TEST(stack_depth, recursion_through_timeout) {
    check_each_ending(&through_timeout);
}

TEST(stack_depth, recursion_through_task_groups) {
    check_each_ending(&through_group);
}

TEST(stack_depth, recursion_through_outcomes) {
    check_each_ending(&through_outcome);
}

}  // namespace
}  // namespace simul
