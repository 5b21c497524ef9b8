// SPDX-License-Identifier: Apache-2.0
//
// The first program of the README.
#include <chrono>
#include <cstdio>

#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"

using namespace std::chrono_literals;

simul::task<> countdown(const char* name, int steps) {
    for (; steps > 0; --steps) {
        std::printf("%s: T-%d\n", name, steps);
        co_await simul::sleep_for(1s);
    }
    std::printf("%s: lift-off\n", name);
}

simul::task<> program() {
    simul::task_group group;
    group.spawn(countdown("A", 5));
    group.spawn(countdown("B", 3));
    co_await group.run();  // returns when both have ended, however they end
}

int main() {
    simul::run(program());
}
