// SPDX-License-Identifier: Apache-2.0
//
// rand.py: three coroutines draw numbers until they like one. They share one random number
// generator, so what each of them draws depends on the order in which they run, and that is fixed:
// the same seed gives the same output every time, in Python and here.
#include <array>
#include <chrono>
#include <iostream>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/python_random.hpp"

constexpr std::array colours{"\033[36m", "\033[91m", "\033[35m"};  // cyan, red, magenta
constexpr auto end_of_colour = "\033[0m";

simul::task<int> make_random(int index, int threshold, examples::python_random& random) {
    const char* colour = colours.at(static_cast<std::size_t>(index));
    std::cout << colour << "Initiated makerandom(" << index << ").\n";
    int number = random.randint(0, 10);
    while (number <= threshold) {
        std::cout << colour << "makerandom(" << index << ") == " << number
                  << " too low; retrying.\n";
        co_await simul::sleep_for(std::chrono::seconds{index + 1});
        number = random.randint(0, 10);
    }
    std::cout << colour << "---> Finished: makerandom(" << index << ") == " << number
              << end_of_colour << '\n';
    co_return number;
}

simul::task<> program() {
    examples::python_random random{444};
    auto [first, second, third] = co_await simul::gather(
        make_random(0, 9, random), make_random(1, 8, random), make_random(2, 7, random));
    std::cout << "\nr1: " << first << ", r2: " << second << ", r3: " << third << '\n';
}

int main() {
    simul::run(program());
}
