// SPDX-License-Identifier: Apache-2.0
#include "serve/date.hpp"

#include <fmt/format.h>

#include <array>

namespace simul::program {

namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> day_names{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// The number that `text` consists of, or -1.
int number_in(std::string_view text) noexcept {
    int value = 0;
    for (const char each : text) {
        if (each < '0' || each > '9') return -1;
        value = value * 10 + (each - '0');
    }
    return value;
}

template <std::size_t Count>
unsigned place_in(const std::array<std::string_view, Count>& names,
                  std::string_view name) noexcept {
    unsigned place = 0;
    while (place != Count && names[place] != name) ++place;
    return place;
}

}  // namespace

std::string write_date(sys_seconds when) {
    const auto day = floor<std::chrono::days>(when);
    const year_month_day date{day};
    const hh_mm_ss time{when - day};
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                       day_names[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                       month_names[static_cast<unsigned>(date.month()) - 1],
                       static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                       time.seconds().count());
}

std::optional<sys_seconds> read_date(std::string_view text) noexcept {
    // Every character has its place: Sun, 06 Nov 1994 08:49:37 GMT
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
        text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
        return std::nullopt;
    }
    const unsigned weekday_place = place_in(day_names, text.substr(0, 3));
    const unsigned month_place = place_in(month_names, text.substr(8, 3));
    const int date = number_in(text.substr(5, 2));
    const int in_year = number_in(text.substr(12, 4));
    const int hour = number_in(text.substr(17, 2));
    const int minute = number_in(text.substr(20, 2));
    const int second = number_in(text.substr(23, 2));
    if (weekday_place == 7 || month_place == 12 || date < 0 || in_year < 0 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return std::nullopt;
    }
    const year_month_day day{year{in_year}, month{month_place + 1},
                             std::chrono::day{static_cast<unsigned>(date)}};
    if (!day.ok()) return std::nullopt;
    return sys_days{day} + hours{hour} + minutes{minute} + seconds{second};
}

}  // namespace simul::program
