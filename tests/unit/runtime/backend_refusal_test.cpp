// SPDX-License-Identifier: Apache-2.0
//
// What is chosen, and what is said of it, where the kernel itself refuses system calls. Each case
// runs in a child, since a seccomp filter stays for ever.
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include <cerrno>
#include <functional>
#include <string>
#include <system_error>

#include "runtime/backends/backends.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/in_child.hpp"
#include "support/refuse_system_call.hpp"
#include "support/scoped_variable.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::in_child;
using test::refuse_system_call;
using test::refuse_system_call_with;
using test::scoped_variable;

// The backend that a loop got, once a task has slept on it, and the reason.
std::string outcome_of(backend_kind kind) {
    run_options options;
    options.loop.backend = kind;
    auto program = []() -> task<std::string> {
        co_await sleep_for(1us);
        const loop_info info = loop::current().info();
        co_return info.backend + " | " + info.reason;
    };
    return run(program(), options);
}

// The text of the refusal, if its code is the one that is documented.
std::string refusal_of(backend_kind kind, waited_for_by who = waited_for_by::itself) {
    try {
        return "chose " + std::string{make_backend(kind, who).implementation->name()};
    } catch (const std::system_error& failure) {
        return (failure.code() == errc::unavailable ? "unavailable: " : "other code: ") +
               std::string{failure.what()};
    }
}

struct refusal {
    const char* name;
    std::function<void()> refuse;
    const char* why;
};

const refusal& nothing_of_io_uring(int error) {
    static const refusal hidden{
        "setup, ENOSYS", [] { refuse_system_call(SYS_io_uring_setup, ENOSYS); },
        "the kernel has no io_uring (it needs Linux 5.11, built with CONFIG_IO_URING), or a "
        "seccomp filter hides it"};
    static const refusal forbidden{
        "setup, EPERM", [] { refuse_system_call(SYS_io_uring_setup, EPERM); }, "forbids io_uring"};
    return error == ENOSYS ? hidden : forbidden;
}

const refusal refusals[] = {
    nothing_of_io_uring(ENOSYS),
    nothing_of_io_uring(EPERM),
    {"enter, EPERM", [] { refuse_system_call(SYS_io_uring_enter, EPERM); },
     "the kernel refuses io_uring_enter (Operation not permitted), as a seccomp filter does"},
    {"enter, ENOSYS", [] { refuse_system_call(SYS_io_uring_enter, ENOSYS); },
     "the kernel refuses io_uring_enter (Function not implemented)"},
    {"register, EPERM", [] { refuse_system_call(SYS_io_uring_register, EPERM); },
     "the kernel refuses io_uring_register (Operation not permitted), as a seccomp filter does"},
    {"register, ENOSYS", [] { refuse_system_call(SYS_io_uring_register, ENOSYS); },
     "the kernel refuses io_uring_register (Function not implemented)"},
    // As kernels before 5.6 answer, which cannot say what operations they have.
    {"probe, EINVAL",
     [] { refuse_system_call_with(SYS_io_uring_register, IORING_REGISTER_PROBE, EINVAL); },
     "too old: it lacks IORING_REGISTER_PROBE, and Linux 5.11 or newer has all it takes"},
};

class backend_refusal : public testing::Test {
protected:
    void SetUp() override {
        std::string reason;
        if (detail::make_io_uring_backend(waited_for_by::itself, reason) == nullptr)
            GTEST_SKIP() << "io_uring is refused here as it is: " << reason;
    }

private:
    scoped_variable backend_{"SIMUL_BACKEND", nullptr};
    scoped_variable refuse_{"SIMUL_IO_URING_REFUSE", nullptr};
};

TEST_F(backend_refusal, without_io_uring_a_program_runs_on_epoll_and_can_say_why) {
    for (const refusal& each : refusals) {
        SCOPED_TRACE(each.name);
        const std::string said = in_child([&] {
            each.refuse();
            return outcome_of(backend_kind::automatic);
        });
        EXPECT_TRUE(said.starts_with("epoll | epoll: io_uring cannot run here, because ")) << said;
        EXPECT_NE(said.find(each.why), std::string::npos) << said;
    }
}

TEST_F(backend_refusal, io_uring_asked_for_by_name_is_unavailable_with_what_to_do) {
    for (const refusal& each : refusals) {
        SCOPED_TRACE(each.name);
        const std::string said = in_child([&] {
            each.refuse();
            return refusal_of(backend_kind::io_uring);
        });
        EXPECT_TRUE(
            said.starts_with("unavailable: the io_uring backend, asked for by the program, "
                             "cannot run: "))
            << said;
        EXPECT_NE(said.find(each.why), std::string::npos) << said;
        EXPECT_NE(said.find("; ask for epoll, or for none to get what runs"), std::string::npos)
            << said;
    }
}

TEST_F(backend_refusal, without_epoll_as_well_a_program_runs_on_poll_and_can_say_why) {
    for (const int error : {ENOSYS, EPERM}) {
        const std::string said = in_child([&] {
            nothing_of_io_uring(error).refuse();
            refuse_system_call(SYS_epoll_create1, error);
            return outcome_of(backend_kind::automatic);
        });
        EXPECT_TRUE(said.starts_with("poll | poll: io_uring cannot run here, because ")) << said;
        EXPECT_NE(said.find(nothing_of_io_uring(error).why), std::string::npos) << said;
        EXPECT_NE(said.find("; neither can epoll, because epoll_create1: "), std::string::npos)
            << said;
    }
}

TEST_F(backend_refusal, poll_does_not_stand_in_for_who_waits_for_a_descriptor) {
    const std::string said = in_child([] {
        nothing_of_io_uring(EPERM).refuse();
        refuse_system_call(SYS_epoll_create1, EPERM);
        return refusal_of(backend_kind::automatic, waited_for_by::descriptor);
    });
    EXPECT_TRUE(said.starts_with("unavailable: no backend has a descriptor to wait for: ")) << said;
    EXPECT_NE(said.find("; allow io_uring or epoll, or do without a guest"), std::string::npos)
        << said;
}

TEST_F(backend_refusal, a_shortage_of_descriptors_is_an_error_and_not_a_reason_for_poll) {
    const std::string said = in_child([] {
        nothing_of_io_uring(EPERM).refuse();
        refuse_system_call(SYS_epoll_create1, EMFILE);
        return refusal_of(backend_kind::automatic);
    });
    EXPECT_TRUE(said.starts_with("other code: epoll_create1: Too many open files")) << said;
}

TEST_F(backend_refusal, epoll_asked_for_by_name_is_unavailable_with_what_to_do) {
    const std::string said = in_child([] {
        refuse_system_call(SYS_epoll_create1, EPERM);
        return refusal_of(backend_kind::epoll);
    });
    EXPECT_TRUE(
        said.starts_with("unavailable: the epoll backend, asked for by the program, cannot "
                         "run: epoll_create1: Operation not permitted; ask for another"))
        << said;
}

}  // namespace
}  // namespace simul
