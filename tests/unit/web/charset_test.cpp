// SPDX-License-Identifier: Apache-2.0
#include "simul/web/charset.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "simul/base/bytes.hpp"

namespace {

using namespace std::string_view_literals;
using simul::web::charset_choice;
using simul::web::choose_charset;
using simul::web::decode_to_utf8;
using simul::web::decoded_text;
using simul::web::encoding;
using simul::web::encoding_of_label;
using simul::web::is_valid_utf8;
using simul::web::name_of;

std::string text_in(encoding which, std::string_view bytes) {
    return decode_to_utf8(bytes, which).to_string();
}

std::string replacements(std::size_t count) {
    std::string text;
    while (count-- > 0) text.append("\xef\xbf\xbd");
    return text;
}

// --- labels
// -----------------------------------------------------------------------------------------

TEST(charset_labels, the_name_of_every_encoding_is_a_label_of_it) {
    for (int index = 0; index <= static_cast<int>(encoding::x_user_defined); ++index) {
        const auto which = static_cast<encoding>(index);
        EXPECT_EQ(encoding_of_label(name_of(which)), which) << name_of(which);
    }
}

TEST(charset_labels, what_calls_itself_latin_1_or_ascii_is_windows_1252) {
    for (const std::string_view label :
         {"latin1", "l1", "iso-8859-1", "ISO_8859-1:1987", "us-ascii", "ASCII", "cp1252"}) {
        EXPECT_EQ(encoding_of_label(label), encoding::windows_1252) << label;
    }
}

TEST(charset_labels, other_old_labels_mean_what_browsers_take_them_for) {
    EXPECT_EQ(encoding_of_label("utf8"), encoding::utf_8);
    EXPECT_EQ(encoding_of_label("unicode"), encoding::utf_16le);
    EXPECT_EQ(encoding_of_label("utf-16"), encoding::utf_16le);
    EXPECT_EQ(encoding_of_label("gb2312"), encoding::gbk);
    EXPECT_EQ(encoding_of_label("iso-8859-9"), encoding::windows_1254);
    EXPECT_EQ(encoding_of_label("tis-620"), encoding::windows_874);
    EXPECT_EQ(encoding_of_label("ks_c_5601-1987"), encoding::euc_kr);
    EXPECT_EQ(encoding_of_label("koi8-ru"), encoding::koi8_u);
    EXPECT_EQ(encoding_of_label("iso-2022-kr"), encoding::replacement);
    EXPECT_EQ(encoding_of_label("x-sjis"), encoding::shift_jis);
}

TEST(charset_labels, case_and_blanks_around_a_label_do_not_count) {
    EXPECT_EQ(encoding_of_label(" \t\r\n\fUTF-8 "), encoding::utf_8);
    EXPECT_EQ(encoding_of_label("uTf-8"), encoding::utf_8);
}

TEST(charset_labels, an_unknown_label_is_none) {
    for (const std::string_view label :
         {""sv, " "sv, "utf-7"sv, "utf_8"sv, "utf-8\v"sv, "\0utf-8"sv, "utf-32"sv, "utf 8"sv,
          "'utf-8'"sv, "a-label-that-is-longer-than-every-one-that-there-is"sv}) {
        EXPECT_FALSE(encoding_of_label(label)) << label;
    }
}

// --- UTF-8
// ------------------------------------------------------------------------------------------

TEST(charset, valid_utf8_is_not_copied) {
    for (const std::string_view bytes :
         {""sv, "plain"sv, "gr\xc3\xbc\xc3\x9f"sv, "\xe2\x82\xac\xf0\x9f\x98\x80"sv, "a\0b"sv,
          "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"sv}) {
        const decoded_text text = decode_to_utf8(bytes, encoding::utf_8);
        EXPECT_TRUE(text.is_borrowed());
        EXPECT_EQ(text.view().data(), bytes.data());
        EXPECT_EQ(text.view(), bytes);
        EXPECT_TRUE(is_valid_utf8(bytes));
    }
}

TEST(charset, ascii_is_not_copied_in_any_encoding_that_has_it) {
    const std::string_view bytes = "just ASCII, in more than eight bytes ~\\\x1a\x1c\x7f";
    for (const encoding which : {encoding::windows_1252, encoding::iso_8859_16, encoding::ibm866,
                                 encoding::shift_jis, encoding::gb18030}) {
        const decoded_text text = decode_to_utf8(bytes, which);
        EXPECT_TRUE(text.is_borrowed());
        EXPECT_EQ(text.view(), bytes);
    }
}

TEST(charset, one_malformed_byte_is_found_wherever_it_stands) {
    for (std::size_t at = 0; at != 150; ++at) {
        std::string text(150, 'a');
        EXPECT_TRUE(is_valid_utf8(text));
        text[at] = '\xE9';
        EXPECT_FALSE(is_valid_utf8(text)) << at;
        EXPECT_FALSE(is_valid_utf8(std::string_view{text}.substr(at))) << at;
    }
}

TEST(charset, malformed_utf8_is_replaced_piece_by_piece) {
    struct sample {
        std::string_view bytes;
        std::string text;
    };
    const std::string one = replacements(1);
    const sample samples[] = {
        {"\x80", one},
        {"a\xff"
         "b",
         "a" + one + "b"},
        {"\xc0\xaf", replacements(2)},          // too long a form
        {"\xe0\x80\xaf", replacements(3)},      // again
        {"\xed\xa0\x80", replacements(3)},      // a surrogate
        {"\xf4\x90\x80\x80", replacements(4)},  // beyond the last character
        {"\xf5\x80", replacements(2)},
        {"\xe2\x82", one},  // cut
        {"\xf0\x9f\x98", one},
        {"\xf0\x9f\x98"
         "A",
         one + "A"},
        {"\xe2\x82\xe2\x82\xac", one + "\xe2\x82\xac"},
        {"\xc3(", one + "("},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
         "A",
         replacements(4) + "A"},
    };
    for (const sample& each : samples) {
        const decoded_text text = decode_to_utf8(each.bytes, encoding::utf_8);
        EXPECT_EQ(text.view(), each.text);
        EXPECT_FALSE(text.is_borrowed());
        EXPECT_FALSE(is_valid_utf8(each.bytes));
        EXPECT_TRUE(is_valid_utf8(text.view()));
    }
}

TEST(charset, utf8_of_every_character_is_valid_and_of_every_surrogate_is_not) {
    for (unsigned character = 0x800; character < 0x10000; character += 7) {
        const char bytes[] = {static_cast<char>(0xe0U | character >> 12U),
                              static_cast<char>(0x80U | (character >> 6U & 0x3fU)),
                              static_cast<char>(0x80U | (character & 0x3fU))};
        EXPECT_EQ(is_valid_utf8(std::string_view{bytes, 3}),
                  character < 0xd800 || character > 0xdfff)
            << character;
    }
}

// --- byte order marks
// --------------------------------------------------------------------------------

TEST(charset, a_byte_order_mark_wins_and_is_left_out) {
    for (const encoding which : {encoding::utf_8, encoding::windows_1252, encoding::gbk}) {
        const std::string_view bytes = "\xef\xbb\xbfgr\xc3\xbcn";
        const decoded_text text = decode_to_utf8(bytes, which);
        EXPECT_EQ(text.view(), "gr\xc3\xbcn");
        EXPECT_TRUE(text.is_borrowed());
        EXPECT_EQ(text_in(which,
                          "\xff\xfe"
                          "a\0\xfc\0"sv),
                  "a\xc3\xbc");
        EXPECT_EQ(text_in(which, "\xfe\xff\0a\0\xfc"sv), "a\xc3\xbc");
    }
    EXPECT_EQ(text_in(encoding::utf_8, "\xef\xbb\xbf\xef\xbb\xbf"), "\xef\xbb\xbf");
}

// --- other encodings
// --------------------------------------------------------------------------------

TEST(charset, utf16_has_pairs_and_replaces_halves) {
    EXPECT_EQ(text_in(encoding::utf_16le, "\x3d\xd8\x00\xde"sv), "\xf0\x9f\x98\x80");
    EXPECT_EQ(text_in(encoding::utf_16be, "\xd8\x3d\xde\x00"sv), "\xf0\x9f\x98\x80");
    EXPECT_EQ(text_in(encoding::utf_16le,
                      "\x3d\xd8"
                      "a\0"sv),
              replacements(1) + "a");
    EXPECT_EQ(text_in(encoding::utf_16le,
                      "\x00\xde"
                      "a\0"sv),
              replacements(1) + "a");
    EXPECT_EQ(text_in(encoding::utf_16le, "a\0\x3d\xd8"sv), "a" + replacements(1));
    EXPECT_EQ(text_in(encoding::utf_16le, "a\0b"sv), "a" + replacements(1));
    EXPECT_EQ(text_in(encoding::utf_16le, "\x3d\xd8\x00"sv), replacements(1));
    EXPECT_EQ(text_in(encoding::utf_16le, "\x3d\xd8\x3d\xd8\x00\xde"sv),
              replacements(1) + "\xf0\x9f\x98\x80");
}

TEST(charset, windows_1252_has_a_character_for_every_byte) {
    EXPECT_EQ(text_in(encoding::windows_1252, "caf\xe9 \x80 \x93x\x94 \x81"),
              "caf\xc3\xa9 \xe2\x82\xac \xe2\x80\x9cx\xe2\x80\x9d \xc2\x81");
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
    EXPECT_EQ(text_in(encoding::windows_1252, bytes).find("\xef\xbf\xbd"), std::string::npos);
}

TEST(charset, single_byte_encodings_have_the_tables_of_the_standard) {
    struct sample {
        encoding which;
        std::string_view bytes;
        std::string_view text;
    };
    const sample samples[] = {
        {encoding::ibm866, "\x8f\xe0\xa8\x1a", "\xd0\x9f\xd1\x80\xd0\xb8\x1a"},
        {encoding::iso_8859_2, "\xb3\xf3\xbc", "\xc5\x82\xc3\xb3\xc5\xba"},
        {encoding::iso_8859_7, "\xa4\xe1", "\xe2\x82\xac\xce\xb1"},
        {encoding::iso_8859_8_i, "\xf9\xec", "\xd7\xa9\xd7\x9c"},
        {encoding::iso_8859_15, "\xa4", "\xe2\x82\xac"},
        {encoding::iso_8859_16, "\xa4\xaa\xff", "\xe2\x82\xac\xc8\x98\xc3\xbf"},
        {encoding::koi8_r, "\xf0\xd2\xc9", "\xd0\x9f\xd1\x80\xd0\xb8"},
        {encoding::koi8_u, "\xae\xbe", "\xd1\x9e\xd0\x8e"},
        {encoding::macintosh, "\x8a\xf0", "\xc3\xa4\xef\xa3\xbf"},
        {encoding::windows_874, "\xa1\xdb\xff", "\xe0\xb8\x81\xef\xbf\xbd\xef\xbf\xbd"},
        {encoding::windows_1250, "\x8a\xb9", "\xc5\xa0\xc4\x85"},
        {encoding::windows_1251, "\xcf\xf0\xe8", "\xd0\x9f\xd1\x80\xd0\xb8"},
        {encoding::windows_1253, "\xe1\xaa", "\xce\xb1\xef\xbf\xbd"},
        {encoding::windows_1254, "\xfe\xdd", "\xc5\x9f\xc4\xb0"},
        {encoding::windows_1255, "\xe0\xca\xff", "\xd7\x90\xd6\xba\xef\xbf\xbd"},
        {encoding::windows_1256, "\xc7\x81", "\xd8\xa7\xd9\xbe"},
        {encoding::windows_1257, "\xe0\xa1", "\xc4\x85\xef\xbf\xbd"},
        {encoding::windows_1258, "\xd2", "\xcc\x89"},
        {encoding::x_mac_cyrillic, "\x80\xff", "\xd0\x90\xe2\x82\xac"},
        {encoding::x_user_defined, "a\x80\xff", "a\xef\x9e\x80\xef\x9f\xbf"},
    };
    for (const sample& each : samples) {
        EXPECT_EQ(text_in(each.which, each.bytes), each.text) << name_of(each.which);
    }
}

TEST(charset, every_single_byte_encoding_has_a_table) {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
    for (int index = 0; index <= static_cast<int>(encoding::x_user_defined); ++index) {
        const auto which = static_cast<encoding>(index);
        const std::string text = text_in(which, bytes);
        EXPECT_TRUE(is_valid_utf8(text)) << name_of(which);
        EXPECT_FALSE(text.empty()) << name_of(which);
    }
}

TEST(charset, the_encodings_of_east_asia_are_decoded) {
    struct sample {
        encoding which;
        std::string_view bytes;
        std::string_view text;
    };
    const sample samples[] = {
        {encoding::shift_jis, "\x93\xfa\x96{\x8c\xea\\", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\\"},
        {encoding::euc_jp, "\xc6\xfc\xcb\xdc\xb8\xec", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
        {encoding::iso_2022_jp, "\x1b$BF|K\\8l\x1b(Bx", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9ex"},
        {encoding::gbk, "\xd6\xd0\xce\xc4", "\xe4\xb8\xad\xe6\x96\x87"},
        {encoding::gb18030, "\x94\x39\xda\x33", "\xf0\x9f\x92\xa9"},
        {encoding::big5, "\xa4\xa4\xa4\xe5", "\xe4\xb8\xad\xe6\x96\x87"},
        {encoding::euc_kr, "\xc7\xd1\xb1\xdb", "\xed\x95\x9c\xea\xb8\x80"},
    };
    for (const sample& each : samples) {
        EXPECT_EQ(text_in(each.which, each.bytes), each.text) << name_of(each.which);
    }
}

TEST(charset, a_cut_character_of_east_asia_swallows_no_markup) {
    EXPECT_EQ(text_in(encoding::shift_jis, "\x93<p>"), replacements(1) + "<p>");
    EXPECT_EQ(text_in(encoding::gbk, "\xd6<p>"), replacements(1) + "<p>");
    EXPECT_EQ(text_in(encoding::euc_kr, "\xc7<p>"), replacements(1) + "<p>");
    EXPECT_EQ(text_in(encoding::euc_jp, "x\xc6"), "x" + replacements(1));
    EXPECT_EQ(text_in(encoding::shift_jis, "x\x93"), "x" + replacements(1));
}

TEST(charset, long_text_of_east_asia_is_decoded_to_its_end) {
    // More than the buffer between, with pairs of surrogates on its edges.
    for (std::size_t shift = 0; shift < 3; ++shift) {
        std::string bytes(shift, 'x');
        std::string text(shift, 'x');
        for (int count = 0; count < 5000; ++count) {
            bytes.append("\x94\x39\xda\x33");
            text.append("\xf0\x9f\x92\xa9");
        }
        EXPECT_EQ(text_in(encoding::gb18030, bytes), text);
    }
}

TEST(charset, the_replacement_encoding_gives_one_character_for_everything) {
    EXPECT_EQ(text_in(encoding::replacement, "<script>"), replacements(1));
    EXPECT_EQ(text_in(encoding::replacement, ""), "");
}

TEST(charset, decoded_text_is_moved_with_what_it_owns) {
    decoded_text text = decode_to_utf8("\xe9", encoding::windows_1252);
    decoded_text moved = std::move(text);
    EXPECT_EQ(moved.view(), "\xc3\xa9");
    EXPECT_EQ(std::move(moved).to_string(), "\xc3\xa9");
    EXPECT_EQ(decoded_text{}.view(), "");
    EXPECT_EQ(decode_to_utf8(simul::bytes_of("x"), encoding::utf_8).view(), "x");
}

// --- the choice
// --------------------------------------------------------------------------------------

TEST(choose_charset, a_byte_order_mark_comes_before_the_header_and_the_page) {
    using source = charset_choice::source;
    EXPECT_EQ(choose_charset("\xef\xbb\xbf", "koi8-r", "gbk"),
              (charset_choice{encoding::utf_8, source::byte_order_mark}));
    EXPECT_EQ(choose_charset("\xff\xfe"
                             "x\0"sv,
                             "koi8-r", "gbk"),
              (charset_choice{encoding::utf_16le, source::byte_order_mark}));
    EXPECT_EQ(choose_charset("\xfe\xff", "koi8-r", "gbk"),
              (charset_choice{encoding::utf_16be, source::byte_order_mark}));
}

TEST(choose_charset, the_header_comes_before_the_page) {
    using source = charset_choice::source;
    EXPECT_EQ(choose_charset("x", "KOI8-R", "gbk"),
              (charset_choice{encoding::koi8_r, source::header}));
    EXPECT_EQ(choose_charset("x", "", "gbk"), (charset_choice{encoding::gbk, source::meta}));
    EXPECT_EQ(choose_charset("x", "nonsense", "gbk"),
              (charset_choice{encoding::gbk, source::meta}));
    EXPECT_EQ(choose_charset("x", "utf-16be", ""),
              (charset_choice{encoding::utf_16be, source::header}));
}

TEST(choose_charset, a_page_that_calls_itself_utf16_is_not) {
    using source = charset_choice::source;
    EXPECT_EQ(choose_charset("x", "", "utf-16"), (charset_choice{encoding::utf_8, source::meta}));
    EXPECT_EQ(choose_charset("x", "", "utf-16be"), (charset_choice{encoding::utf_8, source::meta}));
    EXPECT_EQ(choose_charset("x", "", "x-user-defined"),
              (charset_choice{encoding::windows_1252, source::meta}));
}

TEST(choose_charset, bytes_of_which_nobody_tells_are_utf8_if_they_can_be) {
    const auto assumed = [](std::string_view bytes) {
        const charset_choice choice = choose_charset(bytes, "", "nonsense");
        EXPECT_EQ(choice.named_by, charset_choice::source::assumed);
        return choice.which;
    };
    EXPECT_EQ(assumed(""), encoding::utf_8);
    EXPECT_EQ(assumed("ASCII"), encoding::utf_8);
    EXPECT_EQ(assumed("gr\xc3\xbcn"), encoding::utf_8);
    EXPECT_EQ(assumed("gr\xfcn"), encoding::windows_1252);
    EXPECT_EQ(assumed("gr\xc3\xbcn \xe2\x82"), encoding::utf_8);  // cut at the end
    EXPECT_EQ(assumed("caf\xe9"), encoding::windows_1252);        // not cut: a letter
    EXPECT_EQ(assumed("gr\xc3\xbcn \xe2\x82 x"), encoding::windows_1252);
}

}  // namespace
