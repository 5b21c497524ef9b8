// SPDX-License-Identifier: Apache-2.0
//
// What a predicate must be is said, not found out inside of a coroutine.
//
// expect: the predicate of a view must take a const item of the stream
#include "simul/concurrency/views/create.hpp"
#include "simul/concurrency/views/select.hpp"

struct verdict {};

verdict judge(int) {
    return {};
}

simul::task<bool> is_odd(int number) {
    co_return number % 2 != 0;
}

int main() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    static_cast<void>(simul::views::range(3) | simul::views::filter(is_odd));
#else
    static_cast<void>(simul::views::range(3) | simul::views::filter(judge));
#endif
}
