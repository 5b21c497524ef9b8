// SPDX-License-Identifier: Apache-2.0
#include "http/message_rules.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "http/characters.hpp"
#include "http/failure.hpp"

namespace simul::http::detail {

wire::version parse_version(std::string_view text, errc malformed) {
    constexpr std::string_view name{"HTTP/"};
    if (!text.starts_with(name)) fail(malformed);
    const std::string_view number = text.substr(name.size());
    if (number == "1.1") return wire::version::http_1_1;
    if (number == "1.0") return wire::version::http_1_0;
    const bool is_version =
        (number.size() == 1 && is_digit(number[0])) ||
        (number.size() == 3 && is_digit(number[0]) && number[1] == '.' && is_digit(number[2]));
    fail(is_version ? errc::unsupported_version : malformed);
}

namespace {

std::uint64_t parse_length(std::string_view text) {
    constexpr std::size_t most_digits = 19;
    if (text.empty() || text.size() > most_digits || !std::ranges::all_of(text, is_digit)) {
        fail(errc::bad_content_length);
    }
    std::uint64_t length = 0;  // nineteen digits cannot overflow it
    for (char digit : text) length = length * 10 + static_cast<std::uint64_t>(digit - '0');
    // Whoever counts with signed numbers would read a larger length as something else.
    if (length > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        fail(errc::bad_content_length);
    }
    return length;
}

}  // namespace

announced_body read_announced_body(const headers& fields, wire::version version) {
    announced_body body;
    std::optional<std::string_view> coding;
    constexpr std::string_view length_name{"content-length"};
    constexpr std::string_view coding_name{"transfer-encoding"};
    for (const header_field field : fields) {
        if (field.name.size() != length_name.size() && field.name.size() != coding_name.size()) {
            continue;
        }
        if (equals_ignoring_case(field.name, length_name)) {
            if (body.content_length.has_value()) fail(errc::conflicting_length);
            body.content_length = parse_length(field.value);
        } else if (equals_ignoring_case(field.name, coding_name)) {
            if (coding.has_value()) fail(errc::unsupported_transfer_coding);
            coding = field.value;
        }
    }
    if (!coding.has_value()) return body;
    if (version == wire::version::http_1_0) fail(errc::transfer_coding_in_http_1_0);
    if (body.content_length.has_value()) fail(errc::conflicting_length);
    if (!equals_ignoring_case(*coding, "chunked")) fail(errc::unsupported_transfer_coding);
    body.is_chunked = true;
    return body;
}

bool wants_keep_alive(const headers& fields, wire::version version) noexcept {
    if (fields.has_token("connection", "close")) return false;
    return version == wire::version::http_1_1 || fields.has_token("connection", "keep-alive");
}

bool is_target_text(std::string_view target) noexcept {
    return !target.empty() &&
           std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
}

namespace {

constexpr auto host_characters = [] {
    std::array<bool, 256> table{};
    for (char c : std::string_view{"-._~%!$&'()*+,;="}) table[static_cast<unsigned char>(c)] = true;
    for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
    return table;
}();

bool is_host_character(char c) noexcept {
    return host_characters[static_cast<unsigned char>(c)];
}

bool is_host(std::string_view text) noexcept {
    if (text.empty()) return false;
    if (text.front() != '[') return std::ranges::all_of(text, is_host_character);
    if (text.size() < 4 || text.back() != ']') return false;
    return std::ranges::all_of(text.substr(1, text.size() - 2),
                               [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
}

bool is_port(std::string_view text) noexcept {
    if (text.size() > 5 || !std::ranges::all_of(text, is_digit)) return false;
    int port = 0;
    for (char digit : text) port = port * 10 + (digit - '0');
    return port <= 65535;
}

}  // namespace

bool is_authority(std::string_view text, bool needs_port) noexcept {
    // The colon of the port is behind the bracket of an IPv6 address.
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon == std::string_view::npos) return !needs_port && is_host(text);
    const std::string_view port = text.substr(colon + 1);
    if (needs_port && port.empty()) return false;
    return is_host(text.substr(0, colon)) && is_port(port);
}

std::string_view authority_of(std::string_view absolute) noexcept {
    const std::string_view rest = absolute.substr(absolute.find("://") + 3);
    return rest.substr(0, rest.find_first_of("/?"));
}

namespace {

bool is_absolute(std::string_view target) noexcept {
    const std::size_t colon = target.find("://");
    if (colon == std::string_view::npos || colon == 0 || !is_alpha(target.front())) return false;
    const bool is_scheme = std::ranges::all_of(target.substr(0, colon), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
    });
    return is_scheme && is_authority(authority_of(target), false);
}

}  // namespace

std::optional<wire::target_form> target_form_of(std::string_view target,
                                                const method& how) noexcept {
    using wire::target_form;
    if (!is_target_text(target)) return std::nullopt;
    if (how == method::connect) {
        if (is_authority(target, true)) return target_form::authority;
        return std::nullopt;
    }
    if (target.front() == '/') return target_form::origin;
    if (target == "*" && how == method::options) return target_form::asterisk;
    if (is_absolute(target)) return target_form::absolute;
    return std::nullopt;
}

}  // namespace simul::http::detail
