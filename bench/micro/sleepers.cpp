// SPDX-License-Identifier: Apache-2.0
//
// A million tasks that sleep, and are cancelled, and 100,000; a hundred thousand that wait at one
// queue.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "measure.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"

namespace {

using namespace std::chrono_literals;
using bench::stopwatch;
using simul::task;

task<> sleep_long() {
    co_await simul::sleep_for(24h);
}

task<> consume(simul::queue<int>& items) {
    int item = co_await items.get();
    bench::keep(item);
}

task<> many_sleepers() {
    constexpr std::size_t count = 1'000'000;
    const double before = bench::resident_bytes();
    co_await simul::with_task_group([&](simul::task_group& group) -> task<> {
        const stopwatch spawning;
        for (std::size_t each = 0; each != count; ++each) group.spawn(sleep_long());
        co_await simul::yield_now();
        spawning.report("spawn one of a million tasks that sleep", count);
        bench::report_bytes("memory of one of a million tasks that sleep",
                            (bench::resident_bytes() - before) / static_cast<double>(count));
        group.cancel();
    });
}

task<> cancel_sleepers(std::string_view operation, std::size_t count) {
    simul::task_group group;
    std::optional<stopwatch> cancelling;
    for (std::size_t each = 0; each != count; ++each) group.spawn(sleep_long());
    group.spawn([&]() -> task<> {
        co_await simul::yield_now();
        cancelling.emplace();
        group.cancel();
    });
    co_await group.run();
    cancelling->report(operation, count);
}

task<> many_consumers() {
    constexpr std::size_t count = 100'000;
    simul::queue<int> items;
    simul::task_group group;
    for (std::size_t each = 0; each != count; ++each) group.spawn(consume(items));
    std::optional<stopwatch> serving;
    group.spawn([&]() -> task<> {
        while (items.waiting_consumers() != count) co_await simul::yield_now();
        serving.emplace();
        for (std::size_t each = 0; each != count; ++each) co_await items.put(1);
    });
    co_await group.run();
    serving->report("serve one of 100,000 consumers at a queue", count);
}

task<> measure_all() {
    co_await many_sleepers();
    co_await cancel_sleepers("cancel one of a million tasks that sleep", 1'000'000);
    co_await cancel_sleepers("cancel one of 100,000 tasks that sleep", 100'000);
    co_await many_consumers();
}

}  // namespace

int main() {
    simul::run(measure_all());
}
