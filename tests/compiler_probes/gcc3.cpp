// SPDX-License-Identifier: Apache-2.0
//
// GCC3: a temporary of aggregate type with a non-trivial member in an awaited expression.
#include "probe.hpp"

struct options {
    int limit = 0;
    tracked name;
};

static task<int> use(options given) {
    co_return co_await later<int>{given.limit + given.name.value()};
}

template <class Function>
static task<int> call(Function function) {
    co_return co_await later<int>{function()};
}

static task<> probe() {
    tracked captured{3};
#if defined(PROBE_CONTROL)
    options given{1, tracked{2}};
    const int first = co_await use(given);
    auto function = [captured] { return captured.value(); };
    const int second = co_await call(function);
#else
    const int first = co_await use({.limit = 1, .name = tracked{2}});
    const int second = co_await call([captured] { return captured.value(); });
#endif
    if (first != 3 || second != 3) present("the wrong value arrived");
}

int main() {
    probe().run();
    return finish();
}
