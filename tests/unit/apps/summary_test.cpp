// SPDX-License-Identifier: Apache-2.0
//
// The lines at the end of a crawl, compared word for word: the crawls run over memory streams under
// the virtual clock, so that all of their figures are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "crawl/progress.hpp"
#include "support/child_process.hpp"
#include "support/crawled_site.hpp"
#include "support/test_data.hpp"

namespace simul::program {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::crawled_site;
using test::moved_to;

constexpr std::string_view html = "Content-Type: text/html\r\n";

std::string failed(std::string_view status) {
    return answer("", "", status);
}

crawl_options options_for(std::initializer_list<std::string_view> seeds) {
    crawl_options options;
    for (const std::string_view each : seeds) {
        options.seeds.push_back(web::url::parse(each).value());
    }
    return options;
}

// What a crawl says at its end, and what is in its directory then.
class told {
public:
    told(const crawled_site& site, crawl_options options,
         const std::function<task<>(crawler&)>& beside = {}, std::string_view folder = "d") {
        const std::filesystem::path directory = folder_.path() / folder;
        prepare_directory(directory, false);
        options.directory = directory;
        site.crawl(std::move(options), beside, [&](const crawler& made) {
            text = summary_text(made);
            counts = made.statistics();
        });
        for (const char* name : output_names) {
            files[name] = test::read_whole_file(directory / name);
        }
        // Everything but the files, which have a test of their own.
        const std::size_t end = text.find("written:\n");
        written = text.substr(end);
        text.erase(end);
    }

    [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }

    std::string text;
    std::string written;
    crawl_statistics counts;
    std::map<std::string, std::string> files;

private:
    test::temporary_directory folder_;
};

// Three hosts: a museum whose rooms lead to one another, a slow archive, and one that fails.
crawled_site three_hosts() {
    crawled_site site;
    site.reply = [](const std::string& url) {
        const auto ends = [&](std::string_view with) { return url.ends_with(with); };
        if (ends("/robots.txt")) {
            return ends("a.test/robots.txt") ? answer("User-agent: *\nDisallow: /vault\n")
                                             : failed("404 Not Found");
        }
        if (ends("//a.test/")) {
            return answer(
                "<a href=/1>1</a><a href=/old>2</a><a href=/gone>3</a><a href=/vault>4</a>"
                "<a href=/vault/2>5</a><a href=http://b.test/>6</a><a href=http://z.test/>7</a>",
                html);
        }
        if (ends("/old")) return moved_to("/1");
        if (ends("/1")) return answer("<img src=x.png><a rel=nofollow href=/2>2</a>", html);
        if (ends("//b.test/")) return answer(std::string(20'000, 'x'), html);
        if (ends("/gone")) return failed("410 Gone");
        return failed("404 Not Found");
    };
    site.latency = [](const std::string& url) -> duration {
        if (url.ends_with("/robots.txt")) return 0ms;
        if (url.starts_with("http://b.test/")) return 2500ms;
        return url.starts_with("http://c.test/") ? 40ms : 100ms;
    };
    return site;
}

TEST(summary, tells_every_figure_of_a_crawl) {
    const told found{three_hosts(),
                     options_for({"http://a.test/", "http://b.test/", "http://c.test/lost"})};
    // robots.txt at once; then a.test is asked at 1 s and 1 s after each of its four answers, which
    // take 100 ms. When it would be asked again, its rules refuse what is left.
    EXPECT_EQ(found.text,
              "3 pages in 5.4 s (0.6 pages/s), 9 links, 1 redirect, 20.2 kB\n"
              "2 failed:\n"
              "          1  404 Not Found\n"
              "          1  410 Gone\n"
              "links not followed:\n"
              "          2  disallowed by robots.txt\n"
              "          1  nofollow\n"
              "          1  outside the scope\n"
              "slowest hosts, time for a page:\n"
              "      2.5 s  b.test\n"
              "     100 ms  a.test\n"
              "      40 ms  c.test\n");
    EXPECT_EQ(std::ranges::count(found.files.at("links.tsv"), '\n'), 9 + 1);
    EXPECT_EQ(std::ranges::count(found.files.at("errors.jsonl"), '\n'), 2);
}

TEST(summary, names_the_files_with_what_is_in_them) {
    const told found{three_hosts(), options_for({"http://a.test/"})};
    std::string expected{"written:\n"};
    for (const char* name : output_names) {
        const std::size_t size = found.files.at(name).size();
        EXPECT_LT(size, 10'000U);
        std::string text = std::to_string(size) + " B";
        text.insert(0, 9 - text.size(), ' ');
        expected.append("  ").append(text).append("  ").append(found.folder() / "d" / name);
        expected.append("\n");
    }
    EXPECT_EQ(found.written, expected);
}

TEST(summary, has_a_word_for_one_of_each) {
    crawled_site site;
    site.reply = [](const std::string& url) {
        if (url.ends_with("/robots.txt")) return failed("404 Not Found");
        return url.ends_with("/") ? moved_to("/1") : answer("<a href=/>x</a>", html);
    };
    site.latency = [](const std::string& url) {
        return url.ends_with("/1") ? duration{2s} : duration{};
    };
    const told found{site, options_for({"http://h.test/"})};
    EXPECT_EQ(found.text, "1 page in 4.0 s (0.2 pages/s), 1 link, 1 redirect, 15 B\n");
}

TEST(summary, tells_that_nothing_was_found) {
    crawled_site site;
    site.reply = [](const std::string&) { return failed("404 Not Found"); };
    const told found{site, options_for({"http://h.test/"})};
    EXPECT_EQ(found.text,
              "0 pages in 1.0 s (0.0 pages/s), 0 links, 0 redirects, 0 B\n"
              "1 failed:\n"
              "          1  404 Not Found\n");
}

TEST(summary, lists_the_ten_most_frequent_errors_and_counts_the_other_kinds) {
    for (const unsigned kinds : {10U, 11U, 12U}) {
        crawled_site site;
        site.reply = [&](const std::string& url) {
            if (url.ends_with("/robots.txt")) return failed("404 Not Found");
            const std::size_t number = url.rfind('/') + 1;
            if (number != url.size()) return failed(url.substr(number, 3) + " x");
            std::string body{"<a href=450>a</a><a href=450b>b</a>"};
            for (unsigned each = 1; each != kinds; ++each) {
                const std::string status = std::to_string(450 + each);
                body.append("<a href=").append(status).append(">x</a>");
            }
            return answer(body, html);
        };
        const told found{site, options_for({"http://h.test/"})};
        const std::size_t list = found.text.find(" failed:\n");
        ASSERT_NE(list, std::string::npos);
        std::string expected = " failed:\n          2  450\n";
        for (unsigned each = 451; each != 460; ++each) {
            // Some of them have a name of their own.
            const std::string begin = "          1  " + std::to_string(each);
            EXPECT_NE(found.text.find(begin), std::string::npos) << found.text;
        }
        EXPECT_TRUE(found.text.substr(list).starts_with(expected)) << found.text;
        const std::string_view rest = kinds == 12   ? "             and 2 more kinds\n"
                                      : kinds == 11 ? "             and 1 more kind\n"
                                                    : "";
        if (rest.empty()) {
            EXPECT_EQ(found.text.find("more"), std::string::npos) << found.text;
        } else {
            EXPECT_TRUE(found.text.ends_with(rest)) << found.text;
        }
        EXPECT_NE(found.text.find(std::to_string(kinds + 1) + " failed:"), std::string::npos);
    }
}

TEST(summary, tells_why_links_were_not_followed) {
    crawl_options options = options_for({"http://a.test/"});
    options.scope.depth = 0;
    const told found{three_hosts(), std::move(options)};
    EXPECT_NE(found.text.find("links not followed:\n"
                              "          5  too deep\n"
                              "          2  outside the scope\n"),
              std::string::npos)
        << found.text;
}

TEST(summary, tells_how_many_pages_were_cut) {
    for (const unsigned cut : {0U, 1U, 2U}) {
        crawled_site site;
        site.reply = [](const std::string& url) {
            if (url.ends_with("/robots.txt")) return failed("404 Not Found");
            return answer(url.ends_with("/") ? "<a href=1>x</a>" : "<a href=/>x</a>...", html);
        };
        crawl_options options = options_for({"http://h.test/"});
        options.max_body = cut == 0 ? 18 : cut == 1 ? 17 : 14;
        const told found{site, std::move(options)};
        const std::string_view line = cut == 0   ? ""
                                      : cut == 1 ? "1 page longer than --max-body and cut\n"
                                                 : "2 pages longer than --max-body and cut\n";
        EXPECT_EQ(found.counts.cut, cut);
        EXPECT_EQ(found.text.find("cut\n") != std::string::npos, cut != 0) << found.text;
        EXPECT_NE(found.text.find(line), std::string::npos) << found.text;
    }
}

TEST(summary, tells_what_was_left_when_it_was_stopped) {
    crawled_site site;
    site.reply = [](const std::string& url) {
        if (url.ends_with("/robots.txt")) return failed("404 Not Found");
        return answer("<a href=1>1</a><a href=2>2</a><a href=3>3</a>", html);
    };
    site.latency = [](const std::string& url) {
        return url.ends_with("/1") ? duration{1h} : duration{};
    };
    const told found{site, options_for({"http://h.test/"}), [](crawler& made) -> task<> {
                         co_await sleep_for(3s);
                         made.stop(ending::interrupted);
                         co_await sleep_for(1h);
                     }};
    // The page at 1 s; the next one at 2 s, which has until 5 s after the stop.
    EXPECT_EQ(found.text,
              "1 page in 8.0 s (0.1 pages/s), 3 links, 0 redirects, 45 B\n"
              "not asked for: 2; given up while in flight: 1\n");
}

TEST(summary, shows_the_name_of_a_directory_without_its_escapes) {
    crawled_site site;
    site.reply = [](const std::string&) { return failed("404 Not Found"); };
    const told found{site, options_for({"http://h.test/"}), {}, "d\x1b[2J"};
    EXPECT_EQ(found.written.find('\x1b'), std::string::npos);
    EXPECT_NE(found.written.find("/d\\x1B[2J/pages.jsonl\n"), std::string::npos) << found.written;
}

}  // namespace
}  // namespace simul::program
