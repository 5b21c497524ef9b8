// SPDX-License-Identifier: Apache-2.0
//
// A task is awaited once, so a named one must be moved (S026).
//
// expect: A task variable must be moved
#include <utility>

#include "simul/coro/task.hpp"

simul::task<> nothing() {
    co_return;
}

simul::task<> waits() {
    auto later = nothing();
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    co_await std::move(later);
#else
    co_await later;
#endif
}

int main() {
    waits().discard();
}
