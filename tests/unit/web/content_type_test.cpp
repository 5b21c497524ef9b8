// SPDX-License-Identifier: Apache-2.0
#include "simul/web/content_type.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace {

using simul::web::content_type;

std::string normal(std::string_view value) {
    const auto parsed = content_type::parse(value);
    return parsed ? parsed->to_string() : "failure";
}

TEST(content_type, gives_the_essence_in_lower_case) {
    const auto type = content_type::parse(" Text/HTML ; Charset=UTF-8 ");
    ASSERT_TRUE(type);
    EXPECT_EQ(type->essence(), "text/html");
    EXPECT_EQ(type->type(), "text");
    EXPECT_EQ(type->subtype(), "html");
    EXPECT_EQ(type->charset(), "UTF-8");
    EXPECT_EQ(type->to_string(), "text/html;charset=UTF-8");
}

TEST(content_type, is_nothing_without_type_or_subtype) {
    for (const std::string_view value :
         {"", " ", "/", "text", "text/", "/html", "text /html", "text/ html", "text/html/x",
          "te\xfft/html", "text/html, text/plain", "\"text\"/html"}) {
        EXPECT_EQ(normal(value), "failure") << value;
    }
}

TEST(content_type, leaves_out_parameters_that_are_none) {
    EXPECT_EQ(normal("a/b;"), "a/b");
    EXPECT_EQ(normal("a/b;;;x=1"), "a/b;x=1");
    EXPECT_EQ(normal("a/b;x;y=1"), "a/b;y=1");
    EXPECT_EQ(normal("a/b;x=;y=1"), "a/b;y=1");
    EXPECT_EQ(normal("a/b;=1;y=1"), "a/b;y=1");
    EXPECT_EQ(normal("a/b;x y=1;y=1"), "a/b;y=1");
    EXPECT_EQ(normal("a/b;x=\x01;y=1"), "a/b;y=1");
}

TEST(content_type, the_first_of_two_parameters_of_one_name_counts) {
    const auto type = content_type::parse("a/b;Charset=one;charset=two");
    ASSERT_TRUE(type);
    EXPECT_EQ(type->charset(), "one");
    EXPECT_EQ(type->parameters().size(), 1U);
}

TEST(content_type, understands_quotes) {
    EXPECT_EQ(content_type::parse("a/b;x=\"one;\\\"two\\\"\"junk;y=2")->parameter("x"),
              "one;\"two\"");
    EXPECT_EQ(normal("a/b;x=\"one;\\\"two\\\"\"junk;y=2"), "a/b;x=\"one;\\\"two\\\"\";y=2");
    EXPECT_EQ(normal("a/b;x=\"token\""), "a/b;x=token");
    EXPECT_EQ(normal("a/b;x=\"\""), "a/b;x=\"\"");
    EXPECT_EQ(normal("a/b;x=\"open"), "a/b;x=open");
    EXPECT_EQ(normal("a/b;x=\"open\\"), "a/b;x=\"open\\\\\"");
}

TEST(content_type, keeps_bytes_beyond_ascii_in_values) {
    EXPECT_EQ(content_type::parse("a/b;x=\xc3\xa4")->parameter("x"), "\xc3\xa4");
    EXPECT_EQ(normal("a/b;x=\xc3\xa4"), "a/b;x=\"\xc3\xa4\"");
}

TEST(content_type, keeps_a_limited_number_of_parameters) {
    for (const std::size_t count : {content_type::max_parameters - 1, content_type::max_parameters,
                                    content_type::max_parameters + 1}) {
        std::string value{"a/b"};
        for (std::size_t index = 0; index < count; ++index) {
            value.append(";x");
            value.append(std::to_string(index));
            value.append("=1");
        }
        EXPECT_EQ(content_type::parse(value)->parameters().size(),
                  std::min(count, content_type::max_parameters));
    }
}

TEST(content_type, knows_what_is_html_xml_json_and_text) {
    const auto is = [](std::string_view value, auto question) {
        return (content_type::parse(value).value().*question)();
    };
    EXPECT_TRUE(is("text/html", &content_type::is_html));
    EXPECT_FALSE(is("text/plain", &content_type::is_html));
    EXPECT_TRUE(is("application/xhtml+xml", &content_type::is_xhtml));
    for (const std::string_view xml :
         {"text/xml", "application/xml", "image/svg+xml", "application/rss+xml"}) {
        EXPECT_TRUE(is(xml, &content_type::is_xml)) << xml;
        EXPECT_TRUE(is(xml, &content_type::is_text)) << xml;
    }
    EXPECT_FALSE(is("application/xmlx", &content_type::is_xml));
    EXPECT_TRUE(is("application/ld+json", &content_type::is_json));
    EXPECT_TRUE(is("application/json", &content_type::is_text));
    EXPECT_TRUE(is("text/css", &content_type::is_text));
    EXPECT_TRUE(is("application/javascript", &content_type::is_text));
    EXPECT_FALSE(is("application/octet-stream", &content_type::is_text));
    EXPECT_FALSE(is("image/png", &content_type::is_text));
}

}  // namespace
