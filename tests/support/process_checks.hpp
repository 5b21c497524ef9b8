// SPDX-License-Identifier: Apache-2.0
//
// support/process_checks.hpp: what processes leave behind if something goes wrong.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

#include "simul/base/unique_fd.hpp"

namespace simul::test {

/// True if this program has a child, running or a zombie.
inline bool has_children() {
    ::siginfo_t found{};
    return ::waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

/// How many descriptors this program has open.
inline std::ptrdiff_t count_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return std::distance(begin(all), end(all));
}

/// Both ends of a pipe, to read and to write.
inline std::pair<unique_fd, unique_fd> make_pipe() {
    int ends[2] = {-1, -1};
    [[maybe_unused]] const int made = ::pipe2(ends, O_CLOEXEC);
    return {unique_fd{ends[0]}, unique_fd{ends[1]}};
}

}  // namespace simul::test
