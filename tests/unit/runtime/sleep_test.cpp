// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/sleep.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <cmath>
#include <cstdint>
#include <limits>
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
using log = std::vector<std::string>;

TEST(sleep_for, lasts_as_long_as_asked_and_is_never_early_k3) {
    run_on_each_backend([]() -> task<> {
        const duration delays[] = {1ns, 999us, 1ms, 3ms};
        for (const duration delay : delays) {
            const time_point start = now();
            co_await sleep_for(delay);
            EXPECT_GE(now() - start, delay);
            if (loop::current().is_simulated()) {
                EXPECT_EQ(now() - start, delay);
            }
        }
    });
}

// The slack is the thread's own, as for every wait of the system: 50 microseconds unless told.
TEST(sleep_for, deadlines_that_end_within_the_slack_of_the_thread_share_a_wake) {
    const int before = ::prctl(PR_GET_TIMERSLACK);
    ASSERT_EQ(::prctl(PR_SET_TIMERSLACK, 200'000'000), 0);
    run_on_real_backends([]() -> task<> {
        std::uint64_t passes[2] = {};
        const auto sleeps = [&](duration delay, std::uint64_t& pass) -> task<> {
            co_await sleep_for(delay);
            pass = loop::current().statistics().passes;
        };
        // Whatever else wakes the processor between the two ends the wait as well.
        bool shared = false;
        for (int attempt = 0; attempt != 100 && !shared; ++attempt) {
            co_await gather(sleeps(1ms, passes[0]), sleeps(1200us, passes[1]));
            shared = passes[0] == passes[1];
        }
        EXPECT_TRUE(shared);
    });
    ::prctl(PR_SET_TIMERSLACK, before);
}

TEST(sleep_for, equal_deadlines_end_in_the_order_in_which_they_began_k2) {
    simulate([]() -> task<> {
        log lines;
        auto sleeps = [&](std::string name) -> task<> {
            co_await sleep_for(1s);
            lines.push_back(name);
        };
        co_await gather(sleeps("a"), sleeps("b"), sleeps("c"));
        EXPECT_EQ(lines, (log{"a", "b", "c"}));
    });
}

TEST(sleep_for, zero_negative_and_nan_cost_one_turn_k4) {
    simulate([]() -> task<> {
        const time_point start = now();
        auto pass_of = [](auto delay) -> task<std::uint64_t> {
            const auto before = loop::current().statistics().passes;
            co_await sleep_for(delay);
            co_return loop::current().statistics().passes - before;
        };
        const auto zero = co_await pass_of(0s);
        const auto negative = co_await pass_of(-5s);
        const auto lowest = co_await pass_of(duration::min());
        const auto nothing = co_await pass_of(std::chrono::duration<double>{std::nan("")});
        for (const auto passes : {zero, negative, lowest, nothing}) {
            EXPECT_GE(passes, 1U);
            EXPECT_LE(passes, 2U);
        }
        EXPECT_EQ(now(), start);
    });
}

TEST(sleep_for, huge_delays_wait_until_they_are_cancelled_k4_t63) {
    run_on_each_backend([]() -> task<> {
        task_group group;
        auto forever = [](auto delay) -> task<> {
            co_await sleep_for(delay);
            ADD_FAILURE() << "woke up";
        };
        group.spawn(forever(duration::max()));
        group.spawn(forever(std::chrono::hours::max()));
        group.spawn(forever(std::chrono::years::max()));
        group.spawn(forever(std::chrono::duration<double>{HUGE_VAL}));
        group.spawn(forever(std::chrono::duration<double>{std::ldexp(1.0, 54)}));
        group.spawn(forever(std::chrono::duration<double>{std::ldexp(1.0, 55)}));
        group.spawn(forever(std::chrono::seconds{std::numeric_limits<std::int64_t>::max()}));
        group.spawn([&]() -> task<> {
            co_await sleep_for(2ms);
            EXPECT_EQ(loop::current().statistics().timers, 7U);
            group.cancel();
        });
        co_await group.run();
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(sleep_until, the_past_costs_one_turn_and_the_end_of_time_never_comes) {
    simulate([]() -> task<> {
        const time_point start = now();
        co_await sleep_until(start + 2s);
        EXPECT_EQ(now(), start + 2s);
        co_await sleep_until(start);
        co_await sleep_until(time_point::min());
        EXPECT_EQ(now(), start + 2s);
        const auto value = co_await move_on_after(1h, sleep_until(time_point::max()));
        EXPECT_FALSE(value.has_value());
        EXPECT_EQ(now(), start + 2s + 1h);
    });
}

TEST(sleep_for, is_stopped_on_entry_and_while_it_waits) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            const auto waiting = co_await as_outcome(sleep_for(1h));
            if (waiting.is_cancelled()) lines.push_back("stopped");
            EXPECT_EQ(loop::current().statistics().timers, 0U) << "the timer is gone at once";
            co_await sleep_for(0s);
            lines.push_back("not reached");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_EQ(lines, log{"stopped"});
}

TEST(sleep_for, deadline_and_request_in_the_same_pass_c6) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            co_await sleep_until(time_point{} + 100h);
            lines.push_back("woke");
            co_await yield_now();
            lines.push_back("not reached");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_until(time_point{} + 100h);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_EQ(lines, log{"woke"}) << "its time had come first";
}

TEST(sleep_for, cancelled_a_hundred_thousand_times_leaves_no_timers_k6) {
    simulate([]() -> task<> {
        for (int round = 0; round < 100; ++round) {
            task_group group;
            for (int index = 0; index < 1000; ++index) {
                group.spawn([]() -> task<> { co_await sleep_for(1h); });
            }
            group.spawn([&]() -> task<> {
                co_await yield_now();
                EXPECT_EQ(loop::current().statistics().timers, 1000U);
                group.cancel();
            });
            co_await group.run();
            EXPECT_EQ(loop::current().statistics().timers, 0U);
        }
    });
}

TEST(yield_now, suspends_for_exactly_one_pass) {
    run_on_each_backend([]() -> task<> {
        for (int time = 0; time < 3; ++time) {
            const auto before = loop::current().statistics().passes;
            co_await yield_now();
            EXPECT_EQ(loop::current().statistics().passes, before + 1);
        }
    });
}

TEST(yield_now, is_stopped_on_entry_and_when_its_turn_comes) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            const auto waiting = co_await as_outcome(yield_now());
            lines.push_back(waiting.is_cancelled() ? "stopped" : "resumed");
            const auto entering = co_await as_outcome(yield_now());
            lines.push_back(entering.is_cancelled() ? "stopped on entry" : "resumed");
        });
        group.spawn([&]() -> task<> {
            group.cancel();
            co_return;
        });
        co_await group.run();
    });
    EXPECT_EQ(lines, (log{"stopped", "stopped on entry"}));
}

}  // namespace
}  // namespace simul
