// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/unhandled.hpp: where an error goes when nobody is left to receive it.
#pragma once

#include <exception>

namespace simul {

/// Receives an error that has no awaiter, and a few words about where it came from.
using unhandled_error_handler = void (*)(std::exception_ptr error, const char* context) noexcept;

/// Replaces the handler that prints the error with its chain of awaits on standard error.
///
/// Returns       the handler in force before.
/// Threads       any; the handler is one per process, and is called on the thread of the error.
unhandled_error_handler set_unhandled_error_handler(unhandled_error_handler handler) noexcept;

/// Gives an error to the handler.
void report_unhandled_error(std::exception_ptr error, const char* context) noexcept;

}  // namespace simul
