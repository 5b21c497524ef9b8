// SPDX-License-Identifier: Apache-2.0
//
// What K9 in tests/semantics does not say of the watchdog: its texts, its defaults, its end.
#include "simul/diagnostics/watchdog.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/callback.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/testing/clock.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::simulate;

using findings = std::vector<watchdog_finding>;

watchdog_options noted_in(findings& all) {
    return watchdog_options{}.on_finding(
        [&all](const watchdog_finding& found) { all.push_back(found); });
}

task<> hold_for(duration length) {
    co_await yield_now();
    testing::advance_clock(length);
}

task<> hold_behind_another_task(duration length) {
    co_await hold_for(length);
}

TEST(watchdog, limits_are_those_of_the_documentation_unless_told) {
    const watchdog_options options;
    EXPECT_EQ(options.longest_turn, 100ms);
    EXPECT_EQ(options.longest_spin, 1s);
    const auto told = watchdog_options{}.limit(2s).spin_limit(1min);
    EXPECT_EQ(told.longest_turn, 2s);
    EXPECT_EQ(told.longest_spin, 1min);
}

TEST(watchdog, says_nothing_of_turns_within_the_limit) {
    findings all;
    simulate([&]() -> task<> {
        const watchdog watching{noted_in(all)};
        for (int turn = 0; turn != 3; ++turn) co_await hold_for(100ms);
    });
    EXPECT_TRUE(all.empty());
}

TEST(watchdog, tells_the_chain_of_awaits_from_the_one_that_went_on) {
    findings all;
    simulate([&]() -> task<> {
        const watchdog watching{noted_in(all)};
        co_await hold_behind_another_task(1s);
        co_await yield_now();  // a turn is told when it ends
    });
    ASSERT_EQ(all.size(), 1U);
    ASSERT_EQ(all[0].chain.size(), 3U);
    EXPECT_EQ(detail::plain_function_name(all[0].chain[0].body.function_name()), "simul::hold_for");
    EXPECT_EQ(detail::plain_function_name(all[0].chain[1].body.function_name()),
              "simul::hold_behind_another_task");
    EXPECT_EQ(all[0].name, "main");
    EXPECT_EQ(all[0].task, 1U);
}

TEST(watchdog, keeps_no_more_of_a_chain_and_of_a_name_than_it_has_room_for) {
    findings all;
    simulate([&]() -> task<> {
        const watchdog watching{noted_in(all)};
        const std::function<task<>(int)> deep = [&](int levels) -> task<> {
            if (levels == 0) co_return co_await hold_for(1s);
            co_await deep(levels - 1);
        };
        task_group group;
        group.spawn(deep(20), spawn_options{}.named(std::string(200, 'x')));
        co_await group.run();
    });
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].chain.size(), 8U);
    EXPECT_EQ(all[0].name, std::string(63, 'x'));
}

TEST(watchdog, tells_of_a_callback_that_held_the_loop_without_a_task) {
    findings all;
    simulate([&]() -> task<> {
        const watchdog watching{noted_in(all)};
        call_soon([] { testing::advance_clock(1s); });
        co_await sleep_for(2s);
    });
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].task, 0U);
    EXPECT_NE(format_finding(all[0]).find("code outside of tasks held the loop for 1000 ms"),
              std::string::npos)
        << format_finding(all[0]);
}

TEST(watchdog, tells_of_a_task_that_blocks_on_a_thread_of_its_own) {
    for (const backend_kind kind : test::real_backends()) {
        SCOPED_TRACE(test::name_of(kind));
        std::atomic<bool> is_told = false;
        std::thread::id teller;
        const auto program = [&]() -> task<> {
            const watchdog watching{
                watchdog_options{}.limit(1ms).on_finding([&](const watchdog_finding& found) {
                    if (found.verdict != watchdog_verdict::blocks) return;
                    teller = std::this_thread::get_id();
                    is_told = true;
                })};
            co_await yield_now();
            while (!is_told) std::this_thread::yield();
            co_await yield_now();
        };
        run(program(), test::options_for(kind));
        EXPECT_NE(teller, std::thread::id{});
        EXPECT_NE(teller, std::this_thread::get_id());
    }
}

TEST(watchdog, sees_nothing_any_more_when_it_has_gone) {
    findings all;
    simulate([&]() -> task<> {
        {
            const watchdog watching{noted_in(all)};
            co_await yield_now();
        }
        co_await hold_for(1h);
        EXPECT_EQ(loop::current().scheduler().observer(), nullptr);
    });
    EXPECT_TRUE(all.empty());
}

TEST(watchdog, one_spinning_task_does_not_hide_another) {
    findings all;
    simulate([&]() -> task<> {
        const watchdog watching{noted_in(all)};
        const auto spin = [](int turns) -> task<> {
            for (int turn = 0; turn != turns; ++turn) {
                testing::advance_clock(50ms);
                co_await yield_now();
            }
        };
        task_group group;
        group.spawn(spin(100), spawn_options{}.named("first"));
        group.spawn(spin(100), spawn_options{}.named("second"));
        co_await group.run();
    });
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].verdict, watchdog_verdict::spins);
    EXPECT_EQ(all[1].verdict, watchdog_verdict::spins);
    EXPECT_NE(all[0].name, all[1].name);
}

TEST(watchdog, finding_is_told_in_words_with_its_chain) {
    watchdog_finding found;
    found.task = 7;
    found.name = "import";
    found.length = 150ms;
    EXPECT_EQ(format_finding(found),
              "task 7 \"import\" has held the loop for 150 ms, since it went on here:\n");
    found.verdict = watchdog_verdict::held;
    EXPECT_EQ(format_finding(found),
              "task 7 \"import\" held the loop for 150 ms, from when it went on here:\n");
    found.verdict = watchdog_verdict::spins;
    EXPECT_EQ(format_finding(found),
              "task 7 \"import\" has not waited for anything for 150 ms; the last time it went on "
              "here:\n");
}

TEST(watchdog, prints_what_it_finds_unless_told_otherwise) {
    ::testing::internal::CaptureStderr();
    simulate([]() -> task<> {
        const watchdog watching;
        co_await hold_for(1s);
        co_await yield_now();
    });
    const std::string printed = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(printed.starts_with("simul: task 1 \"main\" held the loop for 1000 ms")) << printed;
    EXPECT_NE(printed.find("\n  in simul::hold_for  "), std::string::npos) << printed;
}

}  // namespace
}  // namespace simul
