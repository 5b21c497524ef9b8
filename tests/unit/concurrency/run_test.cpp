// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/run.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class Result>
task<Result> give(Result value) {
    co_await yield_now();
    co_return value;
}

TEST(run, returns_the_result_of_the_task) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        const run_options options = options_for(kind);
        EXPECT_EQ(run(give(5), options), 5);
        auto pointer = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(6); };
        EXPECT_EQ(*run(pointer(), options), 6);
        int target = 0;
        auto refers = [&]() -> task<int&> {
            co_await yield_now();
            co_return target;
        };
        EXPECT_EQ(&run(refers(), options), &target);
        auto nothing = []() -> task<> { co_return; };
        static_assert(std::is_void_v<decltype(run(nothing(), options))>);
        run(nothing(), options);
    }
}

TEST(run, rethrows_the_error_of_the_task_with_its_own_type) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto at_once = []() -> task<int> {
            throw failure{"x"};
            co_return 1;
        };
        auto later = []() -> task<> {
            co_await sleep_for(1ms);
            throw failure{"x"};
        };
        EXPECT_THROW(run(at_once(), options_for(kind)), failure);
        EXPECT_THROW(run(later(), options_for(kind)), failure);
    }
}

TEST(run, cancels_what_is_left_in_the_outermost_group_when_the_task_has_ended) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        log lines;
        auto left = [](log& notes) -> task<> {
            const noted local{notes, "left"};
            auto clean = [](log& texts) -> task<> {
                co_await sleep_for(1ms);
                texts.push_back("cleaned");
            };
            auto cleanup = clean(notes);
            co_await finally(sleep_for(1h), std::move(cleanup));
        };
        auto program = [&]() -> task<int> {
            outermost_group().spawn(left(lines));
            co_await yield_now();
            co_await yield_now();
            lines.push_back("main ends");
            co_return 3;
        };
        EXPECT_EQ(run(program(), options_for(kind)), 3);
        EXPECT_EQ(lines, (log{"main ends", "cleaned", "left"}));
    }
}

TEST(run, cancels_the_task_when_a_child_of_the_outermost_group_fails) {
    log lines;
    auto fails = []() -> task<> {
        co_await sleep_for(1s);
        throw failure{"service"};
    };
    auto program = [&]() -> task<> {
        const noted local{lines, "main"};
        outermost_group().spawn(fails());
        co_await sleep_for(1h);
        lines.push_back("resumed");
    };
    EXPECT_THROW(run(program(), options_for(backend_kind::simulated)), failure);
    EXPECT_EQ(lines, log{"main"});
}

TEST(run, finds_a_deadlock_in_the_simulated_world_and_runs_destructors) {
    log lines;
    auto program = [&]() -> task<> {
        const noted outer{lines, "outer"};
        manual_event never;
        task_group group;
        group.spawn([&]() -> task<> {
            const noted inner{lines, "inner"};
            co_await never.wait();
        });
        co_await group.run();
        lines.push_back("resumed");
    };
    try {
        run(program(), options_for(backend_kind::simulated));
        ADD_FAILURE();
    } catch (const error& found) {
        EXPECT_EQ(found.code(), errc::deadlock);
    }
    EXPECT_EQ(lines, (log{"inner", "outer"}));
    EXPECT_EQ(run(give(1), options_for(backend_kind::simulated)), 1) << "the next run is fine";
}

TEST(run, treats_an_endless_sleep_alone_as_a_deadlock) {
    auto program = []() -> task<> { co_await sleep_for(duration::max()); };
    try {
        run(program(), options_for(backend_kind::simulated));
        ADD_FAILURE();
    } catch (const error& found) {
        EXPECT_EQ(found.code(), errc::deadlock);
    }
}

TEST(run, first_interrupt_cancels_main_with_cleanup_t29) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        log lines;
        auto program = [&]() -> task<> {
            const noted local{lines, "main"};
            auto clean = [](log& notes) -> task<> {
                co_await sleep_for(1ms);
                notes.push_back("cleaned");
            };
            auto cleanup = clean(lines);
            std::raise(SIGINT);
            lines.push_back("raised");
            co_await finally(sleep_for(1h), std::move(cleanup));
            lines.push_back("resumed");
        };
        try {
            run(program(), options_for(kind));
            ADD_FAILURE();
        } catch (const cancelled& error) {
            EXPECT_EQ(error.reason(), cancel_reason::interrupted);
        }
        EXPECT_EQ(lines, (log{"raised", "cleaned", "main"}));
        struct sigaction after{};
        sigaction(SIGINT, nullptr, &after);
        EXPECT_EQ(after.sa_handler, SIG_DFL) << "the handler is gone";
    }
}

TEST(run, interrupt_from_another_thread_ends_a_wait) {
    for (const backend_kind kind : {backend_kind::epoll, backend_kind::automatic}) {
        std::thread interrupts;
        auto program = [&]() -> task<> {
            interrupts = std::thread{[] { kill(getpid(), SIGINT); }};
            co_await sleep_for(1h);
        };
        EXPECT_THROW(run(program(), options_for(kind)), cancelled);
        interrupts.join();
    }
}

TEST(run, interrupt_does_not_hide_the_error_of_a_child) {
    auto program = []() -> task<> {
        auto failing = []() -> task<> {
            co_await yield_now();
            throw failure{"cleanup"};
        };
        auto child = [&]() -> task<> {
            auto cleanup = failing();
            co_await finally(sleep_for(1h), std::move(cleanup));
        };
        outermost_group().spawn(child);
        co_await yield_now();
        std::raise(SIGINT);
        co_await sleep_for(1h);
    };
    EXPECT_THROW(run(program(), options_for(backend_kind::simulated)), failure);
}

TEST(run, interrupt_leaves_a_task_alone_that_ends_all_the_same) {
    auto program = []() -> task<int> {
        std::raise(SIGINT);
        const int value = co_await shield(give(4));
        co_return value;
    };
    EXPECT_EQ(run(program(), options_for(backend_kind::simulated)), 4);
}

TEST(run, leaves_a_handler_of_the_program_alone) {
    static std::sig_atomic_t seen = 0;
    seen = 0;
    auto* previous = std::signal(SIGINT, [](int) { seen = 1; });
    auto program = []() -> task<> {
        std::raise(SIGINT);
        co_await yield_now();
        co_await yield_now();
    };
    run(program(), options_for(backend_kind::simulated));
    EXPECT_EQ(seen, 1);
    std::signal(SIGINT, previous);
}

TEST(run, termination_is_an_interrupt_where_that_was_asked_for) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto program = []() -> task<> {
            std::raise(SIGTERM);
            co_await sleep_for(1h);
        };
        run_options options = options_for(kind);
        options.handle_termination = true;
        EXPECT_THROW(run(program(), options), cancelled);
        struct sigaction after{};
        sigaction(SIGTERM, nullptr, &after);
        EXPECT_EQ(after.sa_handler, SIG_DFL) << "the handler is gone";
    }
}

TEST(run, termination_is_handled_where_interrupts_are_ignored) {
    auto* previous = std::signal(SIGINT, SIG_IGN);
    auto program = []() -> task<> {
        std::raise(SIGINT);
        co_await yield_now();
        std::raise(SIGTERM);
        co_await sleep_for(1h);
    };
    run_options options = options_for(backend_kind::simulated);
    options.handle_termination = true;
    EXPECT_THROW(run(program(), options), cancelled);
    EXPECT_EQ(std::signal(SIGINT, previous), SIG_IGN);
}

TEST(run_death_test, termination_ends_the_process_otherwise_and_the_second_time) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto once = []() -> task<> {
        std::raise(SIGTERM);
        co_await sleep_for(1h);
    };
    EXPECT_EXIT(run(once(), options_for(backend_kind::simulated)),
                ::testing::KilledBySignal(SIGTERM), "");
    auto twice = []() -> task<> {
        std::raise(SIGINT);
        std::raise(SIGTERM);
        co_return;
    };
    run_options options = options_for(backend_kind::simulated);
    options.handle_termination = true;
    EXPECT_EXIT(run(twice(), options), ::testing::KilledBySignal(SIGTERM), "");
}

TEST(run_death_test, second_interrupt_ends_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto program = []() -> task<> {
        std::raise(SIGINT);
        auto stubborn = []() -> task<> {
            co_await yield_now();
            std::raise(SIGINT);
            co_await sleep_for(1h);
        };
        co_await shield(stubborn());
    };
    for (const backend_kind kind : test_backends()) {
        EXPECT_EXIT(run(program(), options_for(kind)), ::testing::KilledBySignal(SIGINT), "");
    }
}

TEST(run_death_test, second_interrupt_ends_a_task_that_never_suspends_p6) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto program = []() -> task<> {
        std::raise(SIGINT);
        std::raise(SIGINT);
        co_return;
    };
    EXPECT_EXIT(run(program(), options_for(backend_kind::simulated)),
                ::testing::KilledBySignal(SIGINT), "");
}

TEST(run_death_test, refuses_to_run_inside_a_task) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto nested = []() -> task<> { co_return; };
    auto in_first_step = [&]() -> task<> {
        run(nested(), options_for(backend_kind::simulated));
        co_return;
    };
    auto later = [&]() -> task<> {
        co_await yield_now();
        run(nested(), options_for(backend_kind::simulated));
    };
    EXPECT_DEATH(run(in_first_step(), options_for(backend_kind::simulated)), "inside a task");
    EXPECT_DEATH(run(later(), options_for(backend_kind::simulated)), "inside a task");
}

TEST(run_death_test, uncaught_error_prints_the_chain_of_awaits) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto program = []() -> task<> {
        co_await yield_now();
        throw failure{"nobody catches me"};
    };
    EXPECT_DEATH(
        {
            const auto ends = [&]() noexcept {
                run(program(), options_for(backend_kind::simulated));
            };
            ends();
        },
        "nobody catches me");
}

TEST(run, runs_programs_one_after_another_and_on_a_loop_that_exists) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        loop_options options;
        options.backend = kind;
        loop running{options};
        EXPECT_EQ(run_on(running, give(1)), 1);
        EXPECT_EQ(run_on(running, give(2)), 2);
        EXPECT_EQ(running.info().backend, name_of(kind));
    }
    EXPECT_EQ(loop::find_current(), nullptr);
}

TEST(run, throws_unavailable_for_a_backend_that_does_not_exist) {
    ASSERT_EQ(setenv("SIMUL_BACKEND", "abacus", 1), 0);
    ::testing::internal::CaptureStderr();
    bool thrown = false;
    try {
        run(give(1));
    } catch (const std::system_error& error) {
        thrown = error.code() == errc::unavailable;
    }
    unsetenv("SIMUL_BACKEND");
    EXPECT_TRUE(thrown);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "that the task did not run is clear";
}

}  // namespace
}  // namespace simul
