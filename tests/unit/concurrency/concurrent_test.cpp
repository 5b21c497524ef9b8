// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/concurrent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using numbers = std::vector<int>;

task<> yield_twice() {
    co_await yield_now();
    co_await yield_now();
}

// Counts how many are at work.
struct workshop {
    task<int> square(int number) {
        most = std::max(most, ++at_work);
        ++begun;
        co_await yield_now();
        --at_work;
        co_return number* number;
    }

    int at_work = 0;
    int most = 0;
    int begun = 0;
};

TEST(concurrent_map, gives_results_in_the_order_of_the_items) {
    run_on_each_backend([]() -> task<> {
        const numbers items{5, 1, 3};
        const numbers squares = co_await concurrent_map(items, 2, [](int item) -> task<int> {
            for (int passes = 0; passes < item; ++passes) co_await yield_now();
            co_return item* item;
        });
        EXPECT_EQ(squares, (numbers{25, 1, 9}));
    });
}

TEST(concurrent_map, has_no_more_at_work_than_allowed) {
    simulate([]() -> task<> {
        workshop shop;
        const numbers squares = co_await concurrent_map(
            std::views::iota(0, 100), 7, [&](int item) { return shop.square(item); });
        EXPECT_EQ(squares.size(), 100U);
        EXPECT_EQ(squares[99], 9801);
        EXPECT_EQ(shop.most, 7);
    });
}

TEST(concurrent_map, takes_results_that_are_only_movable) {
    simulate([]() -> task<> {
        const numbers items{1, 2};
        const auto boxes = co_await concurrent_map(
            items, 9,
            [](int item) -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(item); });
        EXPECT_EQ(*boxes[0] + *boxes[1], 3);
    });
}

TEST(concurrent_map, of_nothing_is_empty_and_does_not_suspend) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        const numbers none;
        const numbers squares = co_await concurrent_map(none, 3, [](int) -> task<int> {
            ADD_FAILURE() << "there is no item";
            co_return 0;
        });
        EXPECT_TRUE(squares.empty());
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(concurrent_for_each, walks_a_million_items_with_the_memory_of_a_few) {
    simulate([]() -> task<> {
        constexpr int count = 1'000'000;
        long long sum = 0;
        int alive = 0;
        int most = 0;
        co_await concurrent_for_each(std::views::iota(0, count), 10, [&](int item) -> task<> {
            most = std::max(most, ++alive);
            if (item % 1000 == 0) co_await yield_now();
            sum += item;
            --alive;
        });
        EXPECT_EQ(sum, static_cast<long long>(count) * (count - 1) / 2);
        EXPECT_LE(most, 10);
    });
}

TEST(concurrent_for_each, takes_a_range_of_a_single_pass) {
    simulate([]() -> task<> {
        std::istringstream words{"one two three four five"};
        std::vector<std::string> seen;
        co_await concurrent_for_each(std::ranges::istream_view<std::string>(words), 2,
                                     [&](std::string word) -> task<> {
                                         co_await yield_now();
                                         seen.push_back(word);
                                     });
        EXPECT_EQ(seen, (std::vector<std::string>{"one", "two", "three", "four", "five"}));
    });
}

TEST(concurrent_for_each, refers_to_the_items_of_a_container) {
    simulate([]() -> task<> {
        numbers items{1, 2, 3};
        co_await concurrent_for_each(items, 2, [](int& item) -> task<> {
            co_await yield_now();
            item *= 10;
        });
        EXPECT_EQ(items, (numbers{10, 20, 30}));
    });
}

TEST(concurrent_for_each, begins_no_more_after_a_failure_and_reports_it) {
    simulate([]() -> task<> {
        int begun = 0;
        int ended = 0;
        const auto how = co_await as_outcome(
            concurrent_for_each(std::views::iota(0, 100), 3, [&](int item) -> task<> {
                ++begun;
                co_await sleep_for(1s);
                if (item == 4) throw std::runtime_error{"the fourth"};
                co_await sleep_for(1s);
                ++ended;
            }));
        EXPECT_TRUE(how.has_error());
        EXPECT_EQ(begun, 6);
        EXPECT_EQ(ended, 3);
    });
}

TEST(concurrent_for_each, reports_what_making_a_task_throws) {
    simulate([]() -> task<> {
        const numbers items{1, 2, 3};
        const auto how = co_await as_outcome(concurrent_for_each(items, 1, [](int item) {
            if (item == 2) throw std::runtime_error{"no second one"};
            return yield_twice();
        }));
        EXPECT_TRUE(how.has_error());
    });
}

TEST(concurrent_for_each, passes_a_request_on_to_what_runs) {
    simulate([]() -> task<> {
        int begun = 0;
        const auto in_time = co_await move_on_after(
            1500ms, concurrent_for_each(std::views::iota(0, 100), 4, [&](int) -> task<> {
                ++begun;
                co_await sleep_for(1s);
            }));
        EXPECT_FALSE(in_time);
        EXPECT_EQ(begun, 8);
    });
}

TEST(concurrent_for_each, checks_its_limit) {
    const auto nothing = [](int) -> task<> { co_return; };
    EXPECT_DEATH(static_cast<void>(concurrent_for_each(numbers{1}, 0, nothing)), "limit of zero");
}

}  // namespace
}  // namespace simul
