// SPDX-License-Identifier: Apache-2.0
//
// What cannot be awaited gets a message that says what can (S022, S026).
//
// expect: co_await needs an awaitable
#include "simul/coro/task.hpp"

simul::task<> waits() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    co_return;
#else
    co_await 5;
#endif
}

int main() {
    waits().discard();
}
