// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about a program that stands: K9, whose task holds the loop, and K10,
// who waits for whom.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/wait_graph.hpp"
#include "simul/diagnostics/watchdog.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/jumping_clock.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;

std::uint_least32_t line_of_pause = 0;

// Others are found as well if the machine is slow: only the guilty one counts.
REAL_WORLD_TEST(K9, task_that_blocks_is_told_while_it_does_with_its_name_and_line) {
    std::atomic<bool> told = false;
    std::vector<trace_entry> chain;
    const watchdog watching{
        watchdog_options{}.limit(500us).on_finding([&](const watchdog_finding& found) {
            if (found.verdict != watchdog_verdict::blocks || found.name != "guilty") return;
            chain = found.chain;
            told.store(true, std::memory_order_release);
        })};
    task_group group;
    group.spawn(
        [&]() -> task<> {
            line_of_pause = std::source_location::current().line() + 1;
            co_await yield_now();
            while (!told.load(std::memory_order_acquire)) std::this_thread::yield();
        },
        spawn_options{}.named("guilty"));
    group.spawn([]() -> task<> { co_await yield_now(); }, spawn_options{}.named("innocent"));
    co_await group.run();
    EXPECT_FALSE(chain.empty());
    if (!chain.empty()) {
        EXPECT_EQ(chain.front().await.line(), line_of_pause);
    }
}

VIRTUAL_WORLD_TEST(K9, turn_that_was_too_long_is_told_when_it_has_ended) {
    std::vector<watchdog_finding> findings;
    const watchdog watching{watchdog_options{}.on_finding(
        [&](const watchdog_finding& found) { findings.push_back(found); })};
    task_group group;
    group.spawn(
        [&]() -> task<> {
            co_await yield_now();
            test::advance_clock(100ms);  // the limit itself is not too long
            co_await yield_now();
            line_of_pause = std::source_location::current().line() + 1;
            co_await yield_now();
            test::advance_clock(101ms);
        },
        spawn_options{}.named("guilty"));
    group.spawn([]() -> task<> { co_await sleep_for(10s); }, spawn_options{}.named("innocent"));
    co_await group.run();
    EXPECT_EQ(findings.size(), 1U);
    if (findings.size() != 1) co_return;
    EXPECT_EQ(findings[0].verdict, watchdog_verdict::held);
    EXPECT_EQ(findings[0].name, "guilty");
    EXPECT_EQ(findings[0].length, 101ms);
    EXPECT_FALSE(findings[0].chain.empty());
    if (!findings[0].chain.empty()) {
        EXPECT_EQ(findings[0].chain[0].await.line(), line_of_pause);
    }
}

VIRTUAL_WORLD_TEST(K9, task_that_spins_is_told_once_and_one_that_waits_is_not) {
    std::vector<watchdog_finding> findings;
    const watchdog watching{watchdog_options{}.spin_limit(1s).on_finding(
        [&](const watchdog_finding& found) { findings.push_back(found); })};
    bool is_over = false;
    task_group group;
    group.spawn(
        [&]() -> task<> {
            for (int turn = 0; turn != 50; ++turn) {
                test::advance_clock(50ms);
                co_await yield_now();
            }
            is_over = true;
        },
        spawn_options{}.named("guilty"));
    group.spawn(
        [&]() -> task<> {
            while (!is_over) co_await sleep_for(30ms);
        },
        spawn_options{}.named("innocent"));
    co_await group.run();
    EXPECT_EQ(findings.size(), 1U);
    if (findings.size() != 1) co_return;
    EXPECT_EQ(findings[0].verdict, watchdog_verdict::spins);
    EXPECT_EQ(findings[0].name, "guilty");
    EXPECT_GT(findings[0].length, 1s);
}

task<> take_both(mutex& first, mutex& second, int& have_one) {
    const mutex_guard one = co_await first.acquire();
    ++have_one;
    while (have_one != 2) co_await yield_now();
    const mutex_guard other = co_await second.acquire();
}

const waiting_task* find_wait(const std::vector<waiting_task>& waits, const std::string& name) {
    const auto found = std::ranges::find(waits, name, &waiting_task::name);
    return found == waits.end() ? nullptr : &*found;
}

EVERY_WORLD_TEST(K10, wait_graph_tells_who_waits_for_whom_and_where) {
    mutex fork;
    mutex knife;
    int have_one = 0;
    std::vector<waiting_task> waits;
    task_group group;
    group.spawn([&] { return take_both(fork, knife, have_one); }, spawn_options{}.named("left"));
    group.spawn([&] { return take_both(knife, fork, have_one); }, spawn_options{}.named("right"));
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        waits = wait_graph();
        group.cancel();
    });
    co_await group.run();
    const waiting_task* left = find_wait(waits, "left");
    const waiting_task* right = find_wait(waits, "right");
    const waiting_task* main = find_wait(waits, "main");
    const bool are_there = left != nullptr && right != nullptr && main != nullptr;
    EXPECT_TRUE(are_there) << format_wait_graph(waits);
    if (!are_there) co_return;
    EXPECT_EQ(left->event, "a mutex");
    EXPECT_EQ(left->awaits, std::vector{right->number});
    EXPECT_EQ(right->awaits, std::vector{left->number});
    EXPECT_EQ(main->event, "its children");
    EXPECT_EQ(main->awaits, (std::vector{std::min(left->number, right->number),
                                         std::max(left->number, right->number)}));
    EXPECT_EQ(detail::plain_function_name(left->chain.at(0).body.function_name()),
              "simul::take_both");
    EXPECT_NE(format_wait_graph(waits).find("in a circle: "), std::string::npos);
}

}  // namespace
}  // namespace simul
