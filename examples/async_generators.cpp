// SPDX-License-Identifier: Apache-2.0
//
// PEP 525 and PEP 530: a coroutine that both waits and yields, a loop over it, and lists made from
// it. Look at the times: a loop over an asynchronous generator waits for each item in turn. Others
// may run meanwhile, but the items of one generator are never made at the same time.
#include <chrono>
#include <cstdio>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/printing.hpp"
#include "support/stopwatch.hpp"

using namespace std::chrono_literals;

simul::async_generator<int> powers_of_two(int up_to) {
    for (int exponent = 0; exponent < up_to; ++exponent) {
        co_yield 1 << exponent;
        co_await simul::sleep_for(100ms);
    }
}

// Generators can be put in front of each other: this one lets through what the other makes.
simul::async_generator<int> only(bool (*wanted)(int), simul::async_generator<int> source) {
    while (auto item = co_await source.next()) {
        if (wanted(*item)) co_yield *item;
    }
}

simul::task<> program() {
    examples::stopwatch watch;

    // Python: g = [i async for i in mygen()]
    std::vector<int> all = co_await simul::collect(powers_of_two(10));
    examples::print("all: ", all);
    std::printf("after %.1f s\n", watch.seconds());

    // Python: f = [j async for j in mygen() if not (j // 3 % 5)]
    const auto wanted = [](int item) { return item / 3 % 5 == 0; };
    std::vector<int> some = co_await simul::collect(only(wanted, powers_of_two(10)));
    examples::print("some: ", some);
    std::printf("after %.1f s\n", watch.seconds());

    // Python: async for i in mygen()
    int sum = 0;
    auto powers = powers_of_two(10);
    while (auto item = co_await powers.next()) sum += *item;
    std::printf("sum: %d, after %.1f s\n", sum, watch.seconds());

    // Two loops at once do overlap, because each is a task.
    auto [first, second] =
        co_await simul::gather(simul::collect(powers_of_two(10)), simul::collect(powers_of_two(5)));
    std::printf("%zu and %zu items, after %.1f s\n", first.size(), second.size(), watch.seconds());
}

int main() {
    simul::run(program());
}
