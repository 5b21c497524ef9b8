// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/blocking.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/blocking_pool.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

template <class Body>
void run_on_each_real_backend(Body body) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        run(body(), options_for(kind));
    }
}

int twice(int value) {
    return 2 * value;
}

/// Blocks until it is opened; for calls that must be running while something else happens.
class gate {
public:
    void open() {
        const std::lock_guard held{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void pass() {
        ++entered_;
        std::unique_lock held{mutex_};
        changed_.wait(held, [this] { return is_open_; });
    }
    [[nodiscard]] int entered() const { return entered_.load(); }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
    std::atomic<int> entered_{0};
};

/// Blocks until it is asked to stop.
std::string wait_for_stop(std::stop_token token, std::atomic<bool>* begun) {
    std::binary_semaphore asked{0};
    const std::stop_callback on_stop{token, [&] { asked.release(); }};
    if (begun != nullptr) begun->store(true);
    asked.acquire();
    return "stopped";
}

TEST(offload, returns_what_the_function_returns) {
    run_on_each_backend([]() -> task<> {
        const auto answer_1 = co_await offload(&twice, 21);
        EXPECT_EQ(answer_1, 42);
        const auto answer_2 = co_await offload([](std::string text) { return text + "!"; }, "text");
        EXPECT_EQ(answer_2, "text!");
        auto made = co_await offload([] { return std::make_unique<int>(7); });
        EXPECT_EQ(*made, 7);
        auto passed =
            co_await offload([](std::unique_ptr<int> kept) { return kept; }, std::move(made));
        EXPECT_EQ(*passed, 7);
        int called = 0;
        static_assert(std::is_void_v<await_result_t<decltype(offload([] {}))>>);
        co_await offload([&called] { ++called; });
        EXPECT_EQ(called, 1);
        int referenced = 1;
        int& same =
            co_await offload([](int& given) -> int& { return given; }, std::ref(referenced));
        EXPECT_EQ(&same, &referenced);
    });
}

TEST(offload, throws_what_the_function_throws) {
    run_on_each_backend([]() -> task<> {
        bool caught = false;
        try {
            co_await offload([] { throw std::runtime_error{"there"}; });
        } catch (const std::runtime_error& error) {
            caught = error.what() == std::string{"there"};
        }
        EXPECT_TRUE(caught);
        int number = 0;
        try {
            co_await offload([]() -> std::string { throw 7; });
        } catch (int thrown) {
            number = thrown;
        }
        EXPECT_EQ(number, 7);
    });
}

TEST(offload, runs_on_another_thread_while_other_tasks_go_on) {
    run_on_each_real_backend([]() -> task<> {
        gate door;
        const auto here = std::this_thread::get_id();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto there = co_await offload([&] {
                    door.pass();
                    return std::this_thread::get_id();
                });
                EXPECT_NE(there, here);
                EXPECT_EQ(std::this_thread::get_id(), here) << "and comes back";
            });
            while (door.entered() == 0) co_await yield_now();
            door.open();
        });
    });
}

TEST(offload, always_suspends) {
    run_on_each_backend([]() -> task<> {
        bool other_ran = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                other_ran = true;
                co_return;
            });
            co_await offload([] {});
            EXPECT_TRUE(other_ran);
        });
    });
}

TEST(offload, in_the_simulated_world_runs_on_the_thread_of_the_loop_in_order) {
    simulate([]() -> task<> {
        std::vector<int> order;
        const auto here = std::this_thread::get_id();
        const time_point begin = test::now();
        const auto note = [&](int number) {
            EXPECT_EQ(std::this_thread::get_id(), here);
            order.push_back(number);
        };
        co_await gather(offload(note, 1), offload(note, 2), offload(note, 3));
        const std::vector<int> expected{1, 2, 3};
        EXPECT_EQ(order, expected);
        EXPECT_EQ(test::now(), begin) << "no time passes";
    });
}

TEST(offload, destroys_function_arguments_and_result) {
    run_on_each_backend([]() -> task<> {
        int alive = 0;
        {
            const auto kept =
                co_await offload([](counted_object given) { return given; }, counted_object{alive});
            EXPECT_EQ(alive, 1);
        }
        EXPECT_EQ(alive, 0);
        static_cast<void>(offload([](const counted_object&) {}, counted_object{alive}));
        EXPECT_EQ(alive, 0) << "never awaited";
    });
}

TEST(offload, gives_a_token_to_a_function_that_takes_one) {
    run_on_each_backend([]() -> task<> {
        const auto ask = [](std::stop_token token, int value) {
            EXPECT_TRUE(token.stop_possible());
            EXPECT_FALSE(token.stop_requested());
            return value + 1;
        };
        const auto answer_3 = co_await offload(ask, 1);
        EXPECT_EQ(answer_3, 2);
    });
}

TEST(offload, in_a_cancelled_scope_does_not_begin) {
    run_on_each_backend([]() -> task<> {
        bool called = false;
        task_group group;
        group.spawn([&]() -> task<> {
            group.cancel();
            co_await offload([&] { called = true; });
            ADD_FAILURE() << "the scope was cancelled";
        });
        co_await group.run();
        EXPECT_FALSE(called);
    });
}

// C20: threads cannot be interrupted, so the wait goes on until the function returns.
TEST(offload, cancelled_while_it_runs_asks_through_the_token_and_waits_for_the_end) {
    run_on_each_real_backend([]() -> task<> {
        std::atomic<bool> begun{false};
        std::string result;
        bool went_on = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiting = group.spawn([&]() -> task<> {
                result = co_await offload(&wait_for_stop, &begun);
                co_await yield_now();
                went_on = true;
            });
            while (!begun) co_await yield_now();
            waiting.cancel();
            while (!waiting.done()) co_await yield_now();
            EXPECT_TRUE(waiting.was_cancelled());
        });
        EXPECT_EQ(result, "stopped") << "its result is delivered";
        EXPECT_FALSE(went_on);
    });
}

TEST(offload, a_function_without_a_token_is_waited_for_too) {
    run_on_each_real_backend([]() -> task<> {
        gate door;
        bool delivered = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiting = group.spawn([&]() -> task<> {
                co_await offload([&] { door.pass(); });
                delivered = true;
            });
            while (door.entered() == 0) co_await yield_now();
            waiting.cancel();
            for (int i = 0; i < 50; ++i) co_await yield_now();
            EXPECT_FALSE(waiting.done());
            EXPECT_FALSE(delivered);
            door.open();
        });
        EXPECT_TRUE(delivered);
    });
}

// The limit may pass before a thread has begun the call: then it is withdrawn, and tried again.
TEST(offload, a_time_out_gives_the_result_that_the_function_returned_in_the_end) {
    run_on_each_real_backend([]() -> task<> {
        std::string result;
        while (result.empty()) {
            std::atomic<bool> begun{false};
            try {
                result = co_await timeout(2ms, offload(&wait_for_stop, &begun));
            } catch (const timed_out&) {
                EXPECT_FALSE(begun);
            }
        }
        EXPECT_EQ(result, "stopped");
    });
}

TEST(offload, an_error_after_the_request_is_delivered) {
    run_on_each_real_backend([]() -> task<> {
        const auto fail = [](std::stop_token token, std::atomic<bool>* begun) {
            static_cast<void>(wait_for_stop(std::move(token), begun));
            throw std::runtime_error{"late"};
        };
        bool caught = false;
        while (!caught) {
            std::atomic<bool> begun{false};
            try {
                co_await timeout(2ms, offload(fail, &begun));
                ADD_FAILURE() << "it throws, or it is withdrawn";
            } catch (const timed_out&) {
                EXPECT_FALSE(begun);
            } catch (const std::runtime_error&) {
                caught = true;
            }
        }
    });
}

TEST(offload, withdrawn_while_it_is_queued_nothing_happens) {
    run_on_each_real_backend([]() -> task<> {
        const auto threads = static_cast<int>(detail::blocking_pool::default_threads());
        gate door;
        std::atomic<int> called{0};
        int alive = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < threads; ++i) {
                group.spawn([&]() -> task<> { co_await offload([&] { door.pass(); }); });
            }
            while (door.entered() != threads) co_await yield_now();
            auto queued = group.spawn([&]() -> task<> {
                co_await offload([&](const counted_object&) { ++called; }, counted_object{alive});
                ADD_FAILURE() << "it was withdrawn";
            });
            while (alive == 0) co_await yield_now();
            co_await yield_now();
            queued.cancel();
            co_await yield_now();
            EXPECT_TRUE(queued.was_cancelled()) << "at once, although every thread is busy";
            EXPECT_EQ(alive, 0);
            door.open();
        });
        EXPECT_EQ(called, 0);
    });
}

TEST(offload, withdrawn_in_the_simulated_world_nothing_happens) {
    simulate([]() -> task<> {
        int called = 0;
        task_handle<> waiting;
        co_await with_task_group([&](task_group& group) -> task<> {
            waiting = group.spawn([&]() -> task<> {
                co_await offload([&] { ++called; });
                ADD_FAILURE() << "it was withdrawn";
            });
            group.spawn([&]() -> task<> {  // after it in the same pass
                waiting.cancel();
                co_return;
            });
            co_return;
        });
        EXPECT_TRUE(waiting.was_cancelled());
        EXPECT_EQ(called, 0);
    });
}

TEST(offload, a_branch_that_lost_is_withdrawn_or_waited_for) {
    run_on_each_real_backend([]() -> task<> {
        const auto first = co_await select(offload(&wait_for_stop, nullptr), sleep_for(1ms));
        EXPECT_EQ(first.index(), 1U);
    });
}

TEST(offload, many_calls_at_once_all_return) {
    run_on_each_backend([]() -> task<> {
        constexpr int count = 2'000;
        std::atomic<int> called{0};
        long long sum = 0;
        task_group group;
        for (int i = 0; i < count; ++i) {
            group.spawn([&, i]() -> task<> {
                sum += co_await offload(
                    [&](int value) {
                        ++called;
                        return value;
                    },
                    i);
            });
        }
        co_await group.run();
        EXPECT_EQ(called, count);
        EXPECT_EQ(sum, static_cast<long long>(count) * (count - 1) / 2);
    });
}

// T61: never more threads than the limit, although half of the callers are cancelled.
TEST(offload, keeps_to_its_threads_while_callers_are_cancelled) {
    run_on_each_real_backend([]() -> task<> {
        const auto limit = static_cast<int>(detail::blocking_pool::default_threads());
        const int count = 20 * limit;
        std::atomic<int> running{0};
        std::atomic<int> most{0};
        std::atomic<int> begun{0};
        int ended = 0;
        const auto work = [&] {
            const int now_running = ++running;
            int seen = most.load();
            while (seen < now_running && !most.compare_exchange_weak(seen, now_running)) {
            }
            ++begun;
            std::this_thread::yield();
            --running;
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            std::vector<task_handle<>> callers;
            for (int i = 0; i < count; ++i) {
                callers.push_back(group.spawn([&]() -> task<> {
                    co_await offload(work);
                    ++ended;
                }));
            }
            co_await yield_now();
            for (std::size_t i = 0; i < callers.size(); i += 2) callers[i].cancel();
        });
        EXPECT_LE(most, limit);
        EXPECT_EQ(begun, ended) << "what began is delivered, what was withdrawn never began";
        EXPECT_GE(ended, count / 2);
        EXPECT_EQ(running, 0);
    });
}

TEST(offload, says_when_the_queue_of_the_pool_is_full) {
    run_on_each_real_backend([]() -> task<> {
        const auto threads = static_cast<int>(detail::blocking_pool::default_threads());
        constexpr int queued = detail::blocking_pool::default_queue_limit;
        gate door;
        int returned = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto call = [&]() -> task<> {
                co_await offload([&] { door.pass(); });
                ++returned;
            };
            for (int i = 0; i < threads; ++i) group.spawn(call);
            while (door.entered() != threads) co_await yield_now();
            for (int i = 0; i < queued; ++i) group.spawn(call);
            co_await yield_now();
            bool refused = false;
            try {
                co_await offload([&] { door.pass(); });
            } catch (const std::system_error& error) {
                refused = error.code() == std::errc::resource_unavailable_try_again;
            }
            EXPECT_TRUE(refused);
            EXPECT_EQ(returned, 0);
            door.open();
        });
        EXPECT_EQ(returned, threads + queued);
    });
}

TEST(post, work_from_many_threads_runs_on_the_thread_of_the_loop) {
    run_on_each_real_backend([]() -> task<> {
        constexpr int threads = 4;
        constexpr int each = 2'000;
        loop& target = loop::current();
        const auto here = std::this_thread::get_id();
        int done = 0;  // not atomic: only the loop's thread touches it
        std::vector<int> last(threads, -1);
        int out_of_order = 0;
        std::vector<std::jthread> posters;
        for (int thread = 0; thread < threads; ++thread) {
            posters.emplace_back([&, thread] {
                for (int i = 0; i < each; ++i) {
                    target.post_from_any_thread([&, thread, i] {
                        int& previous = last[static_cast<std::size_t>(thread)];
                        if (std::this_thread::get_id() != here || previous != i - 1) ++out_of_order;
                        previous = i;
                        ++done;
                    });
                }
            });
        }
        // A sleep between, so that wakes of a loop that blocks are part of it.
        while (done != threads * each) co_await sleep_for(100us);
        EXPECT_EQ(out_of_order, 0) << "each thread's work in the order in which it was posted";
    });
}

TEST(post, wakes_a_loop_that_has_nothing_else_to_do) {
    run_on_each_real_backend([]() -> task<> {
        for (int i = 0; i < 200; ++i) {
            const auto answer_4 = co_await offload(&twice, i);
            EXPECT_EQ(answer_4, 2 * i);  // its end is the only event
        }
    });
}

TEST(post, posted_work_may_cancel_tasks) {
    run_on_each_backend([]() -> task<> {
        task_group group;
        auto sleeper = group.spawn([]() -> task<> { co_await sleep_for(1h); });
        group.spawn([&]() -> task<> {
            loop::current().post_from_any_thread([&] { sleeper.cancel(); });
            co_return;
        });
        co_await group.run();
        EXPECT_TRUE(sleeper.was_cancelled());
    });
}

}  // namespace
}  // namespace simul
