// SPDX-License-Identifier: Apache-2.0
//
// simul/io/address.hpp: the addresses of the internet, as values.
//
// Nothing here asks the network. Names of hosts become addresses in dns.hpp; whether an address may
// be dialled at all is a question for address_policy.hpp.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace simul {

/// An IPv4 or IPv6 address, the latter with the number of the interface it is meant on (its scope).
///
/// A plain value: trivially copied, ordered (IPv4 before IPv6, then by bytes), hashable. The
/// questions is_loopback, is_private and the like look through an IPv4-mapped address
/// (::ffff:127.0.0.1), because the system does so, too, when it connects.
///
/// Threads       any.
class ip_address {
public:
    /// The IPv4 address 0.0.0.0.
    constexpr ip_address() noexcept = default;

    /// An IPv4 address from its four bytes, in the order in which they are written.
    constexpr explicit ip_address(const std::array<std::uint8_t, 4>& bytes) noexcept {
        for (std::size_t index = 0; index != 4; ++index) bytes_[index] = bytes[index];
    }

    /// An IPv6 address from its sixteen bytes; a scope of 0 is none.
    constexpr explicit ip_address(const std::array<std::uint8_t, 16>& bytes,
                                  std::uint32_t scope = 0) noexcept
        : is_v6_{true}, bytes_{bytes}, scope_{scope} {}

    /// 127.0.0.1, ::1, 0.0.0.0 and ::.
    static constexpr ip_address loopback_v4() noexcept {
        return ip_address{std::array<std::uint8_t, 4>{127, 0, 0, 1}};
    }
    static constexpr ip_address loopback_v6() noexcept {
        return ip_address{std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0,  //
                                                       0, 0, 0, 0, 0, 0, 0, 1}};
    }
    static constexpr ip_address any_v4() noexcept { return ip_address{}; }
    static constexpr ip_address any_v6() noexcept {
        return ip_address{std::array<std::uint8_t, 16>{}};
    }

    /// Reads an address: four decimal numbers without leading zeros, or any form of RFC 4291
    /// section 2.2 with an optional scope (`fe80::1%3`, `fe80::1%eth0`). Octal, hexadecimal and
    /// shortened IPv4 forms are refused, and so are brackets and blanks.
    ///
    /// Returns       nothing if it is not an address, or if its scope names no interface.
    /// Complexity    O(length); one system call if the scope is a name.
    [[nodiscard]] static std::optional<ip_address> parse(std::string_view text) noexcept;

    [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }

    /// The four or sixteen bytes.
    ///
    /// Lifetime      a view of this object.
    [[nodiscard]] constexpr std::span<const std::uint8_t> bytes() const noexcept {
        return std::span{bytes_}.first(is_v6_ ? 16U : 4U);
    }

    /// The interface the address is meant on; 0 is none.
    [[nodiscard]] constexpr std::uint32_t scope() const noexcept { return scope_; }

    /// ::ffff:a.b.c.d.
    [[nodiscard]] constexpr bool is_v4_mapped() const noexcept {
        if (!is_v6_) return false;
        for (std::size_t index = 0; index != 10; ++index) {
            if (bytes_[index] != 0) return false;
        }
        return bytes_[10] == 0xff && bytes_[11] == 0xff;
    }

    /// The IPv4 address in an IPv4-mapped one; any other address unchanged.
    [[nodiscard]] constexpr ip_address unmapped() const noexcept {
        if (!is_v4_mapped()) return *this;
        return ip_address{
            std::array<std::uint8_t, 4>{bytes_[12], bytes_[13], bytes_[14], bytes_[15]}};
    }

    /// 0.0.0.0 and ::.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        const ip_address inner = unmapped();
        for (const std::uint8_t byte : inner.bytes_) {
            if (byte != 0) return false;
        }
        return true;
    }

    /// 127.0.0.0/8 and ::1.
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        const ip_address inner = unmapped();
        if (!inner.is_v6_) return inner.bytes_[0] == 127;
        return inner.bytes_ == loopback_v6().bytes_;
    }

    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7.
    ///
    /// Source        RFC 1918; RFC 4193.
    [[nodiscard]] constexpr bool is_private() const noexcept {
        const ip_address inner = unmapped();
        const auto& byte = inner.bytes_;
        if (inner.is_v6_) return (byte[0] & 0xfeU) == 0xfc;
        return byte[0] == 10 || (byte[0] == 172 && (byte[1] & 0xf0U) == 16) ||
               (byte[0] == 192 && byte[1] == 168);
    }

    /// 169.254.0.0/16 and fe80::/10.
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        const ip_address inner = unmapped();
        const auto& byte = inner.bytes_;
        if (inner.is_v6_) return byte[0] == 0xfe && (byte[1] & 0xc0U) == 0x80;
        return byte[0] == 169 && byte[1] == 254;
    }

    /// 224.0.0.0/4 and ff00::/8.
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        const ip_address inner = unmapped();
        if (inner.is_v6_) return inner.bytes_[0] == 0xff;
        return (inner.bytes_[0] & 0xf0U) == 0xe0;
    }

    /// The usual spelling, which parse() reads back: lower case, the longest run of zeros
    /// shortened, an IPv4-mapped address with its dots, the scope as a number.
    ///
    /// Source        RFC 5952.
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const ip_address&, const ip_address&) noexcept = default;

private:
    bool is_v6_ = false;
    std::array<std::uint8_t, 16> bytes_{};  // IPv4 in the first four
    std::uint32_t scope_ = 0;
};

/// Where a socket is, or shall go: an address and a port.
///
/// Threads       any.
class endpoint {
public:
    /// 0.0.0.0:0.
    constexpr endpoint() noexcept = default;
    constexpr endpoint(const ip_address& address, std::uint16_t port) noexcept
        : address_{address}, port_{port} {}

    /// Reads `127.0.0.1:80` or `[::1]:80`. The port is decimal, without sign or leading zeros.
    ///
    /// Returns       nothing if it is not of that form; a name of a host is not, either.
    [[nodiscard]] static std::optional<endpoint> parse(std::string_view text) noexcept;

    [[nodiscard]] constexpr const ip_address& address() const noexcept { return address_; }
    [[nodiscard]] constexpr std::uint16_t port() const noexcept { return port_; }

    /// What parse() reads.
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const endpoint&, const endpoint&) noexcept = default;

private:
    ip_address address_;
    std::uint16_t port_ = 0;
};

}  // namespace simul

template <>
struct std::hash<simul::ip_address> {
    std::size_t operator()(const simul::ip_address& address) const noexcept;
};

template <>
struct std::hash<simul::endpoint> {
    std::size_t operator()(const simul::endpoint& where) const noexcept;
};
