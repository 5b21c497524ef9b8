// SPDX-License-Identifier: Apache-2.0
//
// A generator is driven by an ordinary loop and cannot wait: that is an async_generator (S026).
//
// expect: await_transform
#include "simul/coro/generator.hpp"
#include "simul/runtime/sleep.hpp"

simul::generator<int> counts() {
#if !defined(SIMUL_COMPILE_FAIL_CONTROL)
    co_await simul::yield_now();
#endif
    co_yield 1;
}

int main() {
    for (const int value : counts()) static_cast<void>(value);
}
