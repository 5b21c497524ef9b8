// SPDX-License-Identifier: Apache-2.0
//
// The parts of `simul fetch`, and all of them together with a server inside the test.
#include "fetch/fetch.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <map>
#include <system_error>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/child_process.hpp"
#include "support/fake_http_server.hpp"
#include "support/run_on_backends.hpp"
#include "support/test_data.hpp"

#include "fetch/arguments.hpp"

namespace simul::program {
namespace {

using namespace std::chrono_literals;
using test::read_whole_file;
using test::run_on_each_backend;
using test::simulate;

constexpr std::string_view header = "source_url\tparsed_url\n";

void write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream file{path, std::ios::binary};
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
}

// --- the list ------------------------------------------------------------------------------------

TEST(url_list, is_a_set_of_which_the_first_counts) {
    url_list list;
    list.add_lines("http://b/\nhttp://a/\n HTTP://B \r\n\n\thttp://a/x\n", "f");
    std::vector<std::string> shown;
    for (const listed_url& each : list.urls()) shown.push_back(each.shown);
    EXPECT_EQ(shown, (std::vector<std::string>{"http://b/", "http://a/", "http://a/x"}));
    EXPECT_TRUE(list.rejected().empty());
}

TEST(url_list, skips_a_byte_order_mark_and_ends_with_or_without_a_line_end) {
    for (const char* text : {"\xEF\xBB\xBFhttp://a/", "http://a/\n", "\r\nhttp://a/\r\n\r\n"}) {
        url_list list;
        list.add_lines(text, "f");
        EXPECT_EQ(list.urls().size(), 1U);
        EXPECT_TRUE(list.rejected().empty());
    }
}

TEST(url_list, names_the_place_of_what_is_no_address) {
    url_list list;
    list.add_lines("\nwords\nhttp://a/\nmailto:a@b\nhttp://h:99999/", "urls.txt");
    list.add("x", "argument 1");
    ASSERT_EQ(list.rejected().size(), 4U);
    EXPECT_EQ(list.rejected()[0].place, "urls.txt:2");
    EXPECT_EQ(list.rejected()[0].text, "words");
    EXPECT_EQ(list.rejected()[1].why, "only http: and https: addresses can be fetched");
    EXPECT_EQ(list.rejected()[2].place, "urls.txt:5");
    EXPECT_EQ(list.rejected()[3].place, "argument 1");
    EXPECT_EQ(list.urls().size(), 1U);
}

TEST(url_list, shows_no_password) {
    url_list list;
    list.add("http://me:secret@h/", "argument 1");
    ASSERT_EQ(list.urls().size(), 1U);
    EXPECT_EQ(list.urls()[0].shown, "http://h/");
    EXPECT_EQ(list.urls()[0].address.password(), "secret");
}

TEST(url_list, is_read_from_a_file_up_to_a_limit) {
    const test::temporary_directory folder;
    const std::string path = (folder.path() / "list").string();
    write_file(path, "12345678");
    EXPECT_EQ(read_list(path), "12345678");
    EXPECT_EQ(read_list(path, 9), "12345678");
    EXPECT_EQ(read_list(path, 8), "12345678");
    EXPECT_THROW(static_cast<void>(read_list(path, 7)), std::system_error);
    EXPECT_THROW(static_cast<void>(read_list(folder.path().string())), std::system_error);
    EXPECT_THROW(static_cast<void>(read_list((folder.path() / "missing").string())),
                 std::system_error);
}

// --- the log -------------------------------------------------------------------------------------

std::tm some_time() {
    std::tm when{};
    when.tm_hour = 9;
    when.tm_min = 5;
    when.tm_sec = 7;
    return when;
}

TEST(log_line, has_time_level_and_name) {
    EXPECT_EQ(log_line(some_time(), log_level::info, "a b"), "09:05:07 INFO:areq: a b\n");
    EXPECT_EQ(log_line(some_time(), log_level::warning, ""), "09:05:07 WARNING:areq: \n");
}

TEST(log_line, is_one_line_whatever_the_message) {
    EXPECT_EQ(log_line(some_time(), log_level::error, "a\nb\x1b[0m"),
              "09:05:07 ERROR:areq: a\\x0Ab\\x1B[0m\n");
}

// --- values of the command line ------------------------------------------------------------------

TEST(fetch_arguments, read_overrides) {
    const auto one = parse_override("Example.ORG:443:127.0.0.1");
    ASSERT_TRUE(one) << one.error();
    EXPECT_EQ(one->host, "example.org");
    EXPECT_EQ(one->port, 443);
    EXPECT_EQ(one->addresses, std::vector{ip_address::loopback_v4()});
    const auto several = parse_override("[2001:DB8::1]:*:127.0.0.1,[::1],::1");
    ASSERT_TRUE(several) << several.error();
    EXPECT_EQ(several->host, "2001:db8::1");
    EXPECT_FALSE(several->port);
    EXPECT_EQ(several->addresses.size(), 3U);
    EXPECT_EQ(parse_override("*:80:::1").value().host, "*");
    EXPECT_EQ(parse_override("1.1.1.1:65535:127.0.0.1").value().host, "1.1.1.1");
    for (const char* wrong :
         {"", "a", "a:1", "a:1:", ":1:127.0.0.1", "a::127.0.0.1", "a:0:127.0.0.1",
          "a:65536:127.0.0.1", "a:x:127.0.0.1", "a:1:b", "a:1:127.0.0.1,,::1", "a/b:1:127.0.0.1",
          "[::1:1:127.0.0.1", "u@h:1:::1"}) {
        const auto result = parse_override(wrong);
        EXPECT_FALSE(result) << wrong;
    }
    EXPECT_EQ(parse_override("a:b:c").error(), "'b' is no port: give a number from 1 to 65535");
}

TEST(fetch_arguments, read_rules_where_to_connect) {
    const auto full = parse_connect_rule("a:443:[::1]:8443");
    ASSERT_TRUE(full) << full.error();
    EXPECT_EQ(full->host, "a");
    EXPECT_EQ(full->port, 443);
    EXPECT_EQ(full->target_host, "::1");
    EXPECT_EQ(full->target_port, 8443);
    const auto empty = parse_connect_rule(":::");
    ASSERT_TRUE(empty) << empty.error();
    EXPECT_TRUE(empty->host.empty());
    EXPECT_FALSE(empty->target_port);
    for (const char* wrong : {"", "a", "a:1", "a:1:b", "a:1:b:2:3", "a:x:b:1", "a:1:b:0",
                              "a b:1:c:2", "::::", "a:1:::1"}) {
        EXPECT_FALSE(parse_connect_rule(wrong)) << wrong;
    }
}

TEST(fetch_arguments, read_time_limits) {
    const http::time_limits before = fetch_options{}.session.limits;
    const auto limits = parse_time_limits("connect=2,total=0.5", before);
    ASSERT_TRUE(limits) << limits.error();
    EXPECT_EQ(limits->resolve, 2s);
    EXPECT_EQ(limits->connect, 2s);
    EXPECT_EQ(limits->handshake, 2s);
    EXPECT_EQ(limits->total, 500ms);
    EXPECT_EQ(limits->idle, 15s);
    EXPECT_EQ(parse_time_limits("first-byte=0.001,idle=86400", before).value().idle, 24h);
    for (const char* wrong :
         {"", "connect", "connect=", "connect=-1", "connect=0", "idle=0.0009", "idle=86401",
          "idle=nan", "idle=inf", "idle=1s", "idle=1e1", "what=1", "idle=1,,total=2"}) {
        EXPECT_FALSE(parse_time_limits(wrong, before)) << wrong;
    }
}

// --- the table -----------------------------------------------------------------------------------

TEST(result_table, begins_a_new_file_with_the_names_of_its_columns) {
    run_on_each_backend([]() -> task<> {
        const test::temporary_directory folder;
        const std::string path = (folder.path() / "table").string();
        const std::vector<std::string> links{"http://x/", "tab\there", "line\nend"};
        for (int i = 0; i < 2; ++i) {
            result_table table{path};
            co_await table.begin();
            co_await table.append("http://a/", links);
            EXPECT_EQ(table.rows(), 3U);
            table.finish();
        }
        std::string expected{header};
        for (int i = 0; i < 2; ++i) {
            expected.append("http://a/\thttp://x/\nhttp://a/\ttab\\there\nhttp://a/\tline\\nend\n");
        }
        EXPECT_EQ(read_whole_file(path), expected);
    });
}

TEST(result_table, ends_a_line_that_somebody_left_unfinished) {
    run_on_each_backend([]() -> task<> {
        const test::temporary_directory folder;
        const std::string path = (folder.path() / "table").string();
        write_file(path, "source_url\tparsed_url\nhttp://a/\thttp:");
        const std::vector<std::string> links{"http://x/"};
        result_table table{path};
        co_await table.begin();
        co_await table.append("http://a/", links);
        EXPECT_EQ(read_whole_file(path),
                  "source_url\tparsed_url\nhttp://a/\thttp:\nhttp://a/\thttp://x/\n");
    });
}

TEST(result_table, keeps_rows_of_several_pages_apart) {
    run_on_each_backend([]() -> task<> {
        const test::temporary_directory folder;
        const std::string path = (folder.path() / "table").string();
        result_table table{path};
        co_await table.begin();
        const std::vector<std::string> links(500, "http://x/");
        task_group group;
        for (int i = 0; i < 20; ++i) group.spawn(table.append("http://a/", links));
        co_await group.run();
        EXPECT_EQ(table.rows(), 10'000U);
        std::string expected{header};
        for (int i = 0; i < 10'000; ++i) expected.append("http://a/\thttp://x/\n");
        EXPECT_EQ(read_whole_file(path), expected);
    });
}

TEST(result_table, names_the_file_that_cannot_be_written) {
    EXPECT_THROW(result_table{"/"}, output_error);
    run_on_each_backend([]() -> task<> {
        result_table table{"/dev/full"};
        std::string what;
        std::error_code code;
        try {
            co_await table.begin();
        } catch (const output_error& failure) {
            what = failure.what();
            code = failure.code();
        }
        EXPECT_EQ(code, std::errc::no_space_on_device);
        EXPECT_EQ(what, "/dev/full: No space left on device");
    });
}

TEST(result_table, writes_nothing_if_it_was_cancelled_before) {
    run_on_each_backend([]() -> task<> {
        const test::temporary_directory folder;
        const std::string path = (folder.path() / "table").string();
        result_table table{path};
        task_group group;
        group.spawn(table.begin());
        group.cancel();
        co_await group.run();
        EXPECT_EQ(read_whole_file(path), "");
    });
}

// --- all together --------------------------------------------------------------------------------

// A list, a table in a temporary directory, and a log that is kept.
class fetching {
public:
    explicit fetching(std::string_view lines) { list.add_lines(lines, "list"); }

    [[nodiscard]] task<> run() { return fetch_pages(list.urls(), options, table, log, counts); }
    [[nodiscard]] std::string output() const { return read_whole_file(folder.path() / "table"); }

    test::temporary_directory folder;
    url_list list;
    fetch_options options;
    result_table table{(folder.path() / "table").string()};
    std::vector<std::string> told;
    event_log log{[this](std::string_view line) { told.emplace_back(line); }, &some_time};
    fetch_counts counts;
};

using test::fake_http_server;
using test::seen_request;

std::string html(std::string_view text) {
    return test::answer(text, "Content-Type: text/html\r\n");
}

TEST(fetch, writes_the_links_of_each_page_and_says_so) {
    simulate([]() -> task<> {
        fetching job{"http://one/\nhttp://two/\nhttp://none/\n"};
        co_await with_task_group([&](task_group& group) -> task<> {
            fake_http_server server{group, [](const seen_request& request) {
                                        if (request.origin == "none:80") return html("nothing");
                                        return html("<a href=a><a href=b><a href=a>");
                                    }};
            job.options.session.connect = server.connector();
            job.options.concurrency = 1;
            co_await job.run();
            group.cancel();
        });
        EXPECT_EQ(job.output(),
                  "source_url\tparsed_url\n"
                  "http://one/\thttp://one/a\nhttp://one/\thttp://one/b\n"
                  "http://two/\thttp://two/a\nhttp://two/\thttp://two/b\n");
        EXPECT_EQ(job.told, (std::vector<std::string>{
                                "09:05:07 INFO:areq: Got response [200] for URL: http://one/\n",
                                "09:05:07 INFO:areq: Found 2 links for http://one/\n",
                                "09:05:07 INFO:areq: Wrote results for source URL: http://one/\n",
                                "09:05:07 INFO:areq: Got response [200] for URL: http://two/\n",
                                "09:05:07 INFO:areq: Found 2 links for http://two/\n",
                                "09:05:07 INFO:areq: Wrote results for source URL: http://two/\n",
                                "09:05:07 INFO:areq: Got response [200] for URL: http://none/\n",
                                "09:05:07 INFO:areq: Found 0 links for http://none/\n"}));
        EXPECT_EQ(job.counts.complete, 3U);
        EXPECT_EQ(job.counts.answered, 3U);
        EXPECT_EQ(job.counts.failed, 0U);
    });
}

TEST(fetch, resolves_links_where_a_redirect_has_led) {
    simulate([]() -> task<> {
        fetching job{"http://old/\n"};
        co_await with_task_group([&](task_group& group) -> task<> {
            fake_http_server server{group, [](const seen_request& request) {
                                        if (request.origin == "old:80") {
                                            return test::moved_to("http://new/deep/");
                                        }
                                        return html("<a href=a>");
                                    }};
            job.options.session.connect = server.connector();
            co_await job.run();
            group.cancel();
        });
        EXPECT_EQ(job.output(), "source_url\tparsed_url\nhttp://old/\thttp://new/deep/a\n");
    });
}

TEST(fetch, tells_failures_in_its_own_words_or_those_of_aiohttp) {
    for (const bool compat : {false, true}) {
        simulate([compat]() -> task<> {
            fetching job{"http://missing/\nhttp://moved/\nhttp://garbage/\n"};
            co_await with_task_group([&](task_group& group) -> task<> {
                fake_http_server server{group, [](const seen_request& request) -> std::string {
                                            if (request.origin == "moved:80") {
                                                return test::moved_to("http://missing/here");
                                            }
                                            if (request.origin == "garbage:80")
                                                return "garbage\r\n\r\n";
                                            return test::answer("", "", "404 Not Found");
                                        }};
                job.options.session.connect = server.connector();
                job.options.concurrency = 1;
                job.options.aiohttp_wording = compat;
                co_await job.run();
                group.cancel();
            });
            EXPECT_EQ(job.told.size(), 3U);
            if (job.told.size() != 3) co_return;
            EXPECT_EQ(job.told[0].substr(9),
                      compat ? "ERROR:areq: aiohttp exception for http://missing/ [404]: Not "
                               "Found\n"
                             : "ERROR:areq: http://missing/: reading the head of the answer: 404 "
                               "Not Found\n");
            EXPECT_EQ(job.told[1].substr(9),
                      compat ? "ERROR:areq: aiohttp exception for http://moved/ [404]: Not Found\n"
                             : "ERROR:areq: http://moved/: redirected to http://missing/here: "
                               "reading the head of the answer: 404 Not Found\n");
            const std::string begin = compat ? "ERROR:areq: aiohttp exception for http://garbage/ "
                                               "[None]: "
                                             : "ERROR:areq: http://garbage/: reading the head of ";
            EXPECT_EQ(job.told[2].substr(9, begin.size()), begin) << job.told[2];
            EXPECT_EQ(job.output(), header);
            EXPECT_EQ(job.counts.failed, 3U);
            EXPECT_EQ(job.counts.answered, 2U);
        });
    }
}

TEST(fetch, gives_up_a_page_that_is_silent_and_goes_on) {
    simulate([]() -> task<> {
        fetching job{"http://silent/\nhttp://also-silent/\n"};
        const time_point start = test::now();
        co_await with_task_group([&](task_group& group) -> task<> {
            fake_http_server server{
                group, [](memory_stream, std::size_t) -> task<> { co_await sleep_for(1h); }};
            job.options.session.connect = server.connector();
            job.options.concurrency = 1;
            co_await job.run();
            group.cancel();
        });
        EXPECT_EQ(job.told.size(), 2U);
        EXPECT_EQ(job.counts.failed, 2U);
        EXPECT_EQ(job.counts.answered, 0U);
        EXPECT_LE(test::now() - start, 31s);
    });
}

TEST(fetch, opens_as_many_connections_as_it_may_and_no_more) {
    for (const std::size_t concurrency : {std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
        simulate([concurrency]() -> task<> {
            std::string lines;
            for (int i = 0; i < 50; ++i) {
                lines.append("http://host").append(std::to_string(i)).append("/\n");
            }
            fetching job{lines};
            std::size_t now = 0;
            std::size_t most = 0;
            co_await with_task_group([&](task_group& group) -> task<> {
                fake_http_server server{group, [&](memory_stream stream, std::size_t) -> task<> {
                                            std::string ahead;
                                            seen_request request;
                                            const bool is_there =
                                                co_await fake_http_server::read_request(
                                                    stream, ahead, request);
                                            EXPECT_TRUE(is_there);
                                            most = std::max(most, ++now);
                                            co_await sleep_for(1s);
                                            --now;
                                            const std::string text = html("<a href=x>");
                                            co_await write_all(stream, bytes_of(text));
                                        }};
                job.options.session.connect = server.connector();
                job.options.session.max_connections = concurrency;
                job.options.concurrency = concurrency;
                co_await job.run();
                group.cancel();
            });
            EXPECT_EQ(most, std::min<std::size_t>(concurrency, 50));
            EXPECT_EQ(job.counts.complete, 50U);
        });
    }
}

TEST(fetch, keeps_the_pages_that_were_complete_when_it_was_cancelled) {
    simulate([]() -> task<> {
        fetching job{"http://one/\nhttp://silent/\n"};
        co_await with_task_group([&](task_group& group) -> task<> {
            fake_http_server server{group, [](memory_stream stream, std::size_t number) -> task<> {
                                        if (number == 1) co_await sleep_for(1h);
                                        std::string ahead;
                                        seen_request request;
                                        const bool is_there =
                                            co_await fake_http_server::read_request(stream, ahead,
                                                                                    request);
                                        EXPECT_TRUE(is_there);
                                        const std::string text = html("<a href=a>");
                                        co_await write_all(stream, bytes_of(text));
                                    }};
            job.options.session.connect = server.connector();
            const auto ended = co_await move_on_after(1s, job.run());
            EXPECT_FALSE(ended.has_value());
            group.cancel();
        });
        EXPECT_EQ(job.output(), "source_url\tparsed_url\nhttp://one/\thttp://one/a\n");
        EXPECT_EQ(job.counts.complete, 1U);
        EXPECT_EQ(job.counts.failed, 0U);
    });
}

TEST(fetch, ends_when_the_output_cannot_be_written) {
    simulate([]() -> task<> {
        fetching job{"http://one/\n"};
        result_table full{"/dev/full"};
        std::error_code code;
        try {
            co_await fetch_pages(job.list.urls(), job.options, full, job.log, job.counts);
        } catch (const output_error& failure) {
            code = failure.code();
        }
        EXPECT_EQ(code, std::errc::no_space_on_device);
        EXPECT_TRUE(job.told.empty());
    });
}

TEST(fetch, does_not_read_a_body_beyond_its_limit) {
    simulate([]() -> task<> {
        for (const std::size_t limit : {std::size_t{9}, std::size_t{10}, std::size_t{11}}) {
            fetching job{"http://one/\n"};
            co_await with_task_group([&](task_group& group) -> task<> {
                fake_http_server server{group,
                                        [](const seen_request&) { return html("<a href=x>"); }};
                job.options.session.connect = server.connector();
                job.options.session.max_body = limit;
                co_await job.run();
                group.cancel();
            });
            EXPECT_EQ(job.counts.complete, limit < 10 ? 0U : 1U);
            EXPECT_EQ(job.counts.failed, limit < 10 ? 1U : 0U);
        }
    });
}

}  // namespace
}  // namespace simul::program
