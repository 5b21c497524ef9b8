// SPDX-License-Identifier: Apache-2.0
//
// Everything that can be awaited, cancelled at every moment there is. The scenarios are in the
// files cancellation_*_test.cpp of this folder, the harness in support/cancellation_harness.hpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

std::set<std::string> listed_awaitables() {
    std::set<std::string> names;
    std::ifstream file{SIMUL_SOURCE_DIR "/tests/conformance/awaitables.txt"};
    EXPECT_TRUE(file.is_open());
    for (std::string line; std::getline(file, line);) {
        line.erase(std::find(line.begin(), line.end(), '#'), line.end());
        std::erase_if(line, [](unsigned char each) { return std::isspace(each) != 0; });
        if (!line.empty()) names.insert(line);
    }
    return names;
}

std::set<std::string> names_of_scenarios() {
    std::set<std::string> names;
    for (const scenario& each : scenarios()) names.insert(each.awaitable);
    return names;
}

TEST(cancellation_suite, has_a_scenario_for_everything_that_can_be_awaited) {
    EXPECT_FALSE(scenarios().empty());
    EXPECT_EQ(names_of_scenarios(), listed_awaitables())
        << "tests/conformance/awaitables.txt lists what the headers offer; each name needs a "
           "scenario in tests/conformance/cancellation_*_test.cpp";
}

class cancellation : public testing::TestWithParam<std::tuple<std::size_t, stage>> {};

TEST_P(cancellation, keeps_the_rule_at_every_moment) {
    const auto& [index, where] = GetParam();
    const scenario& chosen = scenarios()[index];
    chosen.run(where);
}

// Every scenario on every stage on which it can be set up.
std::vector<std::tuple<std::size_t, stage>> all_runs() {
    std::vector<std::tuple<std::size_t, stage>> runs;
    for (std::size_t index = 0; index != scenarios().size(); ++index) {
        for (const stage where : stages()) {
            if (scenarios()[index].runs_on(where)) runs.emplace_back(index, where);
        }
    }
    return runs;
}

std::string name_of_test(const testing::TestParamInfo<std::tuple<std::size_t, stage>>& of) {
    const scenario& chosen = scenarios()[std::get<0>(of.param)];
    std::string name = chosen.awaitable;
    if (*chosen.variant != '\0') name += std::string{"_"} + chosen.variant;
    name += std::string{"_on_"} + name_of(std::get<1>(of.param));
    std::replace_if(
        name.begin(), name.end(), [](unsigned char each) { return std::isalnum(each) == 0; }, '_');
    return name;
}

// Read after the scenarios of all files have been added.
INSTANTIATE_TEST_SUITE_P(everything, cancellation, testing::ValuesIn(all_runs()), name_of_test);

class summary : public testing::Environment {
public:
    void TearDown() override {
        std::printf("note: cancellation: %zu awaitables in %zu scenarios, %zu runs\n",
                    names_of_scenarios().size(), scenarios().size(), runs_so_far());
    }
};

testing::Environment* const printed = testing::AddGlobalTestEnvironment(new summary);

}  // namespace
}  // namespace simul::test
