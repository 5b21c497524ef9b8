// SPDX-License-Identifier: Apache-2.0
//
// common/option_text.hpp: values of the command line that crawl and fetch have in common, read.
//
// What is wrong with one is a std::invalid_argument whose text says what was expected; the command
// puts the option's name before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "simul/base/time.hpp"
#include "simul/http/session.hpp"

namespace simul::program {

/// A text without the blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

/// Takes what stands before the next `separator`, and drops that; without one, everything. Brackets
/// at the front, as addresses of IPv6 have them, belong together.
[[nodiscard]] std::string_view take_field(std::string_view& rest, char separator) noexcept;

/// The name or address of a host as a session asks for it: in its normal form, without brackets.
[[nodiscard]] std::string read_host(std::string_view text);

/// A number from 1 to 65535.
[[nodiscard]] std::uint16_t read_port(std::string_view text);

/// "1.5" or "1.5s", "200ms", "2m", "1h": seconds without a unit, never negative.
[[nodiscard]] duration read_duration(std::string_view text);

/// "0.5": seconds, from a thousandth to a day.
[[nodiscard]] duration read_seconds(std::string_view text);

/// "HOST:PORT:ADDRESS[,ADDRESS]…", as curl has it: an address of IPv6 may stand in brackets, a host
/// of IPv6 must; the host and the port may be "*".
[[nodiscard]] http::name_override read_override(std::string_view text);

/// "connect=10,first-byte=15": sets the limits it names (resolve, connect, handshake, first-byte,
/// idle, total) to what `read_limit` makes of the values. "connect" holds for the name and for TLS,
/// too, where these are not named.
void read_time_limits(std::string_view text, http::time_limits& into,
                      duration (*read_limit)(std::string_view) = &read_duration);

}  // namespace simul::program
