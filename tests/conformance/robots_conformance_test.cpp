// SPDX-License-Identifier: Apache-2.0
//
// The files that crawler-commons tests its parser with. What must come out of them is not taken
// from there: each line of the table is what RFC 9309 says of that file.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simul/web/robots.hpp"
#include "support/test_data.hpp"

namespace {

using namespace std::chrono_literals;
using simul::web::robots;

struct expectation {
    std::string_view file;
    std::string_view agent;
    std::string_view path;
    bool allowed;
};

constexpr bool yes = true;
constexpr bool no = false;

const expectation expectations[] = {
    // Only records that the RFC does not know.
    {"astore.amazon.com-robots.txt", "simul", "/anything", yes},
    // Crawl-delay ends no list of agents: the first group is for both.
    {"crawl-delay-group-merging.txt", "mybot", "/private/x", no},
    {"crawl-delay-group-merging.txt", "mybot", "/login/x", yes},
    {"crawl-delay-group-merging.txt", "yourbot", "/private/x", no},
    {"crawl-delay-group-merging.txt", "yourbot", "/login/x", no},
    {"crawl-delay-group-merging.txt", "other", "/private/x", yes},
    // Misspelt records are none, so all there is left is one group for bot1.
    {"directive-typos-robots.txt", "bot1", "/desallow/", yes},
    {"directive-typos-robots.txt", "bot1", "/dissalow/", yes},
    {"directive-typos-robots.txt", "bot1", "/useragent/", no},
    {"directive-typos-robots.txt", "bot1", "/useg-agent/", no},
    {"directive-typos-robots.txt", "bot1", "/useragent-no-colon/", no},
    {"directive-typos-robots.txt", "bot2", "/useragent/", yes},
    {"directive-typos-robots.txt", "bot3", "/useg-agent/", yes},
    {"directive-typos-robots.txt", "bot4", "/useragent-no-colon/", yes},
    {"dos-line-endings.txt", "simul", "/", yes},
    {"extended-standard-robots.txt", "bot1", "/", yes},
    {"extended-standard-robots.txt", "bot4", "/x", yes},
    {"extension-robots.txt", "simul", "/private/", yes},
    {"extension-robots.txt", "mybot", "/private/x", no},
    {"extension-robots.txt", "mybot", "/secret/x", yes},
    {"extension-robots.txt", "otherbot", "/admin/", no},
    {"extension-robots.txt", "otherbot", "/private/", yes},
    {"extensions-group-merging.txt", "mybot", "/private/x", no},
    {"extensions-group-merging.txt", "yourbot", "/private/x", no},
    {"extensions-group-merging.txt", "yourbot", "/login/", no},
    // Clean-Param ends no list of agents either.
    {"extensions-group-merging.txt", "mybot", "/login/", no},
    {"extensions-group-merging.txt", "mybot", "/x", yes},
    {"extensions-group-merging.txt", "other", "/x", no},
    {"extensions-group-merging.txt", "other", "/llms.txt", yes},
    // Blanks before a colon are allowed; without a colon there is no record.
    {"format-errors-robots.txt", "bot1", "/whitespace-before-colon/", no},
    {"format-errors-robots.txt", "bot1", "/no-colon/", yes},
    {"format-errors-robots.txt", "bot1", "/no-colon-useragent/", no},
    {"format-errors-robots.txt", "bot2", "/no-colon-useragent/", yes},
    {"format-errors-robots.txt", "bot3", "/whitespace-before-colon", yes},
    {"format-errors-robots.txt", "bot3", "/x", no},
    {"malformed-path.txt", "simul", "/wiki/Wikipedia_talk:Mediation_Committee/", no},
    {"malformed-path.txt", "simul", "/wiki/Wikipedia_talk%3AMediation_Committee/", no},
    {"malformed-path.txt", "simul", "/wiki/Wikipedia_talk%3Mediation_Committee/", no},
    {"malformed-path.txt", "simul", "/wiki/Wikipedia_talk", yes},
    {"many-user-agents.txt", "wget", "/", no},
    {"many-user-agents.txt", "WebZIP", "/x", no},
    {"many-user-agents.txt", "simul", "/", yes},
    {"many-user-agents.txt", "simul", "/lang/hi/lang/x", no},
    {"many-user-agents.txt", "simul", "/bot-trap/", no},
    {"merge-rules.txt", "testy", "/", no},
    {"merge-rules.txt", "curl", "/x", no},
    // Allow and Disallow of one path: Allow wins.
    {"merge-rules.txt", "wget", "/foo/bar", yes},
    {"merge-rules.txt", "wget", "/tmp/bar", no},
    {"merge-rules.txt", "wget", "/ckh/bar", yes},
    {"merge-rules.txt", "simul", "/foo/bar", no},
    {"merge-rules.txt", "simul", "/ckh/bar", yes},
    {"precedence-of-rules.txt", "wget", "/foo", yes},
    {"precedence-of-rules.txt", "wget", "/index.html", yes},
    {"precedence-of-rules.txt", "wget", "/bar", no},  // "/*" has more octets than "/"
    {"precedence-of-rules.txt", "testy", "/foo", no},
    {"precedence-of-rules.txt", "testy", "/foo/bar", yes},  // as many as "/foo/b*"
    {"precedence-of-rules.txt", "testy", "/foo/ba", no},
    {"precedence-of-rules.txt", "testy", "/x", yes},
    {"relative-sitemap-robots.txt", "simul", "/files/x", no},  // the last line has no end
    {"relative-sitemap-robots.txt", "simul", "/", yes},
    {"rfc9309-example-longest-match-robots.txt", "foobot", "/example/page/", yes},
    {"rfc9309-example-longest-match-robots.txt", "foobot", "/example/page/disallowed.gif", no},
    {"rfc9309-example-longest-match-robots.txt", "foobot", "/example/page/x.gif", yes},
    {"rfc9309-example-rule-group-merging.txt", "ExampleBot", "/foo", no},
    {"rfc9309-example-rule-group-merging.txt", "examplebot", "/bar", no},
    {"rfc9309-example-rule-group-merging.txt", "ExampleBot", "/baz", no},
    {"rfc9309-example-rule-group-merging.txt", "BazBot", "/baz", no},
    {"rfc9309-example-rule-group-merging.txt", "BazBot", "/foo", yes},
    {"rfc9309-example-rule-group-merging.txt", "simul", "/foo", no},
    {"rfc9309-example-rule-group-merging.txt", "simul", "/baz", yes},
    {"rfc9309-example-simple-robots.txt", "simul", "/x/y.gif", no},
    {"rfc9309-example-simple-robots.txt", "simul", "/x/y.gif?z", yes},
    {"rfc9309-example-simple-robots.txt", "simul", "/example/", no},
    {"rfc9309-example-simple-robots.txt", "simul", "/publications/", yes},
    {"rfc9309-example-simple-robots.txt", "simul", "/publications/x.gif", yes},
    {"rfc9309-example-simple-robots.txt", "foobot", "/", no},
    {"rfc9309-example-simple-robots.txt", "foobot", "/example/page.html", yes},
    {"rfc9309-example-simple-robots.txt", "foobot", "/example/allowed.gif", yes},
    {"rfc9309-example-simple-robots.txt", "foobot", "/example/x", no},
    {"rfc9309-example-simple-robots.txt", "barbot", "/example/page.html", no},
    {"rfc9309-example-simple-robots.txt", "bazbot", "/example/page.html", no},
    {"rfc9309-example-simple-robots.txt", "bazbot", "/x.gif", yes},
    {"rfc9309-example-simple-robots.txt", "quxbot", "/example/page.html", yes},
    {"robots-with-utf16be-bom.txt", "simul", "/login.aspx", no},
    {"robots-with-utf16be-bom.txt", "googlebot", "/a/output/print", no},
    {"robots-with-utf16be-bom.txt", "simul", "/x", yes},
    {"robots-with-utf16le-bom.txt", "simul", "/login.aspx", no},
    {"robots-with-utf16le-bom.txt", "googlebot", "/a/output/print", no},
    {"robots-with-utf16le-bom.txt", "simul", "/x", yes},
    {"robots-with-utf8-bom.txt", "simul", "/login.aspx", no},  // behind the mark
    {"robots-with-utf8-bom.txt", "simul", "/a/output/print", no},
    {"robots-with-utf8-bom.txt", "simul", "/x", yes},
    {"sitemap-robots-dedup.txt", "simul", "/x", yes},
    {"sitemap-robots.txt", "simul", "/x", yes},
    {"twitter.com-robots.txt", "simul", "/someone?page=2", no},
    {"twitter.com-robots.txt", "simul", "/someone", yes},
    {"twitter.com-robots.txt", "slurp", "/someone/with_friends", no},
    {"wildcards.txt", "simul", "/wishlist/", no},
    {"wildcards.txt", "simul", "/wishlist/universal/x", yes},
    {"wildcards.txt", "simul", "/gp/registry/wishlist/17/reserve", no},
    {"wildcards.txt", "simul", "/a/b/gcrnsts", no},
    {"wildcards.txt", "simul", "/a/sim/B001132UEE", yes},
    {"wildcards.txt", "googlebot", "/a/sim/B001132UEE", no},
    {"wildcards.txt", "googlebot", "/rss/people/someone/reviews", no},
    {"wildcards.txt", "googlebot", "/rss/people/reviews", yes},
    {"wildcards.txt", "etaospider", "/x", no},
    {"wildcards.txt", "simul", "/", yes},
    {"www.flot.com-robots.txt", "simul", "/admin/", no},
    {"www.flot.com-robots.txt", "simul", "/", yes},
};

std::optional<robots> parse(std::string_view name) {
    std::string relative{"robots/"};
    relative.append(name);
    const auto path = simul::test::test_data(relative);
    if (!path) return std::nullopt;
    return robots::parse(simul::test::read_whole_file(*path));
}

TEST(robots_conformance, paths_are_allowed_and_not_as_rfc_9309_says) {
    if (!simul::test::test_data("robots")) GTEST_SKIP() << simul::test::no_test_data("robots");
    for (const expectation& each : expectations) {
        const auto rules = parse(each.file);
        ASSERT_TRUE(rules) << each.file;
        const auto verdict = rules->why(each.agent, each.path);
        EXPECT_EQ(verdict.allowed, each.allowed)
            << each.file << ": " << each.agent << ' ' << each.path << ", line " << verdict.line;
    }
}

TEST(robots_conformance, the_table_is_about_every_file) {
    const auto folder = simul::test::test_data("robots");
    if (!folder) GTEST_SKIP() << simul::test::no_test_data("robots");
    std::set<std::string> tested;
    for (const expectation& each : expectations) tested.emplace(each.file);
    for (const auto& entry : std::filesystem::directory_iterator{*folder}) {
        EXPECT_TRUE(tested.contains(entry.path().filename().string())) << entry.path();
    }
}

TEST(robots_conformance, delays_are_those_of_the_agents_before_them) {
    if (!simul::test::test_data("robots")) GTEST_SKIP() << simul::test::no_test_data("robots");
    const auto delay = [](std::string_view file, std::string_view agent) {
        return parse(file).value().crawl_delay(agent);
    };
    EXPECT_EQ(delay("astore.amazon.com-robots.txt", "simul"), 5s);
    EXPECT_EQ(delay("dos-line-endings.txt", "simul"), 1s);
    EXPECT_EQ(delay("crawl-delay-group-merging.txt", "mybot"), 10s);
    EXPECT_EQ(delay("crawl-delay-group-merging.txt", "yourbot"), std::nullopt);
    EXPECT_EQ(delay("crawl-delay-group-merging.txt", "other"), 30s);
    EXPECT_EQ(delay("twitter.com-robots.txt", "slurp"), 1s);
    EXPECT_EQ(delay("twitter.com-robots.txt", "msnbot"), 10s);
    EXPECT_EQ(delay("twitter.com-robots.txt", "googlebot"), std::nullopt);  // it is a comment
    EXPECT_EQ(delay("twitter.com-robots.txt", "simul"), std::nullopt);
}

TEST(robots_conformance, sitemaps_are_found_in_any_place) {
    if (!simul::test::test_data("robots")) GTEST_SKIP() << simul::test::no_test_data("robots");
    const std::map<std::string_view, std::vector<std::string>> sitemaps{
        {"extension-robots.txt", {"/sitemap.xml"}},
        {"format-errors-robots.txt", {"/sitemap.xml"}},
        {"relative-sitemap-robots.txt", {"/sitemap.xml"}},
        {"robots-with-utf16be-bom.txt", {"http://www.newsweek.com/sitemap_index.xml"}},
        {"robots-with-utf16le-bom.txt", {"http://www.newsweek.com/sitemap_index.xml"}},
        {"robots-with-utf8-bom.txt", {"http://www.newsweek.com/sitemap_index.xml"}},
        {"sitemap-robots-dedup.txt", {"http://example.org/sitemap.xml"}},
        {"sitemap-robots.txt",
         {"http://domain.com/sitemap.xml", "http://domain.com/dir/MixedCased-sitemap.xml"}},
        {"www.flot.com-robots.txt", {"http://flot.com/sitemap_index.xml"}},
        {"merge-rules.txt", {}},
    };
    for (const auto& [file, expected] : sitemaps) {
        const auto rules = parse(file);
        ASSERT_TRUE(rules) << file;
        const auto found = rules->sitemaps();
        EXPECT_EQ((std::vector<std::string>{found.begin(), found.end()}), expected) << file;
    }
    EXPECT_EQ(parse("wildcards.txt").value().sitemaps().size(), 8U);
}

}  // namespace
