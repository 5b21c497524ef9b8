// SPDX-License-Identifier: Apache-2.0
//
// fetch/arguments.hpp: values of the command line that have parts.
//
// Each function gives what was meant, or one sentence on what is wrong with it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simul/http/session.hpp"

namespace simul::program {

/// Connections to one place that are made to another one. An empty host, or no port, stands for any
/// place before, and for the same one behind.
struct connect_rule {
    connect_rule() {}

    std::string host;
    std::optional<std::uint16_t> port;
    std::string target_host;
    std::optional<std::uint16_t> target_port;
};

/// read_override(), without exceptions.
[[nodiscard]] std::expected<http::name_override, std::string> parse_override(std::string_view text);

/// HOST1:PORT1:HOST2:PORT2, each of which may be empty.
[[nodiscard]] std::expected<connect_rule, std::string> parse_connect_rule(std::string_view text);

/// read_time_limits() in seconds; what is not named stays as it is in `before`.
[[nodiscard]] std::expected<http::time_limits, std::string> parse_time_limits(
    std::string_view text, const http::time_limits& before);

/// Opens connections as the first rule that fits says, otherwise as asked. Names are looked up with
/// the overrides.
[[nodiscard]] http::connector make_connector(std::vector<connect_rule> rules,
                                             std::vector<http::name_override> overrides);

}  // namespace simul::program
