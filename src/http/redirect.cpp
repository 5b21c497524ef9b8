// SPDX-License-Identifier: Apache-2.0
#include "http/redirect.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "simul/http/error.hpp"

namespace simul::http::detail {

namespace {

constexpr std::array<std::string_view, 3> credentials{"Authorization", "Cookie",
                                                      "Proxy-Authorization"};

}  // namespace

bool is_credential(std::string_view name) noexcept {
    return std::ranges::any_of(
        credentials, [name](std::string_view each) { return equals_ignoring_case(name, each); });
}

void take_credentials(request& wanted, const headers& of_session) {
    for (const std::string_view name : credentials) {
        if (wanted.headers.contains(name)) continue;
        for (const std::string_view value : of_session.get_all(name)) {
            wanted.headers.add(name, value);
        }
    }
}

bool is_followed(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::expected<web::url, std::error_code> redirect_target(const web::url& from,
                                                         std::optional<std::string_view> location) {
    if (!location || location->empty()) {
        return std::unexpected{make_error_code(errc::bad_redirect)};
    }
    auto target = web::url::parse(*location, from);
    if (!target) return std::unexpected{make_error_code(errc::bad_redirect)};
    if (target->scheme() != "http" && target->scheme() != "https") {
        return std::unexpected{make_error_code(errc::unsupported_scheme)};
    }
    if (!target->has_fragment() && from.has_fragment()) {
        std::string with_fragment{target->href()};
        with_fragment.append("#").append(from.fragment());
        target = web::url::parse(with_fragment);
    }
    return target;
}

void turn_to(request& wanted, int status, web::url to) {
    const bool to_get = (status == 303 && wanted.method != method::head) ||
                        ((status == 301 || status == 302) && wanted.method == method::post);
    if (to_get && wanted.method != method::get) {
        wanted.method = method::get;
        wanted.body.clear();
        wanted.stream.reset();
        for (const std::string_view name :
             {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"}) {
            wanted.headers.remove(name);
        }
    }
    if (!same_origin(wanted.url, to)) {
        for (const std::string_view name : credentials) wanted.headers.remove(name);
    }
    wanted.url = std::move(to);
}

}  // namespace simul::http::detail
