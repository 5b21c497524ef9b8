// SPDX-License-Identifier: Apache-2.0
//
// What a program prints when nobody catches an exception that leaves run(): row S044.
#include <gtest/gtest.h>

#include <stdexcept>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"

namespace {

using namespace std::chrono_literals;

simul::task<> divide(int divisor) {
    co_await simul::sleep_for(1ms);
    if (divisor == 0) throw std::domain_error{"division by zero"};
}

simul::task<> in_a_group() {
    simul::task_group group;
    group.spawn(divide(0));
    co_await group.run();
}

simul::task<> in_gather() {
    co_await simul::gather(simul::sleep_for(1s), in_a_group());
}

simul::task<> through_all() {
    co_await in_gather();
}

// Two more fail while they are cancelled because of the first.
simul::task<> fail_late(const char* what) {
    co_await simul::shield(simul::sleep_for(2ms));
    throw std::runtime_error{what};
}

simul::task<> several() {
    simul::task_group group;
    group.spawn(divide(0));
    group.spawn(fail_late("the first cleanup"));
    group.spawn(fail_late("the second cleanup"));
    co_await group.run();
}

void let_several_escape() noexcept {
    simul::run_options options;
    options.loop.backend = simul::backend_kind::simulated;
    simul::run(several(), options);
}

void run_and_let_escape() noexcept {  // noexcept is what "nobody catches" means here
    simul::run_options options;
    options.loop.backend = simul::backend_kind::simulated;
    simul::run(through_all(), options);
}

TEST(escaped_exception, prints_what_it_says_and_its_chain_of_awaits_across_groups) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_DEATH(run_and_let_escape(),
                 "simul: unhandled exception: division by zero\n"
                 "  in divide  [^\n]*escaped_exception_test.cpp\n"
                 "  awaited by in_a_group  [^\n]*escaped_exception_test.cpp:26\n"
                 "  awaited by in_gather  [^\n]*escaped_exception_test.cpp:30\n"
                 "  awaited by through_all  [^\n]*escaped_exception_test.cpp:34\n");
}

TEST(escaped_exception, is_printed_with_the_errors_that_it_suppressed) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_DEATH(let_several_escape(),
                 "simul: unhandled exception: division by zero\n"
                 "  in divide [^\n]*\n"
                 "  awaited by several [^\n]*\n"
                 "  later failed: the first cleanup\n"
                 "  later failed: the second cleanup\n");
}

TEST(escaped_exception, can_be_caught_outside_of_run_and_still_tells_its_chain) {
    simul::run_options options;
    options.loop.backend = simul::backend_kind::simulated;
    try {
        simul::run(through_all(), options);
        FAIL() << "nothing was thrown";
    } catch (const std::domain_error&) {
        const auto chain = simul::async_trace(std::current_exception());
        ASSERT_EQ(chain.size(), 4u);
        EXPECT_EQ(chain[1].await.line(), 26u);
        EXPECT_EQ(chain[3].await.line(), 34u);
    }
}

}  // namespace
