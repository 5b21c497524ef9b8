// SPDX-License-Identifier: Apache-2.0
//
// serve/path.hpp: from the path of a request to the name of a file, with no way around.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace simul::program {

/// The path of a request, decoded.
class served_path {
public:
    served_path(std::string name, bool wants_directory)
        : relative{std::move(name)}, is_directory{wants_directory} {}

    std::string relative;  ///< "a/b", never beginning or ending with a slash; empty: the root
    bool is_directory;     ///< it ended with a slash
};

/// Decodes a path that was sent, once. Only what can be read in one way passes:
///
///     * it begins with a slash, and no segment but the last is empty;
///     * an escape has two hexadecimal digits and stands for no slash, backslash or NUL;
///     * no segment begins with a dot, escaped or not: no "..", no hidden files;
///     * a segment has at most 255 bytes and the whole at most 4,000.
///
/// Returns       the path, or the status to answer: 400 for what is malformed, 404 for what names
///               nothing here.
[[nodiscard]] std::expected<served_path, int> read_path(std::string_view sent);

/// The path as it is sent, beginning with a slash.
[[nodiscard]] std::string write_path(const served_path& path);

}  // namespace simul::program
