// SPDX-License-Identifier: Apache-2.0
//
// examples/support/printing.hpp: sequences as Python prints lists.
#pragma once

#include <iostream>
#include <string_view>
#include <vector>

namespace examples {

/// Prints `label` and then "[1, 2, 3]" on a line.
inline void print(std::string_view label, const std::vector<int>& numbers) {
    std::cout << label << '[';
    std::string_view separator;
    for (int number : numbers) {
        std::cout << separator << number;
        separator = ", ";
    }
    std::cout << "]\n";
}

}  // namespace examples
