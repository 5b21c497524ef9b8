// SPDX-License-Identifier: Apache-2.0
//
// The program simul as a whole.
#include <gtest/gtest.h>

#include "program_path.hpp"
#include "support/child_process.hpp"

namespace simul::test {
namespace {

TEST(command, names_a_command_that_does_not_exist_and_those_that_do) {
    child_process program{{"sh", "-c", "exec \"$0\" frobnicate 2>&1", SIMUL_PROGRAM}};
    EXPECT_EQ(program.read_all(),
              "simul: there is no command \"frobnicate\": use crawl, fetch or serve\n");
    EXPECT_EQ(program.wait(), 2);
}

}  // namespace
}  // namespace simul::test
