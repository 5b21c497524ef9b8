// SPDX-License-Identifier: Apache-2.0
#include "crawl/command.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "common/exit_code.hpp"
#include "crawl/answers.hpp"
#include "crawl/option_text.hpp"
#include "crawl/progress.hpp"
#include "crawl/statistics.hpp"
#include "simul/http/error.hpp"
#include "simul/io/dns.hpp"

namespace simul::program {
namespace {

using namespace std::chrono_literals;

template <class Read>
std::string refusal_of(Read read) {
    try {
        static_cast<void>(read());
    } catch (const std::invalid_argument& wrong) {
        return wrong.what();
    }
    return "accepted";
}

TEST(crawl_options, reads_lengths_of_time) {
    EXPECT_EQ(read_duration("2"), 2s);
    EXPECT_EQ(read_duration("0.5s"), 500ms);
    EXPECT_EQ(read_duration("250ms"), 250ms);
    EXPECT_EQ(read_duration("3m"), 3min);
    EXPECT_EQ(read_duration("1h"), 1h);
    EXPECT_EQ(read_duration("0"), 0s);
    for (const char* wrong : {"", "s", "-1", "1x", "1 s", "nan", "inf", "1e99"}) {
        EXPECT_NE(refusal_of([&] { return read_duration(wrong); }), "accepted") << wrong;
    }
}

TEST(crawl_options, reads_sizes) {
    EXPECT_EQ(read_size("1000"), 1000U);
    EXPECT_EQ(read_size("2k"), 2048U);
    EXPECT_EQ(read_size("10M"), 10U << 20);
    EXPECT_EQ(read_size("1G"), 1U << 30);
    for (const char* wrong : {"", "0", "-1", "M", "1T", "1 M", "99999999999999999999"}) {
        EXPECT_NE(refusal_of([&] { return read_size(wrong); }), "accepted") << wrong;
    }
}

TEST(crawl_options, reads_limits_of_time_by_name) {
    http::time_limits limits;
    read_time_limits("connect=1,first-byte=2,idle=300ms,total=4,resolve=5,handshake=6", limits);
    EXPECT_EQ(limits.connect, 1s);
    EXPECT_EQ(limits.first_byte, 2s);
    EXPECT_EQ(limits.idle, 300ms);
    EXPECT_EQ(limits.total, 4s);
    EXPECT_EQ(limits.resolve, 5s);
    EXPECT_EQ(limits.handshake, 6s);
    for (const char* wrong : {"", "connect", "connect=", "connect=0", "foo=1", "total=1,"}) {
        const auto read = [&] {
            read_time_limits(wrong, limits);
            return 0;
        };
        EXPECT_NE(refusal_of(read), "accepted") << wrong;
    }
}

TEST(crawl_options, reads_overrides_of_names) {
    const http::name_override one = read_override("example.org:443:127.0.0.1,[::1]");
    EXPECT_EQ(one.host, "example.org");
    EXPECT_EQ(one.port, 443);
    ASSERT_EQ(one.addresses.size(), 2U);
    EXPECT_EQ(one.addresses[1], ip_address::loopback_v6());
    EXPECT_EQ(read_override("a:*:::1").port, std::nullopt);
    for (const char* wrong : {"", "a", "a:1", ":1:127.0.0.1", "a:0:127.0.0.1", "a:x:127.0.0.1",
                              "a:65536:127.0.0.1", "a:1:", "a:1:name", "a:1:127.0.0.1,"}) {
        EXPECT_NE(refusal_of([&] { return read_override(wrong); }), "accepted") << wrong;
    }
}

TEST(crawl_options, reads_header_fields_but_not_its_own) {
    http::headers fields;
    read_header("X-Test:  a b ", fields);
    EXPECT_EQ(fields.get("x-test"), "a b");
    for (const char* wrong : {"", "x", ": y", "a b: c", "Host: x", "content-length: 1",
                              "User-Agent: x", "a: b\nc: d"}) {
        const auto read = [&] {
            read_header(wrong, fields);
            return 0;
        };
        EXPECT_NE(refusal_of(read), "accepted") << wrong;
    }
    EXPECT_EQ(fields.size(), 1U);
}

TEST(crawl_options, reads_lists_of_addresses_and_names_the_line_that_is_wrong) {
    const auto list = read_address_list("# first\r\nhttps://a/\r\n\n  http://b/x \n", "list");
    ASSERT_EQ(list.addresses.size(), 2U);
    EXPECT_EQ(list.addresses[1].href(), "http://b/x");
    EXPECT_TRUE(list.rejected.empty());
    const auto mixed =
        read_address_list("ftp://a/\n\nexample.org\nhttp://\x1b/\nhttp://b/", "list");
    ASSERT_EQ(mixed.addresses.size(), 1U);
    ASSERT_EQ(mixed.rejected.size(), 3U);
    EXPECT_EQ(mixed.rejected[0].place, "list, line 1");
    EXPECT_EQ(mixed.rejected[1].text, "example.org");
    EXPECT_EQ(mixed.rejected[1].place, "list, line 3");
    EXPECT_EQ(mixed.rejected[1].why, "no address; write https:// before the host");
    EXPECT_EQ(mixed.rejected[2].text.find('\x1b'), std::string::npos);
}

TEST(crawl_options, reads_one_of_some_words_and_names_them_all_when_it_is_none) {
    EXPECT_EQ(read_choice("drop", {"keep", "drop"}), 1U);
    EXPECT_EQ(refusal_of([] { return read_choice("Keep", {"keep", "drop"}); }),
              "\"Keep\": none of keep, drop");
}

TEST(crawl_options, start_addresses_have_no_password_and_2083_bytes_at_most) {
    const std::string shown =
        refusal_of([] { return read_start_address("http://user:secret@h/"); });
    EXPECT_NE(shown, "accepted");
    EXPECT_EQ(shown.find("secret"), std::string::npos);
    EXPECT_NE(refusal_of([] { return read_start_address("ftp://h/"); }), "accepted");
    for (const std::size_t length : {2082U, 2083U, 2084U}) {
        std::string text{"http://h/"};
        text.append(length - text.size(), 'x');
        EXPECT_EQ(refusal_of([&] { return read_start_address(text); }) == "accepted",
                  length <= 2083)
            << length;
    }
}

TEST(crawl_exit_code, says_the_most_important_thing) {
    crawl_statistics counts;
    EXPECT_EQ(exit_code_of(counts), exit_nothing_reachable);
    counts.pages = 1;
    EXPECT_EQ(exit_code_of(counts), exit_done);
    counts.failures = 1;
    EXPECT_EQ(exit_code_of(counts), exit_findings);
    counts.refused[static_cast<std::size_t>(refusal::host_page_limit)] = 1;
    EXPECT_EQ(exit_code_of(counts), exit_findings);
    counts.refused[static_cast<std::size_t>(refusal::page_limit)] = 1;
    EXPECT_EQ(exit_code_of(counts), exit_limit);
    counts.end = ending::interrupted;
    EXPECT_EQ(exit_code_of(counts), exit_interrupted);
    for (const ending each : {ending::time_over, ending::output_failed}) {
        counts.end = each;
        EXPECT_EQ(exit_code_of(counts), exit_limit);
    }
}

TEST(crawl_answers, tells_trouble_of_the_host_from_what_will_stay) {
    using std::make_error_code;
    EXPECT_TRUE(is_trouble_of_host(std::error_code{ECONNREFUSED, std::system_category()}));
    EXPECT_TRUE(is_trouble_of_host(make_error_code(errc::timed_out)));
    EXPECT_TRUE(is_trouble_of_host(make_error_code(dns_errc::server_failure)));
    EXPECT_TRUE(is_trouble_of_host(make_error_code(http::errc::unexpected_end)));
    EXPECT_FALSE(is_trouble_of_host(make_error_code(dns_errc::not_found)));
    EXPECT_FALSE(is_trouble_of_host(make_error_code(http::errc::malformed_header)));
    EXPECT_FALSE(is_trouble_of_host(make_error_code(std::errc::permission_denied)));
    EXPECT_EQ(status_text(404), "404 Not Found");
    EXPECT_EQ(status_text(599), "599");
}

TEST(crawl_progress, uses_escapes_only_where_they_are_wanted) {
    EXPECT_TRUE(can_show_live(true, nullptr, "xterm"));
    EXPECT_TRUE(can_show_live(true, "", "xterm"));
    EXPECT_FALSE(can_show_live(true, "1", "xterm"));
    EXPECT_FALSE(can_show_live(true, nullptr, "dumb"));
    EXPECT_FALSE(can_show_live(true, nullptr, nullptr));
    EXPECT_FALSE(can_show_live(false, nullptr, "xterm"));
}

TEST(crawl_progress, says_how_things_are) {
    crawl_view view;
    view.pages = 1;
    view.failures = 2;
    view.bytes = 12'345;
    view.pages_per_second = 0.5;
    view.queued = 60;
    view.in_flight = 3;
    view.elapsed = 65s;
    EXPECT_EQ(plain_line(view),
              "1 page, 0.5/s, 60 queued, 3 in flight, 2 failed, 12.3 kB, after 65 s");
    const auto lines = live_lines(view, 200);
    EXPECT_EQ(lines[0], "1 page  0.5/s  60 queued  12.3 kB  65 s");
    EXPECT_EQ(lines[1],
              "3 in flight  hosts: 0 active, 0 pausing  2 failed  at least 2 min 0 s left");
    for (const std::string& line : live_lines(view, 20)) EXPECT_EQ(line.size(), 20U);
}

TEST(crawl_progress, writes_lengths_of_time_for_people) {
    EXPECT_EQ(readable(0s), "0 ms");
    EXPECT_EQ(readable(1500ms), "1.5 s");
    EXPECT_EQ(readable(119s), "119 s");
    EXPECT_EQ(readable(125s), "2 min 5 s");
    EXPECT_EQ(readable(2h), "2 h 0 min");
}

TEST(crawl_console, lets_no_escape_of_the_web_through) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* memory = ::open_memstream(&text, &size);
    console plain{memory, false};
    plain.line("a\x1b[2Jb\nc");
    plain.clear();
    std::fclose(memory);
    EXPECT_EQ(std::string(text, size), "a\\x1B[2Jb\\x0Ac\n");
    std::free(text);
}

}  // namespace
}  // namespace simul::program
