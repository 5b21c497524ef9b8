// SPDX-License-Identifier: Apache-2.0
//
// http/characters.hpp: the character classes of RFC 9110, for everything that reads or writes
// heads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace simul::http::detail {

inline constexpr auto token_characters = [] {
    std::array<bool, 256> table{};
    for (char c : std::string_view{"!#$%&'*+-.^_`|~"}) table[static_cast<unsigned char>(c)] = true;
    for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
    return table;
}();

constexpr bool is_token_character(char c) noexcept {
    return token_characters[static_cast<unsigned char>(c)];
}

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

constexpr bool is_alpha(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char small = lower(c);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// A control character that no field value may hold: all but the tab.
constexpr bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
}

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

/// Without spaces and tabs at either end.
constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Whether eight characters hold one below 0x20 or 0x7F: each byte's high bit answers for the byte,
/// and what a borrow from a neighbour may add is sorted out by the caller's second look.
constexpr bool may_hold_control(std::uint64_t eight) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t highs = 0x8080808080808080U;
    const std::uint64_t below_space = (eight - ones * 0x20) & ~eight & highs;
    const std::uint64_t not_delete = eight ^ (ones * 0x7F);
    const std::uint64_t deleted = (not_delete - ones) & ~not_delete & highs;
    return (below_space | deleted) != 0;
}

/// Whether one of the characters is `bad`, which only controls can be. Eight at a time, because
/// values are most of a head; the last eight may overlap those before.
template <typename Bad>
bool any_bad(std::string_view text, Bad bad) noexcept {
    std::uint64_t eight;
    if (text.size() < sizeof eight) {
        for (char c : text) {
            if (bad(c)) return true;
        }
        return false;
    }
    const char* const last = text.data() + (text.size() - sizeof eight);
    for (const char* at = text.data();; at = last - at > 8 ? at + 8 : last) {
        std::memcpy(&eight, at, sizeof eight);
        if (may_hold_control(eight)) [[unlikely]] {
            for (char c : std::string_view{at, sizeof eight}) {
                if (bad(c)) return true;
            }
        }
        if (at == last) return false;
    }
}

inline bool has_control(std::string_view text) noexcept {
    return any_bad(text, is_control);
}

/// CR, LF or NUL: what no message may hold within a line.
inline bool has_line_breaker(std::string_view text) noexcept {
    return any_bad(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace simul::http::detail
