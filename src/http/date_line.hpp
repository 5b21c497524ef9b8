// SPDX-License-Identifier: Apache-2.0
//
// http/date_line.hpp: the fields that are the same in every answer of a second.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "simul/base/time.hpp"

namespace simul::http::detail {

/// The number of characters of a date: "Sun, 06 Nov 1994 08:49:37 GMT".
inline constexpr std::size_t date_size = 29;

/// Writes a date as header fields carry it. Years 0 to 9999.
///
/// Source        RFC 9110 section 5.6.7, IMF-fixdate.
void write_date(std::chrono::sys_seconds when, std::span<char, date_size> into) noexcept;

/// "Server: name" and "Date: …" as they are sent. Made anew when the second on the wall clock has
/// ended, which the loop's clock tells; in the simulated world, where nothing may depend on the
/// day, the loop's clock is the wall clock and began in 1970.
class date_line {
public:
    explicit date_line(std::string_view server_name);

    /// The fields at a time on the clock of the current loop.
    [[nodiscard]] std::string_view at(time_point now) noexcept {
        if (now >= end_of_second_) refresh(now);
        return text_;
    }

private:
    void refresh(time_point now) noexcept;

    std::string text_;
    time_point end_of_second_ = time_point::min();
};

}  // namespace simul::http::detail
