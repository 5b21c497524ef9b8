// SPDX-License-Identifier: Apache-2.0
#include "crawl/scope.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace simul::program {
namespace {

web::url address(std::string_view text) {
    return web::url::parse(text).value();
}

scope make_scope(std::string_view seed, scope_options options = {}) {
    return scope{std::move(options), {address(seed)}};
}

std::string repeated(std::string_view piece, std::size_t times) {
    std::string text;
    for (std::size_t count = 0; count != times; ++count) text.append(piece);
    return text;
}

std::optional<refusal> judged(const scope& rules, std::string_view text, unsigned depth = 1) {
    return rules.refuses(rules.normal_form(address(text)), depth);
}

TEST(crawl_scope, stays_on_the_host_with_or_without_www) {
    const scope rules = make_scope("https://example.org/a/b.html");
    EXPECT_EQ(judged(rules, "https://example.org/"), std::nullopt);
    EXPECT_EQ(judged(rules, "http://www.example.org/x?y#z"), std::nullopt);
    EXPECT_EQ(judged(rules, "https://other.example.org/"), refusal::elsewhere);
    EXPECT_EQ(judged(rules, "https://example.org.evil.net/"), refusal::elsewhere);
    EXPECT_EQ(judged(make_scope("http://www.example.org/"), "http://example.org/"), std::nullopt);
}

TEST(crawl_scope, takes_the_last_two_labels_for_the_domain_and_addresses_exactly) {
    scope_options options;
    options.how_far = reach::domain;
    const scope rules = make_scope("https://a.b.example.org/", options);
    EXPECT_EQ(judged(rules, "https://c.example.org/"), std::nullopt);
    EXPECT_EQ(judged(rules, "https://example.org/"), std::nullopt);
    EXPECT_EQ(judged(rules, "https://badexample.org/"), refusal::elsewhere);
    const scope numbers = make_scope("http://10.1.2.3/", options);
    EXPECT_EQ(judged(numbers, "http://10.1.2.3/x"), std::nullopt);
    EXPECT_EQ(judged(numbers, "http://10.9.2.3/"), refusal::elsewhere);
}

TEST(crawl_scope, takes_the_address_up_to_its_last_slash_for_the_prefix) {
    scope_options options;
    options.how_far = reach::prefix;
    const scope rules = make_scope("https://example.org/manual/index.html?a/b", options);
    EXPECT_EQ(judged(rules, "https://example.org/manual/x/y"), std::nullopt);
    EXPECT_EQ(judged(rules, "https://example.org/manuals"), refusal::elsewhere);
    EXPECT_EQ(judged(rules, "http://example.org/manual/x"), refusal::elsewhere);
}

TEST(crawl_scope, refuses_unusual_ports_unless_a_start_address_has_them) {
    scope_options options;
    options.how_far = reach::any;
    const scope rules = make_scope("http://example.org:8123/", options);
    EXPECT_EQ(judged(rules, "http://example.org:8123/x"), std::nullopt);
    EXPECT_EQ(judged(rules, "https://other.net:8443/"), std::nullopt);
    EXPECT_EQ(judged(rules, "http://other.net:22/"), refusal::port);
}

TEST(crawl_scope, refuses_other_schemes) {
    const scope rules = make_scope("http://example.org/");
    EXPECT_EQ(judged(rules, "ftp://example.org/"), refusal::scheme);
    EXPECT_EQ(judged(rules, "mailto:a@example.org"), refusal::scheme);
}

TEST(crawl_scope, limits_the_length_of_an_address) {
    const scope rules = make_scope("http://example.org/");
    const std::string start = "http://example.org/";
    for (const std::size_t length : {2082U, 2083U, 2084U}) {
        std::string text = start;
        text.append(length - start.size(), 'x');
        EXPECT_EQ(judged(rules, text).has_value(), length > 2083) << length;
    }
}

TEST(crawl_scope, limits_the_parts_of_a_path) {
    const scope rules = make_scope("http://example.org/");
    for (const unsigned parts : {31U, 32U, 33U}) {
        std::string text{"http://example.org"};
        for (unsigned each = 0; each != parts; ++each)
            text.append("/").append(std::to_string(each));
        const auto expected = parts > 32 ? std::optional{refusal::many_segments} : std::nullopt;
        EXPECT_EQ(judged(rules, text), expected) << parts;
    }
}

TEST(crawl_scope, limits_the_repeats_of_one_part) {
    const scope rules = make_scope("http://example.org/");
    EXPECT_EQ(judged(rules, "http://example.org/a/b/a/"), std::nullopt);
    EXPECT_EQ(judged(rules, "http://example.org/a/b/a/c/a"), std::nullopt);
    EXPECT_EQ(judged(rules, "http://example.org/a/a/a/a"), refusal::repeated_segment);
    EXPECT_EQ(judged(rules, "http://example.org//////a"), std::nullopt);
}

TEST(crawl_scope, limits_the_parameters_of_a_query) {
    const scope rules = make_scope("http://example.org/");
    for (const unsigned count : {19U, 20U, 21U}) {
        std::string text{"http://example.org/?"};
        text.append(repeated("a=1&", count - 1)).append("a=1");
        const auto expected = count > 20 ? std::optional{refusal::many_parameters} : std::nullopt;
        EXPECT_EQ(judged(rules, text), expected) << count;
    }
}

TEST(crawl_scope, limits_the_depth) {
    scope_options options;
    options.depth = 2;
    const scope rules = make_scope("http://example.org/", options);
    EXPECT_EQ(judged(rules, "http://example.org/x", 1), std::nullopt);
    EXPECT_EQ(judged(rules, "http://example.org/x", 2), std::nullopt);
    EXPECT_EQ(judged(rules, "http://example.org/x", 3), refusal::too_deep);
}

TEST(crawl_scope, include_and_exclude_decide_about_all_but_start_addresses) {
    scope_options options;
    options.include.emplace_back("/doc/");
    options.include.emplace_back("/api/");
    options.exclude.emplace_back("\\.pdf$");
    const scope rules = make_scope("http://example.org/start.pdf", options);
    EXPECT_EQ(judged(rules, "http://example.org/start.pdf", 0), std::nullopt);
    EXPECT_EQ(judged(rules, "http://example.org/api/x"), std::nullopt);
    EXPECT_EQ(judged(rules, "http://example.org/doc/x.pdf"), refusal::excluded);
    EXPECT_EQ(judged(rules, "http://example.org/blog/"), refusal::not_included);
}

TEST(crawl_scope, normal_form_has_no_fragment_no_credentials_and_no_query_if_dropped) {
    const auto shown = [](std::string_view text, bool drop_query) {
        scope_options options;
        options.drop_query = drop_query;
        return make_scope("http://example.org/", options).normal_form(address(text)).href();
    };
    EXPECT_EQ(shown("http://u:p@example.org/a?b#c", false), "http://example.org/a?b");
    EXPECT_EQ(shown("http://example.org/a?b#c", true), "http://example.org/a");
    EXPECT_EQ(shown("http://example.org/a?", true), "http://example.org/a");
}

TEST(crawl_scope, every_refusal_has_words) {
    for (std::size_t each = 0; each != refusal_count; ++each) {
        EXPECT_FALSE(describe(static_cast<refusal>(each)).empty()) << each;
    }
    EXPECT_EQ(static_cast<std::size_t>(refusal::host_given_up) + 1, refusal_count);
}

}  // namespace
}  // namespace simul::program
