// SPDX-License-Identifier: Apache-2.0
//
// http/message_rules.hpp: what requests and responses have in common beyond the form of their
// lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "simul/http/error.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/wire/message_head.hpp"

namespace simul::http::detail {

/// "HTTP/1.1" or "HTTP/1.0". Other versions fail with unsupported_version, other texts with
/// `malformed`.
wire::version parse_version(std::string_view text, errc malformed);

/// What the fields say about the body.
struct announced_body {
    std::optional<std::uint64_t> content_length;
    bool is_chunked = false;
};

/// Reads Content-Length and Transfer-Encoding, and fails unless there is one way to understand
/// them.
announced_body read_announced_body(const headers& fields, wire::version version);

/// Whether the sender keeps the connection open after the message.
bool wants_keep_alive(const headers& fields, wire::version version) noexcept;

/// The form of a request target, or nothing if it is no target for this method.
std::optional<wire::target_form> target_form_of(std::string_view target,
                                                const method& how) noexcept;

/// Whether all characters of a target may stand in a request line.
bool is_target_text(std::string_view target) noexcept;

/// Host and optional port, without user information. The host is not empty.
bool is_authority(std::string_view text, bool needs_port) noexcept;

/// The authority within an absolute target.
std::string_view authority_of(std::string_view absolute) noexcept;

}  // namespace simul::http::detail
