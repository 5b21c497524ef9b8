// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_tokenizer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "unit/web/html_tokens.hpp"

namespace {

using namespace std::string_view_literals;
using simul::test::document_tokens;
using simul::test::token_lines;
using simul::test::token_recorder;
using simul::test::tokens_of;
using simul::web::html_error;
using simul::web::html_limit_counts;
using simul::web::html_sink;
using simul::web::html_tag;
using simul::web::html_tokenizer;
using simul::web::html_tokenizer_options;
using simul::web::html_tokenizer_state;

std::vector<std::pair<std::string, std::uint64_t>> errors_of(std::string_view text) {
    html_tokenizer_options options;
    options.report_errors = true;
    token_recorder recorder;
    html_tokenizer tokenizer{recorder, options};
    tokenizer.feed(text);
    tokenizer.finish();
    return recorder.errors;
}

std::size_t errors_in_bytes(std::string_view text) {
    html_tokenizer_options options;
    options.report_errors = true;
    token_recorder recorder;
    html_tokenizer tokenizer{recorder, options};
    for (std::size_t at = 0; at != text.size(); ++at) tokenizer.feed(text.substr(at, 1));
    tokenizer.finish();
    return recorder.errors.size();
}

// --- tokens
// ---------------------------------------------------------------------------------------

TEST(html_tokenizer, gives_nothing_but_the_end_for_an_empty_document) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    tokenizer.feed("");
    tokenizer.finish();
    EXPECT_TRUE(recorder.lines.empty());
    EXPECT_EQ(recorder.end, 0U);
}

TEST(html_tokenizer, gives_tags_text_comments_and_doctypes_in_order) {
    EXPECT_EQ(tokens_of("<!DOCTYPE html><p class=a>Hi <!-- there --><br/></p>"),
              (token_lines{"doctype html - -", "start p class=a", "text Hi ", "comment  there ",
                           "start br /", "end p"}));
}

TEST(html_tokenizer, puts_names_of_tags_and_attributes_into_lower_case) {
    EXPECT_EQ(tokens_of("<IMG SrC=A></Div>"), (token_lines{"start img src=A", "end div"}));
}

TEST(html_tokenizer, keeps_the_first_of_two_attributes_of_one_name) {
    EXPECT_EQ(tokens_of("<a HREF=1 href=2 href='3' id=4>"), (token_lines{"start a href=1 id=4"}));
}

TEST(html_tokenizer, reads_attributes_in_every_kind_of_quotes_and_without_value) {
    EXPECT_EQ(tokens_of("<a b=\"1 2\" c='3\"' d=4 e f = 5>"),
              (token_lines{"start a b=1 2 c=3\" d=4 e= f=5"}));
}

TEST(html_tokenizer, finds_an_attribute_of_a_tag_by_its_name) {
    struct finder : html_sink {
        void start_tag(const html_tag& tag) override {
            EXPECT_EQ(tag.value("href"), "x");
            EXPECT_EQ(tag.value("rel"), "");
            EXPECT_EQ(tag.value("id"), std::nullopt);
            EXPECT_EQ(tag.find("id"), nullptr);
            ASSERT_NE(tag.find("rel"), nullptr);
            EXPECT_EQ(tag.find("rel")->offset, 10U);
            ++tags;
        }
        int tags = 0;
    } sink;
    html_tokenizer tokenizer{sink};
    tokenizer.feed("<a href=x rel>");
    tokenizer.finish();
    EXPECT_EQ(sink.tags, 1);
}

TEST(html_tokenizer, tells_where_each_token_begins) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    for (const char& byte : "<!doctype a>x\r\n<b><!--c--></b>&amp;"sv) tokenizer.feed({&byte, 1});
    tokenizer.finish();
    EXPECT_EQ(recorder.lines, (token_lines{"doctype a - -", "text x\n", "start b", "comment c",
                                           "end b", "text &"}));
    EXPECT_EQ(recorder.offsets, (std::vector<std::uint64_t>{0, 12, 15, 18, 26, 30}));
    EXPECT_EQ(recorder.end, 35U);
    EXPECT_EQ(tokenizer.fed(), 35U);
}

TEST(html_tokenizer, gives_text_as_views_of_what_was_fed) {
    struct checker : html_sink {
        void characters(std::string_view text, std::uint64_t) override {
            EXPECT_GE(text.data(), document.data());
            EXPECT_LE(text.data() + text.size(), document.data() + document.size());
        }
        std::string_view document;
    } sink;
    sink.document = "some text <b>and\r\nmore</b> of it";
    html_tokenizer tokenizer{sink};
    tokenizer.feed(sink.document);
    tokenizer.finish();
}

TEST(html_tokenizer, drops_an_unfinished_tag_at_the_end) {
    EXPECT_EQ(tokens_of("a<b c='d"), (token_lines{"text a"}));
    EXPECT_EQ(tokens_of("a<"), (token_lines{"text a<"}));
    EXPECT_EQ(tokens_of("a</"), (token_lines{"text a</"}));
}

TEST(html_tokenizer, gives_an_unfinished_comment_and_doctype_at_the_end) {
    EXPECT_EQ(tokens_of("<!--a--"), (token_lines{"comment a"}));
    EXPECT_EQ(tokens_of("<!a"), (token_lines{"comment a"}));
    EXPECT_EQ(tokens_of("<!DOCTYPE h PUB"), (token_lines{"doctype h - - quirks"}));
}

TEST(html_tokenizer, makes_comments_of_what_is_no_markup) {
    EXPECT_EQ(tokens_of("<?xml version='1'?></ x><!doc><!-->"),
              (token_lines{"comment ?xml version='1'?", "comment  x", "comment doc", "comment "}));
}

TEST(html_tokenizer, reads_both_identifiers_of_a_doctype) {
    EXPECT_EQ(tokens_of("<!doctype HTML public \"-//W3C\" 'about:x'>"),
              (token_lines{"doctype html -//W3C about:x"}));
    EXPECT_EQ(tokens_of("<!doctype html SYSTEM \"a\">"), (token_lines{"doctype html - a"}));
}

// --- line ends and special characters
// -------------------------------------------------------------

TEST(html_tokenizer, turns_every_kind_of_line_end_into_line_feed) {
    EXPECT_EQ(tokens_of("a\r\nb\rc\n\rd\r\r\ne"), (token_lines{"text a\nb\nc\n\nd\n\ne"}));
    EXPECT_EQ(tokens_of("<a b='1\r\n2\r3'>"), (token_lines{"start a b=1\n2\n3"}));
    EXPECT_EQ(tokens_of("<!--1\r\n2\r3-->"), (token_lines{"comment 1\n2\n3"}));
}

TEST(html_tokenizer, knows_a_line_end_split_between_two_chunks) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    tokenizer.feed("a\r");
    tokenizer.feed("\nb\r");
    tokenizer.feed("c\r");
    tokenizer.finish();
    EXPECT_EQ(recorder.lines, (token_lines{"text a\nb\nc\n"}));
}

TEST(html_tokenizer, keeps_nul_in_data_and_replaces_it_elsewhere) {
    EXPECT_EQ(tokens_of("a\0b"sv), (token_lines{std::string{"text a\0b"sv}}));
    EXPECT_EQ(tokens_of("a\0b"sv, html_tokenizer_state::rawtext), (token_lines{"text a\uFFFDb"}));
    EXPECT_EQ(tokens_of("<a\0 b\0='\0'>"sv), (token_lines{"start a\uFFFD b\uFFFD=\uFFFD"}));
}

TEST(html_tokenizer, passes_bytes_above_127_through_whatever_they_are) {
    EXPECT_EQ(tokens_of("\xC3\xA9 \xFF\xED\xA0\x80 <\xC3\xA9>"),
              (token_lines{"text \xC3\xA9 \xFF\xED\xA0\x80 <\xC3\xA9>"}));
}

// --- character references
// -------------------------------------------------------------------------

TEST(html_tokenizer, replaces_named_references_by_the_longest_name) {
    EXPECT_EQ(tokens_of("&amp;&lt;&notit;&notin;&nGt;&CounterClockwiseContourIntegral;"),
              (token_lines{"text &<\u00ACit;\u2209\u226B\u20D2\u2233"}));
}

TEST(html_tokenizer, leaves_what_is_no_reference_as_it_is) {
    EXPECT_EQ(tokens_of("a & b &; &unknown; &# &#x; &#xg"),
              (token_lines{"text a & b &; &unknown; &# &#x; &#xg"}));
}

TEST(html_tokenizer, takes_no_reference_without_semicolon_before_a_query_parameters_value) {
    EXPECT_EQ(tokens_of("<a href='?a=1&copy=2&copy&copy3&amp;lt=4'>&copy=2"),
              (token_lines{"start a href=?a=1&copy=2\u00A9&copy3&lt=4", "text \u00A9=2"}));
}

TEST(html_tokenizer, replaces_numeric_references) {
    EXPECT_EQ(tokens_of("&#65;&#x42;&#X1F600;&#67"), (token_lines{"text AB\U0001F600C"}));
}

TEST(html_tokenizer, mends_numeric_references_as_the_standard_says) {
    EXPECT_EQ(tokens_of("&#0;&#xD800;&#x110000;&#99999999999999999999;&#128;&#x9f;&#13;"),
              (token_lines{"text \uFFFD\uFFFD\uFFFD\uFFFD\u20AC\u0178\r"}));
}

TEST(html_tokenizer, decides_a_reference_that_the_document_ends_in) {
    EXPECT_EQ(tokens_of("&am"), (token_lines{"text &am"}));
    EXPECT_EQ(tokens_of("&amp"), (token_lines{"text &"}));
    EXPECT_EQ(tokens_of("&noti"), (token_lines{"text \u00ACi"}));
    EXPECT_EQ(tokens_of("&#6"), (token_lines{"text \x06"}));
}

TEST(html_tokenizer, replaces_references_in_rcdata_and_not_in_rawtext) {
    EXPECT_EQ(tokens_of("&lt;<b>", html_tokenizer_state::rcdata), (token_lines{"text <<b>"}));
    EXPECT_EQ(tokens_of("&lt;<b>", html_tokenizer_state::rawtext), (token_lines{"text &lt;<b>"}));
}

// --- text that is no markup
// -----------------------------------------------------------------------

TEST(html_tokenizer, ends_raw_text_with_the_end_tag_of_its_element_only) {
    EXPECT_EQ(tokens_of("a</b></STYLEs></style x></style>", html_tokenizer_state::rawtext, "style"),
              (token_lines{"text a</b></STYLEs>", "end style x=", "end style"}));
    EXPECT_EQ(tokens_of("</Style/>", html_tokenizer_state::rawtext, "style"),
              (token_lines{"end style /"}));
}

TEST(html_tokenizer, ends_raw_text_with_nothing_if_there_was_no_start_tag) {
    EXPECT_EQ(tokens_of("a</>b</c>", html_tokenizer_state::rawtext),
              (token_lines{"text a</>b</c>"}));
}

TEST(html_tokenizer, skips_end_tags_in_the_double_escaped_part_of_a_script) {
    EXPECT_EQ(
        tokens_of("<!--<script></script>--></script>", html_tokenizer_state::script_data, "script"),
        (token_lines{"text <!--<script></script>-->", "end script"}));
    EXPECT_EQ(tokens_of("<!--</script>", html_tokenizer_state::script_data, "script"),
              (token_lines{"text <!--", "end script"}));
}

TEST(html_tokenizer, takes_all_of_plaintext_as_text) {
    EXPECT_EQ(tokens_of("<a></plaintext>&amp;", html_tokenizer_state::plaintext, "plaintext"),
              (token_lines{"text <a></plaintext>&amp;"}));
}

TEST(html_tokenizer, allows_cdata_sections_in_foreign_content_only) {
    EXPECT_EQ(tokens_of("<![CDATA[x]]>"), (token_lines{"comment [CDATA[x]]"}));
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    tokenizer.set_in_foreign_content(true);
    tokenizer.feed("<![CDATA[x]]]]>]]><b>");
    tokenizer.finish();
    EXPECT_EQ(recorder.lines, (token_lines{"text x]]]]>", "start b"}));
}

TEST(html_tokenizer, may_be_switched_from_within_a_tag) {
    struct switcher : token_recorder {
        void start_tag(const html_tag& tag) override {
            token_recorder::start_tag(tag);
            tokenizer->set_state(html_tokenizer_state::rawtext);
        }
        html_tokenizer* tokenizer = nullptr;
    } sink;
    html_tokenizer tokenizer{sink};
    sink.tokenizer = &tokenizer;
    tokenizer.feed("<x><y></x><y>");
    tokenizer.finish();
    EXPECT_EQ(sink.lines, (token_lines{"start x", "text <y>", "end x", "start y"}));
}

// --- errors
// ---------------------------------------------------------------------------------------

TEST(html_tokenizer, reports_errors_with_their_place_if_asked) {
    using found = std::vector<std::pair<std::string, std::uint64_t>>;
    EXPECT_EQ(errors_of("<a b b>"), (found{{"duplicate-attribute", 6}}));
    EXPECT_EQ(errors_of("x<a"), (found{{"eof-in-tag", 3}}));
    EXPECT_EQ(errors_of("&amp&nope;"), (found{{"missing-semicolon-after-character-reference", 4},
                                              {"unknown-named-character-reference", 9}}));
    EXPECT_EQ(errors_of("<p>fine</p>"), found{});
}

TEST(html_tokenizer, reports_characters_that_no_document_should_have) {
    using found = std::vector<std::pair<std::string, std::uint64_t>>;
    EXPECT_EQ(errors_of("a\x01\xC2\x80\xEF\xBF\xBE\xED\xA0\x80\xF0\x9F\xBF\xBF"),
              (found{{"control-character-in-input-stream", 1},
                     {"control-character-in-input-stream", 2},
                     {"noncharacter-in-input-stream", 4},
                     {"surrogate-in-input-stream", 7},
                     {"noncharacter-in-input-stream", 10}}));
}

TEST(html_tokenizer, reports_no_errors_unless_asked) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    tokenizer.feed("<a b b></ \x01");
    tokenizer.finish();
    EXPECT_TRUE(recorder.errors.empty());
}

TEST(html_tokenizer, has_a_name_for_every_error) {
    std::set<std::string_view> names;
    const auto last = static_cast<int>(html_error::unknown_named_character_reference);
    for (int i = 0; i <= last; ++i) names.insert(name_of(static_cast<html_error>(i)));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
    EXPECT_FALSE(names.contains("unknown"));
    EXPECT_EQ(name_of(html_error::eof_in_cdata), "eof-in-cdata");
}

// --- limits
// ---------------------------------------------------------------------------------------

struct limited {
    token_lines lines;
    html_limit_counts counts;
};

limited tokens_within(const html_tokenizer_options& options, std::string_view text,
                      bool byte_by_byte = false) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder, options};
    if (byte_by_byte) {
        for (const char& byte : text) tokenizer.feed({&byte, 1});
    } else {
        tokenizer.feed(text);
    }
    tokenizer.finish();
    return {recorder.lines, tokenizer.limit_counts()};
}

std::string repeated(std::size_t count, std::string_view what) {
    std::string made;
    for (std::size_t i = 0; i < count; ++i) made.append(what);
    return made;
}

TEST(html_tokenizer, cuts_attribute_values_over_16_kib) {
    constexpr std::size_t limit = 16 * 1024;
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        std::string text{"<a href='"};
        text.append(size, 'x').append("' id=1>");
        const limited found = tokens_within({}, text);
        std::string expected{"start a href="};
        expected.append(std::min(size, limit), 'x').append(size > limit ? "(cut)" : "");
        expected.append(" id=1");
        EXPECT_EQ(found.lines, token_lines{expected});
        EXPECT_EQ(found.counts.attribute_values, size > limit ? 1U : 0U);
    }
}

TEST(html_tokenizer, cuts_tag_names_over_256_bytes) {
    for (const std::size_t size : {255U, 256U, 257U}) {
        std::string text{"<"};
        text.append(size, 'Q').append(" a=1>");
        const limited found = tokens_within({}, text);
        std::string expected{"start "};
        expected.append(std::min<std::size_t>(size, 256), 'q').append(" a=1");
        expected.append(size > 256 ? " (cut)" : "");
        EXPECT_EQ(found.lines, token_lines{expected});
        EXPECT_EQ(found.counts.tag_names, size > 256 ? 1U : 0U);
    }
}

TEST(html_tokenizer, cuts_attribute_names_over_256_bytes) {
    for (const std::size_t size : {255U, 256U, 257U}) {
        std::string text{"<a "};
        text.append(size, 'q').append("=1>");
        const limited found = tokens_within({}, text);
        std::string expected{"start a "};
        expected.append(std::min<std::size_t>(size, 256), 'q').append("=1");
        expected.append(size > 256 ? "(cut)" : "");
        EXPECT_EQ(found.lines, token_lines{expected});
        EXPECT_EQ(found.counts.attribute_names, size > 256 ? 1U : 0U);
    }
}

TEST(html_tokenizer, drops_attributes_over_256_of_a_tag) {
    for (const std::size_t count : {255U, 256U, 257U, 300U}) {
        std::string text{"<a"};
        std::string expected{"start a"};
        for (std::size_t i = 0; i < count; ++i) {
            std::string attribute{" n"};
            attribute.append(std::to_string(i)).append("=v");
            text.append(attribute);
            if (i < 256) expected.append(attribute);
        }
        text.append("><b>");
        if (count > 256) expected.append(" (cut)");
        const limited found = tokens_within({}, text);
        EXPECT_EQ(found.lines, (token_lines{expected, "start b"}));
        EXPECT_EQ(found.counts.attributes, count > 256 ? count - 256 : 0U);
    }
}

TEST(html_tokenizer, cuts_comments_over_64_kib) {
    constexpr std::size_t limit = 64 * 1024;
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        std::string text{"<!--"};
        text.append(size, 'x').append("-->y");
        const limited found = tokens_within({}, text);
        std::string expected{"comment "};
        expected.append(std::min(size, limit), 'x').append(size > limit ? " (cut)" : "");
        EXPECT_EQ(found.lines, (token_lines{expected, "text y"}));
        EXPECT_EQ(found.counts.comments, size > limit ? 1U : 0U);
    }
}

TEST(html_tokenizer, cuts_parts_of_doctypes_over_4_kib) {
    for (const std::size_t size : {4095U, 4096U, 4097U}) {
        std::string text{"<!DOCTYPE x PUBLIC '"};
        text.append(size, 'p').append("' 's'>");
        const limited found = tokens_within({}, text);
        std::string expected{"doctype x "};
        expected.append(std::min<std::size_t>(size, 4096), 'p').append(" s");
        expected.append(size > 4096 ? " (cut)" : "");
        EXPECT_EQ(found.lines, token_lines{expected});
        EXPECT_EQ(found.counts.doctypes, size > 4096 ? 1U : 0U);
    }
}

TEST(html_tokenizer, cuts_between_two_characters_however_the_document_is_fed) {
    html_tokenizer_options options;
    options.max_attribute_value = 7;
    for (const bool byte_by_byte : {false, true}) {
        EXPECT_EQ(tokens_within(options, "<a b='abcdef\u20AC!' c='abcdef\u00E9' d='abcd\u20AC'>",
                                byte_by_byte)
                      .lines,
                  (token_lines{"start a b=abcdef(cut) c=abcdef(cut) d=abcd\u20AC"}));
        EXPECT_EQ(tokens_within(options, "<a b='abcdef&euro;!'>", byte_by_byte).lines,
                  (token_lines{"start a b=abcdef(cut)"}));
    }
}

TEST(html_tokenizer, obeys_limits_that_were_changed) {
    html_tokenizer_options options;
    options.max_tag_name = 2;
    options.max_attribute_name = 2;
    options.max_attributes = 1;
    options.max_comment = 0;
    EXPECT_EQ(tokens_within(options, "<abc def=1 g=2><!--x-->").lines,
              (token_lines{"start ab de=1(cut) (cut)", "comment  (cut)"}));
}

// --- feeding
// --------------------------------------------------------------------------------------

TEST(html_tokenizer, gives_the_same_tokens_however_the_document_is_cut) {
    // Pieces of markup in random order: every state meets every cut.
    static constexpr std::string_view pieces[] = {
        "<",      ">",       "/",        "!",          "--",      "-",        "<!--",
        "-->",    "<a ",     "href",     "=",          "\"",      "'",        "&amp;",
        "&",      "&#x41;",  "&noti",    ";",          "]]>",     "<svg>",    "\r",
        "\n",     "\r\n",    "<script>", "</script",   "<title>", "</title>", "<![CDATA[",
        "</svg>", "<style>", "</style>", "text",       "<p>",     "\xC3\xA9", "<!DOCTYPE",
        " html ", "PUBLIC",  "SYSTEM",   "<template>", "\0"sv,    "<math>",   "<mi>",
        "</p>",   "?",       "&#",       "x",          "<desc>",  " "};
    std::mt19937 random{20261121};
    for (int round = 0; round < 400; ++round) {
        std::string document;
        for (int i = 0; i < 60; ++i) document.append(pieces[random() % std::size(pieces)]);
        const token_lines whole = document_tokens(document);
        ASSERT_EQ(document_tokens(document, 1), whole) << document;
        ASSERT_EQ(document_tokens(document, 2 + random() % 30), whole) << document;
    }
}

TEST(html_tokenizer, gives_the_same_tags_in_one_piece_and_in_many) {
    // Tags that are whole in their chunk are read by a way of their own.
    static constexpr std::string_view pieces[] = {
        "<a",           "</a",      "<br",  ">",   ">text",
        " href=\"/x\"", " id='y'",  " b=c", " b",  " b = c",
        " =",           "/",        "/>",   " ",   "\n",
        "\r\n",         " B=\"C\"", "=\"",  "=''", " d=\"&amp;\"",
        " e=\"",        "\"",       "'",    "\t",  "\0"sv,
        "\f",           "<",        "A",    "<A",  " b=\"c\"d=e"};
    std::mt19937 random{2026};
    for (int round = 0; round < 2000; ++round) {
        std::string document;
        for (int i = 0; i < 24; ++i) document.append(pieces[random() % std::size(pieces)]);
        const token_lines whole = document_tokens(document);
        ASSERT_EQ(document_tokens(document, 1), whole) << document;
        ASSERT_EQ(errors_of(document).size(), errors_in_bytes(document)) << document;
    }
}

TEST(html_tokenizer, gives_the_same_references_in_one_piece_and_in_many) {
    // References that are whole in their chunk and right are read by a way of their own.
    static constexpr std::string_view pieces[] = {
        "&",     "&amp;",  "&amp", ";",       "&#65;",         "&#x41;",
        "&#0;",  "&#128;", "&#65", "&notin;", "&notit;",       "&acE;",
        "&no;",  "a",      "1",    "<title>", "<b>",           "=",
        "&AMP;", "&\xC3;", "&;",   "&#;",     "&#9999999999;", "</title>"};
    std::mt19937 random{20261122};
    for (int round = 0; round < 1000; ++round) {
        std::string document;
        for (int i = 0; i < 12; ++i) document.append(pieces[random() % std::size(pieces)]);
        const token_lines whole = document_tokens(document);
        ASSERT_EQ(document_tokens(document, 1), whole) << document;
        ASSERT_EQ(errors_of(document).size(), errors_in_bytes(document)) << document;
    }
}

TEST(html_tokenizer, takes_any_bytes) {
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        std::string document;
        for (int i = 0; i < 300; ++i) document += static_cast<char>(random() % 256);
        const token_lines whole = document_tokens(document);
        ASSERT_EQ(document_tokens(document, 1), whole);
    }
}

TEST(html_tokenizer, keeps_an_end_tag_in_mind_between_chunks) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    tokenizer.set_state(html_tokenizer_state::rcdata);
    tokenizer.set_last_start_tag("title");
    tokenizer.feed("a</TI");
    EXPECT_EQ(recorder.lines, (token_lines{"text a"}));
    tokenizer.feed("tx</ti");
    EXPECT_EQ(recorder.lines, (token_lines{"text a</TItx"}));
    tokenizer.feed("tle>");
    tokenizer.finish();
    EXPECT_EQ(recorder.lines, (token_lines{"text a</TItx", "end title"}));
}

TEST(html_tokenizer, keeps_a_start_tag_in_mind_whose_chunk_is_gone) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    tokenizer.feed(std::string{"<title class=x>"});
    tokenizer.set_state(html_tokenizer_state::rcdata);
    tokenizer.feed(std::string{"<b></b></title>"});
    tokenizer.finish();
    EXPECT_EQ(recorder.lines, (token_lines{"start title class=x", "text <b></b>", "end title"}));
}

TEST(html_tokenizer, takes_the_name_that_the_sink_sets_for_that_of_the_start_tag) {
    class renaming : public token_recorder {
    public:
        void start_tag(const html_tag& tag) override {
            token_recorder::start_tag(tag);
            tokenizer->set_last_start_tag("other");
            tokenizer->set_state(html_tokenizer_state::rawtext);
        }
        html_tokenizer* tokenizer = nullptr;
    } recorder;
    html_tokenizer tokenizer{recorder};
    recorder.tokenizer = &tokenizer;
    tokenizer.feed("<style></style></other>");
    tokenizer.finish();
    EXPECT_EQ(recorder.lines, (token_lines{"start style", "text </style>", "end other"}));
}

TEST(html_tokenizer, reads_a_tag_with_more_attributes_than_tags_have) {
    std::string document = "<a";
    std::string expected = "start a";
    for (int i = 0; i < 40; ++i) {
        document.append(" b").append(std::to_string(i)).append("='").append("'");
        expected.append(" b").append(std::to_string(i)).append("=");
    }
    EXPECT_EQ(document_tokens(document + ">"), (token_lines{expected}));
}

TEST(html_tokenizer, lets_errors_of_the_sink_through) {
    struct thrower : html_sink {
        void start_tag(const html_tag&) override { throw std::runtime_error{"enough"}; }
    } sink;
    html_tokenizer tokenizer{sink};
    EXPECT_THROW(tokenizer.feed("a<b>c"), std::runtime_error);
}

TEST(html_tokenizer, takes_a_deep_document_without_keeping_it) {
    EXPECT_EQ(document_tokens(repeated(30'000, "<div>")).size(), 30'000U);
}

TEST(html_tokenizer_death, feeding_after_the_end_is_a_mistake) {
    token_recorder recorder;
    html_tokenizer tokenizer{recorder};
    tokenizer.finish();
    EXPECT_DEATH(tokenizer.feed("x"), "after finish");
    EXPECT_DEATH(tokenizer.finish(), "finished twice");
}

}  // namespace
