// SPDX-License-Identifier: Apache-2.0
//
// http/response_writer.hpp: an answer as the bytes that are sent.
#pragma once

#include <string>
#include <string_view>

#include "simul/http/server_response.hpp"

namespace simul::http::detail {

/// What an answer does not say itself.
struct answer_rules {
    std::string_view common_fields;  ///< those of the server, each with its line end
    std::string_view connection;     ///< what the field Connection says; empty: it is not sent
    bool is_without_body = false;    ///< in answer to HEAD
};

/// Appends answers to what is to be sent. Nothing is checked: the fields have been when they were
/// added.
class response_writer {
public:
    static void append(std::string& out, const server_response& answer, const answer_rules& rules);
};

/// Makes an answer say what a status means, in words, and nothing the client sent.
void make_status_page(server_response& answer, int status);

}  // namespace simul::http::detail
