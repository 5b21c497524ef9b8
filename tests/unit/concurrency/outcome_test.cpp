// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/outcome.hpp"

#include <gtest/gtest.h>

#include <memory>
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

task<std::unique_ptr<int>> value(duration delay) {
    if (delay > 0s) co_await sleep_for(delay);
    co_return std::make_unique<int>(8);
}

task<> fail_with_code() {
    throw std::system_error{std::make_error_code(std::errc::no_space_on_device)};
    co_return;
}

TEST(outcome, is_cancelled_until_it_holds_something) {
    outcome<int> none;
    EXPECT_TRUE(none.is_cancelled());
    EXPECT_THROW(none.take(), cancelled);
    auto some = outcome<int>::succeeded(3);
    EXPECT_TRUE(some.has_value());
    EXPECT_FALSE(some.is_cancelled());
    EXPECT_EQ(some.take(), 3);
    auto error = outcome<void>::failed(std::make_exception_ptr(timed_out{}));
    EXPECT_TRUE(error.has_error());
    EXPECT_FALSE(error.is_cancelled());
    EXPECT_THROW(error.take(), timed_out);
    auto done = outcome<void>::succeeded();
    EXPECT_TRUE(done.has_value());
    done.take();
}

TEST(as_outcome, keeps_values_and_errors_and_suspends_only_with_the_work) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        auto ready = co_await as_outcome(value(0s));
        EXPECT_EQ(*ready.take(), 8);
        auto failed = co_await as_outcome(fail_with_code());
        EXPECT_TRUE(failed.has_error());
        EXPECT_THROW(failed.take(), std::system_error);
        EXPECT_EQ(loop::current().statistics().passes, passes);
        auto later = co_await as_outcome(value(1s));
        EXPECT_TRUE(later.has_value());
        auto nothing = co_await as_outcome(sleep_for(1s));
        EXPECT_TRUE(nothing.has_value());
    });
}

TEST(as_outcome, shows_a_cancellation_before_the_start_and_during_the_wait) {
    int seen = 0;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            auto waiting = co_await as_outcome(value(1h));
            seen += waiting.is_cancelled() ? 1 : 0;
            auto unstarted = co_await as_outcome(value(0s));
            seen += unstarted.is_cancelled() ? 10 : 0;
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_EQ(seen, 11);
}

TEST(as_outcome, inside_a_time_out_that_expires_gives_the_outcome_to_the_caller) {
    simulate([]() -> task<> {
        auto ended = co_await timeout(1s, as_outcome(value(1h)));
        EXPECT_TRUE(ended.is_cancelled());
    });
}

TEST(as_result, turns_errors_with_codes_into_codes) {
    simulate([]() -> task<> {
        auto good = co_await as_result(value(1s));
        EXPECT_TRUE(good.has_value() && **good == 8);
        auto full = co_await as_result(fail_with_code());
        EXPECT_FALSE(full.has_value());
        if (!full) {
            EXPECT_EQ(full.error(), std::errc::no_space_on_device);
        }
        auto late = co_await as_result(timeout(1s, sleep_for(2s)));
        EXPECT_FALSE(late.has_value());
        if (!late) {
            EXPECT_EQ(late.error(), errc::timed_out);
        }
    });
}

TEST(as_result, lets_errors_without_a_code_through) {
    simulate([]() -> task<> {
        auto mistake = []() -> task<> {
            throw std::logic_error{"mistake"};
            co_return;
        };
        bool caught = false;
        try {
            static_cast<void>(co_await as_result(mistake()));
        } catch (const std::logic_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(as_result, adds_nothing_to_a_cancellation) {
    bool resumed = false;
    simulate([&]() -> task<> {
        const auto moved = co_await move_on_after(1s, as_result(sleep_for(1h)));
        EXPECT_FALSE(moved.has_value());
        outermost_group().cancel();
        static_cast<void>(co_await as_result(sleep_for(1s)));
        resumed = true;
    });
    EXPECT_FALSE(resumed);
}

TEST(as_result, passes_giving_back_on) {
    manual_event event;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn(
            [&]() -> task<> { static_cast<void>(co_await as_result(event.wait_returnable())); });
        group.spawn([&]() -> task<> {
            event.complete();
            group.cancel();
            co_return;
        });
        co_await group.run();
    });
    EXPECT_EQ(event.given_back, 1);
    EXPECT_EQ(event.taken, 0);
}

}  // namespace
}  // namespace simul
