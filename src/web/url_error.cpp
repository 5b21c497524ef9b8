// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "simul/web/url.hpp"

namespace simul::web {

namespace {

const char* text(url_errc code) noexcept {
    switch (code) {
        case url_errc::missing_scheme:
            return "the address does not begin with a scheme such as https:";
        case url_errc::relative_without_base:
            return "the address is relative, and there is no base to complete it";
        case url_errc::opaque_base:
            return "the base has no path of segments, so nothing can be relative to it";
        case url_errc::missing_host: return "the host is missing";
        case url_errc::forbidden_host_character:
            return "the host holds a character that is not allowed there";
        case url_errc::bad_ipv4: return "the host ends in a number but is no IPv4 address";
        case url_errc::bad_ipv6: return "the host in brackets is no IPv6 address";
        case url_errc::bad_domain: return "the host is no valid internationalized domain name";
        case url_errc::bad_port: return "the port is not a number";
        case url_errc::port_out_of_range: return "the port is above 65535";
        case url_errc::too_long: return "the address is too long";
    }
    return "unknown URL error";
}

class url_error_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "simul.url"; }
    std::string message(int code) const override { return text(static_cast<url_errc>(code)); }
};

}  // namespace

const std::error_category& url_category() noexcept {
    static const url_error_category category;
    return category;
}

std::error_code make_error_code(url_errc code) noexcept {
    return {static_cast<int>(code), url_category()};
}

}  // namespace simul::web
