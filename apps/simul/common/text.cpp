// SPDX-License-Identifier: Apache-2.0
#include "common/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace simul::program {

namespace {

// One character of well-formed UTF-8 at the front of `text`; a length of 0 says that there is none.
struct character {
    std::uint32_t code = 0;
    std::size_t length = 0;
};

character first_character(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    std::size_t length = 0;
    std::uint32_t code = 0;
    std::uint32_t least = 0;
    if (lead >= 0xC2 && lead < 0xE0) {
        length = 2, code = lead & 0x1FU, least = 0x80;
    } else if (lead >= 0xE0 && lead < 0xF0) {
        length = 3, code = lead & 0x0FU, least = 0x800;
    } else if (lead >= 0xF0 && lead < 0xF5) {
        length = 4, code = lead & 0x07U, least = 0x10000;
    }
    if (length == 0 || text.size() < length) return {};
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0U) != 0x80) return {};
        code = code << 6U | (byte(at) & 0x3FU);
    }
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
    return {code, length};
}

// Characters that show nothing themselves and change how others are shown, or move the cursor.
bool is_dangerous(std::uint32_t code) noexcept {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x200B && code <= 0x200F) ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
           code == 0x061C || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB);
}

constexpr bool needs_escape(char each) noexcept {
    return (static_cast<unsigned char>(each) < 0x20) | (each == 0x7F) | (each == '\\');
}

void append_escape(std::string& to, char each) {
    switch (each) {
        case '\t': to.append("\\t"); break;
        case '\n': to.append("\\n"); break;
        case '\r': to.append("\\r"); break;
        case '\\': to.append("\\\\"); break;
        default:
            fmt::format_to(std::back_inserter(to), "\\x{:02X}", static_cast<unsigned char>(each));
    }
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
    std::string shown;
    while (!text.empty()) {
        if (shown.size() >= most) {
            shown.append("…");
            break;
        }
        const character next = first_character(text);
        if (next.length == 0) {
            fmt::format_to(std::back_inserter(shown), "\\x{:02X}",
                           static_cast<unsigned char>(text.front()));
            text.remove_prefix(1);
            continue;
        }
        if (next.code < 0x80 && is_dangerous(next.code)) {
            fmt::format_to(std::back_inserter(shown), "\\x{:02X}", next.code);
        } else if (is_dangerous(next.code)) {
            fmt::format_to(std::back_inserter(shown), "\\u{{{:X}}}", next.code);
        } else {
            shown.append(text.substr(0, next.length));
        }
        text.remove_prefix(next.length);
    }
    return shown;
}

void append_table_cell(std::string& to, std::string_view text) {
    // Without a way out of the loop a compiler looks at many bytes at a time.
    unsigned char special = 0;
    for (const char each : text) special |= static_cast<unsigned char>(needs_escape(each));
    if (special == 0) {
        to.append(text);
        return;
    }
    for (const char each : text) {
        if (needs_escape(each)) {
            append_escape(to, each);
        } else {
            to.push_back(each);
        }
    }
}

std::string table_cell(std::string_view text) {
    std::string cell;
    append_table_cell(cell, text);
    return cell;
}

}  // namespace simul::program
