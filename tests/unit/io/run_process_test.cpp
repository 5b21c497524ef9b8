// SPDX-License-Identifier: Apache-2.0
#include "simul/io/run_process.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <system_error>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/error.hpp"
#include "simul/io/pipe.hpp"
#include "simul/io/stream.hpp"
#include "support/process_checks.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;

// A process that becomes a child of nobody and keeps the standard output until `writing`, a pipe to
// its standard input, is closed.
constexpr const char* leaves_a_child_behind = "exec 3<&0; (read line <&3; echo $line) & echo first";

TEST(run_process, collects_what_a_program_says) {
    test::with_processes([]() -> task<> {
        const auto both = process_options::shell("echo out; echo err >&2; exit 3").capture();
        const process_result result = co_await run_process(both);
        EXPECT_EQ(result.status, exit_status::with_code(3));
        EXPECT_EQ(result.output, "out\n");
        EXPECT_EQ(result.error, "err\n");

        const auto one = process_options::shell("echo out; echo err >&2")
                             .standard_output(stdio::pipe)
                             .standard_error(stdio::to_output);
        const process_result together = co_await run_process(one);
        EXPECT_EQ(together.output, "out\nerr\n");
        EXPECT_EQ(together.error, "");

        const process_result silent = co_await run_process(process_options{"true"});
        EXPECT_TRUE(silent.status.ok());
        EXPECT_EQ(silent.output, "");
    });
}

// Far more than the pipes hold, so both directions have to go on at once.
TEST(run_process, feeds_a_program_while_it_reads_from_it) {
    test::with_processes([]() -> task<> {
        std::string text;
        while (text.size() < 1'000'000) text += std::to_string(text.size()) + '\n';
        const auto options = process_options{"cat"}.input(text).capture();
        const process_result result = co_await run_process(options);
        EXPECT_TRUE(result.status.ok());
        EXPECT_TRUE(result.output == text) << result.output.size() << " bytes";
    });
}

TEST(run_process, does_not_mind_a_program_that_does_not_read_its_input) {
    test::with_processes([]() -> task<> {
        const auto options = process_options{"true"}.input(std::string(1'000'000, 'x'));
        const process_result result = co_await run_process(options);
        EXPECT_TRUE(result.status.ok());
    });
}

// Somebody else has the other end of the input, and does not read.
TEST(run_process, does_not_wait_for_its_input_to_be_read_when_the_program_has_ended) {
    test::with_processes([]() -> task<> {
        const auto options = process_options::shell("sleep 1000 <&0 & echo $!")
                                 .input(std::string(1'000'000, 'x'))
                                 .capture();
        const process_result result = co_await run_process(options);
        EXPECT_TRUE(result.status.ok());
        EXPECT_EQ(::kill(std::stoi(result.output), SIGKILL), 0);
    });
}

TEST(run_process, gives_an_empty_input_to_a_pipe_that_nothing_was_said_about) {
    test::with_processes([]() -> task<> {
        const auto options = process_options{"cat"}.standard_input(stdio::pipe).capture();
        const process_result result = co_await run_process(options);
        EXPECT_TRUE(result.status.ok());
        EXPECT_EQ(result.output, "");
    });
}

TEST(run_process, checks_the_status_if_it_is_to) {
    test::with_processes([]() -> task<> {
        const auto good = process_options{"true"}.check();
        const process_result result = co_await run_process(good);
        EXPECT_TRUE(result.status.ok());

        const auto bad =
            process_options::shell("echo long story >&2; echo no such thing >&2; exit 2")
                .capture()
                .check();
        std::string text;
        try {
            static_cast<void>(co_await run_process(bad));
        } catch (const process_error& failure) {
            text = failure.what();
            EXPECT_EQ(failure.status(), exit_status::with_code(2));
            EXPECT_EQ(failure.error_output(), "long story\nno such thing\n");
        }
        EXPECT_EQ(text, "'/bin/sh' ended with code 2: no such thing");

        const auto killed = process_options::shell("kill -9 $$").check();
        try {
            static_cast<void>(co_await run_process(killed));
        } catch (const process_error& failure) {
            text = failure.what();
        }
        EXPECT_EQ(text, "'/bin/sh' ended with signal SIGKILL");
    });
}

TEST(run_process, keeps_the_end_of_a_long_error_output) {
    std::string long_text(10'000, 'x');
    long_text += "\nend\n";
    const process_error failure{"name", exit_status::with_code(1), long_text};
    EXPECT_EQ(failure.error_output().size(), process_error::kept);
    EXPECT_EQ(std::string{failure.what()}, "'name' ended with code 1: end");
}

TEST(run_process, refuses_more_output_than_the_limit) {
    test::with_processes([]() -> task<> {
        const auto fits =
            process_options::shell("printf 12345; printf 67890 >&2").capture().capture_limit(10);
        const process_result result = co_await run_process(fits);
        EXPECT_EQ(result.output + result.error, "1234567890");

        const auto options = process_options{"yes"}.capture().capture_limit(100'000);
        auto refused = co_await as_result(run_process(options));
        EXPECT_FALSE(refused.has_value());
        if (!refused.has_value()) {
            EXPECT_EQ(refused.error(), io_errc::limit_exceeded);
        }
        EXPECT_FALSE(test::has_children());
    });
}

TEST(run_process, fails_as_a_start_does) {
    test::with_processes([]() -> task<> {
        const auto options = process_options{"no-such-program"}.capture();
        auto missing = co_await as_result(run_process(options));
        EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
    });
}

TEST(run_process, ends_with_the_process_and_not_with_its_output) {
    test::with_processes([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        const auto options = process_options::shell(leaves_a_child_behind)
                                 .standard_input(std::move(reading))
                                 .standard_output(stdio::pipe);
        const process_result result = co_await run_process(options);
        EXPECT_TRUE(result.status.ok());
        EXPECT_EQ(result.output, "first\n");
    });
}

TEST(run_process, may_wait_for_the_end_of_the_output) {
    test::with_processes([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        auto to_child = pipe_stream::adopt({}, std::move(writing));
        const auto options = process_options::shell(leaves_a_child_behind)
                                 .standard_input(std::move(reading))
                                 .standard_output(stdio::pipe)
                                 .capture_until(capture_until::end_of_output);
        co_await with_task_group([&](task_group& group) -> task<> {
            auto running = group.spawn(run_process(options));
            co_await sleep_for(20ms);
            EXPECT_FALSE(running.done());
            co_await write_all(to_child, bytes_of("second\n"));
            const process_result result = co_await running;
            EXPECT_EQ(result.output, "first\nsecond\n");
        });
    });
}

TEST(run_process, leaves_nothing_when_its_time_is_over) {
    test::with_processes([]() -> task<> {
        const auto options = process_options{"sleep", "1000"}.capture();
        auto late = co_await as_result(timeout(5ms, run_process(options)));
        EXPECT_FALSE(late.has_value());
        if (!late.has_value()) {
            EXPECT_EQ(late.error(), errc::timed_out);
        }
        EXPECT_FALSE(test::has_children());
    });
}

// It ignores the first signal, and says so; the second one ends it.
TEST(run_process, climbs_the_ladder_when_it_is_cancelled) {
    test::with_processes([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        auto said = pipe_stream::adopt(std::move(reading), {});
        const auto options =
            process_options::shell(
                "trap 'echo asked' INT; trap 'echo end; exit' TERM;"
                "echo ready; while :; do sleep 0.005; done")
                .standard_output(std::move(writing))
                .on_cancel(signal_ladder::kill_at_once().step(SIGINT, 50ms).step(SIGTERM, 1min));
        co_await with_task_group([&](task_group& group) -> task<> {
            auto running = group.spawn(run_process(options));
            std::array<std::byte, 64> buffer{};
            static_cast<void>(co_await said.read_some(buffer));
            running.cancel();
        });
        EXPECT_FALSE(test::has_children());
        std::string text;
        while (said.has_input()) {
            std::array<std::byte, 64> buffer{};
            const std::size_t count = co_await said.read_some(buffer);
            if (count == 0) break;
            text += text_of(std::span{buffer}.first(count));
        }
        EXPECT_EQ(text, "asked\nend\n");
    });
}

TEST(run_process, never_starts_what_was_cancelled_before) {
    test::with_processes([]() -> task<> {
        const auto options = process_options{"no-such-program"};
        const auto nothing = co_await move_on_after(0ms, run_process(options));
        EXPECT_FALSE(nothing.has_value());
    });
}

TEST(run_process, finds_no_program_on_the_simulated_backend_but_those_of_a_test) {
    test::simulate([]() -> task<> {
        auto refused = co_await as_result(run_process(process_options{"true"}));
        EXPECT_EQ(refused.error(), errc::unavailable);
    });
}

TEST(run_process, runs_many_at_once) {
    test::with_processes([]() -> task<> {
        task_group group;
        std::vector<task_handle<process_result>> all;
        for (int each = 0; each != 20; ++each) {
            auto options = process_options{"echo", std::to_string(each)}.capture();
            all.push_back(group.spawn(run_process(options)));
        }
        co_await group.run();
        for (std::size_t each = 0; each != all.size(); ++each) {
            const process_result result = co_await all[each];
            EXPECT_EQ(result.output, std::to_string(each) + '\n');
        }
    });
}

}  // namespace
}  // namespace simul
