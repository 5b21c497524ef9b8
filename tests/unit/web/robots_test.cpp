// SPDX-License-Identifier: Apache-2.0
#include "simul/web/robots.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using simul::web::robots;
using simul::web::robots_limits;
using cause = simul::web::robots_verdict::cause;

bool allows(std::string_view file, std::string_view path, std::string_view agent = "simul") {
    return robots::parse(file).allows(agent, path);
}

// Everybody's rules, one a line.
bool rules_allow(std::string_view rules, std::string_view path) {
    std::string file{"User-agent: *\n"};
    file.append(rules);
    return allows(file, path);
}

// --- groups
// -----------------------------------------------------------------------------------------

TEST(robots, without_rules_everything_is_allowed) {
    EXPECT_TRUE(robots{}.allows("simul", "/"));
    for (const std::string_view file :
         {"", "\n\n", "# nothing", "User-agent: simul", "User-agent: *\nDisallow:\n",
          "<html><body>Not found</body></html>", "Disallow: /\n"}) {
        EXPECT_TRUE(allows(file, "/private")) << file;
    }
}

TEST(robots, a_group_for_the_crawler_replaces_the_one_for_everybody) {
    const std::string_view file =
        "User-agent: *\nDisallow: /\n\nUser-agent: simul\nDisallow: /private\n";
    EXPECT_TRUE(allows(file, "/public"));
    EXPECT_FALSE(allows(file, "/private"));
    EXPECT_FALSE(allows(file, "/public", "other"));
}

TEST(robots, names_are_compared_in_any_case_and_up_to_the_version) {
    for (const std::string_view name : {"simul", "Simul", "SIMUL/1.0", "simul (+http://x)"}) {
        std::string file{"User-agent: "};
        file.append(name);
        file.append("\nDisallow: /\n");
        EXPECT_FALSE(allows(file, "/", "simul")) << name;
        EXPECT_FALSE(allows(file, "/", "SimuL/0.2")) << name;
        EXPECT_TRUE(allows(file, "/", "simulator")) << name;
        EXPECT_TRUE(allows(file, "/", "simu")) << name;
        EXPECT_TRUE(allows(file, "/", "")) << name;
    }
    EXPECT_FALSE(allows("User-agent: bot_1-x\nDisallow: /\n", "/", "Bot_1-X"));
    EXPECT_FALSE(allows("User-agent: * # all\nDisallow: /\n", "/", ""));
}

TEST(robots, groups_of_one_name_are_one) {
    const std::string_view file =
        "User-agent: simul\nDisallow: /a\n\nUser-agent: other\nDisallow: /b\n\n"
        "User-agent: third\nUser-agent: Simul\nUser-agent: simul\nDisallow: /c\n";
    EXPECT_FALSE(allows(file, "/a"));
    EXPECT_TRUE(allows(file, "/b"));
    EXPECT_FALSE(allows(file, "/c"));
    EXPECT_TRUE(allows(file, "/a", "third"));
}

TEST(robots, other_records_and_empty_lines_end_no_group) {
    const std::string_view file =
        "User-agent: simul\nSitemap: http://x/\n\nCrawl-delay: 1\nunknown: 2\nnonsense\n"
        "User-agent: other\nDisallow: /a\n\nSitemap: http://y/\nDisallow: /b\n";
    for (const std::string_view agent : {"simul", "other"}) {
        EXPECT_FALSE(allows(file, "/a", agent));
        EXPECT_FALSE(allows(file, "/b", agent));
    }
}

TEST(robots, an_empty_rule_allows_nothing_and_forbids_nothing_but_is_a_rule_line) {
    const std::string_view file = "User-agent: simul\nDisallow:\nUser-agent: other\nDisallow: /\n";
    EXPECT_TRUE(allows(file, "/x"));
    EXPECT_FALSE(allows(file, "/x", "other"));
}

TEST(robots, misspelt_lines_are_no_records) {
    EXPECT_TRUE(rules_allow("Dissalow: /x\nDisallow /x\nDisallow= /x\nDisallow: x\n", "/x"));
    EXPECT_FALSE(rules_allow("  disALLOW  :\t/x  \n", "/x"));
}

// --- rules
// ------------------------------------------------------------------------------------------

TEST(robots, a_rule_matches_what_begins_like_it) {
    EXPECT_FALSE(rules_allow("Disallow: /fish", "/fish"));
    EXPECT_FALSE(rules_allow("Disallow: /fish", "/fishheads/yummy.html"));
    EXPECT_FALSE(rules_allow("Disallow: /fish", "/fish?id=1"));
    EXPECT_TRUE(rules_allow("Disallow: /fish", "/Fish.asp"));
    EXPECT_TRUE(rules_allow("Disallow: /fish", "/catfish"));
    EXPECT_TRUE(rules_allow("Disallow: /fish/", "/fish"));
    EXPECT_FALSE(rules_allow("Disallow: /", ""));
    EXPECT_FALSE(rules_allow("Disallow: /?q", "?q=1"));
    EXPECT_TRUE(rules_allow("Disallow: /x", "/#/x"));
}

TEST(robots, a_star_stands_for_anything) {
    EXPECT_FALSE(rules_allow("Disallow: /*.php", "/index.php"));
    EXPECT_FALSE(rules_allow("Disallow: /*.php", "/a/b.php?x"));
    EXPECT_FALSE(rules_allow("Disallow: /*.php", "/.php"));
    EXPECT_TRUE(rules_allow("Disallow: /*.php", "/index.PHP"));
    EXPECT_FALSE(rules_allow("Disallow: *.gif", "/a.gif"));
    EXPECT_FALSE(rules_allow("Disallow: /a*b*c", "/axxbxxcxx"));
    EXPECT_TRUE(rules_allow("Disallow: /a*b*c", "/axxcxxbxx"));
    EXPECT_FALSE(rules_allow("Disallow: /a***b", "/ab"));
    EXPECT_FALSE(rules_allow("Disallow: /a*", "/a"));
    EXPECT_FALSE(rules_allow("Disallow: *", "/"));
}

TEST(robots, a_dollar_at_the_end_is_the_end) {
    EXPECT_FALSE(rules_allow("Disallow: /*.php$", "/index.php"));
    EXPECT_TRUE(rules_allow("Disallow: /*.php$", "/index.php?x"));
    EXPECT_FALSE(rules_allow("Disallow: /*.php$", "/a.php/b.php"));
    EXPECT_FALSE(rules_allow("Disallow: /$", "/"));
    EXPECT_TRUE(rules_allow("Disallow: /$", "/x"));
    EXPECT_TRUE(rules_allow("Disallow: /a*a$", "/a"));
    EXPECT_FALSE(rules_allow("Disallow: /a*$", "/axyz"));
    EXPECT_FALSE(rules_allow("Disallow: /a$b", "/a$bc"));
    EXPECT_TRUE(rules_allow("Disallow: /a$b", "/a"));
    EXPECT_FALSE(rules_allow("Disallow: /ab*ab$", "/abab"));
    EXPECT_TRUE(rules_allow("Disallow: /ab*ab$", "/ab"));
}

TEST(robots, the_longest_rule_that_matches_counts_and_of_two_equal_ones_that_which_allows) {
    EXPECT_TRUE(rules_allow("Allow: /p\nDisallow: /", "/page"));
    EXPECT_TRUE(rules_allow("Disallow: /\nAllow: /p", "/page"));
    EXPECT_TRUE(rules_allow("Allow: /folder\nDisallow: /folder", "/folder/page"));
    EXPECT_TRUE(rules_allow("Disallow: /folder\nAllow: /folder", "/folder/page"));
    EXPECT_FALSE(rules_allow("Allow: /page\nDisallow: /*.htm", "/page.htm"));
    EXPECT_TRUE(rules_allow("Allow: /$\nDisallow: /", "/"));
    EXPECT_FALSE(rules_allow("Allow: /$\nDisallow: /", "/page.htm"));
}

TEST(robots, robots_txt_may_always_be_fetched) {
    EXPECT_TRUE(rules_allow("Disallow: /", "/robots.txt"));
    EXPECT_TRUE(rules_allow("Disallow: /robots.txt", "/robots.txt#x"));
    EXPECT_FALSE(rules_allow("Disallow: /", "/robots.txt?x"));
    EXPECT_FALSE(rules_allow("Disallow: /", "/robots.txtx"));
    EXPECT_FALSE(rules_allow("Disallow: /", "/a/robots.txt"));
}

// --- percent-encoding
// --------------------------------------------------------------------------------

TEST(robots, paths_are_compared_in_one_form) {
    struct sample {
        std::string_view rule;
        std::string_view path;
    };
    const sample same[] = {
        // The table of RFC 9309, section 2.2.2.
        {"/foo/bar?baz=quz", "/foo/bar?baz=quz"},
        {"/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar"},
        {"/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar"},
        {"/foo/bar/\xe3\x83\x84", "/foo/bar/%E3%83%84"},
        {"/foo/bar/%E3%83%84", "/foo/bar/\xe3\x83\x84"},
        {"/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84"},
        {"/foo/bar/%62%61%7A", "/foo/bar/baz"},
        {"/foo/bar/baz", "/foo/bar/%62%61%7a"},
        // Section 2.2.3: how to write the special characters themselves.
        {"/path/file-with-a-%2A.html", "/path/file-with-a-*.html"},
        {"/path/foo-%24", "/path/foo-$"},
        {"/a b", "/a%20b"},
        {"/a|b", "/a%7cb"},
        {"/100%", "/100%25"},
        {"/%3M", "/%3M"},
        {"/%", "/%"},
        {"/caf\xe9", "/caf%E9"},
    };
    for (const sample& each : same) {
        std::string rules{"Disallow: "};
        rules.append(each.rule);
        rules.append("$");
        EXPECT_FALSE(rules_allow(rules, each.path)) << each.rule << ' ' << each.path;
    }
    EXPECT_TRUE(rules_allow("Disallow: /a%2A", "/abc"));
    EXPECT_TRUE(rules_allow("Disallow: /a%24", "/a"));
    EXPECT_TRUE(rules_allow("Disallow: /a%00b"sv, "/aXXb"));
    EXPECT_TRUE(rules_allow("Disallow: /a\0b"sv, "/aXXb"));
}

// --- delays and sitemaps
// ----------------------------------------------------------------------------

TEST(robots, a_delay_is_in_seconds_and_fractions) {
    const auto delay = [](std::string_view value) {
        std::string file{"User-agent: simul\nCrawl-delay: "};
        file.append(value);
        return robots::parse(file).crawl_delay("simul");
    };
    EXPECT_EQ(delay("0"), 0ms);
    EXPECT_EQ(delay("10"), 10s);
    EXPECT_EQ(delay("0.5"), 500ms);
    EXPECT_EQ(delay(".25 # often"), 250ms);
    EXPECT_EQ(delay("1."), 1s);
    EXPECT_EQ(delay("1.0001"), 1001ms);
    EXPECT_EQ(delay("1.0000"), 1s);
    EXPECT_EQ(delay("999999999999999999999999"), 1'000'000'000s);
    for (const std::string_view none : {"", "-1", "1,5", "five", "10s", "1e3", ".", "inf"}) {
        EXPECT_EQ(delay(none), std::nullopt) << none;
    }
}

TEST(robots, a_delay_belongs_to_the_names_before_it_and_the_longest_counts) {
    const robots rules = robots::parse(
        "Crawl-delay: 99\nUser-agent: one\nUser-agent: two\nCrawl-delay: 5\nUser-agent: three\n"
        "Disallow: /\n\nUser-agent: *\nDisallow: /\nCrawl-delay: 30\n\n"
        "User-agent: two\nCrawl-delay: 2\n\nUser-agent: one\nCrawl-delay: 7\n");
    EXPECT_EQ(rules.crawl_delay("one"), 7s);
    EXPECT_EQ(rules.crawl_delay("Two/1.0"), 7s);  // the last two groups are one: no rule between
    EXPECT_EQ(rules.crawl_delay("three"), std::nullopt);
    EXPECT_EQ(rules.crawl_delay("other"), 30s);
    EXPECT_EQ(robots{}.crawl_delay("one"), std::nullopt);
}

TEST(robots, sitemaps_are_collected_from_everywhere_and_none_twice) {
    const robots rules = robots::parse(
        "sitemap: http://a/\nUser-agent: x\nSITEMAP:/b.xml#here\nSitemap:\nSitemap : http://a/\n"
        "Disallow: /\nSitemap: http://a/B\n");
    const std::vector<std::string> expected{"http://a/", "/b.xml", "http://a/B"};
    EXPECT_EQ((std::vector<std::string>{rules.sitemaps().begin(), rules.sitemaps().end()}),
              expected);
}

// --- the reason
// -------------------------------------------------------------------------------------

TEST(robots, why_names_the_rule_its_line_and_its_group) {
    const robots rules = robots::parse(
        "# comment\r\nUser-agent: *\r\n\r\nDisallow: /%7eprivate/*.html # here\r\rAllow: /a\n"
        "User-agent: Simul\nAllow: /\n");
    const auto denied = rules.why("other", "/~private/x.html");
    EXPECT_FALSE(denied.allowed);
    EXPECT_EQ(denied.because, cause::rule);
    EXPECT_EQ(denied.rule, "/%7eprivate/*.html");
    EXPECT_EQ(denied.line, 4U);
    EXPECT_EQ(denied.agent, "*");
    const auto allowed = rules.why("other", "/a");
    EXPECT_TRUE(allowed.allowed);
    EXPECT_EQ(allowed.line, 6U);
    const auto unmatched = rules.why("other", "/b");
    EXPECT_TRUE(unmatched.allowed);
    EXPECT_EQ(unmatched.because, cause::no_rule);
    EXPECT_EQ(unmatched.line, 0U);
    EXPECT_EQ(rules.why("simul/1", "/b").agent, "simul");
    EXPECT_EQ(rules.why("simul", "/robots.txt").because, cause::robots_txt_itself);
    EXPECT_EQ(robots::parse("User-agent: x\nDisallow: /").why("simul", "/").because,
              cause::no_group);
}

// --- the file
// ---------------------------------------------------------------------------------------

TEST(robots, lines_end_with_cr_lf_or_both) {
    for (const std::string_view end : {"\n", "\r", "\r\n", "\n\n", "\r\r\n"}) {
        std::string file{"User-agent: simul"};
        file.append(end);
        file.append("Disallow: /x");
        EXPECT_FALSE(allows(file, "/x")) << testing::PrintToString(end);
        file.append(end);
        EXPECT_FALSE(allows(file, "/x")) << testing::PrintToString(end);
    }
}

TEST(robots, byte_order_marks_are_understood) {
    EXPECT_FALSE(allows("\xef\xbb\xbfUser-agent: *\nDisallow: /x", "/x"));
    std::string little{"\xff\xfe"};
    std::string big{"\xfe\xff"};
    for (const char character : std::string_view{"User-agent: *\r\nDisallow: /x\n"}) {
        little.push_back(character);
        little.push_back('\0');
        big.push_back('\0');
        big.push_back(character);
    }
    EXPECT_FALSE(allows(little, "/x"));
    EXPECT_FALSE(allows(big, "/x"));
}

TEST(robots, of_a_file_as_much_is_read_as_the_limit_says) {
    const std::string begin{"User-agent: *\n"};
    const std::string rule{"Disallow: /x"};
    const std::size_t limit = robots_limits{}.max_size;
    EXPECT_EQ(limit, 512U * 1024U);
    // Where the rule ends: one before the limit, at it, one behind.
    for (const std::size_t end : {limit - 1, limit, limit + 1}) {
        for (const std::string_view behind : {"", "\n", "\r\nmore", "y"}) {
            std::string file = begin;
            file.append(end - begin.size() - rule.size() - 1, '#');
            file.append("\n");
            file.append(rule);
            file.append(behind);
            const bool whole = end <= limit;
            // Whether "/xy" is the rule, and is cut, depends on the limit, too.
            const bool read = behind == "y" ? end + 1 <= limit : whole;
            EXPECT_EQ(robots::parse(file).allows("simul", "/xyz"), !read)
                << end << testing::PrintToString(behind);
        }
    }
}

TEST(robots, the_limit_of_the_file_is_an_option) {
    robots_limits limits;
    const std::string_view file = "User-agent: *\nDisallow: /x\n";
    for (const std::size_t size : {file.size() - 2, file.size() - 1, file.size()}) {
        limits.max_size = size;
        EXPECT_EQ(robots::parse(file, limits).allows("simul", "/x"), size == file.size() - 2);
    }
}

TEST(robots, of_a_long_line_only_what_a_comment_ends_counts) {
    const std::size_t limit = robots_limits{}.max_line;
    EXPECT_EQ(limit, 16U * 1024U);
    const std::string begin{"User-agent: *\n"};
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        std::string line{"Disallow: /"};
        line.append(size - line.size(), 'x');
        const std::string path = line.substr(10);
        EXPECT_EQ(robots::parse(begin + line).allows("simul", path), size > limit) << size;
        std::string commented{"Disallow: /x #"};
        commented.append(size - commented.size(), '#');
        EXPECT_FALSE(robots::parse(begin + commented).allows("simul", "/x")) << size;
        std::string late = line.substr(0, size - 1) + "#";
        EXPECT_EQ(robots::parse(begin + late).allows("simul", path), size > limit) << size;
    }
}

TEST(robots, a_file_made_to_keep_crawlers_busy_allows_nothing_after_a_while) {
    // The path is 10 bytes long, and two rules have wildcards.
    const std::string_view file = "User-agent: *\nAllow: /*b\nAllow: /*a*d\nAllow: /x\nAllow: /\n";
    for (const std::size_t work : {19U, 20U, 21U}) {
        robots_limits limits;
        limits.max_work = work;
        const auto verdict = robots::parse(file, limits).why("simul", "/aaaaaaaaa");
        EXPECT_EQ(verdict.allowed, work >= 20) << work;
        EXPECT_EQ(verdict.because, work >= 20 ? cause::rule : cause::too_costly);
    }
    std::string hostile{"User-agent: *\n"};
    while (hostile.size() < 500'000) hostile.append("Allow: *aab\n");
    std::string path{"/"};
    path.append(2000, 'a');
    EXPECT_EQ(robots::parse(hostile).why("simul", path).because, cause::too_costly);
    EXPECT_EQ(robots::parse(hostile).why("simul", "/aaaaaaa").because, cause::no_rule);
}

TEST(robots, bytes_of_any_kind_are_read_without_harm) {
    std::uint32_t noise = 99;
    const std::string_view words[] = {
        "User-agent:", "Disallow:", "Allow: /", "*", "$",    "%",    "%4",
        "#",           "\n",        "\r",       ":", "\xff", "\0"sv, "Crawl-delay: 9",
        "Sitemap: x",  "/a",        " "};
    for (int round = 0; round < 500; ++round) {
        std::string file;
        for (int count = 0; count < 60; ++count) {
            noise = noise * 1664525U + 1013904223U;
            file.append(words[(noise >> 16U) % std::size(words)]);
        }
        const robots rules = robots::parse(file);
        const auto verdict = rules.why("a", "/a/a*%");
        EXPECT_EQ(verdict.because == cause::rule, verdict.line != 0);
        static_cast<void>(rules.crawl_delay("a"));
    }
}

}  // namespace
