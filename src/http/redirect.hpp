// SPDX-License-Identifier: Apache-2.0
//
// http/redirect.hpp: what becomes of a request when the answer points elsewhere. No I/O.
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "simul/http/request.hpp"
#include "simul/http/response.hpp"

namespace simul::http::detail {

/// Whether a field of this name tells who is asking: no other origin is to see it.
[[nodiscard]] bool is_credential(std::string_view name) noexcept;

/// Gives the request the session's credentials that it has none of its own for. From then on they
/// are the request's, so that turn_to() can take them away.
void take_credentials(request& wanted, const headers& of_session);

/// True for 301, 302, 303, 307 and 308.
[[nodiscard]] bool is_followed(int status) noexcept;

/// Where Location points, seen from `from`; the fragment of `from` is inherited.
///
/// Errors        errc::bad_redirect, unsupported_scheme.
[[nodiscard]] std::expected<web::url, std::error_code> redirect_target(
    const web::url& from, std::optional<std::string_view> location);

/// Changes the request to what is to be sent to `to`: method and body as the status asks, without
/// credentials if `to` has another origin.
void turn_to(request& wanted, int status, web::url to);

}  // namespace simul::http::detail
