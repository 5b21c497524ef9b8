// SPDX-License-Identifier: Apache-2.0
//
// GCC1: co_await in a condition, in a coroutine without a local in its outermost scope.
#include "probe.hpp"

static task<bool> ready(bool value) {
    co_return co_await later<bool>{value};
}

static task<> probe(int& runs) {
#if defined(PROBE_CONTROL)
    const bool first = co_await ready(true);
    if (first) ++runs;
    const bool second = co_await ready(false);
    if (second) runs += 10;
#else
    if (co_await ready(true)) ++runs;
    if (co_await ready(false)) runs += 10;
#endif
}

int main() {
    int runs = 0;
    probe(runs).run();
    if (runs != 1) present("the wrong branch was taken");
    return finish();
}
