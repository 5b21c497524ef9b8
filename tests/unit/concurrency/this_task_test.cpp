// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/this_task.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/blocking.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

TEST(this_task, has_a_number_that_no_other_task_of_the_loop_has) {
    simulate([]() -> task<> {
        EXPECT_EQ(this_task::number(), 1U);
        std::vector<std::uint64_t> numbers;
        task_group group;
        for (int each = 0; each != 3; ++each) {
            group.spawn([&numbers, each]() -> task<> {
                numbers.push_back(this_task::number());
                co_await yield_now();
                EXPECT_EQ(this_task::number(), numbers[static_cast<std::size_t>(each)]);
            });
        }
        co_await group.run();
        EXPECT_EQ(numbers, (std::vector<std::uint64_t>{2, 3, 4}));
        EXPECT_EQ(this_task::number(), 1U);
    });
}

TEST(this_task, has_the_name_it_was_given) {
    simulate([]() -> task<> {
        EXPECT_EQ(this_task::name(), "main");
        log names;
        const auto note = [&]() -> task<> {
            co_await yield_now();
            names.emplace_back(this_task::name());
        };
        task_group group;
        group.spawn(note(), spawn_options{}.named("reader"));
        group.spawn(note, spawn_options{}.named("writer"));
        group.spawn(note());
        co_await group.run();
        EXPECT_EQ(names, (log{"reader", "writer", ""}));
    });
}

TEST(this_task, is_the_one_that_awaits_in_coroutines_and_branches_it_awaits) {
    simulate([]() -> task<> {
        const auto number = []() -> task<std::uint64_t> {
            co_await yield_now();
            co_return this_task::number();
        };
        const std::uint64_t awaited = co_await number();
        EXPECT_EQ(awaited, 1U);
        const auto [left, right] = co_await gather(number(), number());
        EXPECT_EQ(left, 1U);
        EXPECT_EQ(right, 1U);
    });
}

TEST(this_task, is_known_to_destructors_of_a_cancelled_task) {
    simulate([]() -> task<> {
        std::uint64_t inside = 0;
        std::uint64_t at_end = 0;
        struct asks_at_end {
            std::uint64_t& answer;
            ~asks_at_end() { answer = this_task::number(); }
        };
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            const asks_at_end local{at_end};
            inside = this_task::number();
            co_await sleep_for(1h);
        });
        group.spawn([&]() -> task<> {
            handle.cancel();
            co_return;
        });
        co_await group.run();
        EXPECT_NE(inside, 0U);
        EXPECT_EQ(at_end, inside);
    });
}

TEST(this_task, is_nobody_outside_of_tasks) {
    EXPECT_EQ(this_task::number(), 0U);
    EXPECT_EQ(this_task::name(), "");
    EXPECT_EQ(this_task::deadline(), time_point::max());
    EXPECT_FALSE(this_task::is_cancelled());
    simulate([]() -> task<> {
        std::uint64_t number = 7;
        loop::current().post_from_any_thread([&] { number = this_task::number(); });
        co_await yield_now();
        co_await yield_now();
        EXPECT_EQ(number, 0U);
    });
}

TEST(this_task, is_the_waiting_one_in_an_offloaded_function) {
    run_on_each_backend([]() -> task<> {
        const std::uint64_t number = co_await offload([] { return this_task::number(); });
        EXPECT_EQ(number, 1U);
        const std::string name = co_await offload([] { return std::string{this_task::name()}; });
        EXPECT_EQ(name, "main");
    });
}

TEST(this_task, deadline_is_the_earliest_of_the_limits_around_it) {
    simulate([]() -> task<> {
        const time_point start = now();
        EXPECT_EQ(this_task::deadline(), time_point::max());
        const auto inner = []() -> task<time_point> {
            co_await yield_now();
            co_return this_task::deadline();
        };
        time_point seen = co_await timeout(5s, inner());
        EXPECT_EQ(seen, start + 5s);
        seen = co_await timeout(5s, timeout(9s, inner()));
        EXPECT_EQ(seen, start + 5s);
        seen = co_await timeout(5s, timeout(2s, inner()));
        EXPECT_EQ(seen, start + 2s);
        EXPECT_EQ(this_task::deadline(), time_point::max());
    });
}

TEST(this_task, deadline_reaches_into_groups_and_ends_at_a_shield) {
    simulate([]() -> task<> {
        const time_point start = now();
        const auto inner = []() -> task<time_point> { co_return this_task::deadline(); };
        const auto in_group = [&]() -> task<time_point> {
            task_group group;
            auto handle = group.spawn(inner());
            co_await group.run();
            co_return co_await handle;
        };
        time_point seen = co_await timeout(5s, in_group());
        EXPECT_EQ(seen, start + 5s);
        seen = co_await timeout(5s, shield(inner()));
        EXPECT_EQ(seen, time_point::max());
        seen = co_await timeout(5s, shield(timeout(7s, inner())));
        EXPECT_EQ(seen, start + 7s);
    });
}

TEST(this_task, knows_that_it_was_cancelled_before_its_next_await) {
    simulate([]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            EXPECT_FALSE(this_task::is_cancelled());
            group.cancel(cancel_reason::shutdown);
            EXPECT_TRUE(this_task::is_cancelled());
            EXPECT_EQ(this_task::reason(), cancel_reason::shutdown);
            co_return;
        });
        co_await group.run();
        EXPECT_FALSE(this_task::is_cancelled());
    });
}

}  // namespace
}  // namespace simul
