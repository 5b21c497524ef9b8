// SPDX-License-Identifier: Apache-2.0
//
// An infinite sequence that two loops share: break pauses it, and asking again resumes it.
#include <iostream>
#include <ranges>

#include "simul/coro/generator.hpp"

simul::generator<int> endless() {
    while (true) {
        for (int number = 9; number >= 6; --number) co_yield number;
    }
}

// Prints numbers until their total has reached `limit`, and then the three that follow the break.
void print_up_to(int limit) {
    auto numbers = endless();
    int total = 0;
    std::cout << "up to " << limit << ':';
    for (int number : numbers) {
        if (total >= limit) break;  // this number has been taken, and is not seen again
        std::cout << ' ' << number;
        total += number;
    }

    // `numbers | take(3)` would want to own the generator; a reference leaves it here.
    std::cout << "\nthen:";
    for (int number : std::ranges::ref_view{numbers} | std::views::take(3)) {
        std::cout << ' ' << number;
    }
    std::cout << '\n';
}

int main() {
    print_up_to(30);
    print_up_to(100);
}
