// SPDX-License-Identifier: Apache-2.0
//
// Memory that runs out while another program is run: each allocation fails in turn, and whichever
// it is, no process and no descriptor is left.
#include <gtest/gtest.h>

#include <exception>
#include <string>
#include <system_error>

#include "simul/io/run_process.hpp"
#include "simul/testing/failing_allocation.hpp"
#include "support/process_checks.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

task<> ask_a_program() {
    const auto options = process_options{"cat"}
                             .input("text")
                             .capture()
                             .environment("NAME", "value")
                             .working_directory("/");
    const process_result result = co_await run_process(options);
    EXPECT_EQ(result.output, "text");
}

// Where the backend has no memory for a descriptor, an operation says so.
bool is_lack_of_memory(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& failure) {
        return failure.code() == std::errc::not_enough_memory;
    } catch (...) {
        return false;
    }
}

TEST(run_process_without_memory, leaves_no_process_and_no_descriptor) {
    for (const backend_kind kind : test::real_backends()) {
        const std::string name = std::string{"run_process on "} + test::name_of(kind);
        const std::ptrdiff_t descriptors = test::count_descriptors();
        auto options = testing::allocation_options{}
                           .named(name)
                           .on(kind)
                           .expecting(is_lack_of_memory)
                           .failed_if([] { return test::has_children(); });
        const testing::allocation_report one = testing::fail_allocations(ask_a_program, options);
        EXPECT_TRUE(one.ok()) << one.text();
        options.named(name + ", from then on").lasting();
        const testing::allocation_report all = testing::fail_allocations(ask_a_program, options);
        EXPECT_TRUE(all.ok()) << all.text();
        EXPECT_EQ(test::count_descriptors(), descriptors);
    }
}

}  // namespace
}  // namespace simul
