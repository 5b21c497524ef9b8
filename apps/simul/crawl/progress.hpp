// SPDX-License-Identifier: Apache-2.0
//
// crawl/progress.hpp: what a person sees while a crawl runs, and at its end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "crawl/engine.hpp"
#include "simul/base/time.hpp"
#include "simul/coro/task.hpp"

namespace simul::program {

/// The state of a crawl at one moment.
class crawl_view {
public:
    crawl_view() {}

    std::uint64_t pages = 0;
    std::uint64_t failures = 0;
    std::uint64_t bytes = 0;
    double pages_per_second = 0;  ///< of the last seconds
    std::size_t queued = 0;
    std::size_t in_flight = 0;
    std::size_t hosts_active = 0;   ///< with a request in flight
    std::size_t hosts_waiting = 0;  ///< with addresses, and a pause that has not passed
    duration elapsed{};
    bool is_stopping = false;
};

/// Looks at a crawl.
[[nodiscard]] crawl_view look_at(const crawler& crawl, time_point began, double pages_per_second);

/// The view in one line, for pipes, and in two of at most `width` columns, for terminals.
[[nodiscard]] std::string plain_line(const crawl_view& view);
[[nodiscard]] std::array<std::string, 2> live_lines(const crawl_view& view, std::size_t width);

/// The end of a crawl in some lines: pages, links, errors, refused links, slowest hosts, files.
/// Nothing in it needs printable() any more.
[[nodiscard]] std::string summary_text(const crawler& crawl);

/// "1.5 s", "230 ms", "2 min 5 s".
[[nodiscard]] std::string readable(duration length);

/// Whether the live view may be used: a terminal that knows escapes, and no NO_COLOR.
[[nodiscard]] bool can_show_live(bool is_terminal, const char* no_color, const char* term) noexcept;

/// A terminal or pipe that has lines and, on a terminal, a live view below them.
class console {
public:
    console(std::FILE* to, bool live) noexcept : to_{to}, live_{live} {}

    [[nodiscard]] bool is_live() const noexcept { return live_; }

    /// The columns that it has at this moment; 80 if it is no terminal.
    [[nodiscard]] std::size_t width() const noexcept;

    /// Prints a line, whatever is in it, above the live view.
    void line(std::string_view text);

    /// Draws the live view anew.
    void show(const std::array<std::string, 2>& lines);

    /// Removes the live view.
    void clear();

private:
    std::FILE* to_;
    bool live_;
    bool is_shown_ = false;
};

/// Shows how a crawl is doing, until it is cancelled: four times a second on a terminal, every five
/// seconds elsewhere.
///
/// Errors        none.
/// Cancellation  clean.
[[nodiscard]] task<> show_progress(const crawler& crawl, console& on);

}  // namespace simul::program
