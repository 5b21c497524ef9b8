// SPDX-License-Identifier: Apache-2.0
//
// simul/base/assert.hpp: how misuse is reported.
//
// A mistake of the program (awaiting a task twice, destroying an operation that the kernel still
// owns) is not an error that a caller could handle. It ends the process with one line that says
// what was done wrong and where.
#pragma once

#include <source_location>

#include "simul/base/config.hpp"

namespace simul {

/// Receives the text and place of a broken precondition. It must not return normally; when it
/// does, the process is aborted all the same.
using assertion_handler = void (*)(const char* message, std::source_location where);

/// Replaces the handler that prints the message to standard error and aborts.
///
/// Returns       the handler that was installed before.
/// Threads       any; the handler is one per process.
assertion_handler set_assertion_handler(assertion_handler handler) noexcept;

/// Reports misuse: calls the handler, then aborts.
[[noreturn]] void assertion_failed(const char* message,
                                   std::source_location where = std::source_location::current());

}  // namespace simul

/// Ends the process with `message` when `condition` does not hold. On in every build.
#define SIMUL_ASSERT(condition, message)          \
    do {                                          \
        if (!(condition)) [[unlikely]]            \
            ::simul::assertion_failed((message)); \
    } while (false)

/// Like SIMUL_ASSERT, in builds without NDEBUG only: for checks on the hottest paths.
#if SIMUL_DEBUG
#    define SIMUL_DEBUG_ASSERT(condition, message) SIMUL_ASSERT(condition, message)
#else
#    define SIMUL_DEBUG_ASSERT(condition, message) static_cast<void>(0)
#endif
