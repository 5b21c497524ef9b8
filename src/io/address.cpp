// SPDX-License-Identifier: Apache-2.0
#include "simul/io/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <net/if.h>

namespace simul {

namespace {

// Digits only, the whole text, no leading zeros.
std::optional<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t largest) noexcept {
    if (text.empty() || text.size() > 10) return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    std::uint64_t value = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    if (value > largest) return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) noexcept {
    std::array<std::uint8_t, 4> bytes{};
    for (std::size_t index = 0; index != 4; ++index) {
        const std::size_t dot = index == 3 ? text.size() : text.find('.');
        if (dot == std::string_view::npos) return std::nullopt;
        const std::optional<std::uint32_t> value = parse_decimal(text.substr(0, dot), 255);
        if (!value) return std::nullopt;
        bytes[index] = static_cast<std::uint8_t>(*value);
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return bytes;
}

std::optional<std::uint16_t> parse_group(std::string_view text) noexcept {
    if (text.empty() || text.size() > 4) return std::nullopt;
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Groups separated by colons, the last two perhaps as an IPv4 address. A side of "::", or all.
struct group_list {
    std::array<std::uint8_t, 16> bytes{};
    std::size_t size = 0;

    bool read(std::string_view text, bool may_end_in_v4) noexcept {
        while (true) {
            const std::size_t colon = text.find(':');
            const std::string_view part = text.substr(0, colon);
            const bool is_last = colon == std::string_view::npos;
            if (is_last && may_end_in_v4 && part.find('.') != std::string_view::npos) {
                const auto inner = parse_v4(part);
                if (!inner || size > 12) return false;
                std::copy(inner->begin(), inner->end(), bytes.begin() + offset());
                size += 4;
                return true;
            }
            const auto group = parse_group(part);
            if (!group || size > 14) return false;
            bytes[size++] = static_cast<std::uint8_t>(*group >> 8U);
            bytes[size++] = static_cast<std::uint8_t>(*group & 0xffU);
            if (is_last) return true;
            text.remove_prefix(colon + 1);
        }
    }

    [[nodiscard]] std::ptrdiff_t offset() const noexcept {
        return static_cast<std::ptrdiff_t>(size);
    }
};

std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) noexcept {
    group_list before;
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) {
        if (!before.read(text, true) || before.size != 16) return std::nullopt;
        return before.bytes;
    }
    group_list after;
    const std::string_view left = text.substr(0, gap);
    const std::string_view right = text.substr(gap + 2);
    if (!left.empty() && !before.read(left, false)) return std::nullopt;
    if (!right.empty() && !after.read(right, true)) return std::nullopt;
    // "::" stands for one group at least.
    if (before.size + after.size > 14) return std::nullopt;
    std::copy_n(after.bytes.begin(), after.offset(), before.bytes.end() - after.offset());
    return before.bytes;
}

std::optional<std::uint32_t> parse_scope(std::string_view text) noexcept {
    if (const auto number = parse_decimal(text, UINT32_MAX)) return number;
    std::array<char, IF_NAMESIZE> name{};
    if (text.empty() || text.size() >= name.size()) return std::nullopt;
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    std::copy(text.begin(), text.end(), name.begin());
    const unsigned index = ::if_nametoindex(name.data());
    if (index == 0) return std::nullopt;
    return index;
}

// The first of the longest runs of at least two zero groups, as RFC 5952 section 4.2 wants it.
struct zero_run {
    std::size_t begin = 8;
    std::size_t length = 0;
};

zero_run find_zero_run(const std::array<unsigned, 8>& groups) noexcept {
    zero_run longest;
    for (std::size_t begin = 0; begin < groups.size();) {
        std::size_t end = begin;
        while (end < groups.size() && groups[end] == 0) ++end;
        if (end - begin >= 2 && end - begin > longest.length) longest = {begin, end - begin};
        begin = end + 1;
    }
    return longest;
}

std::uint64_t mix(std::uint64_t value) noexcept {
    value ^= value >> 31U;
    value *= 0x9e3779b97f4a7c15U;
    value ^= value >> 29U;
    value *= 0xbf58476d1ce4e5b9U;
    return value ^ (value >> 32U);
}

std::uint64_t hash_of(const ip_address& address) noexcept {
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), address.bytes().data(), address.bytes().size());
    const std::uint64_t kind = address.is_v6() ? 6 : 4;
    return mix(mix(mix(words[0] + kind) + words[1]) + address.scope());
}

}  // namespace

std::optional<ip_address> ip_address::parse(std::string_view text) noexcept {
    if (text.find(':') == std::string_view::npos) {
        const auto bytes = parse_v4(text);
        if (!bytes) return std::nullopt;
        return ip_address{*bytes};
    }
    std::uint32_t scope = 0;
    if (const std::size_t percent = text.find('%'); percent != std::string_view::npos) {
        const auto number = parse_scope(text.substr(percent + 1));
        if (!number) return std::nullopt;
        scope = *number;
        text = text.substr(0, percent);
    }
    const auto bytes = parse_v6(text);
    if (!bytes) return std::nullopt;
    return ip_address{*bytes, scope};
}

std::string ip_address::to_string() const {
    if (!is_v6_) return fmt::format("{}.{}.{}.{}", bytes_[0], bytes_[1], bytes_[2], bytes_[3]);
    std::string text;
    if (is_v4_mapped()) {
        text.append("::ffff:");
        text.append(unmapped().to_string());
    } else {
        std::array<unsigned, 8> groups{};
        for (std::size_t index = 0; index != 8; ++index) {
            groups[index] = static_cast<unsigned>(bytes_[2 * index] << 8U) | bytes_[2 * index + 1];
        }
        const zero_run gap = find_zero_run(groups);
        for (std::size_t index = 0; index < 8; ++index) {
            if (index == gap.begin) {
                text.append("::");
                index += gap.length - 1;
                continue;
            }
            if (!text.empty() && text.back() != ':') text.push_back(':');
            fmt::format_to(std::back_inserter(text), "{:x}", groups[index]);
        }
    }
    if (scope_ != 0) fmt::format_to(std::back_inserter(text), "%{}", scope_);
    return text;
}

std::optional<endpoint> endpoint::parse(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_decimal(text.substr(colon + 1), 65535);
    if (!port) return std::nullopt;
    text = text.substr(0, colon);
    const bool has_brackets = text.size() >= 2 && text.front() == '[' && text.back() == ']';
    if (has_brackets) text = text.substr(1, text.size() - 2);
    const auto address = ip_address::parse(text);
    if (!address || address->is_v6() != has_brackets) return std::nullopt;
    return endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string endpoint::to_string() const {
    const char* form = address_.is_v6() ? "[{}]:{}" : "{}:{}";
    return fmt::format(fmt::runtime(form), address_.to_string(), port_);
}

}  // namespace simul

std::size_t std::hash<simul::ip_address>::operator()(
    const simul::ip_address& address) const noexcept {
    return static_cast<std::size_t>(simul::hash_of(address));
}

std::size_t std::hash<simul::endpoint>::operator()(const simul::endpoint& where) const noexcept {
    return static_cast<std::size_t>(simul::mix(simul::hash_of(where.address()) + where.port()));
}
