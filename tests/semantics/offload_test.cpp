// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about calls on other threads, which cannot be interrupted.
//
// In the simulated world such a call runs on the loop's thread, so a request comes before it or
// after it. What is expected here holds for both.
#include <atomic>
#include <semaphore>
#include <stop_token>
#include <string>
#include <utility>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace test;

/// Waits until a task has ended, in whichever way.
task<> wait_for_the_end_of(task_handle<>& waited_for) {
    static_cast<void>(co_await as_outcome(waited_for));
}

// A call that runs when its task is cancelled is told through its token and waited for; its result
// is delivered, and the task stops at its next await.
EVERY_WORLD_TEST(C20, cancelled_call_is_told_and_waited_for_and_its_result_delivered) {
    loop& running = loop::current();
    event begun;
    event never;
    std::atomic<bool> ended{false};
    std::string result;
    bool went_on = false;
    const auto call = [&](std::stop_token token) {
        running.post_from_any_thread([&] { begun.set(); });
        std::binary_semaphore asked{running.is_simulated() ? 1 : 0};
        const std::stop_callback on_stop{token, [&] { asked.release(); }};
        asked.acquire();
        ended = true;
        return std::string{"a result that is too long for a small string"};
    };
    co_await with_task_group([&](task_group& group) -> task<> {
        auto waiting = group.spawn([&]() -> task<> {
            result = co_await offload(call);
            co_await never.wait();
            went_on = true;
        });
        co_await begun.wait();
        EXPECT_TRUE(waiting.cancel());
        co_await wait_for_the_end_of(waiting);
        EXPECT_TRUE(ended) << "the wait ended before the call";
        EXPECT_TRUE(waiting.was_cancelled());
    });
    EXPECT_FALSE(result.empty());
    EXPECT_FALSE(went_on);
}

// One that takes no token is waited for as well: the task does not leave it behind.
EVERY_WORLD_TEST(C20, call_without_a_token_is_waited_for) {
    loop& running = loop::current();
    event begun;
    event never;
    std::binary_semaphore may_end{running.is_simulated() ? 1 : 0};
    std::atomic<bool> ended{false};
    int alive = 0;
    const auto call = [&](const counted_object&) {
        running.post_from_any_thread([&] { begun.set(); });
        may_end.acquire();
        ended = true;
    };
    co_await with_task_group([&](task_group& group) -> task<> {
        auto waiting = group.spawn([&]() -> task<> {
            co_await offload(call, counted_object{alive});
            co_await never.wait();
        });
        co_await begun.wait();
        EXPECT_TRUE(waiting.cancel());
        for (int turn = 0; turn != 5; ++turn) co_await yield_now();
        EXPECT_EQ(waiting.done(), running.is_simulated());
        EXPECT_EQ(alive == 0, running.is_simulated()) << "the arguments belong to the call";
        may_end.release();
        co_await wait_for_the_end_of(waiting);
        EXPECT_TRUE(ended);
        EXPECT_TRUE(waiting.was_cancelled());
    });
    EXPECT_EQ(alive, 0);
}

// A request at any moment leaves nothing half done: the call was made to its end, or not at all.
EVERY_WORLD_TEST(C20, cancelled_call_was_made_to_its_end_or_not_at_all) {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    int delivered = 0;
    int alive = 0;
    const auto call = [&](const counted_object&) {
        ++begun;
        ++ended;
    };
    task_group group;
    for (int number = 0; number != 2; ++number) {
        auto child = group.spawn([&]() -> task<> {
            co_await offload(call, counted_object{alive});
            ++delivered;
        });
        group.spawn([&, number, child = std::move(child)]() mutable -> task<> {
            for (int turn = 0; turn != number; ++turn) co_await yield_now();
            child.cancel();
        });
    }
    co_await group.run();
    EXPECT_EQ(begun, ended);
    EXPECT_EQ(delivered, ended);
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace simul
