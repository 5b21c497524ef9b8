// SPDX-License-Identifier: Apache-2.0
//
// web/host.hpp: the URL Standard's host parser, section 3.5.
#pragma once

#include <cstdint>

#include <array>
#include <string>
#include <string_view>

#include "simul/web/url.hpp"

namespace simul::web::detail {

/// Parses a host that is not empty and appends its normal form to `out`. The hosts of schemes that
/// are not special are opaque, unless they are in brackets.
///
/// Returns       0, or what is wrong; `out` then holds no more than it did.
url_errc parse_host(std::string_view text, bool opaque, std::string& out, host_kind& kind);

/// Whether the last label of a domain is a number, so that the whole must be an IPv4 address.
bool ends_in_number(std::string_view domain) noexcept;

/// Parses an IPv4 address of one to four numbers, each decimal, octal or hexadecimal.
bool parse_ipv4(std::string_view text, std::uint32_t& address) noexcept;

/// Appends an address as four decimal numbers.
void append_ipv4(std::string& out, std::uint32_t address);

/// Parses an IPv6 address, without brackets, into its eight pieces.
bool parse_ipv6(std::string_view text, std::array<std::uint16_t, 8>& pieces) noexcept;

/// Appends an address in its shortest form, without brackets.
void append_ipv6(std::string& out, const std::array<std::uint16_t, 8>& pieces);

}  // namespace simul::web::detail
