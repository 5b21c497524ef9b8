// SPDX-License-Identifier: Apache-2.0
#include "crawl/page.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "crawl/records.hpp"

namespace simul::program {
namespace {

const web::url here = web::url::parse("http://h/d/page").value();

std::string shown(const page_content& page) {
    std::string text;
    append_lines(text, here, page.links);
    return text;
}

TEST(crawl_page, gives_one_link_for_each_target_without_fragment_and_kind) {
    const page_content page =
        read_page("<a href=x>1</a><a href=x#a rel=next>2</a><img src=x><a href='../y?q'>3</a>",
                  "text/html", here);
    EXPECT_EQ(shown(page),
              "http://h/d/page\thttp://h/d/x\tanchor\tnext\t2\n"
              "http://h/d/page\thttp://h/d/x\timage\t\t1\n"
              "http://h/d/page\thttp://h/y?q\tanchor\t\t1\n");
}

TEST(crawl_page, keeps_apart_the_kinds_of_links_to_one_target) {
    std::string document;
    for (int times = 0; times < 3; ++times) {
        document += "<a href=x>1</a><img src=./x><iframe src=../d/x></iframe><embed src=x>";
    }
    EXPECT_EQ(shown(read_page(document, "text/html", here)),
              "http://h/d/page\thttp://h/d/x\tanchor\t\t3\n"
              "http://h/d/page\thttp://h/d/x\timage\t\t3\n"
              "http://h/d/page\thttp://h/d/x\tiframe\t\t3\n"
              "http://h/d/page\thttp://h/d/x\tembed\t\t3\n");
}

TEST(crawl_page, writes_what_a_table_and_a_json_line_cannot_hold_in_another_way) {
    page_content page;
    found_link& link = page.links.emplace_back();
    link.rel = "a\tb\\c\nd\x7F";
    link.count = 1;
    EXPECT_EQ(shown(page), "http://h/d/page\tabout:blank\tanchor\ta\\tb\\\\c\\nd\\x7F\t1\n");

    page_record record;
    record.url = "http://h/";
    record.status = 200;
    record.type = "text/html; x=\"y\"";
    record.title = "caf\xC3\xA9 \xE2\x80\xA8 \xE2\x80\xA9 \xE2\x80\xA6 \\ \x01 \xFF";
    std::string line;
    append_line(line, record);
    EXPECT_EQ(line,
              "{\"url\":\"http://h/\",\"status\":200,\"type\":\"text/html; x=\\\"y\\\"\","
              "\"depth\":0,\"title\":\"caf\xC3\xA9 \\u2028 \\u2029 \xE2\x80\xA6 \\\\ "
              "\\u0001 \xEF\xBF\xBD\",\"milliseconds\":0}\n");
}

TEST(crawl_page, takes_references_that_differ_in_their_fragment_for_one) {
    const page_content page = read_page(
        "<a href='x#a'>1</a><a href='#top'>2</a><a href='x'>3</a><a href='#'>4</a><a href=''>5</a>"
        "<a href='x #c'>6</a><a href='x#d'>7</a><a href='javascript:y#1'>8</a>"
        "<a href='http://[#1'>9</a><a href='http://[#2'>10</a>",
        "text/html", here);
    EXPECT_EQ(shown(page),
              "http://h/d/page\thttp://h/d/x\tanchor\t\t3\n"
              "http://h/d/page\thttp://h/d/page\tanchor\t\t3\n"
              "http://h/d/page\thttp://h/d/x%20\tanchor\t\t1\n");
    EXPECT_EQ(page.inline_only, 1U);
    EXPECT_EQ(page.unreadable_texts, (std::vector<std::string>{"http://[#1", "http://[#2"}));
}

TEST(crawl_page, knows_that_only_a_fragment_is_relative_to_a_base_without_a_path) {
    const page_content page =
        read_page("<base href='mailto:a@b'><a href='#c'>1</a><a href=''>2</a>", "text/html", here);
    EXPECT_EQ(shown(page),
              "http://h/d/page\tmailto:a@b\tbase\t\t1\n"
              "http://h/d/page\tmailto:a@b\tanchor\t\t1\n");
    EXPECT_EQ(page.unreadable, 1U);
}

TEST(crawl_page, honours_base_and_the_encoding_of_the_page) {
    const page_content page = read_page("<base href=/b/><title>caf\xE9</title><a href=\xE9>x</a>",
                                        "text/html; charset=iso-8859-1", here);
    EXPECT_EQ(page.title, "caf\xC3\xA9");
    ASSERT_EQ(page.links.size(), 2U);
    EXPECT_EQ(page.links[1].target.href(), "http://h/b/%C3%A9");
}

TEST(crawl_page, counts_what_is_no_address_and_what_leads_nowhere) {
    const page_content page = read_page(
        "<a href='http://['>1</a><a href=javascript:x>2</a><img src=data:,x><a "
        "href=mailto:a@b>3</a>",
        "text/html", here);
    EXPECT_EQ(page.unreadable, 1U);
    EXPECT_EQ(page.unreadable_texts, std::vector<std::string>{"http://["});
    EXPECT_EQ(page.inline_only, 2U);
    ASSERT_EQ(page.links.size(), 1U);
    EXPECT_EQ(page.links[0].target.href(), "mailto:a@b");
}

TEST(crawl_page, says_which_links_lead_to_pages_and_which_are_not_to_be_followed) {
    const page_content page = read_page(
        "<a href=a rel=nofollow>1</a><a href=b rel=nofollow>2</a><a href=b>2</a>"
        "<link rel=stylesheet href=c><link rel=next href=d><script src=e></script>"
        "<meta http-equiv=refresh content='0;url=f'>",
        "text/html", here);
    std::string text;
    for (const found_link& each : page.links) {
        text.append(each.target.path()).append(each.leads_to_page ? " page" : "");
        text.append(each.nofollow ? " nofollow\n" : "\n");
    }
    EXPECT_EQ(text, "/d/a page nofollow\n/d/b page\n/d/c\n/d/d page\n/d/e\n/d/f page\n");
}

TEST(crawl_page, reads_meta_robots_for_all_and_for_its_own_name) {
    const auto forbids = [](std::string_view name, std::string_view content) {
        std::string text{"<meta name="};
        text.append(name).append(" content='").append(content).append("'>");
        return read_page(text, "text/html", here, "simul").nofollow;
    };
    EXPECT_TRUE(forbids("robots", "nofollow"));
    EXPECT_TRUE(forbids("ROBOTS", "noindex"));
    EXPECT_TRUE(forbids("simul", "none"));
    EXPECT_FALSE(forbids("other", "nofollow"));
    EXPECT_FALSE(forbids("robots", "index, follow"));
}

TEST(crawl_page, reads_the_field_for_robots) {
    EXPECT_TRUE(robots_tag_forbids("nofollow", "simul"));
    EXPECT_TRUE(robots_tag_forbids("noarchive, NONE", "simul"));
    EXPECT_TRUE(robots_tag_forbids("simul: noindex", "simul"));
    EXPECT_FALSE(robots_tag_forbids("other: noindex, nofollow", "simul"));
    EXPECT_FALSE(robots_tag_forbids("noarchive", "simul"));
    EXPECT_FALSE(robots_tag_forbids("", "simul"));
}

TEST(crawl_page, knows_what_may_be_a_page) {
    EXPECT_TRUE(is_page("text/html"));
    EXPECT_TRUE(is_page("Application/XHTML+xml; charset=x"));
    EXPECT_TRUE(is_page(""));
    EXPECT_FALSE(is_page("text/plain"));
    EXPECT_FALSE(is_page("rubbish"));
    EXPECT_EQ(read_page("<a href=x>", "", here).links.size(), 1U);
    EXPECT_EQ(read_page("\x7F"
                        "ELF <a href=x>",
                        "", here)
                  .links.size(),
              0U);
}

TEST(crawl_records, are_one_line_of_json_whatever_the_web_puts_into_them) {
    page_record page;
    page.url = "http://h/";
    page.status = 200;
    page.title = "a\n\"b\"\x1b[31m \xE2\x80\xA8 \xFF \xE2\x80\xA6";
    page.bytes = 7;
    page.links = 3;
    page.took = std::chrono::milliseconds{12};
    std::string line;
    append_line(line, page);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find("\xE2\x80\xA8"), std::string::npos);
    const auto read = nlohmann::json::parse(line);
    EXPECT_EQ(read["title"], "a\n\"b\"\x1b[31m \xE2\x80\xA8 \xEF\xBF\xBD \xE2\x80\xA6");
    EXPECT_EQ(read["milliseconds"], 12);
    EXPECT_FALSE(read.contains("redirected_to"));
}

TEST(crawl_records, are_five_cells_of_a_table_whatever_the_web_puts_into_them) {
    found_link link;
    link.target = here;
    link.rel = "a\tb\nc\\";
    link.count = 2;
    std::string line;
    append_lines(line, here, {&link, 1});
    EXPECT_EQ(line, "http://h/d/page\thttp://h/d/page\tanchor\ta\\tb\\nc\\\\\t2\n");
}

}  // namespace
}  // namespace simul::program
