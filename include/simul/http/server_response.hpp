// SPDX-License-Identifier: Apache-2.0
//
// simul/http/server_response.hpp: what a handler of the server answers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace simul::http {

namespace detail {
class response_writer;
}  // namespace detail

/// An answer, before the server adds what belongs to the connection. A new one says 200 and nothing
/// else.
///
/// Threads       the loop's thread.
class server_response {
public:
    server_response() noexcept {}

    /// The status, from 200 to 999.
    int status = 200;

    /// The body. It is not sent in answer to HEAD, nor with a status that forbids one (204, 304);
    /// its length is, where it may be.
    std::string body;

    /// Whether the connection is to be closed behind this answer.
    bool is_last = false;

    /// Appends a field, keeping others of the same name.
    ///
    /// Errors        std::system_error with http::errc:
    ///               bad_header_name   `name` is no token, or names a field that the server sends
    ///                                 itself: Connection, Content-Length, Date, Keep-Alive,
    ///                                 Server, Transfer-Encoding.
    ///               bad_header_value  `value` holds a control character other than the tab.
    ///               Nothing has changed then.
    void add_field(std::string_view name, std::string_view value);

    /// Makes it say 200 and nothing else again.
    void clear() noexcept;

private:
    friend class detail::response_writer;

    std::string fields_;  // as they are sent, each with its line end
};

}  // namespace simul::http
