// SPDX-License-Identifier: Apache-2.0
//
// simul/http/method.hpp: what a request wants done.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace simul::http {

/// The method of a request: one of the nine that everybody knows, or any other token. Methods are
/// compared with regard to case, so "get" is another method than "GET".
///
///     http::method how = http::method::get;
///     http::method other{"PROPFIND"};
///
/// Source        RFC 9110 section 9; PATCH is RFC 5789.
class method {
public:
    enum known : std::uint8_t { get, head, post, put, delete_, options, patch, trace, connect };

    method(known which) noexcept : known_{which} {}

    /// The method with this name.
    ///
    /// Errors        errc::bad_method if `name` is no token.
    explicit method(std::string_view name);

    /// The name as it is sent.
    ///
    /// Lifetime      a view into this object.
    [[nodiscard]] std::string_view name() const noexcept;

    /// Whether it asks for nothing but an answer: GET, HEAD, OPTIONS, TRACE.
    [[nodiscard]] bool is_safe() const noexcept;

    /// Whether twice has the same effect as once: the safe ones, PUT and DELETE. Only these may be
    /// sent again when a connection broke before the answer came.
    [[nodiscard]] bool is_idempotent() const noexcept;

    friend bool operator==(const method&, const method&) noexcept = default;

private:
    known known_ = get;
    std::string other_;  ///< the name of a method beyond the known ones; else empty
};

}  // namespace simul::http
