// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_names.cpp: who is where in the simulated network.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/backends/simulated_network.hpp"

namespace simul::detail {

namespace {

constexpr unsigned port_count = 65'536 - simulated_network::first_port;

// How well a socket at `own` suits what is for `host`: 0 not at all, 3 exactly.
int closeness_of(const simulated_address& own, bool v6_only,
                 const simulated_address& host) noexcept {
    if (own.is_same_host(host)) return 3;
    if (!own.is_wildcard()) return 0;
    if (own.family == host.family) return 2;
    return own.family == AF_INET6 && !v6_only ? 1 : 0;
}

}  // namespace

// --- names as sockaddr --------------------------------------------------------------------------

int simulated_network::read_name(const endpoint& place, const void* name, std::size_t size,
                                 simulated_address& where) noexcept {
    const std::optional<simulated_address> given = simulated_address::read(name, size);
    sa_family_t family = AF_UNSPEC;
    if (name == nullptr || size < sizeof family) return -EINVAL;
    std::memcpy(&family, name, sizeof family);
    if (!place.is_internet()) return -EINVAL;
    const bool takes_both = place.what == kind::datagrams && !place.v6_only;
    const bool fits = family == place.family || (family == AF_INET && takes_both);
    if (!fits) {
        const bool is_short = size < (place.family == AF_INET6 ? 24 : sizeof(sockaddr_in));
        return is_short && place.what != kind::datagrams ? -EINVAL : -EAFNOSUPPORT;
    }
    if (!given) return -EINVAL;
    if (given->family != family && place.v6_only) return -ENETUNREACH;
    where = *given;
    return 0;
}

int simulated_network::local_name(int descriptor, void* name, socklen_t& size) noexcept {
    const endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    const simulated_address shown =
        place->own.is_anywhere() ? place->own : simulated_address::any(place->family, 0);
    size = static_cast<socklen_t>(shown.write(place->family, name, size));
    return 0;
}

int simulated_network::peer_name(int descriptor, void* name, socklen_t& size) noexcept {
    const endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    const bool is_pair = place->what == kind::stream && !place->is_internet();
    if (place->connecting || (!place->remote.is_anywhere() && !is_pair)) return -ENOTCONN;
    size = static_cast<socklen_t>(place->remote.write(place->family, name, size));
    return 0;
}

// --- bind and listen ----------------------------------------------------------------------------

int simulated_network::bind(int descriptor, const void* name, std::size_t size) {
    endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    simulated_address where;
    if (const int error = read_name(*place, name, size, where)) {
        return error == -ENETUNREACH ? -EINVAL : error;
    }
    if (place->own.is_anywhere()) return -EINVAL;
    if (!where.is_wildcard() && !where.is_loopback()) return -EADDRNOTAVAIL;
    if (where.port == 0) {
        where.port = free_port(*place);
        if (where.port == 0) return -EADDRINUSE;
    } else if (is_taken(*place, where)) {
        return -EADDRINUSE;
    }
    take_name(descriptor, *place, where);
    place->chose_port = true;
    return 0;
}

int simulated_network::listen(int descriptor, int backlog) {
    endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    if (place->what == kind::datagrams) return -EOPNOTSUPP;
    if (place->what == kind::stream || place->connecting) return -EINVAL;
    if (!place->own.is_anywhere() && !take_any_name(descriptor, *place)) return -EADDRINUSE;
    if (is_taken(*place, place->own)) return -EADDRINUSE;
    place->what = kind::listener;
    place->longest = static_cast<std::size_t>(std::max(backlog, 1));
    for (const int socket : place->knocking) touch(socket);
    place->knocking.clear();
    return 0;
}

// Those who may share a port have all said so. Listeners share it by SO_REUSEPORT only.
bool simulated_network::is_taken(const endpoint& by, const simulated_address& where) noexcept {
    const auto excludes = [&](const endpoint& other) {
        if (&other == &by || (other.what == kind::datagrams) != (by.what == kind::datagrams)) {
            return false;
        }
        if (closeness_of(other.own, other.v6_only, where) == 0 &&
            closeness_of(where, by.v6_only, other.own) == 0) {
            return false;
        }
        if (other.shares_port && by.shares_port) return false;
        return !other.shares_address || !by.shares_address || other.what == kind::listener;
    };
    const auto [first, last] = by_port_.equal_range(where.port);
    const bool is_held =
        std::any_of(first, last, [&](const auto& entry) { return excludes(get(entry.second)); });
    if (is_held || by.shares_address) return is_held;
    // Connections that were accepted at the port linger on it.
    return std::ranges::any_of(endpoints_, [&](const auto& entry) {
        const endpoint& other = *entry.second;
        return other.own.port == where.port && other.what == kind::stream && excludes(other);
    });
}

std::uint16_t simulated_network::free_port(const endpoint& by) noexcept {
    for (unsigned tried = 0; tried != port_count; ++tried) {
        const std::uint16_t port = next_port_;
        next_port_ = port == UINT16_MAX ? first_port : static_cast<std::uint16_t>(port + 1);
        const auto [first, last] = by_port_.equal_range(port);
        const bool is_held = std::any_of(first, last, [&](const auto& entry) {
            return (get(entry.second).what == kind::datagrams) == (by.what == kind::datagrams);
        });
        if (!is_held) return port;
    }
    return 0;
}

void simulated_network::take_name(int descriptor, endpoint& place, const simulated_address& where) {
    by_port_.emplace(where.port, descriptor);
    place.own = where;
}

bool simulated_network::take_any_name(int descriptor, endpoint& place) {
    const std::uint16_t port = free_port(place);
    if (port == 0) return false;
    take_name(descriptor, place, simulated_address::any(place.family, port));
    return true;
}

void simulated_network::drop_name(int descriptor, endpoint& place) noexcept {
    const auto [first, last] = by_port_.equal_range(place.own.port);
    const auto held =
        std::find_if(first, last, [&](const auto& entry) { return entry.second == descriptor; });
    if (held != last) by_port_.erase(held);
    place.own = simulated_address{};
    place.chose_port = false;
}

// --- who is meant -------------------------------------------------------------------------------

// From where `place` sends to `where`.
simulated_address simulated_network::source_of(const endpoint& place,
                                               const simulated_address& where) noexcept {
    if (!place.own.is_wildcard()) return place.own;
    return simulated_address::loopback(where.family, place.own.port);
}

// Whether there is a way to `where`, which may be written as the wildcard.
int simulated_network::route(const endpoint& place, simulated_address& where) noexcept {
    if (where.is_broadcast() && !place.may_broadcast) return -EACCES;
    if (where.is_wildcard()) where = simulated_address::loopback(where.family, where.port);
    if (!where.is_loopback()) return -ENETUNREACH;
    const bool is_fixed = place.own.is_anywhere() && !place.own.is_wildcard();
    return is_fixed && place.own.family != where.family ? -ENETUNREACH : 0;
}

// The one that suits best. Of those that share the port evenly the source decides; of others that
// do, the last one takes it over.
int simulated_network::find_bound(kind what, const simulated_address& where,
                                  const simulated_address& from) {
    int best = 0;
    std::vector<int> found;
    const auto [first, last] = by_port_.equal_range(where.port);
    for (auto each = first; each != last; ++each) {
        const endpoint& place = get(each->second);
        if (place.what != what) continue;
        int suits = closeness_of(place.own, place.v6_only, where);
        if (suits != 0 && place.remote.is_anywhere()) suits = place.remote == from ? suits + 4 : 0;
        if (suits == 0 || suits < best) continue;
        if (suits > best || !place.shares_port) found.clear();
        best = suits;
        found.push_back(each->second);
    }
    return found.empty() ? -1 : found[from.port % found.size()];
}

}  // namespace simul::detail
