// SPDX-License-Identifier: Apache-2.0
//
// A plain generator is no awaitable (S022).
//
// expect: co_await needs an awaitable
#include "simul/coro/generator.hpp"
#include "simul/coro/task.hpp"

simul::generator<int> counts() {
    co_yield 1;
}

simul::task<> waits() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    for (const int value : counts()) static_cast<void>(value);
    co_return;
#else
    co_await counts();
#endif
}

int main() {
    waits().discard();
}
