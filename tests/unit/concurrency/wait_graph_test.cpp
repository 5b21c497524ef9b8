// SPDX-License-Identifier: Apache-2.0
//
// What K10 in tests/semantics does not say of wait graphs.
#include "simul/coro/wait_graph.hpp"

#include <chrono>
#include <string>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::simulate;

std::vector<waiting_task> waits_of(const std::vector<waiting_task>& all, std::uint64_t number) {
    std::vector<waiting_task> found;
    for (const waiting_task& each : all) {
        if (each.number == number) found.push_back(each);
    }
    return found;
}

task<> wait_for_item(queue<int>& source) {
    static_cast<void>(co_await source.get());
}

TEST(wait_graph, task_with_several_waits_is_in_it_several_times) {
    simulate([]() -> task<> {
        event never;
        queue<int> empty;
        std::vector<waiting_task> graph;
        task_group group;
        group.spawn([&]() -> task<> {
            static_cast<void>(co_await select(never.wait(), wait_for_item(empty), sleep_for(1h)));
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            graph = wait_graph();
            group.cancel();
        });
        co_await group.run();
        const auto waits = waits_of(graph, 2);
        EXPECT_EQ(waits.size(), 3U);
        std::vector<std::string> events;
        for (const waiting_task& each : waits) events.push_back(each.event);
        EXPECT_EQ(events, (std::vector<std::string>{"an event", "an item", "a time"}));
        EXPECT_EQ(waits.at(1).chain.size(), 2U);
        EXPECT_EQ(waits.at(0).chain.size(), 1U);
    });
}

TEST(wait_graph, who_was_cancelled_is_in_it_until_the_request_is_delivered) {
    simulate([]() -> task<> {
        task_group group;
        group.spawn([]() -> task<> { co_await sleep_for(1h); });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            group.cancel();
            EXPECT_EQ(waits_of(wait_graph(), 2).at(0).event, "a time");
        });
        co_await group.run();
        EXPECT_TRUE(waits_of(wait_graph(), 2).empty());
    });
}

TEST(wait_graph, who_awaits_a_handle_waits_for_its_task) {
    simulate([]() -> task<> {
        task_group group;
        auto awaited = group.spawn([]() -> task<> { co_await sleep_for(1h); });
        group.spawn([&]() -> task<> { co_await awaited; });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            const auto waits = waits_of(wait_graph(), 3);
            EXPECT_EQ(waits.at(0).event, "a task");
            EXPECT_EQ(waits.at(0).awaits, std::vector<std::uint64_t>{2});
            group.cancel();
        });
        co_await group.run();
    });
}

TEST(wait_graph, who_can_run_is_not_in_it) {
    simulate([]() -> task<> {
        task_group group;
        group.spawn([]() -> task<> { co_await yield_now(); });
        EXPECT_TRUE(wait_graph().empty());
        co_await group.run();
    });
}

TEST(wait_graph, parents_and_grandparents_are_each_in_it_once) {
    simulate([]() -> task<> {
        task_group group;
        group.spawn([]() -> task<> {
            task_group inner;
            for (int each = 0; each != 3; ++each) {
                inner.spawn([]() -> task<> { co_await sleep_for(1h); });
            }
            co_await inner.run();
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            const auto waits = wait_graph();
            EXPECT_EQ(waits.size(), 5U) << format_wait_graph(waits);
            EXPECT_EQ(waits_of(waits, 1).at(0).awaits, std::vector<std::uint64_t>{2});
            EXPECT_EQ(waits_of(waits, 2).at(0).awaits, (std::vector<std::uint64_t>{4, 5, 6}));
            group.cancel();
        });
        co_await group.run();
    });
}

waiting_task made(std::uint64_t number, std::vector<std::uint64_t> awaits) {
    waiting_task wait;
    wait.number = number;
    wait.event = "a mutex";
    wait.awaits = std::move(awaits);
    return wait;
}

TEST(wait_graph, circle_is_told_from_where_it_closes) {
    const std::vector waits{made(1, {2}), made(2, {3}), made(3, {4}), made(4, {2})};
    EXPECT_TRUE(format_wait_graph(waits).ends_with(
        "in a circle: task 2 waits for task 3 waits for task 4 waits for task 2\n"))
        << format_wait_graph(waits);
}

TEST(wait_graph, without_a_circle_none_is_told) {
    const std::vector waits{made(1, {2, 3}), made(2, {3}), made(3, {})};
    EXPECT_EQ(format_wait_graph(waits),
              "task 1 waits for a mutex: tasks 2, 3\n"
              "task 2 waits for a mutex: task 3\n"
              "task 3 waits for a mutex\n");
}

TEST(wait_graph, long_ones_are_cut_with_a_count) {
    std::vector<waiting_task> waits;
    for (std::uint64_t number = 1; number != 101; ++number) waits.push_back(made(number, {}));
    waits[0].awaits.assign(20, 2);
    const std::string text = format_wait_graph(waits);
    EXPECT_TRUE(
        text.starts_with("task 1 waits for a mutex: tasks 2, 2, 2, 2, 2, 2, 2, 2 and 12 "
                         "more\n"));
    EXPECT_TRUE(text.ends_with("task 64 waits for a mutex\nand 36 more waits\n"));
}

TEST(deadlock, text_says_where_everybody_stands) {
    std::string text;
    try {
        simulate([]() -> task<> {
            event never;
            co_await never.wait();
        });
    } catch (const deadlock& found) {
        EXPECT_EQ(found.code(), errc::deadlock);
        text = found.what();
    }
    EXPECT_TRUE(
        text.starts_with("nothing in the program can run any more:\n"
                         "task 1 \"main\" waits for an event\n  in "))
        << text;
}

TEST(deadlock, copies_of_one_share_its_text) {
    simulate([]() -> task<> {
        const deadlock found;
        const deadlock copy{found};
        EXPECT_EQ(copy.what(), found.what());
        co_return;
    });
}

}  // namespace
}  // namespace simul
