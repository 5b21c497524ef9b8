// SPDX-License-Identifier: Apache-2.0
//
// How a guest ends, and what it refuses.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/guest.hpp"
#include "simul/concurrency/shield.hpp"
#include "support/guest_host.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

TEST(guest_run, rethrows_the_error_of_the_task_with_its_own_type) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto at_once = []() -> task<int> {
            throw failure{"x"};
            co_return 1;
        };
        auto child = []() -> task<> {
            outermost_group().spawn([]() -> task<> {
                co_await sleep_for(1ms);
                throw failure{"child"};
            });
            co_await sleep_for(1h);
        };
        EXPECT_THROW(run_on_guest(at_once, on(kind)), failure);
        EXPECT_THROW(run_on_guest(child, on(kind)), failure);
    }
}

TEST(guest_run, cancel_ends_the_task_with_cleanup) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        log lines;
        const unique_fd counter = make_eventfd();
        auto clean = [&]() -> task<> {
            co_await sleep_for(1ms);
            lines.push_back("cleaned");
        };
        auto program = [&]() -> task<> {
            const noted local{lines, "main"};
            auto cleanup = clean();
            co_await finally(read_counter(counter.get()), std::move(cleanup));
            lines.push_back("resumed");
        };
        guest_run guest{program(), on(kind)};
        while (guest.timeout() == duration::zero()) guest.step();
        EXPECT_TRUE(guest.cancel());
        EXPECT_FALSE(guest.cancel()) << "once is enough";
        EXPECT_EQ(guest.timeout(), duration::zero());
        EXPECT_EQ(lines, log{});
        poll_host host;
        ASSERT_TRUE(host.drive(guest));
        EXPECT_FALSE(guest.cancel());
        EXPECT_EQ(lines, (log{"cleaned", "main"}));
        try {
            guest.result();
            ADD_FAILURE();
        } catch (const cancelled& error) {
            EXPECT_EQ(error.reason(), cancel_reason::requested);
        }
    }
}

TEST(guest_run, cancel_leaves_a_task_alone_that_ends_all_the_same) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto slow = []() -> task<int> {
            co_await sleep_for(1ms);
            co_return 4;
        };
        auto program = [&]() -> task<int> {
            const int value = co_await shield(slow());
            co_return value;
        };
        guest_run guest{program(), on(kind)};
        guest.step();
        EXPECT_TRUE(guest.cancel());
        poll_host host;
        ASSERT_TRUE(host.drive(guest));
        EXPECT_EQ(guest.result(), 4);
    }
}

TEST(guest_run, cancel_before_the_first_step_keeps_the_task_from_beginning) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        bool begun = false;
        auto program = [&]() -> task<int> {
            begun = true;
            co_return 1;
        };
        guest_run guest{program(), on(kind)};
        outermost_group().spawn(program());
        EXPECT_TRUE(guest.cancel());
        EXPECT_FALSE(guest.step());
        EXPECT_THROW(static_cast<void>(guest.result()), cancelled);
        EXPECT_FALSE(begun);
    }
}

TEST(guest_run, is_ended_by_its_destructor_with_cleanup) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        log lines;
        const unique_fd counter = make_eventfd();
        auto clean = [&]() -> task<> {
            co_await sleep_for(1ms);
            lines.push_back("cleaned");
        };
        auto program = [&]() -> task<> {
            const noted local{lines, "main"};
            outermost_group().spawn([&]() -> task<> {
                const noted other{lines, "child"};
                static_cast<void>(co_await read_counter(counter.get()));
            });
            auto cleanup = clean();
            co_await finally(sleep_for(1h), std::move(cleanup));
        };
        {
            guest_run guest{program(), on(kind)};
            while (guest.timeout() == duration::zero()) guest.step();
        }
        EXPECT_EQ(lines, (log{"child", "cleaned", "main"}));
        EXPECT_EQ(loop::find_current(), nullptr);
    }
}

TEST(guest_run, may_be_destroyed_before_its_first_step_and_with_its_result_inside) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        int alive = 0;
        auto program = [](counted_object kept) -> task<counted_object> { co_return kept; };
        ::testing::internal::CaptureStderr();
        {
            const counted_object original{alive};
            const guest_run unstarted{program(original), on(kind)};
        }
        EXPECT_EQ(alive, 0);
        {
            const counted_object original{alive};
            guest_run ended{program(original), on(kind)};
            EXPECT_FALSE(ended.step());
        }
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    }
}

TEST(guest_run, leaves_signals_to_the_host_unless_asked) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto program = []() -> task<> {
            struct sigaction during{};
            sigaction(SIGINT, nullptr, &during);
            EXPECT_EQ(during.sa_handler, SIG_DFL);
            co_return;
        };
        run_on_guest(program, on(kind));
        auto interrupted = []() -> task<> {
            co_await sleep_for(1ms);
            std::raise(SIGINT);
            co_await sleep_for(1h);
        };
        guest_options options = on(kind);
        options.handle_interrupt = true;
        try {
            run_on_guest(interrupted, options);
            ADD_FAILURE();
        } catch (const cancelled& error) {
            EXPECT_EQ(error.reason(), cancel_reason::interrupted);
        }
    }
}

TEST(guest_run, refuses_the_backends_that_a_host_cannot_wait_for) {
    auto program = []() -> task<> { co_return; };
    for (const backend_kind kind :
         {backend_kind::simulated, backend_kind::poll, backend_kind::select}) {
        SCOPED_TRACE(name_of(kind));
        try {
            const guest_run refused{program(), on(kind)};
            ADD_FAILURE();
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), errc::unavailable);
            EXPECT_NE(std::string{error.what()}.find("ask for epoll or io_uring"),
                      std::string::npos);
        }
    }
    EXPECT_EQ(loop::find_current(), nullptr);
    const std::string before = std::getenv("SIMUL_BACKEND") ? std::getenv("SIMUL_BACKEND") : "";
    ASSERT_EQ(setenv("SIMUL_BACKEND", "simulated", 1), 0);
    EXPECT_THROW((guest_run{program()}), std::system_error);
    setenv("SIMUL_BACKEND", before.c_str(), 1);
}

TEST(guest_run_death_test, refuses_to_be_driven_from_inside_and_from_elsewhere) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto nothing = []() -> task<> { co_return; };
    const guest_options options = on(backend_kind::epoll);
    const auto steps_itself = [&] {
        std::function<void()> step;
        auto program = [&]() -> task<> {
            step();
            co_return;
        };
        guest_run guest{program(), options};
        step = [&] { guest.step(); };
        guest.step();
    };
    EXPECT_DEATH(steps_itself(), "one of its own tasks");
    const auto steps_elsewhere = [&] {
        guest_run guest{nothing(), options};
        std::thread{[&] { guest.step(); }}.join();
    };
    EXPECT_DEATH(steps_elsewhere(), "another thread");
    const auto steps_beside_a_loop = [&] {
        guest_run guest{nothing(), options};
        const loop another;
        guest.step();
    };
    EXPECT_DEATH(steps_beside_a_loop(), "another loop");
}

TEST(guest_run_death_test, refuses_another_loop_on_its_thread) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto nothing = []() -> task<> { co_return; };
    const guest_options options = on(backend_kind::epoll);
    const auto two_guests = [&] {
        const guest_run first{nothing(), options};
        const guest_run second{nothing(), options};
    };
    EXPECT_DEATH(two_guests(), "a thread that has a loop");
    auto nested = [&]() -> task<> {
        const guest_run guest{nothing(), options};
        co_return;
    };
    EXPECT_DEATH(run(nested(), options_for(backend_kind::epoll)), "a thread that has a loop");
    const auto run_beside = [&] {
        const guest_run guest{nothing(), options};
        run(nothing(), options_for(backend_kind::epoll));
    };
    EXPECT_DEATH(run_beside(), "where a guest runs");
}

TEST(guest_run_death_test, refuses_results_too_early_and_too_often_and_steps_without_passes) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto nothing = []() -> task<> { co_return; };
    const auto too_early = [&] {
        guest_run guest{nothing(), on(backend_kind::epoll)};
        guest.result();
    };
    EXPECT_DEATH(too_early(), "has not ended");
    const auto twice = [&] {
        guest_run guest{nothing(), on(backend_kind::epoll)};
        guest.step();
        guest.result();
        guest.result();
    };
    EXPECT_DEATH(twice(), "taken twice");
    const auto no_passes = [&] {
        guest_options options = on(backend_kind::epoll);
        options.passes = 0;
        const guest_run guest{nothing(), options};
    };
    EXPECT_DEATH(no_passes(), "make no pass");
}

}  // namespace
}  // namespace simul
