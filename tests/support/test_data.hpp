// SPDX-License-Identifier: Apache-2.0
//
// support/test_data.hpp: where the conformance data of other projects lies.
//
// The data is not part of this repository. SIMUL_TEST_DATA names its folder; without it the folder
// ../shared/data beside the checkout is taken where it exists. A test that finds none skips itself.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <cstdlib>

namespace simul::test {

/// The path of one file or folder of the data, if it is there.
inline std::optional<std::filesystem::path> test_data(std::string_view relative) {
    const char* named = std::getenv("SIMUL_TEST_DATA");
    const std::filesystem::path folder =
        named != nullptr
            ? std::filesystem::path{named}
            : std::filesystem::path{SIMUL_SOURCE_DIR}.parent_path() / "shared" / "data";
    std::filesystem::path found = folder / relative;
    if (!std::filesystem::exists(found)) return std::nullopt;
    return found;
}

/// The content of a file.
inline std::string read_whole_file(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return std::string{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

/// Why a test without its data is skipped.
inline std::string no_test_data(std::string_view relative) {
    std::string reason{"no conformance data: "};
    reason.append(relative);
    reason.append(" is not there (set SIMUL_TEST_DATA to the folder that holds it)");
    return reason;
}

}  // namespace simul::test
