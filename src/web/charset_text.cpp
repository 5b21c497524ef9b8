// SPDX-License-Identifier: Apache-2.0
#include "charset_text.hpp"

#include <cstdint>
#include <cstring>

namespace simul::web {

namespace {

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
    return static_cast<unsigned char>(text[at]);
}

}  // namespace

void append_utf8(std::string& text, char32_t character) {
    const auto continuation = [](char32_t bits) {
        return static_cast<char>(0x80U | (bits & 0x3fU));
    };
    if (character < 0x80) {
        text.push_back(static_cast<char>(character));
    } else if (character < 0x800) {
        text.push_back(static_cast<char>(0xc0U | character >> 6U));
        text.push_back(continuation(character));
    } else if (character < 0x10000) {
        text.push_back(static_cast<char>(0xe0U | character >> 12U));
        text.push_back(continuation(character >> 6U));
        text.push_back(continuation(character));
    } else {
        text.push_back(static_cast<char>(0xf0U | character >> 18U));
        text.push_back(continuation(character >> 12U));
        text.push_back(continuation(character >> 6U));
        text.push_back(continuation(character));
    }
}

// Unicode, table 3-7: how many bytes follow a first one, and from where to where the second may be.
// Malformed bytes are replaced in the pieces that the standard calls maximal subparts.
utf8_sequence utf8_sequence_at(std::string_view text, std::size_t at) noexcept {
    const unsigned first = byte_at(text, at);
    if (first < 0x80) return {.length = 1, .is_valid = true, .is_cut = false};
    std::size_t following = 0;
    unsigned lowest = 0x80;
    unsigned highest = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        following = 1;
    } else if (first >= 0xe0 && first <= 0xef) {
        following = 2;
        if (first == 0xe0) lowest = 0xa0;
        if (first == 0xed) highest = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
        following = 3;
        if (first == 0xf0) lowest = 0x90;
        if (first == 0xf4) highest = 0x8f;
    } else {
        return {};
    }
    for (std::size_t index = 1; index <= following; ++index) {
        if (at + index == text.size()) return {.length = index, .is_valid = false, .is_cut = true};
        const unsigned next = byte_at(text, at + index);
        if (next < lowest || next > highest) {
            return {.length = index, .is_valid = false, .is_cut = false};
        }
        lowest = 0x80;
        highest = 0xbf;
    }
    return {.length = following + 1, .is_valid = true, .is_cut = false};
}

std::size_t end_of_ascii(std::string_view text, std::size_t at) noexcept {
    // Eight words at a time, then one, then the bytes that are left.
    constexpr std::size_t many = 8 * sizeof(std::uint64_t);
    while (text.size() - at >= many) {
        std::uint64_t all = 0;
        for (std::size_t index = 0; index != many; index += sizeof(all)) {
            std::uint64_t eight = 0;
            std::memcpy(&eight, text.data() + at + index, sizeof(eight));
            all |= eight;
        }
        if ((all & 0x8080808080808080U) != 0) break;
        at += many;
    }
    while (text.size() - at >= sizeof(std::uint64_t)) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, text.data() + at, sizeof(eight));
        if ((eight & 0x8080808080808080U) != 0) break;
        at += sizeof(eight);
    }
    while (at < text.size() && byte_at(text, at) < 0x80) ++at;
    return at;
}

// The short way through what most text beyond ASCII is: sequences of two and three bytes, one
// behind the other, with single blanks between.
std::size_t end_of_valid_utf8(std::string_view text, std::size_t at) noexcept {
    const auto is_continuation = [&](std::size_t place) {
        return (byte_at(text, place) & 0xc0U) == 0x80U;
    };
    at = end_of_ascii(text, at);
    while (at < text.size()) {
        const unsigned first = byte_at(text, at);
        if (first < 0x80) {
            ++at;
            if (at < text.size() && byte_at(text, at) < 0x80) at = end_of_ascii(text, at);
        } else if (first >= 0xc2 && first <= 0xdf && text.size() - at >= 2 &&
                   is_continuation(at + 1)) {
            at += 2;
        } else if (first >= 0xe1 && first <= 0xec && text.size() - at >= 3 &&
                   is_continuation(at + 1) && is_continuation(at + 2)) {
            at += 3;
        } else {
            const utf8_sequence sequence = utf8_sequence_at(text, at);
            if (!sequence.is_valid) return at;
            at += sequence.length;
        }
    }
    return at;
}

}  // namespace simul::web
