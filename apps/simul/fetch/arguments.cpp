// SPDX-License-Identifier: Apache-2.0
#include "fetch/arguments.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

#include "common/option_text.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/dns.hpp"
#include "simul/io/tcp.hpp"

namespace simul::program {

namespace {

// What `read` gives, or the text of what it has to say against it.
template <class Read>
auto expected_of(Read read) -> std::expected<decltype(read()), std::string> {
    try {
        return read();
    } catch (const std::invalid_argument& wrong) {
        return std::unexpected{wrong.what()};
    }
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
    return expected_of([&] { return read_override(text); });
}

std::expected<connect_rule, std::string> parse_connect_rule(std::string_view text) {
    return expected_of([&] {
        std::string_view rest = text;
        std::string_view fields[4];
        std::size_t colons = 0;
        for (std::string_view& field : fields) {
            const std::size_t before = rest.size();
            field = take_field(rest, ':');
            if (before > field.size()) ++colons;
        }
        if (colons != 3 || !rest.empty()) {
            throw std::invalid_argument{std::string{"'"}.append(text).append(
                "' is not of the form HOST1:PORT1:HOST2:PORT2")};
        }
        connect_rule rule;
        if (!fields[0].empty()) rule.host = read_host(fields[0]);
        if (!fields[1].empty()) rule.port = read_port(fields[1]);
        if (!fields[2].empty()) rule.target_host = read_host(fields[2]);
        if (!fields[3].empty()) rule.target_port = read_port(fields[3]);
        return rule;
    });
}

std::expected<http::time_limits, std::string> parse_time_limits(std::string_view text,
                                                                const http::time_limits& before) {
    return expected_of([&] {
        http::time_limits limits = before;
        read_time_limits(text, limits, &read_seconds);
        return limits;
    });
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
