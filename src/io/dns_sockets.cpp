// SPDX-License-Identifier: Apache-2.0
#include "io/dns_sockets.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <new>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "io/socket_calls.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

// --- watched_socket -----------------------------------------------------------------------------

void watched_socket::settle() {
    if (!poll_) return;
    const bool has_result = poll_->state == operation_state::completed;
    const int result = has_result ? poll_->result : -ECANCELED;
    poll_.reset();
    if (result >= 0) {
        ready_ = static_cast<std::uint32_t>(result);
    } else if (result != -ECANCELED) {
        throw std::system_error{-result, std::system_category(), "a socket for a name lookup"};
    }
}

// --- watched_sockets ----------------------------------------------------------------------------

bool watched_sockets::watch(int socket, bool readable, bool writable) noexcept {
    const auto watches = [](int wanted) {
        return [wanted](const member& each) { return each.operation.socket() == wanted; };
    };
    auto found = std::ranges::find_if(members_, watches(socket));
    if (!readable && !writable) {
        if (found != members_.end()) found->operation.release();
        return true;
    }
    if (found == members_.end()) found = std::ranges::find_if(members_, watches(-1));
    if (found == members_.end()) {
        try {
            members_.emplace_back();
        } catch (const std::bad_alloc&) {
            return false;
        }
        found = std::prev(members_.end());
    }
    found->operation.watch(socket, (readable ? POLLIN : 0U) | (writable ? POLLOUT : 0U));
    return true;
}

// c-ares finds out by reading what is wrong with a socket.
bool watched_sockets::is_readable(std::uint32_t events) noexcept {
    return (events & ~std::uint32_t{POLLOUT}) != 0;
}

bool watched_sockets::is_writable(std::uint32_t events) noexcept {
    return (events & POLLOUT) != 0;
}

started watched_sockets::wait_operation::start(waiter& self) noexcept {
    if (!open(self)) return started::stopped;
    for (member& each : owner_.members_) {
        if (!each.operation.is_free()) start_member(each);
    }
    start_member(limit_);
    return opened();
}

void watched_sockets::wait_operation::take() {
    for (member& each : owner_.members_) each.operation.settle();
}

void watched_sockets::wait_operation::ended(join_state& state, member_base&) noexcept {
    state.keep_result();
    state.cancel(cancel_reason::loser);
}

// --- dns_socket_calls ---------------------------------------------------------------------------

const ares_socket_functions& dns_socket_calls::table() noexcept {
    static constexpr ares_socket_functions functions{&open, &close, &connect, &receive, &send};
    return functions;
}

ares_socket_t dns_socket_calls::open(int family, int type, int, void*) {
    const int made = open_socket(family, type);
    if (made >= 0) loop::current().io().forget(made);
    return made;
}

int dns_socket_calls::close(ares_socket_t socket, void* self) {
    std::erase(static_cast<dns_socket_calls*>(self)->refused_, socket);
    close_socket(socket);
    return 0;
}

int dns_socket_calls::connect(ares_socket_t socket, const sockaddr* address, ares_socklen_t size,
                              void*) {
    return connect_socket(socket, address, size);
}

ares_ssize_t dns_socket_calls::receive(ares_socket_t socket, void* data, std::size_t size,
                                       int flags, sockaddr* from, ares_socklen_t* from_size,
                                       void* self) {
    auto& calls = *static_cast<dns_socket_calls*>(self);
    if (std::erase(calls.refused_, socket) != 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    const ssize_t count = receive_from(socket, data, size, flags, from, from_size);
    // Only datagrams are asked for their sender, and only they hold a whole message.
    if (from != nullptr && count >= 12) {
        calls.last_status_ = static_cast<const unsigned char*>(data)[3] & 0x0fU;
    }
    return count;
}

ares_ssize_t dns_socket_calls::send(ares_socket_t socket, const iovec* parts, int count,
                                    void* self) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = static_cast<std::size_t>(count);
    const ssize_t sent = send_message(socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == ECONNREFUSED) {
        auto& calls = *static_cast<dns_socket_calls*>(self);
        if (calls.refused_.size() == calls.refused_.capacity()) return sent;
        calls.refused_.push_back(socket);
        errno = ECONNREFUSED;
    }
    return sent;
}

}  // namespace simul::detail
