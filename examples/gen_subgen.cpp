// SPDX-License-Identifier: Apache-2.0
//
// main -> gen -> subgen: delegation is a two-way pipe, for values and for exceptions.
//
// Any exception may be thrown in. In Python the same program throws StopIteration, which a
// generator must not let out since PEP 479; here no exception has a special meaning, and one that
// nobody catches comes back out of throw_in().
#include <exception>
#include <iostream>

#include "simul/coro/generator.hpp"

struct stop : std::exception {};

// Takes a number at one co_yield and answers at the next.
simul::generator<int, int> subgen() {
    int answer = 0;
    while (true) {
        auto number = co_yield answer;
        answer = number.value_or(0) + 1;
    }
}

simul::generator<int, int> gen() {
    try {
        co_yield simul::elements_of(subgen());
    } catch (const stop&) {  // subgen did not catch it, and has ended
        std::cout << "subgen was stopped\n";
    }
    co_yield -1;  // gen itself goes on
}

int main() {
    auto pipe = gen();
    pipe.next();                          // to the first co_yield, where a number can be received
    std::cout << *pipe.send(1) << '\n';   // 2: through gen, into subgen and back
    std::cout << *pipe.send(41) << '\n';  // 42

    // Raised in subgen first, where the pipe is paused; then in gen.
    std::cout << *pipe.throw_in(std::make_exception_ptr(stop{})) << '\n';

    try {
        pipe.throw_in(std::make_exception_ptr(stop{}));
    } catch (const stop&) {
        std::cout << "gen was stopped\n";
    }
    std::cout << (pipe.done() ? "done" : "not done") << '\n';
}
