// SPDX-License-Identifier: Apache-2.0
//
// The encodings of one byte per character.
#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "charset_text.hpp"

namespace simul::web {

namespace {

// 0x80 to 0x9f of windows-1252; from 0xa0 on it is Latin-1.
constexpr char16_t windows_1252[] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

// What ISO-8859-16, which ICU does not have, has in other places than Latin-1.
struct place {
    unsigned char byte;
    char16_t character;
};
constexpr place iso_8859_16[] = {
    {0xa1, 0x0104}, {0xa2, 0x0105}, {0xa3, 0x0141}, {0xa4, 0x20ac}, {0xa5, 0x201e}, {0xa6, 0x0160},
    {0xa8, 0x0161}, {0xaa, 0x0218}, {0xac, 0x0179}, {0xae, 0x017a}, {0xaf, 0x017b}, {0xb2, 0x010c},
    {0xb3, 0x0142}, {0xb4, 0x017d}, {0xb5, 0x201d}, {0xb8, 0x017e}, {0xb9, 0x010d}, {0xba, 0x0219},
    {0xbc, 0x0152}, {0xbd, 0x0153}, {0xbe, 0x0178}, {0xbf, 0x017c}, {0xc3, 0x0102}, {0xc5, 0x0106},
    {0xd0, 0x0110}, {0xd1, 0x0143}, {0xd5, 0x0150}, {0xd7, 0x015a}, {0xd8, 0x0170}, {0xdd, 0x0118},
    {0xde, 0x021a}, {0xe3, 0x0103}, {0xe5, 0x0107}, {0xf0, 0x0111}, {0xf1, 0x0144}, {0xf5, 0x0151},
    {0xf7, 0x015b}, {0xf8, 0x0171}, {0xfd, 0x0119}, {0xfe, 0x021b},
};

upper_half upper_half_of(encoding which) {
    if (which != encoding::windows_1252 && which != encoding::iso_8859_16 &&
        which != encoding::x_user_defined) {
        return icu_upper_half(which);
    }
    upper_half table{};
    for (std::size_t index = 0; index < table.size(); ++index) {
        const std::size_t base = which == encoding::x_user_defined ? 0xf780 : 0x80;
        table[index] = static_cast<char16_t>(base + index);
    }
    if (which == encoding::windows_1252) {
        std::size_t index = 0;
        for (const char16_t character : windows_1252) table[index++] = character;
    } else if (which == encoding::iso_8859_16) {
        for (const auto& [byte, character] : iso_8859_16) table[byte - 0x80U] = character;
    }
    return table;
}

// The UTF-8 of the upper half, at most three bytes each.
struct expansion {
    std::array<char, 3> bytes{};
    std::uint8_t size = 0;
};
using expansions = std::array<expansion, 128>;

// Made when an encoding is first met: asking ICU takes as long as decoding a page.
const expansions& expansions_of(encoding which) {
    constexpr auto count = static_cast<std::size_t>(encoding::x_user_defined) + 1;
    static std::array<std::once_flag, count> made;
    static std::array<expansions, count> tables;
    const auto index = static_cast<std::size_t>(which);
    expansions& table = tables[index];
    std::call_once(made[index], [&] {
        const upper_half characters = upper_half_of(which);
        for (std::size_t place = 0; place < table.size(); ++place) {
            std::string text;
            append_utf8(text, characters[place]);
            table[place].size = static_cast<std::uint8_t>(text.size());
            std::memcpy(table[place].bytes.data(), text.data(), text.size());
        }
    });
    return table;
}

}  // namespace

bool is_single_byte(encoding which) noexcept {
    return (which >= encoding::ibm866 && which <= encoding::x_mac_cyrillic) ||
           which == encoding::x_user_defined;
}

std::string single_bytes_to_utf8(std::string_view bytes, encoding which) {
    const expansions& table = expansions_of(which);
    std::size_t size = 0;
    for (const char character : bytes) {
        const auto byte = static_cast<unsigned char>(character);
        size += byte < 0x80 ? 1 : table[byte - 0x80U].size;
    }
    std::string text(size, '\0');
    char* target = text.data();
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t end = end_of_ascii(bytes, at);
        if (end != at) std::memcpy(target, bytes.data() + at, end - at);
        target += end - at;
        at = end;
        for (; at < bytes.size() && static_cast<unsigned char>(bytes[at]) >= 0x80; ++at) {
            const expansion& made = table[static_cast<unsigned char>(bytes[at]) - 0x80U];
            target[0] = made.bytes[0];  // two or three
            target[1] = made.bytes[1];
            if (made.size == 3) target[2] = made.bytes[2];
            target += made.size;
        }
    }
    return text;
}

}  // namespace simul::web
