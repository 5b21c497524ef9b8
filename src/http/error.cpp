// SPDX-License-Identifier: Apache-2.0
#include "simul/http/error.hpp"

#include <string>

namespace simul::http {

namespace {

const char* text(errc code) noexcept {
    switch (code) {
        case errc::not_http: return "what was received is not HTTP/1";
        case errc::malformed_status_line: return "the status line is malformed";
        case errc::malformed_request_line: return "the request line is malformed";
        case errc::malformed_header: return "a header field is malformed";
        case errc::bad_host: return "the Host field is missing, repeated or no host";
        case errc::bad_content_length: return "Content-Length is not a valid length";
        case errc::conflicting_length: return "the length of the body is given more than once";
        case errc::transfer_coding_in_http_1_0: return "Transfer-Encoding in an HTTP/1.0 message";
        case errc::unsupported_transfer_coding: return "a transfer coding other than chunked";
        case errc::unsupported_version: return "the HTTP version is not supported";
        case errc::bad_chunk: return "the chunked body is malformed";
        case errc::upgrade_not_asked: return "the server switched protocols without being asked";
        case errc::unexpected_end: return "the connection was closed before a message began";
        case errc::truncated_head: return "the connection was closed within a message's head";
        case errc::truncated_body: return "the connection was closed within a message's body";
        case errc::request_line_too_long: return "the request line is too long";
        case errc::header_too_large: return "the message's head is too large";
        case errc::field_too_large: return "a header field is too large";
        case errc::too_many_fields: return "too many header fields";
        case errc::chunk_extension_too_long: return "the chunk extensions are too long";
        case errc::trailers_too_large: return "the trailer fields are too many or too large";
        case errc::too_many_interim: return "too many interim responses";
        case errc::body_too_large: return "the body is too large";
        case errc::decoded_too_large: return "the decoded body is too large";
        case errc::ratio_exceeded: return "the body grows implausibly when decoded";
        case errc::too_many_codings: return "the body has too many content codings";
        case errc::too_many_redirects: return "too many redirects";
        case errc::pool_full: return "too many requests are waiting for a connection";
        case errc::bad_header_name: return "a header field's name is not a token";
        case errc::bad_header_value: return "a header field's value holds a control character";
        case errc::bad_method: return "the method is not a token";
        case errc::bad_target: return "the request target is not valid";
        case errc::bad_reason: return "the reason phrase holds a control character";
        case errc::bad_status: return "the response's status says that the request failed";
        case errc::bad_redirect: return "a redirect without a usable Location";
        case errc::redirect_loop: return "a redirect leads back to where it came from";
        case errc::body_not_repeatable: return "the request's body cannot be sent a second time";
        case errc::unsupported_scheme: return "the scheme is neither http nor https";
        case errc::unsupported_coding: return "the content coding is not supported";
        case errc::decoding_failed: return "the body does not match its content coding";
    }
    return "unknown http error";
}

class http_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "simul.http"; }
    std::string message(int code) const override { return text(static_cast<errc>(code)); }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const http_category category;
    return category;
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

}  // namespace simul::http
