// SPDX-License-Identifier: Apache-2.0
//
// simul/http/wire/serializer.hpp: messages as the bytes that are sent.
//
// Nothing is added to what the caller asks for: no Host, no length, no date. Nothing is let through
// that could end a line early either, whatever it comes from. Every function appends to `out`,
// which is unchanged when it throws.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "simul/http/headers.hpp"
#include "simul/http/method.hpp"
#include "simul/http/wire/message_head.hpp"

namespace simul::http::wire {

/// Appends the head of a request, with the empty line that ends it.
///
/// Errors        errc::bad_target        `target` has no form that fits the method, or holds
///                                       anything but visible ASCII, or "#".
///               errc::bad_header_name, errc::bad_header_value
///                                       a field that was added unchecked is no field.
void append_request_head(std::string& out, const method& how, std::string_view target,
                         const headers& fields, version spoken = version::http_1_1);

/// Appends the head of a response, with the empty line that ends it. An empty reason is sent as it
/// is, which is allowed; status::reason_phrase has the usual ones. `code` must have three digits.
///
/// Errors        errc::bad_reason        `reason` holds a control character.
///               errc::bad_header_name, errc::bad_header_value
///                                       as append_request_head.
void append_response_head(std::string& out, int code, std::string_view reason,
                          const headers& fields, version spoken = version::http_1_1);

/// Appends what comes before the data of a chunk. `size` must not be 0, which would end the body.
/// Behind the data comes chunk_end.
void append_chunk_begin(std::string& out, std::size_t size);

/// What comes behind the data of a chunk.
inline constexpr std::string_view chunk_end{"\r\n"};

/// Appends a whole chunk. Without data it appends nothing.
void append_chunk(std::string& out, std::span<const std::byte> data);

/// Appends the end of a chunked body, with fields or without.
///
/// Errors        errc::bad_header_name, errc::bad_header_value
///                                       as append_request_head.
void append_last_chunk(std::string& out, const headers& trailers = {});

}  // namespace simul::http::wire
