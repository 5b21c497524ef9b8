// SPDX-License-Identifier: Apache-2.0
//
// fetch/log_line.hpp: what is told while pages are fetched, a line for each event.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>

namespace simul::program {

enum class log_level : std::uint8_t { debug, info, warning, error };

/// `HH:MM:SS LEVEL:areq: message` and a line end. Whatever the message holds, it is one line, and
/// does nothing to a terminal.
[[nodiscard]] std::string log_line(const std::tm& when, log_level level, std::string_view message);

/// Stamps messages with the local time and passes them on.
class event_log {
public:
    /// To standard error, each line in one write.
    event_log();
    /// To `sink`, with the time that `clock` tells.
    event_log(std::function<void(std::string_view line)> sink, std::function<std::tm()> clock);

    void write(log_level level, std::string_view message) const;
    void debug(std::string_view message) const { write(log_level::debug, message); }
    void info(std::string_view message) const { write(log_level::info, message); }
    void warning(std::string_view message) const { write(log_level::warning, message); }
    void error(std::string_view message) const { write(log_level::error, message); }

private:
    std::function<void(std::string_view)> sink_;
    std::function<std::tm()> clock_;
};

}  // namespace simul::program
