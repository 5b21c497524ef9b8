// SPDX-License-Identifier: Apache-2.0
//
// simul/http/error.hpp: what can be wrong with an HTTP message or exchange.
//
// All of them are thrown as std::system_error, so that one handler serves them and the failures of
// the network below. Whether the other side broke the protocol, a limit of ours was reached, or the
// program asked for something impossible is visible from the group below.
#pragma once

#include <system_error>

namespace simul::http {

/// Conditions of the HTTP layer. Each names what was met, not who met it.
enum class errc {
    // The other side's bytes are not a message that can be read in one way only.
    not_http = 1,                 ///< the first bytes belong to no HTTP/1 message
    malformed_status_line,        ///< the first line of a response
    malformed_request_line,       ///< the first line of a request
    malformed_header,             ///< a field line: its name, its colon, its value or its end
    bad_host,                     ///< Host is missing, repeated or no host
    bad_content_length,           ///< Content-Length is no number of 1 to 19 digits below 2^63
    conflicting_length,           ///< Content-Length twice, or beside Transfer-Encoding
    transfer_coding_in_http_1_0,  ///< HTTP/1.0 knows no Transfer-Encoding
    unsupported_transfer_coding,  ///< a Transfer-Encoding other than exactly "chunked"
    unsupported_version,          ///< neither HTTP/1.0 nor HTTP/1.1
    bad_chunk,                    ///< a chunk's size line, or what follows its data
    upgrade_not_asked,            ///< 101 as the answer to a request without Upgrade

    // The other side closed the connection too early.
    unexpected_end,  ///< before the first byte of the message
    truncated_head,  ///< within the head, or after an interim response
    truncated_body,  ///< before the announced length, or before the last chunk

    // A limit was reached.
    request_line_too_long,     ///< the first line of a request
    header_too_large,          ///< the first line of a response, or all fields together
    field_too_large,           ///< one field line
    too_many_fields,           ///< the number of field lines
    chunk_extension_too_long,  ///< one chunk-size line, or all extensions of a message
    trailers_too_large,        ///< the fields after the last chunk, in number or size
    too_many_interim,          ///< responses with status 1xx before the final one
    body_too_large,            ///< a body held in memory, after decoding
    decoded_too_large,         ///< the output of decoding a body
    ratio_exceeded,            ///< a body grew more when decoded than is plausible
    too_many_codings,          ///< the number of content codings of one body
    too_many_redirects,        ///< one request was sent elsewhere too often
    pool_full,                 ///< too many requests wait for a connection

    // The exchange cannot be carried out, or ended badly.
    bad_header_name,      ///< a name given by the program is no token
    bad_header_value,     ///< a value given by the program holds CR, LF, NUL or another control
    bad_method,           ///< a method given by the program is no token
    bad_target,           ///< a request target given by the program, or in a request line
    bad_reason,           ///< a reason phrase given by the program holds a control character
    bad_status,           ///< the response's status says that the request failed
    bad_redirect,         ///< a redirect without a usable Location
    redirect_loop,        ///< a redirect to where the request had been before
    body_not_repeatable,  ///< a request must be sent again, and its body can be made only once
    unsupported_scheme,   ///< neither http nor https
    unsupported_coding,   ///< a content coding that is not known here
    decoding_failed,      ///< the body is not what its content coding says
};

/// The category of errc, named "simul.http".
const std::error_category& error_category() noexcept;

/// Makes an error_code of errc; found by argument-dependent lookup.
std::error_code make_error_code(errc code) noexcept;

}  // namespace simul::http

template <>
struct std::is_error_code_enum<simul::http::errc> : std::true_type {};
