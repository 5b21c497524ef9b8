// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/queue_order.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace test;
using numbers = std::vector<int>;

// Compares the urgency only, so that equals can be told apart.
struct job {
    job(int its_urgency, std::string its_name) : urgency{its_urgency}, name{std::move(its_name)} {}

    int urgency;
    std::string name;
    bool operator<(const job& other) const noexcept { return urgency < other.urgency; }
};

template <class Items>
task<> put_all(Items& items, numbers values) {
    for (const int value : values) co_await items.put(value);
    items.close();
}

template <class Items>
task<numbers> get_all(Items& items) {
    numbers got;
    while (auto item = items.try_get()) got.push_back(*item);
    co_return got;
}

TEST(lifo_queue, gives_the_newest_item_first) {
    simulate([]() -> task<> {
        lifo_queue<int> items;
        const numbers values{1, 2, 3};
        co_await put_all(items, values);
        const numbers got = co_await get_all(items);
        EXPECT_EQ(got, (numbers{3, 2, 1}));
    });
}

TEST(lifo_queue, lets_producers_wait_and_takes_them_in_as_they_came) {
    simulate([]() -> task<> {
        lifo_queue<int> items{1};
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            const numbers values{1, 2, 3};
            group.spawn(put_all(items, values));
            while (items.waiting_producers() == 0) co_await yield_now();
            for (int count = 0; count < 3; ++count) got.push_back(co_await items.get());
        });
        EXPECT_EQ(got, (numbers{1, 2, 3}));
    });
}

TEST(priority_queue, gives_the_smallest_item_first) {
    simulate([]() -> task<> {
        priority_queue<int> items;
        const numbers values{5, 1, 4, 1, 3};
        co_await put_all(items, values);
        const numbers got = co_await get_all(items);
        EXPECT_EQ(got, (numbers{1, 1, 3, 4, 5}));
    });
}

TEST(priority_queue, takes_a_comparison_of_ones_own) {
    simulate([]() -> task<> {
        priority_queue<int, std::greater<>> items;
        const numbers values{5, 1, 4};
        co_await put_all(items, values);
        const numbers got = co_await get_all(items);
        EXPECT_EQ(got, (numbers{5, 4, 1}));
    });
}

TEST(priority_queue, gives_the_older_of_equal_items_first) {
    simulate([]() -> task<> {
        priority_queue<job> jobs;
        for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) {
            co_await jobs.put(job{1, name});
            co_await jobs.put(job{0, name});
        }
        std::string order;
        while (auto each = jobs.try_get()) order += each->name;
        EXPECT_EQ(order, "abcdefgabcdefg");
    });
}

TEST(priority_queue, puts_an_item_that_is_given_back_before_its_equals) {
    smallest_first<>::storage<std::pair<int, int>> plain;  // pairs are never equal here
    plain.reserve(2);
    plain.push({1, 2});
    plain.push({1, 1});
    EXPECT_EQ(plain.pop().second, 1);

    smallest_first<>::storage<job> items;
    items.reserve(3);
    items.push(job{1, "first"});
    items.push(job{1, "second"});
    items.push(job{1, "third"});
    job taken = items.pop();
    EXPECT_EQ(taken.name, "first");
    job next = items.pop();
    items.push_again(std::move(next));
    items.push_again(std::move(taken));
    EXPECT_EQ(items.pop().name, "first");
    EXPECT_EQ(items.pop().name, "second");
    EXPECT_EQ(items.pop().name, "third");
}

TEST(priority_queue, hands_an_item_to_a_consumer_who_waits) {
    simulate([]() -> task<> {
        priority_queue<int> items;
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                while (got.size() != 3) got.push_back(co_await items.get());
            });
            while (items.waiting_consumers() == 0) co_await yield_now();
            co_await items.put(9);
            co_await items.put(8);
            co_await items.put(7);
        });
        EXPECT_EQ(got, (numbers{9, 7, 8}));
    });
}

}  // namespace
}  // namespace simul
