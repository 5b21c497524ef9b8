// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/callback.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using names = std::vector<std::string>;

loop_options simulated() {
    return options_for(backend_kind::simulated).loop;
}

task<> some_passes(int count) {
    for (int i = 0; i < count; ++i) co_await yield_now();
}

TEST(callback, is_called_by_the_loop_and_not_from_inside) {
    run_on_each_backend([]() -> task<> {
        bool called = false;
        const callback_handle handle = call_soon([&] { called = true; });
        EXPECT_FALSE(called);
        co_await yield_now();
        EXPECT_TRUE(called);
        EXPECT_FALSE(handle.cancelled());
    });
}

TEST(callback, has_its_turn_among_tasks_in_the_order_of_arrival) {
    simulate([]() -> task<> {
        names order;
        co_await with_task_group([&](task_group& group) -> task<> {
            call_soon([&] { order.push_back("callback 1"); });
            group.spawn([&]() -> task<> {
                order.push_back("task 1");
                co_return;
            });
            call_soon([&] { order.push_back("callback 2"); });
            group.spawn([&]() -> task<> {
                order.push_back("task 2");
                co_return;
            });
            co_return;
        });
        EXPECT_EQ(order, (names{"callback 1", "task 1", "callback 2", "task 2"}));
    });
}

TEST(callback, that_is_posted_by_a_callback_is_called_in_the_next_pass) {
    simulate([]() -> task<> {
        const auto pass = [] { return loop::current().statistics().passes; };
        std::uint64_t first = 0;
        std::uint64_t second = 0;
        call_soon([&] {
            first = pass();
            call_soon([&] { second = pass(); });
        });
        co_await some_passes(3);
        EXPECT_EQ(second, first + 1);
    });
}

// K1, T55. The clock of the simulated world stands while something is ready, so there the timer is
// one that is due.
TEST(callback, that_posts_itself_anew_starves_neither_tasks_nor_timers) {
    run_on_each_backend([]() -> task<> {
        std::uint64_t calls = 0;
        bool stop = false;
        std::function<void()> again = [&] {
            ++calls;
            if (!stop) call_soon(again);
        };
        call_soon(again);
        co_await some_passes(10);
        EXPECT_GE(calls, 10U);
        co_await sleep_for(loop::current().is_simulated() ? 0ms : 2ms);
        EXPECT_GT(calls, 10U);
        stop = true;
        co_await some_passes(2);
        const std::uint64_t at_the_end = calls;
        co_await some_passes(2);
        EXPECT_EQ(calls, at_the_end);
    });
}

TEST(callback, works_before_the_loop_runs_and_stays_for_its_next_run) {
    loop running{simulated()};
    names order;
    call_soon([&] { order.push_back("before"); });
    call_later(1h, [&] { order.push_back("later"); });
    const auto first = [&]() -> task<> {
        co_await yield_now();
        order.push_back("first run");
    };
    run_on(running, first());
    EXPECT_EQ(order, (names{"before", "first run"})) << "a run does not wait for callbacks";
    const auto second = []() -> task<> { co_await sleep_for(2h); };
    run_on(running, second());
    EXPECT_EQ(order, (names{"before", "first run", "later"}));
}

// K3.
TEST(callback, is_never_called_early) {
    run_on_each_backend([]() -> task<> {
        for (const duration delay :
             {duration{1}, duration{1us}, duration{999'999}, duration{2ms}}) {
            event called;
            time_point at;
            const time_point begin = now();
            const callback_handle handle = call_later(delay, [&] {
                at = now();
                called.set();
            });
            EXPECT_GE(handle.when(), begin + delay);
            co_await called.wait();
            EXPECT_GE(at, handle.when());
        }
    });
}

TEST(callback, at_a_time_knows_that_time) {
    simulate([]() -> task<> {
        const time_point when = now() + 5s;
        time_point called_at;
        const callback_handle handle = call_at(when, [&] { called_at = now(); });
        EXPECT_EQ(handle.when(), when);
        EXPECT_EQ(call_soon([] {}).when(), time_point::min());
        co_await sleep_for(6s);
        EXPECT_EQ(called_at, when) << "the clock of the simulated world jumps there";
        EXPECT_EQ(handle.when(), when);
    });
}

// K2.
TEST(callback, equal_times_are_served_in_the_order_of_the_calls) {
    simulate([]() -> task<> {
        const time_point when = now() + 1s;
        std::vector<int> order;
        for (int i = 0; i < 100; ++i) {
            if (i % 3 == 0) call_later(1s, [&order, i] { order.push_back(i); });
            if (i % 3 != 0) call_at(when, [&order, i] { order.push_back(i); });
        }
        co_await sleep_for(2s);
        EXPECT_EQ(order.size(), 100U);
        EXPECT_TRUE(std::ranges::is_sorted(order));
    });
}

TEST(callback, times_are_served_in_their_order_whatever_that_of_the_calls) {
    simulate([]() -> task<> {
        std::vector<int> order;
        for (const int seconds : {3, 1, 2}) {
            call_later(std::chrono::seconds{seconds},
                       [&order, seconds] { order.push_back(seconds); });
        }
        co_await sleep_for(4s);
        EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    });
}

// K4, T63.
TEST(callback, a_delay_too_long_never_ends_and_can_be_cancelled) {
    simulate([]() -> task<> {
        using seconds = std::chrono::duration<double>;
        const auto must_not = [] { ADD_FAILURE() << "called"; };
        std::vector<callback_handle> handles;
        handles.push_back(call_later(seconds{std::numeric_limits<double>::infinity()}, must_not));
        handles.push_back(call_later(seconds{0x1p54}, must_not));
        handles.push_back(call_later(seconds{0x1p55}, must_not));
        handles.push_back(call_later(std::chrono::hours::max(), must_not));
        handles.push_back(call_later(duration::max(), must_not));
        handles.push_back(call_at(time_point::max(), must_not));
        const std::size_t timers = loop::current().statistics().timers;
        co_await sleep_for(std::chrono::hours{24 * 365 * 100});
        for (callback_handle& handle : handles) {
            EXPECT_EQ(handle.when(), time_point::max());
            EXPECT_TRUE(handle.cancel());
        }
        EXPECT_EQ(loop::current().statistics().timers, timers - handles.size());
    });
}

// K4.
TEST(callback, a_delay_of_zero_or_less_or_no_number_ends_at_once_but_not_inside) {
    simulate([]() -> task<> {
        using seconds = std::chrono::duration<double>;
        const time_point begin = now();
        std::vector<int> order;
        call_later(0s, [&] { order.push_back(1); });
        call_later(-1h, [&] { order.push_back(2); });
        call_later(seconds{std::numeric_limits<double>::quiet_NaN()}, [&] { order.push_back(3); });
        call_later(seconds{-std::numeric_limits<double>::infinity()}, [&] { order.push_back(4); });
        call_at(time_point::min(), [&] { order.push_back(5); });
        EXPECT_TRUE(order.empty());
        co_await some_passes(3);
        EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5}));
        EXPECT_EQ(now(), begin);
    });
}

TEST(callback, that_is_cancelled_is_not_called_and_its_function_is_gone_at_once) {
    simulate([]() -> task<> {
        int alive = 0;
        for (const bool soon : {true, false}) {
            const counted_object held{alive};
            const auto must_not = [held] { ADD_FAILURE() << "called"; };
            const int without = alive;
            callback_handle handle = soon ? call_soon(must_not) : call_later(1s, must_not);
            const callback_handle copy = handle;
            EXPECT_FALSE(handle.cancelled());
            EXPECT_TRUE(handle.cancel());
            EXPECT_EQ(alive, without);
            EXPECT_TRUE(copy.cancelled());
            EXPECT_FALSE(handle.cancel()) << "it is cancelled already";
            co_await sleep_for(2s);
        }
        EXPECT_EQ(alive, 0);
    });
}

// Both are due in one pass of the timers, and one cancels the other then.
TEST(callback, may_cancel_one_that_is_about_to_be_called) {
    simulate([]() -> task<> {
        callback_handle second;
        bool third = false;
        call_later(1s, [&] { EXPECT_TRUE(second.cancel()); });
        second = call_later(1s, [] { ADD_FAILURE() << "called"; });
        call_later(1s, [&] { third = true; });
        co_await sleep_for(2s);
        EXPECT_TRUE(second.cancelled());
        EXPECT_TRUE(third);
    });
}

TEST(callback, that_has_begun_cannot_be_cancelled) {
    simulate([]() -> task<> {
        callback_handle handle;
        auto held = std::make_unique<int>(7);
        handle = call_soon([&handle, held = std::move(held)] {
            EXPECT_FALSE(handle.cancel());
            EXPECT_EQ(*held, 7) << "the function lives while it runs";
        });
        co_await yield_now();
        EXPECT_FALSE(handle.cancel());
        EXPECT_FALSE(handle.cancelled());
    });
}

TEST(callback, a_function_may_own_its_own_handle) {
    simulate([]() -> task<> {
        int alive = 0;
        for (const bool cancels : {true, false}) {
            auto own = std::make_shared<callback_handle>();
            callback_handle* const handle = own.get();
            *handle = call_soon([own, held = counted_object{alive}] {});
            own.reset();
            EXPECT_EQ(alive, 1);
            if (cancels) handle->cancel();
            co_await yield_now();
            EXPECT_EQ(alive, 0);
        }
    });
}

TEST(callback, an_empty_handle_speaks_of_nothing) {
    callback_handle handle;
    EXPECT_FALSE(handle.cancel());
    EXPECT_FALSE(handle.cancelled());
    EXPECT_EQ(handle.when(), time_point::min());
}

TEST(callback, dropping_the_handle_changes_nothing) {
    simulate([]() -> task<> {
        bool called = false;
        call_later(1s, [&] { called = true; });
        co_await sleep_for(1s);
        co_await yield_now();
        EXPECT_TRUE(called);
    });
}

TEST(callback, the_function_is_gone_after_the_call_whoever_has_a_handle) {
    simulate([]() -> task<> {
        int alive = 0;
        const callback_handle handle = call_soon([held = counted_object{alive}] {});
        EXPECT_EQ(alive, 1);
        co_await yield_now();
        EXPECT_EQ(alive, 0);
    });
}

// O6.
TEST(callback, what_it_throws_goes_to_the_handler_and_the_loop_goes_on) {
    for (const backend_kind kind : test_backends()) {
        const unhandled_errors errors;
        bool called = false;
        const auto body = [&]() -> task<> {
            call_soon([] { throw std::runtime_error{"soon"}; });
            call_later(0s, [] { throw 7; });
            call_later(1ms, [&] { called = true; });
            while (!called) co_await sleep_for(1ms);
        };
        run(body(), options_for(kind));
        EXPECT_EQ(errors.contexts(), (names{"in a function given to call_soon",
                                            "in a function given to call_at or call_later"}));
    }
}

TEST(callback, left_when_the_loop_is_destroyed_is_destroyed_without_a_call) {
    for (const backend_kind kind : test_backends()) {
        int alive = 0;
        const counted_object held{alive};
        const auto must_not = [held] { ADD_FAILURE() << "called"; };
        const int without = alive;
        std::vector<callback_handle> handles;
        const auto body = [&]() -> task<> {
            co_await yield_now();
            handles.push_back(call_soon(must_not));
            handles.push_back(call_later(1h, must_not));
            handles.push_back(call_at(time_point::max(), must_not));
            call_soon(must_not);
            callback_handle cancelled_before = call_soon(must_not);
            cancelled_before.cancel();
        };
        {
            loop running{options_for(kind).loop};
            run_on(running, body());
            EXPECT_GT(alive, without);
        }
        EXPECT_EQ(alive, without);
        for (callback_handle& handle : handles) {
            EXPECT_TRUE(handle.cancelled());
            EXPECT_FALSE(handle.cancel());
        }
    }
}

/// Posts a callback when it is destroyed.
class poster {
public:
    explicit poster(names& log) noexcept : log_{&log} {}
    poster(poster&& other) noexcept : log_{std::exchange(other.log_, nullptr)} {}
    poster& operator=(poster&&) = delete;
    ~poster() {
        if (log_ == nullptr) return;
        const callback_handle soon = call_soon([] { ADD_FAILURE() << "called"; });
        const callback_handle later = call_later(1s, [] { ADD_FAILURE() << "called"; });
        log_->push_back(soon.cancelled() && later.cancelled() ? "refused" : "taken");
    }

private:
    names* log_;
};

TEST(callback, asked_for_while_the_loop_is_destroyed_is_cancelled_from_the_beginning) {
    names log;
    {
        loop running{simulated()};
        call_soon([held = poster{log}] {});
        call_later(1h, [held = poster{log}] {});
    }
    EXPECT_EQ(log, (names{"refused", "refused"}));
}

TEST(callback, that_never_comes_does_not_hide_a_deadlock) {
    const auto body = []() -> task<> {
        const callback_handle handle = call_at(time_point::max(), [] {});
        event never;
        co_await never.wait();
    };
    EXPECT_THROW(run(body(), options_for(backend_kind::simulated)), error);
}

TEST(callback, may_wake_tasks_and_spawn_them) {
    simulate([]() -> task<> {
        names order;
        event ready;
        co_await with_task_group([&](task_group& group) -> task<> {
            call_later(1s, [&] {
                group.spawn([&]() -> task<> {
                    order.push_back("spawned");
                    co_return;
                });
                ready.set();
            });
            co_await ready.wait();
            order.push_back("woken");
        });
        EXPECT_EQ(order.size(), 2U);
    });
}

// K6.
TEST(callback, a_hundred_thousand_armed_and_cancelled_leave_nothing) {
    simulate([]() -> task<> {
        const std::size_t timers = loop::current().statistics().timers;
        for (int i = 0; i < 100'000; ++i) {
            callback_handle handle = call_later(1h, [] {});
            handle.cancel();
        }
        EXPECT_EQ(loop::current().statistics().timers, timers);
        co_return;
    });
}

TEST(callback, misuse_is_named) {
    EXPECT_DEATH(call_soon([] {}), "no loop runs on this thread");
    const auto empty = [] {
        loop running{simulated()};
        call_soon(nullptr);
    };
    EXPECT_DEATH(empty(), "call_soon was given an empty function");
}

}  // namespace
}  // namespace simul
