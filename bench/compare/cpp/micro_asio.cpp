// SPDX-License-Identifier: Apache-2.0
//
// What the parts of asio with coroutines cost, under the names that bench/micro/core.cpp gives
// them.
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <system_error>
#include <vector>

#include <asio.hpp>
#include <asio/experimental/channel.hpp>

#include "../../micro/measure.hpp"

namespace {

using asio::awaitable;
using asio::co_spawn;
using asio::detached;
using asio::use_awaitable;
using bench::stopwatch;
using channel = asio::experimental::channel<void(std::error_code, int)>;

constexpr long many = 1'000'000;
constexpr long a_batch = 10'000;

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

// Waits until something has been counted down, by the cancellation of a timer.
class countdown {
public:
    countdown(asio::io_context& context, long count)
        : timer_{context, asio::steady_timer::time_point::max()}, left_{count} {}

    void one_less() {
        if (--left_ == 0) timer_.cancel();
    }

    awaitable<void> wait() {
        try {
            co_await timer_.async_wait(use_awaitable);
        } catch (const std::system_error&) {
            // Cancelled: all of them are done.
        }
    }

private:
    asio::steady_timer timer_;
    long left_;
};

[[gnu::noinline]] awaitable<int> ready_child() {
    co_return 1;
}

awaitable<void> yield_often(asio::io_context& context, long times) {
    for (long i = 0; i != times; ++i) co_await asio::post(context, use_awaitable);
}

awaitable<void> sleep(asio::io_context& context, std::chrono::nanoseconds length) {
    asio::steady_timer timer{context, length};
    co_await timer.async_wait(use_awaitable);
}

awaitable<void> tasks(asio::io_context& context) {
    {
        const stopwatch watch;
        for (long i = 0; i != many; ++i) {
            int value = co_await ready_child();
            bench::keep(value);
        }
        watch.report("await a ready child", many);
    }
    {
        const stopwatch watch;
        for (long i = 0; i != many; ++i) {
            int value = co_await co_spawn(context, ready_child(), use_awaitable);
            bench::keep(value);
        }
        watch.report("spawn and join one", many);
    }
    const stopwatch watch;
    for (long round = 0; round != many / a_batch; ++round) {
        countdown all{context, a_batch};
        for (long i = 0; i != a_batch; ++i) {
            co_spawn(context, ready_child(), [&](std::exception_ptr, int) { all.one_less(); });
        }
        co_await all.wait();
    }
    watch.report("spawn and join, 10,000 at a time", many);
}

awaitable<void> reschedule(asio::io_context& context) {
    {
        const stopwatch watch;
        co_await yield_often(context, many);
        watch.report("reschedule, one task", many);
    }
    countdown all{context, 100};
    const stopwatch watch;
    for (int i = 0; i != 100; ++i) {
        co_spawn(context, yield_often(context, many / 100),
                 [&](std::exception_ptr) { all.one_less(); });
    }
    co_await all.wait();
    watch.report("reschedule, 100 tasks", many);
}

awaitable<void> send_back(channel& there, channel& back) {
    for (long i = 0; i != many; ++i) {
        const int item = co_await there.async_receive(use_awaitable);
        co_await back.async_send(std::error_code{}, item, use_awaitable);
    }
}

awaitable<void> hand_over(asio::io_context& context) {
    channel there{context, 1};
    channel back{context, 1};
    co_spawn(context, send_back(there, back), detached);
    const stopwatch watch;
    for (int i = 0; i != many; ++i) {
        co_await there.async_send(std::error_code{}, i, use_awaitable);
        int item = co_await back.async_receive(use_awaitable);
        bench::keep(item);
    }
    watch.report("round trip between two tasks by queues", many);
}

awaitable<void> arm_and_cancel(asio::io_context& context) {
    random_numbers random;
    std::vector<std::unique_ptr<asio::steady_timer>> timers(many);
    const stopwatch watch;
    for (auto& each : timers) {
        each = std::make_unique<asio::steady_timer>(
            context, std::chrono::nanoseconds{10'000'000'000U + random() % 3'600'000'000'000U});
        each->async_wait([](std::error_code) {});
    }
    for (auto& each : timers) each->cancel();
    co_await asio::post(context, use_awaitable);
    watch.report("arm and cancel a timer", many);
}

awaitable<void> fire(asio::io_context& context) {
    constexpr long count = 100'000;
    random_numbers random;
    countdown all{context, count};
    std::vector<std::unique_ptr<asio::steady_timer>> timers(count);
    const stopwatch watch;
    for (auto& each : timers) {
        each = std::make_unique<asio::steady_timer>(context,
                                                    std::chrono::milliseconds{random() % 200U});
        each->async_wait([&](std::error_code) { all.one_less(); });
    }
    co_await all.wait();
    watch.report("arm and fire a timer", count);
}

awaitable<void> sleep_and_wake(asio::io_context& context) {
    constexpr long count = 100'000;
    random_numbers random;
    countdown all{context, count};
    const stopwatch watch;
    for (long i = 0; i != count; ++i) {
        const std::chrono::nanoseconds length{random() % 200'000'000U};
        co_spawn(context, sleep(context, length), [&](std::exception_ptr) { all.one_less(); });
    }
    co_await all.wait();
    watch.report("spawn, sleep and wake", count);
}

awaitable<void> measure_all(asio::io_context& context) {
    co_await tasks(context);
    co_await reschedule(context);
    co_await hand_over(context);
    co_await arm_and_cancel(context);
    co_await fire(context);
    co_await sleep_and_wake(context);
}

}  // namespace

int main() {
    asio::io_context context{1};
    co_spawn(context, measure_all(context), detached);
    context.run();
}
