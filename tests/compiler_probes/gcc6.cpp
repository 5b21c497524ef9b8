// SPDX-License-Identifier: Apache-2.0
//
// GCC6: a braced aggregate that holds both an await and a non-trivial member.
#include "probe.hpp"

struct record {
    tracked name;
    int value = 0;
};

static task<int> fetch() {
    co_return co_await later<int>{6};
}

static tracked make(int value) {
    return tracked{value};
}

static task<> probe() {
#if defined(PROBE_CONTROL)
    const int value = co_await fetch();
    record made{.name = make(1), .value = value};
#else
    record made{.name = make(1), .value = co_await fetch()};
#endif
    if (made.name.value() != 1 || made.value != 6) present("the wrong value arrived");
}

int main() {
    probe().run();
    return finish();
}
