// SPDX-License-Identifier: Apache-2.0
//
// What is shown while a crawl runs: in a pipe, and on a terminal. Crawls run over memory streams
// under the virtual clock; the terminal is a real one.
#include "crawl/progress.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "simul/base/unique_fd.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/child_process.hpp"
#include "support/crawled_site.hpp"

namespace simul::program {
namespace {

using namespace std::chrono_literals;
using test::answer;

std::vector<std::string> lines_of(std::string text) {
    std::vector<std::string> lines;
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;) {
        lines.push_back(text.substr(0, end));
        text.erase(0, end + 1);
    }
    if (!text.empty()) lines.push_back(text);
    return lines;
}

// What is written into a pipe.
class written_text {
public:
    written_text() : file_{::open_memstream(&text_, &size_)} {}
    written_text(const written_text&) = delete;
    written_text& operator=(const written_text&) = delete;
    ~written_text() {
        std::fclose(file_);
        std::free(text_);
    }

    [[nodiscard]] std::FILE* file() const noexcept { return file_; }
    [[nodiscard]] std::string text() const {
        std::fflush(file_);
        return {text_, size_};
    }

private:
    char* text_ = nullptr;
    std::size_t size_ = 0;
    std::FILE* file_;
};

// A terminal of so many columns, and what has appeared on it.
class terminal {
public:
    explicit terminal(unsigned short columns) : screen_{::posix_openpt(O_RDWR | O_NOCTTY)} {
        EXPECT_EQ(::grantpt(screen_.get()), 0);
        EXPECT_EQ(::unlockpt(screen_.get()), 0);
        file_ = std::fopen(::ptsname(screen_.get()), "we");
        resize(columns);
    }
    terminal(const terminal&) = delete;
    terminal& operator=(const terminal&) = delete;
    ~terminal() { std::fclose(file_); }

    void resize(unsigned short columns) const {
        struct winsize size{};
        size.ws_row = 24;
        size.ws_col = columns;
        EXPECT_EQ(::ioctl(screen_.get(), TIOCSWINSZ, &size), 0);
    }
    [[nodiscard]] std::FILE* file() const noexcept { return file_; }

    // All that was written since the last call. It arrives a moment later, so a mark goes behind
    // it.
    std::string text() const {
        constexpr char mark = '\x1e';
        EXPECT_EQ(::write(::fileno(file_), &mark, 1), 1);
        std::string all;
        while (!all.ends_with(mark)) {
            char buffer[4096];
            const ::ssize_t count = ::read(screen_.get(), buffer, sizeof buffer);
            if (count <= 0) throw std::runtime_error{"the terminal is gone"};
            all.append(buffer, static_cast<std::size_t>(count));
        }
        all.pop_back();
        return all;
    }

private:
    unique_fd screen_;
    std::FILE* file_ = nullptr;
};

// The rows of a terminal, as one that obeys these bytes would show them; the row with the cursor is
// the last one it has been on.
class shown {
public:
    void feed(std::string_view text) {
        while (!text.empty()) {
            if (take(text, "\x1b[2K")) {
                rows_[at_].clear();
            } else if (take(text, "\x1b[1A")) {
                ASSERT_GT(at_, 0U);
                --at_;
            } else if (take(text, "\r")) {
                column_ = 0;
            } else if (take(text, "\n")) {
                if (++at_ == rows_.size()) rows_.emplace_back();
            } else {
                ASSERT_GE(static_cast<unsigned char>(text.front()), 0x20);
                rows_[at_].resize(std::max(rows_[at_].size(), column_ + 1), ' ');
                rows_[at_][column_++] = text.front();
                text.remove_prefix(1);
            }
        }
    }

    [[nodiscard]] const std::vector<std::string>& rows() const noexcept { return rows_; }
    [[nodiscard]] std::size_t row() const noexcept { return at_; }

private:
    static bool take(std::string_view& text, std::string_view what) {
        if (!text.starts_with(what)) return false;
        text.remove_prefix(what.size());
        return true;
    }

    std::vector<std::string> rows_{1};
    std::size_t at_ = 0;
    std::size_t column_ = 0;
};

crawl_options options_in(const test::temporary_directory& folder) {
    crawl_options options;
    options.seeds.push_back(web::url::parse("http://h.test/0").value());
    options.politeness.delay = 1100ms;
    options.directory = folder.path();
    return options;
}

// Pages from 0 to `last`, of which each leads to the next; the tenth leads to one more, that is not
// there.
test::crawled_site numbered_site(unsigned last) {
    test::crawled_site made;
    made.reply = [last](const std::string& url) {
        if (url.ends_with("/robots.txt") || url.ends_with("/999")) {
            return answer("", "", "404 Not Found");
        }
        const unsigned number = static_cast<unsigned>(std::stoul(url.substr(url.rfind('/') + 1)));
        std::string body{"<a href=/"};
        body.append(std::to_string(number + 1)).append(">next</a>");
        if (number == 9) body.append("<a href=/999>lost</a>");
        return answer(number == last ? "the end" : body, "Content-Type: text/html\r\n");
    };
    return made;
}

crawl_view some_view() {
    crawl_view view;
    view.pages = 2;
    view.pages_per_second = 0.5;
    view.queued = 1;
    view.elapsed = 4s;
    return view;
}

// --- the words -----------------------------------------------------------------------------------

TEST(progress, tells_sizes_in_the_unit_that_suits_them) {
    const auto told = [](std::uint64_t bytes) {
        crawl_view view = some_view();
        view.bytes = bytes;
        const std::string line = plain_line(view);
        const std::size_t from = line.find("failed, ") + 8;
        return line.substr(from, line.find(", after") - from);
    };
    EXPECT_EQ(told(0), "0 B");
    EXPECT_EQ(told(9'999), "9999 B");
    EXPECT_EQ(told(10'000), "10.0 kB");
    EXPECT_EQ(told(1'234'567), "1234.6 kB");
    EXPECT_EQ(told(10'000'000), "10.0 MB");
    EXPECT_EQ(told(9'999'900'000), "9999.9 MB");
    EXPECT_EQ(told(10'000'000'000), "10.0 GB");
}

TEST(progress, has_one_word_for_one_page_and_another_for_none_or_several) {
    crawl_view view = some_view();
    for (const std::uint64_t pages : {0U, 1U, 2U}) {
        view.pages = pages;
        const std::string begin = std::to_string(pages) + (pages == 1 ? " page" : " pages");
        EXPECT_TRUE(plain_line(view).starts_with(begin + ",")) << plain_line(view);
        EXPECT_TRUE(live_lines(view, 80)[0].starts_with(begin + " ")) << live_lines(view, 80)[0];
    }
}

TEST(progress, says_that_it_is_stopping_in_place_of_the_time_left) {
    crawl_view view = some_view();
    EXPECT_TRUE(live_lines(view, 80)[1].ends_with("  at least 2.0 s left"));
    view.is_stopping = true;
    EXPECT_TRUE(plain_line(view).ends_with(", after 4.0 s, stopping"));
    EXPECT_TRUE(live_lines(view, 80)[1].ends_with("0 failed  stopping"));
}

TEST(progress, guesses_no_time_left_where_nothing_comes_or_nothing_waits) {
    crawl_view view = some_view();
    view.pages_per_second = 0;
    EXPECT_EQ(live_lines(view, 80)[1].find("left"), std::string::npos);
    view = some_view();
    view.queued = 0;
    EXPECT_EQ(live_lines(view, 80)[1].find("left"), std::string::npos);
}

// --- a pipe --------------------------------------------------------------------------------------

TEST(progress, is_one_plain_line_every_five_seconds_in_a_pipe) {
    const test::temporary_directory folder;
    const written_text pipe;
    console on{pipe.file(), false};
    // robots.txt, then a page every 1.1 s; the 999 comes after page 10. The end is at 20.9 s.
    numbered_site(17).crawl(options_in(folder),
                            [&](crawler& made) { return show_progress(made, on); }, {});
    EXPECT_EQ(lines_of(pipe.text()),
              (std::vector<std::string>{
                  "4 pages, 0.8/s, 1 queued, 0 in flight, 0 failed, 76 B, after 5.0 s",
                  "9 pages, 1.0/s, 1 queued, 0 in flight, 0 failed, 171 B, after 10 s",
                  "12 pages, 0.6/s, 1 queued, 0 in flight, 1 failed, 252 B, after 15 s",
                  "17 pages, 1.0/s, 1 queued, 0 in flight, 1 failed, 352 B, after 20 s"}));
}

TEST(progress, says_nothing_of_a_crawl_that_is_over_before) {
    const test::temporary_directory folder;
    const written_text pipe;
    console on{pipe.file(), false};
    numbered_site(3).crawl(options_in(folder),
                           [&](crawler& made) { return show_progress(made, on); }, {});
    EXPECT_EQ(pipe.text(), "");
}

// --- a terminal ----------------------------------------------------------------------------------

// Shows the progress of a crawl on a terminal and gives `look` what stands there between two
// drawings, the time of which is told.
void watch(const terminal& screen, const test::crawled_site& site,
           const std::function<void(duration, const shown&)>& look) {
    const test::temporary_directory folder;
    console on{screen.file(), true};
    shown view;
    const auto sample = [&]() -> task<> {
        const time_point began = test::now();
        co_await sleep_for(125ms);
        while (true) {
            view.feed(screen.text());
            look(test::now() - began - 125ms, view);
            co_await sleep_for(250ms);
        }
    };
    site.crawl(options_in(folder),
               [&](crawler& made) -> task<> {
                   task_group both;
                   both.spawn(show_progress(made, on));
                   both.spawn(sample());
                   co_await both.run();
               },
               {});
    on.clear();
    view.feed(screen.text());
    EXPECT_EQ(view.rows(), (std::vector<std::string>{"", ""}));
    EXPECT_EQ(view.row(), 0U);
}

TEST(progress, draws_two_lines_over_each_other_four_times_a_second_on_a_terminal) {
    const terminal screen{80};
    test::crawled_site site = numbered_site(1);
    site.latency = [](const std::string&) { return 600ms; };
    std::vector<std::string> first;
    std::vector<std::string> second;
    watch(screen, site, [&](duration drawn, const shown& view) {
        if (drawn == 0s) {
            EXPECT_EQ(view.rows(), std::vector{std::string{}});
            return;
        }
        ASSERT_EQ(view.rows().size(), 2U);
        EXPECT_EQ(view.row(), 0U);
        first.push_back(view.rows()[0]);
        second.push_back(view.rows()[1]);
    });
    // robots.txt until 0.6 s, page 0 from 1.7 to 2.3 s, page 1 from 3.4 to 4.0 s.
    ASSERT_EQ(first.size(), 15U);
    EXPECT_EQ(first[0], "0 pages  0.0/s  1 queued  0 B  250 ms");
    EXPECT_EQ(second[0], "1 in flight  hosts: 1 active, 0 pausing  0 failed");
    EXPECT_EQ(first[3], "0 pages  0.0/s  1 queued  0 B  1.0 s");
    EXPECT_EQ(second[3], "0 in flight  hosts: 0 active, 1 pausing  0 failed");
    EXPECT_EQ(first[7], "0 pages  0.0/s  0 queued  0 B  2.0 s");
    EXPECT_EQ(second[7], "1 in flight  hosts: 1 active, 0 pausing  0 failed");
    EXPECT_EQ(first[11], "1 page  0.3/s  1 queued  19 B  3.0 s");
    EXPECT_EQ(second[11], "0 in flight  hosts: 0 active, 1 pausing  0 failed  at least 3.0 s left");
}

TEST(progress, keeps_to_the_width_that_the_terminal_has_at_that_moment) {
    const terminal screen{30};
    std::vector<std::size_t> widths;
    watch(screen, numbered_site(1), [&](duration drawn, const shown& view) {
        std::size_t widest = 0;
        for (const std::string& row : view.rows()) widest = std::max(widest, row.size());
        widths.push_back(widest);
        if (drawn == 250ms) screen.resize(12);
        if (drawn == 500ms) screen.resize(1);
        if (drawn == 750ms) screen.resize(200);
    });
    ASSERT_GE(widths.size(), 5U);
    EXPECT_EQ(widths[1], 29U);
    EXPECT_EQ(widths[2], 11U);
    EXPECT_EQ(widths[3], 0U);
    EXPECT_EQ(widths[4],
              std::string_view{"0 in flight  hosts: 0 active, 1 pausing  0 failed"}.size());
}

TEST(console, is_eighty_columns_wide_where_nobody_says_how_wide) {
    EXPECT_EQ((console{written_text{}.file(), false}.width()), 80U);
    EXPECT_EQ((console{terminal{0}.file(), true}.width()), 80U);
    EXPECT_EQ((console{terminal{132}.file(), true}.width()), 132U);
}

TEST(console, writes_lines_above_the_live_view_and_lets_no_escape_of_the_web_through) {
    const terminal screen{80};
    console on{screen.file(), true};
    shown view;
    on.show({"first", "second"});
    on.line("http://h.test/\x1b]0;title\x07\x1b[2J\x9b: \r\n\u202ethe end");
    view.feed(screen.text());
    const std::string line =
        "http://h.test/\\x1B]0;title\\x07\\x1B[2J\\x9B: \\x0D\\x0A\\u{202E}the end";
    EXPECT_EQ(view.rows(), (std::vector<std::string>{line, ""}));
    on.show({"third", "fourth"});
    view.feed(screen.text());
    EXPECT_EQ(view.rows(), (std::vector<std::string>{line, "third", "fourth"}));
    on.clear();
    on.clear();
    view.feed(screen.text());
    EXPECT_EQ(view.rows(), (std::vector<std::string>{line, "", ""}));
    EXPECT_EQ(view.row(), 1U);
}

TEST(console, writes_nothing_but_lines_where_there_is_no_live_view) {
    const written_text pipe;
    console on{pipe.file(), false};
    on.clear();
    on.line("one");
    on.line("");
    on.clear();
    EXPECT_EQ(pipe.text(), "one\n\n");
}

}  // namespace
}  // namespace simul::program
