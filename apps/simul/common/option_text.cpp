// SPDX-License-Identifier: Apache-2.0
#include "common/option_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/text.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view what) {
    throw std::invalid_argument{fmt::format("'{}' {}", printable(text, 200), what)};
}

ip_address read_address(std::string_view text) {
    std::string_view plain = text;
    if (plain.starts_with('[') && plain.ends_with(']')) plain = plain.substr(1, plain.size() - 2);
    const auto address = ip_address::parse(plain);
    if (!address) refuse(text, "is no IP address");
    return *address;
}

}  // namespace

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t\r\n\f\v";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view take_field(std::string_view& rest, char separator) noexcept {
    std::size_t from = rest.starts_with('[') ? rest.find(']') : 0;
    if (from == std::string_view::npos) from = 0;
    const std::size_t end = std::min(rest.find(separator, from), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return field;
}

std::string read_host(std::string_view text) {
    const auto address = web::url::parse(fmt::format("http://{}/", text));
    if (!address || address->path() != "/" || address->port() || !address->username().empty()) {
        refuse(text, "is no host");
    }
    std::string_view host = address->host();
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    return std::string{host};
}

std::uint16_t read_port(std::string_view text) {
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == 0) {
        refuse(text, "is no port: give a number from 1 to 65535");
    }
    return number;
}

duration read_duration(std::string_view text) {
    constexpr std::string_view expected = "is not a length of time such as 500ms, 2s, 5m or 1h";
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || !(value >= 0)) refuse(text, expected);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (unit == "ms") {
        value *= 1e-3;
    } else if (unit == "m") {
        value *= 60;
    } else if (unit == "h") {
        value *= 3600;
    } else if (!unit.empty() && unit != "s") {
        refuse(text, expected);
    }
    if (value > 1e9) refuse(text, expected);
    return duration{std::llround(value * 1e9)};
}

duration read_seconds(std::string_view text) {
    double value = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value, std::chars_format::fixed);
    if (error != std::errc{} || end != last || !(value >= 0.001 && value <= 86'400)) {
        refuse(text, "is not a number of seconds from 0.001 to 86400");
    }
    return duration{std::llround(value * 1e9)};
}

http::name_override read_override(std::string_view text) {
    std::string_view rest = text;
    const std::string_view host = take_field(rest, ':');
    const std::string_view port = take_field(rest, ':');
    if (host.empty() || port.empty() || rest.empty()) {
        refuse(text, "is not of the form HOST:PORT:ADDRESS");
    }
    std::string name = host == "*" ? std::string{host} : read_host(host);
    std::optional<std::uint16_t> number;
    if (port != "*") number = read_port(port);
    std::vector<ip_address> addresses;
    bool is_last = false;
    while (!is_last) {
        is_last = rest.find(',') == std::string_view::npos;
        addresses.push_back(read_address(take_field(rest, ',')));
    }
    return http::name_override{std::move(name), number, std::move(addresses)};
}

void read_time_limits(std::string_view text, http::time_limits& into,
                      duration (*read_limit)(std::string_view)) {
    std::optional<duration> resolve;
    std::optional<duration> connect;
    std::optional<duration> handshake;
    bool is_last = false;
    while (!is_last) {
        is_last = text.find(',') == std::string_view::npos;
        const std::string_view each = take_field(text, ',');
        if (each.find('=') == std::string_view::npos) {
            refuse(each, "is not of the form NAME=SECONDS");
        }
        std::string_view value = each;
        const std::string_view name = take_field(value, '=');
        const duration limit = read_limit(value);
        if (limit == duration::zero()) refuse(each, "is a limit of no time at all");
        if (name == "resolve") {
            resolve = limit;
        } else if (name == "connect") {
            connect = limit;
        } else if (name == "handshake") {
            handshake = limit;
        } else if (name == "first-byte") {
            into.first_byte = limit;
        } else if (name == "idle") {
            into.idle = limit;
        } else if (name == "total") {
            into.total = limit;
        } else {
            refuse(name, "is none of resolve, connect, handshake, first-byte, idle and total");
        }
    }
    if (!resolve) resolve = connect;
    if (!handshake) handshake = connect;
    into.resolve = resolve.value_or(into.resolve);
    into.connect = connect.value_or(into.connect);
    into.handshake = handshake.value_or(into.handshake);
}

}  // namespace simul::program
