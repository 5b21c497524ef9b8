// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/guest.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <semaphore>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/callback.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/guest_host.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

TEST(guest_run, gives_the_result_of_the_task) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto number = []() -> task<int> {
            co_await yield_now();
            co_return 5;
        };
        auto pointer = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(6); };
        int target = 0;
        auto refers = [&]() -> task<int&> {
            co_await sleep_for(1ms);
            co_return target;
        };
        auto nothing = []() -> task<> { co_return; };
        EXPECT_EQ(run_on_guest(number, on(kind)), 5);
        EXPECT_EQ(*run_on_guest(pointer, on(kind)), 6);
        EXPECT_EQ(&run_on_guest(refers, on(kind)), &target);
        run_on_guest(nothing, on(kind));
        EXPECT_EQ(loop::find_current(), nullptr);
    }
}

TEST(guest_run, begins_the_task_in_the_first_step_and_not_before) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        bool begun = false;
        auto program = [&]() -> task<> {
            begun = true;
            co_return;
        };
        guest_run guest{program(), on(kind)};
        EXPECT_EQ(guest.timeout(), duration::zero());
        EXPECT_FALSE(begun);
        EXPECT_FALSE(guest.done());
        EXPECT_FALSE(guest.step());
        EXPECT_TRUE(begun);
        EXPECT_TRUE(guest.done());
        EXPECT_EQ(guest.timeout(), std::nullopt);
        EXPECT_EQ(guest.timeout_in_milliseconds(), -1);
        EXPECT_FALSE(guest.step()) << "a step too many is harmless";
        guest.result();
    }
}

TEST(guest_run, tells_how_long_the_host_may_wait) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto program = []() -> task<> {
            co_await sleep_for(1h);
            co_await sleep_for(duration::max());
        };
        guest_run guest{program(), on(kind)};
        guest.step();
        const std::optional<duration> left = guest.timeout();
        ASSERT_TRUE(left.has_value());
        EXPECT_GT(*left, 30min);
        EXPECT_LE(*left, 1h);
        EXPECT_GT(guest.timeout_in_milliseconds(), 1'800'000);
    }
}

TEST(guest_run, says_minus_one_where_only_the_outside_can_wake_it) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        event never;
        auto program = [&]() -> task<> { co_await never.wait(); };
        guest_run guest{program(), on(kind)};
        guest.step();
        EXPECT_EQ(guest.timeout(), std::nullopt);
        EXPECT_EQ(guest.timeout_in_milliseconds(), -1);
        EXPECT_FALSE(guest.done());
    }
}

TEST(guest_run, caps_milliseconds_at_what_an_int_holds) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto program = []() -> task<> { co_await sleep_for(24h * 10'000); };
        guest_run guest{program(), on(kind)};
        guest.step();
        EXPECT_EQ(guest.timeout_in_milliseconds(), std::numeric_limits<int>::max());
    }
}

TEST(guest_run, wakes_sleepers_in_order_and_never_early) {
    run_on_each_guest([]() -> task<> {
        std::vector<int> order;
        const time_point start = now();
        auto sleeper = [&](int number, duration delay) -> task<> {
            co_await sleep_for(delay);
            EXPECT_GE(now() - start, delay);
            order.push_back(number);
        };
        task_group group;
        group.spawn(sleeper(3, 6ms));
        group.spawn(sleeper(1, 2ms));
        group.spawn(sleeper(2, 4ms));
        co_await group.run();
        EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    });
}

TEST(guest_run, is_woken_by_a_descriptor) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        const unique_fd counter = make_eventfd();
        auto program = [&]() -> task<std::uint64_t> {
            const std::uint64_t first = co_await read_counter(counter.get());
            const std::uint64_t second = co_await read_counter(counter.get());
            co_return first + second;
        };
        guest_run guest{program(), on(kind)};
        poll_host host;
        for (int round = 0; round < 2; ++round) {
            while (guest.timeout() == duration::zero()) ASSERT_TRUE(guest.step());
            EXPECT_EQ(guest.timeout(), std::nullopt);
            pollfd watched{guest.descriptor(), POLLIN, 0};
            EXPECT_EQ(::poll(&watched, 1, 0), 0) << "nothing has happened yet";
            signal_eventfd(counter.get());
            EXPECT_TRUE(host.wait(guest)) << "the descriptor tells";
            guest.step();
        }
        ASSERT_TRUE(host.drive(guest));
        EXPECT_EQ(guest.result(), 2U);
    }
}

TEST(guest_run, carries_bytes_through_a_pipe_between_host_and_task) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
        const unique_fd reading{ends[0]};
        unique_fd writing{ends[1]};
        auto program = [&]() -> task<std::string> {
            std::string text;
            while (true) {
                std::array<char, 4> piece{};
                const std::size_t count = co_await read_descriptor(
                    reading.get(), std::as_writable_bytes(std::span{piece}));
                if (count == 0) co_return text;
                text.append(piece.data(), count);
            }
        };
        guest_run guest{program(), on(kind)};
        poll_host host;
        int written = 0;
        host.between = [&] {
            if (written == 50) {
                writing.reset();
            } else if (guest.timeout() != duration::zero()) {
                const char digit = static_cast<char>('0' + written % 10);
                ASSERT_EQ(::write(writing.get(), &digit, 1), 1);
                ++written;
            }
        };
        ASSERT_TRUE(host.drive(guest));
        const std::string text = guest.result();
        EXPECT_EQ(text.size(), 50U);
        EXPECT_EQ(text.substr(0, 12), "012345678901");
        EXPECT_LT(host.steps, 400);
    }
}

TEST(guest_run, is_woken_by_other_threads) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        event posted;
        int arrived = 0;
        auto program = [&]() -> task<> { co_await posted.wait(); };
        guest_run guest{program(), on(kind)};
        poll_host host;
        while (guest.timeout() == duration::zero()) guest.step();
        loop& ours = loop::current();
        std::thread other{[&] {
            for (int count = 0; count < 1000; ++count) {
                ours.post_from_any_thread([&] {
                    if (++arrived == 1000) posted.set();
                });
            }
        }};
        EXPECT_TRUE(host.drive(guest));
        other.join();
        EXPECT_EQ(arrived, 1000);
        EXPECT_LE(host.steps, 2100) << "a post is worth a wake and what follows from it";
    }
}

TEST(guest_run, is_woken_again_and_again) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        event stop;
        auto program = [&]() -> task<> { co_await stop.wait(); };
        guest_run guest{program(), on(kind)};
        poll_host host;
        while (guest.timeout() == duration::zero()) guest.step();
        loop& ours = loop::current();
        for (int round = 0; round < 100; ++round) {
            bool arrived = false;
            std::thread{[&] { ours.post_from_any_thread([&] { arrived = true; }); }}.join();
            EXPECT_TRUE(host.wait(guest));
            EXPECT_TRUE(guest.step());
            EXPECT_TRUE(arrived);
            EXPECT_EQ(guest.timeout(), std::nullopt);
            pollfd watched{guest.descriptor(), POLLIN, 0};
            EXPECT_EQ(::poll(&watched, 1, 0), 0) << "the wake was taken";
        }
    }
}

TEST(guest_run, waits_for_blocking_calls) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        std::binary_semaphore may_end{0};
        auto program = [&]() -> task<int> {
            co_return co_await offload([&] {
                may_end.acquire();
                return 42;
            });
        };
        guest_run guest{program(), on(kind)};
        while (guest.timeout() == duration::zero()) guest.step();
        EXPECT_EQ(guest.timeout(), std::nullopt) << "the call alone is under way";
        may_end.release();
        poll_host host;
        ASSERT_TRUE(host.drive(guest));
        EXPECT_EQ(guest.result(), 42);
    }
}

TEST(guest_run, lets_the_host_set_events_spawn_and_cancel_between_steps) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        log lines;
        event pressed;
        task_handle<> worker;
        auto program = [&]() -> task<> {
            co_await pressed.wait();
            lines.push_back("pressed");
            co_await sleep_for(1h);
        };
        guest_run guest{program(), on(kind)};
        while (guest.timeout() == duration::zero()) guest.step();
        pressed.set();
        EXPECT_EQ(guest.timeout(), duration::zero());
        EXPECT_EQ(lines, log{}) << "nothing runs outside a step";
        guest.step();
        EXPECT_EQ(lines, log{"pressed"});
        auto work = [&]() -> task<> {
            const noted local{lines, "unwound"};
            lines.push_back("spawned");
            co_await sleep_for(1h);
        };
        worker = outermost_group().spawn(work);
        EXPECT_EQ(guest.timeout(), duration::zero());
        while (guest.timeout() == duration::zero()) guest.step();
        EXPECT_EQ(lines, (log{"pressed", "spawned"}));
        worker.cancel();
        EXPECT_EQ(guest.timeout(), duration::zero()) << "a request that waits to be delivered";
        guest.step();
        EXPECT_EQ(lines, (log{"pressed", "spawned", "unwound"}));
        EXPECT_FALSE(guest.done());
    }
}

TEST(guest_run, submits_what_the_host_itself_begins) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        const unique_fd counter = make_eventfd();
        guest_options options = on(kind);
        options.start = start_policy::eager;
        event heard;
        auto program = [&]() -> task<> { co_await heard.wait(); };
        guest_run guest{program(), options};
        while (guest.timeout() == duration::zero()) guest.step();
        outermost_group().spawn([&]() -> task<> {
            const std::uint64_t value = co_await read_counter(counter.get());
            EXPECT_EQ(value, 1U);
            heard.set();
        });
        poll_host host;
        EXPECT_EQ(guest.timeout(), std::nullopt);
        signal_eventfd(counter.get());
        EXPECT_TRUE(host.wait(guest)) << "the read was handed over without another step";
        EXPECT_TRUE(host.drive(guest));
        EXPECT_LT(host.steps, 10);
    }
}

TEST(guest_run, serves_callbacks_of_the_host) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        event called;
        auto program = [&]() -> task<> { co_await called.wait(); };
        guest_run guest{program(), on(kind)};
        while (guest.timeout() == duration::zero()) guest.step();
        static_cast<void>(call_later(2ms, [&] { called.set(); }));
        EXPECT_LE(guest.timeout_in_milliseconds(), 2) << "the timer counts at once";
        poll_host host;
        EXPECT_TRUE(host.drive(guest));
    }
}

TEST(guest_run, does_not_spin_while_nothing_happens) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        auto program = []() -> task<> {
            for (int count = 0; count < 5; ++count) co_await sleep_for(4ms);
        };
        guest_run guest{program(), on(kind)};
        poll_host host;
        EXPECT_TRUE(host.drive(guest));
        EXPECT_LT(host.steps, 30);
        EXPECT_GE(host.waits, 1);
    }
}

TEST(guest_run, does_not_spin_over_events_that_nobody_waits_for) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        const unique_fd counter = make_eventfd();
        auto program = [&]() -> task<> {
            const auto value = co_await read_counter(counter.get());
            EXPECT_EQ(value, 1U);
            co_await sleep_for(1h);
        };
        guest_run guest{program(), on(kind)};
        poll_host host;
        while (guest.timeout() == duration::zero()) guest.step();
        signal_eventfd(counter.get());
        EXPECT_TRUE(host.wait(guest));
        guest.step();
        signal_eventfd(counter.get());  // the descriptor may still be registered
        loop::current().interrupt();    // a wake that means nothing
        int steps = 0;
        for (; steps < 100; ++steps) {
            pollfd watched{guest.descriptor(), POLLIN, 0};
            if (guest.timeout() != duration::zero() && ::poll(&watched, 1, 0) == 0) break;
            guest.step();
        }
        EXPECT_LT(steps, 10);
    }
}

TEST(guest_run, gives_the_host_its_turn_while_tasks_keep_each_other_busy) {
    for (const backend_kind kind : guest_backends()) {
        for (const unsigned passes : {1U, 7U, 32U, 1000U}) {
            SCOPED_TRACE(std::string{name_of(kind)} + ", passes " + std::to_string(passes));
            const unique_fd counter = make_eventfd();
            event due;
            bool stop = false;
            unsigned turns = 0;
            auto busy = [&]() -> task<> {
                while (!stop) {
                    ++turns;
                    co_await yield_now();
                }
            };
            auto program = [&]() -> task<> {
                outermost_group().spawn(busy);
                co_await due.wait();
                const auto value = co_await read_counter(counter.get());
                EXPECT_EQ(value, 1U);
                stop = true;
            };
            guest_options options = on(kind);
            options.passes = passes;
            guest_run guest{program(), options};
            for (int step = 0; step < 3; ++step) {
                const unsigned before = turns;
                EXPECT_TRUE(guest.step());
                EXPECT_LE(turns - before, passes);
                EXPECT_EQ(guest.timeout(), duration::zero());
            }
            static_cast<void>(call_later(1ns, [&] { due.set(); }));
            EXPECT_TRUE(guest.step());
            EXPECT_TRUE(due.is_set()) << "one step is enough for the timer";
            guest.step();
            guest.step();
            signal_eventfd(counter.get());
            poll_host host;
            EXPECT_TRUE(host.drive(guest));
            EXPECT_LT(host.steps, 10) << "and a few for what came from outside";
        }
    }
}

TEST(guest_run, makes_thousands_of_steps) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        const unique_fd counter = make_eventfd();
        auto program = [&]() -> task<int> {
            int rounds = 0;
            while (rounds < 3000) {
                static_cast<void>(co_await read_counter(counter.get()));
                ++rounds;
            }
            co_return rounds;
        };
        guest_run guest{program(), on(kind)};
        poll_host host;
        host.between = [&] {
            if (guest.timeout() != duration::zero()) signal_eventfd(counter.get());
        };
        ASSERT_TRUE(host.drive(guest));
        EXPECT_GE(host.steps, 3000);
        EXPECT_LE(host.steps, 9100);
        EXPECT_EQ(guest.result(), 3000);
    }
}

TEST(guest_run, lives_more_than_once_on_a_thread) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        for (int round = 0; round < 3; ++round) {
            auto program = []() -> task<int> {
                co_await sleep_for(1ms);
                co_return 1;
            };
            EXPECT_EQ(run_on_guest(program, on(kind)), 1);
            EXPECT_EQ(run(program(), options_for(kind)), 1);
        }
    }
}

TEST(guest_run, comes_to_rest_for_those_who_wait_until_all_are_blocked) {
    run_on_each_guest([]() -> task<> {
        bool reached = false;
        event never;
        outermost_group().spawn([&]() -> task<> {
            co_await yield_now();
            reached = true;
            co_await never.wait();
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(reached);
        outermost_group().cancel();
        co_await yield_now();
    });
}

TEST(guest_run, runs_what_run_runs) {
    run_on_each_guest([]() -> task<> {
        auto [sender, receiver] = make_channel<int>(1);
        auto produce = [](auto out) -> task<> {
            for (int number = 0; number < 200; ++number) co_await out.send(number);
        };
        task_group group;
        group.spawn(produce(std::move(sender)));
        int sum = 0;
        auto consume = [&]() -> task<> {
            for (int count = 0; count < 200; ++count) sum += co_await receiver.receive();
        };
        group.spawn(consume());
        co_await group.run();
        EXPECT_EQ(sum, 199 * 200 / 2);
    });
}

}  // namespace
}  // namespace simul
