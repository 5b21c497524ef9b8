// SPDX-License-Identifier: Apache-2.0
//
// process_spawn.hpp: from a description to a running process.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "simul/base/unique_fd.hpp"
#include "simul/io/process_options.hpp"

namespace simul::detail {

/// One of the three standard streams of a process to be.
struct stream_ends {
    stream_ends() noexcept = default;

    int theirs = -1;     ///< -1: inherited
    unique_fd ours;      ///< our end of the pipe
    unique_fd to_close;  ///< what holds `theirs` open, if that is not the options
};

/// Opens what stream `which` is to be connected to. `theirs` is none of the numbers 0, 1 and 2, so
/// that putting one of them into its place cannot overwrite another one.
stream_ends open_stream(const process_settings::stream& wanted, std::size_t which);

/// Throws invalid_argument for an argument, a directory or a variable that no process can have.
void expect_valid(const process_settings& settings);

/// The environment of a process: "NAME=value", as environ(7) has it.
std::vector<std::string> environment_of(const process_settings& settings);

/// Throws that the program was not started, and where it should have been.
[[noreturn]] void throw_not_started(int error, const process_settings& settings);

/// Starts the program and returns the number of its process, which nobody has waited for.
int spawn(const process_settings& settings, const std::array<stream_ends, 3>& streams);

/// The descriptor of a child. If there is none the child is killed and waited for.
unique_fd open_process(int pid);

}  // namespace simul::detail
