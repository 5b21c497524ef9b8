// SPDX-License-Identifier: Apache-2.0
//
// simul/http/wire/response_parser.hpp: a response out of the bytes that a server sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "simul/http/detail/line_reader.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/wire/body_reader.hpp"
#include "simul/http/wire/limits.hpp"
#include "simul/http/wire/message_head.hpp"
#include "simul/http/wire/step.hpp"

namespace simul::http::wire {

/// What was asked, as far as it changes how the answer is read.
enum class asked : std::uint8_t {
    ordinary,
    head,     ///< HEAD: no body follows, whatever the fields say
    connect,  ///< CONNECT: behind a head with status 2xx is the tunnel
    upgrade,  ///< with an Upgrade field: 101 is a final answer, behind it the other protocol
};

/// Reads one response, interim ones before it included. One object per exchange.
///
/// A response that two readers could understand differently is refused: two lengths, even equal
/// ones; a length beside a transfer coding; any coding but exactly "chunked", or one in HTTP/1.0;
/// space before a colon, folded lines, a bare CR, NUL; a version other than 1.0 and 1.1. Three
/// habits of servers are borne, none of which leaves a doubt about where the response ends:
///
///     * lines of the head may end with LF alone (lines within a chunked body may not);
///     * the reason phrase may be missing together with the space before it;
///     * values and the reason may hold control characters other than CR, LF and NUL. Escape them
///       before they are shown.
///
/// When it is complete, whatever is left of the input was not asked for. With a head that answers
/// CONNECT or Upgrade it belongs to what follows; otherwise the connection must not be used again.
///
/// Threads       like a container: one at a time.
/// Source        RFC 9112; for what is refused, RFC 9112 section 11.
class response_parser {
public:
    explicit response_parser(asked request = asked::ordinary,
                             const response_limits& limits = {}) noexcept
        : limits_{limits}, request_{request} {}

    /// Takes the next bytes.
    ///
    /// Returns       what was met first, and how many bytes were taken up to there.
    /// Errors        std::system_error with http::errc: not_http, malformed_status_line,
    ///               malformed_header, bad_content_length, conflicting_length,
    ///               transfer_coding_in_http_1_0, unsupported_transfer_coding,
    ///               unsupported_version, upgrade_not_asked, header_too_large, field_too_large,
    ///               too_many_fields, too_many_interim, and those of body_reader::read.
    ///               After an error, every call throws it again.
    /// Complexity    linear in the bytes taken; two allocations for a head of usual size that
    ///               comes in one piece, none for the body.
    step parse(std::span<const std::byte> input);

    /// Says that the server closed the connection.
    ///
    /// Returns       a step with complete, if that ends the response or it had ended.
    /// Errors        errc::unexpected_end  not one byte had come.
    ///               errc::truncated_head  within a head, or after an interim response.
    ///               errc::truncated_body  within the body.
    step finish();

    /// The head: after event::interim_head that of the interim response, until the next call of
    /// parse; after event::head the final one.
    [[nodiscard]] const response_head& head() const noexcept { return head_; }

    /// Moves the head out; the parser needs it no longer once event::head has come.
    [[nodiscard]] response_head take_head() noexcept { return std::move(head_); }

    /// The fields after a chunked body, once complete.
    [[nodiscard]] const headers& trailers() const noexcept { return body_.trailers(); }

    /// How many of the next bytes are certainly of the body; see body_reader::certain.
    [[nodiscard]] std::uint64_t certain_body() const noexcept {
        return state_ == state::body ? body_.certain() : 0;
    }

    /// Whether any byte has come.
    [[nodiscard]] bool has_started() const noexcept { return started_; }

    [[nodiscard]] bool is_complete() const noexcept { return state_ == state::done; }

private:
    enum class state : std::uint8_t { start, fields, body, done };

    step advance(std::span<const std::byte> input);
    bool read_status_line(std::span<const std::byte>& input);
    event end_of_head();

    response_limits limits_;
    asked request_;
    state state_ = state::start;
    bool started_ = false;
    std::uint8_t matched_ = 0;  ///< how much of "HTTP/" this head has begun with
    std::size_t interim_ = 0;
    std::error_code failure_;
    detail::line_reader lines_;
    detail::field_block block_;
    response_head head_;
    body_reader body_;
};

}  // namespace simul::http::wire
