// SPDX-License-Identifier: Apache-2.0
#include "http/date_line.hpp"

#include <algorithm>

#include "simul/runtime/loop.hpp"

namespace simul::http::detail {

namespace {

using namespace std::chrono;

constexpr std::string_view day_names{"SunMonTueWedThuFriSat"};
constexpr std::string_view month_names{"JanFebMarAprMayJunJulAugSepOctNovDec"};

char* write_two(char* at, unsigned number) noexcept {
    *at++ = static_cast<char>('0' + number / 10 % 10);
    *at++ = static_cast<char>('0' + number % 10);
    return at;
}

system_clock::time_point wall_clock(time_point now) noexcept {
    if (!loop::current().is_simulated()) return system_clock::now();
    return system_clock::time_point{now.time_since_epoch()};
}

}  // namespace

void write_date(sys_seconds when, std::span<char, date_size> into) noexcept {
    const auto day = floor<days>(when);
    const year_month_day date{day};
    const hh_mm_ss time{when - day};
    const auto in_year = static_cast<unsigned>(static_cast<int>(date.year()));

    char* at =
        std::ranges::copy(day_names.substr(weekday{day}.c_encoding() * 3, 3), into.data()).out;
    at = std::ranges::copy(std::string_view{", "}, at).out;
    at = write_two(at, static_cast<unsigned>(date.day()));
    *at++ = ' ';
    const std::size_t month = static_cast<unsigned>(date.month()) - 1;
    at = std::ranges::copy(month_names.substr(month * 3, 3), at).out;
    *at++ = ' ';
    at = write_two(at, in_year / 100);
    at = write_two(at, in_year % 100);
    *at++ = ' ';
    at = write_two(at, static_cast<unsigned>(time.hours().count()));
    *at++ = ':';
    at = write_two(at, static_cast<unsigned>(time.minutes().count()));
    *at++ = ':';
    at = write_two(at, static_cast<unsigned>(time.seconds().count()));
    std::ranges::copy(std::string_view{" GMT"}, at);
}

date_line::date_line(std::string_view server_name) {
    if (!server_name.empty()) text_.append("Server: ").append(server_name).append("\r\n");
    text_.append("Date: ").append(date_size, ' ').append("\r\n");
}

void date_line::refresh(time_point now) noexcept {
    const auto wall = wall_clock(now);
    const auto second = floor<seconds>(wall);
    char* const date = text_.data() + text_.size() - date_size - 2;
    write_date(second, std::span<char, date_size>{date, date_size});
    end_of_second_ = now + (second + seconds{1} - wall);
}

}  // namespace simul::http::detail
