// SPDX-License-Identifier: Apache-2.0
#include "simul/web/percent_encoding.hpp"

#include "web/url_characters.hpp"

namespace simul::web {

namespace url_text {

void append_percent_encoded(std::string& out, char byte) {
    static constexpr char digits[] = "0123456789ABCDEF";
    const auto value = static_cast<unsigned char>(byte);
    const char encoded[3] = {'%', digits[value >> 4], digits[value & 0xF]};
    out.append(encoded, 3);
}

void append_text(std::string& out, std::string_view text, encode_set set) {
    std::size_t plain = 0;  // where the bytes begin that are copied as they are
    std::size_t i = 0;
    while (i < text.size()) {
        if (!in_set(text[i], set)) {
            ++i;
            continue;
        }
        out.append(text, plain, i - plain);
        const utf8_step step = decode_utf8(text, i);
        if (step.well_formed) {
            for (std::size_t k = 0; k < step.length; ++k) append_percent_encoded(out, text[i + k]);
        } else {
            out.append("%EF%BF%BD");
        }
        i += step.length;
        plain = i;
    }
    out.append(text, plain);
}

}  // namespace url_text

namespace {

std::string encode(std::string_view text, encode_set set, bool space_as_plus) {
    std::size_t encoded = 0;
    for (const char c : text) encoded += url_text::in_set(c, set) ? 1u : 0u;
    std::string out;
    out.reserve(text.size() + 2 * encoded);
    for (const char c : text) {
        if (!url_text::in_set(c, set)) {
            out.push_back(c);
        } else if (c == ' ' && space_as_plus) {
            out.push_back('+');
        } else {
            url_text::append_percent_encoded(out, c);
        }
    }
    return out;
}

std::string decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '%' && i + 2 < text.size()) {
            const int high = url_text::hex_value(text[i + 1]);
            const int low = url_text::hex_value(text[i + 2]);
            if (high >= 0 && low >= 0) {
                out.push_back(static_cast<char>(high * 16 + low));
                i += 2;
                continue;
            }
        }
        out.push_back(c == '+' && plus_is_space ? ' ' : c);
    }
    return out;
}

}  // namespace

bool is_percent_encoded(char byte, encode_set set) noexcept {
    return url_text::in_set(byte, set);
}

std::string percent_encode(std::string_view text, encode_set set) {
    return encode(text, set, false);
}

std::string percent_decode(std::string_view text) {
    return decode(text, false);
}

std::string form_encode(std::string_view text) {
    return encode(text, encode_set::form, true);
}

std::string form_decode(std::string_view text) {
    return decode(text, true);
}

}  // namespace simul::web
