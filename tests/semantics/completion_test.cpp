// SPDX-License-Identifier: Apache-2.0
//
// The cases of SEMANTICS.md about waiting for tasks that run already.
#include <array>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include "simul/concurrency/as_completed.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/wait.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

task<int> give_when(event& happened, int value) {
    co_await happened.wait();
    co_return value;
}

/// Four tasks, each of which waits for an event of its own and gives its number.
class four_tasks {
public:
    std::vector<task<int>> make() {
        std::vector<task<int>> made;
        int number = 0;
        for (event& each : gates_) made.push_back(give_when(each, number++));
        return made;
    }

    /// Lets one of them end, in the next pass.
    void let_go(std::size_t number) noexcept { gates_[number].set(); }

    /// Lets one of them end, and waits until it has.
    task<> finish(std::size_t number) {
        let_go(number);
        co_await testing::wait_until_all_blocked();
    }

private:
    std::array<event, 4> gates_;
};

// Whoever awaits first gets the earliest result, whichever call was made first.
EVERY_WORLD_TEST(T05, second_of_two_calls_awaited_first_gives_the_earliest_result) {
    four_tasks work;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto results = as_completed(group, work.make());
        auto made_first = results.next();
        auto made_second = results.next();
        co_await testing::wait_until_all_blocked();
        co_await work.finish(2);
        co_await work.finish(0);
        auto earliest = co_await std::move(made_second);
        EXPECT_TRUE(earliest.has_value());
        EXPECT_EQ(earliest->index(), 2U);
        EXPECT_EQ(earliest->take(), 2);
        auto following = co_await std::move(made_first);
        EXPECT_TRUE(following.has_value());
        EXPECT_EQ(following->take(), 0);
        group.cancel();
    });
}

// The same when both wait before anything has ended.
EVERY_WORLD_TEST(T05, who_began_to_wait_first_gets_the_earliest_result) {
    four_tasks work;
    std::vector<int> got(2, -1);
    co_await with_task_group([&](task_group& group) -> task<> {
        auto results = as_completed(group, work.make());
        const auto take = [&](std::size_t place) -> task<> {
            auto ended = co_await results.next();
            got[place] = ended->take();
        };
        co_await with_task_group([&](task_group& takers) -> task<> {
            takers.spawn(take(1));
            co_await testing::wait_until_all_blocked();
            takers.spawn(take(0));
            co_await testing::wait_until_all_blocked();
            co_await work.finish(3);
            co_await work.finish(1);
        });
        group.cancel();
    });
    EXPECT_EQ(got, (std::vector<int>{1, 3}));
}

// Iteration that stops after two of four and goes on later loses and repeats nothing, whether it
// has to wait or finds the results there.
EVERY_WORLD_TEST(T06, iteration_that_stops_goes_on_without_loss_or_repetition) {
    for (const bool finds_them_there : {false, true}) {
        four_tasks work;
        std::vector<int> taken;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto results = as_completed(group, work.make());
            co_await work.finish(3);
            co_await work.finish(1);
            for (int round = 0; round != 2; ++round) {
                auto ended = co_await results.next();
                taken.push_back(ended->take());
            }
            EXPECT_EQ(results.size(), 2U);
            if (finds_them_there) {
                co_await work.finish(0);
                co_await work.finish(2);
            } else {
                group.spawn([&]() -> task<> {
                    co_await testing::wait_until_all_blocked();
                    co_await work.finish(0);
                    co_await work.finish(2);
                });
            }
            while (auto ended = co_await results.next()) taken.push_back(ended->take());
            EXPECT_EQ(results.size(), 0U);
        });
        EXPECT_EQ(taken, (std::vector<int>{3, 1, 0, 2}));
    }
}

// An iteration that is cancelled while it waits has taken nothing, also when the result was already
// on its way to it.
EVERY_WORLD_TEST(T06, iteration_that_is_cancelled_loses_nothing) {
    for (const bool request_first : {false, true}) {
        four_tasks work;
        std::vector<int> taken;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto results = as_completed(group, work.make());
            co_await with_task_group([&](task_group& takers) -> task<> {
                auto taker = takers.spawn([&]() -> task<> {
                    static_cast<void>(co_await results.next());
                    ADD_FAILURE() << "it was cancelled";
                });
                co_await testing::wait_until_all_blocked();
                work.let_go(1);
                if (!request_first) co_await yield_now();  // as the task does, before or after us
                taker.cancel();
            });
            EXPECT_EQ(results.size(), 4U);
            co_await testing::wait_until_all_blocked();
            for (const std::size_t number : {0U, 2U, 3U}) co_await work.finish(number);
            while (auto ended = co_await results.next()) taken.push_back(ended->take());
        });
        EXPECT_EQ(taken, (std::vector<int>{1, 0, 2, 3}));
    }
}

// A sleeper of ten seconds and one that fails after ten milliseconds: the wait for the first error
// ends with the failure, tells one done and one pending, and cancels nobody.
VIRTUAL_WORLD_TEST(T07, wait_for_the_first_error_ends_with_it_and_cancels_nobody) {
    const time_point start = now();
    bool slept = false;
    task_group sleepers;
    task_group failers;
    auto sleeper = sleepers.spawn([&]() -> task<> {
        co_await sleep_for(10s);
        slept = true;
    });
    auto failer = failers.spawn([]() -> task<> {
        co_await sleep_for(10ms);
        throw std::runtime_error{"failed"};
    });
    task_group around;
    around.spawn([&]() -> task<> { co_await sleepers.run(); });
    around.spawn([&]() -> task<> {
        try {
            co_await failers.run();
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::runtime_error&) {
        }
    });
    around.spawn([&]() -> task<> {
        const auto [done, pending] = co_await wait(wait_until::first_error, sleeper, failer);
        EXPECT_EQ(now() - start, 10ms);
        EXPECT_EQ(done, std::vector<std::size_t>{1});
        EXPECT_EQ(pending, std::vector<std::size_t>{0});
        EXPECT_NE(failer.error(), nullptr);
        EXPECT_FALSE(sleeper.done());
    });
    co_await around.run();
    EXPECT_TRUE(slept);
    EXPECT_FALSE(sleeper.was_cancelled());
    EXPECT_EQ(now() - start, 10s);
}

}  // namespace
}  // namespace simul
