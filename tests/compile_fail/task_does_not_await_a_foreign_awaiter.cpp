// SPDX-License-Identifier: Apache-2.0
//
// An awaiter of the language has no way to be cancelled: it must be made an operation (S022).
//
// expect: co_await needs an awaitable
#include <coroutine>

#include "simul/coro/task.hpp"

simul::task<> waits() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    co_return;
#else
    co_await std::suspend_never{};
#endif
}

int main() {
    waits().discard();
}
