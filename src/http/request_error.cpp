// SPDX-License-Identifier: Apache-2.0
#include "simul/http/request_error.hpp"

#include <utility>

namespace simul::http {

std::string_view to_string(stage where) noexcept {
    switch (where) {
        case stage::preparing: return "preparing";
        case stage::waiting_in_line: return "waiting for a connection";
        case stage::resolving: return "resolving the name";
        case stage::connecting: return "connecting";
        case stage::handshaking: return "agreeing on TLS";
        case stage::sending: return "sending the request";
        case stage::waiting_for_answer: return "waiting for an answer";
        case stage::reading_head: return "reading the head of the answer";
        case stage::reading_body: return "reading the body of the answer";
        case stage::redirecting: return "following a redirect";
    }
    return "unknown";
}

request_error::request_error(std::error_code cause, stage where, std::string address,
                             std::string_view detail)
    : std::system_error{cause}, where_{where}, address_{std::move(address)} {
    text_.append(address_).append(": ").append(to_string(where_)).append(": ");
    if (detail.empty()) {
        text_.append(cause.message());
    } else {
        text_.append(detail);
    }
}

}  // namespace simul::http
