// SPDX-License-Identifier: Apache-2.0
//
// GCC4: ?: that makes an object, in an awaited expression.
#include "probe.hpp"

static tracked make(int value) {
    return tracked{value};
}

static task<int> use(tracked given) {
    co_return co_await later<int>{given.value()};
}

static task<> probe(bool first) {
    int value = 0;
#if defined(PROBE_CONTROL)
    tracked chosen;
    if (first) {
        chosen = make(1);
    } else {
        chosen = make(2);
    }
    value = co_await use(chosen);
#else
    value = co_await use(first ? make(1) : make(2));
#endif
    if (value != (first ? 1 : 2)) present("the wrong value arrived");
}

int main() {
    probe(true).run();
    probe(false).run();
    return finish();
}
