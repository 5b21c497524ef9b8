// SPDX-License-Identifier: Apache-2.0
//
// A task has one result: co_yield belongs into a generator (S026).
//
// expect: yield_value
#include "simul/coro/task.hpp"

simul::task<int> counts() {
#if !defined(SIMUL_COMPILE_FAIL_CONTROL)
    co_yield 1;
#endif
    co_return 2;
}

int main() {
    counts().discard();
}
