// SPDX-License-Identifier: Apache-2.0
#include "web/host.hpp"

#include "web/domain.hpp"
#include "web/url_characters.hpp"

namespace simul::web::detail {

using namespace url_text;

namespace {

unsigned properties_of_all(std::string_view text) noexcept {
    unsigned all = 0;
    for (const char c : text) all |= properties_of(c);
    return all;
}

/// Appends a domain in ASCII and lower case.
url_errc append_domain(std::string& out, std::string_view text) {
    const std::size_t begin = out.size();
    unsigned properties = properties_of_all(text);
    std::string decoded;
    if ((properties & percent_sign) != 0) {
        decoded = percent_decode(text);
        text = decoded;
        properties = properties_of_all(text);
    }
    if ((properties & beyond_ascii) != 0) {
        if (!domain_to_ascii(text, out)) {
            out.resize(begin);
            return url_errc::bad_domain;
        }
        properties = properties_of_all(std::string_view{out}.substr(begin));
    } else {
        out.append(text);
        for (std::size_t i = begin; i < out.size(); ++i) out[i] = to_lower(out[i]);
    }
    if ((properties & forbidden_in_domain) != 0) {
        out.resize(begin);
        return url_errc::forbidden_host_character;
    }
    return url_errc{};
}

}  // namespace

url_errc parse_host(std::string_view text, bool opaque, std::string& out, host_kind& kind) {
    if (text.starts_with('[')) {
        std::array<std::uint16_t, 8> pieces{};
        if (!text.ends_with(']') || !parse_ipv6(text.substr(1, text.size() - 2), pieces)) {
            return url_errc::bad_ipv6;
        }
        out.push_back('[');
        append_ipv6(out, pieces);
        out.push_back(']');
        kind = host_kind::ipv6;
        return url_errc{};
    }
    if (opaque) {
        if ((properties_of_all(text) & forbidden_in_host) != 0) {
            return url_errc::forbidden_host_character;
        }
        append_text(out, text, encode_set::c0_control);
        kind = host_kind::opaque;
        return url_errc{};
    }

    const std::size_t begin = out.size();
    const url_errc error = append_domain(out, text);
    if (error != url_errc{}) return error;
    kind = host_kind::domain;
    const std::string_view domain = std::string_view{out}.substr(begin);
    if (!ends_in_number(domain)) return url_errc{};

    std::uint32_t address = 0;
    const bool valid = parse_ipv4(domain, address);
    out.resize(begin);
    if (!valid) return url_errc::bad_ipv4;
    append_ipv4(out, address);
    kind = host_kind::ipv4;
    return url_errc{};
}

}  // namespace simul::web::detail
