// SPDX-License-Identifier: Apache-2.0
//
// GCC9: co_await inside a statement expression crashes the compiler.
#include "probe.hpp"

static task<int> fetch() {
    co_return co_await later<int>{9};
}

static task<int> probe() {
#if defined(PROBE_CONTROL)
    const int fetched = co_await fetch();
    if (fetched < 0) co_return -1;
    const int value = fetched;
#else
    const int value = __extension__({
        const int fetched = co_await fetch();
        if (fetched < 0) co_return -1;
        fetched;
    });
#endif
    co_return value;
}

int main() {
    if (probe().run() != 9) present("the wrong value arrived");
    return finish();
}
