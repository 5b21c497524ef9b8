// SPDX-License-Identifier: Apache-2.0
//
// common/process.hpp: what commands ask of their process.
#pragma once

#include <cstddef>
#include <string>

#include "simul/concurrency/run.hpp"

namespace simul::program {

/// How commands run: SIGTERM ends them like Ctrl-C, politely the first time and at once the second.
[[nodiscard]] run_options interruptible();

/// Looks whether a command can run on the backend that SIMUL_BACKEND names, if it names one.
///
/// Errors        std::invalid_argument that names the value, what is wrong with it, and the fix.
void check_backend();

/// Lets the process have descriptors for so many connections, as far as it may.
void make_room_for(std::size_t connections) noexcept;

/// Reads all of a file, a pipe, or for "-" standard input. Blocks. Nothing has been done yet at
/// that moment, so Ctrl-C and SIGTERM end the process at once, with a line and exit_interrupted.
///
/// Errors        std::system_error of the system; file_too_large above `limit` bytes.
[[nodiscard]] std::string read_list(const std::string& path,
                                    std::size_t limit = std::size_t{32} << 20);

}  // namespace simul::program
