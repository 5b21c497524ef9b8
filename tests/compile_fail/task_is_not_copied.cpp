// SPDX-License-Identifier: Apache-2.0
//
// A task has one owner.
//
// expect(g++): use of deleted function
// expect(clang): deleted
#include <utility>

#include "simul/coro/task.hpp"

simul::task<> nothing() {
    co_return;
}

int main() {
    auto first = nothing();
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    auto second = std::move(first);
#else
    auto second = first;
#endif
    second.discard();
}
