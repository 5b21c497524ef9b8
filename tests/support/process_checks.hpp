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
#include "support/run_on_backends.hpp"

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

/// Runs `body()` on each real backend: no process and no descriptor is left afterwards.
template <class Body>
void with_processes(Body body) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        const std::ptrdiff_t descriptors = count_descriptors();
        run(body(), options_for(kind));
        EXPECT_FALSE(has_children());
        EXPECT_EQ(count_descriptors(), descriptors);
    }
}

}  // namespace simul::test
