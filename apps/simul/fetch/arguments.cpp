// SPDX-License-Identifier: Apache-2.0
#include "fetch/arguments.hpp"

#include <charconv>
#include <chrono>
#include <memory>
#include <utility>

#include "simul/io/connect.hpp"
#include "simul/io/dns.hpp"
#include "simul/io/tcp.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

namespace {

using expected_host = std::expected<std::string, std::string>;
using expected_port = std::expected<std::optional<std::uint16_t>, std::string>;

std::string quoted(std::string_view text) {
    std::string result{"'"};
    result.append(text).append("'");
    return result;
}

// Takes what stands before the next colon, which is not one inside of brackets.
std::string_view take_field(std::string_view& rest) noexcept {
    std::size_t from = 0;
    if (rest.starts_with('[')) from = rest.find(']');
    const std::size_t colon = rest.find(':', from == std::string_view::npos ? 0 : from);
    const std::string_view field = rest.substr(0, colon);
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    return field;
}

// The host as it stands in addresses, without brackets: that is how a session asks for it.
expected_host normal_host(std::string_view text) {
    std::string address{"http://"};
    address.append(text).append("/");
    const auto parsed = web::url::parse(address);
    if (!parsed || parsed->path() != "/" || parsed->port() || !parsed->username().empty()) {
        return std::unexpected{quoted(text).append(" is no host")};
    }
    std::string_view host = parsed->host();
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    return std::string{host};
}

expected_host optional_host(std::string_view text) {
    if (text.empty()) return std::string{};
    return normal_host(text);
}

expected_port optional_port(std::string_view text) {
    if (text.empty()) return std::optional<std::uint16_t>{};
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == 0) {
        return std::unexpected{quoted(text).append(" is no port: give a number from 1 to 65535")};
    }
    return std::optional<std::uint16_t>{number};
}

std::optional<ip_address> address_of(std::string_view text) noexcept {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    return ip_address::parse(text);
}

std::optional<duration> seconds_of(std::string_view text) noexcept {
    double seconds = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (!(seconds >= 0.001 && seconds <= 86'400)) return std::nullopt;
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>{seconds});
}

bool fits(const connect_rule& rule, std::string_view host, std::uint16_t port) noexcept {
    return (rule.host.empty() || rule.host == host) && (!rule.port || *rule.port == port);
}

task<any_stream> open_connection(std::shared_ptr<resolver> names, std::string host,
                                 std::uint16_t port) {
    tcp_stream made = co_await simul::connect(*names, std::move(host), port);
    co_return any_stream{std::move(made)};
}

}  // namespace

std::expected<http::name_override, std::string> parse_override(std::string_view text) {
    std::string_view rest = text;
    const std::string_view host_text = take_field(rest);
    const std::string_view port_text = take_field(rest);
    expected_host host = host_text == "*" ? expected_host{"*"} : normal_host(host_text);
    if (!host) return std::unexpected{std::move(host.error())};
    if (port_text.empty() || rest.empty()) {
        return std::unexpected{quoted(text).append(" is not of the form HOST:PORT:ADDRESS")};
    }
    const expected_port port = optional_port(port_text == "*" ? "" : port_text);
    if (!port) return std::unexpected{port.error()};
    std::vector<ip_address> addresses;
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        const std::string_view each = rest.substr(0, comma);
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        const std::optional<ip_address> address = address_of(each);
        if (!address) {
            return std::unexpected{quoted(each).append(" is no IP address")};
        }
        addresses.push_back(*address);
    }
    return http::name_override{std::move(*host), *port, std::move(addresses)};
}

std::expected<connect_rule, std::string> parse_connect_rule(std::string_view text) {
    std::string_view rest = text;
    std::string_view fields[4];
    std::size_t colons = 0;
    for (std::string_view& field : fields) {
        const std::size_t before = rest.size();
        field = take_field(rest);
        if (before > field.size()) ++colons;
    }
    if (colons != 3 || !rest.empty()) {
        return std::unexpected{quoted(text).append(" is not of the form HOST1:PORT1:HOST2:PORT2")};
    }
    expected_host host = optional_host(fields[0]);
    const expected_port port = optional_port(fields[1]);
    expected_host target_host = optional_host(fields[2]);
    const expected_port target_port = optional_port(fields[3]);
    if (!host) return std::unexpected{std::move(host.error())};
    if (!port) return std::unexpected{port.error()};
    if (!target_host) return std::unexpected{std::move(target_host.error())};
    if (!target_port) return std::unexpected{target_port.error()};
    connect_rule rule;
    rule.host = std::move(*host);
    rule.port = *port;
    rule.target_host = std::move(*target_host);
    rule.target_port = *target_port;
    return rule;
}

std::expected<http::time_limits, std::string> parse_time_limits(std::string_view text,
                                                                const http::time_limits& before) {
    http::time_limits limits = before;
    std::string_view rest = text;
    do {
        const std::size_t comma = rest.find(',');
        const std::string_view each = rest.substr(0, comma);
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        const std::size_t equals = each.find('=');
        const std::string_view name = each.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? "" : each.substr(equals + 1);
        const std::optional<duration> given = seconds_of(value);
        if (!given) {
            return std::unexpected{quoted(each).append(
                " is not of the form NAME=SECONDS with 0.001 to 86400 seconds")};
        }
        if (name == "connect") {
            limits.resolve = limits.connect = limits.handshake = *given;
        } else if (name == "first-byte") {
            limits.first_byte = *given;
        } else if (name == "idle") {
            limits.idle = *given;
        } else if (name == "total") {
            limits.total = *given;
        } else {
            return std::unexpected{
                quoted(name).append(" is none of connect, first-byte, idle and total")};
        }
    } while (!rest.empty());
    return limits;
}

http::connector make_connector(std::vector<connect_rule> rules,
                               std::vector<http::name_override> overrides) {
    auto names = std::make_shared<resolver>();
    for (const http::name_override& each : overrides) {
        names->add_override(each.host, each.port, each.addresses);
    }
    return [names, rules = std::move(rules)](std::string host, std::uint16_t port) {
        for (const connect_rule& rule : rules) {
            if (!fits(rule, host, port)) continue;
            if (!rule.target_host.empty()) host = rule.target_host;
            port = rule.target_port.value_or(port);
            break;
        }
        return open_connection(names, std::move(host), port);
    };
}

}  // namespace simul::program
