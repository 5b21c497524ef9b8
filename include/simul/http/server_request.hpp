// SPDX-License-Identifier: Apache-2.0
//
// simul/http/server_request.hpp: a request as a handler of the server sees it.
#pragma once

#include <string>
#include <string_view>

#include "simul/http/headers.hpp"
#include "simul/http/method.hpp"
#include "simul/http/wire/message_head.hpp"
#include "simul/http/wire/request_parser.hpp"
#include "simul/io/address.hpp"

namespace simul::http {

/// A request that has arrived completely, its body included.
///
/// Threads       the loop's thread.
/// Lifetime      it and all its views are valid until the handler has ended.
class server_request {
public:
    /// Made by the server for each connection that is busy.
    server_request(const wire::request_parser& parser, const std::string& body,
                   const endpoint& peer) noexcept
        : parser_{parser}, body_{body}, peer_{peer} {}

    [[nodiscard]] const http::method& method() const noexcept { return head().method; }

    /// The target as it was sent: "/a%20b?c" or, from clients that take us for a proxy,
    /// "http://host/a%20b?c".
    [[nodiscard]] std::string_view target() const noexcept { return head().target; }

    /// The path of the target, without authority and query and not decoded; at least "/". Of a
    /// CONNECT request the authority, of OPTIONS for the whole server "*".
    [[nodiscard]] std::string_view path() const noexcept;

    /// What is behind the question mark of the target; empty without one.
    [[nodiscard]] std::string_view query() const noexcept;

    [[nodiscard]] const http::headers& fields() const noexcept { return head().headers; }

    /// The body, without its chunked framing. Content codings are not undone.
    [[nodiscard]] std::string_view body() const noexcept { return body_; }

    /// The fields behind a chunked body.
    [[nodiscard]] const http::headers& trailers() const noexcept { return parser_.trailers(); }

    /// Everything else that the head says.
    [[nodiscard]] const wire::request_head& head() const noexcept { return parser_.head(); }

    /// Who has sent it.
    [[nodiscard]] const endpoint& peer() const noexcept { return peer_; }

private:
    const wire::request_parser& parser_;
    const std::string& body_;
    const endpoint& peer_;
};

}  // namespace simul::http
