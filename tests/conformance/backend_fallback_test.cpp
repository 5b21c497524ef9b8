// SPDX-License-Identifier: Apache-2.0
//
// The suites of this program once more, in a process to which the kernel refuses io_uring: what is
// chosen instead keeps the same rules. Only what runs on the backend a program gets by itself is
// run; the others are the same in every process.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/child_process.hpp"
#include "support/refuse_system_call.hpp"

namespace simul::test {
namespace {

// Without the scenarios that take their time because they start processes or other threads: what is
// special about those is not the wait.
constexpr const char* suites =
    "--gtest_filter=system/*backend_conformance.*/automatic:io/*tcp_stream.*:"
    "everything/cancellation.*_on_automatic-*process*:*mt__queue*:*file_*:*program*";

class backend_fallback : public testing::TestWithParam<int> {};

TEST_P(backend_fallback, keeps_the_rules_of_backends_streams_and_cancellation) {
    child_process program{
        {"/proc/self/exe", suites, "--gtest_brief=1", "--gtest_color=no"}, [] {
            // All of it is wanted, whatever part of us this process runs.
            for (const char* name : {"SIMUL_BACKEND", "GTEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX"}) {
                ::unsetenv(name);
            }
            refuse_system_call(SYS_io_uring_setup, GetParam());
        }};
    const std::string said = program.read_all();
    EXPECT_EQ(program.wait(), 0) << said;
    EXPECT_NE(said.find("note: io_uring cannot run here"), std::string::npos) << said;
    EXPECT_EQ(said.find("SKIPPED"), std::string::npos) << said;
    // All three suites were there: about eighty tests without those of cancellation.
    const std::string_view before_count = "[==========] ";
    const std::size_t at = said.find(before_count);
    ASSERT_NE(at, std::string::npos) << said;
    EXPECT_GT(std::atoi(said.c_str() + at + before_count.size()), 150) << said;
}

INSTANTIATE_TEST_SUITE_P(refused, backend_fallback, testing::Values(ENOSYS, EPERM),
                         [](const auto& of) {
                             return std::string{of.param == ENOSYS ? "ENOSYS" : "EPERM"};
                         });

}  // namespace
}  // namespace simul::test
