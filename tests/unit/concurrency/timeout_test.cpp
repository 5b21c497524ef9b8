// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/timeout.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

task<int> answer_after(duration delay) {
    co_await sleep_for(delay);
    co_return 42;
}

task<> set(bool& flag) {
    flag = true;
    co_return;
}

// Awaits `awaited` and tells whether it timed out.
template <class Awaitable>
task<bool> times_out(Awaitable awaited) {
    try {
        co_await std::move(awaited);
        co_return false;
    } catch (const timed_out&) {
        co_return true;
    }
}

TEST(timeout, returns_the_result_that_is_there_in_time_and_disarms_its_timer) {
    run_on_each_backend([]() -> task<> {
        const int value = co_await timeout(1h, answer_after(1ms));
        EXPECT_EQ(value, 42);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(timeout, does_not_suspend_around_what_does_not) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        bool called = false;
        co_await timeout(1s, set(called));
        EXPECT_TRUE(called);
        EXPECT_EQ(loop::current().statistics().passes, passes);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(timeout, throws_timed_out_at_the_limit) {
    simulate([]() -> task<> {
        const time_point start = now();
        const bool expired = co_await times_out(timeout(2s, sleep_for(1h)));
        EXPECT_TRUE(expired);
        EXPECT_EQ(now() - start, 2s);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(timeout, expires_on_every_backend) {
    run_on_each_backend([]() -> task<> {
        const time_point start = now();
        const bool expired = co_await times_out(timeout(2ms, sleep_for(1h)));
        EXPECT_TRUE(expired);
        EXPECT_GE(now() - start, 2ms) << "timers are never early (K3)";
    });
}

TEST(timeout, lets_an_error_of_the_work_through) {
    simulate([]() -> task<> {
        auto fails = []() -> task<> {
            co_await yield_now();
            throw std::runtime_error{"work"};
        };
        bool caught = false;
        try {
            co_await timeout(1s, fails());
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(timeout, of_zero_or_less_never_starts_the_work_c8_t15) {
    simulate([]() -> task<> {
        bool called = false;
        const duration limits[] = {0s, -1s, duration::min()};
        for (const duration limit : limits) {
            const bool expired = co_await times_out(timeout(limit, set(called)));
            EXPECT_TRUE(expired);
            const auto moved_on = co_await move_on_after(limit, set(called));
            EXPECT_FALSE(moved_on.has_value());
        }
        const double nothing = std::nan("");
        const bool expired =
            co_await times_out(timeout(std::chrono::duration<double>{nothing}, set(called)));
        EXPECT_TRUE(expired) << "NaN is no time at all";
        EXPECT_FALSE(called);
    });
}

TEST(timeout, of_zero_does_not_absorb_an_earlier_request_c3) {
    bool resumed = false;
    simulate([&]() -> task<> {
        outermost_group().cancel();
        co_await times_out(timeout(0s, sleep_for(1s)));
        resumed = true;
    });
    EXPECT_FALSE(resumed);
}

TEST(timeout, without_end_waits_until_it_is_cancelled_k4_t63) {
    simulate([]() -> task<> {
        task_group group;
        auto forever = [](auto limit) -> task<> { co_await timeout(limit, sleep_for(limit)); };
        group.spawn(forever(duration::max()));
        group.spawn(forever(std::chrono::hours::max()));
        group.spawn(forever(std::chrono::duration<double>{HUGE_VAL}));
        group.spawn(forever(std::chrono::duration<double>{std::ldexp(1.0, 55)}));
        group.spawn(forever(std::chrono::duration<double>{std::ldexp(1.0, 54)}));
        group.spawn([&]() -> task<> {
            co_await sleep_for(24h * 365);
            EXPECT_EQ(group.size(), 6U);
            group.cancel();
        });
        co_await group.run();
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(timeout, waits_until_the_cancelled_work_has_really_ended_c7_t16) {
    simulate([]() -> task<> {
        log lines;
        auto clean = [&]() -> task<> {
            co_await sleep_for(3s);
            lines.push_back("cleaned");
        };
        auto cleanup = clean();
        const time_point start = now();
        const bool expired =
            co_await times_out(timeout(1s, finally(sleep_for(1h), std::move(cleanup))));
        EXPECT_TRUE(expired);
        EXPECT_EQ(now() - start, 4s);
        EXPECT_EQ(lines, log{"cleaned"});
    });
}

TEST(timeout, result_that_completes_in_the_same_pass_as_the_deadline_wins_c6) {
    simulate([]() -> task<> {
        auto sleeping = [](bool& resumed) -> task<> {
            const time_point when = now() + 1s;
            co_await sleep_until(when);
            resumed = true;
        };
        bool resumed = false;
        // The limit was armed first and fires first, but the work's timer fires in the same pass.
        const bool expired = co_await times_out(timeout(1s, sleeping(resumed)));
        EXPECT_TRUE(resumed);
        EXPECT_FALSE(expired);

        manual_event event;
        event.confirms_later = true;
        task_group group;
        group.spawn([&]() -> task<> {
            const int value = co_await timeout(1s, event.wait());
            EXPECT_EQ(value, 7);
        });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            co_await sleep_until(now() + 2s);
            EXPECT_EQ(event.asked, 1) << "the limit has passed, the operation has been asked";
            event.complete();
        });
        co_await group.run();
        EXPECT_EQ(event.taken, 1) << "what completes in spite of the request is delivered";
    });
}

TEST(timeout, gives_back_what_can_be_given_back_when_the_limit_was_first_c6) {
    simulate([]() -> task<> {
        manual_event event;
        event.confirms_later = true;
        task_group group;
        group.spawn([&]() -> task<> {
            const bool expired = co_await times_out(timeout(1s, event.wait_returnable()));
            EXPECT_TRUE(expired);
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(2s);
            event.complete();
        });
        co_await group.run();
        EXPECT_EQ(event.given_back, 1);
        EXPECT_EQ(event.taken, 0);
    });
}

TEST(timeout, gives_back_when_the_outer_scope_is_cancelled_after_completion) {
    simulate([]() -> task<> {
        manual_event event;
        task_group group;
        auto handle =
            group.spawn([&]() -> task<> { co_await timeout(1s, event.wait_returnable()); });
        group.spawn([&]() -> task<> {
            event.complete();
            group.cancel();
            co_return;
        });
        co_await group.run();
        EXPECT_TRUE(handle.was_cancelled());
        EXPECT_EQ(event.given_back, 1);
        EXPECT_EQ(event.taken, 0);
    });
}

TEST(timeout, that_has_expired_leaves_the_stop_to_an_outer_request_c3_c4) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            auto clean = []() -> task<> { co_await sleep_for(10s); };
            auto cleanup = clean();
            const bool expired =
                co_await times_out(timeout(1s, finally(sleep_for(1h), std::move(cleanup))));
            lines.push_back(expired ? "timed out" : "?");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(2s);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_TRUE(lines.empty());
}

TEST(timeout, around_a_group_that_cancels_itself_is_not_lost_c5) {
    simulate([]() -> task<> {
        auto slow = []() -> task<> {
            auto clean = []() -> task<> { co_await sleep_for(10s); };
            auto cleanup = clean();
            co_await finally(sleep_for(1h), std::move(cleanup));
        };
        task_group group;
        group.spawn(slow());
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        const time_point start = now();
        const bool expired = co_await times_out(timeout(5s, group.run()));
        EXPECT_TRUE(expired);
        EXPECT_EQ(now() - start, 11s);
    });
}

TEST(timeout, nested_in_a_longer_one_expires_alone) {
    simulate([]() -> task<> {
        const time_point start = now();
        auto inner = [&]() -> task<int> {
            const bool expired = co_await times_out(timeout(1s, sleep_for(1h)));
            EXPECT_TRUE(expired);
            co_await sleep_for(1s);
            co_return 3;
        };
        const int value = co_await timeout(5s, inner());
        EXPECT_EQ(value, 3);
        EXPECT_EQ(now() - start, 2s);
    });
}

TEST(timeout, around_a_longer_one_expires_for_both) {
    log lines;
    simulate([&]() -> task<> {
        auto inner = [&]() -> task<> {
            const bool expired = co_await times_out(timeout(5s, sleep_for(1h)));
            lines.push_back(expired ? "inner timed out" : "?");
        };
        const bool expired = co_await times_out(timeout(1s, inner()));
        EXPECT_TRUE(expired);
        const bool direct = co_await times_out(timeout(1s, timeout(1s, sleep_for(1h))));
        EXPECT_TRUE(direct) << "equal deadlines: the outer one is armed first and owns the stop";
    });
    EXPECT_TRUE(lines.empty());
}

TEST(timeout, works_inside_the_cleanup_of_an_expired_timeout_t18) {
    simulate([]() -> task<> {
        log lines;
        auto clean = [&]() -> task<> {
            const bool expired = co_await times_out(timeout(2s, sleep_for(1h)));
            lines.push_back(expired ? "cleanup timed out" : "?");
            const int value = co_await timeout(2s, answer_after(1s));
            lines.push_back(std::to_string(value));
        };
        auto cleanup = clean();
        const time_point start = now();
        const bool expired =
            co_await times_out(timeout(1s, finally(sleep_for(1h), std::move(cleanup))));
        EXPECT_TRUE(expired);
        EXPECT_EQ(now() - start, 4s);
        EXPECT_EQ(lines, (log{"cleanup timed out", "42"}));
    });
}

TEST(timeout, of_the_cleanup_replaces_the_outer_time_out_by_its_own_error) {
    simulate([]() -> task<> {
        auto clean = []() -> task<> { co_await timeout(1s, sleep_for(1h)); };
        auto cleanup = clean();
        const time_point start = now();
        const bool expired =
            co_await times_out(timeout(1s, finally(sleep_for(1h), std::move(cleanup))));
        EXPECT_TRUE(expired);
        EXPECT_EQ(now() - start, 2s);
    });
}

TEST(timeout, that_is_never_awaited_or_never_started_drops_its_work) {
    int alive = 0;
    simulate([&]() -> task<> {
        auto holds = [](counted_object) -> task<> { co_return; };
        {
            auto unstarted = holds(counted_object{alive});
            unstarted.discard();
        }
        EXPECT_EQ(alive, 0);
        const bool expired = co_await times_out(timeout(0s, holds(counted_object{alive})));
        EXPECT_TRUE(expired);
        EXPECT_EQ(alive, 0);
    });
}

TEST(move_on_after, gives_an_optional_of_the_result) {
    simulate([]() -> task<> {
        const std::optional<int> value = co_await move_on_after(2s, answer_after(1s));
        EXPECT_EQ(value, 42);
        const std::optional<int> late = co_await move_on_after(1s, answer_after(2s));
        EXPECT_FALSE(late.has_value());
        auto nothing = co_await move_on_after(2s, sleep_for(1s));
        static_assert(std::is_same_v<decltype(nothing), std::optional<std::monostate>>);
        EXPECT_TRUE(nothing.has_value());
        auto makes = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
        auto pointer = co_await move_on_after(1s, makes());
        EXPECT_TRUE(pointer.has_value() && **pointer == 4);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(move_on_after, does_not_absorb_an_outer_request_c3) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            const auto value = co_await move_on_after(2s, answer_after(1h));
            lines.push_back(value ? "value" : "moved on");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_TRUE(lines.empty());
}

TEST(move_on_after, awaits_a_named_handle_by_reference) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn(answer_after(3s));
        group.spawn([&]() -> task<> {
            const auto early = co_await move_on_after(1s, handle);
            EXPECT_FALSE(early.has_value());
            const auto value = co_await move_on_after(5s, handle);
            EXPECT_EQ(value, 42);
        });
        co_await group.run();
    });
}

TEST(timeout, armed_and_cancelled_a_million_times_leaves_no_timers_k6) {
    simulate([]() -> task<> {
        bool called = false;
        for (int round = 0; round < 100'000; ++round) {
            co_await timeout(1h, set(called));
        }
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

}  // namespace
}  // namespace simul
