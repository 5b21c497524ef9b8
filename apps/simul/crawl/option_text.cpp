// SPDX-License-Identifier: Apache-2.0
#include "crawl/option_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "common/text.hpp"

namespace simul::program {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view expected) {
    throw std::invalid_argument{fmt::format("\"{}\": {}", printable(text, 200), expected)};
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// The number at the front of a text, and what stands behind it.
template <class Number>
std::optional<Number> number_at_front(std::string_view& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

}  // namespace

duration read_duration(std::string_view text) {
    constexpr std::string_view expected = "not a length of time such as 500ms, 2s, 5m or 1h";
    std::string_view rest = text;
    const auto value = number_at_front<double>(rest);
    if (!value || !(*value >= 0) || *value > 1e9) refuse(text, expected);
    double factor = 1;
    if (rest == "ms") {
        factor = 1e-3;
    } else if (rest == "m") {
        factor = 60;
    } else if (rest == "h") {
        factor = 3600;
    } else if (!rest.empty() && rest != "s") {
        refuse(text, expected);
    }
    const double seconds = *value * factor;
    if (seconds > 1e9) refuse(text, expected);
    return duration{std::llround(seconds * 1e9)};
}

std::size_t read_size(std::string_view text) {
    constexpr std::string_view expected = "not a size such as 500k, 10M or 1G";
    std::string_view rest = text;
    const auto value = number_at_front<std::uint64_t>(rest);
    if (!value || *value == 0 || *value > (std::uint64_t{1} << 40)) refuse(text, expected);
    std::size_t factor = 1;
    if (rest == "k" || rest == "K") {
        factor = std::size_t{1} << 10;
    } else if (rest == "M") {
        factor = std::size_t{1} << 20;
    } else if (rest == "G") {
        factor = std::size_t{1} << 30;
    } else if (!rest.empty()) {
        refuse(text, expected);
    }
    return static_cast<std::size_t>(*value) * factor;
}

void read_time_limits(std::string_view text, http::time_limits& into) {
    while (true) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view part = text.substr(0, comma);
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos) {
            refuse(part, "not of the form connect=10,first-byte=15,idle=15,total=60");
        }
        const std::string_view name = part.substr(0, equals);
        const duration limit = read_duration(part.substr(equals + 1));
        if (limit == duration::zero()) refuse(part, "a limit of no time at all");
        if (name == "resolve") {
            into.resolve = limit;
        } else if (name == "connect") {
            into.connect = limit;
        } else if (name == "handshake") {
            into.handshake = limit;
        } else if (name == "first-byte") {
            into.first_byte = limit;
        } else if (name == "idle") {
            into.idle = limit;
        } else if (name == "total") {
            into.total = limit;
        } else {
            refuse(name, "none of resolve, connect, handshake, first-byte, idle, total");
        }
        if (comma == text.size()) return;
        text.remove_prefix(comma + 1);
    }
}

http::name_override read_override(std::string_view text) {
    constexpr std::string_view expected = "not of the form HOST:PORT:ADDRESS";
    const std::size_t first = text.find(':');
    if (first == 0 || first == std::string_view::npos) refuse(text, expected);
    const std::size_t second = text.find(':', first + 1);
    if (second == std::string_view::npos) refuse(text, expected);
    std::string_view port_text = text.substr(first + 1, second - first - 1);
    std::optional<std::uint16_t> port;
    if (port_text != "*") {
        port = number_at_front<std::uint16_t>(port_text);
        if (!port || *port == 0 || !port_text.empty()) refuse(text, expected);
    }
    std::vector<ip_address> addresses;
    std::string_view rest = text.substr(second + 1);
    while (true) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        std::string_view one = rest.substr(0, comma);
        if (one.starts_with('[') && one.ends_with(']')) one = one.substr(1, one.size() - 2);
        const auto address = ip_address::parse(one);
        if (!address) refuse(one, "not an address of IPv4 or IPv6");
        addresses.push_back(*address);
        if (comma == rest.size()) break;
        rest.remove_prefix(comma + 1);
    }
    return http::name_override{std::string{text.substr(0, first)}, port, std::move(addresses)};
}

void read_header(std::string_view text, http::headers& into) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) refuse(text, "not of the form \"Name: value\"");
    const std::string_view name = text.substr(0, colon);
    const std::string_view value = trimmed(text.substr(colon + 1));
    if (!http::is_token(name)) refuse(name, "not the name of a header field");
    if (!http::is_field_value(value)) refuse(value, "holds characters no header field may hold");
    for (const std::string_view own :
         {"Host", "Connection", "Content-Length", "Transfer-Encoding", "User-Agent"}) {
        if (http::equals_ignoring_case(name, own)) {
            refuse(name, own == "User-Agent" ? "is set with --user-agent"
                                             : "is set by the program itself");
        }
    }
    into.add(name, value);
}

web::url read_start_address(std::string_view text) {
    auto address = web::url::parse(text);
    if (!address) {
        if (address.error() == web::url_errc::missing_scheme ||
            address.error() == web::url_errc::relative_without_base) {
            refuse(text, "no address; write https:// before the host");
        }
        refuse(text, address.error().message());
    }
    if (address->scheme() != "http" && address->scheme() != "https") {
        refuse(text, "neither http:// nor https://");
    }
    if (!address->username().empty() || !address->password().empty()) {
        refuse(address->without_credentials().href(),
               "had a user name or password in it; use --header \"Authorization: ...\"");
    }
    if (address->href().size() > 2083) refuse(text, "longer than 2,083 bytes");
    return std::move(*address);
}

std::vector<web::url> read_address_list(std::string_view text, std::string_view name) {
    std::vector<web::url> addresses;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty() || line.starts_with('#')) continue;
        try {
            addresses.push_back(read_start_address(line));
        } catch (const std::invalid_argument& wrong) {
            throw std::invalid_argument{
                fmt::format("{}, line {}: {}", printable(name, 500), number, wrong.what())};
        }
    }
    return addresses;
}

}  // namespace simul::program
