// SPDX-License-Identifier: Apache-2.0
//
// countasync.py: three counters that wait at the same time, and so take one second together.
// Compare with countsync.cpp, which takes three.
#include <chrono>
#include <cstdio>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/stopwatch.hpp"

using namespace std::chrono_literals;

simul::task<> count() {
    std::puts("One");
    co_await simul::sleep_for(1s);  // the other counters run meanwhile
    std::puts("Two");
}

simul::task<> program() {
    examples::stopwatch watch;
    co_await simul::gather(count(), count(), count());
    std::printf("countasync.py executed in %.2f seconds.\n", watch.seconds());
}

int main() {
    simul::run(program());
}
