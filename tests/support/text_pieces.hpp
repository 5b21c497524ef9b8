// SPDX-License-Identifier: Apache-2.0
//
// support/text_pieces.hpp: texts put together and taken apart.
#pragma once

#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace simul::test {

inline std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text.append(part);
    return text;
}

/// What stands between separators; one at the end adds nothing.
inline std::vector<std::string> split(const std::string& text, char separator) {
    std::istringstream stream{text};
    std::vector<std::string> parts;
    for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
    return parts;
}

inline std::vector<std::string> lines_of(const std::string& text) {
    return split(text, '\n');
}

}  // namespace simul::test
