// SPDX-License-Identifier: Apache-2.0
//
// simul/http/request.hpp: what is asked of a server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "simul/coro/async_generator.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/method.hpp"
#include "simul/web/url.hpp"

namespace simul::http {

/// A request, before it is sent. Host, Connection, Content-Length and Transfer-Encoding are the
/// client's own and must not be among the headers.
class request {
public:
    explicit request(web::url where, http::method how = method::get)
        : url{std::move(where)}, method{std::move(how)} {}

    /// A body that is sent as it is and may be sent again, after a redirect for instance.
    request& with_body(std::string content, std::string_view content_type);

    /// A body that is made while it is sent, in chunks. It can be sent once: a redirect that keeps
    /// the method ends with errc::body_not_repeatable.
    request& with_stream(async_generator<std::string> content, std::string_view content_type);

    web::url url;
    http::method method;
    http::headers headers;
    std::string body;
    std::optional<async_generator<std::string>> stream;
};

}  // namespace simul::http
