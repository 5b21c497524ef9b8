// SPDX-License-Identifier: Apache-2.0
//
// simul/http/request_error.hpp: what became of a request that failed, at which stage, and why.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace simul::http {

/// How far a request had come.
enum class stage {
    preparing,           ///< the address and the options are looked at
    waiting_in_line,     ///< every connection that may be open is in use
    resolving,           ///< the name is looked up
    connecting,          ///< the connection is made
    handshaking,         ///< TLS is agreed on and the certificate verified
    sending,             ///< head and body of the request are written
    waiting_for_answer,  ///< nothing of the answer has come yet
    reading_head,        ///< a part of the answer's head has come
    reading_body,        ///< the head has come
    redirecting,         ///< the answer points elsewhere, and cannot be followed
};

/// "resolving", "waiting for an answer", … for messages.
[[nodiscard]] std::string_view to_string(stage where) noexcept;

/// A request that failed. Every failure of session::send and of reading a response is one, whatever
/// layer it comes from: code() is the cause (of the system, the resolver, TLS or HTTP), where() the
/// stage, address() the URL that was being fetched, which after a redirect is not the first one.
///
/// what() reads "https://example.org/: connecting: Connection refused".
class request_error : public std::system_error {
public:
    request_error(std::error_code cause, stage where, std::string address,
                  std::string_view detail = {});

    [[nodiscard]] stage where() const noexcept { return where_; }
    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

private:
    stage where_;
    std::string address_;
    std::string text_;
};

}  // namespace simul::http
