// SPDX-License-Identifier: Apache-2.0
//
// py35_coro: a coroutine that awaits another and uses what it returned. Calling a coroutine makes
// an object and runs nothing; look at the order of the lines this prints.
#include <chrono>
#include <iostream>
#include <tuple>
#include <utility>

#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"

using namespace std::chrono_literals;

simul::task<std::tuple<int, int, int>> stuff() {
    co_await simul::yield_now();  // gives everybody else a turn, as await asyncio.sleep(0) does
    co_return std::tuple{0x10, 0x20, 0x30};
}

simul::task<int> py35_coro() {
    auto [first, second, third] = co_await stuff();
    std::cout << std::hex << std::showbase << first << ' ' << second << ' ' << third << '\n'
              << std::dec << std::noshowbase;
    co_return first + second + third;
}

simul::task<> hello() {
    std::cout << "Hello ..." << std::endl;
    co_await simul::sleep_for(1s);
    std::cout << "... World!\n";
}

int main() {
    simul::task<> routine = hello();
    std::cout << "called hello(): a task, and nothing has run\n";
    simul::run(std::move(routine));
    std::cout << "ran it; is there still a task? " << (routine ? "yes" : "no") << '\n';

    const int sum = simul::run(py35_coro());
    std::cout << "sum: " << sum << '\n';
}
