// SPDX-License-Identifier: Apache-2.0
//
// A conversation with a generator: it gives a number and may be told how far to jump.
#include <iostream>

#include "simul/coro/generator.hpp"

// Yields int, and is sent int.
simul::generator<int, int> jumping_range(int up_to) {
    int index = 0;
    while (index < up_to) {
        auto jump = co_yield index;  // pauses here; empty unless somebody sends a number
        index += jump.value_or(1);
    }
}

int main() {
    auto numbers = jumping_range(5);  // runs nothing yet

    std::cout << *numbers.next() << '\n';    // 0: runs to the first co_yield
    std::cout << *numbers.send(2) << '\n';   // 2: the co_yield gave 2
    std::cout << *numbers.next() << '\n';    // 3: the co_yield gave nothing
    std::cout << *numbers.send(-1) << '\n';  // 2

    for (int number : numbers) {  // 3 and 4: a loop goes on where the generator is paused
        std::cout << number << '\n';
    }
}
