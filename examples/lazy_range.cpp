// SPDX-License-Identifier: Apache-2.0
//
// Why generators exist: the same range as a list, as a generator, and split into two generators.
#include <iostream>
#include <ranges>
#include <string_view>
#include <vector>

#include "simul/coro/generator.hpp"

using simul::elements_of;
using simul::generator;

// Builds the whole list before the first number can be used.
std::vector<int> eager_range(int up_to) {
    std::vector<int> sequence;
    for (int index = 0; index < up_to; ++index) sequence.push_back(index);
    return sequence;
}

// Needs room for one integer, however far it counts.
generator<int> lazy_range(int up_to) {
    for (int index = 0; index < up_to; ++index) co_yield index;
}

// Nothing forces a generator to end.
generator<int> count_from(int number) {
    while (true) co_yield number++;
}

// A loop around co_yield ...
generator<int> twice_with_loops(int up_to) {
    for (int number : eager_range(up_to)) co_yield number;
    for (int number : lazy_range(up_to)) co_yield number;
}

// ... is what elements_of stands for, with a list, a generator or a view.
generator<int> three_times(int up_to) {
    co_yield elements_of(eager_range(up_to));
    co_yield elements_of(lazy_range(up_to));
    co_yield elements_of(std::views::iota(0, up_to));
}

// Part of a generator can be moved into another one that works on its variables.
generator<int> count_up(int& index, int up_to) {
    while (index < up_to) {
        co_yield index;
        ++index;
    }
}

generator<int> refactored_range(int up_to) {
    int index = 0;
    co_yield elements_of(count_up(index, up_to));
    std::cout << " (index is " << index << ")";
}

template <class Range>
void print(std::string_view name, Range&& numbers) {
    std::cout << name << ':';
    for (int number : numbers) std::cout << ' ' << number;
    std::cout << '\n';
}

int main() {
    print("eager", eager_range(5));
    print("lazy", lazy_range(5));
    print("endless", count_from(7) | std::views::take(5));
    print("with loops", twice_with_loops(3));
    print("with elements_of", three_times(3));
    print("refactored", refactored_range(5));

    long long sum = 0;
    for (int number : lazy_range(1'000'000)) sum += number;
    std::cout << "sum of a million: " << sum << '\n';
}
