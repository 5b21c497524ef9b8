// SPDX-License-Identifier: Apache-2.0
//
// serve/reply.hpp: what a site answers, made to fit one request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "serve/site.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/wire/message_head.hpp"

namespace simul::program {

/// Whether a client takes gzip: Accept-Encoding names it, or "*", with a weight that is not zero.
///
/// Source        RFC 9110 section 12.5.3.
[[nodiscard]] bool accepts_gzip(const http::headers& asked);

/// Whether the client has this very answer already. If-None-Match decides where it is sent, else
/// If-Modified-Since.
///
/// Source        RFC 9110 section 13.2.2.
[[nodiscard]] bool is_known_already(const http::headers& asked, std::string_view tag,
                                    const answer& said);

/// A head ready to be sent, and what follows it.
class reply {
public:
    reply() noexcept {}

    int status = 0;
    std::string head;
    std::string_view body;        ///< a view into the answer
    std::uint64_t from_file = 0;  ///< in place of a body: bytes of answer.content
    std::uint64_t body_size = 0;  ///< of either
};

/// Makes the reply to a request; `is_last` says that the connection ends with it. Without a request
/// (`asked` is nullptr: none could be read) nothing depends on it.
///
/// Lifetime      the reply refers to `said`.
[[nodiscard]] reply make_reply(const http::wire::request_head* asked, const answer& said,
                               bool is_last);

}  // namespace simul::program
