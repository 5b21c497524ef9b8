// SPDX-License-Identifier: Apache-2.0
//
// A stream that cannot be copied says so when it is not moved.
//
// expect: this stream cannot be copied: std::move it
#include <utility>

#include "simul/concurrency/views/aggregate.hpp"
#include "simul/concurrency/views/select.hpp"

simul::async_generator<int> numbers() {
    co_yield 1;
}

int main() {
    auto stream = numbers() | simul::views::take(1);
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    auto all = std::move(stream) | simul::views::to_vector();
#else
    auto all = stream | simul::views::to_vector();
#endif
    all.discard();
}
