// SPDX-License-Identifier: Apache-2.0
//
// A function that does not fit the items of a stream is named with its operator.
//
// expect: views::map: the function cannot be called with an item of this stream
#include <string>

#include "simul/concurrency/views/create.hpp"
#include "simul/concurrency/views/transform.hpp"

std::size_t length(const std::string& text) {
    return text.size();
}

int half(int number) {
    return number / 2;
}

int main() {
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    static_cast<void>(simul::views::range(3) | simul::views::map(half));
#else
    static_cast<void>(simul::views::range(3) | simul::views::map(length));
#endif
}
