// SPDX-License-Identifier: Apache-2.0
//
// gather: two tasks of three and of ten seconds take ten together, and their results come in the
// order in which the tasks were given.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <utility>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/printing.hpp"
#include "support/stopwatch.hpp"

using numbers = std::vector<int>;

simul::task<numbers> reversed(numbers sequence) {
    co_await simul::sleep_for(std::chrono::seconds{std::ranges::max(sequence)});
    std::ranges::reverse(sequence);
    co_return sequence;
}

simul::task<> program() {
    examples::stopwatch watch;
    numbers small{3, 2, 1};
    numbers large{10, 5, 0};

    std::cout << "start: " << watch.whole_seconds() << " s\n";
    auto [first, second] = co_await simul::gather(reversed(small), reversed(large));
    std::cout << "end: " << watch.whole_seconds() << " s\n";
    examples::print("first: ", first);
    examples::print("second: ", second);

    // For a number of tasks that only the running program knows: a vector of them.
    std::vector<simul::task<numbers>> tasks;
    for (int n = 1; n <= 3; ++n) {
        numbers sequence{n, 0};
        tasks.push_back(reversed(std::move(sequence)));
    }
    for (const numbers& result : co_await simul::gather(std::move(tasks))) {
        examples::print("of many: ", result);
    }
    std::cout << "end: " << watch.whole_seconds() << " s\n";
}

int main() {
    simul::run(program());
}
