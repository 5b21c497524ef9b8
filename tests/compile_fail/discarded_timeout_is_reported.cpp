// SPDX-License-Identifier: Apache-2.0
//
// A time-out that is not awaited does nothing (S026).
//
// expect: nodiscard
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/task.hpp"
#include "simul/runtime/sleep.hpp"

using namespace std::chrono_literals;

simul::task<> waits() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    co_await simul::timeout(1s, simul::sleep_for(1s));
#else
    simul::timeout(1s, simul::sleep_for(1s));
    co_return;
#endif
}

int main() {
    waits().discard();
}
