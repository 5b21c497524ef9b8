// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/wait.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using places = std::vector<std::size_t>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

task<int> give(int value, duration delay) {
    co_await sleep_for(delay);
    co_return value;
}

task<int> fail(duration delay) {
    co_await sleep_for(delay);
    throw failure{"child"};
}

std::vector<task_handle<int>> spawn_all(task_group& group, const std::vector<int>& seconds) {
    std::vector<task_handle<int>> handles;
    for (const int each : seconds) handles.push_back(group.spawn(give(each, each * 1s)));
    return handles;
}

// Runs a group whose failure is expected, so that it does not reach those who wait outside.
task<> run_contained(task_group& group) {
    try {
        co_await group.run();
    } catch (const failure&) {
    }
}

TEST(wait, tells_when_all_have_ended_in_the_order_in_which_they_ended) {
    run_on_each_backend([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            std::vector<task_handle<int>> handles;
            for (const int value : {3, 1, 2})
                handles.push_back(group.spawn(give(value, value * 2ms)));
            const auto [done, pending] = co_await wait(handles);
            EXPECT_EQ(done, (places{1, 2, 0}));
            EXPECT_TRUE(pending.empty());
            const int value = co_await handles[0];
            EXPECT_EQ(value, 3) << "the results stay in the handles";
        });
    });
}

TEST(wait, tells_when_the_first_has_ended_and_leaves_the_others_alone) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {3, 1, 2});
            const time_point start = now();
            const auto [done, pending] = co_await wait(handles, wait_until::first_completed);
            EXPECT_EQ(now() - start, 1s);
            EXPECT_EQ(done, places{1});
            EXPECT_EQ(pending, (places{0, 2}));
            const int slowest = co_await handles[0];
            EXPECT_EQ(slowest, 3);
        });
    });
}

// T07. A child that fails cancels its siblings here, so the two belong to different groups.
TEST(wait, for_the_first_error_returns_at_the_failure_with_one_done_and_one_pending_t07) {
    simulate([]() -> task<> {
        task_group sleepers;
        task_group failers;
        auto sleeper = sleepers.spawn([]() -> task<std::string> {
            co_await sleep_for(10s);
            co_return "slept";
        });
        auto failer = failers.spawn(fail(10ms));
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> { co_await sleepers.run(); });
            group.spawn(run_contained(failers));
            const time_point start = now();
            const auto [done, pending] = co_await wait(wait_until::first_error, sleeper, failer);
            EXPECT_EQ(now() - start, 10ms);
            EXPECT_EQ(done, places{1});
            EXPECT_EQ(pending, places{0});
            EXPECT_NE(failer.error(), nullptr);
            EXPECT_FALSE(sleeper.done());
            const std::string result = co_await sleeper;
            EXPECT_EQ(result, "slept") << "nobody was cancelled";
            EXPECT_EQ(now() - start, 10s);
        });
    });
}

TEST(wait, for_the_first_error_of_a_range_passes_over_what_ends_well_or_is_cancelled_t07) {
    simulate([]() -> task<> {
        task_group workers;
        task_group failers;
        std::vector<task_handle<int>> handles;
        handles.push_back(workers.spawn(give(0, 1h)));
        handles.push_back(workers.spawn(give(1, 1s)));
        handles.push_back(failers.spawn(fail(3s)));
        handles.push_back(workers.spawn(give(3, 10s)));
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> { co_await workers.run(); });
            group.spawn(run_contained(failers));
            group.spawn([&]() -> task<> {
                co_await sleep_for(2s);
                handles[0].cancel();
            });
            const time_point start = now();
            auto [done, pending] = co_await wait(handles, wait_until::first_error);
            EXPECT_EQ(now() - start, 3s);
            EXPECT_EQ(done, (places{1, 0, 2}));
            EXPECT_EQ(pending, places{3});

            const auto passes = loop::current().statistics().passes;
            const auto again = co_await wait(handles, wait_until::first_error);
            EXPECT_EQ(again.done, done) << "the error is there already";
            EXPECT_EQ(loop::current().statistics().passes, passes);
        });
    });
}

TEST(wait, for_the_first_error_ends_with_the_last_child_if_none_fails) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {1, 2});
            const time_point start = now();
            const auto [done, pending] = co_await wait(handles, wait_until::first_error);
            EXPECT_EQ(now() - start, 2s);
            EXPECT_EQ(done, (places{0, 1}));
        });
    });
}

TEST(wait, that_runs_out_of_time_tells_what_has_ended_and_cancels_nobody) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {4, 1, 3});
            const time_point start = now();
            const auto early = co_await wait(handles, wait_until::all_completed, 2s);
            EXPECT_EQ(now() - start, 2s);
            EXPECT_EQ(early.done, places{1});
            EXPECT_EQ(early.pending, (places{0, 2}));
            const auto in_time = co_await wait(handles, wait_until::all_completed, 10s);
            EXPECT_EQ(now() - start, 4s);
            EXPECT_EQ(in_time.done, (places{1, 2, 0}));
            EXPECT_EQ(loop::current().statistics().timers, 0U);

            auto slow = group.spawn(give(5, 5s));
            auto other = group.spawn([]() -> task<> { co_await sleep_for(1s); });
            const auto of_two = co_await wait(wait_until::all_completed, 2s, slow, other);
            EXPECT_EQ(of_two.done, places{1});
            EXPECT_EQ(of_two.pending, places{0});
        });
    });
}

TEST(wait, with_a_limit_of_zero_or_less_tells_at_once) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {2, 1});
            const auto passes = loop::current().statistics().passes;
            for (const duration limit : {duration{0}, duration{-1}, duration::min()}) {
                const auto state = co_await wait(handles, wait_until::first_completed, limit);
                EXPECT_TRUE(state.done.empty());
                EXPECT_EQ(state.pending, (places{0, 1}));
            }
            EXPECT_EQ(loop::current().statistics().passes, passes);
            co_await wait(handles, wait_until::first_completed,
                          std::chrono::duration<double>{1e300});
            EXPECT_TRUE(handles[1].done());
        });
    });
}

TEST(wait, does_not_suspend_for_what_has_happened_and_keeps_the_order_in_which_it_did) {
    simulate([]() -> task<> {
        task_group group;
        auto handles = spawn_all(group, {3, 1, 2});
        handles.push_back(group.spawn(give(0, 0s)));
        co_await group.run();
        const auto passes = loop::current().statistics().passes;
        for (const wait_until until :
             {wait_until::first_completed, wait_until::first_error, wait_until::all_completed}) {
            const auto [done, pending] = co_await wait(handles, until);
            EXPECT_EQ(done, (places{3, 1, 2, 0}));
            EXPECT_TRUE(pending.empty());
        }
        std::vector<task_handle<int>> none;
        const auto nothing = co_await wait(none, wait_until::first_completed);
        EXPECT_TRUE(nothing.done.empty());
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(wait, tells_of_everything_that_has_ended_by_the_time_it_goes_on) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {1, 2, 1});
            const auto [done, pending] = co_await wait(handles, wait_until::first_completed);
            EXPECT_EQ(done, (places{0, 2})) << "both at 1 s";
            EXPECT_EQ(pending, places{1});
        });
    });
}

TEST(wait, may_be_repeated_until_nothing_is_left) {
    simulate([]() -> task<> {
        std::vector<int> values;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto handles = spawn_all(group, {3, 1, 2});
            while (!handles.empty()) {
                const auto ended = co_await wait(handles, wait_until::first_completed);
                for (const std::size_t index : ended.done) {
                    values.push_back(co_await handles[index]);
                }
                std::erase_if(handles, [](const auto& handle) { return handle.done(); });
            }
        });
        EXPECT_EQ(values, (std::vector<int>{1, 2, 3}));
    });
}

TEST(wait, takes_spans_and_views) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {3, 1, 2});
            const std::span<task_handle<int>> last_two{handles.data() + 1, 2};
            const auto of_span = co_await wait(last_two);
            EXPECT_EQ(of_span.done, (places{0, 1})) << "places within the span";
            auto running = handles | std::views::filter([](auto& each) { return !each.done(); });
            const auto of_view = co_await wait(running);
            EXPECT_EQ(of_view.done, places{0});
            EXPECT_TRUE(handles[0].done());
        });
    });
}

template <class Handles>
concept can_be_waited_for = requires(Handles&& handles) { wait(std::forward<Handles>(handles)); };

static_assert(can_be_waited_for<std::vector<task_handle<int>>&>);
static_assert(can_be_waited_for<std::span<task_handle<void>>>);
static_assert(!can_be_waited_for<std::vector<task_handle<int>>>, "they would be gone afterwards");
static_assert(!can_be_waited_for<const std::vector<task_handle<int>>&>);
static_assert(!can_be_waited_for<std::vector<int>&>);

TEST(wait, may_be_cancelled_which_leaves_the_children_alone) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {3, 2});
            auto waits = group.spawn([&]() -> task<> {
                co_await wait(handles, wait_until::all_completed, 1h);
                ADD_FAILURE() << "it was cancelled";
            });
            co_await sleep_for(1s);
            waits.cancel();
            co_await wait(wait_until::first_completed, waits);
            EXPECT_TRUE(waits.was_cancelled());
            EXPECT_EQ(loop::current().statistics().timers, 2U) << "the sleepers";
            const auto ended = co_await wait(handles);
            EXPECT_EQ(ended.done, (places{1, 0}));
            EXPECT_FALSE(handles[0].was_cancelled());

            const auto late = co_await move_on_after(1s, wait(handles));
            EXPECT_TRUE(late.has_value());
        });
    });
}

TEST(wait, in_a_cancelled_scope_looks_at_nothing) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {1});
            task_handle<> waits;
            waits = group.spawn([&]() -> task<> {
                waits.cancel();
                co_await wait(handles, wait_until::first_completed, 0s);
                ADD_FAILURE() << "it was cancelled";
            });
            co_await wait(handles);
            EXPECT_TRUE(waits.was_cancelled());
        });
    });
}

TEST(wait, with_result_and_request_in_the_same_pass_keeps_the_result_c6) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            manual_event event;
            std::size_t ended = 0;
            auto child = group.spawn([&]() -> task<> { co_await event.wait(); });
            auto waits = group.spawn([&]() -> task<> {
                const auto state = co_await wait(wait_until::all_completed, child);
                ended = state.done.size();
                co_await yield_now();
                ADD_FAILURE() << "it was cancelled";
            });
            while (!event.has_waiter()) co_await yield_now();
            event.complete();
            co_await yield_now();  // the child has ended in this pass, its waiter is queued
            waits.cancel();
            co_await wait(wait_until::all_completed, waits);
            EXPECT_EQ(ended, 1U);
            EXPECT_TRUE(waits.was_cancelled());
        });
    });
}

TEST(wait, leaves_room_for_others_who_wait_for_the_same_children) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto child = group.spawn(give(7, 1s));
            int seen = 0;
            for (int each = 0; each < 2; ++each) {
                group.spawn([&]() -> task<> {
                    const auto ended = co_await wait(wait_until::all_completed, child);
                    seen += ended.done.size() == 1 ? 1 : 0;
                });
            }
            group.spawn([&]() -> task<> {
                const int value = co_await child;
                EXPECT_EQ(value, 7);
                ++seen;
            });
            co_await yield_now();
            const auto ended = co_await wait(wait_until::first_completed, child, child);
            EXPECT_EQ(ended.done.size(), 2U) << "the same handle twice is two places";
            co_await sleep_for(1s);
            EXPECT_EQ(seen, 3);
        });
    });
}

TEST(wait, works_inside_other_combinators) {
    simulate([]() -> task<> {
        co_await with_task_group([](task_group& group) -> task<> {
            auto handles = spawn_all(group, {1, 2});
            const auto [first, all] =
                co_await gather(wait(handles, wait_until::first_completed), wait(handles));
            EXPECT_EQ(first.done, places{0});
            EXPECT_EQ(all.done, (places{0, 1}));
        });
    });
}

TEST(wait_death_test, refuses_an_empty_handle) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     std::vector<task_handle<>> handles(1);
                     co_await wait(handles);
                 }),
                 "empty task handle");
}

TEST(wait_death_test, refuses_handles_that_are_moved_or_destroyed_meanwhile) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto disturb = [](bool moves) {
        simulate([moves]() -> task<> {
            task_group group;
            std::vector<task_handle<int>> handles = spawn_all(group, {1});
            group.spawn([&]() -> task<> { co_await wait(handles); });
            group.spawn([&]() -> task<> {
                co_await yield_now();
                if (moves) auto moved = std::move(handles.front());
                handles.clear();
            });
            co_await group.run();
        });
    };
    EXPECT_DEATH(disturb(true), "moved while it is being awaited");
    EXPECT_DEATH(disturb(false), "destroyed while it is being awaited");
}

}  // namespace
}  // namespace simul
