// SPDX-License-Identifier: Apache-2.0
//
// serve/date.hpp: points in time as header fields carry them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace simul::program {

/// The date of a header field: "Sun, 06 Nov 1994 08:49:37 GMT". Years 0 to 9999.
///
/// Source        RFC 9110 section 5.6.7, IMF-fixdate.
[[nodiscard]] std::string write_date(std::chrono::sys_seconds when);

/// Reads what write_date writes. The two obsolete forms are not read: a client that sends one back
/// gets the whole file again. The name of the day is not compared with the date.
[[nodiscard]] std::optional<std::chrono::sys_seconds> read_date(std::string_view text) noexcept;

}  // namespace simul::program
