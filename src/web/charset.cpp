// SPDX-License-Identifier: Apache-2.0
#include "simul/web/charset.hpp"

#include "charset_text.hpp"
#include "simul/base/bytes.hpp"

namespace simul::web {

namespace {

struct byte_order_mark {
    encoding which;
    std::size_t size;
};

std::optional<byte_order_mark> mark_of(std::string_view bytes) noexcept {
    if (bytes.starts_with("\xef\xbb\xbf")) return byte_order_mark{encoding::utf_8, 3};
    if (bytes.starts_with("\xfe\xff")) return byte_order_mark{encoding::utf_16be, 2};
    if (bytes.starts_with("\xff\xfe")) return byte_order_mark{encoding::utf_16le, 2};
    return std::nullopt;
}

decoded_text utf8_of_utf8(std::string_view bytes) {
    std::size_t at = end_of_valid_utf8(bytes, 0);
    if (at == bytes.size()) return decoded_text{bytes};
    std::string text;
    text.reserve(bytes.size() + bytes.size() / 8);
    text.append(bytes.substr(0, at));
    while (at < bytes.size()) {
        at += utf8_sequence_at(bytes, at).length;
        append_utf8(text, replacement_character);
        const std::size_t end = end_of_valid_utf8(bytes, at);
        text.append(bytes.substr(at, end - at));
        at = end;
    }
    return decoded_text{std::move(text)};
}

decoded_text utf8_of_utf16(std::string_view bytes, bool big_endian) {
    const auto unit_at = [&](std::size_t at) {
        const auto first = static_cast<unsigned char>(bytes[at]);
        const auto second = static_cast<unsigned char>(bytes[at + 1]);
        return big_endian ? static_cast<char32_t>(first << 8 | second)
                          : static_cast<char32_t>(second << 8 | first);
    };
    const auto is_high = [](char32_t unit) { return unit >= 0xd800 && unit < 0xdc00; };
    const auto is_low = [](char32_t unit) { return unit >= 0xdc00 && unit < 0xe000; };

    std::string text;
    text.reserve(bytes.size());
    std::size_t at = 0;
    for (; at + 2 <= bytes.size(); at += 2) {
        char32_t unit = unit_at(at);
        if (is_high(unit) && at + 4 <= bytes.size() && is_low(unit_at(at + 2))) {
            unit = 0x10000 + ((unit - 0xd800) << 10) + (unit_at(at + 2) - 0xdc00);
            at += 2;
        } else if (is_high(unit) || is_low(unit)) {
            unit = replacement_character;
        }
        append_utf8(text, unit);
    }
    // A half unit; if a high surrogate stands before it, the two are one malformed character.
    const bool told = at >= 2 && is_high(unit_at(at - 2));
    if (at < bytes.size() && !told) append_utf8(text, replacement_character);
    return decoded_text{std::move(text)};
}

decoded_text utf8_of_single_bytes(std::string_view bytes, encoding which) {
    if (end_of_ascii(bytes, 0) == bytes.size()) return decoded_text{bytes};
    return decoded_text{single_bytes_to_utf8(bytes, which)};
}

decoded_text utf8_of_east_asian(std::string_view bytes, encoding which) {
    // ISO-2022-JP says with control characters of ASCII what the rest means.
    if (which != encoding::iso_2022_jp && end_of_ascii(bytes, 0) == bytes.size()) {
        return decoded_text{bytes};
    }
    return decoded_text{east_asian_to_utf8(bytes, which)};
}

// True if nothing but a cut at the end is malformed, and there is something else than ASCII before.
bool looks_like_utf8(std::string_view bytes) noexcept {
    const std::size_t end = end_of_valid_utf8(bytes, 0);
    if (end == bytes.size()) return true;
    return utf8_sequence_at(bytes, end).is_cut && end_of_ascii(bytes, 0) < end;
}

}  // namespace

decoded_text decode_to_utf8(std::string_view bytes, encoding which) {
    if (const auto mark = mark_of(bytes)) {
        which = mark->which;
        bytes.remove_prefix(mark->size);
    }
    switch (which) {
        case encoding::utf_8: return utf8_of_utf8(bytes);
        case encoding::utf_16be: return utf8_of_utf16(bytes, true);
        case encoding::utf_16le: return utf8_of_utf16(bytes, false);
        case encoding::replacement:
            return decoded_text{bytes.empty() ? std::string_view{} : "\xef\xbf\xbd"};
        default: break;
    }
    return is_single_byte(which) ? utf8_of_single_bytes(bytes, which)
                                 : utf8_of_east_asian(bytes, which);
}

decoded_text decode_to_utf8(std::span<const std::byte> bytes, encoding which) {
    return decode_to_utf8(text_of(bytes), which);
}

bool is_valid_utf8(std::string_view bytes) noexcept {
    return end_of_valid_utf8(bytes, 0) == bytes.size();
}

charset_choice choose_charset(std::string_view bytes, std::string_view content_type,
                              std::string_view meta) noexcept {
    using source = charset_choice::source;
    if (const auto mark = mark_of(bytes)) return {mark->which, source::byte_order_mark};
    if (const auto named = encoding_of_label(content_type)) return {*named, source::header};
    if (auto named = encoding_of_label(meta)) {
        if (*named == encoding::utf_16be || *named == encoding::utf_16le) named = encoding::utf_8;
        if (*named == encoding::x_user_defined) named = encoding::windows_1252;
        return {*named, source::meta};
    }
    return {looks_like_utf8(bytes) ? encoding::utf_8 : encoding::windows_1252, source::assumed};
}

}  // namespace simul::web
