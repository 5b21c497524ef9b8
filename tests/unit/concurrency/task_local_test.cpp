// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_local.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/runtime/blocking.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

const task_local<std::string> request{"none"};
const task_local<int> depth;

task<std::string> read_later() {
    co_await yield_now();
    co_return request.get();
}

TEST(task_local, has_its_first_value_where_none_is_bound) {
    EXPECT_EQ(request.get(), "none");
    EXPECT_EQ(depth.get(), 0);
    simulate([]() -> task<> {
        EXPECT_EQ(request.get(), "none");
        co_return;
    });
}

TEST(task_local, has_the_bound_value_for_the_length_of_an_await) {
    simulate([]() -> task<> {
        const std::string inside = co_await with_value(request, "GET /", read_later());
        EXPECT_EQ(inside, "GET /");
        EXPECT_EQ(request.get(), "none");
    });
}

TEST(task_local, has_the_innermost_of_several_values) {
    simulate([]() -> task<> {
        const auto outer = [&]() -> task<log> {
            log seen;
            seen.push_back(request.get());
            seen.push_back(co_await with_value(request, "inner", read_later()));
            seen.push_back(request.get());
            co_return seen;
        };
        const log seen = co_await with_value(request, "outer", outer());
        EXPECT_EQ(seen, (log{"outer", "inner", "outer"}));
    });
}

TEST(task_local, is_independent_of_other_variables) {
    simulate([]() -> task<> {
        const auto inner = []() -> task<> {
            EXPECT_EQ(request.get(), "both");
            EXPECT_EQ(depth.get(), 3);
            co_return;
        };
        co_await with_value(request, "both", with_value(depth, 3, inner()));
    });
}

TEST(task_local, goes_with_spawned_tasks_and_stays_apart_in_branches) {
    simulate([]() -> task<> {
        const auto in_group = []() -> task<std::string> {
            task_group group;
            auto handle = group.spawn(read_later());
            co_await group.run();
            co_return co_await handle;
        };
        const auto [left, right, neither] =
            co_await gather(with_value(request, "left", in_group()),
                            with_value(request, "right", in_group()), in_group());
        EXPECT_EQ(left, "left");
        EXPECT_EQ(right, "right");
        EXPECT_EQ(neither, "none");
    });
}

TEST(task_local, is_kept_by_a_task_that_outlives_the_binding) {
    simulate([]() -> task<> {
        task_handle<std::string> handle;
        const auto spawn_outside = [&]() -> task<> {
            handle = outermost_group().spawn([]() -> task<std::string> {
                co_await sleep_for(1h);
                co_return request.get();
            });
            co_return;
        };
        co_await with_value(request, "long ago", spawn_outside());
        EXPECT_EQ(request.get(), "none");
        const std::string seen = co_await handle;
        EXPECT_EQ(seen, "long ago");
    });
}

TEST(task_local, crosses_into_an_offloaded_function) {
    run_on_each_backend([]() -> task<> {
        const std::string seen = co_await with_value(
            request, "here", offload([] { return std::string{request.get()}; }));
        EXPECT_EQ(seen, "here");
        const std::string outside = co_await offload([] { return std::string{request.get()}; });
        EXPECT_EQ(outside, "none");
    });
}

// SEMANTICS G5.
async_generator<std::string> what_a_generator_sees() {
    co_yield request.get();
    co_yield co_await with_value(request, "inside", read_later());
    co_yield request.get();
}

TEST(task_local, bound_inside_a_generator_is_not_seen_by_its_consumer_g5) {
    simulate([]() -> task<> {
        auto values = what_a_generator_sees();
        log seen;
        while (auto value = co_await values.next()) {
            seen.push_back(*value);
            EXPECT_EQ(request.get(), "none");
        }
        EXPECT_EQ(seen, (log{"none", "inside", "none"}));
    });
}

TEST(task_local, value_is_destroyed_when_nobody_has_it_any_more) {
    static const task_local<std::shared_ptr<int>> shared;
    simulate([]() -> task<> {
        auto value = std::make_shared<int>(5);
        const std::weak_ptr<int> watched = value;
        const auto use = []() -> task<> {
            task_group group;
            for (int each = 0; each != 3; ++each) {
                group.spawn([]() -> task<> {
                    co_await sleep_for(1s);
                    EXPECT_EQ(*shared.get(), 5);
                });
            }
            co_await group.run();
        };
        co_await with_value(shared, std::move(value), use());
        EXPECT_TRUE(watched.expired());
    });
}

TEST(task_local, is_unbound_when_the_await_is_cancelled_or_fails) {
    simulate([]() -> task<> {
        const auto slept = co_await move_on_after(1s, with_value(depth, 1, sleep_for(1h)));
        EXPECT_FALSE(slept.has_value());
        EXPECT_EQ(depth.get(), 0);
        const auto fail = []() -> task<> {
            co_await yield_now();
            throw std::out_of_range{"nine"};
        };
        try {
            co_await with_value(depth, 1, fail());
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::out_of_range&) {
            EXPECT_EQ(depth.get(), 0);
        }
    });
}

TEST(task_local, that_is_bound_ten_thousand_times_needs_no_stack_to_be_let_go) {
    simulate([]() -> task<> {
        struct bind_more {
            static task<int> go(int left) {
                if (left == 0) co_return depth.get();
                co_return co_await with_value(depth, left, go(left - 1));
            }
        };
        const int innermost = co_await bind_more::go(10'000);
        EXPECT_EQ(innermost, 1);
    });
}

}  // namespace
}  // namespace simul
