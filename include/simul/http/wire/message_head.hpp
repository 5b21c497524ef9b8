// SPDX-License-Identifier: Apache-2.0
//
// simul/http/wire/message_head.hpp: the head of a message, and what follows from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "simul/http/headers.hpp"
#include "simul/http/method.hpp"

namespace simul::http::wire {

/// The versions that can be read. HTTP/1.1 is written unless asked otherwise.
enum class version : std::uint8_t { http_1_0, http_1_1 };

/// How the end of a body is found.
enum class framing : std::uint8_t {
    none,         ///< there is no body
    length,       ///< after content_length bytes
    chunked,      ///< after the last chunk
    until_close,  ///< when the connection is closed; responses only
};

/// The forms of a request target.
///
/// Source        RFC 9112 section 3.2.
enum class target_form : std::uint8_t {
    origin,     ///< "/path?query"
    absolute,   ///< "http://host/path", as sent to proxies
    authority,  ///< "host:port", of CONNECT only
    asterisk,   ///< "*", of OPTIONS only
};

/// The head of a response.
class response_head {
public:
    response_head() noexcept {}

    wire::version version = wire::version::http_1_1;
    int status = 0;
    std::string reason;  ///< as the server put it; may be empty
    http::headers headers;
    wire::framing framing = wire::framing::none;

    /// What Content-Length says, also where the response has no body: to HEAD, and with 304.
    std::optional<std::uint64_t> content_length;

    /// Whether the connection may serve another exchange once this message is complete.
    bool keep_alive = false;
};

/// The head of a request.
class request_head {
public:
    request_head() noexcept {}

    /// The host and port that the request is for: those of an absolute target or of CONNECT, else
    /// the Host field. Empty if an HTTP/1.0 request names none.
    ///
    /// Lifetime      a view into this object.
    [[nodiscard]] std::string_view authority() const noexcept;

    http::method method = http::method::get;
    std::string target;
    target_form form = target_form::origin;
    wire::version version = wire::version::http_1_1;
    http::headers headers;
    wire::framing framing = wire::framing::none;
    std::optional<std::uint64_t> content_length;

    /// Whether the connection may serve another exchange once this message is complete.
    bool keep_alive = false;

    /// Whether the client waits for 100 (Continue) before it sends the body. Never true without a
    /// body or in HTTP/1.0.
    bool expects_continue = false;
};

}  // namespace simul::http::wire
