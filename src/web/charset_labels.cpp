// SPDX-License-Identifier: Apache-2.0
//
// Names and labels of the encodings: the table of WHATWG Encoding, section 4.2.
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "simul/web/charset.hpp"

namespace simul::web {

namespace {

struct labelled {
    std::string_view label;
    encoding which;
};

// In the order of their bytes, for binary search.
constexpr labelled labels[] = {
    {"866", encoding::ibm866},
    {"ansi_x3.4-1968", encoding::windows_1252},
    {"arabic", encoding::iso_8859_6},
    {"ascii", encoding::windows_1252},
    {"asmo-708", encoding::iso_8859_6},
    {"big5", encoding::big5},
    {"big5-hkscs", encoding::big5},
    {"chinese", encoding::gbk},
    {"cn-big5", encoding::big5},
    {"cp1250", encoding::windows_1250},
    {"cp1251", encoding::windows_1251},
    {"cp1252", encoding::windows_1252},
    {"cp1253", encoding::windows_1253},
    {"cp1254", encoding::windows_1254},
    {"cp1255", encoding::windows_1255},
    {"cp1256", encoding::windows_1256},
    {"cp1257", encoding::windows_1257},
    {"cp1258", encoding::windows_1258},
    {"cp819", encoding::windows_1252},
    {"cp866", encoding::ibm866},
    {"csbig5", encoding::big5},
    {"cseuckr", encoding::euc_kr},
    {"cseucpkdfmtjapanese", encoding::euc_jp},
    {"csgb2312", encoding::gbk},
    {"csibm866", encoding::ibm866},
    {"csiso2022jp", encoding::iso_2022_jp},
    {"csiso2022kr", encoding::replacement},
    {"csiso58gb231280", encoding::gbk},
    {"csiso88596e", encoding::iso_8859_6},
    {"csiso88596i", encoding::iso_8859_6},
    {"csiso88598e", encoding::iso_8859_8},
    {"csiso88598i", encoding::iso_8859_8_i},
    {"csisolatin1", encoding::windows_1252},
    {"csisolatin2", encoding::iso_8859_2},
    {"csisolatin3", encoding::iso_8859_3},
    {"csisolatin4", encoding::iso_8859_4},
    {"csisolatin5", encoding::windows_1254},
    {"csisolatin6", encoding::iso_8859_10},
    {"csisolatin9", encoding::iso_8859_15},
    {"csisolatinarabic", encoding::iso_8859_6},
    {"csisolatincyrillic", encoding::iso_8859_5},
    {"csisolatingreek", encoding::iso_8859_7},
    {"csisolatinhebrew", encoding::iso_8859_8},
    {"cskoi8r", encoding::koi8_r},
    {"csksc56011987", encoding::euc_kr},
    {"csmacintosh", encoding::macintosh},
    {"csshiftjis", encoding::shift_jis},
    {"csunicode", encoding::utf_16le},
    {"cyrillic", encoding::iso_8859_5},
    {"dos-874", encoding::windows_874},
    {"ecma-114", encoding::iso_8859_6},
    {"ecma-118", encoding::iso_8859_7},
    {"elot_928", encoding::iso_8859_7},
    {"euc-jp", encoding::euc_jp},
    {"euc-kr", encoding::euc_kr},
    {"gb18030", encoding::gb18030},
    {"gb2312", encoding::gbk},
    {"gb_2312", encoding::gbk},
    {"gb_2312-80", encoding::gbk},
    {"gbk", encoding::gbk},
    {"greek", encoding::iso_8859_7},
    {"greek8", encoding::iso_8859_7},
    {"hebrew", encoding::iso_8859_8},
    {"hz-gb-2312", encoding::replacement},
    {"ibm819", encoding::windows_1252},
    {"ibm866", encoding::ibm866},
    {"iso-10646-ucs-2", encoding::utf_16le},
    {"iso-2022-cn", encoding::replacement},
    {"iso-2022-cn-ext", encoding::replacement},
    {"iso-2022-jp", encoding::iso_2022_jp},
    {"iso-2022-kr", encoding::replacement},
    {"iso-8859-1", encoding::windows_1252},
    {"iso-8859-10", encoding::iso_8859_10},
    {"iso-8859-11", encoding::windows_874},
    {"iso-8859-13", encoding::iso_8859_13},
    {"iso-8859-14", encoding::iso_8859_14},
    {"iso-8859-15", encoding::iso_8859_15},
    {"iso-8859-16", encoding::iso_8859_16},
    {"iso-8859-2", encoding::iso_8859_2},
    {"iso-8859-3", encoding::iso_8859_3},
    {"iso-8859-4", encoding::iso_8859_4},
    {"iso-8859-5", encoding::iso_8859_5},
    {"iso-8859-6", encoding::iso_8859_6},
    {"iso-8859-6-e", encoding::iso_8859_6},
    {"iso-8859-6-i", encoding::iso_8859_6},
    {"iso-8859-7", encoding::iso_8859_7},
    {"iso-8859-8", encoding::iso_8859_8},
    {"iso-8859-8-e", encoding::iso_8859_8},
    {"iso-8859-8-i", encoding::iso_8859_8_i},
    {"iso-8859-9", encoding::windows_1254},
    {"iso-ir-100", encoding::windows_1252},
    {"iso-ir-101", encoding::iso_8859_2},
    {"iso-ir-109", encoding::iso_8859_3},
    {"iso-ir-110", encoding::iso_8859_4},
    {"iso-ir-126", encoding::iso_8859_7},
    {"iso-ir-127", encoding::iso_8859_6},
    {"iso-ir-138", encoding::iso_8859_8},
    {"iso-ir-144", encoding::iso_8859_5},
    {"iso-ir-148", encoding::windows_1254},
    {"iso-ir-149", encoding::euc_kr},
    {"iso-ir-157", encoding::iso_8859_10},
    {"iso-ir-58", encoding::gbk},
    {"iso8859-1", encoding::windows_1252},
    {"iso8859-10", encoding::iso_8859_10},
    {"iso8859-11", encoding::windows_874},
    {"iso8859-13", encoding::iso_8859_13},
    {"iso8859-14", encoding::iso_8859_14},
    {"iso8859-15", encoding::iso_8859_15},
    {"iso8859-2", encoding::iso_8859_2},
    {"iso8859-3", encoding::iso_8859_3},
    {"iso8859-4", encoding::iso_8859_4},
    {"iso8859-5", encoding::iso_8859_5},
    {"iso8859-6", encoding::iso_8859_6},
    {"iso8859-7", encoding::iso_8859_7},
    {"iso8859-8", encoding::iso_8859_8},
    {"iso8859-9", encoding::windows_1254},
    {"iso88591", encoding::windows_1252},
    {"iso885910", encoding::iso_8859_10},
    {"iso885911", encoding::windows_874},
    {"iso885913", encoding::iso_8859_13},
    {"iso885914", encoding::iso_8859_14},
    {"iso885915", encoding::iso_8859_15},
    {"iso88592", encoding::iso_8859_2},
    {"iso88593", encoding::iso_8859_3},
    {"iso88594", encoding::iso_8859_4},
    {"iso88595", encoding::iso_8859_5},
    {"iso88596", encoding::iso_8859_6},
    {"iso88597", encoding::iso_8859_7},
    {"iso88598", encoding::iso_8859_8},
    {"iso88599", encoding::windows_1254},
    {"iso_8859-1", encoding::windows_1252},
    {"iso_8859-15", encoding::iso_8859_15},
    {"iso_8859-1:1987", encoding::windows_1252},
    {"iso_8859-2", encoding::iso_8859_2},
    {"iso_8859-2:1987", encoding::iso_8859_2},
    {"iso_8859-3", encoding::iso_8859_3},
    {"iso_8859-3:1988", encoding::iso_8859_3},
    {"iso_8859-4", encoding::iso_8859_4},
    {"iso_8859-4:1988", encoding::iso_8859_4},
    {"iso_8859-5", encoding::iso_8859_5},
    {"iso_8859-5:1988", encoding::iso_8859_5},
    {"iso_8859-6", encoding::iso_8859_6},
    {"iso_8859-6:1987", encoding::iso_8859_6},
    {"iso_8859-7", encoding::iso_8859_7},
    {"iso_8859-7:1987", encoding::iso_8859_7},
    {"iso_8859-8", encoding::iso_8859_8},
    {"iso_8859-8:1988", encoding::iso_8859_8},
    {"iso_8859-9", encoding::windows_1254},
    {"iso_8859-9:1989", encoding::windows_1254},
    {"koi", encoding::koi8_r},
    {"koi8", encoding::koi8_r},
    {"koi8-r", encoding::koi8_r},
    {"koi8-ru", encoding::koi8_u},
    {"koi8-u", encoding::koi8_u},
    {"koi8_r", encoding::koi8_r},
    {"korean", encoding::euc_kr},
    {"ks_c_5601-1987", encoding::euc_kr},
    {"ks_c_5601-1989", encoding::euc_kr},
    {"ksc5601", encoding::euc_kr},
    {"ksc_5601", encoding::euc_kr},
    {"l1", encoding::windows_1252},
    {"l2", encoding::iso_8859_2},
    {"l3", encoding::iso_8859_3},
    {"l4", encoding::iso_8859_4},
    {"l5", encoding::windows_1254},
    {"l6", encoding::iso_8859_10},
    {"l9", encoding::iso_8859_15},
    {"latin1", encoding::windows_1252},
    {"latin2", encoding::iso_8859_2},
    {"latin3", encoding::iso_8859_3},
    {"latin4", encoding::iso_8859_4},
    {"latin5", encoding::windows_1254},
    {"latin6", encoding::iso_8859_10},
    {"logical", encoding::iso_8859_8_i},
    {"mac", encoding::macintosh},
    {"macintosh", encoding::macintosh},
    {"ms932", encoding::shift_jis},
    {"ms_kanji", encoding::shift_jis},
    {"replacement", encoding::replacement},
    {"shift-jis", encoding::shift_jis},
    {"shift_jis", encoding::shift_jis},
    {"sjis", encoding::shift_jis},
    {"sun_eu_greek", encoding::iso_8859_7},
    {"tis-620", encoding::windows_874},
    {"ucs-2", encoding::utf_16le},
    {"unicode", encoding::utf_16le},
    {"unicode-1-1-utf-8", encoding::utf_8},
    {"unicode11utf8", encoding::utf_8},
    {"unicode20utf8", encoding::utf_8},
    {"unicodefeff", encoding::utf_16le},
    {"unicodefffe", encoding::utf_16be},
    {"us-ascii", encoding::windows_1252},
    {"utf-16", encoding::utf_16le},
    {"utf-16be", encoding::utf_16be},
    {"utf-16le", encoding::utf_16le},
    {"utf-8", encoding::utf_8},
    {"utf8", encoding::utf_8},
    {"visual", encoding::iso_8859_8},
    {"windows-1250", encoding::windows_1250},
    {"windows-1251", encoding::windows_1251},
    {"windows-1252", encoding::windows_1252},
    {"windows-1253", encoding::windows_1253},
    {"windows-1254", encoding::windows_1254},
    {"windows-1255", encoding::windows_1255},
    {"windows-1256", encoding::windows_1256},
    {"windows-1257", encoding::windows_1257},
    {"windows-1258", encoding::windows_1258},
    {"windows-31j", encoding::shift_jis},
    {"windows-874", encoding::windows_874},
    {"windows-949", encoding::euc_kr},
    {"x-cp1250", encoding::windows_1250},
    {"x-cp1251", encoding::windows_1251},
    {"x-cp1252", encoding::windows_1252},
    {"x-cp1253", encoding::windows_1253},
    {"x-cp1254", encoding::windows_1254},
    {"x-cp1255", encoding::windows_1255},
    {"x-cp1256", encoding::windows_1256},
    {"x-cp1257", encoding::windows_1257},
    {"x-cp1258", encoding::windows_1258},
    {"x-euc-jp", encoding::euc_jp},
    {"x-gbk", encoding::gbk},
    {"x-mac-cyrillic", encoding::x_mac_cyrillic},
    {"x-mac-roman", encoding::macintosh},
    {"x-mac-ukrainian", encoding::x_mac_cyrillic},
    {"x-sjis", encoding::shift_jis},
    {"x-unicode20utf8", encoding::utf_8},
    {"x-user-defined", encoding::x_user_defined},
    {"x-x-big5", encoding::big5},
};

static_assert(std::ranges::is_sorted(labels, {}, &labelled::label));

constexpr std::size_t longest_label = std::ranges::max(labels, {}, [](const labelled& entry) {
                                          return entry.label.size();
                                      }).label.size();

constexpr std::string_view names[] = {
    "UTF-8",        "IBM866",       "ISO-8859-2",   "ISO-8859-3",     "ISO-8859-4",
    "ISO-8859-5",   "ISO-8859-6",   "ISO-8859-7",   "ISO-8859-8",     "ISO-8859-8-I",
    "ISO-8859-10",  "ISO-8859-13",  "ISO-8859-14",  "ISO-8859-15",    "ISO-8859-16",
    "KOI8-R",       "KOI8-U",       "macintosh",    "windows-874",    "windows-1250",
    "windows-1251", "windows-1252", "windows-1253", "windows-1254",   "windows-1255",
    "windows-1256", "windows-1257", "windows-1258", "x-mac-cyrillic", "GBK",
    "gb18030",      "Big5",         "EUC-JP",       "ISO-2022-JP",    "Shift_JIS",
    "EUC-KR",       "replacement",  "UTF-16BE",     "UTF-16LE",       "x-user-defined",
};

static_assert(std::size(names) == static_cast<std::size_t>(encoding::x_user_defined) + 1);

}  // namespace

std::string_view name_of(encoding which) noexcept {
    return names[static_cast<std::size_t>(which)];
}

std::optional<encoding> encoding_of_label(std::string_view label) noexcept {
    constexpr std::string_view blanks = "\t\n\f\r ";
    const auto first = label.find_first_not_of(blanks);
    if (first == std::string_view::npos) return std::nullopt;
    label = label.substr(first, label.find_last_not_of(blanks) - first + 1);
    if (label.size() > longest_label) return std::nullopt;

    std::array<char, longest_label> lower{};
    std::ranges::transform(label, lower.begin(), [](char character) {
        return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a')
                                                    : character;
    });
    const std::string_view wanted{lower.data(), label.size()};
    const auto* found = std::ranges::lower_bound(labels, wanted, {}, &labelled::label);
    if (found == std::end(labels) || found->label != wanted) return std::nullopt;
    return found->which;
}

}  // namespace simul::web
