// SPDX-License-Identifier: Apache-2.0
//
// serve/site.hpp: what a server asks for its answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "simul/coro/task.hpp"
#include "simul/http/wire/message_head.hpp"
#include "simul/io/file.hpp"

namespace simul::program {

/// What a site says to a GET request. The server adds what belongs to the connection: the date, the
/// length, 304 where the client has this already, no body where it asked with HEAD.
class answer {
public:
    answer() noexcept {}

    int status = 200;
    std::string type;      ///< Content-Type; empty: none is sent
    std::string location;  ///< where a redirect leads; percent-encoded
    std::string tag;       ///< what stands between the quotes of ETag; empty: none is sent
    std::optional<std::chrono::sys_seconds> modified;

    std::string body;
    std::string
        gzip_body;  ///< the same, gzip-coded, for clients that take it; empty: there is none

    /// In place of `body`: `content_size` bytes of an open file.
    std::shared_ptr<file> content;
    std::uint64_t content_size = 0;
};

/// Something that can be served.
///
/// Threads       the loop's thread.
class site {
public:
    site() = default;
    site(const site&) = delete;
    site& operator=(const site&) = delete;
    virtual ~site() = default;

    /// Looks up what a GET or HEAD request asks for.
    ///
    /// Returns       an answer of any status; one for "not found", too.
    /// Errors        whatever keeps the site from knowing: the server answers 500, or 503 where
    ///               descriptors or memory have run out.
    /// Cancellation  clean.
    /// Lifetime      `asked` must stay valid until the await has ended.
    [[nodiscard]] virtual task<answer> look_up(const http::wire::request_head& asked) = 0;
};

/// The path of a request's target as it was sent, without authority and query: "/a%20b" of
/// "http://host/a%20b?c". At least "/".
[[nodiscard]] std::string_view path_of(const http::wire::request_head& asked) noexcept;

/// The same with the query and its question mark.
[[nodiscard]] std::string_view path_and_query_of(const http::wire::request_head& asked) noexcept;

/// A small page that says what a status means. Nothing the client sent is in it.
[[nodiscard]] answer status_page(int status);

}  // namespace simul::program
