// SPDX-License-Identifier: Apache-2.0
//
// The rules of processes (P1 to P5, T47). In the simulated world coroutines stand in for programs.
// What only a kernel has runs on the real backends; what starts many processes there, or forks this
// program, takes its time and runs in one order only.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/process.hpp"
#include "simul/io/run_process.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/process_checks.hpp"
#include "support/run_on_backends.hpp"
#include "support/stand_in_programs.hpp"

namespace simul {
namespace {

constexpr const char* passes_its_output_on =
    "exec 3<&0; (read line <&3; echo $line) & echo early; exit 4";

task<int> pass_output_on(testing::simulated_process& self) {
    self.leave_behind([](testing::simulated_process& own) -> task<int> {
        const std::string line = co_await test::read_line_of(own);
        const std::string text = line + '\n';
        co_await write_all(own.output(), bytes_of(text));
        co_return 0;
    });
    co_await write_all(self.output(), bytes_of("early\n"));
    co_return 4;
}

// Runs `body()` where true, cat, sleep and these lines of a shell exist, and looks for what is
// left.
template <class Body>
task<> with_stand_ins(Body body) {
    test::stand_in_programs programs;
    programs.add_line(passes_its_output_on, &pass_output_on);
    const std::ptrdiff_t descriptors = test::count_descriptors();
    co_await testing::with_programs(programs, std::ref(body));
    EXPECT_FALSE(test::has_children());
    EXPECT_EQ(programs.running(), 0U);
    EXPECT_EQ(test::count_descriptors(), descriptors);
}

// For what would take too long in every order.
template <class Body>
void on_each_backend(Body body, bool is_for_simulated = true) {
    for (const backend_kind kind : test::test_backends()) {
        if (kind == backend_kind::simulated && !is_for_simulated) continue;
        SCOPED_TRACE(test::name_of(kind));
        for (const start_policy start : {start_policy::queued, start_policy::eager}) {
            run_options options = test::options_for(kind);
            options.start = start;
            body(options);
        }
    }
}

template <class Body>
void on_each_real_backend(Body body) {
    on_each_backend(body, false);
}

task<> tell_apart() {
    const auto leaves = process_options::shell("exec 3<&0; (read line <&3; echo $line) & exit 4")
                            .standard_input(stdio::pipe)
                            .standard_output(stdio::pipe);
    process parent = process::start(leaves);
    const exit_status of_parent = co_await parent.wait();
    EXPECT_EQ(of_parent, exit_status::with_code(4));
    EXPECT_FALSE(parent.output().has_input());
    co_await write_all(parent.input(), bytes_of("late\n"));
    std::array<std::byte, 16> buffer{};
    const std::size_t count = co_await parent.output().read_some(buffer);
    EXPECT_EQ(text_of(std::span{buffer}.first(count)), "late\n");
    const std::size_t end = co_await parent.output().read_some(buffer);
    EXPECT_EQ(end, 0U);

    const auto closes = process_options::shell("exec >/dev/null; read line; exit 4")
                            .standard_input(stdio::pipe)
                            .standard_output(stdio::pipe);
    process silent = process::start(closes);
    const std::size_t end_of_silent = co_await silent.output().read_some(buffer);
    EXPECT_EQ(end_of_silent, 0U);
    EXPECT_EQ(silent.try_wait(), std::nullopt);
    silent.input().close();
    const exit_status of_silent = co_await silent.wait();
    EXPECT_EQ(of_silent, exit_status::with_code(4));
}

// The program itself keeps the end of the pipe that the process has written to.
EVERY_WORLD_TEST(P1, exit_is_known_while_somebody_else_still_has_the_output) {
    co_await with_stand_ins([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        auto kept = pipe_stream::adopt({}, test::duplicate(writing));
        auto output = pipe_stream::adopt(std::move(reading), {});
        process child = process::start(process_options{"true"}.standard_output(std::move(writing)));
        const exit_status ended = co_await child.wait();
        EXPECT_TRUE(ended.ok());
        EXPECT_FALSE(output.has_input()) << "the output has no end yet";
        kept.close();
        std::array<std::byte, 4> buffer{};
        const std::size_t end = co_await output.read_some(buffer);
        EXPECT_EQ(end, 0U);
    });
}

// What the process itself has said is there at its end, whoever else may say more.
EVERY_WORLD_TEST(P1, exit_is_known_while_a_child_of_the_child_has_the_output) {
    co_await with_stand_ins([]() -> task<> {
        process parent = process::start(process_options::shell(passes_its_output_on)
                                            .standard_input(stdio::pipe)
                                            .standard_output(stdio::pipe));
        const exit_status ended = co_await parent.wait();
        EXPECT_EQ(ended, exit_status::with_code(4));
        std::array<std::byte, 16> buffer{};
        const std::size_t early = co_await parent.output().read_some(buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(early)), "early\n");
        EXPECT_FALSE(parent.output().has_input());
        co_await write_all(parent.input(), bytes_of("late\n"));
        const std::size_t late = co_await parent.output().read_some(buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(late)), "late\n");
        const std::size_t end = co_await parent.output().read_some(buffer);
        EXPECT_EQ(end, 0U);
    });
}

// The same with a process that has started another one, and the other way round: the output has
// ended, and the process has not.
TEST(P1, exit_and_end_of_output_are_told_apart) {
    on_each_real_backend([](const run_options& options) { run(tell_apart(), options); });
}

// Whoever waits learns of it, before or after, and a signal to what has ended goes nowhere.
EVERY_WORLD_TEST(P2, every_waiter_learns_of_the_exit_and_no_signal_is_sent_after_it) {
    co_await with_stand_ins([]() -> task<> {
        process child = process::start(process_options{"true"});
        int told = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int each = 0; each != 3; ++each) {
                group.spawn([&]() -> task<> {
                    const exit_status ended = co_await child.wait();
                    EXPECT_TRUE(ended.ok());
                    EXPECT_FALSE(child.kill());
                    ++told;
                });
            }
            auto cancelled =
                group.spawn([&]() -> task<> { static_cast<void>(co_await child.wait()); });
            co_await yield_now();
            cancelled.cancel();
        });
        EXPECT_EQ(told, 3);
        const exit_status again = co_await child.wait();
        EXPECT_TRUE(again.ok());
        EXPECT_FALSE(child.terminate());
    });
}

// No handler of SIGCHLD is needed, and none is touched.
REAL_WORLD_TEST(P2, exit_is_known_while_the_signal_of_children_is_blocked) {
    ::sigset_t signals;
    ::sigset_t before;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &signals, &before);
    process child = process::start(process_options{"true"});
    const exit_status ended = co_await child.wait();
    EXPECT_TRUE(ended.ok());
    struct sigaction handler{};
    ::sigaction(SIGCHLD, nullptr, &handler);
    EXPECT_EQ(handler.sa_handler, SIG_DFL);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// A child that the program has started by itself is the program's to wait for.
REAL_WORLD_TEST(P2, other_children_of_the_program_are_left_alone) {
    ::pid_t other = -1;
    std::array<char, 5> name{'t', 'r', 'u', 'e', '\0'};
    std::array<char*, 2> arguments{name.data(), nullptr};
    EXPECT_EQ(::posix_spawnp(&other, name.data(), nullptr, nullptr, arguments.data(), environ), 0);
    process child = process::start(process_options{"true"});
    const exit_status ended = co_await child.wait();
    EXPECT_TRUE(ended.ok());
    int status = -1;
    EXPECT_EQ(::waitpid(other, &status, 0), other);
    EXPECT_EQ(status, 0);
}

// A request that is there before the start, and one that comes before anybody waits for the end.
EVERY_WORLD_TEST(P3, request_around_the_start_leaves_no_child_and_no_descriptor) {
    bool was_started = false;
    co_await with_stand_ins([&]() -> task<> {
        task_handle<> own;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto before = group.spawn([]() -> task<> {
                co_await yield_now();
                const process child = process::start(process_options{"sleep", "1000"});
                ADD_FAILURE() << "it was cancelled";
            });
            before.cancel();
            own = group.spawn([&]() -> task<> {
                co_await yield_now();
                own.cancel();
                const process child = process::start(
                    process_options{"sleep", "1000"}.capture().standard_input(stdio::pipe));
                was_started = true;
                co_await yield_now();
                ADD_FAILURE() << "the request takes effect at the first await";
            });
            co_return;
        });
    });
    EXPECT_TRUE(was_started);
}

// A start that fails, with all of its pipes made.
EVERY_WORLD_TEST(P3, start_that_fails_leaves_no_child_and_no_descriptor) {
    co_await with_stand_ins([]() -> task<> {
        const std::ptrdiff_t descriptors = test::count_descriptors();
        const auto options = process_options{"no-such-program"}.capture().input("text");
        auto missing = co_await as_result(run_process(options));
        EXPECT_FALSE(missing.has_value());
        EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
        EXPECT_FALSE(test::has_children());
        EXPECT_EQ(test::count_descriptors(), descriptors);
    });
}

task<> cancel_a_run(int turns) {
    co_await with_stand_ins([&]() -> task<> {
        const std::ptrdiff_t descriptors = test::count_descriptors();
        const auto options =
            process_options{"sleep", "1000"}.capture().on_cancel(signal_ladder::kill_at_once());
        co_await with_task_group([&](task_group& group) -> task<> {
            auto running = group.spawn(run_process(options));
            for (int each = 0; each != turns; ++each) co_await yield_now();
            running.cancel();
        });
        EXPECT_FALSE(test::has_children());
        EXPECT_EQ(test::count_descriptors(), descriptors);
    });
}

// The order decides whether the request is there before the process.
EVERY_WORLD_TEST(T47, cancel_in_the_middle_of_spawning_leaves_no_zombie_and_no_descriptor) {
    co_await cancel_a_run(1);
}

TEST(T47, cancel_in_any_turn_after_the_start_leaves_no_zombie_and_no_descriptor) {
    on_each_backend([](const run_options& options) {
        for (int turns = 0; turns != 10; ++turns) run(cancel_a_run(turns), options);
    });
}

// Whatever this program does with these signals: its children do nothing of it.
EVERY_WORLD_TEST(P4, child_dies_by_signals_that_the_program_ignores_or_blocks) {
    ::sigset_t signals;
    ::sigset_t before;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, &before);
    const auto hang_up = ::signal(SIGHUP, SIG_IGN);
    co_await with_stand_ins([]() -> task<> {
        const auto options = process_options{"cat"}.standard_input(stdio::pipe);
        for (const int number : {SIGHUP, SIGTERM}) {
            process child = process::start(options);
            child.send_signal(number);
            const exit_status ended = co_await child.wait();
            EXPECT_EQ(ended, exit_status::by_signal(number));
        }
    });
    ::signal(SIGHUP, hang_up);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// The mask in the line of /proc/PID/status that begins with `name`.
std::uint64_t signals_in(const std::string& status, const std::string& name) {
    const std::size_t found = status.find('\n' + name + ":\t");
    EXPECT_NE(found, std::string::npos) << name;
    return std::stoull(status.substr(found + name.size() + 3, 16), nullptr, 16);
}

// This program blocks one signal and ignores two others; the child does nothing of it.
REAL_WORLD_TEST(P4, child_has_the_default_reactions_and_no_blocked_signals) {
    ::sigset_t signals;
    ::sigset_t before;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &signals, &before);
    const auto hang_up = ::signal(SIGHUP, SIG_IGN);
    const auto pipe = ::signal(SIGPIPE, SIG_IGN);
    const auto options = process_options{"cat", "/proc/self/status"}.capture();
    const process_result result = co_await run_process(options);
    // Two signals belong to the library of threads; posix_spawn leaves them ignored.
    constexpr std::uint64_t of_threads = std::uint64_t{3} << 31;
    EXPECT_EQ(signals_in(result.output, "SigBlk"), 0U);
    EXPECT_EQ(signals_in(result.output, "SigIgn") & ~of_threads, 0U);
    EXPECT_EQ(signals_in(result.output, "SigCgt"), 0U);
    ::signal(SIGPIPE, pipe);
    ::signal(SIGHUP, hang_up);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// The first reads its end although the second, started later, still runs: that one has not got the
// end of the first's pipe to write to.
EVERY_WORLD_TEST(P5, child_does_not_keep_the_input_of_another_one_open) {
    co_await with_stand_ins([]() -> task<> {
        const auto options = process_options{"cat"}.standard_input(stdio::pipe);
        process first = process::start(options);
        process second = process::start(options);
        first.input().close();
        const exit_status of_first = co_await first.wait();
        EXPECT_TRUE(of_first.ok());
        EXPECT_EQ(second.try_wait(), std::nullopt);
        second.input().close();
        const exit_status of_second = co_await second.wait();
        EXPECT_TRUE(of_second.ok());
    });
}

// Not those of the loop, and not one of ours that somebody forgot to mark.
REAL_WORLD_TEST(P5, child_has_no_descriptors_of_the_program) {
    const unique_fd unmarked{::open("/dev/null", O_RDONLY)};
    const auto options = process_options{"ls", "/proc/self/fd"}.capture();
    const process_result result = co_await run_process(options);
    // The last one is the folder itself.
    EXPECT_EQ(result.output, "0\n1\n2\n3\n");
}

std::set<int> descriptors() {
    std::set<int> found;
    for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        found.insert(std::stoi(each.path().filename().string()));
    }
    // The folder itself is not open any more.
    std::erase_if(found, [](int each) { return ::fcntl(each, F_GETFD) < 0; });
    return found;
}

// Whoever forks and runs another program by himself passes nothing of the loop on.
TEST(P5, descriptors_of_a_loop_are_closed_when_another_program_is_run) {
    on_each_real_backend([](const run_options& options) {
        const std::set<int> before = descriptors();
        run(
            [&]() -> task<> {
                process child = process::start(process_options{"sleep", "1000"}.capture());
                static_cast<void>(
                    co_await move_on_after(std::chrono::milliseconds{1}, child.wait()));
                int ours = 0;
                for (const int each : descriptors()) {
                    const int flags = ::fcntl(each, F_GETFD);
                    if (before.contains(each)) continue;
                    ++ours;
                    EXPECT_NE(flags & FD_CLOEXEC, 0) << each;
                }
                EXPECT_GE(ours, 4) << "two pipes, a process and the loop itself";
            }(),
            options);
    });
}

// The handler of Ctrl-C is there in a fork, too; what it does there stays there.
TEST(P5, signal_in_a_fork_does_not_reach_the_loop_of_the_program) {
    on_each_real_backend([](const run_options& options) {
        bool went_on = false;
        run(
            [&]() -> task<> {
                co_await sleep_for(std::chrono::milliseconds{1});
                const ::pid_t fork = ::fork();
                if (fork == 0) {
                    ::raise(SIGINT);
                    ::_exit(5);
                }
                int status = 0;
                EXPECT_EQ(::waitpid(fork, &status, 0), fork);
                EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
                co_await sleep_for(std::chrono::milliseconds{1});
                co_await yield_now();
                went_on = true;
            }(),
            options);
        EXPECT_TRUE(went_on) << "the program took it for its own Ctrl-C";
    });
}

}  // namespace
}  // namespace simul
