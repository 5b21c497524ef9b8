// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/retry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/trace.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct other_failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "unknown";
    }
}

std::vector<std::string> suppressed_messages(const std::exception_ptr& error) {
    std::vector<std::string> messages;
    for (const auto& each : suppressed(error)) messages.push_back(message_of(each));
    return messages;
}

// Work that fails so many times before it succeeds, with a message that says which time it was.
class unreliable {
public:
    explicit unreliable(int failures) noexcept : failures_{failures} {}

    task<int> operator()() {
        began.push_back(now());
        co_await yield_now();
        const int attempt = static_cast<int>(began.size());
        if (attempt <= failures_) throw failure{"attempt " + std::to_string(attempt)};
        co_return attempt;
    }

    // How long it was from each attempt to the next.
    [[nodiscard]] std::vector<duration> delays() const {
        std::vector<duration> between;
        for (std::size_t i = 1; i < began.size(); ++i) between.push_back(began[i] - began[i - 1]);
        return between;
    }

    std::vector<time_point> began;

private:
    int failures_;
};

// Options whose waits are exact.
retry_options exact() {
    return retry_options{}.jitter(retry_jitter::none);
}

TEST(retry, returns_the_result_of_the_first_attempt_that_succeeds) {
    run_on_each_backend([]() -> task<> {
        unreliable work{2};
        const int value = co_await retry(std::ref(work), retry_options{}.first_delay(1ms));
        EXPECT_EQ(value, 3);
    });
}

TEST(retry, does_not_suspend_for_work_that_succeeds_at_once) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        const auto work = []() -> task<int> { co_return 1; };
        const int value = co_await retry(work);
        EXPECT_EQ(value, 1);
        EXPECT_EQ(loop::current().statistics().passes, passes);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(retry, gives_nothing_references_and_results_that_cannot_be_copied) {
    simulate([]() -> task<> {
        int target = 0;
        co_await retry([]() -> task<> { co_return; });
        int& found = co_await retry([&]() -> task<int&> { co_return target; });
        EXPECT_EQ(&found, &target);
        const auto owner = co_await retry(
            []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); });
        EXPECT_EQ(*owner, 5);
    });
}

TEST(retry, waits_longer_after_each_failure_up_to_the_longest_delay) {
    simulate([]() -> task<> {
        unreliable work{5};
        retry_options options = exact();
        options.attempts(6).first_delay(100ms).factor(3).longest_delay(2s);
        const int value = co_await retry(std::ref(work), options);
        EXPECT_EQ(value, 6);
        EXPECT_EQ(work.delays(), (std::vector<duration>{100ms, 300ms, 900ms, 2s, 2s}));
    });
}

TEST(retry, by_default_tries_three_times_within_one_tenth_and_two_tenths_of_a_second) {
    simulate([]() -> task<> {
        unreliable work{100};
        bool failed = false;
        try {
            static_cast<void>(co_await retry(std::ref(work)));
        } catch (const failure&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        const auto delays = work.delays();
        EXPECT_EQ(delays.size(), 2U);
        EXPECT_LT(delays.at(0), 100ms);
        EXPECT_LT(delays.at(1), 200ms);
    });
}

TEST(retry, may_go_on_without_end_and_keeps_the_latest_errors) {
    simulate([]() -> task<> {
        unreliable work{1000};
        retry_options options;
        options.attempts(retry_options::unlimited).longest_delay(1ms);
        const int value = co_await retry(std::ref(work), options);
        EXPECT_EQ(value, 1001);

        unreliable hopeless{1000};
        std::exception_ptr error;
        try {
            static_cast<void>(co_await retry(std::ref(hopeless), options.attempts(50)));
        } catch (...) {
            error = std::current_exception();
        }
        EXPECT_EQ(message_of(error), "attempt 50");
        const auto earlier = suppressed_messages(error);
        EXPECT_EQ(earlier.size(), 15U);
        EXPECT_EQ(earlier.front(), "attempt 35");
        EXPECT_EQ(earlier.back(), "attempt 49");
    });
}

TEST(retry, throws_the_last_error_with_its_own_type_and_the_earlier_ones_beside_it) {
    simulate([]() -> task<> {
        unreliable work{100};
        std::exception_ptr error;
        try {
            static_cast<void>(co_await retry(std::ref(work), exact().attempts(4)));
        } catch (const failure&) {
            error = std::current_exception();
        }
        EXPECT_EQ(message_of(error), "attempt 4");
        EXPECT_EQ(suppressed_messages(error), (log{"attempt 1", "attempt 2", "attempt 3"}));
        EXPECT_FALSE(async_trace(error).empty()) << "the chain of awaits is kept";
    });
}

TEST(retry, takes_what_the_callable_throws_for_a_failure_of_its_task) {
    simulate([]() -> task<> {
        int calls = 0;
        const auto make = [&]() -> task<int> {
            if (++calls < 3) throw failure{"no task"};
            return []() -> task<int> { co_return 7; }();
        };
        const int value = co_await retry(make);
        EXPECT_EQ(value, 7);
        EXPECT_EQ(calls, 3);
    });
}

// --- spread -------------------------------------------------------------------------------------

std::vector<duration> delays_with(retry_jitter kind, std::uint64_t seed) {
    unreliable work{200};
    run_options options = options_for(backend_kind::simulated);
    options.loop.seed = seed;
    const auto body = [&]() -> task<> {
        const int value = co_await retry(
            std::ref(work), retry_options{}.attempts(201).first_delay(1s).factor(1).jitter(kind));
        EXPECT_EQ(value, 201);
    };
    run(body(), options);
    return work.delays();
}

TEST(retry, full_jitter_waits_anything_from_zero_to_the_ceiling) {
    const auto delays = delays_with(retry_jitter::full, 7);
    EXPECT_GE(*std::ranges::min_element(delays), 0s);
    EXPECT_LT(*std::ranges::min_element(delays), 100ms);
    EXPECT_GT(*std::ranges::max_element(delays), 900ms);
    EXPECT_LT(*std::ranges::max_element(delays), 1s);
}

TEST(retry, equal_jitter_waits_at_least_half_of_the_ceiling) {
    const auto delays = delays_with(retry_jitter::equal, 7);
    EXPECT_GE(*std::ranges::min_element(delays), 500ms);
    EXPECT_LT(*std::ranges::min_element(delays), 550ms);
    EXPECT_GT(*std::ranges::max_element(delays), 950ms);
    EXPECT_LT(*std::ranges::max_element(delays), 1s);
}

TEST(retry, the_loops_seed_decides_the_waits) {
    EXPECT_EQ(delays_with(retry_jitter::full, 7), delays_with(retry_jitter::full, 7));
    EXPECT_NE(delays_with(retry_jitter::full, 7), delays_with(retry_jitter::full, 8));
}

// --- which errors -------------------------------------------------------------------------------

// How many attempts there are for work that always ends as `end` does.
template <class End>
task<int> attempts_for(End end, retry_options options) {
    int attempts = 0;
    const auto work = [&]() -> task<> {
        ++attempts;
        end();
        co_return;
    };
    try {
        co_await retry(work, options);
    } catch (...) {
    }
    co_return attempts;
}

TEST(retry, tries_again_after_standard_exceptions_and_never_after_a_cancellation) {
    simulate([]() -> task<> {
        const auto fails = [] { throw failure{"x"}; };
        const auto throws_number = [] { throw 5; };
        const auto is_late = [] { throw timed_out{}; };
        const auto is_cancelled = [] { throw cancelled{}; };
        const int after_failure = co_await attempts_for(fails, exact());
        EXPECT_EQ(after_failure, 3);
        const int after_number = co_await attempts_for(throws_number, exact());
        EXPECT_EQ(after_number, 1);
        const int after_time_out = co_await attempts_for(is_late, exact());
        EXPECT_EQ(after_time_out, 3);
        const int after_cancellation = co_await attempts_for(is_cancelled, exact());
        EXPECT_EQ(after_cancellation, 1);

        const auto always = [](const std::exception_ptr&) { return true; };
        const int number_too = co_await attempts_for(throws_number, exact().when(always));
        EXPECT_EQ(number_too, 3);
        const int still_not = co_await attempts_for(is_cancelled, exact().when(always));
        EXPECT_EQ(still_not, 1);
    });
}

TEST(retry, can_be_told_the_types_of_errors) {
    simulate([]() -> task<> {
        retry_options options = exact();
        options.when_error_is<failure, timed_out>();
        const auto fails = [] { throw failure{"x"}; };
        const auto is_late = [] { throw timed_out{}; };
        const auto fails_otherwise = [] { throw other_failure{"x"}; };
        const int listed = co_await attempts_for(fails, options);
        EXPECT_EQ(listed, 3);
        const int listed_too = co_await attempts_for(is_late, options);
        EXPECT_EQ(listed_too, 3);
        const int not_listed = co_await attempts_for(fails_otherwise, options);
        EXPECT_EQ(not_listed, 1);
    });
}

TEST(retry, an_error_that_is_not_tried_again_has_the_earlier_ones_beside_it) {
    simulate([]() -> task<> {
        int calls = 0;
        const auto work = [&]() -> task<> {
            if (++calls < 3) throw failure{"attempt " + std::to_string(calls)};
            throw other_failure{"for good"};
            co_return;
        };
        std::exception_ptr error;
        try {
            co_await retry(work, exact().attempts(10).when_error_is<failure>());
        } catch (const other_failure&) {
            error = std::current_exception();
        }
        EXPECT_EQ(suppressed_messages(error), (log{"attempt 1", "attempt 2"}));
        EXPECT_EQ(calls, 3);
    });
}

TEST(retry, tells_an_observer_before_each_wait) {
    simulate([]() -> task<> {
        log lines;
        const time_point start = now();
        const auto write = [&](std::size_t attempt, const std::exception_ptr& error,
                               duration delay) {
            EXPECT_EQ(message_of(error), "attempt " + std::to_string(attempt));
            const auto milliseconds = [](duration time) {
                return std::to_string(
                    std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
            };
            lines.push_back(std::to_string(attempt) + " at " + milliseconds(now() - start) +
                            " waits " + milliseconds(delay));
        };
        unreliable work{100};
        bool failed = false;
        try {
            static_cast<void>(co_await retry(std::ref(work),
                                             exact().attempts(3).first_delay(1s).on_retry(write)));
        } catch (const failure&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        EXPECT_EQ(lines, (log{"1 at 0 waits 1000", "2 at 1000 waits 2000"}))
            << "after the last one there is no wait";
    });
}

TEST(retry, ends_with_what_its_callbacks_throw) {
    simulate([]() -> task<> {
        const auto refuses = [](std::size_t, const std::exception_ptr&, duration) {
            throw other_failure{"observer"};
        };
        const auto doubts = [](const std::exception_ptr&) -> bool {
            throw other_failure{"condition"};
        };
        for (const retry_options& options : {exact().on_retry(refuses), exact().when(doubts)}) {
            unreliable work{100};
            bool failed = false;
            try {
                static_cast<void>(co_await retry(std::ref(work), options));
            } catch (const other_failure&) {
                failed = true;
            }
            EXPECT_TRUE(failed);
            EXPECT_EQ(work.began.size(), 1U);
        }
    });
}

// --- time ---------------------------------------------------------------------------------------

TEST(retry, does_not_begin_a_wait_that_the_limit_would_end) {
    simulate([]() -> task<> {
        unreliable work{100};
        const time_point start = now();
        bool failed = false;
        try {
            static_cast<void>(co_await retry(
                std::ref(work), exact().attempts(100).first_delay(1s).factor(1).limit(2500ms)));
        } catch (const failure&) {
            failed = true;
        }
        EXPECT_TRUE(failed) << "the last error, not timed_out";
        EXPECT_EQ(work.began.size(), 3U);
        EXPECT_EQ(now() - start, 2s);
    });
}

TEST(retry, cancels_the_attempt_that_runs_when_the_limit_passes) {
    simulate([]() -> task<> {
        log lines;
        int calls = 0;
        const auto work = [&]() -> task<> {
            ++calls;
            const noted local{lines, "destroyed " + std::to_string(calls)};
            co_await sleep_for(calls == 1 ? 1s : 1h);
            throw failure{"attempt 1"};
        };
        const time_point start = now();
        std::exception_ptr error;
        try {
            co_await retry(work, exact().attempts(100).first_delay(1s).limit(5s));
        } catch (const timed_out&) {
            error = std::current_exception();
        }
        EXPECT_NE(error, nullptr);
        EXPECT_EQ(now() - start, 5s);
        EXPECT_EQ(suppressed_messages(error), log{"attempt 1"});
        EXPECT_EQ(lines, (log{"destroyed 1", "destroyed 2"}));
    });
}

TEST(retry, with_a_limit_of_zero_begins_nothing) {
    simulate([]() -> task<> {
        unreliable work{0};
        bool late = false;
        try {
            static_cast<void>(co_await retry(std::ref(work), retry_options{}.limit(0s)));
        } catch (const timed_out&) {
            late = true;
        }
        EXPECT_TRUE(late);
        EXPECT_TRUE(work.began.empty());
    });
}

TEST(retry, takes_strange_delays_as_sleep_for_does) {
    simulate([]() -> task<> {
        unreliable work{3};
        const time_point start = now();
        retry_options options = exact();
        options.attempts(4).first_delay(-1s).longest_delay(-1s);
        co_await retry(std::ref(work), options);
        EXPECT_EQ(now() - start, 0s);

        unreliable never{1};
        options.first_delay(std::chrono::duration<double>{1e300});
        options.longest_delay(std::chrono::duration<double>{1e300});
        const auto late = co_await move_on_after(24h * 365, retry(std::ref(never), options));
        EXPECT_FALSE(late.has_value()) << "waits until it is cancelled";
    });
}

// --- cancellation -------------------------------------------------------------------------------

TEST(retry, that_is_cancelled_begins_no_other_attempt) {
    for (const bool in_the_wait : {false, true}) {
        SCOPED_TRACE(in_the_wait);
        log lines;
        int calls = 0;
        simulate([&]() -> task<> {
            task_group group;
            auto tries = group.spawn([&]() -> task<> {
                const noted local{lines, "caller"};
                co_await retry(
                    [&]() -> task<> {
                        ++calls;
                        const noted attempt{lines, "attempt"};
                        co_await sleep_for(1s);
                        throw failure{"x"};
                    },
                    exact().first_delay(1s));
                ADD_FAILURE() << "it was cancelled";
            });
            group.spawn([&]() -> task<> {
                co_await sleep_for(in_the_wait ? 1500ms : 500ms);
                tries.cancel();
            });
            co_await group.run();
            EXPECT_TRUE(tries.was_cancelled());
            EXPECT_EQ(loop::current().statistics().timers, 0U);
        });
        EXPECT_EQ(calls, 1);
        EXPECT_EQ(lines, (log{"attempt", "caller"}));
    }
}

TEST(retry, that_is_dropped_calls_nothing) {
    simulate([]() -> task<> {
        unreliable work{0};
        auto dropped = retry(std::ref(work));
        dropped.discard();
        EXPECT_TRUE(work.began.empty());
        co_return;
    });
}

TEST(retry_death_test, refuses_options_that_make_no_sense) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto try_with = [](const retry_options& options) {
        simulate([&]() -> task<> { co_await retry([]() -> task<> { co_return; }, options); });
    };
    EXPECT_DEATH(try_with(retry_options{}.attempts(0)), "without attempts");
    EXPECT_DEATH(try_with(retry_options{}.factor(0.5)), "at least 1");
    EXPECT_DEATH(try_with(retry_options{}.factor(std::nan(""))), "at least 1");
}

}  // namespace
}  // namespace simul
