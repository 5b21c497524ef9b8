// SPDX-License-Identifier: Apache-2.0
//
// examples/support/arguments.hpp: numbers from the command line.
#pragma once

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace examples {

/// Ends the program as argparse does: a message on standard error, exit code 2.
[[noreturn]] inline void usage_error(const std::string& message) {
    std::fprintf(stderr, "error: %s\n", message.c_str());
    std::exit(2);
}

/// Reads a whole number that is not negative; `name` says in the message which argument is wrong.
inline int parse_number(std::string_view name, std::string_view text) {
    int number = 0;
    const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || rest != text.data() + text.size() || number < 0) {
        usage_error("argument " + std::string{name} + ": not a valid number: '" +
                    std::string{text} + "'");
    }
    return number;
}

}  // namespace examples
