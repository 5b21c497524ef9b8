// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_prescan.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

using namespace std::string_view_literals;
using simul::web::prescan_charset;

TEST(html_prescan, finds_a_meta_charset) {
    EXPECT_EQ(prescan_charset("<html><head><meta charset=\"ISO-8859-2\">"), "iso-8859-2");
    EXPECT_EQ(prescan_charset("<META/CHARSET = koi8-r >"), "koi8-r");
    EXPECT_EQ(prescan_charset("<meta x=1 charset='gbk'/>"), "gbk");
}

TEST(html_prescan, finds_a_content_type_pragma) {
    EXPECT_EQ(prescan_charset("<meta http-equiv=Content-Type content='text/html; charset=euc-jp'>"),
              "euc-jp");
    EXPECT_EQ(
        prescan_charset("<meta content=\"x charset charset = 'big5'\" http-equiv=content-type>"),
        "big5");
}

TEST(html_prescan, takes_content_for_nothing_without_the_pragma) {
    EXPECT_EQ(prescan_charset("<meta name=x content='charset=euc-jp'>"), "");
    EXPECT_EQ(prescan_charset("<meta http-equiv=refresh content='charset=euc-jp'>"), "");
    EXPECT_EQ(prescan_charset("<meta http-equiv=content-type content='charset=\"euc-jp'>"), "");
}

TEST(html_prescan, passes_over_comments_other_tags_and_declarations) {
    EXPECT_EQ(prescan_charset("<!-- <meta charset=a> --><meta charset=b>"), "b");
    EXPECT_EQ(prescan_charset("<!--><meta charset=b>"), "b");
    EXPECT_EQ(prescan_charset("<p title='<meta charset=a>'><meta charset=b>"), "b");
    EXPECT_EQ(prescan_charset("</p x='<meta charset=a>'><meta charset=b>"), "b");
    EXPECT_EQ(prescan_charset("<!doctype <meta charset=a><?x <meta charset=a><meta charset=b>"),
              "b");
    EXPECT_EQ(prescan_charset("<metal charset=a><meta charset=b>"), "b");
}

TEST(html_prescan, gives_nothing_where_nothing_is_declared) {
    EXPECT_EQ(prescan_charset(""), "");
    EXPECT_EQ(prescan_charset("<"), "");
    EXPECT_EQ(prescan_charset("text < text"), "");
    EXPECT_EQ(prescan_charset("<meta charset>"), "");
    EXPECT_EQ(prescan_charset("<!-- never closed <meta charset=a>"), "");
}

TEST(html_prescan, takes_no_tag_that_is_cut_off) {
    constexpr std::string_view document = "<meta charset='utf-8'>";
    for (std::size_t size = 0; size < document.size(); ++size) {
        EXPECT_EQ(prescan_charset(document.substr(0, size)), "") << size;
    }
}

TEST(html_prescan, reads_1024_bytes) {
    constexpr std::string_view meta = "<meta charset=utf-8>";
    for (const std::size_t size : {1023U, 1024U, 1025U}) {
        std::string document(size - meta.size(), ' ');
        document.append(meta);
        EXPECT_EQ(prescan_charset(document), size > 1024 ? "" : "utf-8");
    }
}

TEST(html_prescan, corrects_what_cannot_be_so) {
    EXPECT_EQ(prescan_charset("<meta charset=UTF-16LE>"), "utf-8");
    EXPECT_EQ(prescan_charset("<meta charset=x-user-defined>"), "windows-1252");
}

TEST(html_prescan, passes_over_labels_that_are_refused) {
    const auto known = [](std::string_view label) { return label == "utf-8"; };
    EXPECT_EQ(prescan_charset("<meta charset=klingon><meta charset=utf-8>", known), "utf-8");
    EXPECT_EQ(prescan_charset("<meta charset=klingon>", known), "");
    EXPECT_EQ(prescan_charset("<meta charset=klingon http-equiv=content-type "
                              "content='charset=utf-8'>",
                              known),
              "");
}

TEST(html_prescan, takes_the_first_of_two_attributes_of_one_name) {
    EXPECT_EQ(prescan_charset("<meta charset=a charset=b>"), "a");
}

TEST(html_prescan, falls_back_to_the_xml_declaration) {
    EXPECT_EQ(prescan_charset("<?xml version='1.0' encoding = \"Shift_JIS\"?><html>"), "shift_jis");
    EXPECT_EQ(prescan_charset("<?xml encoding='a'?><meta charset=b>"), "b");
    EXPECT_EQ(prescan_charset("<?xml encoding='a b'?>"), "");
    EXPECT_EQ(prescan_charset("<?xml version='1.0'?> encoding='a'"), "");
    EXPECT_EQ(prescan_charset(" <?xml encoding='a'?>"), "");
    EXPECT_EQ(prescan_charset("<?xml encoding='a"), "");
}

TEST(html_prescan, sees_an_xml_declaration_in_utf_16) {
    EXPECT_EQ(prescan_charset("<\0?\0x\0m\0"sv), "utf-16le");
    EXPECT_EQ(prescan_charset("\0<\0?\0x\0m"sv), "utf-16be");
}

}  // namespace
