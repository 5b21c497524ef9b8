// SPDX-License-Identifier: Apache-2.0
#include "simul/base/assert.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>

namespace {

// Runs in the child process of a death test only.
void print_and_exit(const char* message, std::source_location where) {
    const std::string file = where.file_name();
    std::fprintf(stderr, "handler got '%s' from %s\n", message,
                 file.substr(file.rfind('/') + 1).c_str());
    std::_Exit(7);
}

void print_and_return(const char* message, std::source_location) {
    std::fprintf(stderr, "handler got '%s' and returns\n", message);
}

TEST(assert_death, a_broken_condition_prints_its_message_and_place_and_aborts) {
    EXPECT_EXIT(SIMUL_ASSERT(1 > 2, "one is not more than two"), testing::KilledBySignal(SIGABRT),
                "simul: one is not more than two\n *at .*assert_test.cpp:[0-9]+");
}

TEST(assert_death, an_installed_handler_gets_the_message_and_the_place) {
    EXPECT_EXIT(
        {
            simul::set_assertion_handler(print_and_exit);
            SIMUL_ASSERT(false, "seven");
        },
        testing::ExitedWithCode(7), "handler got 'seven' from assert_test.cpp");
}

TEST(assert_death, the_process_aborts_when_the_handler_returns) {
    EXPECT_EXIT(
        {
            simul::set_assertion_handler(print_and_return);
            SIMUL_ASSERT(false, "eight");
        },
        testing::KilledBySignal(SIGABRT), "handler got 'eight' and returns");
}

TEST(assert, a_condition_that_holds_is_evaluated_once_and_nothing_happens) {
    int evaluations = 0;
    SIMUL_ASSERT(++evaluations == 1, "evaluated more than once");
    EXPECT_EQ(evaluations, 1);
}

TEST(assert, the_message_is_not_evaluated_while_the_condition_holds) {
    int evaluations = 0;
    const auto message = [&] {
        ++evaluations;
        return "unused";
    };
    SIMUL_ASSERT(true, message());
    EXPECT_EQ(evaluations, 0);
}

TEST(assert, installing_a_handler_returns_the_one_before) {
    const simul::assertion_handler original = simul::set_assertion_handler(print_and_exit);
    EXPECT_EQ(simul::set_assertion_handler(print_and_return), &print_and_exit);
    EXPECT_EQ(simul::set_assertion_handler(original), &print_and_return);
}

TEST(assert, debug_asserts_are_made_in_debug_builds_only) {
    int evaluations = 0;
    [[maybe_unused]] const auto count = [&] { return ++evaluations > 0; };
    SIMUL_DEBUG_ASSERT(count(), "never");
    EXPECT_EQ(evaluations, SIMUL_DEBUG);
}

}  // namespace
