// SPDX-License-Identifier: Apache-2.0
//
// The encodings whose tables come from ICU: all of several bytes per character, and of those of one
// byte all but three.
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include <unicode/utypes.h>

#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>
#include <unicode/ucnv_err.h>

#include "charset_text.hpp"
#include "simul/base/assert.hpp"

namespace simul::web {

namespace {

// Exact names: ICU's aliases mean other tables than the web's labels do.
const char* icu_name(encoding which) noexcept {
    switch (which) {
        case encoding::ibm866: return "ibm-866_P100-1995";
        case encoding::iso_8859_2: return "ibm-912_P100-1995";
        case encoding::iso_8859_3: return "ibm-913_P100-2000";
        case encoding::iso_8859_4: return "ibm-914_P100-1995";
        case encoding::iso_8859_5: return "ibm-915_P100-1995";
        case encoding::iso_8859_6: return "ibm-1089_P100-1995";
        case encoding::iso_8859_7: return "ibm-9005_X110-2007";
        case encoding::iso_8859_8:
        case encoding::iso_8859_8_i: return "ibm-5012_P100-1999";
        case encoding::iso_8859_10: return "iso-8859_10-1998";
        case encoding::iso_8859_13: return "ibm-921_P100-1995";
        case encoding::iso_8859_14: return "iso-8859_14-1998";
        case encoding::iso_8859_15: return "ibm-923_P100-1998";
        case encoding::koi8_r: return "ibm-878_P100-1996";
        case encoding::koi8_u: return "ibm-1168_P100-2002";
        case encoding::macintosh: return "macos-0_2-10.2";
        case encoding::windows_874: return "windows-874-2000";
        case encoding::windows_1250: return "ibm-5346_P100-1998";
        case encoding::windows_1251: return "ibm-5347_P100-1998";
        case encoding::windows_1253: return "ibm-5349_P100-1998";
        case encoding::windows_1254: return "ibm-5350_P100-1998";
        case encoding::windows_1255: return "ibm-9447_P100-2002";
        case encoding::windows_1256: return "ibm-9448_X100-2005";
        case encoding::windows_1257: return "ibm-9449_P100-2002";
        case encoding::windows_1258: return "ibm-5354_P100-1998";
        case encoding::x_mac_cyrillic: return "macos-7_3-10.2";
        case encoding::gbk:  // is decoded as the larger one
        case encoding::gb18030: return "gb18030";
        case encoding::big5: return "ibm-1375_P100-2008";
        case encoding::euc_jp: return "euc-jp-2007";
        case encoding::iso_2022_jp: return "ISO_2022,locale=ja,version=0";
        case encoding::shift_jis: return "ibm-943_P15A-2003";
        case encoding::euc_kr: return "windows-949-2000";
        default: return nullptr;
    }
}

// ICU's own callback writes U+001A for some bytes.
void U_CALLCONV replace(const void*, UConverterToUnicodeArgs* arguments, const char*, int32_t,
                        UConverterCallbackReason reason, UErrorCode* code) {
    if (reason > UCNV_IRREGULAR) return;
    *code = U_ZERO_ERROR;
    const UChar character = static_cast<UChar>(replacement_character);
    ucnv_cbToUWriteUChars(arguments, &character, 1, 0, code);
}

[[noreturn]] void no_table(encoding which) {
    throw std::system_error{std::make_error_code(std::errc::not_supported),
                            std::string{name_of(which)}};
}

struct closer {
    void operator()(UConverter* converter) const noexcept { ucnv_close(converter); }
};

std::unique_ptr<UConverter, closer> open_converter(encoding which) {
    const char* name = icu_name(which);
    SIMUL_ASSERT(name != nullptr, "an encoding that needs no table");
    UErrorCode code = U_ZERO_ERROR;
    std::unique_ptr<UConverter, closer> converter{ucnv_open(name, &code)};
    if (U_FAILURE(code) || !converter) no_table(which);
    code = U_ZERO_ERROR;
    ucnv_setToUCallBack(converter.get(), replace, nullptr, nullptr, nullptr, &code);
    if (U_FAILURE(code)) no_table(which);
    return converter;
}

// Where ICU's tables say something else than the standard.
void correct(upper_half& table, encoding which) noexcept {
    const auto set = [&table](unsigned byte, char16_t character) {
        table[byte - 0x80U] = character;
    };
    switch (which) {
        case encoding::windows_874:
            for (char16_t& character : table) {
                if (character >= 0xe000 && character <= 0xf8ff) {
                    character = static_cast<char16_t>(replacement_character);
                }
            }
            break;
        case encoding::windows_1253: set(0xaa, static_cast<char16_t>(replacement_character)); break;
        case encoding::windows_1255: set(0xca, 0x05ba); break;
        case encoding::koi8_u:
            set(0xae, 0x045e);
            set(0xbe, 0x040e);
            break;
        default: break;
    }
}

}  // namespace

upper_half icu_upper_half(encoding which) {
    const auto converter = open_converter(which);
    upper_half table{};
    for (unsigned index = 0; index < table.size(); ++index) {
        const char byte = static_cast<char>(0x80U + index);
        UErrorCode code = U_ZERO_ERROR;
        UChar made[4] = {};
        const auto count = ucnv_toUChars(converter.get(), made, 4, &byte, 1, &code);
        table[index] =
            U_SUCCESS(code) && count == 1 ? made[0] : static_cast<char16_t>(replacement_character);
    }
    correct(table, which);
    return table;
}

std::string east_asian_to_utf8(std::string_view bytes, encoding which) {
    const auto converter = open_converter(which);
    std::string text;
    text.reserve(bytes.size() + bytes.size() / 2);
    std::array<UChar, 2048> units{};
    const char* source = bytes.data();
    const char* const source_end = source + bytes.size();
    char32_t high = 0;  // a surrogate whose partner is in the next buffer
    UErrorCode code = U_BUFFER_OVERFLOW_ERROR;
    while (code == U_BUFFER_OVERFLOW_ERROR) {
        code = U_ZERO_ERROR;
        UChar* target = units.data();
        ucnv_toUnicode(converter.get(), &target, units.data() + units.size(), &source, source_end,
                       nullptr, 1, &code);
        if (U_FAILURE(code) && code != U_BUFFER_OVERFLOW_ERROR) no_table(which);
        for (const UChar* unit = units.data(); unit != target; ++unit) {
            if (U16_IS_LEAD(*unit)) {
                high = *unit;
            } else if (U16_IS_TRAIL(*unit) && high != 0) {
                append_utf8(text, static_cast<char32_t>(U16_GET_SUPPLEMENTARY(high, *unit)));
                high = 0;
            } else {
                append_utf8(text, U16_IS_SURROGATE(*unit) ? replacement_character : *unit);
            }
        }
    }
    return text;
}

}  // namespace simul::web
