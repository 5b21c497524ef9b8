// SPDX-License-Identifier: Apache-2.0
#include "fetch/log_line.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <utility>

#include "common/text.hpp"

namespace simul::program {

namespace {

std::string_view name_of(log_level level) noexcept {
    switch (level) {
        case log_level::debug: return "DEBUG";
        case log_level::info: return "INFO";
        case log_level::warning: return "WARNING";
        case log_level::error: return "ERROR";
    }
    return "ERROR";
}

std::tm local_time() {
    const std::time_t now = std::time(nullptr);
    std::tm when{};
    ::localtime_r(&now, &when);
    return when;
}

}  // namespace

std::string log_line(const std::tm& when, log_level level, std::string_view message) {
    return fmt::format("{:02}:{:02}:{:02} {}:areq: {}\n", when.tm_hour, when.tm_min, when.tm_sec,
                       name_of(level), printable(message));
}

event_log::event_log()
    : event_log{[](std::string_view line) {
                    static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
                },
                &local_time} {}

event_log::event_log(std::function<void(std::string_view)> sink, std::function<std::tm()> clock)
    : sink_{std::move(sink)}, clock_{std::move(clock)} {}

void event_log::write(log_level level, std::string_view message) const {
    sink_(log_line(clock_(), level, message));
}

}  // namespace simul::program
