// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about limits of time.
#include <array>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/deadline.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

template <class Limited>
task<bool> times_out(Limited limited) {
    bool expired = false;
    try {
        co_await std::move(limited);
    } catch (const timed_out&) {
        expired = true;
    }
    co_return expired;
}

// A limit around a group that cancels itself, and takes longer than that to clean up, passes.
VIRTUAL_WORLD_TEST(C5, group_that_cancels_itself_does_not_hide_the_limit_around_it) {
    const time_point start = now();
    const auto clean_up = []() -> task<> { co_await sleep_for(10s); };
    task_group group;
    group.spawn([&]() -> task<> {
        auto cleanup = clean_up();
        co_await finally(sleep_for(1h), std::move(cleanup));
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        group.cancel();
    });
    const bool expired = co_await times_out(timeout(5s, group.run()));
    EXPECT_TRUE(expired);
    EXPECT_EQ(now() - start, 11s);
}

// A group that cancels itself and is done before the limit is no time-out.
VIRTUAL_WORLD_TEST(C5, group_that_cancels_itself_in_time_ends_normally) {
    const time_point start = now();
    task_group group;
    group.spawn([]() -> task<> { co_await sleep_for(1h); });
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        group.cancel();
    });
    const bool expired = co_await times_out(timeout(5s, group.run()));
    EXPECT_FALSE(expired);
    EXPECT_EQ(now() - start, 1s);
    co_await sleep_for(10s);
}

// A time-out around the wait for a condition returns when the lock is held again.
VIRTUAL_WORLD_TEST(C7, time_out_of_a_condition_ends_when_its_lock_is_held_again) {
    const time_point start = now();
    mutex lock;
    condition changed;
    bool other_holds = false;
    task_group group;
    group.spawn([&]() -> task<> {
        mutex_guard guard = co_await lock.acquire();
        const bool expired = co_await times_out(timeout(2s, changed.wait(guard)));
        EXPECT_TRUE(expired);
        EXPECT_TRUE(static_cast<bool>(guard));
        EXPECT_TRUE(lock.is_held());
        EXPECT_FALSE(other_holds);
        EXPECT_EQ(now() - start, 5s);
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        const mutex_guard guard = co_await lock.acquire();
        other_holds = true;
        co_await sleep_for(4s);
        other_holds = false;
    });
    co_await group.run();
    EXPECT_FALSE(lock.is_held());
}

// Zero, less than zero, and a time that has passed: the work is not started, and is destroyed.
EVERY_WORLD_TEST(C8, limit_of_zero_or_less_does_not_start_the_work) {
    int alive = 0;
    int begun = 0;
    const auto work = [&](counted_object) -> task<> {
        ++begun;
        co_return;
    };
    const bool zero = co_await times_out(timeout(0s, work(counted_object{alive})));
    EXPECT_TRUE(zero);
    const bool negative = co_await times_out(timeout(-5s, work(counted_object{alive})));
    EXPECT_TRUE(negative);
    const bool past = co_await times_out(timeout_at(now() - 1s, work(counted_object{alive})));
    EXPECT_TRUE(past);
    deadline passed{now() - 1s};
    const bool movable = co_await times_out(timeout(passed, work(counted_object{alive})));
    EXPECT_TRUE(movable);
    const auto nothing = co_await move_on_after(0s, work(counted_object{alive}));
    EXPECT_FALSE(nothing.has_value());
    EXPECT_EQ(begun, 0);
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(this_task::is_cancelled());
}

// The original swallows the request of the time-out and returns. Here work that cannot be stopped
// any more, as it is shielded or has been stopped before its last await, delivers its result.
VIRTUAL_WORLD_TEST(T14, result_that_comes_in_spite_of_the_limit_is_returned) {
    const auto looks_at_the_stop = []() -> task<int> {
        const auto stopped = co_await as_outcome(sleep_for(1h));
        co_return stopped.is_cancelled() ? 42 : 0;
    };
    const int looked = co_await timeout(1s, looks_at_the_stop());
    EXPECT_EQ(looked, 42);
    const auto is_shielded = []() -> task<int> {
        co_await shield(sleep_for(5s));
        co_return 43;
    };
    const int shielded = co_await timeout(1s, is_shielded());
    EXPECT_EQ(shielded, 43);
    co_await sleep_for(1s);
    EXPECT_FALSE(this_task::is_cancelled());
}

// A limit that is zero or negative raises, and the body is never entered.
EVERY_WORLD_TEST(T15, body_of_a_limit_of_zero_or_less_is_never_entered) {
    constexpr std::array limits{0ms, -1ms, -100ms};
    bool entered = false;
    const auto body = [&]() -> task<> {
        entered = true;
        co_return;
    };
    for (const auto limit : limits) {
        const bool expired = co_await times_out(timeout(limit, body()));
        EXPECT_TRUE(expired);
    }
    EXPECT_FALSE(entered);
}

// The time-out is seen when the cleanup of the work has run, not before.
VIRTUAL_WORLD_TEST(T16, time_out_waits_for_the_cleanup_of_its_work) {
    const time_point start = now();
    int alive = 0;
    bool cleaned = false;
    const auto clean_up = [&]() -> task<> {
        co_await sleep_for(2s);
        cleaned = true;
    };
    const auto work = [&]() -> task<> {
        const counted_object local{alive};
        auto cleanup = clean_up();
        co_await finally(sleep_for(1h), std::move(cleanup));
    };
    const bool expired = co_await times_out(timeout(1s, work()));
    EXPECT_TRUE(expired);
    EXPECT_TRUE(cleaned);
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(now() - start, 3s);
}

// A limit inside the cleanup of an expired one works as anywhere.
VIRTUAL_WORLD_TEST(T18, limit_inside_the_cleanup_of_an_expired_one_works) {
    const time_point start = now();
    int value = 0;
    const auto answer = []() -> task<int> {
        co_await sleep_for(1s);
        co_return 42;
    };
    const auto clean_up = [&]() -> task<> {
        const bool expired = co_await times_out(timeout(2s, sleep_for(1h)));
        EXPECT_TRUE(expired);
        value = co_await timeout(2s, answer());
    };
    auto cleanup = clean_up();
    const bool expired =
        co_await times_out(timeout(1s, finally(sleep_for(1h), std::move(cleanup))));
    EXPECT_TRUE(expired);
    EXPECT_EQ(value, 42);
    EXPECT_EQ(now() - start, 4s);
}

// The time-out of a cleanup does not hide the error that led to it: it is kept beside that.
VIRTUAL_WORLD_TEST(T18, time_out_of_a_cleanup_is_kept_beside_the_error_of_the_work) {
    const auto fail = []() -> task<> {
        co_await sleep_for(1s);
        throw std::runtime_error{"work"};
    };
    const auto clean_up = []() -> task<> { co_await timeout(1s, sleep_for(1h)); };
    std::exception_ptr caught;
    auto cleanup = clean_up();
    try {
        co_await timeout(10s, finally(fail(), std::move(cleanup)));
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), std::string{"work"});
        caught = std::current_exception();
    }
    EXPECT_NE(caught, nullptr);
    const auto later = suppressed(caught);
    EXPECT_EQ(later.size(), 1U);
    for (const auto& each : later) EXPECT_THROW(std::rethrow_exception(each), timed_out);
}

// A limit that was moved later passes at the new time, and what it tells matches that.
VIRTUAL_WORLD_TEST(T20, limit_that_was_moved_passes_at_its_new_time) {
    const time_point start = now();
    deadline limit{2s};
    bool expired = false;
    task_group group;
    const auto clean_up = [&]() -> task<> {
        EXPECT_TRUE(limit.has_expired());
        EXPECT_FALSE(limit.reschedule(1s)) << "what has passed cannot be taken back";
        co_return;
    };
    group.spawn([&]() -> task<> {
        auto cleanup = clean_up();
        expired = co_await times_out(timeout(limit, finally(sleep_for(1h), std::move(cleanup))));
        EXPECT_EQ(now(), start + 5s);
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        EXPECT_TRUE(limit.reschedule(4s));
        EXPECT_EQ(limit.when(), start + 5s);
        co_await sleep_for(3s);
        EXPECT_FALSE(limit.has_expired());
    });
    co_await group.run();
    EXPECT_TRUE(expired);
    EXPECT_TRUE(limit.has_expired());
    EXPECT_EQ(limit.when(), start + 5s);
}

}  // namespace
}  // namespace simul
