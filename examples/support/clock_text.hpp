// SPDX-License-Identifier: Apache-2.0
//
// examples/support/clock_text.hpp: a length of time as Python prints it.
#pragma once

#include <chrono>
#include <string>

namespace examples {

/// Whole seconds as "0:00:05".
inline std::string clock_text(std::chrono::nanoseconds length) {
    const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(length)};
    const auto two_digits = [](auto part) {
        return (part.count() < 10 ? ":0" : ":") + std::to_string(part.count());
    };
    return std::to_string(time.hours().count()) + two_digits(time.minutes()) +
           two_digits(time.seconds());
}

}  // namespace examples
