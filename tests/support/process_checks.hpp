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
#include <string>
#include <system_error>
#include <utility>

#include "runtime/backends/simulated.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/io/process.hpp"
#include "simul/runtime/loop.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {

/// True if this program has a child, running or a zombie.
inline bool has_children() {
    ::siginfo_t found{};
    return ::waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

/// The simulated world, if the running loop is in it.
inline simul::detail::simulated_backend* simulated_world() {
    loop* const running = loop::find_current();
    if (running == nullptr || !running->is_simulated()) return nullptr;
    return &static_cast<simul::detail::simulated_backend&>(running->io());
}

/// How many descriptors this program has open, in the simulated world those there.
inline std::ptrdiff_t count_descriptors() {
    if (const auto* const world = simulated_world()) {
        return static_cast<std::ptrdiff_t>(world->descriptor_count());
    }
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return std::distance(begin(all), end(all));
}

/// Both ends of a pipe, to read and to write. In the simulated world they have to become streams,
/// or go to a process, to be closed.
inline std::pair<unique_fd, unique_fd> make_pipe() {
    if (auto* const world = simulated_world()) {
        const auto [reading, writing] = world->open_pipe();
        return {unique_fd{reading}, unique_fd{writing}};
    }
    int ends[2] = {-1, -1};
    [[maybe_unused]] const int made = ::pipe2(ends, O_CLOEXEC);
    return {unique_fd{ends[0]}, unique_fd{ends[1]}};
}

/// Another descriptor for the end of a pipe.
inline unique_fd duplicate(const unique_fd& end) {
    if (auto* const world = simulated_world()) return unique_fd{world->duplicate(end.get())};
    return unique_fd{::fcntl(end.get(), F_DUPFD_CLOEXEC, 0)};
}

/// Why a process does not start, and what the error says.
inline std::error_code start_error(const process_options& options, std::string& text) {
    try {
        static_cast<void>(process::start(options));
    } catch (const std::system_error& failure) {
        text = failure.what();
        return failure.code();
    }
    return {};
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
