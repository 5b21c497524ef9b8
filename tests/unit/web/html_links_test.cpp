// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_links.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using simul::web::extract_links;
using simul::web::html_link;
using simul::web::html_link_extractor;
using simul::web::html_link_kind;
using simul::web::html_link_options;
using simul::web::html_page;
using simul::web::html_rel;

using lines = std::vector<std::string>;

// "kind url" of each link.
lines links_of(const html_page& page) {
    lines found;
    for (const html_link& link : page.links) {
        found.emplace_back(name_of(link.kind)).append(" ").append(link.url);
    }
    return found;
}

lines links_in(std::string_view document, const html_link_options& options = {}) {
    return links_of(extract_links(document, options));
}

// --- which links
// ----------------------------------------------------------------------------------

TEST(html_links, finds_anchors_and_areas) {
    EXPECT_EQ(links_in("<a href=x>1</a><A HREF='y'>2</A><area href=\"z\"><a name=n>"),
              (lines{"anchor x", "anchor y", "area z"}));
}

TEST(html_links, finds_an_empty_address) {
    EXPECT_EQ(links_in("<a href><a href=''>"), (lines{"anchor ", "anchor "}));
}

TEST(html_links, finds_what_a_page_loads) {
    EXPECT_EQ(
        links_in("<link rel=stylesheet href=a.css><script src=b.js></script><img src=c>"
                 "<iframe src=d></iframe><frame src=e><embed src=f><object data=g></object>"
                 "<video src=h poster=i><source src=j><track src=k></video><audio src=l>"
                 "<input type=IMAGE src=m><input src=no>"),
        (lines{"link a.css", "script b.js", "image c", "iframe d", "frame e", "embed f", "object g",
               "video h", "poster i", "source j", "track k", "audio l", "image m"}));
}

TEST(html_links, finds_the_addresses_of_forms_and_says_which_are_posted) {
    const html_page page = extract_links(
        "<form action=a></form><form action=b method=POST><button formaction=c>"
        "<input type=submit formaction=d formmethod=post></form><form></form>");
    EXPECT_EQ(links_of(page), (lines{"form a", "form b", "form c", "form d"}));
    EXPECT_FALSE(page.links[0].is_post);
    EXPECT_TRUE(page.links[1].is_post);
    EXPECT_FALSE(page.links[2].is_post);
    EXPECT_TRUE(page.links[3].is_post);
}

TEST(html_links, finds_links_in_svg) {
    EXPECT_EQ(links_in("<svg><a href=a xlink:href=b /><a xlink:href=c /><image href=d />"
                       "<script href=e></script><img></svg><link href=f>"),
              (lines{"anchor a", "anchor c", "image d", "script e", "link f"}));
}

TEST(html_links, finds_citations_if_asked) {
    constexpr std::string_view document =
        "<blockquote cite=a></blockquote><q cite=b></q><ins cite=c></ins><del cite=d></del>";
    EXPECT_TRUE(links_in(document).empty());
    html_link_options options;
    options.citations = true;
    EXPECT_EQ(links_in(document, options),
              (lines{"citation a", "citation b", "citation c", "citation d"}));
}

TEST(html_links, finds_none_in_comments_scripts_styles_and_titles) {
    EXPECT_TRUE(links_in("<!--<a href=x>--><script>'<a href=x>'</script>"
                         "<style><a href=x></style><title><a href=x></title>"
                         "<textarea><a href=x></textarea><xmp><a href=x></xmp>"
                         "<noembed><a href=x></noembed><noframes><a href=x></noframes>"
                         "<iframe><a href=x></iframe><plaintext><a href=x>")
                    .empty());
}

TEST(html_links, finds_those_in_noscript) {
    EXPECT_EQ(links_in("<noscript><img src=x></noscript>"), (lines{"image x"}));
}

TEST(html_links, finds_none_in_templates_however_nested) {
    EXPECT_EQ(links_in("<a href=1><template><a href=2><template><a href=3></template><a href=4>"
                       "</template><a href=5></template><a href=6>"),
              (lines{"anchor 1", "anchor 5", "anchor 6"}));
}

TEST(html_links, takes_a_template_in_svg_for_nothing_special) {
    EXPECT_EQ(links_in("<svg><template><a href=1></a></template></svg><a href=2>"),
              (lines{"anchor 1", "anchor 2"}));
}

TEST(html_links, tells_html_inside_of_svg_and_math_from_what_is_around_it) {
    EXPECT_EQ(links_in("<svg/><style><a href=1></style><svg><style><a href=2></style></svg>"
                       "<style><a href=3></style><a href=4>"),
              (lines{"anchor 2", "anchor 4"}));
    EXPECT_EQ(links_in("<svg><foreignObject><style><a href=1></style><template><a href=2>"
                       "</template><svg><style><a href=3></style></svg></foreignObject>"
                       "<style><a href=4></style></svg><style><a href=5></style><a href=6>"),
              (lines{"anchor 3", "anchor 4", "anchor 6"}));
    EXPECT_EQ(links_in("<math><a href=1><mi><a href=2></mi></math><style><a href=3></style>"),
              (lines{"anchor 2"}));
}

TEST(html_links, takes_the_first_of_two_attributes_of_one_name) {
    EXPECT_EQ(links_in("<a href=1 href=2>"), (lines{"anchor 1"}));
}

TEST(html_links, decodes_and_strips_addresses) {
    EXPECT_EQ(links_in("<a href=' \t\n/a?b=1&amp;c=2&copy=3 \r\n'><a href='a\tb'>"),
              (lines{"anchor /a?b=1&c=2&copy=3", "anchor a\tb"}));
}

TEST(html_links, tells_where_each_tag_begins) {
    const html_page page = extract_links("abc<a href=x>\u00E9<b><a href=y>");
    ASSERT_EQ(page.links.size(), 2U);
    EXPECT_EQ(page.links[0].offset, 3U);
    EXPECT_EQ(page.links[1].offset, 18U);
    EXPECT_EQ(page.size, 28U);
}

TEST(html_links, survives_markup_that_nobody_meant) {
    EXPECT_EQ(links_in("<a href=\"x><p>text</a> <a href=y>\">z</a><a href=w"),
              (lines{"anchor x><p>text</a> <a href=y>"}));
    EXPECT_EQ(links_in("<<a href=x>><a/href=y><a href = 'z'class=c>"),
              (lines{"anchor x", "anchor y", "anchor z"}));
}

TEST(html_links, has_a_name_for_every_kind) {
    std::set<std::string_view> names;
    const auto last = static_cast<int>(html_link_kind::citation);
    for (int i = 0; i <= last; ++i) names.insert(name_of(static_cast<html_link_kind>(i)));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
}

// --- rel
// ------------------------------------------------------------------------------------------

TEST(html_links, reads_the_tokens_of_rel) {
    const html_page page = extract_links(
        "<a href=x rel=' NoFollow\tugc  whatever'><link rel=canonical href=y><a href=z>");
    ASSERT_EQ(page.links.size(), 3U);
    EXPECT_EQ(page.links[0].rel, "NoFollow\tugc  whatever");
    EXPECT_EQ(page.links[0].rel_tokens, html_rel::nofollow | html_rel::ugc);
    EXPECT_TRUE(has(page.links[0].rel_tokens, html_rel::nofollow));
    EXPECT_FALSE(has(page.links[0].rel_tokens, html_rel::nofollow | html_rel::sponsored));
    EXPECT_EQ(page.links[1].rel_tokens, html_rel::canonical);
    EXPECT_EQ(page.links[2].rel_tokens, html_rel::none);
}

TEST(html_links, knows_every_token_and_its_synonyms) {
    const html_page page = extract_links(
        "<link href=x rel='alternate next previous stylesheet icon dns-prefetch sponsored external "
        "amphtml'><link href=x rel=nofollower>");
    using enum html_rel;
    EXPECT_EQ(page.links[0].rel_tokens, alternate | next | prev | stylesheet | icon | preload |
                                            sponsored | external | amphtml);
    EXPECT_EQ(page.links[1].rel_tokens, none);
}

// --- srcset
// ---------------------------------------------------------------------------------------

TEST(html_links, finds_the_candidates_of_a_srcset) {
    EXPECT_EQ(links_in("<img src=a srcset='b.png 1x, c.png 2x,d.png'>"),
              (lines{"image a", "image_candidate b.png", "image_candidate c.png",
                     "image_candidate d.png"}));
}

TEST(html_links, leaves_commas_inside_of_candidates_alone) {
    EXPECT_EQ(links_in("<source srcset='data:,a 1x, b,c, , ,d (1,2) 3w,e,'>"),
              (lines{"image_candidate data:,a", "image_candidate b,c", "image_candidate d",
                     "image_candidate e"}));
    EXPECT_TRUE(links_in("<img srcset=' , ,'>").empty());
}

TEST(html_links, finds_the_candidates_of_a_preloaded_image) {
    EXPECT_EQ(links_in("<link rel=preload as=image href=a imagesrcset='b 1x, c 2x'>"),
              (lines{"link a", "image_candidate b", "image_candidate c"}));
}

// --- base, meta, title
// ----------------------------------------------------------------------------

TEST(html_links, takes_the_first_base_that_has_an_address) {
    const html_page page = extract_links("<base target=_top><base href=' /a/ '><base href=/b/>");
    EXPECT_EQ(page.base, "/a/");
    EXPECT_EQ(links_of(page), (lines{"base /a/", "base /b/"}));
    EXPECT_EQ(extract_links("<a href=x>").base, std::nullopt);
}

TEST(html_links, takes_no_base_from_svg_or_a_template) {
    EXPECT_EQ(extract_links("<svg><base href=x></svg><template><base href=y></template>").base,
              std::nullopt);
}

TEST(html_links, reads_what_a_page_says_to_robots) {
    const html_page plain = extract_links("<meta name=robots content='index, follow'>");
    EXPECT_FALSE(plain.noindex);
    EXPECT_FALSE(plain.nofollow);
    const html_page both = extract_links("<META NAME=Robots CONTENT=' NoIndex ,nofollow'>");
    EXPECT_TRUE(both.noindex);
    EXPECT_TRUE(both.nofollow);
    const html_page none = extract_links("<meta name=robots content=none>");
    EXPECT_TRUE(none.noindex);
    EXPECT_TRUE(none.nofollow);
    const html_page spread =
        extract_links("<meta name=robots content=noindex><meta name=robots content=nofollow>");
    EXPECT_TRUE(spread.noindex);
    EXPECT_TRUE(spread.nofollow);
}

TEST(html_links, reads_what_a_page_says_to_the_crawler_by_name) {
    constexpr std::string_view document = "<meta name=SimulBot content=noindex>";
    EXPECT_FALSE(extract_links(document).noindex);
    html_link_options options;
    options.robots_name = "simulbot";
    EXPECT_TRUE(extract_links(document, options).noindex);
}

TEST(html_links, finds_the_address_of_a_refresh) {
    const auto refreshed = [](std::string_view content) {
        std::string document{"<meta http-equiv=Refresh content=\""};
        document.append(content).append("\">");
        const lines found = links_in(document);
        return found.empty() ? std::string{"none"} : found[0];
    };
    EXPECT_EQ(refreshed("0;url=x"), "refresh x");
    EXPECT_EQ(refreshed(" 5.5 , URL = 'x y' z"), "refresh x y");
    EXPECT_EQ(refreshed("5 x"), "refresh x");
    EXPECT_EQ(refreshed("5; 'x"), "refresh x");
    EXPECT_EQ(refreshed("5;urlx"), "refresh urlx");
    EXPECT_EQ(refreshed("5;unit.html"), "refresh unit.html");
    EXPECT_EQ(refreshed("5"), "none");
    EXPECT_EQ(refreshed("5;"), "none");
    EXPECT_EQ(refreshed("x;url=y"), "none");
    EXPECT_EQ(refreshed("5x"), "none");
    EXPECT_EQ(refreshed(""), "none");
}

TEST(html_links, takes_the_first_title_with_its_spaces_collapsed) {
    EXPECT_EQ(extract_links("<svg><title>no</title></svg><title>\n A &amp;\r\n\tB </title>"
                            "<title>C</title>")
                  .title,
              "A & B");
    EXPECT_EQ(extract_links("<p>x").title, "");
    EXPECT_EQ(extract_links("<title>not closed").title, "not closed");
    EXPECT_EQ(extract_links("<title></title>x<title>C</title>").title, "");
}

TEST(html_links, cuts_titles_over_4_kib) {
    for (const std::size_t size : {4095U, 4096U, 4097U}) {
        std::string document{"<title>"};
        document.append(size, 't').append("</title>");
        const html_page page = extract_links(document);
        EXPECT_EQ(page.title.size(), std::min<std::size_t>(size, 4096));
        EXPECT_EQ(page.title_truncated, size > 4096);
    }
    html_link_options options;
    options.max_title = 3;
    const html_page page = extract_links("<title>a\u20AC</title>", options);
    EXPECT_EQ(page.title, "a");
    EXPECT_TRUE(page.title_truncated);
}

// --- anchors
// --------------------------------------------------------------------------------------

TEST(html_links, collects_ids_and_names_of_anchors_if_asked) {
    constexpr std::string_view document =
        "<p id=a><a name=b><a id=c name=c><a id=d name=e><img name=no><svg id=f></svg>"
        "<template><p id=no></template><p id=''>";
    EXPECT_TRUE(extract_links(document).anchors.empty());
    html_link_options options;
    options.anchors = true;
    const html_page page = extract_links(document, options);
    EXPECT_EQ(page.anchors, (std::vector<std::string_view>{"a", "b", "c", "d", "e", "f"}));
}

TEST(html_links, counts_anchors_over_the_limit) {
    html_link_options options;
    options.anchors = true;
    options.max_anchors = 3;
    for (const int count : {2, 3, 4}) {
        std::string document;
        for (int i = 0; i < count; ++i) document.append("<p id=x").append(std::to_string(i) + ">");
        const html_page page = extract_links(document, options);
        EXPECT_EQ(page.anchors.size(), static_cast<std::size_t>(std::min(count, 3)));
        EXPECT_EQ(page.anchors_dropped, count > 3 ? 1U : 0U);
    }
}

// --- limits
// ---------------------------------------------------------------------------------------

TEST(html_links, counts_links_over_50000) {
    for (const std::size_t count : {49'999U, 50'000U, 50'001U}) {
        std::string document;
        for (std::size_t i = 0; i < count; ++i) document.append("<a href=x>");
        const html_page page = extract_links(document);
        EXPECT_EQ(page.links.size(), std::min<std::size_t>(count, 50'000));
        EXPECT_EQ(page.links_dropped, count > 50'000 ? 1U : 0U);
    }
}

TEST(html_links, marks_an_address_that_was_cut) {
    for (const std::size_t size : {16'383U, 16'384U, 16'385U}) {
        std::string document{"<a href='"};
        document.append(size, 'x').append("'>");
        const html_page page = extract_links(document);
        ASSERT_EQ(page.links.size(), 1U);
        EXPECT_EQ(page.links[0].truncated, size > 16'384);
        EXPECT_EQ(page.limits.attribute_values, size > 16'384 ? 1U : 0U);
    }
}

TEST(html_links, marks_only_the_last_candidate_of_a_srcset_that_was_cut) {
    html_link_options options;
    options.tokenizer.max_attribute_value = 11;
    const html_page page = extract_links("<img srcset='aaa 1x, bbbbbbbbbb 2x'>", options);
    ASSERT_EQ(page.links.size(), 2U);
    EXPECT_EQ(page.links[1].url, "bbb");
    EXPECT_FALSE(page.links[0].truncated);
    EXPECT_TRUE(page.links[1].truncated);
}

TEST(html_links, takes_a_page_nested_deep) {
    std::string document;
    for (int i = 0; i < 100'000; ++i) document.append("<b>");
    document.append("<a href=x>");
    EXPECT_EQ(links_in(document), (lines{"anchor x"}));
}

// --- feeding and moving
// ---------------------------------------------------------------------------

TEST(html_links, finds_the_same_in_a_page_that_comes_in_pieces) {
    constexpr std::string_view document =
        "<title>A B</title><base href=/b/><a href='x&amp;y' rel=nofollow>t</a>"
        "<script>'</scr<a href=no>'</script><img srcset='a 1x, b 2x'><meta name=robots "
        "content=none>";
    const html_page whole = extract_links(document);
    html_link_extractor extractor;
    for (const char& byte : document) extractor.feed({&byte, 1});
    const html_page page = extractor.finish();
    EXPECT_EQ(links_of(page), links_of(whole));
    EXPECT_EQ(page.links.size(), 4U);
    EXPECT_EQ(page.title, whole.title);
    EXPECT_EQ(page.base, whole.base);
    EXPECT_TRUE(page.nofollow);
}

TEST(html_links, keeps_its_texts_when_it_is_moved_and_the_document_is_gone) {
    html_page page;
    {
        std::string document{"<title>t</title><a href=some/address rel=next>"};
        html_page found = extract_links(document);
        document.assign(document.size(), '?');
        page = std::move(found);
    }
    ASSERT_EQ(page.links.size(), 1U);
    EXPECT_EQ(page.links[0].url, "some/address");
    EXPECT_EQ(page.links[0].rel, "next");
    EXPECT_EQ(page.title, "t");
}

TEST(html_links, skips_a_byte_order_mark) {
    const html_page page = extract_links("\xEF\xBB\xBF<title>x</title>");
    EXPECT_EQ(page.title, "x");
}

TEST(html_links, finds_nothing_in_plain_text) {
    EXPECT_TRUE(links_in("no markup, 1 < 2 & 3 > 2; http://example.org/").empty());
    EXPECT_TRUE(links_in("").empty());
}

TEST(html_links, moves_an_extractor_in_the_middle_of_a_page) {
    html_link_extractor first;
    first.feed("<a hr");
    html_link_extractor second{std::move(first)};
    second.feed("ef=x>");
    EXPECT_EQ(links_of(second.finish()), (lines{"anchor x"}));
}

}  // namespace
