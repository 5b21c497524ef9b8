// SPDX-License-Identifier: Apache-2.0
//
// GCC2: co_await behind && in a loop condition or an argument is evaluated although the left side
// decided.
#include "probe.hpp"

static int evaluations = 0;

static task<bool> count() {
    ++evaluations;
    co_return co_await later<bool>{true};
}

static bool same(bool value) {
    return value;
}

static task<> probe(bool no) {
    int turns = 0;
#if defined(PROBE_CONTROL)
    while (no) {
        const bool more = co_await count();
        if (!more) break;
        ++turns;
    }
    bool result = false;
    if (no) result = co_await count();
    result = same(result);
#else
    while (no && co_await count()) ++turns;
    const bool result = same(no && co_await count());
#endif
    if (turns != 0 || result) present("the result is wrong");
}

int main() {
    probe(false).run();
    if (evaluations != 0) present("short-circuit evaluation was lost");
    return finish();
}
