// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_content_model.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "unit/web/html_tokens.hpp"

namespace {

using simul::test::document_tokens;
using simul::test::token_lines;
using simul::test::token_recorder;
using simul::web::html_content_model;
using simul::web::html_namespace;
using simul::web::html_sink;
using simul::web::html_tag;
using simul::web::html_tokenizer;

// Whether "<![CDATA[" is a section behind this text: whether svg or math is the innermost element.
bool is_foreign_behind(std::string_view text) {
    std::string document{text};
    document.append("<![CDATA[?]]>");
    const std::string last = document_tokens(document).back();
    EXPECT_TRUE(last.ends_with("?") || last == "comment [CDATA[?]]") << last;
    return last.ends_with("?");
}

// Whether a <style> behind this text holds text, as it does in HTML.
bool style_is_text_behind(std::string_view text) {
    std::string document{text};
    document.append("<style><x>");
    return document_tokens(document).back() == "text <x>";
}

TEST(html_content_model, takes_the_inside_of_title_and_textarea_as_text_with_references) {
    EXPECT_EQ(document_tokens("<title>a<b>&lt;</title><textarea><!--&amp;</textarea>"),
              (token_lines{"start title", "text a<b><", "end title", "start textarea", "text <!--&",
                           "end textarea"}));
}

TEST(html_content_model, takes_the_inside_of_style_and_its_kind_as_text) {
    for (const std::string name : {"style", "xmp", "iframe", "noembed", "noframes"}) {
        const std::string text = "<" + name + "><b>&lt;</x></" + name + ">";
        EXPECT_EQ(document_tokens(text),
                  (token_lines{"start " + name, "text <b>&lt;</x>", "end " + name}));
    }
}

TEST(html_content_model, takes_the_inside_of_script_as_script) {
    EXPECT_EQ(document_tokens("<script>a<b>'</scripty>'<!--<script></script>--></script><i>"),
              (token_lines{"start script", "text a<b>'</scripty>'<!--<script></script>-->",
                           "end script", "start i"}));
}

TEST(html_content_model, takes_all_behind_plaintext_as_text) {
    EXPECT_EQ(document_tokens("<plaintext><a></plaintext>"),
              (token_lines{"start plaintext", "text <a></plaintext>"}));
}

TEST(html_content_model, takes_the_inside_of_noscript_as_markup) {
    EXPECT_EQ(document_tokens("<noscript><a></noscript>"),
              (token_lines{"start noscript", "start a", "end noscript"}));
}

TEST(html_content_model, ignores_the_slash_of_a_script_tag_in_html) {
    EXPECT_EQ(document_tokens("<script/><a></script>"),
              (token_lines{"start script /", "text <a>", "end script"}));
}

TEST(html_content_model, switches_nothing_in_svg_and_math) {
    EXPECT_EQ(document_tokens("<svg><style><a></style><script><b></script></svg><style><a>"),
              (token_lines{"start svg", "start style", "start a", "end style", "start script",
                           "start b", "end script", "end svg", "start style", "text <a>"}));
    EXPECT_FALSE(style_is_text_behind("<math>"));
}

TEST(html_content_model, allows_cdata_sections_in_svg_and_math) {
    EXPECT_FALSE(is_foreign_behind("<div>"));
    EXPECT_TRUE(is_foreign_behind("<svg>"));
    EXPECT_TRUE(is_foreign_behind("<math><mrow>"));
    EXPECT_FALSE(is_foreign_behind("<svg></svg>"));
    EXPECT_FALSE(is_foreign_behind("<svg/>"));
    EXPECT_TRUE(is_foreign_behind("<svg><g/>"));
}

TEST(html_content_model, counts_nested_svg) {
    EXPECT_TRUE(is_foreign_behind("<svg><svg></svg>"));
    EXPECT_FALSE(is_foreign_behind("<svg><svg></svg></svg>"));
}

TEST(html_content_model, closes_what_is_open_in_svg_with_it) {
    EXPECT_FALSE(is_foreign_behind("<svg><g><g></svg>"));
    EXPECT_TRUE(is_foreign_behind("<svg><g></nothing>"));
}

TEST(html_content_model, returns_to_html_at_integration_points) {
    for (const std::string_view point :
         {"<svg><foreignObject>", "<svg><desc>", "<svg><title>", "<math><mi>", "<math><mtext>",
          "<math><annotation-xml encoding=TEXT/html>"}) {
        EXPECT_TRUE(is_foreign_behind(point)) << point;
        EXPECT_TRUE(style_is_text_behind(point)) << point;
        EXPECT_FALSE(is_foreign_behind(std::string{point} + "<div>")) << point;
        EXPECT_TRUE(is_foreign_behind(std::string{point} + "<div></div>")) << point;
    }
    EXPECT_FALSE(style_is_text_behind("<math><annotation-xml>"));
    EXPECT_FALSE(style_is_text_behind("<math><mi><mglyph>"));
}

TEST(html_content_model, ends_an_integration_point_with_its_own_end_tag) {
    EXPECT_FALSE(style_is_text_behind("<svg><foreignObject><p>x</p></foreignObject>"));
    EXPECT_FALSE(is_foreign_behind("<svg><foreignObject><p>x</p></foreignObject></svg>"));
    EXPECT_FALSE(is_foreign_behind("<svg><foreignObject></svg>"));
}

TEST(html_content_model, keeps_an_integration_point_open_while_html_in_it_is) {
    EXPECT_FALSE(is_foreign_behind("<svg><foreignObject><div></svg>"));
    EXPECT_TRUE(style_is_text_behind("<svg><foreignObject><div></foreignObject></svg>"));
    EXPECT_TRUE(is_foreign_behind("<svg><foreignObject><div></svg></div>"));
}

TEST(html_content_model, closes_paragraphs_and_list_items_that_html_closes) {
    EXPECT_TRUE(is_foreign_behind("<svg><desc><p>a<div>b</div>"));
    EXPECT_TRUE(is_foreign_behind("<svg><desc><ul><li>a<li>b</ul>"));
    EXPECT_TRUE(is_foreign_behind("<svg><desc><dl><dt>a<dd>b</dl>"));
    EXPECT_TRUE(is_foreign_behind("<svg><desc><img><br>"));
    EXPECT_FALSE(is_foreign_behind("<svg><desc><b><i></b>"));
    EXPECT_TRUE(is_foreign_behind("<svg><desc><b><i></b></i>"));
}

TEST(html_content_model, leaves_svg_where_html_breaks_out) {
    EXPECT_FALSE(is_foreign_behind("<svg><g><div>"));
    EXPECT_FALSE(is_foreign_behind("<svg><g><img>"));
    EXPECT_FALSE(is_foreign_behind("<svg><g></p>"));
    EXPECT_TRUE(is_foreign_behind("<svg><g><font>"));
    EXPECT_FALSE(is_foreign_behind("<svg><g><font color=red>"));
    EXPECT_TRUE(is_foreign_behind("<svg><title><svg><p></p>"));  // back to the title only
}

TEST(html_content_model, takes_an_end_tag_of_html_as_the_end_of_svg) {
    EXPECT_FALSE(is_foreign_behind("<div><svg><g></div>"));
    EXPECT_FALSE(is_foreign_behind("<span><svg><g></span>"));
}

TEST(html_content_model, allows_svg_in_annotations_of_math) {
    EXPECT_TRUE(is_foreign_behind("<math><annotation-xml><svg><path/>"));
    EXPECT_TRUE(style_is_text_behind("<math><annotation-xml><svg><desc>"));
}

TEST(html_content_model, tells_the_namespace_of_each_element) {
    struct teller : html_sink {
        void start_tag(const html_tag& tag) override { found.push_back(model->start_tag(tag)); }
        void end_tag(const html_tag& tag) override { model->end_tag(tag); }
        html_content_model* model = nullptr;
        std::vector<html_namespace> found;
    } sink;
    html_tokenizer tokenizer{sink};
    html_content_model model{tokenizer};
    sink.model = &model;
    tokenizer.feed("<a><svg><a><desc><a></a></desc></a></svg><math><mi>");
    tokenizer.finish();
    using enum html_namespace;
    EXPECT_EQ(sink.found, (std::vector{html, svg, svg, svg, html, mathml, mathml}));
    EXPECT_TRUE(model.in_foreign_content());
}

TEST(html_content_model, only_counts_elements_beyond_its_depth) {
    for (const std::size_t depth : {3U, 4U, 5U}) {
        token_recorder recorder;
        html_tokenizer tokenizer{recorder};
        html_content_model model{tokenizer, 4};
        recorder.model = &model;
        tokenizer.feed("<svg>");
        for (std::size_t i = 1; i < depth; ++i) tokenizer.feed("<g>");
        EXPECT_EQ(model.uncounted(), depth > 4 ? 1U : 0U);
        for (std::size_t i = 1; i < depth; ++i) tokenizer.feed("</g>");
        EXPECT_TRUE(model.in_foreign_content());
        tokenizer.feed("</svg>");
        EXPECT_FALSE(model.in_foreign_content());
        tokenizer.finish();
    }
}

TEST(html_content_model, gets_out_of_any_depth_with_the_roots_end_tag) {
    std::string document{"<svg>"};
    for (int i = 0; i < 20'000; ++i) document.append("<g>");
    EXPECT_TRUE(is_foreign_behind(document));
    document.append("</svg>");
    EXPECT_FALSE(is_foreign_behind(document));
}

}  // namespace
