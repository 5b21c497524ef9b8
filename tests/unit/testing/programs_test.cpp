// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/programs.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/backends/simulated.hpp"
#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/process.hpp"
#include "simul/io/run_process.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/testing/all_blocked.hpp"
#include "simul/testing/run_test.hpp"
#include "support/process_checks.hpp"
#include "support/stand_in_programs.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::read_to_end;
using test::start_error;
using testing::simulated_process;
using testing::with_programs;

// Runs `body()` with `programs`; nothing runs afterwards.
template <class Body>
void run_with(testing::program_set& programs, Body body) {
    testing::run_test([&]() -> task<> { co_await with_programs(programs, std::ref(body)); });
    EXPECT_EQ(programs.running(), 0U);
}

template <class Body>
void run_with_stand_ins(Body body) {
    test::stand_in_programs programs;
    run_with(programs, body);
}

task<int> say(simulated_process& self, std::string text) {
    co_await write_all(self.output(), bytes_of(text));
    co_return 0;
}

// --- the streams --------------------------------------------------------------------------------

TEST(with_programs, connects_a_process_by_its_streams) {
    run_with_stand_ins([]() -> task<> {
        process cat = process::start(
            process_options{"cat"}.standard_input(stdio::pipe).standard_output(stdio::pipe));
        co_await write_all(cat.input(), bytes_of("one\ntwo\n"));
        co_await cat.input().shutdown();
        const std::string said = co_await read_to_end(cat.output());
        EXPECT_EQ(said, "one\ntwo\n");
        const exit_status ended = co_await cat.wait();
        EXPECT_TRUE(ended.ok());
    });
}

TEST(with_programs, carries_more_than_a_pipe_holds) {
    run_with_stand_ins([]() -> task<> {
        const std::string much(300'000, 'x');
        const process_result result =
            co_await run_process(process_options{"cat"}.input(much).capture());
        EXPECT_TRUE(result.status.ok());
        EXPECT_EQ(result.output.size(), much.size());
        EXPECT_EQ(result.output, much);
    });
}

TEST(with_programs, keeps_what_goes_to_streams_that_nobody_has_connected) {
    testing::program_set programs;
    programs.add("both", [](simulated_process& self) -> task<int> {
        const std::size_t nothing = co_await self.input().read_some(std::span<std::byte>{});
        std::array<std::byte, 4> buffer{};
        const std::size_t end = co_await self.input().read_some(buffer);
        EXPECT_EQ(nothing + end, 0U);
        co_await write_all(self.output(), bytes_of("out "));
        co_await write_all(self.error(), bytes_of("err "));
        co_return 3;
    });
    run_with(programs, []() -> task<> {
        const process_result first = co_await run_process(process_options{"both"});
        EXPECT_EQ(first.status, exit_status::with_code(3));
        EXPECT_EQ(first.output, "");
        const auto dropped = process_options{"both"}.standard_output(stdio::null);
        static_cast<void>(co_await run_process(dropped));
        const auto joined = process_options{"both"}
                                .standard_output(stdio::pipe)
                                .standard_error(stdio::to_output)
                                .standard_input(stdio::null);
        const process_result third = co_await run_process(joined);
        EXPECT_EQ(third.output, "out err ");
    });
    EXPECT_EQ(programs.output(), "out ");
    EXPECT_EQ(programs.error_output(), "err err ");
    EXPECT_EQ(programs.started().size(), 3U);
}

TEST(with_programs, closes_every_descriptor) {
    run_with_stand_ins([]() -> task<> {
        auto& world = static_cast<simul::detail::simulated_backend&>(loop::current().io());
        const std::size_t before = world.descriptor_count();
        static_cast<void>(co_await run_process(process_options{"cat"}.input("text").capture()));
        {
            const process killed = process::start(process_options{"cat"}.capture());
            co_await testing::wait_until_all_blocked();
        }
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(world.descriptor_count(), before);
    });
}

// --- what a process is told ---------------------------------------------------------------------

TEST(simulated_process, knows_its_arguments_its_environment_and_its_directory) {
    testing::program_set programs;
    programs.add("tell", [](simulated_process& self) -> task<int> {
        EXPECT_EQ(self.arguments(), (std::vector<std::string>{"/opt/bin/tell", "a", "b c"}));
        EXPECT_EQ(self.variable("COLOUR"), "blue=ish");
        EXPECT_EQ(self.variable("COLOU"), std::nullopt);
        EXPECT_EQ(self.variable("HOME"), std::nullopt);
        EXPECT_EQ(self.variable("PATH"), std::nullopt);
        EXPECT_EQ(self.working_directory(), "/there");
        co_return 256 + 7;
    });
    run_with(programs, []() -> task<> {
        process child = process::start(process_options{"/opt/bin/tell", "a", "b c"}
                                           .empty_environment()
                                           .environment("COLOUR", "blue=ish")
                                           .working_directory("/there"));
        EXPECT_GE(child.pid(), 1'000'000);
        const exit_status ended = co_await child.wait();
        EXPECT_EQ(ended, exit_status::with_code(7)) << "a code has eight bits";
    });
    EXPECT_EQ(programs.started().front(), (std::vector<std::string>{"/opt/bin/tell", "a", "b c"}));
}

TEST(simulated_process, has_the_environment_of_the_test_if_nothing_is_said) {
    ::setenv("SIMUL_PROGRAMS_TEST", "yes", 1);
    testing::program_set programs;
    programs.add("tell", [](simulated_process& self) -> task<int> {
        co_return self.variable("SIMUL_PROGRAMS_TEST") == "yes" ? 0 : 1;
    });
    run_with(programs, []() -> task<> {
        const process_result inherited = co_await run_process(process_options{"tell"});
        EXPECT_TRUE(inherited.status.ok());
        const auto without = process_options{"tell"}.without_environment("SIMUL_PROGRAMS_TEST");
        const process_result left_out = co_await run_process(without);
        EXPECT_FALSE(left_out.status.ok());
    });
    ::unsetenv("SIMUL_PROGRAMS_TEST");
}

// A number that was used means nobody else, in this scope and in those after it.
TEST(simulated_process, has_a_number_of_its_own) {
    testing::run_test([]() -> task<> {
        std::vector<int> seen;
        for (int turn = 0; turn != 2; ++turn) {
            test::stand_in_programs programs;
            co_await with_programs(programs, [&]() -> task<> {
                for (int each = 0; each != 2; ++each) {
                    process child = process::start(process_options{"true"});
                    seen.push_back(child.pid());
                    static_cast<void>(co_await child.wait());
                }
            });
        }
        EXPECT_EQ(seen, (std::vector<int>{1'000'000, 1'000'001, 1'000'002, 1'000'003}));
    });
}

TEST(process_options_shell, runs_the_program_sh_with_the_line) {
    test::stand_in_programs programs;
    programs.add_line("echo \"$1\"", [](simulated_process& self) -> task<int> {
        return say(self, self.arguments().at(4) + "\n");
    });
    run_with(programs, []() -> task<> {
        const auto known = process_options::shell("echo \"$1\"").argument("word").capture();
        const process_result result = co_await run_process(known);
        EXPECT_EQ(result.output, "word\n");
        const process_result unknown = co_await run_process(process_options::shell("ls").capture());
        EXPECT_EQ(unknown.status, exit_status::with_code(127));
    });
}

// --- what cannot be started ---------------------------------------------------------------------

TEST(process_start, says_that_there_is_no_such_program) {
    run_with_stand_ins([]() -> task<> {
        std::string text;
        const auto missing = process_options{"missing"}.capture().working_directory("/there");
        EXPECT_EQ(start_error(missing, text), std::errc::no_such_file_or_directory);
        EXPECT_NE(text.find("cannot start 'missing' in '/there'"), std::string::npos) << text;
        co_return;
    });
}

TEST(process_start, names_what_is_missing_without_any_programs) {
    testing::run_test([]() -> task<> {
        std::string text;
        EXPECT_EQ(start_error(process_options{"true"}, text), errc::unavailable);
        EXPECT_NE(text.find("testing::with_programs"), std::string::npos) << text;
        test::stand_in_programs programs;
        co_await with_programs(programs, [&]() -> task<> {
            EXPECT_EQ(start_error(process_options{"true"}, text), std::error_code{});
            co_return;
        });
        EXPECT_EQ(start_error(process_options{"true"}, text), errc::unavailable);
    });
}

TEST(process_start, refuses_what_a_kernel_refuses) {
    run_with_stand_ins([]() -> task<> {
        std::string text;
        const auto zero = process_options{"true", std::string{"a\0b", 3}};
        EXPECT_EQ(start_error(zero, text), std::errc::invalid_argument);
        const auto name = process_options{"true"}.environment("A=B", "c");
        EXPECT_EQ(start_error(name, text), std::errc::invalid_argument);
        const auto of_the_system = process_options{"true"}.standard_output(unique_fd{::dup(1)});
        EXPECT_EQ(start_error(of_the_system, text), errc::unavailable);
        EXPECT_NE(text.find("give it stdio::pipe"), std::string::npos) << text;
        co_return;
    });
}

TEST(with_programs, finds_programs_of_the_innermost_scope) {
    test::stand_in_programs outer;
    run_with(outer, []() -> task<> {
        testing::program_set inner;
        inner.add("own", &test::true_program);
        std::string text;
        co_await with_programs(inner, [&]() -> task<> {
            const process_result found = co_await run_process(process_options{"own"});
            EXPECT_TRUE(found.status.ok());
            EXPECT_EQ(start_error(process_options{"true"}, text),
                      std::errc::no_such_file_or_directory);
        });
        const process_result found = co_await run_process(process_options{"true"});
        EXPECT_TRUE(found.status.ok());
    });
}

TEST(with_programs, gives_what_the_body_gives) {
    test::stand_in_programs programs;
    const int given = testing::run_test([&]() -> task<int> {
        return with_programs(programs, []() -> task<int> { co_return 42; });
    });
    EXPECT_EQ(given, 42);
}

TEST(with_programs, only_awaits_the_body_on_a_real_backend) {
    testing::program_set programs;
    const auto options = testing::test_options{}.on(backend_kind::epoll);
    testing::run_test(
        [&]() -> task<> {
            co_await with_programs(programs, []() -> task<> {
                const process_result result = co_await run_process(process_options{"true"});
                EXPECT_TRUE(result.status.ok());
            });
        },
        options);
    EXPECT_TRUE(programs.started().empty());
}

// --- signals ------------------------------------------------------------------------------------

TEST(simulated_process, dies_by_the_signals_that_end_a_process) {
    run_with_stand_ins([]() -> task<> {
        for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGKILL, SIGPIPE, SIGUSR1, SIGSEGV}) {
            process child = process::start(process_options{"sleep", "1000"});
            for (const int harmless : {0, SIGCHLD, SIGCONT, SIGURG, SIGWINCH}) {
                EXPECT_TRUE(child.send_signal(harmless));
            }
            EXPECT_EQ(child.try_wait(), std::nullopt);
            EXPECT_TRUE(child.send_signal(number));
            EXPECT_TRUE(child.send_signal(SIGUSR2)) << "nobody has waited for it";
            const exit_status ended = co_await child.wait();
            EXPECT_EQ(ended, exit_status::by_signal(number));
            EXPECT_FALSE(child.send_signal(number));
        }
    });
}

TEST(simulated_process, takes_no_time_to_run_a_thousand_seconds) {
    run_with_stand_ins([]() -> task<> {
        const time_point before = loop::current().now();
        process child = process::start(process_options{"sleep", "1000"});
        const exit_status ended = co_await child.wait();
        EXPECT_TRUE(ended.ok());
        EXPECT_EQ(loop::current().now() - before, 1000s);
    });
}

TEST(simulated_process, refuses_signals_that_do_not_exist_or_would_stop_it) {
    run_with_stand_ins([]() -> task<> {
        process child = process::start(process_options{"cat"}.standard_input(stdio::pipe));
        const auto code_of = [&](int number) {
            try {
                child.send_signal(number);
            } catch (const std::system_error& failure) {
                return failure.code();
            }
            return std::error_code{};
        };
        EXPECT_EQ(code_of(4711), std::errc::invalid_argument);
        EXPECT_EQ(code_of(-1), std::errc::invalid_argument);
        EXPECT_EQ(code_of(SIGSTOP), std::errc::operation_not_supported);
        EXPECT_EQ(code_of(SIGTSTP), std::errc::operation_not_supported);
        EXPECT_EQ(child.try_wait(), std::nullopt);
        co_return;
    });
}

TEST(simulated_process, may_ignore_a_signal_and_stop_doing_so) {
    testing::program_set programs;
    programs.add("stubborn", [](simulated_process& self) -> task<int> {
        self.ignore_signal(SIGTERM);
        co_await sleep_for(10s);
        self.restore_signal(SIGTERM);
        co_await sleep_for(1h);
        co_return 0;
    });
    run_with(programs, []() -> task<> {
        for (const auto& [wait, end] : {std::pair{5s, SIGKILL}, std::pair{11s, SIGTERM}}) {
            const time_point before = loop::current().now();
            process child = process::start(process_options{"stubborn"});
            co_await testing::wait_until_all_blocked();
            child.terminate();
            co_await sleep_for(wait);
            EXPECT_EQ(child.try_wait(), std::nullopt);
            auto ladder = signal_ladder::kill_at_once().step(SIGTERM, 3s);
            const exit_status ended = co_await child.stop(ladder);
            EXPECT_EQ(ended, exit_status::by_signal(end));
            EXPECT_EQ(loop::current().now() - before, wait + (end == SIGKILL ? 3s : 0s));
        }
    });
}

TEST(simulated_process, ends_in_its_own_way_by_a_signal_that_it_catches) {
    testing::program_set programs;
    programs.add("server", [](simulated_process& self) -> task<int> {
        self.catch_signal(SIGTERM);
        self.catch_signal(SIGHUP);
        std::string text;
        while (true) {
            const int number = co_await self.next_signal();
            if (number == SIGTERM) break;
            text += "again ";
        }
        co_await sleep_for(2s);
        co_return co_await say(self, text + "bye");
    });
    run_with(programs, []() -> task<> {
        process child = process::start(process_options{"server"}.standard_output(stdio::pipe));
        co_await testing::wait_until_all_blocked();
        child.send_signal(SIGHUP);
        co_await testing::wait_until_all_blocked();
        child.send_signal(SIGHUP);
        const exit_status ended = co_await child.stop();
        EXPECT_TRUE(ended.ok());
        const std::string said = co_await read_to_end(child.output());
        EXPECT_EQ(said, "again again bye");
    });
}

// The reactions of a process are its own: a child begins with none of them.
TEST(simulated_process, passes_no_reactions_on) {
    test::stand_in_programs programs;
    programs.add("nice", [](simulated_process& self) -> task<int> {
        self.ignore_signal(SIGTERM);
        process child = process::start(process_options{"sleep", "1000"});
        co_await testing::wait_until_all_blocked();
        child.terminate();
        const exit_status ended = co_await child.wait();
        co_return ended == exit_status::by_signal(SIGTERM) ? 0 : 1;
    });
    run_with(programs, []() -> task<> {
        const process_result result = co_await run_process(process_options{"nice"});
        EXPECT_TRUE(result.status.ok());
    });
}

TEST(simulated_process, dies_by_sigpipe_if_nobody_reads_it) {
    testing::program_set programs;
    programs.add("yes", [](simulated_process& self) -> task<int> {
        while (true) co_await write_all(self.output(), bytes_of("y\n"));
    });
    programs.add("careful", [](simulated_process& self) -> task<int> {
        self.ignore_signal(SIGPIPE);
        co_await sleep_for(1s);
        auto refused = co_await as_result(write_all(self.output(), bytes_of("y\n")));
        co_return refused.error() == std::errc::broken_pipe ? 5 : 0;
    });
    run_with(programs, []() -> task<> {
        for (const char* const name : {"yes", "careful"}) {
            process child = process::start(process_options{name}.standard_output(stdio::pipe));
            co_await testing::wait_until_all_blocked();
            child.output().close();
            const exit_status ended = co_await child.wait();
            EXPECT_EQ(ended,
                      *name == 'y' ? exit_status::by_signal(SIGPIPE) : exit_status::with_code(5));
        }
    });
}

TEST(simulated_process, is_signalled_with_its_group) {
    test::stand_in_programs programs;
    programs.add("parent", [](simulated_process& self) -> task<int> {
        self.leave_behind(&test::sleep_program);
        process same = process::start(process_options{"sleep", "3000"});
        process other = process::start(process_options{"sleep", "3000"}.group(process_group::own));
        co_await sleep_for(1h);
        co_return 0;
    });
    run_with(programs, [&]() -> task<> {
        const auto options = process_options{"parent", "1000"};
        process shared = process::start(options);
        EXPECT_THROW(shared.send_signal_to_group(SIGTERM), std::system_error);
        process child = process::start(process_options{options}.group(process_group::session));
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(programs.running(), 8U);
        EXPECT_TRUE(child.send_signal_to_group(SIGTERM));
        const exit_status ended = co_await child.wait();
        EXPECT_EQ(ended, exit_status::by_signal(SIGTERM));
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(programs.running(), 4U) << "and the one that its parent has destroyed";
        EXPECT_FALSE(child.send_signal_to_group(SIGTERM));
    });
}

// --- children of children -----------------------------------------------------------------------

TEST(simulated_process, gives_its_streams_to_what_it_starts) {
    test::stand_in_programs programs;
    programs.add("wrapper", [](simulated_process&) -> task<int> {
        process inner = process::start(process_options{"cat"});
        const exit_status ended = co_await inner.wait();
        co_return *ended.code();
    });
    run_with(programs, []() -> task<> {
        const process_result result =
            co_await run_process(process_options{"wrapper"}.input("through both").capture());
        EXPECT_EQ(result.output, "through both");
    });
    EXPECT_EQ(programs.output(), "");
}

TEST(simulated_process, may_leave_somebody_behind_who_has_its_output) {
    testing::program_set programs;
    programs.add("daemon", [](simulated_process& self) -> task<int> {
        self.leave_behind([](simulated_process& own) -> task<int> {
            co_await sleep_for(1min);
            co_return co_await say(own, "late");
        });
        co_return co_await say(self, "early ");
    });
    run_with(programs, []() -> task<> {
        const time_point before = loop::current().now();
        const auto options = process_options{"daemon"}.capture();
        const process_result at_exit = co_await run_process(options);
        EXPECT_EQ(at_exit.output, "early ");
        EXPECT_EQ(loop::current().now(), before);
        const process_result at_end = co_await run_process(
            process_options{options}.capture_until(capture_until::end_of_output));
        EXPECT_EQ(at_end.output, "early late");
        EXPECT_EQ(loop::current().now() - before, 1min);
    });
}

// --- how it all ends ----------------------------------------------------------------------------

TEST(with_programs, ends_what_still_runs) {
    test::stand_in_programs programs;
    int ended = 0;
    programs.add("resident", [&](simulated_process& self) -> task<int> {
        self.ignore_signal(SIGTERM);
        const auto note = [&]() -> task<> {
            ++ended;
            co_return;
        };
        auto noting = note();
        co_await finally(sleep_for(1h), std::move(noting));
        co_return 0;
    });
    process kept;
    testing::run_test([&]() -> task<> {
        co_await with_programs(programs, [&]() -> task<> {
            kept = process::start(process_options{"resident"});
            co_await testing::wait_until_all_blocked();
        });
        EXPECT_EQ(ended, 1);
        EXPECT_EQ(kept.try_wait(), exit_status::by_signal(SIGKILL));
        kept = process{};
    });
    EXPECT_EQ(programs.running(), 0U);
}

TEST(with_programs, passes_the_error_of_a_program_on) {
    testing::program_set programs;
    programs.add("broken", [](simulated_process&) -> task<int> {
        co_await sleep_for(1s);
        throw std::logic_error{"a bug of the test"};
    });
    const auto starts_it = []() -> task<> {
        process child = process::start(process_options{"broken"});
        co_await sleep_for(1h);
        ADD_FAILURE() << "it was cancelled";
    };
    EXPECT_THROW(testing::run_test([&]() -> task<> { return with_programs(programs, starts_it); }),
                 std::logic_error);
    EXPECT_EQ(programs.running(), 0U);
}

TEST(with_programs, is_cancelled_with_its_programs) {
    run_with_stand_ins([]() -> task<> {
        test::stand_in_programs programs;
        auto nothing = co_await move_on_after(1s, with_programs(programs, []() -> task<> {
                                                  const auto options =
                                                      process_options{"sleep", "1000"}.capture();
                                                  static_cast<void>(co_await run_process(options));
                                              }));
        EXPECT_FALSE(nothing);
        EXPECT_EQ(programs.running(), 0U);
    });
}

// As a kernel does it, but that nothing waits.
TEST(process, kills_a_simulated_one_when_it_is_destroyed) {
    test::stand_in_programs programs;
    run_with(programs, [&]() -> task<> {
        {
            const process child = process::start(process_options{"sleep", "1000"});
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(programs.running(), 1U);
        }
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(programs.running(), 0U);
    });
}

TEST(run_process, ends_a_simulated_program_by_its_ladder_when_it_is_cancelled) {
    testing::program_set programs;
    programs.add("deaf", [](simulated_process& self) -> task<int> {
        self.ignore_signal(SIGTERM);
        co_await sleep_for(1h);
        co_return 0;
    });
    run_with(programs, [&]() -> task<> {
        const time_point before = loop::current().now();
        auto nothing = co_await move_on_after(10s, run_process(process_options{"deaf"}));
        EXPECT_FALSE(nothing.has_value());
        EXPECT_EQ(loop::current().now() - before, 15s) << "SIGTERM, and SIGKILL after 5 seconds";
        EXPECT_EQ(programs.running(), 0U);
    });
}

}  // namespace
}  // namespace simul
