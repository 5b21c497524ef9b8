// SPDX-License-Identifier: Apache-2.0
#include "web/domain.hpp"

#include <unicode/uidna.h>

#include <cstdint>

#include "web/url_characters.hpp"

namespace simul::web::detail {

using namespace url_text;

namespace {

// What the URL Standard does not want checked.
constexpr std::uint32_t ignored_errors =
    UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG |
    UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;

/// The rules, shared by all threads; null if the library's data is missing.
const UIDNA* rules() {
    static const UIDNA* const shared = [] {
        UErrorCode error = U_ZERO_ERROR;
        const UIDNA* opened =
            uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
                            &error);
        return U_SUCCESS(error) ? opened : nullptr;
    }();
    return shared;
}

constexpr char32_t ignored = 0;

/// What a character is mapped to since revision 33 of UTS #46 (Unicode 16), where that differs from
/// revision 31 (Unicode 15.0); all others come back as they are.
///
/// That revision gave up the exceptions kept for the sake of IDNA2003: letters whose lower case
/// came after Unicode 3.2, five ideographs whose decomposition was corrected, and invisible
/// characters, all disallowed before; and the capital sharp s, which became "ss". The mapped forms
/// are valid in either version, so doing this first makes an older ICU agree and changes nothing
/// for a newer one. Not made up for: U+1806, disallowed before and valid since, and characters
/// added after the Unicode version of the ICU that is installed.
constexpr char32_t revision_33(char32_t c) noexcept {
    if (c >= 0x10A0 && c <= 0x10C5) return c + (0x2D00 - 0x10A0);  // Georgian Asomtavruli
    if ((c >= 0x206A && c <= 0x206F) || (c >= 0x2061 && c <= 0x2063)) return ignored;
    if (c >= 0x1D173 && c <= 0x1D17A) return ignored;  // musical format controls
    switch (c) {
        case 0x04C0: return 0x04CF;
        case 0x1E9E: return 0x00DF;
        case 0x2132: return 0x214E;
        case 0x2183: return 0x2184;
        case 0x2F868: return 0x36FC;
        case 0x2F874: return 0x5F53;
        case 0x2F91F: return 0x243AB;
        case 0x2F95F: return 0x7AEE;
        case 0x2F9BF: return 0x45D7;
        case 0x115F:  // fillers of Hangul
        case 0x1160:
        case 0x3164:
        case 0xFFA0:
        case 0x17B4:  // inherent vowels of Khmer
        case 0x17B5:
        case 0x180E: return ignored;
        default: return c;
    }
}

void append_utf8(std::string& out, char32_t c) {
    const auto tail = [&](int shift) {
        out.push_back(static_cast<char>(0x80 | ((c >> shift) & 0x3F)));
    };
    if (c < 0x80) {
        out.push_back(static_cast<char>(c));
    } else if (c < 0x800) {
        out.push_back(static_cast<char>(0xC0 | (c >> 6)));
        tail(0);
    } else if (c < 0x10000) {
        out.push_back(static_cast<char>(0xE0 | (c >> 12)));
        tail(6);
        tail(0);
    } else {
        out.push_back(static_cast<char>(0xF0 | (c >> 18)));
        tail(12);
        tail(6);
        tail(0);
    }
}

std::string with_current_mappings(std::string_view domain) {
    std::string out;
    out.reserve(domain.size());
    for (std::size_t i = 0; i < domain.size();) {
        const utf8_step step = decode_utf8(domain, i);
        i += step.length;
        const char32_t mapped = revision_33(step.code_point);
        if (mapped != ignored || step.code_point == ignored) append_utf8(out, mapped);
    }
    return out;
}

using conversion = decltype(&uidna_nameToASCII_UTF8);

/// Runs one of the library's conversions; false if it finds an error that counts.
bool convert(conversion function, std::string_view input, std::string& result) {
    std::size_t capacity = 2 * input.size() + 64;
    while (true) {
        UIDNAInfo info = UIDNA_INFO_INITIALIZER;
        UErrorCode error = U_ZERO_ERROR;
        result.resize(capacity);
        const std::int32_t length =
            function(rules(), input.data(), static_cast<std::int32_t>(input.size()), result.data(),
                     static_cast<std::int32_t>(result.size()), &info, &error);
        if (error == U_BUFFER_OVERFLOW_ERROR && static_cast<std::size_t>(length) > capacity) {
            capacity = static_cast<std::size_t>(length);
            continue;
        }
        if (U_FAILURE(error) || (info.errors & ~ignored_errors) != 0) return false;
        result.resize(static_cast<std::size_t>(length));
        return true;
    }
}

/// Whether every label that begins with xn-- stands for one that needs it: not for plain ASCII, and
/// not for another that begins with xn--. Newer rules of UTS #46, which ICU 72 does not check.
bool has_honest_labels(std::string_view ascii) {
    std::string unicode;
    if (!convert(&uidna_nameToUnicodeUTF8, ascii, unicode)) return false;
    std::string_view decoded = unicode;
    while (true) {
        const std::string_view encoded_label = ascii.substr(0, ascii.find('.'));
        const std::string_view label = decoded.substr(0, decoded.find('.'));
        if (encoded_label.starts_with("xn--")) {
            bool beyond = false;
            for (const char c : label) beyond = beyond || (properties_of(c) & beyond_ascii) != 0;
            if (!beyond || label.starts_with("xn--")) return false;
        }
        if (encoded_label.size() == ascii.size() || label.size() == decoded.size()) return true;
        ascii.remove_prefix(encoded_label.size() + 1);
        decoded.remove_prefix(label.size() + 1);
    }
}

}  // namespace

bool domain_to_ascii(std::string_view domain, std::string& out) {
    if (domain.size() > longest_unicode_domain || rules() == nullptr) return false;
    std::string ascii;
    if (!convert(&uidna_nameToASCII_UTF8, with_current_mappings(domain), ascii)) return false;
    if (ascii.empty() || !has_honest_labels(ascii)) return false;
    out.append(ascii);
    return true;
}

}  // namespace simul::web::detail
