// SPDX-License-Identifier: Apache-2.0
//
// Generators that stand on each other: items go up, what is sent goes down to the innermost, and
// what it returns comes back up.
#include <iostream>

#include "simul/coro/generator.hpp"

// Yields int, is sent int, and returns int.
using conversation = simul::generator<int, int, int>;

conversation bottom() {
    auto answer = co_yield 42;  // straight to main, past middle and top
    co_return answer.value();
}

conversation middle() {
    int result = co_yield simul::elements_of(bottom());
    co_return result;
}

conversation top() {
    int result = co_yield simul::elements_of(middle());
    co_return result;
}

int main() {
    auto generator = top();

    int value = *generator.next();
    std::cout << value << '\n';  // 42

    auto item = generator.send(value * 2);                // bottom returns, hence middle, hence top
    if (!item) std::cout << *generator.result() << '\n';  // 84
}
