// SPDX-License-Identifier: Apache-2.0
//
// GCC10: in a template, the type of an await whose awaiter's type was deduced is not known.
#include "probe.hpp"

struct position {
    int line;
    int column;
};

template <class Value>
struct ready_with {
    bool await_ready() { return true; }
    void await_suspend(std::coroutine_handle<>) {}
    Value await_resume() { return value; }
    Value value;
};

template <class Number>
static task<Number> probe(Number line) {
#if defined(PROBE_CONTROL)
    const position found = co_await ready_with<position>{position{line, 2}};
    const auto result = found.line;
#else
    const auto result = (co_await ready_with{position{line, 2}}).line;
#endif
    co_return result;
}

int main() {
    if (probe(10).run() != 10) present("the wrong value arrived");
    return finish();
}
