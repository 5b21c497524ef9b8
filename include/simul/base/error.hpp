// SPDX-License-Identifier: Apache-2.0
//
// simul/base/error.hpp: the conditions that the library itself reports.
//
// Failures of the operating system are std::system_error with the system's own codes. What only
// this library can say (a time-out passed, a queue was closed) is simul::error with a code of the
// category below. The two have different bases because std::system_error builds a string when it
// is made, and a time-out must not be able to fail for lack of memory.
#pragma once

#include <exception>
#include <system_error>

namespace simul {

/// Conditions of the library. Each names what the caller meets, not the function that failed.
enum class errc {
    cancelled = 1,   ///< the awaited task was cancelled, and the awaiting one was not
    timed_out,       ///< the limit of a timeout passed before the work ended
    closed,          ///< the other side, or this object, was closed
    busy,            ///< another task is already waiting where only one may
    deadlock,        ///< nothing in the program can ever run again
    not_started,     ///< a value was sent to a generator that has not reached its first co_yield
    unavailable,     ///< a backend or facility that was asked for by name cannot run here
    never_ready,     ///< a task that was started ended before it said that it is ready
    broken_barrier,  ///< a barrier was reset or aborted while it was waited for
    broken_promise,  ///< a promise was destroyed before it had a result
    invalid_state,   ///< a result was set twice, or asked for before it was there
};

/// The category of errc, named "simul".
const std::error_category& error_category() noexcept;

/// Makes an error_code of errc; found by argument-dependent lookup.
std::error_code make_error_code(errc code) noexcept;

/// Base of the exceptions for errc. Holds a code and no string, so that throwing one allocates
/// nothing but the exception object.
class error : public std::exception {
public:
    explicit error(errc code) noexcept : code_{code} {}

    /// The condition, comparable with errc.
    [[nodiscard]] std::error_code code() const noexcept { return make_error_code(code_); }
    [[nodiscard]] const char* what() const noexcept override;

private:
    errc code_;
};

/// The limit of a timeout passed.
class timed_out : public error {
public:
    timed_out() noexcept : error{errc::timed_out} {}
};

/// A queue, stream or listener was closed.
class closed : public error {
public:
    closed() noexcept : error{errc::closed} {}
};

}  // namespace simul

template <>
struct std::is_error_code_enum<simul::errc> : std::true_type {};
