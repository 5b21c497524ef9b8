// SPDX-License-Identifier: Apache-2.0
//
// web/html_scan.hpp: classes of ASCII characters, and finding the few that mean something.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#    include <emmintrin.h>
#endif

namespace simul::web::detail {

[[nodiscard]] constexpr bool is_alpha(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool is_alnum(char c) noexcept {
    return is_alpha(c) || is_digit(c);
}

/// Tab, LF, FF, CR, space.
[[nodiscard]] constexpr bool is_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

[[nodiscard]] constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Whether the two are equal but for the case of ASCII letters; `expected` is in lower case.
[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view text,
                                                  std::string_view expected) noexcept {
    if (text.size() != expected.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (lower(text[i]) != expected[i]) return false;
    }
    return true;
}

/// The text without ASCII whitespace at its ends.
[[nodiscard]] constexpr std::string_view strip(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

/// A set of byte values, looked up in one load.
class byte_set {
public:
    constexpr explicit byte_set(std::string_view members) {
        for (const char c : members) in_[static_cast<unsigned char>(c)] = true;
    }

    [[nodiscard]] constexpr bool has(char c) const noexcept {
        return in_[static_cast<unsigned char>(c)];
    }

    /// The first member in [at, end), or end.
    [[nodiscard]] const char* find(const char* at, const char* end) const noexcept {
        while (at != end && !has(*at)) ++at;
        return at;
    }

private:
    std::array<bool, 256> in_{};
};

// The bytes at which the plain part of these ends.
using std::string_view_literals::operator""sv;
inline constexpr byte_set tag_name_stop{"\t\n\f\r />\0ABCDEFGHIJKLMNOPQRSTUVWXYZ"sv};
inline constexpr byte_set attribute_name_stop{"\t\n\f\r />=\0\"'<ABCDEFGHIJKLMNOPQRSTUVWXYZ"sv};
inline constexpr byte_set unquoted_value_stop{"\t\n\f\r &>\0\"'<=`"sv};
static_assert(tag_name_stop.has('\0') && tag_name_stop.has('Z'));  // nothing lost behind the NUL

[[nodiscard]] constexpr std::string_view piece_of(const char* begin, const char* end) noexcept {
    return {begin, static_cast<std::size_t>(end - begin)};
}

/// The first of four bytes in [at, end), or end: for long runs without any of them.
template <char A, char B, char C, char D>
[[nodiscard]] inline const char* find_any(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
    while (end - at >= 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8(A)),
                                                        _mm_cmpeq_epi8(block, _mm_set1_epi8(B))),
                                           _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8(C)),
                                                        _mm_cmpeq_epi8(block, _mm_set1_epi8(D))));
        const int mask = _mm_movemask_epi8(found);
        if (mask != 0) return at + __builtin_ctz(static_cast<unsigned>(mask));
        at += 16;
    }
#endif
    while (at != end && *at != A && *at != B && *at != C && *at != D) ++at;
    return at;
}

/// The first byte in [at, end) that names as nearly all are written do not have, or end: whatever
/// ends the name of a tag or of an attribute, and what few names have, which is to be looked at.
[[nodiscard]] inline const char* end_of_name(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
    // Bytes are signed here: a name has those above ",", but for "/" and what lies from "<" to "Z",
    // which an addition moves to the upper end, where one comparison finds it.
    constexpr char up = 127 - 'Z';
    while (end - at >= 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i high = _mm_cmpgt_epi8(block, _mm_set1_epi8(','));
        const __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('/'));
        const __m128i sign_or_capital =
            _mm_cmpgt_epi8(_mm_add_epi8(block, _mm_set1_epi8(up)), _mm_set1_epi8(char{';' + up}));
        const __m128i inside = _mm_andnot_si128(_mm_or_si128(slash, sign_or_capital), high);
        const unsigned mask = static_cast<unsigned>(_mm_movemask_epi8(inside)) ^ 0xFFFFU;
        if (mask != 0) return at + __builtin_ctz(mask);
        at += 16;
    }
#endif
    return attribute_name_stop.find(at, end);
}

}  // namespace simul::web::detail
