// SPDX-License-Identifier: Apache-2.0
//
// simul/http/wire/body_reader.hpp: where a body ends.
//
// The states of a chunked body:
//
//     size ──▶ data ──▶ data_cr ──▶ data_lf ──▶ size ...
//       └─ size 0 ──▶ trailers ──▶ done
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "simul/http/detail/line_reader.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/wire/limits.hpp"
#include "simul/http/wire/message_head.hpp"
#include "simul/http/wire/step.hpp"

namespace simul::http::wire {

/// Finds the body in the bytes that follow a head. The parsers of whole messages have one inside;
/// it stands alone for other carriers of such bodies.
///
/// Chunked framing is read strictly from servers, too: every line ends with CRLF, sizes have 1 to
/// 16 hexadecimal digits and nothing after them but well-formed extensions, which are thrown away.
///
/// Source        RFC 9112 sections 6 and 7.
class body_reader {
public:
    /// A message without a body.
    body_reader() noexcept = default;

    /// A body of this framing. `length` counts with framing::length only.
    body_reader(framing how, std::uint64_t length, const chunk_limits& limits) noexcept;

    /// Begins with another body, under the same limits.
    void restart(framing how, std::uint64_t length) noexcept;

    /// Takes the next bytes.
    ///
    /// Returns       a step with need_more, body or complete. Once complete it stays so and takes
    ///               nothing more.
    /// Errors        errc::bad_chunk                 the framing is malformed.
    ///               errc::chunk_extension_too_long  a size line or all extensions together.
    ///               errc::malformed_header          a trailer field is.
    ///               errc::trailers_too_large        their number or size.
    ///               After an error the object is of no use.
    step read(std::span<const std::byte> input);

    /// Says that the connection was closed.
    ///
    /// Returns       a step with complete, if that ends the body or it had ended.
    /// Errors        errc::truncated_body  more was to come.
    step finish();

    /// How many of the next bytes, at least, are of the body and nothing else. Whoever reads no
    /// more than that may do so right into the memory where the body is wanted, and then give it
    /// to read() as ever: what comes back are the same bytes.
    [[nodiscard]] std::uint64_t certain() const noexcept;

    /// Whether the body has ended.
    [[nodiscard]] bool is_complete() const noexcept { return state_ == state::done; }

    /// The fields after the last chunk, once complete. They are apart from those of the head on
    /// purpose: anybody may append them, and a Content-Length among them means nothing.
    [[nodiscard]] const headers& trailers() const noexcept { return trailers_; }

private:
    enum class state : std::uint8_t {
        done,
        length,
        until_close,
        size,
        data,
        data_cr,
        data_lf,
        trailers,
    };

    bool advance(std::span<const std::byte>& input);
    void read_size_line();
    step take_data(std::span<const std::byte> all, std::span<const std::byte> rest);

    state state_ = state::done;
    std::uint64_t remaining_ = 0;  ///< of the body, or of the chunk
    std::size_t extensions_ = 0;   ///< bytes of extensions so far
    chunk_limits limits_;
    detail::line_reader lines_;
    detail::field_block trailer_block_;
    headers trailers_;
};

}  // namespace simul::http::wire
