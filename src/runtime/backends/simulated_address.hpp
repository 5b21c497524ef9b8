// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_address.hpp: where a simulated socket is.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace simul::detail {

/// An address of the internet and a port. One of IPv4 that is mapped into IPv6 is one of IPv4 here,
/// so that what is the same place compares equal; sockets of IPv6 are told it mapped.
struct simulated_address {
    int family = AF_UNSPEC;  // AF_INET, AF_INET6; AF_UNSPEC is nowhere
    std::uint16_t port = 0;
    std::array<std::uint8_t, 16> bytes{};  // of IPv4 the first four

    friend bool operator==(const simulated_address&, const simulated_address&) = default;

    /// What a sockaddr_in or sockaddr_in6 says; nothing if it is another one, or cut.
    [[nodiscard]] static std::optional<simulated_address> read(const void* name,
                                                               std::size_t size) noexcept;

    /// Writes what fits of the sockaddr for a socket of `own_family`. Returns its full length.
    std::size_t write(int own_family, void* name, std::size_t room) const noexcept;

    [[nodiscard]] static simulated_address any(int own_family, std::uint16_t on_port) noexcept;
    [[nodiscard]] static simulated_address loopback(int own_family, std::uint16_t on_port) noexcept;

    [[nodiscard]] bool is_anywhere() const noexcept { return family != AF_UNSPEC; }
    [[nodiscard]] bool is_wildcard() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;  ///< 127.0.0.0/8 without broadcast, or ::1
    [[nodiscard]] bool is_broadcast() const noexcept;
    [[nodiscard]] bool is_same_host(const simulated_address& other) const noexcept {
        return family == other.family && bytes == other.bytes;
    }
};

}  // namespace simul::detail
