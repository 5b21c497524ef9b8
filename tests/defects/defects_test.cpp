// SPDX-License-Identifier: Apache-2.0
//
// Tests the tests: each deliberate defect of defects.toml must be found by the tests of the rules.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "generated/list.hpp"
#include "generated/program.hpp"
#include "support/child_process.hpp"

namespace simul::test {
namespace {

constexpr int stopped_by_timeout = 124;

// Runs the tests of the rules on the sources with defects; `which` is switched on, or none. All of
// them: that this program runs in parts, its child must not inherit.
int run_rules(const std::string& which, const std::string& seconds, std::string& output) {
    child_process rules{{"timeout", "-k", "1", seconds, SIMUL_DEFECTIVE_RULES, "--gtest_brief=1",
                         "--gtest_fail_fast"},
                        [&] {
                            ::unsetenv("GTEST_TOTAL_SHARDS");
                            ::unsetenv("GTEST_SHARD_INDEX");
                            ::unsetenv("GTEST_SHARD_STATUS_FILE");
                            ::setenv("SIMUL_DEFECT", which.c_str(), 1);
                        }};
    output = rules.read_all();
    return rules.wait();
}

class defects : public ::testing::TestWithParam<const char*> {};

TEST_P(defects, are_found_by_the_rules_within_a_minute) {
    std::string output;
    const int code = run_rules(GetParam(), "60", output);
    EXPECT_NE(code, 0) << "nothing noticed it";
    EXPECT_NE(code, stopped_by_timeout) << "it was not found in time";
    if (HasFailure()) std::puts(output.c_str());
}

INSTANTIATE_TEST_SUITE_P(each, defects, ::testing::ValuesIn(every_defect),
                         [](const auto& each) { return std::string{each.param}; });

TEST(rules, hold_on_the_same_sources_without_a_defect) {
    std::string output;
    EXPECT_EQ(run_rules("", "300", output), 0) << output;
}

}  // namespace
}  // namespace simul::test
