// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about signals. Those that the tests raise themselves, on the loop's
// thread, behave in the simulated world as in any other. That Ctrl-C ends whole programs is in
// tests/integration/interrupt_test.cpp and in T29.
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/pipe.hpp"
#include "simul/io/signal.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "simul/testing/schedules.hpp"
#include "support/connected_sockets.hpp"
#include "support/every_world.hpp"
#include "support/process_checks.hpp"
#include "support/recorded_signals.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::code_of;
using test::recorded_signals;
using numbers = std::vector<int>;

// Each of two that come again as soon as they were taken has every second turn.
EVERY_WORLD_TEST(P7, signal_that_is_sent_all_the_time_does_not_keep_another_waiting) {
    const recorded_signals recorded{SIGUSR1, SIGUSR2};  // for what is not taken in the end
    const signal_receiver caught{SIGUSR1, SIGUSR2};
    numbers seen;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            while (seen.size() != 20) {
                const int number = co_await caught.receive();
                seen.push_back(number);
                for (const int each : {SIGUSR1, SIGUSR2, number}) std::raise(each);
                if (seen.size() % 3 == 0) co_await yield_now();
            }
        });
        co_await testing::wait_until_all_blocked();
        std::raise(SIGUSR2);
    });
    for (std::size_t turn = 1; turn + 1 < seen.size(); ++turn) {
        EXPECT_NE(seen[turn], seen[turn + 1]) << "turn " << turn;
    }
}

// The same with a thread that sends them, so that they arrive at any time.
TEST(P7, two_signals_that_a_thread_sends_all_the_time_are_both_seen) {
    for (const backend_kind backend : test::test_backends()) {
        if (backend == backend_kind::simulated) continue;
        SCOPED_TRACE(test::name_of(backend));
        std::atomic<bool> is_over{false};
        std::thread sender;
        const auto program = [&]() -> task<> {
            signal_receiver caught{SIGUSR1, SIGUSR2};
            sender = std::thread{[&] {
                while (!is_over.load()) {
                    std::raise(SIGUSR1);
                    std::raise(SIGUSR2);
                    std::this_thread::yield();
                }
            }};
            int first = 0;
            int second = 0;
            while (first < 20 || second < 20) {
                const int number = co_await caught.receive();
                ++(number == SIGUSR1 ? first : second);
            }
            is_over = true;
            sender.join();
            // What was sent last is taken here, or the default handlers would end the program.
            while (caught.try_receive()) {
            }
        };
        run(program(), test::options_for(backend));
    }
}

// As with handlers: several of one kind that nobody has taken are one.
EVERY_WORLD_TEST(P7, several_signals_of_a_kind_are_one_until_it_is_taken) {
    signal_receiver caught{SIGUSR1, SIGUSR2};
    for (int turn = 0; turn != 3; ++turn) {
        for (int again = 0; again != 4; ++again) std::raise(SIGUSR1);
        std::raise(SIGUSR2);
        std::raise(SIGUSR1);
        int number = co_await caught.receive();
        EXPECT_EQ(number, SIGUSR1);
        number = co_await caught.receive();
        EXPECT_EQ(number, SIGUSR2);
        EXPECT_EQ(caught.try_receive(), std::nullopt);
    }
}

// Whether it is closed, destroyed, or unwound by a request.
EVERY_WORLD_TEST(P7, signals_that_nobody_took_go_to_the_handlers_before) {
    const recorded_signals recorded{SIGUSR1, SIGUSR2, SIGHUP};
    for (const int way : {0, 1, 2}) {
        recorded_signals::seen().clear();
        event never;
        task_group group;
        auto owner = group.spawn([&]() -> task<> {
            signal_receiver caught{SIGUSR1, SIGUSR2, SIGHUP};
            for (const int each : {SIGHUP, SIGUSR2, SIGUSR1, SIGHUP}) std::raise(each);
            const int number = co_await caught.receive();
            EXPECT_EQ(number, SIGHUP);
            std::raise(SIGHUP);
            EXPECT_TRUE(recorded_signals::seen().empty());
            if (way == 0) caught.close();
            if (way == 2) co_await never.wait();
        });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            owner.cancel();
        });
        co_await group.run();
        EXPECT_EQ(recorded_signals::seen(), (numbers{SIGUSR2, SIGUSR1, SIGHUP})) << way;
    }
}

// Exactly one of three that are there at once, or come at once while it waits.
EVERY_WORLD_TEST(P7, select_takes_exactly_one_of_a_channel_a_timer_and_a_signal) {
    for (unsigned there = 1; there != 8; ++there) {
        for (const bool waits : {false, true}) {
            auto [send, receive] = make_channel<int>(1);
            signal_receiver caught{SIGUSR1};
            const bool has_item = (there & 1) != 0;
            const bool has_signal = (there & 2) != 0;
            const auto limit = (there & 4) != 0 ? duration{0s} : duration{1h};
            if (waits && limit == 0s) continue;
            const auto happen = [&] {
                if (has_signal) std::raise(SIGUSR1);
                if (has_item) static_cast<void>(send.try_send(7));
            };
            if (!waits) happen();
            std::size_t winner = 3;
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn([&]() -> task<> {
                    const auto first =
                        co_await select(caught.receive(), receive.receive(), sleep_for(limit));
                    winner = first.index();
                });
                co_await testing::wait_until_all_blocked();
                if (waits) happen();
            });
            const bool left_signal = caught.try_receive().has_value();
            const bool left_item = receive.try_receive().has_value();
            EXPECT_EQ(left_signal, has_signal && winner != 0) << there << waits;
            EXPECT_EQ(left_item, has_item && winner != 1) << there << waits;
            EXPECT_LT(winner, 3U);
        }
    }
}

// In the order of their arrival, each to the handler that was there before; one that was ignored is
// ignored again, whether it was taken or not.
EVERY_WORLD_TEST(T60, untaken_signals_reach_the_old_handlers_and_ignored_ones_stay_ignored) {
    const recorded_signals recorded{SIGUSR1};
    const auto previous = std::signal(SIGUSR2, SIG_IGN);
    {
        signal_receiver caught{SIGUSR1, SIGUSR2};
        std::raise(SIGUSR1);
        std::raise(SIGUSR2);
        co_await yield_now();
        EXPECT_TRUE(recorded_signals::seen().empty());
    }
    EXPECT_EQ(recorded_signals::seen(), numbers{SIGUSR1});
    std::raise(SIGUSR2);
    std::raise(SIGUSR1);
    EXPECT_EQ(recorded_signals::seen(), (numbers{SIGUSR1, SIGUSR1}));
    {
        signal_receiver caught{SIGUSR1, SIGUSR2};
        std::raise(SIGUSR2);
        const int number = co_await caught.receive();
        EXPECT_EQ(number, SIGUSR2) << "it is heard while it is caught";
    }
    EXPECT_EQ(recorded_signals::seen().size(), 2U) << "a signal that was taken is gone";
    EXPECT_EQ(std::signal(SIGUSR2, previous), SIG_IGN);
}

// Who catches Ctrl-C has it: run() is told of the next one after that, or of one nobody took.
// A request that nobody has taken interrupts the program when it is nobody's any more.
task<> catch_some_interrupts(std::vector<std::string>& log, bool leaves_one) {
    const test::noted main{log, "main"};
    const auto clean = [&]() -> task<> {
        co_await yield_now();
        log.push_back("cleaned");
    };
    {
        signal_receiver caught{SIGINT};
        for (int turn = 0; turn != 3; ++turn) {
            std::raise(SIGINT);
            const int number = co_await caught.receive();
            EXPECT_EQ(number, SIGINT);
            co_await yield_now();
        }
        log.push_back("caught");
        if (leaves_one) std::raise(SIGINT);
    }
    if (!leaves_one) std::raise(SIGINT);
    auto cleanup = clean();
    co_await finally(sleep_for(1h), std::move(cleanup));
    ADD_FAILURE() << "it was interrupted";
}

void expect_interrupt(loop& running, const run_options& options, bool leaves_one) {
    std::vector<std::string> log;
    try {
        run_on(running, catch_some_interrupts(log, leaves_one), options);
        ADD_FAILURE() << "an interrupted program has no result";
    } catch (const cancelled& error) {
        EXPECT_EQ(error.reason(), cancel_reason::interrupted);
    }
    EXPECT_EQ(log, (std::vector<std::string>{"caught", "cleaned", "main"}));
    struct sigaction after{};
    ::sigaction(SIGINT, nullptr, &after);
    EXPECT_EQ(after.sa_handler, SIG_DFL) << "the handlers are gone";
}

TEST(P6, interrupt_belongs_to_who_catches_it_and_to_run_again_afterwards) {
    // A process in the background of a shell ignores it, and run() would leave it so.
    const auto previous = std::signal(SIGINT, SIG_DFL);
    for (const backend_kind backend : test::test_backends()) {
        for (const start_policy start : {start_policy::queued, start_policy::eager}) {
            for (std::uint64_t seed = 1; seed != 201 && !HasFailure(); ++seed) {
                SCOPED_TRACE(std::string{test::name_of(backend)} + ", seed " +
                             std::to_string(seed));
                run_options options = test::options_for(backend);
                options.start = start;
                testing::random_schedule order{seed};
                loop running{options.loop};
                running.scheduler().follow(&order);
                expect_interrupt(running, options, seed % 2 == 0);
            }
        }
    }
    std::signal(SIGINT, previous);
}

/// A pipe that nobody reads.
pipe_stream abandoned_pipe() {
    auto [reading, writing] = test::make_pipe();
    pipe_stream reader = pipe_stream::adopt(std::move(reading), {});
    return pipe_stream::adopt({}, std::move(writing));
}

// Not even after somebody has caught it.
EVERY_WORLD_TEST(P8, write_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal) {
    pipe_stream pipe = abandoned_pipe();
    const auto text = bytes_of("text");
    for (int turn = 0; turn != 2; ++turn) {
        const std::error_code code = co_await code_of(pipe.write_some(text));
        EXPECT_EQ(code, std::errc::broken_pipe);
        signal_receiver caught{SIGPIPE};
        std::raise(SIGPIPE);
        EXPECT_EQ(caught.try_receive(), SIGPIPE);
        std::raise(SIGPIPE);
    }
}

// A socket does not even need the help of run(): with the default handler a signal would end this.
EVERY_WORLD_TEST(P8, write_to_a_socket_whose_peer_has_gone_is_an_error_whatever_the_handler) {
    const auto previous = std::signal(SIGPIPE, SIG_DFL);
    {
        auto [mine, others] = test::connected_sockets();
        tcp_stream stream = tcp_stream::adopt(std::move(mine));
        tcp_stream::adopt(std::move(others)).close();
        const auto text = bytes_of("text");
        for (int turn = 0; turn != 2; ++turn) {
            const std::error_code code = co_await code_of(stream.write_some(text));
            EXPECT_EQ(code, std::errc::broken_pipe);
        }
    }
    std::signal(SIGPIPE, previous);
}

// A process that begins as any other, with the default handler.
TEST(P8, first_run_of_a_program_protects_it) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    for (const backend_kind backend : {backend_kind::epoll, backend_kind::automatic}) {
        const auto program = []() -> task<int> {
            pipe_stream pipe = abandoned_pipe();
            const auto text = bytes_of("text");
            const std::error_code code = co_await code_of(pipe.write_some(text));
            co_return code == std::errc::broken_pipe ? 0 : 1;
        };
        const auto child = [&] {
            std::signal(SIGPIPE, SIG_DFL);
            std::exit(run(program(), test::options_for(backend)));
        };
        EXPECT_EXIT(child(), ::testing::ExitedWithCode(0), "");
    }
}

}  // namespace
}  // namespace simul
