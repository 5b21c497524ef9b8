// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/simulated_address.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace simul::detail {

namespace {

using address_bytes = std::array<std::uint8_t, 16>;

constexpr address_bytes of_this_host{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::array<std::uint8_t, 4> broadcast_everywhere{255, 255, 255, 255};
constexpr std::array<std::uint8_t, 4> broadcast_here{127, 255, 255, 255};

// What RFC 2133 had, without the scope; the system takes that, too.
constexpr std::size_t shortest_v6 = offsetof(sockaddr_in6, sin6_scope_id);

}  // namespace

std::optional<simulated_address> simulated_address::read(const void* name,
                                                         std::size_t size) noexcept {
    sa_family_t kind = AF_UNSPEC;
    if (name == nullptr || size < sizeof kind) return std::nullopt;
    std::memcpy(&kind, name, sizeof kind);
    simulated_address result;
    if (kind == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in given{};
        std::memcpy(&given, name, sizeof given);
        result.family = AF_INET;
        result.port = ntohs(given.sin_port);
        std::memcpy(result.bytes.data(), &given.sin_addr, sizeof given.sin_addr);
        return result;
    }
    if (kind != AF_INET6 || size < shortest_v6) return std::nullopt;
    sockaddr_in6 given{};
    std::memcpy(&given, name, shortest_v6);
    result.family = AF_INET6;
    result.port = ntohs(given.sin6_port);
    std::memcpy(result.bytes.data(), &given.sin6_addr, sizeof given.sin6_addr);
    if (!std::ranges::equal(mapped, std::span{result.bytes}.first<12>())) return result;
    result.family = AF_INET;
    const address_bytes all = std::exchange(result.bytes, address_bytes{});
    std::copy(all.begin() + mapped.size(), all.end(), result.bytes.begin());
    return result;
}

std::size_t simulated_address::write(int own_family, void* name, std::size_t room) const noexcept {
    sockaddr_storage full{};
    std::size_t size = sizeof(sa_family_t);
    full.ss_family = static_cast<sa_family_t>(own_family);
    if (own_family == AF_INET) {
        sockaddr_in made{};
        made.sin_family = AF_INET;
        made.sin_port = htons(port);
        std::memcpy(&made.sin_addr, bytes.data(), sizeof made.sin_addr);
        std::memcpy(&full, &made, sizeof made);
        size = sizeof made;
    } else if (own_family == AF_INET6) {
        sockaddr_in6 made{};
        made.sin6_family = AF_INET6;
        made.sin6_port = htons(port);
        address_bytes shown = bytes;
        if (family == AF_INET) {
            std::copy(mapped.begin(), mapped.end(), shown.begin());
            std::copy_n(bytes.begin(), 4, shown.begin() + mapped.size());
        }
        std::memcpy(&made.sin6_addr, shown.data(), sizeof made.sin6_addr);
        std::memcpy(&full, &made, sizeof made);
        size = sizeof made;
    }
    if (name != nullptr) std::memcpy(name, &full, std::min(size, room));
    return size;
}

simulated_address simulated_address::any(int own_family, std::uint16_t on_port) noexcept {
    simulated_address result;
    result.family = own_family;
    result.port = on_port;
    return result;
}

simulated_address simulated_address::loopback(int own_family, std::uint16_t on_port) noexcept {
    simulated_address result = any(own_family, on_port);
    result.bytes = of_this_host;
    if (own_family == AF_INET) result.bytes = address_bytes{127, 0, 0, 1};
    return result;
}

bool simulated_address::is_wildcard() const noexcept {
    return is_anywhere() && bytes == address_bytes{};
}

bool simulated_address::is_loopback() const noexcept {
    if (family == AF_INET) return bytes[0] == 127 && !is_broadcast();
    return family == AF_INET6 && bytes == of_this_host;
}

bool simulated_address::is_broadcast() const noexcept {
    if (family != AF_INET) return false;
    const auto host = std::span{bytes}.first<4>();
    return std::ranges::equal(host, broadcast_everywhere) ||
           std::ranges::equal(host, broadcast_here);
}

}  // namespace simul::detail
