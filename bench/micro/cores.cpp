// SPDX-License-Identifier: Apache-2.0
//
// What several cores bring: the rate of turns on one and on all, and a call from one to another.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <thread>

#include "measure.hpp"
#include "simul/concurrency/cores.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/runtime/sleep.hpp"

namespace {

using simul::core;
using simul::task;

constexpr std::size_t turns = 5'000'000;
constexpr std::size_t calls = 100'000;

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

simul::cores_options on(std::size_t count) {
    simul::cores_options options;
    options.count = count;
    return options;
}

task<> take_turns(core&) {
    for (std::size_t i = 0; i != turns; ++i) co_await simul::yield_now();
}

/// Turns in a second, all cores together.
double rate_on(std::size_t count) {
    const auto start = std::chrono::steady_clock::now();
    simul::run_on_cores(take_turns, on(count));
    return static_cast<double>(turns * count) / seconds_since(start);
}

task<int> answer(int number) {
    co_return number;
}

void measure_calls() {
    simul::event is_over;
    const auto end = [&]() -> task<> {
        is_over.set();
        co_return;
    };
    const auto program = [&](core& here) -> task<> {
        if (here.index() == 1) {
            co_await is_over.wait();
        } else {
            const auto start = std::chrono::steady_clock::now();
            for (std::size_t i = 0; i != calls; ++i) {
                int number = co_await here.call(1, answer, 1);
                bench::keep(number);
            }
            std::printf("{\"call of a task on another core, nanoseconds\": %.0f}\n",
                        seconds_since(start) * 1e9 / calls);
            co_await here.call(1, end);
        }
    };
    simul::run_on_cores(program, on(2));
}

}  // namespace

int main() {
    const std::size_t count = std::max(2U, std::thread::hardware_concurrency());
    const double one = rate_on(1);
    const double all = rate_on(count);
    std::printf(
        "{\"cores\": %zu, \"turns a second on one\": %.0f, \"on all\": %.0f, \"ratio\": %.2f}\n",
        count, one, all, all / one);
    measure_calls();
}
