// SPDX-License-Identifier: Apache-2.0
//
// A call whose task is thrown away does nothing, which is never meant (S026).
//
// expect: a task does nothing until it is awaited or spawned
#include "simul/coro/task.hpp"

simul::task<> nothing() {
    co_return;
}

int main() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    nothing().discard();
#else
    nothing();
#endif
}
