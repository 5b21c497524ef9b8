// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_datagrams.cpp: datagrams in the simulated network.
//
// A send that finds no room at its receiver stalls the socket it comes from: that is not writable
// until one of the receivers it stalls on has room again, which wakes all who wait on the socket.
// Those who find no room once more stall it anew.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/backends/simulated_message.hpp"
#include "runtime/backends/simulated_network.hpp"

namespace simul::detail {

namespace {

// What is left of 65'535 beside the headers.
constexpr std::size_t longest_v4 = 65'507;
constexpr std::size_t longest_v6 = 65'527;

}  // namespace

int simulated_network::connect_datagrams(int descriptor, endpoint& place, const void* name,
                                         std::size_t size) {
    sa_family_t family = AF_UNSPEC;
    if (name == nullptr || size < sizeof family) return -EINVAL;
    std::memcpy(&family, name, sizeof family);
    if (family == AF_UNSPEC) {
        place.remote = simulated_address{};
        return 0;
    }
    simulated_address where;
    if (const int error = read_name(place, name, size, where)) return error;
    if (const int error = route(place, where)) return error;
    if (!place.own.is_anywhere() && !take_any_name(descriptor, place)) return -EAGAIN;
    place.own = source_of(place, where);
    place.remote = where;
    return 0;
}

int simulated_network::send_datagram(int descriptor, endpoint& place, const msghdr& message,
                                     operation* owner) {
    simulated_address where = place.remote;
    if (message.msg_name != nullptr) {
        if (const int error = read_name(place, message.msg_name, message.msg_namelen, where)) {
            return error;
        }
    } else if (!where.is_anywhere()) {
        return -EDESTADDRREQ;
    }
    const std::size_t size = size_of(message);
    if (size > (where.family == AF_INET ? longest_v4 : longest_v6)) return -EMSGSIZE;
    if (where.port == 0) return -EINVAL;
    if (const int error = route(place, where)) return error;
    if (place.error != 0) return -std::exchange(place.error, 0);
    if (!place.own.is_anywhere() && !take_any_name(descriptor, place)) return -EAGAIN;
    const simulated_address from = source_of(place, where);
    const int there = find_bound(kind::datagrams, where, from);
    if (there < 0) {
        if (place.remote == where) {
            place.error = ECONNREFUSED;
            touch(descriptor);
        }
        return static_cast<int>(size);
    }
    endpoint& receiver = get(there);
    if (!has_room(receiver)) {
        stall(descriptor, place, there, receiver);
        return would_block;
    }
    if (owner != nullptr) operations_.give_back_buffer(*owner);
    packet sent;
    sent.from = from;
    gather(message, sent.bytes, size);
    receiver.packets.push_back(std::move(sent));
    receiver.packet_bytes += size + datagram_overhead;
    touch(there);
    return static_cast<int>(size);
}

// An error comes before what has arrived, as it does from the system.
int simulated_network::receive_datagram(endpoint& place, msghdr& message, int flags,
                                        operation* owner) {
    if (place.error != 0) return -std::exchange(place.error, 0);
    if (place.packets.empty()) return would_block;
    if (owner != nullptr) operations_.give_back_buffer(*owner);
    const packet& first = place.packets.front();
    const std::size_t full = first.bytes.size();
    const std::size_t count = std::min(full, size_of(message));
    scatter(message, first.bytes.begin(), count);
    if (message.msg_name != nullptr) {
        const std::size_t room = message.msg_namelen;
        const std::size_t size = first.from.write(place.family, message.msg_name, room);
        message.msg_namelen = static_cast<socklen_t>(size);
    }
    if (count < full) message.msg_flags |= MSG_TRUNC;
    if ((flags & MSG_PEEK) == 0) {
        place.packet_bytes -= full + datagram_overhead;
        place.packets.pop_front();
        for (const int sender : place.stalled) touch(sender);
    }
    return static_cast<int>((flags & MSG_TRUNC) != 0 ? full : count);
}

// --- no room ------------------------------------------------------------------------------------

// One more than there is room for is taken, whatever its size: so a socket that is writable takes
// every datagram, and one that is longer than the capacity comes through.
bool simulated_network::has_room(const endpoint& place) noexcept {
    return place.packet_bytes < place.capacity;
}

bool simulated_network::can_send_datagrams(const endpoint& place) noexcept {
    if (place.stalled_by.empty()) return true;
    return std::ranges::any_of(place.stalled_by, [this](int receiver) {
        const endpoint* full = find(receiver);
        return full == nullptr || has_room(*full);
    });
}

void simulated_network::stall(int descriptor, endpoint& place, int receiver, endpoint& full) {
    if (std::ranges::find(place.stalled_by, receiver) != place.stalled_by.end()) return;
    full.stalled.push_back(descriptor);
    try {
        place.stalled_by.push_back(receiver);
    } catch (...) {
        full.stalled.pop_back();
        throw;
    }
}

void simulated_network::leave_stalls(int descriptor, endpoint& place) noexcept {
    std::erase_if(place.stalled_by, [&](int receiver) {
        endpoint* full = find(receiver);
        if (full != nullptr && !has_room(*full)) return false;
        if (full != nullptr) std::erase(full->stalled, descriptor);
        return true;
    });
}

void simulated_network::close_datagrams(int descriptor, endpoint& place) noexcept {
    for (const int receiver : place.stalled_by) {
        if (endpoint* full = find(receiver)) std::erase(full->stalled, descriptor);
    }
    for (const int sender : place.stalled) touch(sender);
}

}  // namespace simul::detail
