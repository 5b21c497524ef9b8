// SPDX-License-Identifier: Apache-2.0
//
// GCC8: a std::initializer_list in an awaited expression is rejected.
#include "probe.hpp"

#include <vector>

static task<int> sum(std::vector<int> values) {
    int total = 0;
    for (const int value : values) total += value;
    co_return co_await later<int>{total};
}

static task<> probe() {
#if defined(PROBE_CONTROL)
    const std::vector<int> values{1, 2, 3};
    const int total = co_await sum(values);
#else
    const int total = co_await sum(std::vector<int>{1, 2, 3}) + co_await sum({1, -1});
#endif
    if (total != 6) present("the wrong value arrived");
}

int main() {
    probe().run();
    return finish();
}
