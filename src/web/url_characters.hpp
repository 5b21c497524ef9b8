// SPDX-License-Identifier: Apache-2.0
//
// web/url_characters.hpp: what each byte is to the URL parser, and UTF-8 as the parser reads it.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <cstddef>
#include <cstdint>

#include "simul/web/percent_encoding.hpp"

namespace simul::web::url_text {

constexpr bool is_alpha(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

using byte_table = std::array<std::uint8_t, 256>;

constexpr void mark(byte_table& table, std::string_view characters, unsigned bits) noexcept {
    for (const char c : characters) {
        auto& entry = table[static_cast<unsigned char>(c)];
        entry = static_cast<std::uint8_t>(entry | bits);
    }
}

/// For each byte the encode sets that hold it, one bit each.
inline constexpr byte_table encode_sets = [] {
    constexpr unsigned form = 128, component = 64 | form, userinfo = 32 | component;
    constexpr unsigned path = 16 | userinfo, special = 8, query = 4 | special | path;
    constexpr unsigned fragment = 2;
    byte_table table{};
    for (unsigned c = 0; c < 256; ++c) {
        if (c < 0x20 || c > 0x7E) table[c] = 255;
    }
    mark(table, " \"<>", fragment | query);
    mark(table, "`", fragment | path);
    mark(table, "#", query);
    mark(table, "'", special | form);
    mark(table, "?^{}", path);
    mark(table, "/:;=@[\\]|", userinfo);
    mark(table, "$%&+,", component);
    mark(table, "!()~", form);
    return table;
}();

constexpr bool in_set(char c, encode_set set) noexcept {
    return (encode_sets[static_cast<unsigned char>(c)] & static_cast<unsigned>(set)) != 0;
}

enum : unsigned {
    forbidden_in_host = 1,
    forbidden_in_domain = 2,
    beyond_ascii = 4,
    in_scheme = 8,
    ends_authority = 16,
    percent_sign = 32,
};

/// For each byte the properties above, one bit each.
inline constexpr byte_table byte_properties = [] {
    byte_table table{};
    for (unsigned c = 0; c < 256; ++c) {
        if (c < 0x20 || c == 0x7F) table[c] |= forbidden_in_domain;
        if (c > 0x7F) table[c] |= beyond_ascii;
        if (c < 0x80 && (is_alpha(static_cast<char>(c)) || is_digit(static_cast<char>(c)))) {
            table[c] |= in_scheme;
        }
    }
    mark(table, std::string_view{"\0\t\n\r #/:<>?@[\\]^|", 17},
         forbidden_in_host | forbidden_in_domain);
    mark(table, "%", forbidden_in_domain | percent_sign);
    mark(table, "+-.", in_scheme);
    mark(table, "/?#", ends_authority);
    return table;
}();

constexpr unsigned properties_of(char c) noexcept {
    return byte_properties[static_cast<unsigned char>(c)];
}

/// One step of the UTF-8 decoder.
struct utf8_step {
    char32_t code_point;  ///< U+FFFD if the bytes are ill-formed
    std::uint8_t length;  ///< bytes read, at least 1
    bool well_formed;
};

/// Decodes what begins at text[position]. Of ill-formed bytes it takes the longest beginning of
/// some sequence, as the Encoding Standard's decoder does: that many become one U+FFFD.
constexpr utf8_step decode_utf8(std::string_view text, std::size_t position) noexcept {
    const auto first = static_cast<unsigned char>(text[position]);
    if (first < 0x80) return {first, 1, true};
    unsigned needed = 0;
    unsigned lower = 0x80, upper = 0xBF;  // of the second byte
    char32_t code_point = 0;
    if (first >= 0xC2 && first <= 0xDF) {
        needed = 1;
        code_point = first & 0x1Fu;
    } else if (first >= 0xE0 && first <= 0xEF) {
        needed = 2;
        code_point = first & 0xFu;
        if (first == 0xE0) lower = 0xA0;  // shorter forms exist
        if (first == 0xED) upper = 0x9F;  // surrogates
    } else if (first >= 0xF0 && first <= 0xF4) {
        needed = 3;
        code_point = first & 0x7u;
        if (first == 0xF0) lower = 0x90;
        if (first == 0xF4) upper = 0x8F;  // beyond U+10FFFF
    } else {
        return {0xFFFD, 1, false};
    }
    for (unsigned i = 1; i <= needed; ++i) {
        if (position + i >= text.size()) return {0xFFFD, static_cast<std::uint8_t>(i), false};
        const auto next = static_cast<unsigned char>(text[position + i]);
        if (next < lower || next > upper) {
            return {0xFFFD, static_cast<std::uint8_t>(i), false};
        }
        lower = 0x80;
        upper = 0xBF;
        code_point = (code_point << 6) | (next & 0x3Fu);
    }
    return {code_point, static_cast<std::uint8_t>(needed + 1), true};
}

/// Appends %XX.
void append_percent_encoded(std::string& out, char byte);

/// Appends `text`, taken as UTF-8, with the characters of `set` percent-encoded: ill-formed bytes
/// become an encoded U+FFFD.
void append_text(std::string& out, std::string_view text, encode_set set);

}  // namespace simul::web::url_text
