// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about requests to cancel that come when there is a result already:
// neither vanishes.
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/future.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace test;

// A result that cannot go back is delivered in spite of a request in the same turn, which stops the
// await after it.
EVERY_WORLD_TEST(C6, result_and_request_in_one_turn_are_both_delivered) {
    for (const bool request_first : {false, true}) {
        manual_event answer;
        event always;
        always.set();
        int got = 0;
        bool went_on = false;
        task_group group;
        auto child = group.spawn([&]() -> task<> {
            got = co_await answer.wait();
            co_await always.wait();
            went_on = true;
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            if (request_first) child.cancel();
            answer.complete();
            if (!request_first) child.cancel();
        });
        co_await group.run();
        EXPECT_EQ(got, 7);
        EXPECT_EQ(answer.asked, 0);
        EXPECT_FALSE(went_on);
        EXPECT_TRUE(child.was_cancelled());
    }
}

// An item that a consumer got in the turn in which he was cancelled is still in the queue.
EVERY_WORLD_TEST(C6, item_and_request_in_one_turn_leave_the_item_in_the_queue) {
    for (const bool request_first : {false, true}) {
        queue<int> items;
        bool went_on = false;
        task_group group;
        auto child = group.spawn([&]() -> task<> {
            static_cast<void>(co_await items.get());
            went_on = true;
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            if (request_first) child.cancel();
            EXPECT_TRUE(items.try_put(5));
            if (!request_first) child.cancel();
        });
        co_await group.run();
        EXPECT_FALSE(went_on);
        EXPECT_TRUE(child.was_cancelled());
        EXPECT_EQ(items.size(), 1U);
        EXPECT_EQ(items.try_get(), 5);
    }
}

// Who awaits a future, or a task, is cancelled in the turn in which it is done: it keeps its
// result.
EVERY_WORLD_TEST(C6, what_was_awaited_keeps_its_result_when_the_waiter_is_cancelled) {
    promise<int> given;
    const future<int> result = given.get_future();
    task_group group;
    auto reader = group.spawn([&]() -> task<> {
        static_cast<void>(co_await result);
        ADD_FAILURE() << "it went on";
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        given.set_value(5);
        reader.cancel();
    });
    co_await group.run();
    EXPECT_TRUE(reader.was_cancelled());
    EXPECT_FALSE(result.is_cancelled());
    const int kept = co_await result;
    EXPECT_EQ(kept, 5);
}

// The original marks such a task as cancelled. Here its result is delivered, and the request stops
// who else is in the scope.
EVERY_WORLD_TEST(C17, request_in_the_last_step_of_a_task_spares_its_result_but_not_the_others) {
    event never;
    task_group group;
    auto last = group.spawn([&]() -> task<int> {
        co_await testing::wait_until_all_blocked();
        group.cancel();
        co_return 5;
    });
    auto other = group.spawn([&]() -> task<> { co_await never.wait(); });
    co_await group.run();
    EXPECT_TRUE(group.is_cancelled());
    EXPECT_TRUE(other.was_cancelled());
    EXPECT_FALSE(last.was_cancelled());
    const int result = co_await last;
    EXPECT_EQ(result, 5);
}

// The original task ends cancelled and its value is dropped. Nothing can be un-done here, so the
// structured counterpart is tested: who asks himself and returns has returned.
EVERY_WORLD_TEST(T01, task_that_cancels_itself_and_returns_delivers_its_result) {
    task_handle<int> self;
    task_group group;
    self = group.spawn([&]() -> task<int> {
        EXPECT_TRUE(self.cancel());
        EXPECT_FALSE(self.cancel());
        EXPECT_TRUE(this_task::is_cancelled());
        co_return 5;
    });
    co_await group.run();
    EXPECT_FALSE(self.was_cancelled());
    EXPECT_FALSE(self.cancel());
    const int result = co_await self;
    EXPECT_EQ(result, 5);
}

// What is awaited and who awaits it are cancelled in one turn: both end cancelled, each once.
EVERY_WORLD_TEST(T04, future_and_its_reader_cancelled_in_one_turn_both_end_cancelled) {
    for (const bool reader_first : {false, true}) {
        promise<int> given;
        const future<int> result = given.get_future();
        int alive = 0;
        int caught = 0;
        task_group group;
        auto reader = group.spawn([&]() -> task<> {
            const counted_object local{alive};
            try {
                static_cast<void>(co_await result);
            } catch (const cancelled&) {
                ++caught;
            }
            ADD_FAILURE() << "it went on";
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(alive, 1);
            if (reader_first) reader.cancel();
            EXPECT_TRUE(result.cancel());
            if (!reader_first) reader.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(result.is_cancelled());
        EXPECT_TRUE(reader.was_cancelled());
        EXPECT_EQ(caught, 0);
        EXPECT_EQ(alive, 0);
    }
}

// The same for a task that another one waits for.
EVERY_WORLD_TEST(T04, task_and_its_waiter_cancelled_in_one_turn_both_end_cancelled) {
    for (const bool waiter_first : {false, true}) {
        event never;
        task_group group;
        auto child = group.spawn([&]() -> task<> { co_await never.wait(); });
        auto waiter = group.spawn([&]() -> task<> {
            co_await child;
            ADD_FAILURE() << "it went on";
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            if (waiter_first) waiter.cancel();
            child.cancel();
            if (!waiter_first) waiter.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(child.was_cancelled());
        EXPECT_TRUE(waiter.was_cancelled());
    }
}

}  // namespace
}  // namespace simul
