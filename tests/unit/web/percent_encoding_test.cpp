// SPDX-License-Identifier: Apache-2.0
//
// The encode sets, and percent-encoding there and back.
#include "simul/web/percent_encoding.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "web/url_characters.hpp"

namespace {

using namespace simul::web;

/// The printable ASCII characters of a set.
std::string printable(encode_set set) {
    std::string out;
    for (char c = 0x20; c < 0x7F; ++c) {
        if (is_percent_encoded(c, set)) out.push_back(c);
    }
    return out;
}

std::string all_bytes() {
    std::string out;
    for (int c = 0; c < 256; ++c) out.push_back(static_cast<char>(c));
    return out;
}

TEST(encode_sets, hold_the_characters_the_standard_names) {
    EXPECT_EQ(printable(encode_set::c0_control), "");
    EXPECT_EQ(printable(encode_set::fragment), " \"<>`");
    EXPECT_EQ(printable(encode_set::query), " \"#<>");
    EXPECT_EQ(printable(encode_set::special_query), " \"#'<>");
    EXPECT_EQ(printable(encode_set::path), " \"#<>?^`{}");
    EXPECT_EQ(printable(encode_set::userinfo), " \"#/:;<=>?@[\\]^`{|}");
    EXPECT_EQ(printable(encode_set::component), " \"#$%&+,/:;<=>?@[\\]^`{|}");
    EXPECT_EQ(printable(encode_set::form), " !\"#$%&'()+,/:;<=>?@[\\]^`{|}~");
}

TEST(encode_sets, all_hold_controls_and_bytes_beyond_ascii) {
    for (const auto set : {encode_set::c0_control, encode_set::fragment, encode_set::query,
                           encode_set::special_query, encode_set::path, encode_set::userinfo,
                           encode_set::component, encode_set::form}) {
        EXPECT_TRUE(is_percent_encoded('\0', set));
        EXPECT_TRUE(is_percent_encoded('\x1F', set));
        EXPECT_TRUE(is_percent_encoded('\x7F', set));
        EXPECT_TRUE(is_percent_encoded('\x80', set));
        EXPECT_TRUE(is_percent_encoded('\xFF', set));
        EXPECT_FALSE(is_percent_encoded('a', set));
        EXPECT_FALSE(is_percent_encoded('*', set));
    }
}

TEST(percent_encode, writes_capital_digits_and_leaves_the_rest) {
    EXPECT_EQ(percent_encode("a b\xC3\xBC/c", encode_set::path), "a%20b%C3%BC/c");
    EXPECT_EQ(percent_encode("a b\xC3\xBC/c", encode_set::component), "a%20b%C3%BC%2Fc");
    EXPECT_EQ(percent_encode("", encode_set::component), "");
}

TEST(percent_encode, leaves_percent_signs_alone_except_in_components_and_forms) {
    EXPECT_EQ(percent_encode("50%41", encode_set::path), "50%41");
    EXPECT_EQ(percent_encode("50%41", encode_set::component), "50%2541");
    EXPECT_EQ(percent_encode("50%41", encode_set::form), "50%2541");
}

TEST(percent_decode, gives_back_whatever_was_encoded_for_a_component) {
    EXPECT_EQ(percent_decode(percent_encode(all_bytes(), encode_set::component)), all_bytes());
    EXPECT_EQ(percent_decode(percent_encode(all_bytes(), encode_set::form)), all_bytes());
    EXPECT_EQ(form_decode(form_encode(all_bytes())), all_bytes());
}

TEST(percent_decode, leaves_incomplete_sequences_as_they_are) {
    EXPECT_EQ(percent_decode("%"), "%");
    EXPECT_EQ(percent_decode("%4"), "%4");
    EXPECT_EQ(percent_decode("%4g%g4%%41"), "%4g%g4%A");
    EXPECT_EQ(percent_decode("%e2%98%83+"), "\xE2\x98\x83+");
}

TEST(form_encode, writes_a_space_as_a_plus) {
    EXPECT_EQ(form_encode("a b+c~d*"), "a+b%2Bc%7Ed*");
    EXPECT_EQ(form_decode("a+b%2Bc%7Ed*"), "a b+c~d*");
}

std::string as_text(std::string_view text) {
    std::string out;
    url_text::append_text(out, text, encode_set::c0_control);
    return out;
}

TEST(utf8, becomes_one_replacement_for_each_longest_beginning_of_a_sequence) {
    constexpr std::string_view replacement{"%EF%BF%BD"};
    const auto times = [&](int n) {
        std::string out;
        while (n-- > 0) out.append(replacement);
        return out;
    };
    EXPECT_EQ(as_text("\xF0\x9F\x98\x80"), "%F0%9F%98%80");
    EXPECT_EQ(as_text("\x80"), times(1));              // a tail without a head
    EXPECT_EQ(as_text("\xC0\xAF"), times(2));          // too long a form
    EXPECT_EQ(as_text("\xE0\x80\x80"), times(3));      // too long a form
    EXPECT_EQ(as_text("\xED\xA0\x80"), times(3));      // a surrogate
    EXPECT_EQ(as_text("\xF4\x90\x80\x80"), times(4));  // beyond U+10FFFF
    EXPECT_EQ(as_text("\xF5"), times(1));
    EXPECT_EQ(as_text("\xE2\x98"), times(1));      // cut at the end
    EXPECT_EQ(as_text("\xF0\x9F\x98"), times(1));  // cut at the end
    EXPECT_EQ(as_text("\xE2\x98z"), times(1).append("z"));
    EXPECT_EQ(as_text("\xE2\xE2\x98\x83"), times(1).append("%E2%98%83"));
}

}  // namespace
