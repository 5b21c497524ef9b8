// SPDX-License-Identifier: Apache-2.0
#include "simul/io/signal.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "simul/base/error.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/recorded_signals.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using numbers = std::vector<int>;

task<> note(const signal_receiver& caught, numbers& seen) {
    while (const std::optional<int> number = co_await caught.next()) seen.push_back(*number);
}

TEST(signal_receiver, hands_out_what_came_before_the_wait_without_suspending) {
    run_on_each_backend([]() -> task<> {
        const signal_receiver caught{SIGUSR1, SIGUSR2};
        bool others_ran = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                others_ran = true;
                co_return;
            });
            std::raise(SIGUSR2);
            const int number = co_await caught.receive();
            EXPECT_EQ(number, SIGUSR2);
            std::raise(SIGUSR1);
            const std::optional<int> next = co_await caught.next();
            EXPECT_EQ(next, SIGUSR1);
            EXPECT_FALSE(others_ran);
        });
    });
}

TEST(signal_receiver, wakes_who_waits) {
    run_on_each_backend([]() -> task<> {
        const signal_receiver caught{SIGUSR1};
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiter = group.spawn([&]() -> task<> {
                for (int turn = 0; turn != 3; ++turn) {
                    const int number = co_await caught.receive();
                    EXPECT_EQ(number, SIGUSR1);
                }
            });
            for (int turn = 0; turn != 3; ++turn) {
                co_await testing::wait_until_all_blocked();
                EXPECT_FALSE(waiter.done());
                std::raise(SIGUSR1);
            }
        });
    });
}

TEST(signal_receiver, hears_a_signal_that_any_thread_was_chosen_for) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        auto program = []() -> task<> {
            const signal_receiver caught{SIGUSR1};
            const auto self = ::pthread_self();
            const std::array<void (*)(::pthread_t), 3> ways{
                [](::pthread_t) { ::kill(::getpid(), SIGUSR1); },
                [](::pthread_t) { std::raise(SIGUSR1); },
                [](::pthread_t of_loop) { ::pthread_kill(of_loop, SIGUSR1); },
            };
            for (auto* const send : ways) {
                std::thread sender{send, self};
                const int number = co_await caught.receive();
                EXPECT_EQ(number, SIGUSR1);
                sender.join();
            }
        };
        run(program(), options_for(kind));
    }
}

TEST(signal_receiver, hands_them_out_in_the_order_of_arrival_and_each_kind_once) {
    run_on_each_backend([]() -> task<> {
        signal_receiver caught{SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};
        for (const int each : {SIGUSR2, SIGHUP, SIGUSR2, SIGWINCH, SIGHUP, SIGUSR1}) {
            std::raise(each);
        }
        numbers seen;
        while (const std::optional<int> number = caught.try_receive()) seen.push_back(*number);
        EXPECT_EQ(seen, (numbers{SIGUSR2, SIGHUP, SIGWINCH, SIGUSR1}));
        std::raise(SIGUSR2);
        const int again = co_await caught.receive();
        EXPECT_EQ(again, SIGUSR2);
    });
}

TEST(signal_receiver, serves_those_who_wait_in_turn_and_lets_nobody_pass) {
    run_on_each_backend([]() -> task<> {
        signal_receiver caught{SIGUSR1, SIGUSR2};
        numbers first;
        numbers second;
        const auto take_one = [&](numbers& seen) -> task<> {
            const int number = co_await caught.receive();
            seen.push_back(number);
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(take_one(first));
            co_await testing::wait_until_all_blocked();
            group.spawn(take_one(second));
            co_await testing::wait_until_all_blocked();
            std::raise(SIGUSR2);
            std::raise(SIGUSR1);
            EXPECT_EQ(caught.try_receive(), std::nullopt);
        });
        EXPECT_EQ(first, numbers{SIGUSR2});
        EXPECT_EQ(second, numbers{SIGUSR1});
    });
}

TEST(signal_receiver, catches_real_time_signals_and_what_is_named_twice) {
    simulate([]() -> task<> {
        const signal_receiver caught{SIGRTMIN, SIGRTMAX, SIGRTMIN};
        std::raise(SIGRTMAX);
        const int number = co_await caught.receive();
        EXPECT_EQ(number, SIGRTMAX);
    });
}

TEST(signal_receiver, takes_its_signals_from_a_range) {
    simulate([]() -> task<> {
        const numbers wanted{SIGUSR1, SIGUSR2};
        const signal_receiver caught{wanted};
        std::raise(SIGUSR2);
        const int number = co_await caught.receive();
        EXPECT_EQ(number, SIGUSR2);
    });
}

TEST(signal_receiver, tells_those_who_wait_that_it_was_closed) {
    run_on_each_backend([]() -> task<> {
        signal_receiver caught{SIGUSR1};
        numbers seen;
        bool told = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(note(caught, seen));
            group.spawn([&]() -> task<> {
                try {
                    co_await caught.receive();
                } catch (const closed&) {
                    told = true;
                }
            });
            co_await testing::wait_until_all_blocked();
            caught.close();
            caught.close();
        });
        EXPECT_TRUE(told);
        EXPECT_TRUE(seen.empty());
        const std::optional<int> none = co_await caught.next();
        EXPECT_EQ(none, std::nullopt);
        EXPECT_EQ(caught.try_receive(), std::nullopt);
        const auto ended = co_await as_outcome(caught.receive());
        EXPECT_TRUE(ended.has_error());
    });
}

TEST(signal_receiver, may_end_while_somebody_waits) {
    run_on_each_backend([]() -> task<> {
        std::optional<signal_receiver> caught{std::in_place, {SIGUSR1}};
        bool ended = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const std::optional<int> none = co_await caught->next();
                ended = !none.has_value();
            });
            co_await testing::wait_until_all_blocked();
            caught.reset();
        });
        EXPECT_TRUE(ended);
    });
}

TEST(signal_receiver, gives_a_signal_back_that_a_cancelled_task_was_given) {
    run_on_each_backend([]() -> task<> {
        signal_receiver caught{SIGUSR1, SIGUSR2};
        const auto receive = [&]() -> task<> { co_await caught.receive(); };
        co_await with_task_group([&](task_group& group) -> task<> {
            auto first = group.spawn(receive());
            co_await testing::wait_until_all_blocked();
            std::raise(SIGUSR2);
            std::raise(SIGUSR1);
            first.cancel();
            co_await testing::wait_until_all_blocked();
            EXPECT_TRUE(first.was_cancelled());
        });
        EXPECT_EQ(caught.try_receive(), SIGUSR2);
        EXPECT_EQ(caught.try_receive(), SIGUSR1);
    });
}

TEST(signal_receiver, gives_what_a_cancelled_task_does_not_take_to_the_next_who_waits) {
    run_on_each_backend([]() -> task<> {
        signal_receiver caught{SIGUSR1};
        numbers seen;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto first = group.spawn([&]() -> task<> { co_await caught.receive(); });
            co_await testing::wait_until_all_blocked();
            auto second = group.spawn([&]() -> task<> {
                const int number = co_await caught.receive();
                seen.push_back(number);
            });
            co_await testing::wait_until_all_blocked();
            std::raise(SIGUSR1);
            co_await yield_now();  // the first has been given it and is about to have its turn
            first.cancel();
            co_await second;
            EXPECT_TRUE(first.was_cancelled());
        });
        EXPECT_EQ(seen, numbers{SIGUSR1});
    });
}

TEST(signal_receiver, raises_again_what_is_given_back_after_its_end) {
    const recorded_signals recorded{SIGUSR1};
    run_on_each_backend([]() -> task<> {
        for (const bool was_given : {false, true}) {
            recorded_signals::seen().clear();
            std::optional<signal_receiver> caught{std::in_place, {SIGUSR1}};
            co_await with_task_group([&](task_group& group) -> task<> {
                auto waiter = group.spawn([&]() -> task<> { co_await caught->receive(); });
                co_await testing::wait_until_all_blocked();
                std::raise(SIGUSR1);
                if (was_given) co_await yield_now();
                caught.reset();
                EXPECT_EQ(recorded_signals::seen().empty(), was_given);
                waiter.cancel();
            });
            EXPECT_EQ(recorded_signals::seen(), numbers{SIGUSR1});
        }
    });
}

TEST(signal_receiver, keeps_its_signals_when_it_is_moved) {
    run_on_each_backend([]() -> task<> {
        signal_receiver first{SIGUSR1};
        numbers seen;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const int number = co_await first.receive();
                seen.push_back(number);
            });
            co_await testing::wait_until_all_blocked();
            signal_receiver second{std::move(first)};
            std::raise(SIGUSR1);
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(seen, numbers{SIGUSR1});
            first = std::move(second);
            std::raise(SIGUSR1);
            EXPECT_EQ(first.try_receive(), SIGUSR1);
        });
    });
}

TEST(signal_receiver, lets_go_of_its_own_signals_when_another_is_assigned) {
    const recorded_signals recorded{SIGUSR1, SIGUSR2};
    simulate([]() -> task<> {
        signal_receiver caught{SIGUSR1};
        std::raise(SIGUSR1);
        caught = signal_receiver{SIGUSR2};
        EXPECT_EQ(recorded_signals::seen(), numbers{SIGUSR1});
        std::raise(SIGUSR2);
        EXPECT_EQ(caught.try_receive(), SIGUSR2);
        std::raise(SIGUSR1);
        EXPECT_EQ(recorded_signals::seen(), (numbers{SIGUSR1, SIGUSR1}));
        co_return;
    });
}

std::system_error failure_of(const numbers& wanted) {
    try {
        const signal_receiver caught{wanted};
    } catch (const std::system_error& error) {
        return error;
    }
    return std::system_error{std::error_code{}, "no error"};
}

TEST(signal_receiver, refuses_what_cannot_be_caught_and_says_what_to_do) {
    simulate([]() -> task<> {
        const std::vector<std::pair<int, std::string>> refused{
            {SIGKILL, "SIGTERM"}, {SIGSTOP, "SIGTSTP"}, {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},
            {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {0, "<csignal>"},     {-1, "<csignal>"},
            {65, "<csignal>"},    {33, "signal 33"},
        };
        for (const auto& [number, says] : refused) {
            const std::system_error error = failure_of({SIGUSR1, number});
            EXPECT_EQ(error.code(), std::errc::invalid_argument) << number;
            EXPECT_NE(std::string{error.what()}.find(says), std::string::npos) << error.what();
        }
        EXPECT_EQ(failure_of({}).code(), std::errc::invalid_argument);
        const signal_receiver still_free{SIGUSR1};
        co_return;
    });
}

TEST(signal_receiver, refuses_a_signal_that_another_one_catches) {
    const recorded_signals recorded{SIGUSR2};
    simulate([]() -> task<> {
        {
            const signal_receiver first{SIGUSR1};
            const std::system_error error = failure_of({SIGUSR2, SIGUSR1});
            EXPECT_EQ(error.code(), std::errc::device_or_resource_busy);
            EXPECT_NE(std::string{error.what()}.find("SIGUSR1 is caught"), std::string::npos);
            std::raise(SIGUSR2);
            EXPECT_EQ(recorded_signals::seen(), numbers{SIGUSR2}) << "it was caught all the same";
        }
        const signal_receiver second{SIGUSR1};
        co_return;
    });
}

TEST(signal_receiver, leaves_a_handler_alone_that_was_installed_meanwhile) {
    const recorded_signals before{SIGUSR1};
    simulate([]() -> task<> {
        struct sigaction now{};
        {
            signal_receiver caught{SIGUSR1};
            std::signal(SIGUSR1, SIG_IGN);
            std::raise(SIGUSR1);
            EXPECT_EQ(caught.try_receive(), std::nullopt);
        }
        ::sigaction(SIGUSR1, nullptr, &now);
        EXPECT_EQ(now.sa_handler, SIG_IGN);
        co_return;
    });
}

// As code does that saves a handler and puts it back, around something during which we ended.
TEST(signal_receiver, survives_that_somebody_installs_its_handler_after_the_end) {
    const recorded_signals before{SIGUSR1};
    simulate([]() -> task<> {
        struct sigaction saved{};
        {
            const signal_receiver caught{SIGUSR1};
            ::sigaction(SIGUSR1, nullptr, &saved);
        }
        ::sigaction(SIGUSR1, &saved, nullptr);
        std::raise(SIGUSR1);
        EXPECT_TRUE(recorded_signals::seen().empty());
        signal_receiver again{SIGUSR1};
        std::raise(SIGUSR1);
        EXPECT_EQ(again.try_receive(), SIGUSR1);
        co_return;
    });
}

TEST(signal_receiver, drops_waits_that_were_never_begun) {
    simulate([]() -> task<> {
        signal_receiver caught{SIGUSR1};
        {
            [[maybe_unused]] const auto unused = caught.receive();
            [[maybe_unused]] const auto unused_too = caught.next();
        }
        const auto nothing = co_await move_on_after(1s, caught.receive());
        EXPECT_FALSE(nothing.has_value());
        std::raise(SIGUSR1);
        EXPECT_EQ(caught.try_receive(), SIGUSR1);
    });
}

TEST(signal_receiver, in_the_simulated_world_nothing_but_a_signal_to_wait_for_is_a_deadlock) {
    const auto wait = []() -> task<> {
        const signal_receiver caught{SIGUSR1};
        co_await caught.receive();
    };
    try {
        simulate(wait);
        ADD_FAILURE() << "nobody raises it";
    } catch (const error& failure) {
        EXPECT_EQ(failure.code(), errc::deadlock);
    }
}

TEST(signal_receiver, belongs_to_one_of_several_loops) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        std::atomic<int> ready{0};
        const auto serve = [&](int number, int& got) {
            auto program = [&]() -> task<> {
                const signal_receiver caught{number};
                ready.fetch_add(1);
                got = co_await caught.receive();
            };
            run_options options = options_for(kind);
            options.handle_interrupt = false;
            run(program(), options);
        };
        int first = 0;
        int second = 0;
        std::thread one{[&] { serve(SIGUSR1, first); }};
        std::thread two{[&] { serve(SIGUSR2, second); }};
        while (ready.load() != 2) std::this_thread::yield();
        ::kill(::getpid(), SIGUSR2);
        ::kill(::getpid(), SIGUSR1);
        one.join();
        two.join();
        EXPECT_EQ(first, SIGUSR1);
        EXPECT_EQ(second, SIGUSR2);
    }
}

// Another thread raises the next signal when the last has arrived somewhere, while receivers come
// and go: each arrives once, at a receiver or at the handler below.
TEST(signal_receiver, loses_no_signal_while_it_begins_and_ends) {
    constexpr int total = 3000;
    static std::atomic<int> arrived;
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        arrived = 0;
        const auto previous = std::signal(SIGUSR1, [](int) { arrived.fetch_add(1); });
        std::atomic<bool> is_over{false};
        std::thread sender{[&] {
            for (int sent = 0; sent != total; ++sent) {
                std::raise(SIGUSR1);
                while (arrived.load() == sent) std::this_thread::yield();
            }
            is_over = true;
        }};
        auto program = [&]() -> task<> {
            while (!is_over.load()) {
                signal_receiver caught{SIGUSR1};
                co_await yield_now();
                if (caught.try_receive()) arrived.fetch_add(1);
                const auto come = co_await move_on_after(20us, caught.receive());
                if (come) arrived.fetch_add(1);
            }
        };
        run(program(), options_for(kind));
        sender.join();
        EXPECT_EQ(arrived.load(), total);
        std::signal(SIGUSR1, previous);
    }
}

TEST(signal_receiver, leaves_what_was_not_taken_to_other_threads_where_its_own_blocks_the_signal) {
    static std::atomic<int> heard;
    heard = 0;
    const auto previous = std::signal(SIGUSR1, [](int) { heard.fetch_add(1); });
    simulate([]() -> task<> {
        std::thread other{[] {
            while (heard.load() == 0) std::this_thread::yield();
        }};
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGUSR1);
        {
            const signal_receiver caught{SIGUSR1};
            std::raise(SIGUSR1);
            ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
        }
        other.join();
        EXPECT_EQ(heard.load(), 1);
        ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
        co_return;
    });
    std::signal(SIGUSR1, previous);
}

TEST(signal_receiver_death_test, raises_what_was_not_taken_for_the_default_handler_too) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto program = []() -> task<> {
        const signal_receiver caught{SIGUSR1};
        std::raise(SIGUSR1);
        co_return;
    };
    EXPECT_EXIT(run(program(), options_for(backend_kind::simulated)),
                ::testing::KilledBySignal(SIGUSR1), "");
}

TEST(signal_receiver_death_test, is_not_to_be_used_after_it_was_moved_from) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto program = []() -> task<> {
        signal_receiver caught{SIGUSR1};
        const signal_receiver moved{std::move(caught)};
        static_cast<void>(caught.try_receive());
        co_return;
    };
    EXPECT_DEATH(run(program(), options_for(backend_kind::simulated)), "moved from");
}

}  // namespace
}  // namespace simul
