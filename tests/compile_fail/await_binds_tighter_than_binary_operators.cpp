// SPDX-License-Identifier: Apache-2.0
//
// co_await binds like a unary operator: tighter than the binary ones around it, so what is awaited
// here is the task on the left and not the sum (S027).
//
// expect: co_await needs an awaitable
#include "simul/coro/task.hpp"

simul::task<int> two() {
    co_return 2;
}

simul::task<int> adds() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    const int sum = co_await two() + 3;
#else
    const int sum = co_await (2 + 3);
#endif
    co_return sum;
}

int main() {
    adds().discard();
}
