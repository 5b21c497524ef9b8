// SPDX-License-Identifier: Apache-2.0
//
// simul/http/wire/limits.hpp: how much of a message is read before it is refused.
//
// Sizes of lines are counted without their line ends. A size or number equal to its limit is still
// accepted.
#pragma once

#include <cstddef>

namespace simul::http::wire {

/// Limits of a chunked body's framing; the data itself is for the reader to limit.
class chunk_limits {
public:
    chunk_limits() noexcept {}

    std::size_t line = 256;                             ///< one chunk-size line with extensions
    std::size_t extensions = std::size_t{16} * 1024;    ///< all extensions of one message
    std::size_t trailer_fields = 32;                    ///< fields after the last chunk
    std::size_t trailer_block = std::size_t{8} * 1024;  ///< all trailer lines, with line ends
};

/// Limits of a response, as generous as servers are careless.
class response_limits {
public:
    response_limits() noexcept {}

    std::size_t status_line = std::size_t{8} * 1024;
    std::size_t field = std::size_t{32} * 1024;  ///< one line
    std::size_t block = std::size_t{64} * 1024;  ///< all field lines, with line ends
    std::size_t fields = 256;
    std::size_t interim = 16;  ///< responses with status 1xx before the final one
    chunk_limits chunks;
};

/// Limits of a request, whose sender is a stranger.
class request_limits {
public:
    request_limits() noexcept {}

    std::size_t request_line = std::size_t{8} * 1024;
    std::size_t field = std::size_t{8} * 1024;   ///< one line
    std::size_t block = std::size_t{32} * 1024;  ///< all field lines, with line ends
    std::size_t fields = 100;
    chunk_limits chunks;
};

}  // namespace simul::http::wire
