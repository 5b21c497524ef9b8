// SPDX-License-Identifier: Apache-2.0
#include "web/html_character_references.hpp"

namespace simul::web::detail {

bool reference_search::take(char byte) noexcept {
    const auto wanted = static_cast<unsigned char>(byte);
    if (wanted >= 128) return false;
    if (taken_ == 0) {
        begin_ = reference_first[wanted];
        end_ = reference_first[wanted + 1U];
        if (begin_ == end_) return false;
        taken_ = 1;
        return true;  // no name is one letter long
    }
    // A name that ends here sorts before those that go on.
    const auto byte_of = [this](std::uint16_t name) {
        const std::size_t at = std::size_t{reference_begins[name]} + taken_;
        return at < reference_begins[name + 1U]
                   ? static_cast<int>(static_cast<unsigned char>(reference_names[at]))
                   : -1;
    };
    const auto first_not_below = [&](std::uint16_t low, std::uint16_t high, int limit) {
        while (low < high) {
            const auto middle = static_cast<std::uint16_t>(low + (high - low) / 2);
            if (byte_of(middle) < limit) {
                low = static_cast<std::uint16_t>(middle + 1);
            } else {
                high = middle;
            }
        }
        return low;
    };
    const std::uint16_t low = first_not_below(begin_, end_, wanted);
    if (low == end_ || byte_of(low) != wanted) return false;
    end_ = first_not_below(low, end_, wanted + 1);
    begin_ = low;
    ++taken_;
    if (reference_begins[low + 1U] - reference_begins[low] == taken_) {
        match_ = low;
        matched_ = taken_;
    }
    return true;
}

const reference_text* find_reference(std::string_view name) noexcept {
    const auto letter = static_cast<unsigned char>(name.front());
    if (letter >= 128) return nullptr;
    std::size_t low = reference_first[letter];
    std::size_t high = reference_first[letter + 1U];
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        const std::size_t begin = reference_begins[middle];
        const std::size_t size = reference_begins[middle + 1] - begin;
        const int order = std::string_view{reference_names + begin, size}.compare(name);
        if (order == 0) return &reference_texts[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return nullptr;
}

numeric_reference decode_numeric_reference(std::uint32_t number) noexcept {
    // What the numbers of the C1 controls mean in windows-1252, where it means something else.
    static constexpr char16_t windows_1252[32] = {
        0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
    if (number == 0) return {0xFFFD, html_error::null_character_reference};
    if (number > 0x10FFFF) {
        return {0xFFFD, html_error::character_reference_outside_unicode_range};
    }
    if (number >= 0xD800 && number <= 0xDFFF) {
        return {0xFFFD, html_error::surrogate_character_reference};
    }
    const auto code_point = static_cast<char32_t>(number);
    if (is_noncharacter(code_point)) {
        return {code_point, html_error::noncharacter_character_reference};
    }
    if (number >= 0x80 && number <= 0x9F) {
        const char16_t meant = windows_1252[number - 0x80];
        return {meant == 0 ? code_point : char32_t{meant}, html_error::control_character_reference};
    }
    const bool whitespace = number == '\t' || number == '\n' || number == '\f' || number == ' ';
    if ((number < 0x20 && !whitespace) || number == 0x7F) {
        return {code_point, html_error::control_character_reference};
    }
    return {code_point, std::nullopt};
}

void encoded_text::append(char32_t code_point) noexcept {
    const auto put = [this](std::uint32_t byte) { bytes_[size_++] = static_cast<char>(byte); };
    const std::uint32_t value = code_point;
    if (value < 0x80) {
        put(value);
    } else if (value < 0x800) {
        put(0xC0 | value >> 6);
        put(0x80 | (value & 0x3F));
    } else if (value < 0x10000) {
        put(0xE0 | value >> 12);
        put(0x80 | (value >> 6 & 0x3F));
        put(0x80 | (value & 0x3F));
    } else {
        put(0xF0 | value >> 18);
        put(0x80 | (value >> 12 & 0x3F));
        put(0x80 | (value >> 6 & 0x3F));
        put(0x80 | (value & 0x3F));
    }
}

}  // namespace simul::web::detail
