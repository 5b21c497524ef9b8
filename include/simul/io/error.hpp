// SPDX-License-Identifier: Apache-2.0
//
// simul/io/error.hpp: what can be wrong with what a stream carries.
#pragma once

#include <system_error>

namespace simul {

/// Conditions of reading a stream by the piece. They are thrown as std::system_error; the bytes
/// that were read stay in the reader's buffer.
enum class io_errc {
    incomplete_read = 1,  ///< the stream ended before what was asked for was there
    limit_exceeded,       ///< the piece is longer than the limit allows
};

/// The category of io_errc, named "simul.io".
const std::error_category& io_category() noexcept;

/// Makes an error_code of io_errc; found by argument-dependent lookup.
std::error_code make_error_code(io_errc code) noexcept;

}  // namespace simul

template <>
struct std::is_error_code_enum<simul::io_errc> : std::true_type {};
