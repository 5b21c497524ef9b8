// SPDX-License-Identifier: Apache-2.0
//
// The rocket countdown: three launches on one thread, each asleep nearly all the time.
// rocket_toy_loop.cpp runs the same countdown on a loop of its own.
#include <chrono>
#include <iostream>
#include <string>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/clock_text.hpp"

using namespace std::chrono_literals;
using examples::clock_text;
using std::chrono::seconds;

// Waits, and returns how long it really took.
simul::task<simul::duration> nap(seconds delay) {
    const auto start = simul::loop::current().now();
    co_await simul::sleep_for(delay);
    co_return simul::loop::current().now() - start;
}

simul::task<> countdown(std::string label, int length, seconds delay = 0s) {
    std::cout << label << " waiting " << delay.count() << " seconds before starting countdown\n";
    const auto waited = co_await nap(delay);
    std::cout << label << " starting after waiting " << clock_text(waited) << '\n';
    while (length > 0) {
        std::cout << label << " T-minus " << length << '\n';
        co_await nap(1s);
        --length;
    }
    std::cout << label << " lift-off!\n";
}

simul::task<> program() {
    const auto start = simul::loop::current().now();
    co_await simul::gather(countdown("A", 5), countdown("B", 3, 2s), countdown("C", 4, 1s));
    std::cout << "Total elapsed time is " << clock_text(simul::loop::current().now() - start)
              << '\n';
}

int main() {
    simul::run(program());
}
