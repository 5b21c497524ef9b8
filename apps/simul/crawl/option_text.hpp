// SPDX-License-Identifier: Apache-2.0
//
// crawl/option_text.hpp: what options say, read. What is wrong is a std::invalid_argument whose
// text names what was expected; the command puts the option's name before it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/http/session.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// "1.5" or "1.5s", "200ms", "2m", "1h": seconds without a unit, never negative.
[[nodiscard]] duration read_duration(std::string_view text);

/// "10M", "512k", "1G", "1000": a number of bytes, multiples of 1,024, at least 1.
[[nodiscard]] std::size_t read_size(std::string_view text);

/// "connect=10,first-byte=15": sets the limits it names (resolve, connect, handshake, first-byte,
/// idle, total).
void read_time_limits(std::string_view text, http::time_limits& into);

/// "HOST:PORT:ADDRESS[,ADDRESS]", as curl has it; an address of IPv6 may stand in brackets, and the
/// port may be "*".
[[nodiscard]] http::name_override read_override(std::string_view text);

/// "Name: value", checked as a header field.
void read_header(std::string_view text, http::headers& into);

/// A start address: http or https, without user name and password.
[[nodiscard]] web::url read_start_address(std::string_view text);

/// Start addresses, one a line; empty lines and those that begin with # do not count. `name` is
/// for messages, which have the line's number.
[[nodiscard]] std::vector<web::url> read_address_list(std::string_view text, std::string_view name);

}  // namespace simul::program
