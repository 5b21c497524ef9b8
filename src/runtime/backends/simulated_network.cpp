// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/simulated_network.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "runtime/backends/lent_buffer.hpp"

namespace simul::detail {

// --- descriptors --------------------------------------------------------------------------------

simulated_network::endpoint* simulated_network::find(int descriptor) noexcept {
    const auto found = endpoints_.find(descriptor);
    return found == endpoints_.end() ? nullptr : found->second.get();
}

simulated_network::endpoint& simulated_network::get(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    SIMUL_ASSERT(place != nullptr, "a simulated descriptor was used that does not exist");
    return *place;
}

int simulated_network::add(kind what, int family, std::size_t capacity) {
    endpoints_.emplace(next_descriptor_,
                       std::make_unique<endpoint>(next_descriptor_, what, family, capacity));
    return next_descriptor_++;
}

void simulated_network::touch(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    if (place != nullptr && !place->linked()) dirty_.push_back(*place);
}

std::pair<int, int> simulated_network::open_pair(std::size_t capacity) {
    const int left = add(kind::stream, AF_UNIX, capacity);
    const int right = add(kind::stream, AF_UNIX, capacity);
    get(left).peer = right;
    get(right).peer = left;
    return {left, right};
}

int simulated_network::open_socket(std::size_t capacity) {
    return add(kind::socket, AF_INET, capacity);
}

int simulated_network::open_listener(std::size_t backlog) {
    const int made = add(kind::socket, AF_INET, default_capacity);
    endpoint& place = get(made);
    take_name(made, place, simulated_address::loopback(AF_INET, free_port(place)));
    place.what = kind::listener;
    place.longest = backlog;
    return made;
}

int simulated_network::make_socket(int family, int type) {
    if (family != AF_INET && family != AF_INET6) return -EAFNOSUPPORT;
    switch (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
        case SOCK_STREAM: return add(kind::socket, family, default_capacity);
        case SOCK_DGRAM: return add(kind::datagrams, family, datagram_capacity);
        default: return -EPROTONOSUPPORT;
    }
}

void simulated_network::close(int descriptor) noexcept {
    const auto found = endpoints_.find(descriptor);
    SIMUL_ASSERT(found != endpoints_.end(),
                 "a simulated descriptor was closed that does not exist");
    endpoint& place = *found->second;
    SIMUL_ASSERT(place.is_idle(), "a descriptor was closed while an operation was in flight on it");
    if (place.pipe) leave_pipe(descriptor, place);
    for (const int stream : place.backlog) {
        endpoint& queued = get(stream);
        abort_connection(queued);
        queued.unlink();
        endpoints_.erase(stream);
    }
    for (const int socket : place.knocking) touch(socket);
    if (endpoint* peer = find(place.peer)) {
        peer->peer = -1;
        peer->end_of_stream = true;
        peer->writable = false;
        if (place.is_internet() && !place.incoming.empty()) {
            peer->error = ECONNRESET;
            peer->remote = simulated_address{};
        }
        touch(place.peer);
    }
    close_datagrams(descriptor, place);
    drop_name(descriptor, place);
    place.unlink();
    place.next_closed = std::move(closed_);
    closed_ = std::move(found->second);
    endpoints_.erase(found);
}

int simulated_network::set_option(int descriptor, int level, int option, int value) noexcept {
    endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    if (level == IPPROTO_TCP) {
        return place->is_internet() && place->what != kind::datagrams ? 0 : -EOPNOTSUPP;
    }
    if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) {
        if (place->family != AF_INET6) return -ENOPROTOOPT;
        if (place->own.is_anywhere()) return -EINVAL;
        place->v6_only = value != 0;
    }
    if (level != SOL_SOCKET) return 0;
    switch (option) {
        case SO_REUSEADDR: place->shares_address = value != 0; break;
        case SO_REUSEPORT: place->shares_port = value != 0; break;
        case SO_BROADCAST: place->may_broadcast = value != 0; break;
        case SO_RCVBUF: place->capacity = static_cast<std::size_t>(std::max(value, 1)); break;
        default: break;
    }
    return 0;
}

int simulated_network::take_error(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    return place == nullptr ? EBADF : std::exchange(place->error, 0);
}

// --- what is asked of them ----------------------------------------------------------------------

simulated_network::operation_list& simulated_network::list_of(endpoint& place,
                                                              opcode code) noexcept {
    switch (code) {
        case opcode::receive:
        case opcode::read:
        case opcode::accept: return place.readers;
        case opcode::send:
        case opcode::write:
        case opcode::connect: return place.writers;
        default: break;
    }
    return place.polls;
}

bool simulated_network::attempt(operation& request) noexcept {
    int result = -ENOMEM;
    try {
        if (provide_buffer(request)) result = result_of(request);
    } catch (const std::bad_alloc&) {
        result = -ENOMEM;
    }
    if (result <= 0) withdraw_buffer(request);
    if (result == would_block) return false;
    request.result = result;
    return true;
}

int simulated_network::result_of(operation& request) {
    endpoint* place = find(request.descriptor);
    iovec bytes{request.buffer, request.size};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (place == nullptr) return -EBADF;
    if (place->pipe && request.code != opcode::poll) return attempt_on_pipe(request, *place);
    const int descriptor = request.descriptor;
    switch (request.code) {
        case opcode::receive:
        case opcode::read: return attempt_receive(*place, message, 0, &request);
        case opcode::send:
        case opcode::write: return attempt_send(descriptor, *place, message, &request);
        case opcode::accept: return attempt_accept(request, *place);
        case opcode::connect:
            return attempt_connect(descriptor, *place, request.buffer, request.size);
        default: break;
    }
    return attempt_poll(request.flags, *place);
}

int simulated_network::receive(int descriptor, msghdr& message, int flags) {
    endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    message.msg_controllen = 0;
    message.msg_flags = 0;
    const int result = attempt_receive(*place, message, flags, nullptr);
    return result == would_block ? -EAGAIN : result;
}

int simulated_network::send(int descriptor, const msghdr& message) {
    endpoint* place = find(descriptor);
    if (place == nullptr) return -EBADF;
    const int result = attempt_send(descriptor, *place, message, nullptr);
    return result == would_block ? -EAGAIN : result;
}

int simulated_network::attempt_receive(endpoint& place, msghdr& message, int flags,
                                       operation* owner) {
    if (place.what == kind::datagrams) return receive_datagram(place, message, flags, owner);
    message.msg_namelen = 0;
    return receive_bytes(place, message, flags, owner);
}

int simulated_network::attempt_send(int descriptor, endpoint& place, const msghdr& message,
                                    operation* owner) {
    if (place.what == kind::datagrams) return send_datagram(descriptor, place, message, owner);
    return send_bytes(place, message, owner);
}

int simulated_network::attempt_poll(unsigned events, endpoint& place) noexcept {
    unsigned ready = 0;
    if (place.error != 0) ready |= POLLERR;
    switch (place.what) {
        case kind::listener:
            if (!place.backlog.empty()) ready |= POLLIN;
            break;
        case kind::socket:
            if (!place.connecting) ready |= POLLOUT | POLLHUP;
            if (place.error != 0) ready |= POLLIN;
            break;
        case kind::datagrams:
            if (!place.packets.empty()) ready |= POLLIN;
            if (can_send_datagrams(place)) ready |= POLLOUT;
            break;
        case kind::stream: {
            const endpoint* peer = find(place.peer);
            if (!place.incoming.empty() || place.end_of_stream) ready |= POLLIN;
            if (place.end_of_stream) ready |= POLLRDHUP;
            if (peer == nullptr || peer->incoming.size() < peer->capacity) ready |= POLLOUT;
            if (place.end_of_stream && !place.writable) ready |= POLLHUP;
            break;
        }
        case kind::pipe: ready |= place.pipe->events(place.side); break;
    }
    ready &= events | POLLERR | POLLHUP;
    return ready == 0 ? would_block : static_cast<int>(ready);
}

bool simulated_network::is_readable(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    return place == nullptr || attempt_poll(POLLIN, *place) != would_block;
}

}  // namespace simul::detail
