// SPDX-License-Identifier: Apache-2.0
//
// support/temporary_folder.hpp: a folder for one test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace simul::test {

/// A folder that is removed after the test.
class temporary_folder {
public:
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "simul-file-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        path_ = std::filesystem::canonical(name);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator{path_}) {
            found.push_back(entry.path().filename().string());
        }
        std::ranges::sort(found);
        return found;
    }

private:
    std::filesystem::path path_;
};

/// The descriptor of this process that refers to `path`, or -1.
inline int descriptor_of(const std::filesystem::path& path) {
    for (int fd = 3; fd < 1024; ++fd) {
        std::error_code failed;
        const std::filesystem::path target = std::filesystem::read_symlink(
            std::filesystem::path{"/proc/self/fd"} / std::to_string(fd), failed);
        if (!failed && target == path) return fd;
    }
    return -1;
}

}  // namespace simul::test
