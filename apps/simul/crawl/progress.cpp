// SPDX-License-Identifier: Apache-2.0
#include "crawl/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include <sys/ioctl.h>

#include "common/text.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::program {

namespace {

using namespace std::chrono_literals;

double seconds_of(duration length) {
    return std::chrono::duration<double>(length).count();
}

std::string readable_size(std::uint64_t bytes) {
    if (bytes < 10'000) return fmt::format("{} B", bytes);
    if (bytes < 10'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
    if (bytes < 10'000'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
    return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

std::string_view counted(std::uint64_t number, std::string_view one, std::string_view many) {
    return number == 1 ? one : many;
}

std::string cut_to(std::string text, std::size_t width) {
    // All that the view is made of is one byte, one column.
    if (text.size() > width) text.resize(width);
    return text;
}

template <class Range>
void append_largest(std::string& to, const Range& counted_things) {
    std::vector<std::pair<std::uint64_t, std::string>> sorted;
    for (const auto& [what, number] : counted_things) sorted.emplace_back(number, what);
    std::ranges::sort(sorted, [](const auto& left, const auto& right) {
        return left.first != right.first ? left.first > right.first : left.second < right.second;
    });
    for (std::size_t at = 0; at != std::min<std::size_t>(sorted.size(), 10); ++at) {
        fmt::format_to(std::back_inserter(to), "  {:>9}  {}\n", sorted[at].first,
                       printable(sorted[at].second, 200));
    }
    if (sorted.size() > 10) {
        const std::size_t more = sorted.size() - 10;
        fmt::format_to(std::back_inserter(to), "             and {} more {}\n", more,
                       counted(more, "kind", "kinds"));
    }
}

void append_slowest(std::string& to, const frontier& addresses) {
    std::vector<const frontier::host*> hosts;
    for (const auto& [name, host] : addresses.hosts()) {
        if (host.answers != 0) hosts.push_back(&host);
    }
    if (hosts.size() < 2) return;
    const auto mean = [](const frontier::host* host) {
        return host->time_spent / static_cast<std::int64_t>(host->answers);
    };
    const std::size_t most = std::min<std::size_t>(hosts.size(), 5);
    std::ranges::partial_sort(hosts, hosts.begin() + static_cast<std::ptrdiff_t>(most),
                              std::ranges::greater{}, mean);
    to.append("slowest hosts, time for a page:\n");
    for (std::size_t at = 0; at != most; ++at) {
        fmt::format_to(std::back_inserter(to), "  {:>9}  {}\n", readable(mean(hosts[at])),
                       printable(hosts[at]->name, 200));
    }
}

}  // namespace

std::string readable(duration length) {
    if (length < 10s) {
        const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(length).count();
        return length < 1s ? fmt::format("{} ms", whole)
                           : fmt::format("{:.1f} s", seconds_of(length));
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(length).count();
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 7200) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
    return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

crawl_view look_at(const crawler& crawl, time_point began, double pages_per_second) {
    const time_point now = loop::current().now();
    const crawl_statistics& counts = crawl.statistics();
    crawl_view view;
    view.pages = counts.pages;
    view.failures = counts.failures;
    view.bytes = counts.bytes;
    view.pages_per_second = pages_per_second;
    view.queued = crawl.addresses().waiting();
    view.in_flight = crawl.in_flight();
    for (const auto& [name, host] : crawl.addresses().hosts()) {
        if (host.rate.in_flight() != 0) {
            ++view.hosts_active;
        } else if (const auto opens = host.rate.opens_at(); opens && *opens > now) {
            ++view.hosts_waiting;
        }
    }
    view.elapsed = now - began;
    view.is_stopping = crawl.is_stopping();
    return view;
}

std::string plain_line(const crawl_view& view) {
    return fmt::format("{} {}, {:.1f}/s, {} queued, {} in flight, {} failed, {}, after {}{}",
                       view.pages, counted(view.pages, "page", "pages"), view.pages_per_second,
                       view.queued, view.in_flight, view.failures, readable_size(view.bytes),
                       readable(view.elapsed), view.is_stopping ? ", stopping" : "");
}

std::array<std::string, 2> live_lines(const crawl_view& view, std::size_t width) {
    std::array<std::string, 2> lines;
    lines[0] = fmt::format("{} {}  {:.1f}/s  {} queued  {}  {}", view.pages,
                           counted(view.pages, "page", "pages"), view.pages_per_second, view.queued,
                           readable_size(view.bytes), readable(view.elapsed));
    lines[1] = fmt::format("{} in flight  hosts: {} active, {} pausing  {} failed", view.in_flight,
                           view.hosts_active, view.hosts_waiting, view.failures);
    if (view.is_stopping) {
        lines[1].append("  stopping");
    } else if (view.pages_per_second > 0 && view.queued != 0) {
        const double left = static_cast<double>(view.queued) / view.pages_per_second;
        fmt::format_to(std::back_inserter(lines[1]), "  at least {} left",
                       readable(saturating_duration(std::chrono::duration<double>{left})));
    }
    for (std::string& line : lines) line = cut_to(std::move(line), width);
    return lines;
}

std::string summary_text(const crawler& crawl) {
    const crawl_statistics& counts = crawl.statistics();
    std::string text;
    const auto into = std::back_inserter(text);
    const double seconds = std::max(seconds_of(counts.took), 1e-3);
    fmt::format_to(into, "{} {} in {} ({:.1f} pages/s), {} {}, {} {}, {}\n", counts.pages,
                   counted(counts.pages, "page", "pages"), readable(counts.took),
                   static_cast<double>(counts.pages) / seconds, counts.links,
                   counted(counts.links, "link", "links"), counts.redirects,
                   counted(counts.redirects, "redirect", "redirects"), readable_size(counts.bytes));
    if (counts.failures != 0) {
        fmt::format_to(into, "{} failed:\n", counts.failures);
        append_largest(text, counts.errors);
    }
    std::map<std::string, std::uint64_t> refused;
    for (std::size_t at = 0; at != refusal_count; ++at) {
        if (counts.refused[at] != 0) {
            refused.emplace(describe(static_cast<refusal>(at)), counts.refused[at]);
        }
    }
    if (!refused.empty()) {
        text.append("links not followed:\n");
        append_largest(text, refused);
    }
    if (counts.cut != 0) {
        fmt::format_to(into, "{} {} longer than --max-body and cut\n", counts.cut,
                       counted(counts.cut, "page", "pages"));
    }
    append_slowest(text, crawl.addresses());
    if (counts.left + counts.abandoned != 0) {
        fmt::format_to(into, "not asked for: {}; given up while in flight: {}\n", counts.left,
                       counts.abandoned);
    }
    text.append("written:\n");
    for (std::size_t which = 0; which != output_names.size(); ++which) {
        const auto path = crawl.files().directory() / output_names[which];
        fmt::format_to(into, "  {:>9}  {}\n", readable_size(crawl.files().written(which)),
                       printable(path.string()));
    }
    return text;
}

bool can_show_live(bool is_terminal, const char* no_color, const char* term) noexcept {
    const bool refuses_escapes = no_color != nullptr && *no_color != '\0';
    const bool is_dumb = term == nullptr || *term == '\0' || std::string_view{term} == "dumb";
    return is_terminal && !refuses_escapes && !is_dumb;
}

std::size_t console::width() const noexcept {
    struct winsize size{};
    const bool is_known = ::ioctl(::fileno(to_), TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
    return is_known ? size.ws_col : 80;
}

void console::line(std::string_view text) {
    clear();
    std::string shown = printable(text);
    shown.push_back('\n');
    std::fwrite(shown.data(), 1, shown.size(), to_);
    std::fflush(to_);
}

void console::show(const std::array<std::string, 2>& lines) {
    // Two lines, then back up to the first, so that the next drawing is over this one.
    const std::string text = fmt::format("\r\x1b[2K{}\n\x1b[2K{}\r\x1b[1A", lines[0], lines[1]);
    std::fwrite(text.data(), 1, text.size(), to_);
    std::fflush(to_);
    is_shown_ = true;
}

void console::clear() {
    if (!std::exchange(is_shown_, false)) return;
    std::fputs("\r\x1b[2K\n\x1b[2K\x1b[1A", to_);
    std::fflush(to_);
}

task<> show_progress(const crawler& crawl, console& on) {
    const time_point began = loop::current().now();
    // The rate is that of the last five seconds.
    std::deque<std::pair<time_point, std::uint64_t>> past{{began, 0}};
    const duration pause = on.is_live() ? duration{250ms} : duration{5s};
    while (true) {
        co_await sleep_for(pause);
        const time_point now = loop::current().now();
        const std::uint64_t pages = crawl.statistics().pages;
        past.emplace_back(now, pages);
        while (past.size() > 2 && now - past.front().first > 5s) past.pop_front();
        const double seconds = seconds_of(now - past.front().first);
        const double rate =
            seconds > 0 ? static_cast<double>(pages - past.front().second) / seconds : 0;
        const crawl_view view = look_at(crawl, began, rate);
        if (on.is_live()) {
            // The last column stays free: some terminals begin a new line after it.
            on.show(live_lines(view, on.width() - 1));
        } else {
            on.line(plain_line(view));
        }
    }
}

}  // namespace simul::program
