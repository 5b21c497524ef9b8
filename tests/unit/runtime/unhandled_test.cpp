// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/unhandled.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/select.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

std::exception_ptr make_error(const char* what) {
    return std::make_exception_ptr(std::runtime_error{what});
}

TEST(unhandled, the_handler_gets_the_error_and_where_it_came_from) {
    const unhandled_errors errors;
    report_unhandled_error(make_error("lost"), "in a test");
    ASSERT_EQ(errors.reports().size(), 1U);
    EXPECT_EQ(errors.reports()[0].context, "in a test");
    EXPECT_THROW(std::rethrow_exception(errors.reports()[0].error), std::runtime_error);
}

TEST(unhandled, setting_a_handler_returns_the_one_before) {
    const unhandled_error_handler original = set_unhandled_error_handler(&unhandled_errors::keep);
    EXPECT_NE(original, nullptr);
    EXPECT_EQ(set_unhandled_error_handler(nullptr), &unhandled_errors::keep);
    EXPECT_EQ(set_unhandled_error_handler(original), original) << "nullptr restores the default";
}

TEST(unhandled, the_default_prints_what_and_where) {
    testing::internal::CaptureStderr();
    report_unhandled_error(make_error("lost"), "in a test");
    EXPECT_EQ(
        testing::internal::GetCapturedStderr().find("simul: unhandled error in a test: lost\n"),
        0U);
}

TEST(unhandled, the_default_prints_exceptions_of_any_type) {
    testing::internal::CaptureStderr();
    report_unhandled_error(std::make_exception_ptr(7), "in a test");
    const std::string printed = testing::internal::GetCapturedStderr();
    EXPECT_NE(printed.find("unknown type"), std::string::npos) << printed;
    EXPECT_NE(printed.find("in a test"), std::string::npos) << printed;
}

task<int> fails_below() {
    co_await sleep_for(1ms);
    throw std::runtime_error{"below"};
}

task<int> fails_above() {
    co_return co_await fails_below();
}

TEST(unhandled, the_default_prints_the_chain_of_awaits) {
    testing::internal::CaptureStderr();
    simulate([]() -> task<> {
        const auto outcome = co_await as_outcome(fails_above());
        report_unhandled_error(outcome.error(), "in a test");
    });
    const std::string printed = testing::internal::GetCapturedStderr();
    EXPECT_NE(printed.find("fails_below"), std::string::npos) << printed;
    EXPECT_NE(printed.find("fails_above"), std::string::npos) << printed;
}

// O6.
TEST(unhandled, an_error_in_posted_work_does_not_end_the_loop) {
    for (const backend_kind kind : test_backends()) {
        const unhandled_errors errors;
        bool second_ran = false;
        const auto body = [&]() -> task<> {
            loop::current().post_from_any_thread([] { throw std::runtime_error{"posted"}; });
            loop::current().post_from_any_thread([] { throw 7; });
            loop::current().post_from_any_thread([&] { second_ran = true; });
            while (!second_ran) co_await yield_now();
        };
        run(body(), options_for(kind));
        ASSERT_EQ(errors.reports().size(), 2U);
        EXPECT_EQ(errors.reports()[0].context, "in work posted to the loop");
        EXPECT_THROW(std::rethrow_exception(errors.reports()[0].error), std::runtime_error);
        EXPECT_THROW(std::rethrow_exception(errors.reports()[1].error), int);
    }
}

}  // namespace
}  // namespace simul
