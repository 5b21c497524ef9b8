// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_streams.cpp: connections in the simulated network.
#include <algorithm>
#include <cerrno>
#include <new>

#include "runtime/backends/simulated_message.hpp"
#include "runtime/backends/simulated_network.hpp"

namespace simul::detail {

// --- connections --------------------------------------------------------------------------------

int simulated_network::connect(int descriptor, const void* name, std::size_t size) {
    endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    if (place->connecting) return -EALREADY;
    const int result = attempt_connect(descriptor, *place, name, size);
    if (place->what == kind::datagrams) return result;
    if (result == would_block) {
        place->connecting = true;
        place->remote = *simulated_address::read(name, size);
        return -EINPROGRESS;
    }
    if (result != 0 && result != -ECONNREFUSED) return result;
    place->error = -result;
    touch(descriptor);
    return -EINPROGRESS;
}

int simulated_network::attempt_connect(int descriptor, endpoint& place, const void* name,
                                       std::size_t size) {
    if (place.what == kind::datagrams) return connect_datagrams(descriptor, place, name, size);
    if (place.what != kind::socket) return -EISCONN;
    if (place.connecting) return -EALREADY;
    simulated_address where;
    if (const int error = read_name(place, name, size, where)) return error;
    return knock(descriptor, place, where);
}

void simulated_network::continue_connect(int descriptor, endpoint& place) noexcept {
    if (!place.connecting) return;
    int result = -ENOMEM;
    try {
        result = knock(descriptor, place, place.remote);
    } catch (const std::bad_alloc&) {
        result = -ENOMEM;
    }
    if (result == would_block) return;
    place.connecting = false;
    place.error = -result;
    if (result != 0) place.remote = simulated_address{};
}

int simulated_network::knock(int descriptor, endpoint& place, simulated_address where) {
    if (const int error = route(place, where)) return error;
    if (!place.own.is_anywhere() && !take_any_name(descriptor, place)) return -EADDRNOTAVAIL;
    const simulated_address from = source_of(place, where);
    const int there = find_bound(kind::listener, where, from);
    if (there < 0) {
        if (!place.chose_port) drop_name(descriptor, place);
        return -ECONNREFUSED;
    }
    endpoint& listener = get(there);
    if (listener.backlog.size() >= listener.longest) {
        listener.knocking.push_back(descriptor);
        return would_block;
    }
    const std::size_t capacity = std::min(place.capacity, listener.capacity);
    const int accepted = add(kind::stream, listener.family, capacity);
    try {
        listener.backlog.push_back(accepted);
    } catch (...) {
        endpoints_.erase(accepted);
        throw;
    }
    endpoint& other = get(accepted);
    other.peer = descriptor;
    other.own = where;
    other.remote = from;
    other.shares_address = listener.shares_address;
    other.shares_port = listener.shares_port;
    other.v6_only = listener.v6_only;
    place.peer = accepted;
    place.own = from;
    place.remote = where;
    place.what = kind::stream;
    touch(there);
    touch(descriptor);
    return 0;
}

int simulated_network::attempt_accept(operation& request, endpoint& place) noexcept {
    if (place.what == kind::datagrams) return -EOPNOTSUPP;
    if (place.what != kind::listener) return -EINVAL;
    if (place.backlog.empty()) return would_block;
    const int accepted = place.backlog.front();
    place.backlog.pop_front();
    for (const int socket : place.knocking) touch(socket);
    place.knocking.clear();
    if (request.buffer != nullptr) {
        const endpoint& stream = get(accepted);
        const std::size_t full = stream.remote.write(stream.family, request.buffer, request.flags);
        request.flags = static_cast<std::uint32_t>(full);
    }
    return accepted;
}

int simulated_network::shutdown_write(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    if (place->what != kind::stream) return -ENOTCONN;
    place->writable = false;
    touch(descriptor);
    if (endpoint* peer = find(place->peer)) {
        peer->end_of_stream = true;
        touch(place->peer);
    }
    return 0;
}

void simulated_network::reset(int descriptor) noexcept {
    abort_connection(get(descriptor));
    touch(descriptor);
}

void simulated_network::abort_connection(endpoint& place) noexcept {
    const int other = place.peer;
    for (endpoint* end : {&place, find(other)}) {
        if (end == nullptr) continue;
        end->incoming.clear();
        end->error = ECONNRESET;
        end->end_of_stream = true;
        end->writable = false;
        end->peer = -1;
        end->remote = simulated_address{};
    }
    touch(other);
}

// --- bytes --------------------------------------------------------------------------------------

int simulated_network::receive_bytes(endpoint& place, const msghdr& message, int flags,
                                     operation* owner) {
    if (place.connecting) return would_block;
    if (place.what != kind::stream) {
        return place.error != 0 ? -std::exchange(place.error, 0) : -ENOTCONN;
    }
    const std::size_t room = size_of(message);
    if (room == 0) return 0;
    if (place.incoming.empty()) {
        if (place.error != 0) return -std::exchange(place.error, 0);
        return place.end_of_stream ? 0 : would_block;
    }
    if (owner != nullptr) operations_.give_back_buffer(*owner);
    const std::size_t count = std::min(room, place.incoming.size());
    scatter(message, place.incoming.begin(), count);
    if ((flags & MSG_PEEK) == 0) {
        const auto end = place.incoming.begin() + static_cast<std::ptrdiff_t>(count);
        place.incoming.erase(place.incoming.begin(), end);
        touch(place.peer);
    }
    return static_cast<int>(count);
}

int simulated_network::send_bytes(endpoint& place, const msghdr& message, operation* owner) {
    if (place.connecting) return would_block;
    if (place.error != 0) return -std::exchange(place.error, 0);
    if (place.what != kind::stream) return -ENOTCONN;
    endpoint* peer = find(place.peer);
    if (!place.writable || peer == nullptr) return -EPIPE;
    const std::size_t size = size_of(message);
    if (size == 0) return 0;
    if (peer->incoming.size() >= peer->capacity) return would_block;
    if (owner != nullptr) operations_.give_back_buffer(*owner);
    const std::size_t count = std::min(size, peer->capacity - peer->incoming.size());
    const std::size_t before = peer->incoming.size();
    try {
        gather(message, peer->incoming, count);
    } catch (...) {
        peer->incoming.resize(before);
        throw;
    }
    touch(place.peer);
    return static_cast<int>(count);
}

}  // namespace simul::detail
