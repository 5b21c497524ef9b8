// SPDX-License-Identifier: Apache-2.0
//
// support/in_child.hpp: runs a part of a test in a child of its process, because what it does stays
// for ever, as a seccomp filter does.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <string>

#include "simul/base/unique_fd.hpp"

namespace simul::test {

/// What `body` returns, or the text of what it throws, from a child of this process.
inline std::string in_child(const std::function<std::string()>& body) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const ::pid_t child = ::fork();
    if (child == 0) {
        std::string text;
        try {
            text = body();
        } catch (const std::exception& failure) {
            text = std::string{"exception: "} + failure.what();
        }
        const auto size = static_cast<::ssize_t>(text.size());
        ::_exit(::write(ends[1], text.data(), text.size()) == size ? 0 : 1);
    }
    ::close(ends[1]);
    const unique_fd output{ends[0]};
    std::string said;
    char buffer[1024];
    for (::ssize_t count = 1; count > 0;) {
        count = ::read(output.get(), buffer, sizeof buffer);
        if (count > 0) said.append(buffer, static_cast<std::size_t>(count));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << said;
    return said;
}

}  // namespace simul::test
