// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string>
#include <system_error>

#include "runtime/backends/backends.hpp"
#include "simul/base/config.hpp"
#include "simul/base/error.hpp"
#include "simul/runtime/backend.hpp"
#include "support/run_on_backends.hpp"
#include "support/scoped_variable.hpp"

namespace simul {
namespace {

using test::io_uring_runs_here;
using test::scoped_variable;

// The text of the error that making `kind` ends with; empty when it works.
std::string refusal_of(backend_kind kind) {
    try {
        make_backend(kind);
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), errc::unavailable);
        return failure.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

#if defined(__has_feature)
constexpr bool sanitized =
    SIMUL_ADDRESS_SANITIZER != 0 || __has_feature(undefined_behavior_sanitizer);
#else
constexpr bool sanitized = SIMUL_ADDRESS_SANITIZER != 0;
#endif

class backend_selection : public testing::Test {
    scoped_variable backend_{"SIMUL_BACKEND", nullptr};
    scoped_variable refuse_{"SIMUL_IO_URING_REFUSE", nullptr};
};

TEST_F(backend_selection, a_backend_asked_for_by_the_program_is_made) {
    chosen_backend epoll = make_backend(backend_kind::epoll);
    EXPECT_EQ(epoll.implementation->name(), "epoll");
    EXPECT_EQ(epoll.reason, "epoll: asked for by the program");
    EXPECT_EQ(make_backend(backend_kind::simulated).implementation->name(), "simulated");
    chosen_backend poll = make_backend(backend_kind::poll);
    EXPECT_EQ(poll.implementation->name(), "poll");
    EXPECT_EQ(poll.reason, "poll: asked for by the program");
    EXPECT_EQ(make_backend(backend_kind::select).implementation->name(), "select");
}

TEST_F(backend_selection, automatic_prefers_io_uring) {
    if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    chosen_backend chosen = make_backend(backend_kind::automatic);
    EXPECT_EQ(chosen.implementation->name(), "io_uring");
    EXPECT_TRUE(contains(chosen.reason, "preferred")) << chosen.reason;
    EXPECT_EQ(make_backend(backend_kind::io_uring).implementation->name(), "io_uring");
}

TEST_F(backend_selection, automatic_falls_back_to_epoll_and_says_why) {
    const std::pair<const char*, const char*> refusals[] = {{"ENOSYS", "no io_uring"},
                                                            {"EPERM", "forbids io_uring"},
                                                            {"ENOMEM", "locked memory"},
                                                            {"EINVAL", "too old"}};
    for (const auto& [name, text] : refusals) {
        const scoped_variable refuse{"SIMUL_IO_URING_REFUSE", name};
        chosen_backend chosen = make_backend(backend_kind::automatic);
        EXPECT_EQ(chosen.implementation->name(), "epoll");
        EXPECT_TRUE(contains(chosen.reason, text)) << chosen.reason;
    }
}

TEST_F(backend_selection, a_kernel_that_lacks_an_operation_is_told_by_the_name_of_what_it_lacks) {
    if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    for (const char* name :
         {"RECV", "SEND", "READ", "WRITE", "ACCEPT", "CONNECT", "POLL_ADD", "ASYNC_CANCEL"}) {
        const std::string operation = std::string{"IORING_OP_"} + name;
        const scoped_variable refuse{"SIMUL_IO_URING_REFUSE", operation.c_str()};
        chosen_backend chosen = make_backend(backend_kind::automatic);
        EXPECT_EQ(chosen.implementation->name(), "epoll");
        EXPECT_TRUE(chosen.reason.starts_with("epoll: io_uring cannot run here, because the "))
            << chosen.reason;
        EXPECT_TRUE(contains(chosen.reason, "lacks " + operation + ", and Linux 5.11"))
            << chosen.reason;
        const std::string refusal = refusal_of(backend_kind::io_uring);
        EXPECT_TRUE(contains(refusal, "lacks " + operation)) << refusal;
        EXPECT_TRUE(contains(refusal, "ask for epoll, or for none")) << refusal;
    }
}

TEST_F(backend_selection, automatic_follows_the_environment) {
    for (const char* name : {"epoll", "simulated", "poll", "select"}) {
        const scoped_variable wanted{"SIMUL_BACKEND", name};
        chosen_backend chosen = make_backend(backend_kind::automatic);
        EXPECT_EQ(chosen.implementation->name(), name);
        EXPECT_EQ(chosen.reason, std::string{name} + ": asked for by SIMUL_BACKEND");
    }
}

TEST_F(backend_selection, an_empty_variable_is_no_wish) {
    const scoped_variable wanted{"SIMUL_BACKEND", ""};
    const scoped_variable refuse{"SIMUL_IO_URING_REFUSE", "ENOSYS"};
    EXPECT_EQ(make_backend(backend_kind::automatic).implementation->name(), "epoll");
}

TEST_F(backend_selection, the_environment_does_not_overrule_the_program) {
    const scoped_variable wanted{"SIMUL_BACKEND", "simulated"};
    EXPECT_EQ(make_backend(backend_kind::epoll).implementation->name(), "epoll");
}

TEST_F(backend_selection, a_name_that_is_no_backend_is_an_error_that_lists_the_names) {
    const scoped_variable wanted{"SIMUL_BACKEND", "kqueue"};
    const std::string text = refusal_of(backend_kind::automatic);
    EXPECT_TRUE(contains(text, "\"kqueue\"")) << text;
    EXPECT_TRUE(contains(text, "epoll, io_uring, poll, select or simulated")) << text;
}

TEST_F(backend_selection, io_uring_asked_for_by_the_program_never_falls_back) {
    const scoped_variable refuse{"SIMUL_IO_URING_REFUSE", "EPERM"};
    const std::string text = refusal_of(backend_kind::io_uring);
    EXPECT_TRUE(contains(text, "asked for by the program")) << text;
    EXPECT_TRUE(contains(text, "forbids io_uring")) << text;
    EXPECT_TRUE(contains(text, "ask for epoll")) << text;
}

TEST_F(backend_selection, io_uring_asked_for_by_the_environment_never_falls_back) {
    const scoped_variable wanted{"SIMUL_BACKEND", "io_uring"};
    const scoped_variable refuse{"SIMUL_IO_URING_REFUSE", "ENOSYS"};
    const std::string text = refusal_of(backend_kind::automatic);
    EXPECT_TRUE(contains(text, "asked for by SIMUL_BACKEND")) << text;
}

TEST_F(backend_selection, a_backend_that_finds_no_descriptor_left_is_an_error) {
    if (sanitized) GTEST_SKIP() << "the sanitizers need descriptors of their own";
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const std::string epoll = refusal_of(backend_kind::epoll);
    const std::string io_uring = refusal_of(backend_kind::io_uring);
    const std::string poll = refusal_of(backend_kind::poll);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(contains(epoll, "epoll_create1")) << epoll;
    EXPECT_TRUE(contains(io_uring, "io_uring_setup failed")) << io_uring;
    EXPECT_TRUE(contains(poll, "eventfd")) << poll;
}

}  // namespace
}  // namespace simul
