// SPDX-License-Identifier: Apache-2.0
//
// simul/http/wire/request_parser.hpp: a request out of the bytes that a client sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "simul/http/detail/line_reader.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/wire/body_reader.hpp"
#include "simul/http/wire/limits.hpp"
#include "simul/http/wire/message_head.hpp"
#include "simul/http/wire/step.hpp"

namespace simul::http::wire {

/// Reads one request. The next one on the same connection, whose first bytes may already lie
/// behind it, is for another object, or for this one after restart().
///
/// Nothing malformed is borne, for a proxy in front may have understood it differently: lines end
/// with CRLF, values hold no control characters, a request has one length or is chunked, HTTP/1.1
/// has exactly one Host. The one exception is an empty line before the request line, which old
/// clients send after a body.
///
/// Threads       like a container: one at a time.
/// Source        RFC 9112.
class request_parser {
public:
    explicit request_parser(const request_limits& limits = {}) noexcept
        : limits_{limits}, body_{framing::none, 0, limits.chunks} {}

    /// Takes the next bytes.
    ///
    /// Returns       what was met first, and how many bytes were taken up to there; never
    ///               event::interim_head.
    /// Errors        std::system_error with http::errc: not_http (HTTP/0.9 and TLS included),
    ///               malformed_request_line, malformed_header, bad_target, bad_host,
    ///               bad_content_length, conflicting_length, transfer_coding_in_http_1_0,
    ///               unsupported_transfer_coding, unsupported_version, request_line_too_long,
    ///               header_too_large, field_too_large, too_many_fields, and those of
    ///               body_reader::read. See answer_to. After an error, every call throws it again.
    /// Complexity    linear in the bytes taken.
    step parse(std::span<const std::byte> input);

    /// Says that the client closed the connection.
    ///
    /// Returns       a step with complete, if the request had ended.
    /// Errors        errc::unexpected_end  not one byte of a request had come: an ordinary end.
    ///               errc::truncated_head  within the head.
    ///               errc::truncated_body  within the body.
    step finish();

    /// Forgets everything but the limits, to read the next request. What memory it has it keeps, so
    /// that requests like those before allocate nothing.
    void restart() noexcept;

    /// The head, after event::head.
    [[nodiscard]] const request_head& head() const noexcept { return head_; }

    /// Moves the head out; the parser needs it no longer once event::head has come.
    [[nodiscard]] request_head take_head() noexcept { return std::move(head_); }

    /// The fields after a chunked body, once complete.
    [[nodiscard]] const headers& trailers() const noexcept { return body_.trailers(); }

    /// Whether a byte of the request has come; the empty line before it does not count.
    [[nodiscard]] bool has_started() const noexcept {
        return state_ != state::start || line_started_;
    }

    /// Whether the head has come.
    [[nodiscard]] bool has_head() const noexcept {
        return state_ == state::body || state_ == state::done;
    }

    [[nodiscard]] bool is_complete() const noexcept { return state_ == state::done; }

private:
    enum class state : std::uint8_t { start, fields, body, done };

    step advance(std::span<const std::byte> input);
    bool read_request_line(std::span<const std::byte>& input);
    void take_request_line(std::string_view line);
    void end_of_head();

    request_limits limits_;
    state state_ = state::start;
    bool line_started_ = false;
    bool blank_skipped_ = false;
    std::error_code failure_;
    detail::line_reader lines_;
    detail::field_block block_;
    request_head head_;
    body_reader body_;
};

/// The status that a server answers a parser's error with, before it closes the connection: 400,
/// 413, 414, 431, 501 or 505. 500 for what is no fault of the request.
[[nodiscard]] int answer_to(const std::error_code& failure) noexcept;

}  // namespace simul::http::wire
