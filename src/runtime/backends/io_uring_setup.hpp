// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/io_uring_setup.hpp: a ring as good as this kernel gives, or why there is none.
#pragma once

#include <liburing.h>

#include <string>

#include "runtime/backends/io_uring_files.hpp"
#include "simul/runtime/backend.hpp"

namespace simul::detail {

/// The number in a variable of the environment; 0 if there is none.
unsigned long number_from_environment(const char* name) noexcept;

/// Sets up a ring that can do all that the backend asks of it, not enabled yet. For tests
/// SIMUL_IO_URING_LEVEL chooses a plainer one, and SIMUL_IO_URING_REFUSE names an error or an
/// operation for which there is to be none.
///
/// Returns       false if there is none; `reason` then says why, in words for people. True if there
///               is; `files` then tells what it can do with files, and `reason` what it cannot.
/// Errors        std::bad_alloc.
bool set_up_io_uring(io_uring& ring, waited_for_by who, ring_files& files, std::string& reason);

}  // namespace simul::detail
