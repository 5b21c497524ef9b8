// SPDX-License-Identifier: Apache-2.0
//
// Whole crawls over memory streams, under the virtual clock.
#include "crawl/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/fake_http_server.hpp"
#include "support/run_on_backends.hpp"

namespace simul::program {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::answer;
using test::fake_http_server;
using test::moved_to;
using test::seen_request;
using test::simulate;

constexpr std::string_view html = "Content-Type: text/html\r\n";

// What a server was asked for, and when.
class asked_for {
public:
    asked_for(duration when, std::string what) : at{when}, url{std::move(what)} {}

    duration at;  // since the beginning
    std::string url;
};

class crawled {
public:
    crawled() {}

    std::vector<asked_for> asked;
    std::vector<seen_request> requests;
    crawl_statistics counts;
    std::string pages;
    std::string links;
    std::string errors;
    std::vector<std::string> refused;

    [[nodiscard]] std::size_t count(std::string_view url) const {
        return static_cast<std::size_t>(
            std::ranges::count(asked, url, [](const asked_for& each) { return each.url; }));
    }
    [[nodiscard]] std::uint64_t refusals(refusal why) const {
        return counts.refused[static_cast<std::size_t>(why)];
    }
};

std::string text_of(const fs::path& path) {
    std::ifstream from{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{from}, {}};
}

crawl_options options_for(std::string_view seed) {
    crawl_options options;
    options.seeds.push_back(web::url::parse(seed).value());
    return options;
}

using replies = std::function<std::string(const std::string& url, const seen_request& asked)>;
using handling = std::function<void(crawler&, task_group&)>;

// Crawls a web that is one function from the address to the answer, each of which takes `latency`.
crawled crawl(crawl_options options, replies reply, duration latency = 0s,
              handling meanwhile = {}) {
    crawled result;
    std::string folder = (fs::temp_directory_path() / "simul-crawl-XXXXXX").string();
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    options.directory = folder;
    options.on_refused = [&](const web::url& link, refusal why, std::string detail,
                             const web::url*) {
        std::string line = link.href();
        line.append(": ").append(describe(why));
        if (!detail.empty()) line.append(", ").append(detail);
        result.refused.push_back(std::move(line));
    };
    simulate([&]() -> task<> {
        const time_point began = test::now();
        co_await with_task_group([&](task_group& group) -> task<> {
            std::map<std::size_t, std::string> origins;
            fake_http_server server{
                group, [&](memory_stream stream, std::size_t number) -> task<> {
                    std::string ahead;
                    try {
                        while (true) {
                            seen_request request;
                            const bool more =
                                co_await fake_http_server::read_request(stream, ahead, request);
                            if (!more) break;
                            std::string url{"http://"};
                            url.append(request.head.headers.get("Host").value_or(""));
                            url.append(request.head.target);
                            result.asked.emplace_back(test::now() - began, url);
                            request.connection = number;
                            const std::string text = reply(url, request);
                            result.requests.push_back(std::move(request));
                            if (latency > 0s) co_await sleep_for(latency);
                            if (text.empty()) break;  // closes without an answer
                            co_await write_all(stream, bytes_of(text));
                        }
                    } catch (const std::system_error&) {
                        // The crawler has gone in the middle.
                    }
                }};
            {
                crawler made{std::move(options), server.options()};
                if (meanwhile) meanwhile(made, group);
                co_await made.run();
                result.counts = made.statistics();
                for (const auto& [name, host] : made.addresses().hosts()) {
                    EXPECT_EQ(host.rate.in_flight(), made.statistics().abandoned) << name;
                }
            }
            group.cancel();
        });
    });
    result.pages = text_of(fs::path{folder} / "pages.jsonl");
    result.links = text_of(fs::path{folder} / "links.tsv");
    result.errors = text_of(fs::path{folder} / "errors.jsonl");
    fs::remove_all(folder);
    return result;
}

std::string page(std::string_view body, std::string_view more_fields = "") {
    std::string fields{html};
    fields.append(more_fields);
    return answer(body, fields);
}

std::string not_found() {
    return answer("none", html, "404 Not Found");
}

std::string links_to(std::initializer_list<std::string_view> targets) {
    std::string body;
    for (const std::string_view each : targets) {
        body.append("<a href=\"").append(each).append("\">x</a>");
    }
    return page(body);
}

TEST(crawl_engine, tells_of_start_addresses_that_are_none_and_of_links_that_are_none) {
    crawl_options options = options_for("http://h.test/");
    error_record& wrong = options.unusable.emplace_back();
    wrong.url = "ftp://h.test/";
    wrong.stage = "reading list, line 2";
    wrong.cause = "neither http:// nor https://";
    std::vector<std::string> said;
    options.on_error = [&](std::string line) { said.push_back(std::move(line)); };
    options.on_unreadable = [&](std::string_view text, const web::url& found_on) {
        said.emplace_back(text);
        said.push_back(found_on.href());
    };
    const crawled result =
        crawl(std::move(options), [](const std::string& url, const seen_request&) {
            return url.ends_with("/robots.txt") ? not_found() : links_to({"http://[", "/a"});
        });
    const std::vector<std::string> expected{
        "ftp://h.test/: reading list, line 2: neither http:// nor https://", "http://[",
        "http://h.test/", "http://[", "http://h.test/a"};
    EXPECT_EQ(said, expected);
    EXPECT_EQ(result.counts.failures, 1U);
    EXPECT_EQ(result.counts.pages, 2U);
    EXPECT_EQ(result.refusals(refusal::no_address), 2U);
    EXPECT_EQ(result.errors,
              "{\"url\":\"ftp://h.test/\",\"stage\":\"reading list, line 2\","
              "\"cause\":\"neither http:// nor https://\"}\n");
    EXPECT_NE(result.pages.find("\"links\":1,\"invalid_links\":1,"), std::string::npos)
        << result.pages;
}

// A site of numbered pages, of which each leads to the next, as far as `last`.
replies numbered_site(unsigned last) {
    return [=](const std::string& url, const seen_request&) {
        if (url.ends_with("/robots.txt")) return not_found();
        const unsigned number = static_cast<unsigned>(std::stoul(url.substr(url.rfind('/') + 1)));
        return number == last ? page("end") : links_to({std::to_string(number + 1)});
    };
}

TEST(crawl_engine, asks_for_every_reachable_page_exactly_once) {
    const std::map<std::string, std::vector<std::string>> graph{
        {"/", {"a", "b#x", "b", "/"}},
        {"/a", {"b", "c", "/?q=1"}},
        {"/b", {"a", "./", "#y"}},
        {"/c", {"d/", "http://other.test/"}},
        {"/d/", {"../c", "e"}},
        {"/d/e", {"/missing"}},
        {"/?q=1", {"c"}}};
    const crawled result =
        crawl(options_for("http://h.test/"), [&](const std::string& url, const seen_request&) {
            const auto found = graph.find(url.substr(std::string_view{"http://h.test"}.size()));
            if (found == graph.end()) return not_found();
            std::string body;
            for (const std::string& each : found->second) {
                body.append("<a href='").append(each).append("'>x</a>");
            }
            return page(body);
        });
    std::map<std::string, int> asked;
    for (const asked_for& each : result.asked) ++asked[each.url];
    EXPECT_EQ(asked.size(), graph.size() + 2);  // robots.txt and the missing one
    for (const auto& [url, times] : asked) EXPECT_EQ(times, 1) << url;
    EXPECT_EQ(result.counts.pages, graph.size());
    EXPECT_EQ(result.counts.failures, 1U);
    EXPECT_EQ(result.refusals(refusal::elsewhere), 1U);
    EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(result.pages, '\n')), graph.size() + 1);
    EXPECT_NE(result.links.find("http://h.test/\thttp://h.test/b\tanchor\t\t2\n"),
              std::string::npos);
    EXPECT_EQ(result.errors,
              "{\"url\":\"http://h.test/missing\",\"stage\":\"answer\",\"cause\":\"404 Not Found\","
              "\"found_on\":\"http://h.test/d/e\"}\n");
    EXPECT_EQ(result.counts.links + 1,
              static_cast<std::size_t>(std::ranges::count(result.links, '\n')));
}

TEST(crawl_engine, pauses_a_second_between_the_requests_of_a_host_and_asks_hosts_at_once) {
    crawl_options options = options_for("http://a.test/0");
    options.seeds.push_back(web::url::parse("http://b.test/0").value());
    const crawled result = crawl(std::move(options), numbered_site(4), 300ms);
    std::map<std::string, duration> last;
    for (const asked_for& each : result.asked) {
        const std::string host = each.url.substr(7, 1);
        if (last.contains(host)) {
            EXPECT_GE(each.at - last[host], 1300ms) << each.url;
        }
        last[host] = each.at;
    }
    EXPECT_EQ(result.asked.size(), 12U);
    EXPECT_LT(result.counts.took, 8s);
}

TEST(crawl_engine, asks_for_robots_txt_first_and_once_and_obeys_it) {
    const crawled result =
        crawl(options_for("http://h.test/"), [](const std::string& url, const seen_request&) {
            if (url.ends_with("/robots.txt")) {
                return answer("User-agent: simul\nDisallow: /no\n", "Content-Type: text/plain\r\n");
            }
            return links_to({"/no", "/no/x", "/yes"});
        });
    ASSERT_EQ(result.asked.size(), 3U);
    EXPECT_EQ(result.asked[0].url, "http://h.test/robots.txt");
    EXPECT_EQ(result.count("http://h.test/yes"), 1U);
    EXPECT_EQ(result.refusals(refusal::robots), 2U);
    EXPECT_NE(std::ranges::find(result.refused,
                                "http://h.test/no: disallowed by robots.txt, line 2: /no"),
              result.refused.end());
}

TEST(crawl_engine, learns_the_rules_of_each_port_of_a_host) {
    crawl_options options = options_for("http://h.test/");
    options.seeds.push_back(web::url::parse("http://h.test:8080/").value());
    const crawled result =
        crawl(std::move(options), [](const std::string& url, const seen_request&) {
            if (url == "http://h.test:8080/robots.txt")
                return answer("User-agent: *\nDisallow: /\n");
            return url.ends_with("/robots.txt") ? not_found() : page("x");
        });
    EXPECT_EQ(result.count("http://h.test/"), 1U);
    EXPECT_EQ(result.count("http://h.test:8080/"), 0U);
}

TEST(crawl_engine, takes_an_unreachable_robots_txt_for_a_ban_after_some_tries) {
    for (const bool answers : {true, false}) {
        const crawled result =
            crawl(options_for("http://h.test/"), [&](const std::string&, const seen_request&) {
                return answers ? answer("", "", "503 Service Unavailable") : std::string{};
            });
        EXPECT_EQ(result.count("http://h.test/robots.txt"), 4U);
        EXPECT_EQ(result.asked.size(), 4U);
        EXPECT_EQ(result.refusals(refusal::robots_unreachable), 1U);
        EXPECT_EQ(result.counts.pages, 0U);
        EXPECT_NE(result.errors.find("\"stage\":\"robots.txt\""), std::string::npos);
    }
}

TEST(crawl_engine, does_not_try_again_to_read_a_robots_txt_that_makes_no_sense) {
    const crawled result =
        crawl(options_for("http://h.test/"), [](const std::string&, const seen_request&) {
            return std::string{"HTTP/1.1 200 OK\r\nContent-Length: no\r\n\r\n"};
        });
    EXPECT_EQ(result.asked.size(), 1U);
    EXPECT_EQ(result.refusals(refusal::robots_unreachable), 1U);
    EXPECT_EQ(result.counts.failures, 1U);
}

TEST(crawl_engine, follows_five_redirects_of_robots_txt) {
    for (const int hops : {4, 5, 6}) {
        const crawled result =
            crawl(options_for("http://h.test/x"), [&](const std::string& url, const seen_request&) {
                int hop = -1;
                if (url.ends_with("/robots.txt")) hop = 0;
                if (const auto at = url.find("/hop"); at != std::string::npos) {
                    hop = std::stoi(url.substr(at + 4));
                }
                if (hop >= 0 && hop < hops) return moved_to("/hop" + std::to_string(hop + 1));
                if (hop == hops) return answer("User-agent: *\nDisallow: /\n");
                return page("x");
            });
        EXPECT_EQ(result.count("http://h.test/x"), hops > 5 ? 1U : 0U) << hops;
    }
}

TEST(crawl_engine, reads_512_kibibytes_of_robots_txt) {
    constexpr std::size_t limit = std::size_t{512} << 10;
    for (const std::size_t end : {limit - 1, limit, limit + 1}) {
        const crawled result =
            crawl(options_for("http://h.test/x"), [&](const std::string& url, const seen_request&) {
                if (!url.ends_with("/robots.txt")) return page("x");
                const std::string_view rule = "\nUser-agent: *\nDisallow: /x";
                std::string text(end - rule.size(), '#');
                std::size_t at = 100;
                for (; at < text.size(); at += 100) text[at] = '\n';
                return answer(text.append(rule));
            });
        EXPECT_EQ(result.count("http://h.test/x"), end > limit ? 1U : 0U) << end;
    }
}

TEST(crawl_engine, honours_crawl_delay_up_to_a_minute_and_asks_for_nothing_beyond) {
    for (const int delay : {59, 60, 61}) {
        const crawled result = crawl(
            options_for("http://h.test/0"), [&](const std::string& url, const seen_request& asked) {
                if (url.ends_with("/robots.txt")) {
                    return answer("User-agent: *\nCrawl-delay: " + std::to_string(delay) + "\n");
                }
                return numbered_site(2)(url, asked);
            });
        if (delay > 60) {
            EXPECT_EQ(result.asked.size(), 1U);
            EXPECT_EQ(result.refusals(refusal::crawl_delay), 1U);
            continue;
        }
        ASSERT_EQ(result.asked.size(), 4U);
        for (std::size_t each = 1; each != 4; ++each) {
            EXPECT_EQ(result.asked[each].at - result.asked[each - 1].at, delay * 1s);
        }
    }
}

TEST(crawl_engine, asks_for_so_many_addresses_and_no_more) {
    for (const std::size_t limit : {4U, 5U, 6U}) {
        crawl_options options = options_for("http://h.test/0");
        options.max_pages = limit;
        const crawled result = crawl(std::move(options), numbered_site(4));  // five pages
        EXPECT_EQ(result.counts.pages, std::min<std::size_t>(limit, 5));
        EXPECT_EQ(result.refusals(refusal::page_limit), limit < 5 ? 1U : 0U);
    }
    crawl_options options = options_for("http://h.test/0");
    options.max_pages_per_host = 3;
    const crawled result = crawl(std::move(options), numbered_site(4));
    EXPECT_EQ(result.counts.pages, 3U);
    EXPECT_EQ(result.refusals(refusal::host_page_limit), 1U);
}

TEST(crawl_engine, goes_so_deep_and_no_deeper) {
    crawl_options options = options_for("http://h.test/0");
    options.scope.depth = 2;
    const crawled result = crawl(std::move(options), numbered_site(9));
    EXPECT_EQ(result.counts.pages, 3U);
    EXPECT_EQ(result.refusals(refusal::too_deep), 1U);
}

TEST(crawl_engine, refuses_too_long_a_way_to_what_it_knows_but_none_to_a_start_address) {
    crawl_options options = options_for("http://h.test/");
    options.scope.depth = 1;
    const crawled result =
        crawl(std::move(options), [](const std::string& url, const seen_request&) {
            if (url == "http://h.test/") return links_to({"/a"});
            return url.ends_with("/a") ? links_to({"/a", "/", "/b"}) : not_found();
        });
    EXPECT_EQ(result.counts.pages, 2U);
    EXPECT_EQ(result.refusals(refusal::too_deep), 2U);
}

TEST(crawl_engine, fetches_a_page_once_however_many_redirects_lead_to_it) {
    const crawled result =
        crawl(options_for("http://h.test/"), [](const std::string& url, const seen_request&) {
            if (url == "http://h.test/") return links_to({"/foo", "/bar", "/quux", "/baz"});
            if (url.ends_with("/foo")) return moved_to("/baz");
            if (url.ends_with("/bar")) return moved_to("/baz#part", "301 Moved Permanently");
            if (url.ends_with("/quux")) return moved_to("http://elsewhere.test/");
            return url.ends_with("/baz") ? page("<title>here</title>") : not_found();
        });
    EXPECT_EQ(result.count("http://h.test/baz"), 1U);
    EXPECT_EQ(result.counts.pages, 2U);
    EXPECT_EQ(result.counts.redirects, 3U);
    EXPECT_EQ(result.refusals(refusal::elsewhere), 1U);
    EXPECT_NE(result.pages.find("\"status\":302"), std::string::npos);
    EXPECT_NE(result.pages.find("\"redirected_to\":\"http://h.test/baz\""), std::string::npos);
    EXPECT_EQ(result.counts.failures, 0U);
}

TEST(crawl_engine, follows_ten_redirects_in_a_row) {
    for (const unsigned hops : {9U, 10U, 11U}) {
        const crawled result =
            crawl(options_for("http://h.test/0"), [&](const std::string& url, const seen_request&) {
                if (url.ends_with("/robots.txt")) return not_found();
                const auto number = std::stoul(url.substr(url.rfind('/') + 1));
                return number == hops ? page("x") : moved_to(std::to_string(number + 1));
            });
        EXPECT_EQ(result.counts.pages, hops > 10 ? 0U : 1U) << hops;
        EXPECT_EQ(result.counts.failures, hops > 10 ? 1U : 0U) << hops;
    }
}

TEST(crawl_engine, reports_redirects_in_a_circle_and_to_nowhere) {
    const crawled result =
        crawl(options_for("http://h.test/"), [](const std::string& url, const seen_request&) {
            if (url == "http://h.test/") return links_to({"/a", "/self", "/none"});
            if (url.ends_with("/a")) return moved_to("/b");
            if (url.ends_with("/b")) return moved_to("/a");
            if (url.ends_with("/self")) return moved_to("#x");
            if (url.ends_with("/none")) return answer("", "", "302 Found");
            return not_found();
        });
    EXPECT_EQ(result.counts.failures, 3U);
    EXPECT_EQ(result.counts.errors.at("a redirect to where the request had been before"), 2U);
    EXPECT_EQ(result.counts.errors.at("a redirect without a usable Location"), 1U);
    EXPECT_EQ(result.asked.size(), 6U);
}

TEST(crawl_engine, tries_three_times_more_with_growing_pauses) {
    for (const bool answers : {true, false}) {
        const crawled result = crawl(
            options_for("http://127.0.0.1/x"), [&](const std::string& url, const seen_request&) {
                if (url.ends_with("/robots.txt")) return not_found();
                return answers ? answer("", "", "500 Internal Server Error") : std::string{};
            });
        ASSERT_EQ(result.asked.size(), 5U);
        EXPECT_EQ(result.asked[2].at - result.asked[1].at, 1s);
        EXPECT_EQ(result.asked[3].at - result.asked[2].at, 2s);
        EXPECT_EQ(result.asked[4].at - result.asked[3].at, 4s);
        EXPECT_EQ(result.counts.retries, 3U);
        EXPECT_EQ(result.counts.failures, 1U);
        EXPECT_EQ(std::ranges::count(result.errors, '\n'), 1);
    }
}

TEST(crawl_engine, forgets_failures_that_a_retry_has_mended) {
    int times = 0;
    const crawled result =
        crawl(options_for("http://h.test/x"), [&](const std::string& url, const seen_request&) {
            if (url.ends_with("/robots.txt")) return not_found();
            return ++times < 3 ? answer("", "", "503 Service Unavailable") : page("x");
        });
    EXPECT_EQ(result.counts.pages, 1U);
    EXPECT_EQ(result.counts.failures, 0U);
    EXPECT_EQ(result.errors, "");
}

TEST(crawl_engine, comes_back_when_the_host_says) {
    int times = 0;
    const crawled result =
        crawl(options_for("http://h.test/x"), [&](const std::string& url, const seen_request&) {
            if (url.ends_with("/robots.txt")) return not_found();
            if (++times == 1) return answer("", "Retry-After: 3600\r\n", "429 Too Many Requests");
            return page("x");
        });
    ASSERT_EQ(result.asked.size(), 3U);
    EXPECT_EQ(result.asked[2].at - result.asked[1].at, 1h);
    EXPECT_EQ(result.counts.pages, 1U);
    const crawled later =
        crawl(options_for("http://h.test/0"), [&](const std::string& url, const seen_request& how) {
            if (!url.ends_with("/1")) return numbered_site(3)(url, how);
            return answer("", "Retry-After: 3601\r\n", "429 Too Many Requests");
        });
    EXPECT_EQ(later.asked.size(), 3U);
    EXPECT_EQ(later.counts.failures, 1U);
}

TEST(crawl_engine, lets_a_host_sleep_that_fails_again_and_again) {
    crawl_options options = options_for("http://h.test/");
    options.max_retries = 0;
    options.max_time = 1h;
    const crawled result =
        crawl(std::move(options), [](const std::string& url, const seen_request&) {
            if (url.ends_with("/robots.txt")) return not_found();
            if (!url.ends_with("test/")) return answer("", "", "500 Internal Server Error");
            std::string body;
            for (int each = 0; each != 25; ++each) {
                body.append("<a href=").append(std::to_string(each)).append(">x</a>");
            }
            return page(body);
        });
    // robots.txt, the page, twenty failures; then a minute, two, four, eight, sixteen.
    ASSERT_EQ(result.asked.size(), 27U);
    EXPECT_EQ(result.asked[21].at - result.asked[20].at, 1s);
    EXPECT_EQ(result.asked[22].at - result.asked[21].at, 1min);
    EXPECT_EQ(result.asked[26].at - result.asked[25].at, 16min);
}

TEST(crawl_engine, does_not_follow_what_asks_not_to_be_followed) {
    const crawled result =
        crawl(options_for("http://h.test/"), [](const std::string& url, const seen_request&) {
            if (url == "http://h.test/") {
                return page("<a href=/meta>1</a><a href=/tag>2</a><a rel=nofollow href=/rel>3</a>");
            }
            if (url.ends_with("/meta")) {
                return page("<meta name=robots content=nofollow><a href=/x1>x</a>");
            }
            if (url.ends_with("/tag")) {
                return page("<a href=/x2>x</a>", "X-Robots-Tag: nofollow\r\n");
            }
            return not_found();
        });
    EXPECT_EQ(result.counts.pages, 3U);
    EXPECT_EQ(result.refusals(refusal::nofollow), 3U);
    EXPECT_EQ(result.counts.failures, 0U);
    EXPECT_EQ(result.counts.links, 5U);
}

TEST(crawl_engine, reads_so_much_of_a_page_and_says_that_it_was_cut) {
    constexpr std::size_t limit = 1000;
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        crawl_options options = options_for("http://h.test/");
        options.max_body = limit;
        const crawled result =
            crawl(std::move(options), [&](const std::string& url, const seen_request&) {
                if (url.ends_with("/robots.txt")) return not_found();
                return page(std::string(size, 'x'));
            });
        EXPECT_EQ(result.counts.bytes, std::min(size, limit));
        EXPECT_EQ(result.counts.cut, size > limit ? 1U : 0U);
        EXPECT_EQ(result.pages.find("\"cut\":true") != std::string::npos, size > limit);
    }
}

TEST(crawl_engine, reads_links_of_html_only) {
    const crawled result =
        crawl(options_for("http://h.test/"), [](const std::string& url, const seen_request&) {
            if (url.ends_with("/robots.txt")) return not_found();
            return answer("<a href=/x>x</a>", "Content-Type: text/plain\r\n");
        });
    EXPECT_EQ(result.counts.pages, 1U);
    EXPECT_EQ(result.asked.size(), 2U);
    EXPECT_NE(result.pages.find("\"type\":\"text/plain\""), std::string::npos);
}

TEST(crawl_engine, keeps_to_its_numbers_of_requests_at_a_time) {
    const auto most_at_once = [](std::size_t per_host, std::size_t in_all) {
        crawl_options options;
        for (const char* seed : {"http://a.test/", "http://b.test/"}) {
            options.seeds.push_back(web::url::parse(seed).value());
        }
        options.politeness.delay = 0s;
        options.politeness.per_host = per_host;
        options.concurrency = in_all;
        std::size_t most = 0;
        crawler* running = nullptr;
        const crawled result = crawl(
            std::move(options),
            [&](const std::string& url, const seen_request&) {
                most = std::max(most, running->in_flight());
                if (url.ends_with("/robots.txt")) return not_found();
                if (!url.ends_with("test/")) return page("x");
                return links_to({"1", "2", "3", "4", "5", "6", "7", "8", "9"});
            },
            1s, [&](crawler& made, task_group&) { running = &made; });
        EXPECT_EQ(result.counts.pages, 20U);
        return most;
    };
    EXPECT_EQ(most_at_once(3, 100), 6U);
    EXPECT_EQ(most_at_once(100, 5), 5U);
    EXPECT_EQ(most_at_once(1, 1), 1U);
}

task<> stop_after(crawler& running, duration when) {
    co_await sleep_for(when);
    running.stop(ending::interrupted);
}

TEST(crawl_engine, finishes_what_is_in_flight_when_it_is_stopped) {
    const crawled result =
        crawl(options_for("http://127.0.0.1/0"), numbered_site(100), 4s,
              [](crawler& made, task_group& group) { group.spawn(stop_after(made, 10s)); });
    EXPECT_EQ(result.counts.end, ending::interrupted);
    EXPECT_EQ(result.counts.pages, 2U);
    EXPECT_EQ(result.counts.took, 12s);
    EXPECT_EQ(result.counts.abandoned, 0U);
    EXPECT_EQ(result.counts.left, 1U);
    EXPECT_EQ(std::ranges::count(result.pages, '\n'), 2);
}

TEST(crawl_engine, waits_no_longer_than_the_grace_when_it_is_stopped) {
    const crawled result =
        crawl(options_for("http://127.0.0.1/0"), numbered_site(100), 8s,
              [](crawler& made, task_group& group) { group.spawn(stop_after(made, 17s)); });
    EXPECT_EQ(result.counts.took, 22s);
    EXPECT_EQ(result.counts.abandoned, 1U);
    EXPECT_EQ(result.counts.pages, 1U);
}

TEST(crawl_engine, stops_when_its_time_is_over) {
    crawl_options options = options_for("http://h.test/0");
    options.max_time = 10s;
    const crawled result = crawl(std::move(options), numbered_site(1000));
    EXPECT_EQ(result.counts.end, ending::time_over);
    EXPECT_EQ(result.counts.took, 10s);
    EXPECT_EQ(result.counts.left, 1U);
}

TEST(crawl_engine, sends_credentials_to_the_origins_of_start_addresses_only) {
    crawl_options options = options_for("http://h.test/");
    options.scope.how_far = reach::any;
    options.headers.add("Authorization", "Bearer secret");
    options.headers.add("X-Other", "yes");
    options.user_agent = "simul/1 (+x)";
    const crawled result =
        crawl(std::move(options), [](const std::string& url, const seen_request&) {
            if (url.ends_with("/robots.txt")) return not_found();
            return links_to({"http://h.test/a", "http://other.test/", "http://h.test:8080/"});
        });
    EXPECT_EQ(result.counts.pages, 4U);
    for (const seen_request& each : result.requests) {
        const http::headers& fields = each.head.headers;
        EXPECT_EQ(fields.contains("Authorization"), fields.get("Host") == "h.test");
        EXPECT_EQ(fields.get("X-Other"), "yes");
        EXPECT_EQ(fields.get("User-Agent"), "simul/1 (+x)");
    }
}

TEST(crawl_engine, a_page_that_breaks_is_one_line_and_the_crawl_goes_on) {
    const crawled result =
        crawl(options_for("http://127.0.0.1/"), [](const std::string& url, const seen_request&) {
            if (url.ends_with("1/")) return links_to({"/bad", "/good"});
            if (url.ends_with("/bad")) return std::string{"rubbish\r\n\r\n"};
            return url.ends_with("/good") ? page("x") : not_found();
        });
    EXPECT_EQ(result.counts.pages, 2U);
    EXPECT_EQ(result.counts.failures, 1U);
    EXPECT_EQ(std::ranges::count(result.errors, '\n'), 1);
    EXPECT_NE(result.errors.find("http://127.0.0.1/bad"), std::string::npos);
}

// Dropped at any moment nothing of it stays: the sanitizers and the asserts of the session look on.
TEST(crawl_engine, leaks_nothing_when_it_is_cancelled) {
    for (const duration after : {duration{0ms}, duration{500ms}, duration{2500ms}}) {
        std::string folder = (fs::temp_directory_path() / "simul-crawl-XXXXXX").string();
        ASSERT_NE(::mkdtemp(folder.data()), nullptr);
        simulate([&]() -> task<> {
            co_await with_task_group([&](task_group& group) -> task<> {
                fake_http_server server{group, [](const seen_request& asked) {
                                            return asked.head.target == "/robots.txt"
                                                       ? not_found()
                                                       : links_to({"a", "b", "c"});
                                        }};
                {
                    crawl_options options = options_for("http://h.test/");
                    options.directory = folder;
                    crawler made{std::move(options), server.options()};
                    const auto ended = co_await move_on_after(after, made.run());
                    EXPECT_FALSE(ended);
                }
                group.cancel();
            });
        });
        fs::remove_all(folder);
    }
}

}  // namespace
}  // namespace simul::program
