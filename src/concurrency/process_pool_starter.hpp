// SPDX-License-Identifier: Apache-2.0
//
// process_pool_starter.hpp: the process that forks the workers, and what a worker does.
#pragma once

namespace simul::detail {

/// The life of the starter, in the process that was just forked with every signal blocked: answers
/// requests until the program hangs up, then kills the workers, reaps them and ends.
[[noreturn]] void serve_as_starter(int control) noexcept;

}  // namespace simul::detail
