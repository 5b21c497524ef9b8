// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/once.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "simul/concurrency/task_group.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

TEST(once, does_the_work_once_and_lets_the_others_wait_for_it) {
    run_on_each_backend([]() -> task<> {
        once ready;
        int begun = 0;
        int ended = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int number = 0; number < 5; ++number) {
                group.spawn([&]() -> task<> {
                    co_await ready.run([&]() -> task<> {
                        ++begun;
                        co_await yield_now();
                        ++ended;
                    });
                    EXPECT_EQ(ended, 1);
                });
            }
            co_return;
        });
        EXPECT_EQ(begun, 1);
        EXPECT_TRUE(ready.is_done());
    });
}

TEST(once, does_not_suspend_when_it_is_done) {
    simulate([]() -> task<> {
        once ready;
        co_await ready.run([]() -> task<> { co_return; });
        const auto passes = loop::current().statistics().passes;
        co_await ready.run([]() -> task<> {
            ADD_FAILURE() << "done twice";
            co_return;
        });
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(once, lets_the_next_one_try_when_the_first_fails) {
    simulate([]() -> task<> {
        once ready;
        int tries = 0;
        int failures = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int number = 0; number < 4; ++number) {
                group.spawn([&]() -> task<> {
                    try {
                        co_await ready.run([&]() -> task<> {
                            co_await sleep_for(1s);
                            if (++tries < 3) throw std::runtime_error{"not yet"};
                        });
                    } catch (const std::runtime_error&) {
                        ++failures;
                    }
                });
            }
            co_return;
        });
        EXPECT_EQ(tries, 3);
        EXPECT_EQ(failures, 2);
    });
}

TEST(once, lets_the_next_one_begin_anew_when_the_first_is_cancelled) {
    simulate([]() -> task<> {
        once ready;
        int begun = 0;
        const auto work = [&]() -> task<> {
            ++begun;
            co_await sleep_for(1s);
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            auto first = group.spawn([&] { return ready.run(work); });
            while (begun == 0) co_await yield_now();
            group.spawn([&] { return ready.run(work); });
            while (ready.waiting() == 0) co_await yield_now();
            first.cancel();
        });
        EXPECT_EQ(begun, 2);
        EXPECT_TRUE(ready.is_done());
    });
}

}  // namespace
}  // namespace simul
