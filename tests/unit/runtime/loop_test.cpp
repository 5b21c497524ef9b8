// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/loop.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

TEST(loop, runs_what_becomes_ready_during_a_pass_in_the_next_one_k1) {
    run_on_each_backend([]() -> task<> {
        log lines;
        auto steps = [&](std::string name) -> task<> {
            for (int step = 1; step <= 3; ++step) {
                lines.push_back(name + std::to_string(step));
                co_await yield_now();
            }
        };
        task_group group;
        group.spawn(steps("a"));
        group.spawn(steps("b"));
        group.spawn([&]() -> task<> {
            lines.push_back("c");
            group.spawn(steps("d"));
            co_return;
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"a1", "b1", "c", "a2", "b2", "d1", "a3", "b3", "d2", "d3"}));
    });
}

TEST(loop, runs_timers_that_are_due_after_the_ready_ones) {
    simulate([]() -> task<> {
        log lines;
        task_group group;
        group.spawn([&]() -> task<> {
            co_await sleep_for(0s);
            lines.push_back("timer");
        });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            lines.push_back("ready");
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"ready", "timer"}));
    });
}

TEST(loop, tasks_that_yield_to_each_other_do_not_starve_timers_k1) {
    run_on_each_backend([]() -> task<> {
        bool stop = false;
        auto yields = [&]() -> task<> {
            for (int round = 0; !stop && round < 20'000'000; ++round) co_await yield_now();
            EXPECT_TRUE(stop);
        };
        auto ends = [&]() -> task<> {
            // The simulated clock stands still while something is ready.
            co_await sleep_for(loop::current().is_simulated() ? 0ms : 2ms);
            stop = true;
        };
        co_await gather(yields(), yields(), ends());
    });
}

TEST(loop, tasks_that_yield_to_each_other_do_not_starve_descriptors_k1) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto body = []() -> task<> {
            const unique_fd event{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
            bool stop = false;
            auto yields = [&]() -> task<> {
                for (int round = 0; !stop && round < 20'000'000; ++round) {
                    if (round == 100) {
                        const std::uint64_t one = 1;
                        EXPECT_EQ(::write(event.get(), &one, sizeof one), 8);
                    }
                    co_await yield_now();
                }
                EXPECT_TRUE(stop);
            };
            auto reads = [&]() -> task<> {
                std::array<std::byte, 8> buffer{};
                const std::size_t count = co_await read_descriptor(event.get(), buffer);
                EXPECT_EQ(count, 8U);
                stop = true;
            };
            co_await gather(reads(), yields(), yields());
            stop = false;
            auto waits = [&]() -> task<> {
                co_await wait_readable(event.get());
                stop = true;
            };
            co_await gather(waits(), yields(), yields());
        };
        run(body(), options_for(kind));
    }
}

TEST(loop, task_that_awaits_only_what_is_ready_does_not_starve_the_others_k1) {
    run_on_each_backend([]() -> task<> {
        bool stop = false;
        auto nothing = []() -> task<> { co_return; };
        auto spins = [&]() -> task<> {
            for (int round = 0; !stop && round < 50'000'000; ++round) co_await nothing();
            EXPECT_TRUE(stop) << "the others never had a turn";
        };
        task_group group;
        group.spawn(spins());
        group.spawn(spins());
        group.spawn([&]() -> task<> {
            co_await yield_now();
            stop = true;
        });
        co_await group.run();
    });
}

TEST(loop, several_spinning_children_of_one_turn_share_its_budget_k1) {
    simulate([]() -> task<> {
        bool stop = false;
        auto nothing = []() -> task<> { co_return; };
        auto spins = [&]() -> task<> {
            for (int round = 0; !stop && round < 1'000'000; ++round) co_await nothing();
            EXPECT_TRUE(stop) << "the others never had a turn";
        };
        auto ends = [&]() -> task<> {
            co_await yield_now();
            stop = true;
        };
        co_await gather(spins(), spins(), spins(), ends());
    });
}

TEST(loop, runs_posted_work_in_the_order_of_posting) {
    run_on_each_backend([]() -> task<> {
        log lines;
        loop& running = loop::current();
        running.post_from_any_thread([&] { lines.push_back("a"); });
        running.post_from_any_thread([&] {
            lines.push_back("b");
            running.post_from_any_thread([&] { lines.push_back("c"); });
        });
        EXPECT_TRUE(lines.empty());
        co_await yield_now();
        EXPECT_EQ(lines, (log{"a", "b"}));
        co_await yield_now();
        EXPECT_EQ(lines, (log{"a", "b", "c"}));
    });
}

TEST(loop, is_woken_by_work_from_other_threads) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        constexpr int each = 1000;
        int count = 0;
        auto body = [&]() -> task<> {
            manual_event all;
            loop& running = loop::current();
            const auto post = [&] {
                for (int index = 0; index < each; ++index) {
                    running.post_from_any_thread([&] {
                        EXPECT_EQ(loop::find_current(), &running);
                        if (++count == 2 * each) all.complete();
                    });
                }
            };
            std::thread first{post};
            std::thread second{post};
            co_await all.wait();
            first.join();
            second.join();
        };
        run(body(), options_for(kind));
        EXPECT_EQ(count, 2 * each);
    }
}

TEST(loop, gives_errors_of_posted_work_to_the_unhandled_error_handler) {
    static int reports = 0;
    reports = 0;
    const auto previous =
        set_unhandled_error_handler([](std::exception_ptr error, const char*) noexcept {
            EXPECT_THROW(std::rethrow_exception(error), std::runtime_error);
            ++reports;
        });
    int posted = 0;
    run_on_each_backend([&posted]() -> task<> {
        ++posted;
        loop::current().post_from_any_thread([] { throw std::runtime_error{"posted"}; });
        co_await yield_now();
        co_await yield_now();
    });
    set_unhandled_error_handler(previous);
    EXPECT_GT(posted, 0);
    EXPECT_EQ(reports, posted);
}

TEST(loop, prints_unhandled_errors_by_default) {
    ::testing::internal::CaptureStderr();
    simulate([]() -> task<> {
        loop::current().post_from_any_thread([] { throw std::runtime_error{"posted text"}; });
        loop::current().post_from_any_thread([] { throw 5; });
        co_await yield_now();
    });
    const std::string printed = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(printed.find("posted text"), std::string::npos);
    EXPECT_NE(printed.find("unknown type"), std::string::npos);
}

TEST(loop, may_be_ended_by_posted_work_whose_thread_has_not_yet_returned_from_posting) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        for (int round = 0; round < 100; ++round) {
            std::thread poster;
            {
                loop running{options_for(kind).loop};
                bool done = false;
                poster =
                    std::thread{[&] { running.post_from_any_thread([&done] { done = true; }); }};
                running.run_until(done);
            }
            poster.join();
        }
    }
}

TEST(loop, destroys_posted_work_that_it_never_ran) {
    for (const backend_kind kind : test_backends()) {
        int alive = 0;
        bool ran = false;
        {
            loop running{options_for(kind).loop};
            running.post_from_any_thread([&ran, object = counted_object{alive}] { ran = true; });
            EXPECT_GE(alive, 1);
        }
        EXPECT_EQ(alive, 0);
        EXPECT_FALSE(ran);
    }
}

TEST(loop, is_the_current_one_from_construction_to_destruction) {
    EXPECT_EQ(loop::find_current(), nullptr);
    {
        loop outer{options_for(backend_kind::simulated).loop};
        EXPECT_EQ(loop::find_current(), &outer);
        {
            loop inner{options_for(backend_kind::epoll).loop};
            EXPECT_EQ(&loop::current(), &inner);
        }
        EXPECT_EQ(loop::find_current(), &outer);
        EXPECT_EQ(scheduler::find_current(), &outer.scheduler());
    }
    EXPECT_EQ(loop::find_current(), nullptr);
    EXPECT_EQ(scheduler::find_current(), nullptr);
}

TEST(loop, tells_its_backend_and_the_reason) {
    for (const backend_kind kind : test_backends()) {
        const loop running{options_for(kind).loop};
        EXPECT_EQ(running.info().backend, name_of(kind));
        EXPECT_FALSE(running.info().reason.empty());
        EXPECT_EQ(running.is_simulated(), kind == backend_kind::simulated);
        EXPECT_FALSE(running.is_running());
    }
}

TEST(loop, clock_is_read_anew_at_each_call_k5) {
    for (const backend_kind kind : real_backends()) {
        loop running{options_for(kind).loop};
        const time_point start = running.now();
        while (running.now() == start) {
        }
        EXPECT_GT(running.now(), start);
    }
}

std::vector<std::uint64_t> random_numbers(backend_kind kind, std::uint64_t seed) {
    loop_options options = options_for(kind).loop;
    options.seed = seed;
    loop running{options};
    std::vector<std::uint64_t> numbers;
    for (int count = 0; count < 4; ++count) numbers.push_back(running.random());
    return numbers;
}

TEST(loop, random_numbers_depend_on_the_seed_and_on_nothing_else) {
    const auto expected = random_numbers(backend_kind::simulated, 42);
    EXPECT_NE(expected, random_numbers(backend_kind::simulated, 43));
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        EXPECT_EQ(random_numbers(kind, 42), expected);
    }
}

TEST(loop, random_numbers_are_those_of_the_standard_generator) {
    loop_options options = options_for(backend_kind::simulated).loop;
    options.seed = 5489;
    loop running{options};
    for (int count = 1; count < 10'000; ++count) running.random();
    EXPECT_EQ(running.random(), 9'981'545'732'273'789'042U) << "[rand.predef]";
}

TEST(loop, without_a_seed_only_the_simulated_world_repeats_its_random_numbers) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        const bool repeats = random_numbers(kind, 0) == random_numbers(kind, 0);
        EXPECT_EQ(repeats, kind == backend_kind::simulated);
    }
    EXPECT_EQ(random_numbers(backend_kind::simulated, 0),
              random_numbers(backend_kind::simulated, 1));
}

TEST(loop, calls_the_interrupt_handler_on_its_own_thread) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        loop running{options_for(kind).loop};
        struct told_of_it {
            bool done = false;
            loop* on = nullptr;
        } told;
        const auto tell = [](void* context) {
            *static_cast<told_of_it*>(context) = {true, loop::find_current()};
        };
        running.on_interrupt(tell, &told);
        std::thread other{[&] { running.interrupt(); }};
        EXPECT_TRUE(running.run_until(told.done));
        EXPECT_EQ(told.on, &running);
        other.join();
    }
}

TEST(loop, simulated_world_says_when_nothing_can_happen_any_more) {
    loop running{options_for(backend_kind::simulated).loop};
    const bool never = false;
    EXPECT_FALSE(running.run_until(never));
    EXPECT_FALSE(running.is_running());
}

TEST(loop_death_test, refuses_to_run_inside_itself) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     co_await yield_now();
                     const bool never = false;
                     loop::current().run_until(never);
                 }),
                 "run inside itself");
    EXPECT_DEATH(static_cast<void>(loop::current()), "no loop runs on this thread");
}

}  // namespace
}  // namespace simul
