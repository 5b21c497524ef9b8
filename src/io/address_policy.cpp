// SPDX-License-Identifier: Apache-2.0
#include "simul/io/address_policy.hpp"

#include <algorithm>

namespace simul {

namespace {

struct v4_block {
    std::uint32_t prefix;
    unsigned length;
};

constexpr std::uint32_t number(unsigned a, unsigned b, unsigned c, unsigned d) noexcept {
    return (a << 24U) | (b << 16U) | (c << 8U) | d;
}

// What IANA's registry does not call globally reachable, and what is not assigned at all.
constexpr std::array refused_v4{
    v4_block{number(0, 0, 0, 0), 8},        // this network
    v4_block{number(10, 0, 0, 0), 8},       // private
    v4_block{number(100, 64, 0, 0), 10},    // shared by providers
    v4_block{number(127, 0, 0, 0), 8},      // loopback
    v4_block{number(169, 254, 0, 0), 16},   // link-local
    v4_block{number(172, 16, 0, 0), 12},    // private
    v4_block{number(192, 0, 0, 0), 24},     // protocol assignments
    v4_block{number(192, 0, 2, 0), 24},     // documentation
    v4_block{number(192, 88, 99, 0), 24},   // former 6to4 relays
    v4_block{number(192, 168, 0, 0), 16},   // private
    v4_block{number(198, 18, 0, 0), 15},    // benchmarking
    v4_block{number(198, 51, 100, 0), 24},  // documentation
    v4_block{number(203, 0, 113, 0), 24},   // documentation
    v4_block{number(224, 0, 0, 0), 4},      // multicast
    v4_block{number(240, 0, 0, 0), 4},      // reserved, and broadcast
};

bool is_reachable_v4(std::uint32_t address) noexcept {
    return std::ranges::none_of(refused_v4, [&](const v4_block& block) {
        return (address ^ block.prefix) >> (32 - block.length) == 0;
    });
}

// The bytes of an IPv6 address, and the IPv4 addresses that may be in it.
class v6_view {
public:
    explicit v6_view(std::span<const std::uint8_t> bytes) noexcept : bytes_{bytes} {}

    [[nodiscard]] unsigned group(std::size_t index) const noexcept {
        return (static_cast<unsigned>(bytes_[2 * index]) << 8U) | bytes_[2 * index + 1];
    }
    [[nodiscard]] bool is_zero(std::size_t from, std::size_t to) const noexcept {
        return std::all_of(bytes_.begin() + static_cast<std::ptrdiff_t>(from),
                           bytes_.begin() + static_cast<std::ptrdiff_t>(to),
                           [](std::uint8_t byte) { return byte == 0; });
    }
    [[nodiscard]] std::uint32_t v4_at(std::size_t a, std::size_t b, std::size_t c,
                                      std::size_t d) const noexcept {
        return number(bytes_[a], bytes_[b], bytes_[c], bytes_[d]);
    }
    [[nodiscard]] std::uint32_t v4_at(std::size_t first) const noexcept {
        return v4_at(first, first + 1, first + 2, first + 3);
    }

private:
    std::span<const std::uint8_t> bytes_;
};

// Who runs a translator under 64:ff9b:1::/48 chooses the length of its prefix, and with it the
// place of the IPv4 address (RFC 6052 section 2.2; byte 8 is left out). Nobody outside knows the
// choice, so whatever lies in any of the places must be harmless. A reading in 0.0.0.0/8 is the
// padding of another layout.
bool is_reachable_local_nat64(const v6_view& address) noexcept {
    const std::array readings{address.v4_at(6, 7, 9, 10), address.v4_at(7, 9, 10, 11),
                              address.v4_at(9), address.v4_at(12)};
    bool found = false;
    for (const std::uint32_t reading : readings) {
        if (reading >> 24U == 0) continue;
        if (!is_reachable_v4(reading)) return false;
        found = true;
    }
    return found;
}

bool is_reachable_v6(const v6_view& address) noexcept {
    if (address.is_zero(0, 12)) return is_reachable_v4(address.v4_at(12));  // IPv4-compatible
    if (address.group(0) == 0x64 && address.group(1) == 0xff9b) {
        if (address.is_zero(4, 12)) return is_reachable_v4(address.v4_at(12));
        return address.group(2) == 1 && is_reachable_local_nat64(address);
    }
    if (address.group(0) == 0x2002) return is_reachable_v4(address.v4_at(2));
    if (address.group(0) == 0x2001 && address.group(1) == 0) {
        return is_reachable_v4(address.v4_at(4)) && is_reachable_v4(~address.v4_at(12));
    }
    if (address.group(0) >> 13U != 1) return false;  // not in 2000::/3
    if (address.group(0) == 0x2001) {
        // Protocol assignments, and documentation.
        return address.group(1) >= 0x200 && address.group(1) != 0xdb8;
    }
    // 3fff::/20, documentation.
    return !(address.group(0) == 0x3fff && address.group(1) >> 12U == 0);
}

}  // namespace

bool is_globally_reachable(const ip_address& address) noexcept {
    const ip_address inner = address.unmapped();
    const auto bytes = inner.bytes();
    if (inner.is_v4()) return is_reachable_v4(number(bytes[0], bytes[1], bytes[2], bytes[3]));
    return is_reachable_v6(v6_view{bytes});
}

}  // namespace simul
