// SPDX-License-Identifier: Apache-2.0
//
// GCC5: throw E(co_await …) destroys the exception object early.
#include "probe.hpp"

struct failure {
    explicit failure(int value) : content{value} {}
    tracked content;
};

static task<int> code() {
    co_return co_await later<int>{5};
}

static task<> probe() {
#if defined(PROBE_CONTROL)
    const int value = co_await code();
    throw failure(value);
#else
    throw failure(co_await code());
#endif
}

int main() {
    bool caught = false;
    try {
        probe().run();
    } catch (const failure& thrown) {
        caught = thrown.content.value() == 5;
    }
    if (!caught) present("the exception did not arrive");
    return finish();
}
