// SPDX-License-Identifier: Apache-2.0
//
// web/host_address.cpp: IPv4 and IPv6 addresses as the URL Standard reads and writes them.
#include <algorithm>
#include <optional>

#include "web/host.hpp"
#include "web/url_characters.hpp"

namespace simul::web::detail {

using namespace url_text;

namespace {

constexpr std::uint64_t too_large = std::uint64_t{1} << 32;

/// A number of an IPv4 address: 0x means hexadecimal, a leading 0 octal, and "0x" alone is 0.
/// What exceeds 32 bits comes out as too_large.
std::optional<std::uint64_t> ipv4_number(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    int radix = 10;
    if (text.size() >= 2 && text[0] == '0') {
        const bool hexadecimal = to_lower(text[1]) == 'x';
        radix = hexadecimal ? 16 : 8;
        text.remove_prefix(hexadecimal ? 2 : 1);
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        const int digit = hex_value(c);
        if (digit < 0 || digit >= radix) return std::nullopt;
        value = value * static_cast<unsigned>(radix) + static_cast<unsigned>(digit);
        value = std::min(value, too_large);
    }
    return value;
}

void append_decimal(std::string& out, unsigned byte) {
    if (byte >= 100) out.push_back(static_cast<char>('0' + byte / 100));
    if (byte >= 10) out.push_back(static_cast<char>('0' + byte / 10 % 10));
    out.push_back(static_cast<char>('0' + byte % 10));
}

void append_hexadecimal(std::string& out, unsigned piece) {
    static constexpr char digits[] = "0123456789abcdef";
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        const unsigned digit = (piece >> shift) & 0xF;
        started = started || digit != 0 || shift == 0;
        if (started) out.push_back(digits[digit]);
    }
}

/// The dotted end of an IPv6 address: exactly four decimal numbers without leading zeros.
bool parse_dotted_end(std::string_view text, std::uint16_t& high, std::uint16_t& low) noexcept {
    unsigned numbers[4];
    std::size_t i = 0;
    for (int n = 0; n < 4; ++n) {
        if (n > 0 && (i >= text.size() || text[i++] != '.')) return false;
        const std::size_t begin = i;
        unsigned value = 0;
        while (i < text.size() && is_digit(text[i]) && value <= 255) {
            if (i > begin && value == 0) return false;
            value = value * 10 + static_cast<unsigned>(text[i++] - '0');
        }
        if (i == begin || value > 255) return false;
        numbers[n] = value;
    }
    if (i != text.size()) return false;
    high = static_cast<std::uint16_t>(numbers[0] << 8 | numbers[1]);
    low = static_cast<std::uint16_t>(numbers[2] << 8 | numbers[3]);
    return true;
}

}  // namespace

bool ends_in_number(std::string_view domain) noexcept {
    if (domain.ends_with('.')) domain.remove_suffix(1);
    const std::string_view last = domain.substr(domain.rfind('.') + 1);
    if (last.empty() || !is_digit(last[0])) return false;
    return std::ranges::all_of(last, is_digit) || ipv4_number(last).has_value();
}

bool parse_ipv4(std::string_view text, std::uint32_t& address) noexcept {
    if (text.ends_with('.')) text.remove_suffix(1);
    std::uint64_t numbers[4];
    std::size_t count = 0;
    while (true) {
        const std::size_t dot = text.find('.');
        const auto number = ipv4_number(text.substr(0, dot));
        if (!number || count == 4) return false;
        numbers[count++] = *number;
        if (dot == std::string_view::npos) break;
        text.remove_prefix(dot + 1);
    }
    // The last number fills all the bytes that the others leave.
    const std::uint64_t last = numbers[count - 1];
    if (last >= std::uint64_t{1} << (8 * (5 - count))) return false;
    std::uint64_t value = last;
    for (std::size_t i = 0; i + 1 < count; ++i) {
        if (numbers[i] > 255) return false;
        value += numbers[i] << (8 * (3 - i));
    }
    address = static_cast<std::uint32_t>(value);
    return true;
}

void append_ipv4(std::string& out, std::uint32_t address) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        append_decimal(out, (address >> shift) & 0xFF);
        if (shift != 0) out.push_back('.');
    }
}

bool parse_ipv6(std::string_view text, std::array<std::uint16_t, 8>& pieces) noexcept {
    pieces.fill(0);
    std::size_t count = 0;
    std::size_t gap = pieces.size() + 1;  // index of the piece where "::" stands; none yet
    std::size_t i = 0;
    if (text.starts_with(':')) {
        if (!text.starts_with("::")) return false;
        i = 2;
        gap = 0;
    }
    while (i < text.size()) {
        if (count == pieces.size()) return false;
        if (text[i] == ':') {
            if (gap <= pieces.size()) return false;
            gap = count;
            ++i;
            continue;
        }
        const std::size_t begin = i;
        unsigned value = 0;
        while (i < text.size() && i - begin < 4 && hex_value(text[i]) >= 0) {
            value = value * 16 + static_cast<unsigned>(hex_value(text[i++]));
        }
        if (i < text.size() && text[i] == '.') {
            if (i == begin || count > pieces.size() - 2) return false;
            if (!parse_dotted_end(text.substr(begin), pieces[count], pieces[count + 1])) {
                return false;
            }
            count += 2;
            break;
        }
        if (i < text.size() && (text[i] != ':' || ++i == text.size())) return false;
        pieces[count++] = static_cast<std::uint16_t>(value);
    }
    if (gap > pieces.size()) return count == pieces.size();
    if (count == pieces.size()) return false;  // the gap stands for one zero at least
    std::move_backward(pieces.begin() + static_cast<std::ptrdiff_t>(gap),
                       pieces.begin() + static_cast<std::ptrdiff_t>(count), pieces.end());
    std::fill_n(pieces.begin() + static_cast<std::ptrdiff_t>(gap), pieces.size() - count,
                std::uint16_t{0});
    return true;
}

void append_ipv6(std::string& out, const std::array<std::uint16_t, 8>& pieces) {
    // The longest run of zeros, the first of equals, becomes "::" unless it is a single piece.
    std::size_t run_begin = pieces.size();
    std::size_t run_length = 1;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        std::size_t end = i;
        while (end < pieces.size() && pieces[end] == 0) ++end;
        if (end - i > run_length) {
            run_begin = i;
            run_length = end - i;
        }
        if (end > i) i = end - 1;
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (i == run_begin) {
            out.append(i == 0 ? "::" : ":");
            i += run_length - 1;
            continue;
        }
        append_hexadecimal(out, pieces[i]);
        if (i + 1 < pieces.size()) out.push_back(':');
    }
}

}  // namespace simul::web::detail
