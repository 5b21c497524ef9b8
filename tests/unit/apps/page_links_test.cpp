// SPDX-License-Identifier: Apache-2.0
#include "common/page_links.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace simul::program {
namespace {

using addresses = std::vector<std::string>;

const web::url page_address = web::url::parse("https://example.org/a/b?c").value();

addresses hrefs(const page_links& found) {
    addresses list;
    for (const page_link& each : found.links) list.push_back(each.address.href());
    return list;
}

addresses links_in(std::string_view body, std::string_view type = "text/html",
                   const page_link_options& options = {}) {
    return hrefs(find_page_links(body, type, page_address, options));
}

page_link_options founding() {
    page_link_options options;
    options.finder = link_finder::founding_expression;
    options.schemes = link_schemes::all;
    return options;
}

TEST(page_links, are_resolved_against_the_address_of_the_page) {
    EXPECT_EQ(
        links_in("<a href=x><a href=/y><a href='?z'><a href=''><a href=//h/p><a href=#f>"),
        (addresses{"https://example.org/a/x", "https://example.org/y", "https://example.org/a/b?z",
                   "https://example.org/a/b?c", "https://h/p", "https://example.org/a/b?c#f"}));
}

TEST(page_links, are_resolved_against_the_base_that_the_page_names) {
    EXPECT_EQ(links_in("<base href=/base/><a href=x>"), (addresses{"https://example.org/base/x"}));
    EXPECT_EQ(links_in("<base href='http://other/'><a href=x>"), (addresses{"http://other/x"}));
    EXPECT_EQ(links_in("<base href='javascript:x'><a href=x>"),
              (addresses{"https://example.org/a/x"}));
    EXPECT_EQ(links_in("<base href='http://['><a href=x>"), (addresses{"https://example.org/a/x"}));
}

TEST(page_links, give_the_base_itself_where_it_is_asked_for) {
    page_link_options options;
    options.kinds = {web::html_link_kind::anchor, web::html_link_kind::base};
    EXPECT_EQ(links_in("<base href=deep/><a href=x>", "text/html", options),
              (addresses{"https://example.org/a/deep/", "https://example.org/a/deep/x"}));
}

TEST(page_links, stand_once_each_in_the_order_of_the_page) {
    EXPECT_EQ(links_in("<a href=2><a href=1><a href=./2><a href=HTTPS://EXAMPLE.org/a/1>"),
              (addresses{"https://example.org/a/2", "https://example.org/a/1"}));
}

TEST(page_links, are_those_of_the_kinds_that_are_asked_for) {
    const std::string_view text = "<link href=style><a href=a><area href=b><img src=c>";
    EXPECT_EQ(links_in(text), (addresses{"https://example.org/a/a"}));
    page_link_options options;
    options.kinds = {web::html_link_kind::area, web::html_link_kind::image};
    const page_links found = find_page_links(text, "text/html", page_address, options);
    EXPECT_EQ(hrefs(found), (addresses{"https://example.org/a/b", "https://example.org/a/c"}));
    EXPECT_EQ(found.links.back().kind, web::html_link_kind::image);
}

TEST(page_links, leave_out_what_names_no_place) {
    const std::string_view text =
        "<a href=mailto:a@b><a href=javascript:f()><a href='javascript://x/%0af()'>"
        "<a href=data:,x><a href=tel:1><a href=ftp://h/x><a href=app://h/x><a href=http://h/>";
    EXPECT_EQ(links_in(text), (addresses{"ftp://h/x", "app://h/x", "http://h/"}));
    page_link_options options;
    options.schemes = link_schemes::http;
    const page_links found = find_page_links(text, "text/html", page_address, options);
    EXPECT_EQ(hrefs(found), (addresses{"http://h/"}));
    EXPECT_EQ(found.elsewhere, 7U);
    options.schemes = link_schemes::all;
    EXPECT_EQ(links_in(text, "text/html", options).size(), 8U);
}

TEST(page_links, count_what_is_no_address) {
    const page_links found =
        find_page_links("<a href='http://['><a href=x>", "text/html", page_address);
    EXPECT_EQ(found.links.size(), 1U);
    EXPECT_EQ(found.invalid, 1U);
}

TEST(page_links, lose_their_fragments_if_asked_to) {
    page_link_options options;
    options.drop_fragments = true;
    EXPECT_EQ(links_in("<a href=x#1><a href=x#2><a href=x>", "text/html", options),
              (addresses{"https://example.org/a/x"}));
}

TEST(page_links, are_nofollow_only_if_every_place_says_so) {
    const page_links found = find_page_links(
        "<a rel=nofollow href=1><a href=1><a rel=nofollow href=2><a rel='nofollow ugc' href=2>",
        "text/html", page_address);
    ASSERT_EQ(found.links.size(), 2U);
    EXPECT_FALSE(has(found.links[0].rel, web::html_rel::nofollow));
    EXPECT_TRUE(has(found.links[1].rel, web::html_rel::nofollow));
    EXPECT_TRUE(has(found.links[1].rel, web::html_rel::ugc));
}

TEST(page_links, end_at_their_limit) {
    const std::string_view text = "<a href=\"1\"><a href=\"2\"><a href=\"3\">";
    for (page_link_options options : {page_link_options{}, founding()}) {
        for (const std::size_t limit : {std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
            options.html.max_links = limit;
            const page_links found = find_page_links(text, "text/html", page_address, options);
            EXPECT_EQ(found.links.size(), std::min<std::size_t>(limit, 3));
            EXPECT_EQ(found.dropped, limit == 2 ? 1U : 0U);
        }
    }
}

TEST(page_links, are_looked_for_in_html_only) {
    const std::string_view text = "<a href=\"x\">";
    EXPECT_EQ(links_in(text, "TEXT/HTML ; charset=utf-8").size(), 1U);
    EXPECT_EQ(links_in(text, "application/xhtml+xml").size(), 1U);
    EXPECT_EQ(links_in(text, "").size(), 1U);
    EXPECT_EQ(links_in(text, "no type").size(), 1U);
    EXPECT_EQ(links_in(text, "text/plain").size(), 0U);
    EXPECT_EQ(links_in(text, "application/json").size(), 0U);
    EXPECT_TRUE(find_page_links(text, "text/plain", page_address).is_text);
}

TEST(page_links, are_not_looked_for_in_bytes) {
    const std::string with_zero{"<a href=\"x\">\0", 13};
    EXPECT_FALSE(find_page_links(with_zero, "", page_address, founding()).is_text);
    EXPECT_FALSE(find_page_links("<a href=\"x\">", "image/png", page_address).is_text);
    EXPECT_TRUE(find_page_links(with_zero, "text/html", page_address).is_text);
    EXPECT_EQ(links_in("<a href=\"x\">", "image/png", founding()), addresses{});
}

TEST(page_links, are_decoded_as_the_page_or_its_header_says) {
    const addresses expected{"https://example.org/a/%C3%A9"};
    EXPECT_EQ(links_in("<a href=\xC3\xA9>"), expected);
    EXPECT_EQ(links_in("<a href=\xE9>", "text/html; charset=latin1"), expected);
    EXPECT_EQ(links_in("<meta charset=latin1><a href=\xE9>"), expected);
    EXPECT_EQ(links_in("<meta charset=koi8-r><a href=\xE9>", "text/html;charset=latin1"), expected);
    EXPECT_EQ(links_in("\xEF\xBB\xBF<meta charset=koi8-r><a href=\xC3\xA9>"), expected);
    const std::string_view utf16{"\xFF\xFE<\0a\0 \0h\0r\0e\0f\0=\0\xE9\0>\0", 22};
    EXPECT_EQ(links_in(utf16, ""), expected);
    EXPECT_EQ(
        find_page_links("<meta charset=nonsense><meta charset=koi8-r>", "text/html", page_address)
            .charset.which,
        web::encoding::koi8_r);
}

TEST(page_links, come_with_what_the_page_says_of_itself) {
    const page_links found = find_page_links(
        "<title>a  page</title><meta name=robots content=nofollow>", "text/html", page_address);
    EXPECT_TRUE(found.is_markup);
    EXPECT_EQ(found.page.title, "a page");
    EXPECT_TRUE(found.page.nofollow);
}

TEST(founding_expression, matches_double_quotes_on_one_line) {
    EXPECT_EQ(links_in("href=\"1\" xhref=\"2\" HREF=\"3\" href='4' href = \"5\" href=\"\" "
                       "href=\"6\nhref=\"7\" href=\"8",
                       "text/plain", founding()),
              (addresses{"https://example.org/a/1", "https://example.org/a/2",
                         "https://example.org/a/b?c", "https://example.org/a/7"}));
}

TEST(founding_expression, knows_no_base_no_comment_and_no_character_reference) {
    EXPECT_EQ(
        links_in("<base href=\"/d/\"><!-- href=\"x?a&amp;b\" --><a href=\"mailto:a@b\">",
                 "text/html", founding()),
        (addresses{"https://example.org/d/", "https://example.org/a/x?a&amp;b", "mailto:a@b"}));
}

TEST(founding_expression, takes_a_long_text_without_recursion) {
    std::string text{"href=\""};
    text.append(8'000'000, 'x').append("\n href=\"y\"");
    EXPECT_EQ(links_in(text, "text/plain", founding()), (addresses{"https://example.org/a/y"}));
    text.clear();
    for (int i = 0; i < 500'000; ++i) text.append("href=\"\n");
    EXPECT_EQ(links_in(text, "text/plain", founding()), addresses{});
}

}  // namespace
}  // namespace simul::program
