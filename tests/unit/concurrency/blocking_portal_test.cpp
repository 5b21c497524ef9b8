// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/blocking_portal.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "simul/concurrency/ambient.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

template <class Body>
void with_portal_on_each_real_backend(Body body) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        blocking_portal portal{options_for(kind).loop};
        body(portal);
    }
}

task<int> add(int left, int right) {
    co_await yield_now();
    co_return left + right;
}

task<int> fail() {
    co_await yield_now();
    throw std::runtime_error{"there"};
}

/// Says that it has begun, waits until it is cancelled, and says that it has been cleaned up.
task<> wait_for_ever(std::promise<void>& begun, std::atomic<bool>& cleaned_up) {
    struct cleanup {
        explicit cleanup(std::atomic<bool>& told) : done{told} {}
        ~cleanup() { done = true; }
        std::atomic<bool>& done;
    };
    const cleanup at_end{cleaned_up};
    begun.set_value();
    co_await sleep_for(1000h);
}

/// A task that runs until it is cancelled, and what is known of it.
struct endless {
    explicit endless(blocking_portal& portal)
        : future{portal.submit([this] { return wait_for_ever(begun, cleaned_up); })} {
        begun.get_future().wait();
    }
    ~endless() {
        if (!future) return;
        future.cancel();
        future.wait();
    }
    std::promise<void> begun;
    std::atomic<bool> cleaned_up{false};
    portal_future<> future;
};

template <class Function>
cancel_reason reason_of(Function function) {
    try {
        function();
    } catch (const cancelled& stopped) {
        return stopped.reason();
    }
    return cancel_reason::none;
}

TEST(blocking_portal, call_returns_what_the_task_returns) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        EXPECT_EQ(portal.call(add, 1, 2), 3);
        EXPECT_EQ(portal.call([] { return add(3, 4); }), 7);
        auto made = portal.call(
            [](std::unique_ptr<int> given) -> task<std::unique_ptr<int>> {
                co_await yield_now();
                co_return given;
            },
            std::make_unique<int>(7));
        EXPECT_EQ(*made, 7);
        int referenced = 1;
        int& same = portal.call(
            [](int& given) -> task<int&> {
                co_await yield_now();
                co_return given;
            },
            std::ref(referenced));
        EXPECT_EQ(&same, &referenced);
        const auto own = std::this_thread::get_id();
        portal.call([own]() -> task<> {
            co_await yield_now();
            EXPECT_NE(std::this_thread::get_id(), own);
        });
    });
}

TEST(blocking_portal, keeps_function_and_arguments_as_long_as_the_task) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        const std::string text(100, 'a');
        const auto length = portal.call(
            [suffix = std::string(100, 'b')](const std::string& given) -> task<std::size_t> {
                co_await yield_now();
                co_return given.size() + suffix.size();
            },
            text);
        EXPECT_EQ(length, 200U);
    });
}

TEST(blocking_portal, call_throws_what_the_task_throws) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        EXPECT_THROW(portal.call(fail), std::runtime_error);
        EXPECT_THROW(portal.call([]() -> task<> { throw 7; }), int) << "not a coroutine";
        EXPECT_EQ(portal.call(add, 1, 2), 3) << "the portal goes on";
    });
}

TEST(blocking_portal, tasks_run_at_once_and_begin_in_the_order_of_submission) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        std::vector<int> begun;
        std::vector<portal_future<>> futures;
        for (int i = 0; i < 20; ++i) {
            futures.push_back(portal.submit(
                [&begun](int number) -> task<> {
                    begun.push_back(number);
                    while (begun.size() != 20) co_await yield_now();
                },
                i));
        }
        for (auto& each : futures) each.get();
        for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(begun[i], static_cast<int>(i));
    });
}

TEST(blocking_portal, serves_many_threads) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        std::atomic<int> sum{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int each = 0; each < 50; ++each) sum += portal.call(add, each, 1);
            });
        }
        for (std::thread& each : threads) each.join();
        EXPECT_EQ(sum, 4 * (49 * 50 / 2 + 50));
    });
}

TEST(blocking_portal, a_future_waits_no_longer_than_it_is_told) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        endless work{portal};
        EXPECT_FALSE(work.future.done());
        EXPECT_FALSE(work.future.wait_for(0s));
        EXPECT_FALSE(work.future.wait_for(1ms));
        auto quick = portal.submit(add, 1, 2);
        EXPECT_TRUE(quick.wait_for(duration::max()));
        EXPECT_TRUE(quick.done());
        EXPECT_EQ(quick.get(), 3);
        EXPECT_FALSE(quick) << "taken";
    });
}

TEST(blocking_portal, cancel_reaches_the_task_and_comes_back_after_its_cleanup) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        endless work{portal};
        work.future.cancel();
        work.future.cancel();
        EXPECT_EQ(reason_of([&] { work.future.get(); }), cancel_reason::requested);
        EXPECT_TRUE(work.cleaned_up);
    });
}

TEST(blocking_portal, cancel_of_a_task_that_has_a_result_changes_nothing) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        auto ended = portal.submit(add, 1, 2);
        ended.wait();
        ended.cancel();
        EXPECT_EQ(ended.get(), 3);
        auto shielded = portal.submit([]() -> task<int> { co_return co_await shield(add(3, 4)); });
        shielded.cancel();
        int result = 7;
        try {
            result = shielded.get();
        } catch (const cancelled&) {  // before it had begun
        }
        EXPECT_EQ(result, 7);
    });
}

TEST(blocking_portal, a_future_may_be_cancelled_while_another_thread_waits_for_it) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        endless work{portal};
        std::thread waiting{[&] { work.future.wait(); }};
        work.future.cancel();
        waiting.join();
        EXPECT_TRUE(work.future.done());
    });
}

TEST(blocking_portal, then_calls_a_function_with_the_result_on_the_loops_thread) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        auto future = portal.submit(add, 1, 2);
        auto text = std::move(future).then([&portal](int sum) {
            EXPECT_TRUE(portal.is_own_thread());
            return std::to_string(sum);
        });
        EXPECT_FALSE(future);
        EXPECT_EQ(text.get(), "3");
        EXPECT_EQ(portal.submit(add, 1, 2).then([](int sum) { return add(sum, 1); }).get(), 4);
        int called = 0;
        portal.submit([]() -> task<> { co_await yield_now(); }).then([&] { ++called; }).get();
        auto ended = portal.submit(add, 1, 2);
        ended.wait();
        EXPECT_EQ(ended.then([](int sum) { return 2 * sum; }).get(), 6);
        EXPECT_EQ(called, 1);
    });
}

TEST(blocking_portal, then_passes_errors_and_cancellation_on) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        bool called = false;
        const auto never = [&called] { called = true; };
        EXPECT_THROW(portal.submit(fail).then([&](int) { never(); }).get(), std::runtime_error);
        EXPECT_THROW(portal.submit(add, 1, 2).then([](int) { return fail(); }).get(),
                     std::runtime_error);

        endless forwards{portal};
        auto after = forwards.future.then(never);
        after.cancel();
        EXPECT_EQ(reason_of([&] { after.get(); }), cancel_reason::requested);
        // The request goes on to the earlier task, which is waited for by asking for a later turn.
        while (!forwards.cleaned_up) portal.call([]() -> task<> { co_await yield_now(); });
        EXPECT_FALSE(called);
    });
}

TEST(blocking_portal, post_calls_a_function_on_the_loops_thread) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        std::promise<bool> called;
        portal.post([&] { called.set_value(portal.is_own_thread()); });
        EXPECT_TRUE(called.get_future().get());
        EXPECT_FALSE(portal.is_own_thread());
    });
}

TEST(blocking_portal, a_task_may_submit_and_await_others_on_its_own_loop) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        portal_future<int> inner;
        portal.call([&]() -> task<> {
            inner = portal.submit(add, 1, 2);
            co_await add(1, 1);
        });
        EXPECT_EQ(inner.get(), 3);
    });
}

TEST(blocking_portal, stop_cancels_what_runs_waits_for_it_and_refuses_what_comes) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        endless work{portal};
        portal.stop();
        EXPECT_TRUE(work.cleaned_up);
        EXPECT_EQ(reason_of([&] { work.future.get(); }), cancel_reason::shutdown);
        EXPECT_THROW(portal.call(add, 1, 2), closed);
        EXPECT_THROW(portal.submit(add, 1, 2).detach(), closed);
        EXPECT_THROW(portal.post([] {}), closed);
        portal.stop();
    });
}

TEST(blocking_portal, may_be_asked_to_stop_by_its_own_task_and_by_several_threads) {
    with_portal_on_each_real_backend([](blocking_portal& portal) {
        endless work{portal};
        auto asking = portal.submit([&portal]() -> task<> {
            portal.request_stop();
            co_return;
        });
        std::array<std::thread, 3> threads;
        for (std::thread& each : threads) each = std::thread{[&] { portal.stop(); }};
        for (std::thread& each : threads) each.join();
        EXPECT_TRUE(work.cleaned_up);
        try {
            asking.get();
        } catch (const cancelled&) {
        }
    });
}

// Tasks are sent, cancelled and dropped while the portal ends: each ends in one of three ways, and
// nothing is left behind.
TEST(blocking_portal, every_future_ends_when_the_portal_stops_under_load) {
    for (int round = 0; round < 20; ++round) {
        blocking_portal portal;
        std::atomic<int> ended{0};
        std::atomic<int> sent{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&, i] {
                try {
                    while (true) {
                        auto future = portal.submit(add, 1, 2);
                        auto following = portal.submit(add, 3, 4).then([](int sum) { return sum; });
                        ++sent;
                        if (i == 0) future.cancel();
                        if (i == 1) following.cancel();
                        following.detach();
                        try {
                            EXPECT_EQ(future.get(), 3);
                        } catch (const cancelled&) {
                        }
                        ++ended;
                    }
                } catch (const closed&) {
                }
            });
        }
        while (ended < 10) std::this_thread::yield();
        portal.stop();
        for (std::thread& each : threads) each.join();
        EXPECT_EQ(ended, sent);
    }
}

std::atomic<int> unhandled{0};

TEST(blocking_portal, an_error_that_nobody_asks_for_is_reported) {
    const auto before =
        set_unhandled_error_handler([](std::exception_ptr, const char*) noexcept { ++unhandled; });
    unhandled = 0;
    {
        blocking_portal portal;
        portal.submit(fail).detach();
        portal.submit(add, 1, 2).detach();
        portal.post([] { throw std::runtime_error{"posted"}; });
        EXPECT_THROW(portal.call(fail), std::runtime_error);
    }
    set_unhandled_error_handler(before);
    EXPECT_EQ(unhandled, 2);
}

// A failure in the outermost group ends the group, and the portal with it; nobody hangs.
TEST(blocking_portal, ends_when_the_outermost_group_of_its_loop_fails) {
    const auto before =
        set_unhandled_error_handler([](std::exception_ptr, const char*) noexcept { ++unhandled; });
    unhandled = 0;
    {
        blocking_portal portal;
        endless work{portal};
        portal.post([] { outermost_group().spawn(fail()); });
        EXPECT_EQ(reason_of([&] { work.future.get(); }), cancel_reason::shutdown);
        bool is_closed = false;
        while (!is_closed) {
            try {
                portal.call(add, 1, 2);
            } catch (const cancelled&) {
            } catch (const closed&) {
                is_closed = true;
            }
        }
    }
    set_unhandled_error_handler(before);
    EXPECT_EQ(unhandled, 1);
}

TEST(blocking_portal, needs_a_backend_of_the_real_world) {
    bool refused = false;
    try {
        const blocking_portal portal{options_for(backend_kind::simulated).loop};
    } catch (const error& thrown) {
        refused = thrown.code() == errc::unavailable;
    }
    EXPECT_TRUE(refused);
}

TEST(blocking_portal, call_from_thread_runs_a_task_on_the_loop_that_offloaded) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        run(
            []() -> task<> {
                const auto ask = [](loop* own) {
                    EXPECT_THROW(call_from_thread(*own, fail), std::runtime_error);
                    return call_from_thread(*own, add, 1, 2);
                };
                const int sum = co_await offload(ask, &loop::current());
                EXPECT_EQ(sum, 3);
            }(),
            options_for(kind));
    }
}

TEST(blocking_portal, call_from_thread_is_cancelled_when_the_main_task_ends) {
    std::promise<loop*> running;
    std::promise<void> begun;
    std::atomic<bool> cleaned_up{false};
    std::thread asking{[&] {
        loop* const where = running.get_future().get();
        EXPECT_EQ(reason_of([&] {
                      call_from_thread(*where, [&] { return wait_for_ever(begun, cleaned_up); });
                  }),
                  cancel_reason::shutdown);
        EXPECT_TRUE(cleaned_up);
    }};
    run([](std::promise<loop*>& told, std::future<void> waited) -> task<> {
        told.set_value(&loop::current());
        while (waited.wait_for(0s) != std::future_status::ready) co_await yield_now();
    }(running, begun.get_future()));
    asking.join();
}

TEST(ambient_portal, is_made_once_and_serves_whoever_asks) {
    EXPECT_EQ(ambient_portal().submit(add, 1, 2).get(), 3);
    blocking_portal* seen = nullptr;
    std::thread other{[&] { seen = &ambient_portal(); }};
    other.join();
    EXPECT_EQ(seen, &ambient_portal());
}

// What still runs when a program ends is cancelled, and nobody hangs; and who asks too late is
// told.
TEST(ambient_portal, ends_with_the_program) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            struct last_words {
                ~last_words() {
                    try {
                        ambient_portal().call(add, 1, 2);
                    } catch (const closed&) {
                        std::fputs(" too late", stderr);
                    }
                }
            };
            static const last_words said_at_the_end;
            static std::promise<void> begun;
            struct farewell {
                ~farewell() { std::fputs("cleaned up", stderr); }
            };
            ambient_portal()
                .submit([]() -> task<> {
                    const farewell said;
                    begun.set_value();
                    co_await sleep_for(1000h);
                })
                .detach();
            begun.get_future().wait();
            std::exit(0);
        },
        testing::ExitedWithCode(0), "cleaned up too late");
}

TEST(blocking_portal_death, misuse_is_told_with_its_remedy) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            blocking_portal portal;
            portal.call([&]() -> task<> {
                portal.call(add, 1, 2);
                co_return;
            });
        },
        "co_await the task there");
    EXPECT_DEATH(
        {
            blocking_portal portal;
            portal.call([&]() -> task<> {
                portal.stop();
                co_return;
            });
        },
        "request_stop");
    EXPECT_DEATH(simulate([]() -> task<> {
                     call_from_thread(loop::current(), add, 1, 2);
                     co_return;
                 }),
                 "would wait for itself");
    EXPECT_DEATH(
        {
            portal_future<int> empty;
            empty.wait();
        },
        "is empty");
}

}  // namespace
}  // namespace simul
