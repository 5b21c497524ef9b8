// SPDX-License-Identifier: Apache-2.0
//
// simul/io/detail/stream_result.hpp: how an operation of a stream says what became of it.
//
// One number, as the system calls do it: a count, or a negated errno. Two errnos that no transfer
// has of its own stand for conditions of the library.
#pragma once

#include <cerrno>
#include <cstddef>

namespace simul::detail {

inline constexpr int stream_closed = -ECANCELED;
inline constexpr int stream_busy = -EBUSY;

/// Throws what a negative result stands for: closed, error{errc::busy}, or std::system_error.
[[noreturn]] void throw_stream_error(std::ptrdiff_t result);

/// The count, or the error thrown.
inline std::size_t take_stream_result(std::ptrdiff_t result) {
    if (result < 0) throw_stream_error(result);
    return static_cast<std::size_t>(result);
}

}  // namespace simul::detail
