// SPDX-License-Identifier: Apache-2.0
//
// countsync.py: the same three counters as in countasync.cpp, one after the other. The Python
// original blocks in time.sleep; what makes this slow is not how it waits, but that each counter is
// awaited before the next one is started.
#include <chrono>
#include <cstdio>

#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/stopwatch.hpp"

using namespace std::chrono_literals;

simul::task<> count() {
    std::puts("One");
    co_await simul::sleep_for(1s);
    std::puts("Two");
}

simul::task<> program() {
    examples::stopwatch watch;
    for (int turn = 0; turn < 3; ++turn) co_await count();
    std::printf("countsync.py executed in %.2f seconds.\n", watch.seconds());
}

int main() {
    simul::run(program());
}
