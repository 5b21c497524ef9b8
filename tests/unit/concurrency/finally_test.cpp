// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/finally.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct work_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct cleanup_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

task<int> work(log& lines, duration delay) {
    if (delay > 0s) co_await sleep_for(delay);
    lines.push_back("work");
    co_return 3;
}

task<int> failing_work(duration delay) {
    if (delay > 0s) co_await sleep_for(delay);
    throw work_error{"work"};
}

task<> cleanup(log& lines, duration delay) {
    lines.push_back("cleanup begins");
    if (delay > 0s) co_await sleep_for(delay);
    lines.push_back("cleanup ends");
}

task<> failing_cleanup(duration delay) {
    if (delay > 0s) co_await sleep_for(delay);
    throw cleanup_error{"cleanup"};
}

TEST(finally, runs_the_cleanup_after_the_work_and_returns_its_value) {
    for (const duration delay : {0s, 1s}) {
        simulate([delay]() -> task<> {
            log lines;
            const int value = co_await finally(work(lines, delay), cleanup(lines, delay));
            EXPECT_EQ(value, 3);
            EXPECT_EQ(lines, (log{"work", "cleanup begins", "cleanup ends"}));
        });
    }
}

TEST(finally, does_not_suspend_when_neither_does) {
    simulate([]() -> task<> {
        log lines;
        const auto passes = loop::current().statistics().passes;
        co_await finally(work(lines, 0s), cleanup(lines, 0s));
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(finally, runs_the_cleanup_after_an_error_and_rethrows_it) {
    for (const duration delay : {0s, 1s}) {
        simulate([delay]() -> task<> {
            log lines;
            bool caught = false;
            try {
                co_await finally(failing_work(delay), cleanup(lines, delay));
            } catch (const work_error&) {
                caught = suppressed().empty();
            }
            EXPECT_TRUE(caught);
            EXPECT_EQ(lines, (log{"cleanup begins", "cleanup ends"}));
        });
    }
}

TEST(finally, throws_the_error_of_the_cleanup_when_the_work_had_none) {
    for (const duration delay : {0s, 1s}) {
        simulate([delay]() -> task<> {
            log lines;
            bool caught = false;
            try {
                co_await finally(work(lines, delay), failing_cleanup(delay));
            } catch (const cleanup_error&) {
                caught = true;
            }
            EXPECT_TRUE(caught);
        });
    }
}

TEST(finally, keeps_the_error_of_the_cleanup_beside_that_of_the_work_o4) {
    simulate([]() -> task<> {
        std::exception_ptr error;
        try {
            co_await finally(failing_work(1s), failing_cleanup(1s));
        } catch (const work_error&) {
            error = std::current_exception();
        }
        const auto later = suppressed(error);
        EXPECT_EQ(later.size(), 1U);
        for (const auto& each : later) {
            EXPECT_THROW(std::rethrow_exception(each), cleanup_error);
        }
    });
}

TEST(finally, runs_the_cleanup_shielded_when_the_work_is_stopped) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            co_await finally(work(lines, 1h), cleanup(lines, 2s));
            lines.push_back("resumed");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        const time_point start = now();
        co_await group.run();
        EXPECT_EQ(now() - start, 3s);
        EXPECT_TRUE(handle.was_cancelled());
    });
    EXPECT_EQ(lines, (log{"cleanup begins", "cleanup ends"}));
}

TEST(finally, runs_the_cleanup_even_when_it_is_stopped_on_entry) {
    log lines;
    simulate([&]() -> task<> {
        outermost_group().cancel();
        co_await finally(work(lines, 0s), cleanup(lines, 1s));
        lines.push_back("resumed");
    });
    EXPECT_EQ(lines, (log{"cleanup begins", "cleanup ends"}));
}

TEST(finally, cleanup_sees_no_request_that_comes_while_it_runs) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            const int value = co_await finally(work(lines, 1s), cleanup(lines, 5s));
            lines.push_back("delivered " + std::to_string(value));
            co_await yield_now();
            lines.push_back("not reached");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(2s);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_EQ(lines, (log{"work", "cleanup begins", "cleanup ends", "delivered 3"}));
}

TEST(finally, error_of_the_cleanup_replaces_the_stop) {
    for (const duration delay : {0s, 1s}) {
        simulate([delay]() -> task<> {
            log lines;
            task_group group;
            group.spawn(
                [&]() -> task<> { co_await finally(work(lines, 1h), failing_cleanup(delay)); });
            group.spawn([&]() -> task<> {
                co_await sleep_for(1s);
                group.cancel();
            });
            bool caught = false;
            try {
                co_await group.run();
            } catch (const cleanup_error&) {
                caught = true;
            }
            EXPECT_TRUE(caught);
        });
    }
}

TEST(finally, error_of_the_cleanup_replaces_the_stop_on_entry) {
    bool caught = false;
    simulate([&]() -> task<> {
        log lines;
        outermost_group().cancel();
        try {
            co_await finally(work(lines, 0s), failing_cleanup(0s));
        } catch (const cleanup_error&) {
            caught = true;
        }
    });
    EXPECT_TRUE(caught);
}

TEST(finally, cleanup_may_have_a_limit_of_its_own_c16) {
    simulate([]() -> task<> {
        log lines;
        auto bounded = [&]() -> task<> {
            const auto done = co_await move_on_after(1s, cleanup(lines, 1h));
            lines.push_back(done ? "?" : "gave up");
        };
        const auto value = co_await move_on_after(1s, finally(work(lines, 1h), bounded()));
        EXPECT_FALSE(value.has_value());
        EXPECT_EQ(lines, (log{"cleanup begins", "gave up"}));
    });
}

TEST(finally, nests_and_cleans_up_from_the_inside_out) {
    simulate([]() -> task<> {
        log lines;
        auto step = [&](std::string text) -> task<> {
            co_await sleep_for(1s);
            lines.push_back(text);
        };
        const auto value = co_await move_on_after(
            1s, finally(finally(work(lines, 1h), step("inner")), step("outer")));
        EXPECT_FALSE(value.has_value());
        EXPECT_EQ(lines, (log{"inner", "outer"}));
    });
}

TEST(finally, destroys_the_arguments_of_both_when_it_is_never_awaited) {
    int alive = 0;
    ::testing::internal::CaptureStderr();
    simulate([&]() -> task<> {
        auto holds = [](counted_object) -> task<> { co_return; };
        {
            [[maybe_unused]] auto dropped =
                finally(holds(counted_object{alive}), holds(counted_object{alive}));
            EXPECT_EQ(alive, 2);
        }
        co_return;
    });
    EXPECT_EQ(alive, 0);
    if (SIMUL_DEBUG) {
        EXPECT_NE(::testing::internal::GetCapturedStderr().find("without ever being awaited"),
                  std::string::npos);
    } else {
        ::testing::internal::GetCapturedStderr();
    }
}

TEST(finally, releases_the_work_before_the_caller_continues) {
    simulate([]() -> task<> {
        int alive = 0;
        auto holds = [](counted_object) -> task<> { co_await yield_now(); };
        co_await finally(holds(counted_object{alive}), holds(counted_object{alive}));
        EXPECT_EQ(alive, 0);
    });
}

}  // namespace
}  // namespace simul
