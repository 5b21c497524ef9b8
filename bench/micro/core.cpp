// SPDX-License-Identifier: Apache-2.0
//
// What the parts that every program is made of cost: CPU time of one operation, on one thread.
#include <chrono>
#include <cstdint>
#include <vector>

#include "measure.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"

namespace {

using namespace std::chrono_literals;
using bench::stopwatch;
using simul::task;

constexpr std::size_t many = 5'000'000;
constexpr std::size_t a_batch = 10'000;

[[gnu::noinline]] task<int> ready_child() {
    co_return 1;
}

task<> no_work() {
    co_return;
}

task<> yield_often(std::size_t times) {
    for (std::size_t i = 0; i != times; ++i) co_await simul::yield_now();
}

task<> sleep(std::chrono::nanoseconds length) {
    co_await simul::sleep_for(length);
}

// The same on every machine and in every run.
class random_numbers {
public:
    std::uint64_t operator()() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

private:
    std::uint64_t state_ = 88'172'645'463'325'252U;
};

task<> await_ready_children() {
    const stopwatch watch;
    for (std::size_t i = 0; i != many; ++i) {
        int value = co_await ready_child();
        bench::keep(value);
    }
    watch.report("await a ready child", many);
}

task<> spawn_and_join_one() {
    co_await simul::with_task_group([](simul::task_group& group) -> task<> {
        const stopwatch watch;
        for (std::size_t i = 0; i != many; ++i) {
            auto child = group.spawn(ready_child());
            int value = co_await child;
            bench::keep(value);
        }
        watch.report("spawn and join one", many);
    });
}

task<> spawn_and_join_batches() {
    const stopwatch watch;
    for (std::size_t i = 0; i != many / a_batch; ++i) {
        co_await simul::with_task_group([](simul::task_group& group) -> task<> {
            for (std::size_t k = 0; k != a_batch; ++k) group.spawn(no_work());
            co_return;
        });
    }
    watch.report("spawn and join, 10,000 at a time", many);
}

task<> reschedule() {
    {
        const stopwatch watch;
        co_await yield_often(many);
        watch.report("reschedule, one task", many);
    }
    const stopwatch watch;
    co_await simul::with_task_group([](simul::task_group& group) -> task<> {
        for (int i = 0; i != 100; ++i) group.spawn(yield_often(many / 100));
        co_return;
    });
    watch.report("reschedule, 100 tasks", many);
}

task<> hand_over() {
    co_await simul::with_task_group([](simul::task_group& group) -> task<> {
        simul::queue<std::size_t> there{1};
        simul::queue<std::size_t> back{1};
        group.spawn([&]() -> task<> {
            for (std::size_t i = 0; i != many / 5; ++i) {
                const std::size_t item = co_await there.get();
                co_await back.put(item);
            }
        });
        const stopwatch watch;
        for (std::size_t i = 0; i != many / 5; ++i) {
            co_await there.put(i);
            std::size_t item = co_await back.get();
            bench::keep(item);
        }
        watch.report("round trip between two tasks by queues", many / 5);
    });
}

task<> lock() {
    simul::mutex mutex;
    const stopwatch watch;
    for (std::size_t i = 0; i != many; ++i) {
        auto held = co_await mutex.acquire();
        bench::keep(held);
    }
    watch.report("lock and unlock a free mutex", many);
}

task<> time_limits() {
    const stopwatch watch;
    for (std::size_t i = 0; i != many / 5; ++i) {
        int value = co_await simul::timeout(1h, ready_child());
        bench::keep(value);
    }
    watch.report("time-out around a ready child", many / 5);
}

void arm_and_cancel() {
    constexpr std::size_t count = 1'000'000;
    random_numbers random;
    simul::loop& loop = simul::loop::current();
    struct silent_timer : simul::timer {
        silent_timer() noexcept : timer{[](simul::timer&) noexcept {}} {}
    };
    std::vector<silent_timer> timers(count);
    const simul::time_point start = loop.now();
    const stopwatch watch;
    for (simul::timer& each : timers) {
        each.deadline = start + 10s + std::chrono::nanoseconds{random() % 3'600'000'000'000U};
        loop.arm(each);
    }
    for (simul::timer& each : timers) loop.disarm(each);
    watch.report("arm and cancel a timer", count);
}

// Each tells when it was the last one.
struct counted_timer : simul::timer {
    counted_timer() noexcept : timer{&count_down} {}

    static void count_down(simul::timer& self) noexcept {
        auto& own = static_cast<counted_timer&>(self);
        if (--*own.left == 0) own.all_have_fired->set();
    }

    std::size_t* left = nullptr;
    simul::event* all_have_fired = nullptr;
};

// Whole milliseconds, since some of the peers have no others.
task<> fire() {
    constexpr std::size_t count = 100'000;
    random_numbers random;
    simul::loop& loop = simul::loop::current();
    simul::event all_have_fired;
    std::size_t left = count;
    std::vector<counted_timer> timers(count);
    const stopwatch watch;
    const simul::time_point start = loop.now();
    for (counted_timer& each : timers) {
        each.left = &left;
        each.all_have_fired = &all_have_fired;
        each.deadline = start + std::chrono::milliseconds{random() % 200U};
        loop.arm(each);
    }
    co_await all_have_fired.wait();
    watch.report("arm and fire a timer", count);
}

task<> sleep_and_wake() {
    constexpr std::size_t count = 100'000;
    const stopwatch watch;
    co_await simul::with_task_group([](simul::task_group& group) -> task<> {
        random_numbers random;
        for (std::size_t i = 0; i != count; ++i) {
            group.spawn(sleep(std::chrono::nanoseconds{random() % 200'000'000U}));
        }
        co_return;
    });
    watch.report("spawn, sleep and wake", count);
}

task<> measure_all() {
    co_await await_ready_children();
    co_await spawn_and_join_one();
    co_await spawn_and_join_batches();
    co_await reschedule();
    co_await hand_over();
    co_await lock();
    co_await time_limits();
    arm_and_cancel();
    co_await fire();
    co_await sleep_and_wake();
}

}  // namespace

int main() {
    simul::run(measure_all());
}
