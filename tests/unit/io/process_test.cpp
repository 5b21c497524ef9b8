// SPDX-License-Identifier: Apache-2.0
#include "simul/io/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <string>
#include <system_error>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/stream.hpp"
#include "support/process_checks.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::read_to_end;
using test::start_error;

// What a program says; it must end well.
task<std::string> output_of(process_options options) {
    process child = process::start(options.standard_output(stdio::pipe));
    std::string text = co_await read_to_end(child.output());
    const exit_status ended = co_await child.wait();
    EXPECT_TRUE(ended.ok()) << ended.text();
    co_return text;
}

// --- how it ends --------------------------------------------------------------------------------

TEST(exit_status, says_how_a_process_has_ended) {
    EXPECT_TRUE(exit_status::with_code(0).ok());
    EXPECT_FALSE(exit_status::with_code(2).ok());
    EXPECT_EQ(exit_status::with_code(2).code(), 2);
    EXPECT_EQ(exit_status::with_code(2).signal(), std::nullopt);
    EXPECT_EQ(exit_status::with_code(2).text(), "code 2");
    EXPECT_FALSE(exit_status::by_signal(SIGKILL).ok());
    EXPECT_EQ(exit_status::by_signal(SIGKILL).code(), std::nullopt);
    EXPECT_EQ(exit_status::by_signal(SIGKILL).signal(), SIGKILL);
    EXPECT_EQ(exit_status::by_signal(SIGKILL).text(), "signal SIGKILL");
    EXPECT_EQ(exit_status::by_signal(SIGSEGV, true).text(), "signal SIGSEGV (core dumped)");
    EXPECT_TRUE(exit_status::by_signal(SIGSEGV, true).dumped_core());
    EXPECT_EQ(exit_status::by_signal(60).text(), "signal 60");
    EXPECT_NE(exit_status::with_code(9), exit_status::by_signal(9));
}

TEST(process, tells_the_code_with_which_it_ended) {
    test::with_processes([]() -> task<> {
        process good = process::start(process_options{"true"});
        process bad = process::start(process_options::shell("exit 7"));
        EXPECT_NE(good.pid(), bad.pid());
        const exit_status of_good = co_await good.wait();
        const exit_status of_bad = co_await bad.wait();
        EXPECT_TRUE(of_good.ok());
        EXPECT_EQ(of_bad, exit_status::with_code(7));
    });
}

TEST(process, tells_the_signal_that_ended_it) {
    test::with_processes([]() -> task<> {
        process killed = process::start(process_options{"sleep", "1000"});
        EXPECT_EQ(killed.try_wait(), std::nullopt);
        EXPECT_TRUE(killed.kill());
        const exit_status of_killed = co_await killed.wait();
        EXPECT_EQ(of_killed, exit_status::by_signal(SIGKILL));

        process terminated = process::start(process_options{"sleep", "1000"});
        EXPECT_TRUE(terminated.terminate());
        const exit_status of_terminated = co_await terminated.wait();
        EXPECT_EQ(of_terminated, exit_status::by_signal(SIGTERM));
    });
}

TEST(process, is_waited_for_by_many_and_after_its_end) {
    test::with_processes([]() -> task<> {
        process child = process::start(process_options{"cat"}.standard_input(stdio::pipe));
        auto first = child.wait();
        auto second = child.wait();
        auto [one, two, closed] =
            co_await gather(std::move(first), std::move(second), child.input().shutdown());
        EXPECT_TRUE(one.ok());
        EXPECT_EQ(one, two);
        const exit_status again = co_await child.wait();
        EXPECT_EQ(again, one);
        EXPECT_EQ(child.try_wait(), one);
    });
}

TEST(process, goes_on_when_a_wait_for_it_is_cancelled) {
    test::with_processes([]() -> task<> {
        process child = process::start(process_options{"cat"}.standard_input(stdio::pipe));
        const auto nothing = co_await move_on_after(1ms, child.wait());
        EXPECT_FALSE(nothing.has_value());
        EXPECT_EQ(child.try_wait(), std::nullopt);
        child.input().close();
        const exit_status ended = co_await child.wait();
        EXPECT_TRUE(ended.ok());
    });
}

TEST(process, gets_no_signal_any_more_when_it_was_waited_for) {
    test::with_processes([]() -> task<> {
        process child = process::start(process_options{"true"}.group(process_group::own));
        static_cast<void>(co_await child.wait());
        EXPECT_FALSE(child.terminate());
        EXPECT_FALSE(child.kill());
        EXPECT_FALSE(child.send_signal_to_group(SIGKILL));
    });
}

TEST(process, refuses_a_signal_that_does_not_exist) {
    test::with_processes([]() -> task<> {
        process child = process::start(process_options{"sleep", "1000"});
        std::error_code code;
        try {
            child.send_signal(4711);
        } catch (const std::system_error& failure) {
            code = failure.code();
        }
        EXPECT_EQ(code, std::errc::invalid_argument);
        co_return;
    });
}

TEST(process, says_so_when_the_system_keeps_no_status) {
    test::with_processes([]() -> task<> {
        process child = process::start(process_options{"cat"}.standard_input(stdio::pipe));
        const auto before = ::signal(SIGCHLD, SIG_IGN);
        child.input().close();
        auto lost = co_await as_result(child.wait());
        EXPECT_FALSE(lost.has_value());
        if (!lost.has_value()) {
            EXPECT_EQ(lost.error(), std::errc::no_child_process);
        }
        auto again = co_await as_result(child.wait());
        EXPECT_FALSE(again.has_value());
        ::signal(SIGCHLD, before);
    });
}

// The process may have ended, and be gone, before a descriptor for it can be had.
TEST(process, says_so_when_the_system_keeps_no_status_from_the_beginning) {
    test::with_processes([]() -> task<> {
        const auto before = ::signal(SIGCHLD, SIG_IGN);
        for (int each = 0; each != 20; ++each) {
            std::error_code code;
            try {
                process child = process::start(process_options{"true"});
                static_cast<void>(co_await child.wait());
            } catch (const std::system_error& failure) {
                code = failure.code();
            }
            EXPECT_EQ(code, std::errc::no_child_process);
        }
        ::signal(SIGCHLD, before);
    });
}

TEST(process, is_killed_when_it_is_destroyed) {
    test::with_processes([]() -> task<> {
        int number = 0;
        {
            const process child = process::start(process_options{"sleep", "1000"});
            number = child.pid();
        }
        EXPECT_EQ(::kill(number, 0), -1);
        process child = process::start(process_options{"sleep", "1000"});
        number = child.pid();
        child = process{};
        EXPECT_EQ(::kill(number, 0), -1);
        co_return;
    });
}

TEST(process, goes_on_when_it_is_moved) {
    test::with_processes([]() -> task<> {
        process child = process::start(process_options{"cat"}.standard_input(stdio::pipe));
        process owner = std::move(child);
        owner.input().close();
        const exit_status ended = co_await owner.wait();
        EXPECT_TRUE(ended.ok());
    });
}

// --- how it starts ------------------------------------------------------------------------------

TEST(process, that_cannot_start_is_an_error_that_names_the_program) {
    test::with_processes([]() -> task<> {
        std::string text;
        EXPECT_EQ(start_error(process_options{"no-such-program"}, text),
                  std::errc::no_such_file_or_directory);
        EXPECT_NE(text.find("cannot start 'no-such-program'"), std::string::npos) << text;

        EXPECT_EQ(start_error(process_options{"/dev/null"}, text), std::errc::permission_denied);
        EXPECT_NE(text.find("'/dev/null'"), std::string::npos) << text;

        EXPECT_EQ(start_error(process_options{"true"}.working_directory("/no/such"), text),
                  std::errc::no_such_file_or_directory);
        EXPECT_NE(text.find("'true' in '/no/such'"), std::string::npos) << text;

        // With pipes and all.
        const auto wanted =
            process_options{"no-such-program"}.capture().standard_input(stdio::pipe);
        EXPECT_EQ(start_error(wanted, text), std::errc::no_such_file_or_directory);
        EXPECT_FALSE(test::has_children());
        co_return;
    });
}

TEST(process, refuses_text_that_a_process_cannot_be_given) {
    test::with_processes([]() -> task<> {
        std::string text;
        const std::string zero{"a\0b", 3};
        EXPECT_EQ(start_error(process_options{"echo", zero}, text), std::errc::invalid_argument);
        EXPECT_EQ(start_error(process_options{"echo"}.environment("A", zero), text),
                  std::errc::invalid_argument);
        EXPECT_EQ(start_error(process_options{"echo"}.environment("A=B", "C"), text),
                  std::errc::invalid_argument);
        EXPECT_EQ(start_error(process_options{"echo"}.environment("", "C"), text),
                  std::errc::invalid_argument);
        EXPECT_EQ(start_error(process_options{"echo"}.working_directory(zero), text),
                  std::errc::invalid_argument);
        co_return;
    });
}

TEST(process, finds_no_program_on_the_simulated_backend_but_those_of_a_test) {
    test::simulate([]() -> task<> {
        std::string text;
        EXPECT_EQ(start_error(process_options{"true"}, text), errc::unavailable);
        EXPECT_NE(text.find("the simulated backend has no processes"), std::string::npos) << text;
        co_return;
    });
}

TEST(process, gets_its_arguments_as_they_are) {
    test::with_processes([]() -> task<> {
        const std::vector<std::string> more{"\"$HOME\"", "*", "a b"};
        auto options = process_options::shell("for each; do echo \"[$each]\"; done")
                           .argument("")
                           .arguments(more);
        const std::string text = co_await output_of(options);
        EXPECT_EQ(text, "[]\n[\"$HOME\"]\n[*]\n[a b]\n");
    });
}

TEST(process, gets_the_environment_that_it_is_to_have) {
    test::with_processes([]() -> task<> {
        ::setenv("SIMUL_TEST_KEPT", "kept", 1);
        ::setenv("SIMUL_TEST_CHANGED", "old", 1);
        ::setenv("SIMUL_TEST_REMOVED", "there", 1);
        const std::string line =
            "echo \"$SIMUL_TEST_KEPT,$SIMUL_TEST_CHANGED,${SIMUL_TEST_REMOVED-none}\"";
        const auto changed = process_options::shell(line)
                                 .environment("SIMUL_TEST_CHANGED", "new")
                                 .without_environment("SIMUL_TEST_REMOVED");
        const std::string text = co_await output_of(changed);
        EXPECT_EQ(text, "kept,new,none\n");

        const auto alone = process_options{"env"}.empty_environment().environment("A", "B");
        const std::string only = co_await output_of(alone);
        EXPECT_EQ(only, "A=B\n");
    });
}

TEST(process, runs_where_it_is_to_run) {
    test::with_processes([]() -> task<> {
        const auto options = process_options{"/bin/pwd"}.working_directory("/proc");
        const std::string text = co_await output_of(options);
        EXPECT_EQ(text, "/proc\n");
    });
}

TEST(process, may_have_a_group_or_a_session_of_its_own) {
    test::with_processes([]() -> task<> {
        // The fields of /proc/PID/stat: process group and session.
        const std::string line = "echo $(cut -d' ' -f 5,6 /proc/$$/stat) $$";
        const auto expect_groups = [](const std::string& text, bool own, bool session) {
            int group = 0;
            int leader = 0;
            int self = 0;
            EXPECT_EQ(std::sscanf(text.c_str(), "%d %d %d", &group, &leader, &self), 3) << text;
            EXPECT_EQ(group == self, own) << text;
            EXPECT_EQ(leader == self, session) << text;
        };
        const std::string shared = co_await output_of(process_options::shell(line));
        expect_groups(shared, false, false);
        const auto grouped = process_options::shell(line).group(process_group::own);
        const std::string own = co_await output_of(grouped);
        expect_groups(own, true, false);
        const auto apart = process_options::shell(line).group(process_group::session);
        const std::string session = co_await output_of(apart);
        expect_groups(session, true, true);
    });
}

TEST(process, is_signalled_with_all_of_its_group) {
    test::with_processes([]() -> task<> {
        auto options = process_options::shell("sleep 1000 & echo started; wait")
                           .standard_output(stdio::pipe)
                           .group(process_group::own);
        process child = process::start(options);
        std::array<std::byte, 64> buffer{};
        const std::size_t count = co_await child.output().read_some(buffer);
        EXPECT_EQ(count, 8U);
        EXPECT_TRUE(child.send_signal_to_group(SIGKILL));
        // The sleeper had the output, too.
        const std::string rest = co_await read_to_end(child.output());
        EXPECT_EQ(rest, "");
        const exit_status ended = co_await child.wait();
        EXPECT_EQ(ended, exit_status::by_signal(SIGKILL));

        process alone = process::start(process_options{"sleep", "1000"});
        EXPECT_THROW(alone.send_signal_to_group(SIGKILL), std::system_error);
    });
}

// The process runs already when it turns out that no descriptor is left for it.
TEST(process, is_not_left_alone_when_there_is_no_descriptor_for_it) {
    test::with_processes([]() -> task<> {
        ::rlimit before{};
        ::getrlimit(RLIMIT_NOFILE, &before);
        const unique_fd next{::dup(STDERR_FILENO)};
        const ::rlimit narrow{static_cast<::rlim_t>(next.get()) + 1, before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &narrow);
        std::string text;
        const std::error_code code = start_error(process_options{"sleep", "1000"}, text);
        const std::error_code of_pipe = start_error(process_options{"sleep"}.capture(), text);
        ::setrlimit(RLIMIT_NOFILE, &before);
        EXPECT_EQ(code, std::errc::too_many_files_open);
        EXPECT_EQ(of_pipe, std::errc::too_many_files_open);
        EXPECT_FALSE(test::has_children());
        co_return;
    });
}

TEST(process_death_test, says_what_is_wrong) {
    run([]() -> task<> {
        EXPECT_DEATH(static_cast<void>(process::start(process_options{"cat"}.input("text"))),
                     "process_options::input is for run_process");
        EXPECT_DEATH(static_cast<void>(process{}.pid()), "there is no process here");
        EXPECT_DEATH(static_cast<void>(process_options{"cat"}.standard_input(stdio::to_output)),
                     "stdio::to_output is for standard error");
        co_return;
    }());
}

TEST(signal_ladder, knows_how_long_it_takes) {
    EXPECT_EQ(signal_ladder{}.total(), 5s);
    EXPECT_EQ(signal_ladder::kill_at_once().total(), 0s);
    const auto long_one = signal_ladder{}.step(SIGINT, 2s).step(SIGINT, -1s);
    EXPECT_EQ(long_one.total(), 7s);
    const auto endless = signal_ladder{}.step(SIGINT, duration::max());
    EXPECT_EQ(endless.total(), duration::max());
}

// --- standard streams ---------------------------------------------------------------------------

TEST(process, talks_over_its_pipes) {
    test::with_processes([]() -> task<> {
        auto options =
            process_options{"cat"}.standard_input(stdio::pipe).standard_output(stdio::pipe);
        process child = process::start(options);
        co_await write_all(child.input(), bytes_of("hello\n"));
        buffered_reader lines{child.output()};
        const std::string line = co_await lines.read_until("\n", 100);
        EXPECT_EQ(line, "hello\n");
        co_await child.input().shutdown();
        const exit_status ended = co_await child.wait();
        EXPECT_TRUE(ended.ok());
        auto late = co_await as_result(child.error().read_some({}));
        EXPECT_EQ(late.error(), errc::closed);
    });
}

TEST(process, learns_that_nobody_reads_what_it_is_given) {
    test::with_processes([]() -> task<> {
        process child = process::start(process_options{"true"}.standard_input(stdio::pipe));
        static_cast<void>(co_await child.wait());
        auto written = co_await as_result(child.input().write_some(bytes_of("x")));
        EXPECT_EQ(written.error(), std::errc::broken_pipe);
    });
}

TEST(process, may_have_nothing_to_read_and_nowhere_to_write) {
    test::with_processes([]() -> task<> {
        auto options = process_options::shell("cat; echo lost; echo lost >&2")
                           .standard_input(stdio::null)
                           .standard_output(stdio::null)
                           .standard_error(stdio::null);
        process child = process::start(options);
        const exit_status ended = co_await child.wait();
        EXPECT_TRUE(ended.ok());
    });
}

TEST(process, may_send_its_errors_where_its_output_goes) {
    test::with_processes([]() -> task<> {
        auto options =
            process_options::shell("echo one; echo two >&2").standard_error(stdio::to_output);
        const std::string text = co_await output_of(options);
        EXPECT_EQ(text, "one\ntwo\n");
    });
}

TEST(process, takes_a_descriptor_over) {
    test::with_processes([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        const int given = writing.get();
        const auto options = process_options{"echo", "text"}.standard_output(std::move(writing));
        process child = process::start(options);
        EXPECT_EQ(::fcntl(given, F_GETFD), -1) << "it is not ours any more";
        auto from = pipe_stream::adopt(std::move(reading), {});
        const std::string text = co_await read_to_end(from);
        EXPECT_EQ(text, "text\n");
        static_cast<void>(co_await child.wait());

        std::string complaint;
        EXPECT_EQ(start_error(options, complaint), std::errc::invalid_argument);
        EXPECT_NE(complaint.find("started first"), std::string::npos) << complaint;
    });
}

// What is opened then gets the number that one of the streams is to have.
TEST(process, gets_the_right_streams_from_a_program_without_standard_input) {
    test::with_processes([]() -> task<> {
        const unique_fd kept{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10)};
        ::close(STDIN_FILENO);
        auto options = process_options::shell("cat; echo error >&2")
                           .standard_input(stdio::pipe)
                           .standard_output(stdio::pipe)
                           .standard_error(stdio::pipe);
        process child = process::start(options);
        co_await write_all(child.input(), bytes_of("input"));
        co_await child.input().shutdown();
        const std::string output = co_await read_to_end(child.output());
        const std::string error = co_await read_to_end(child.error());
        EXPECT_EQ(output, "input");
        EXPECT_EQ(error, "error\n");
        static_cast<void>(co_await child.wait());
        child = process{};
        if (kept) ::dup2(kept.get(), STDIN_FILENO);
    });
}

// --- stop ---------------------------------------------------------------------------------------

TEST(process, is_asked_to_end_before_it_is_killed) {
    test::with_processes([]() -> task<> {
        process obedient = process::start(process_options{"sleep", "1000"});
        const exit_status ended = co_await obedient.stop();
        EXPECT_EQ(ended, exit_status::by_signal(SIGTERM));

        auto options =
            process_options::shell("trap '' TERM INT; echo ready; while :; do sleep 1; done")
                .standard_output(stdio::pipe)
                .group(process_group::own);
        process stubborn = process::start(options);
        std::array<std::byte, 64> buffer{};
        static_cast<void>(co_await stubborn.output().read_some(buffer));
        const auto ladder = signal_ladder::kill_at_once().step(SIGINT, 2ms).step(SIGTERM, 2ms);
        const exit_status forced = co_await stubborn.stop(ladder);
        EXPECT_EQ(forced, exit_status::by_signal(SIGKILL));
        const exit_status again = co_await stubborn.stop();
        EXPECT_EQ(again, forced);
    });
}

TEST(process, may_end_by_itself_when_it_is_asked) {
    test::with_processes([]() -> task<> {
        const std::string line = "trap 'exit 3' INT; echo ready; while :; do sleep 0.01; done";
        process child = process::start(process_options::shell(line).standard_output(stdio::pipe));
        std::array<std::byte, 64> buffer{};
        static_cast<void>(co_await child.output().read_some(buffer));
        const auto ladder = signal_ladder::kill_at_once().step(SIGINT, 1min);
        const exit_status ended = co_await child.stop(ladder);
        EXPECT_EQ(ended, exit_status::with_code(3));
    });
}

}  // namespace
}  // namespace simul
