// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about turns: who is next, and that nobody is starved.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/callback.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/clock.hpp"
#include "support/connected_sockets.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;

// Tasks and callbacks stand in one line, and each turn ends at its end.
TEST(K1, tasks_and_callbacks_have_their_turns_in_the_order_of_their_arrival) {
    for (const backend_kind backend : test::test_backends()) {
        for (const start_policy start : {start_policy::queued, start_policy::eager}) {
            SCOPED_TRACE(test::name_of(backend));
            std::string log;
            const auto program = [&]() -> task<> {
                task_group group;
                for (const char name : {'a', 'b', 'c'}) {
                    group.spawn([&, name]() -> task<> {
                        co_await yield_now();
                        call_soon([&, name] { log.push_back(static_cast<char>(name - 32)); });
                        for (int turn = 0; turn != 3; ++turn) {
                            log.push_back(name);
                            co_await yield_now();
                        }
                    });
                }
                co_await group.run();
            };
            testing::run_test(program, testing::test_options{}.on(backend).starting(start));
            EXPECT_EQ(log, "abcAaBbCcabc");
        }
    }
}

// A pass ends with those that were there when it began: what comes meanwhile waits for the next.
EVERY_WORLD_TEST(K1, what_is_posted_in_a_turn_has_its_turn_in_the_next_pass) {
    co_await yield_now();  // the first turn of a guest comes before its pass, as posted work
    loop& running = loop::current();
    std::vector<std::uint64_t> passes;
    event done;
    const auto note = [&] { passes.push_back(running.statistics().passes); };
    call_soon([&] {
        note();
        call_soon([&] {
            note();
            running.post_from_any_thread([&] {
                note();
                done.set();
            });
        });
    });
    const std::uint64_t before = running.statistics().passes;
    co_await yield_now();
    EXPECT_EQ(running.statistics().passes, before + 1);
    co_await done.wait();
    EXPECT_EQ(passes, (std::vector<std::uint64_t>{before + 1, before + 2, before + 3}));
}

constexpr int turns_until_starved = 20'000;

// What posts itself again each time it is called, until it is told to stop or has had far too many
// turns.
class restless {
public:
    enum class door { call_soon, post };

    explicit restless(door by) : by_{by} { post(); }

    /// Waits until it has had its last turn.
    task<int> stop() {
        is_stopping_ = true;
        co_await ended_.wait();
        co_return turns_;
    }

private:
    void post() {
        if (by_ == door::call_soon) {
            call_soon([this] { turn(); });
        } else {
            loop::current().post_from_any_thread([this] { turn(); });
        }
    }

    void turn() {
        loop& running = loop::current();
        // Virtual time stands while something is ready, so it has to be pushed.
        if (running.is_simulated()) testing::advance_clock(1us);
        if (!is_stopping_ && ++turns_ < turns_until_starved) return post();
        ended_.set();
    }

    door by_;
    bool is_stopping_ = false;
    int turns_ = 0;
    event ended_;
};

// A callback that is always ready again holds up neither tasks, nor timers, nor other threads'
// posts, nor the network.
EVERY_WORLD_TEST(K1, callback_that_posts_itself_starves_nobody) {
    auto [near, far] = test::connected_sockets();
    const std::pair ends{near.release(), far.release()};
    restless busy{restless::door::call_soon};
    task_group group;
    group.spawn([]() -> task<> {
        for (int turn = 0; turn != 20; ++turn) co_await yield_now();
    });
    group.spawn([]() -> task<> {
        for (int turn = 0; turn != 3; ++turn) co_await sleep_for(1us);
    });
    group.spawn([]() -> task<> {
        event posted;
        loop::current().post_from_any_thread([&] { posted.set(); });
        co_await posted.wait();
    });
    group.spawn([&]() -> task<> {
        std::array<std::byte, 4> buffer{};
        const std::size_t count = co_await receive_from(ends.first, buffer);
        EXPECT_EQ(count, 4U);
    });
    group.spawn([&]() -> task<> {
        const std::array<std::byte, 4> bytes{};
        const std::size_t count = co_await send_to(ends.second, bytes);
        EXPECT_EQ(count, 4U);
    });
    co_await group.run();
    const int turns = co_await busy.stop();
    EXPECT_LT(turns, turns_until_starved);
    co_await close_descriptor(ends.first);
    co_await close_descriptor(ends.second);
}

// Nor does a task that always gets at once what it awaits: it has to queue after a while.
EVERY_WORLD_TEST(K1, task_whose_awaits_never_wait_starves_nobody) {
    bool stop = false;
    int turns = 0;
    queue<int> always;
    task_group group;
    group.spawn([&]() -> task<> {
        while (!stop) {
            if (++turns == turns_until_starved) break;
            co_await always.put(1);
            co_await always.get();
        }
    });
    group.spawn([&]() -> task<> {
        co_await yield_now();
        stop = true;
    });
    co_await group.run();
    EXPECT_LT(turns, turns_until_starved);
}

// Work that comes through the door for other threads, and comes again each time, leaves tasks their
// turns: one for each of its own.
EVERY_WORLD_TEST(T55, post_that_posts_itself_does_not_starve_tasks) {
    restless busy{restless::door::post};
    for (int turn = 0; turn != 50; ++turn) co_await yield_now();
    const int turns = co_await busy.stop();
    EXPECT_GE(turns, 49);
    EXPECT_LE(turns, 51);
}

// How many are at work at once, on whatever threads.
class shop_floor {
public:
    void work() {
        const std::size_t now = ++inside_;
        std::size_t before = peak_.load();
        while (before < now && !peak_.compare_exchange_weak(before, now)) {
        }
        std::this_thread::sleep_for(10us);
        --inside_;
    }

    [[nodiscard]] std::size_t peak() const { return peak_; }
    [[nodiscard]] bool is_empty() const { return inside_ == 0; }

private:
    std::atomic<std::size_t> inside_{0};
    std::atomic<std::size_t> peak_{0};
};

task<> send_ten_and_cancel_half() {
    constexpr std::size_t most = 3;
    semaphore permits{most};
    shop_floor floor;
    std::size_t ended = 0;
    std::size_t stopped = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        std::vector<task_handle<>> callers;
        for (int number = 0; number != 10; ++number) {
            callers.push_back(group.spawn([&]() -> task<> {
                const semaphore_permit permit = co_await permits.acquire();
                co_await offload(&shop_floor::work, &floor);
                ++ended;
            }));
        }
        co_await yield_now();
        for (std::size_t number = 0; number < callers.size(); number += 2) {
            callers[number].cancel();
            if (number % 4 == 0) co_await yield_now();
        }
        for (task_handle<>& each : callers) {
            const auto over = co_await as_outcome(each);
            if (!over.has_value()) ++stopped;
        }
    });
    EXPECT_LE(floor.peak(), most);
    EXPECT_TRUE(floor.is_empty());
    EXPECT_EQ(ended + stopped, 10U);
    EXPECT_GE(ended, 5U);
    EXPECT_EQ(permits.available(), most);
}

// Of many who want a thread, half of them cancelled in all stages, never more than so many have
// one.
VIRTUAL_WORLD_TEST(T61, never_more_at_work_than_permits_although_callers_are_cancelled) {
    co_await send_ten_and_cancel_half();
}

// The same with real threads, which are slow to make: in a few orders only.
TEST(T61, never_more_threads_than_permits_although_callers_are_cancelled) {
    for (const backend_kind backend : test::test_backends()) {
        SCOPED_TRACE(test::name_of(backend));
        for (std::uint64_t seed = 1; seed != 21; ++seed) {
            testing::random_schedule order{seed};
            testing::run_test(&send_ten_and_cancel_half,
                              testing::test_options{}.on(backend).in_order_of(order));
        }
    }
}

}  // namespace
}  // namespace simul
