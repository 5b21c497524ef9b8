// SPDX-License-Identifier: Apache-2.0
#include "io/socket_calls.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "runtime/backends/simulated.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

// What the simulated world gives, in the manner of system calls.
template <class Call>
int told(Call call) noexcept {
    int result = -ENOMEM;
    try {
        result = call();
    } catch (const std::bad_alloc&) {
        result = -ENOMEM;
    }
    if (result >= 0) return result;
    errno = -result;
    return -1;
}

}  // namespace

simulated_backend* simulated_world() noexcept {
    loop* const running = loop::find_current();
    if (running == nullptr || !running->is_simulated()) return nullptr;
    return &static_cast<simulated_backend&>(running->io());
}

simulated_backend* simulated_world_of(int descriptor) noexcept {
    return descriptor >= simulated_backend::first_descriptor ? simulated_world() : nullptr;
}

int open_socket(int family, int type) noexcept {
    if (loop::current().is_simulated()) {
        simulated_backend* const world = simulated_world();
        return told([&] { return world->make_socket(family, type); });
    }
    return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int bind_socket(int socket, const sockaddr* address, socklen_t size) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->bind(socket, address, size); });
    }
    return ::bind(socket, address, size);
}

int listen_socket(int socket, int backlog) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->listen(socket, backlog); });
    }
    return ::listen(socket, backlog);
}

int connect_socket(int socket, const sockaddr* address, socklen_t size) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->connect(socket, address, size); });
    }
    return ::connect(socket, address, size);
}

int local_name(int socket, sockaddr* address, socklen_t* size) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->local_name(socket, address, *size); });
    }
    return ::getsockname(socket, address, size);
}

int peer_name(int socket, sockaddr* address, socklen_t* size) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->peer_name(socket, address, *size); });
    }
    return ::getpeername(socket, address, size);
}

ssize_t receive_message(int socket, msghdr* message, int flags) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->receive(socket, *message, flags); });
    }
    return ::recvmsg(socket, message, flags);
}

ssize_t receive_from(int socket, void* data, std::size_t size, int flags, sockaddr* from,
                     socklen_t* from_size) noexcept {
    if (simulated_world_of(socket) == nullptr) {
        return ::recvfrom(socket, data, size, flags, from, from_size);
    }
    iovec place{data, size};
    msghdr message{};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    if (from != nullptr) {
        message.msg_name = from;
        message.msg_namelen = *from_size;
    }
    const ssize_t count = receive_message(socket, &message, flags);
    if (count >= 0 && from != nullptr) *from_size = message.msg_namelen;
    return count;
}

ssize_t send_message(int socket, const msghdr* message, int flags) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->send(socket, *message); });
    }
    return ::sendmsg(socket, message, flags);
}

int set_option(int socket, int level, int name, int value) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->set_option(socket, level, name, value); });
    }
    return ::setsockopt(socket, level, name, &value, sizeof value);
}

int take_error(int socket) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return world->take_error(socket);
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

int shut_down_writing(int socket) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return told([&] { return world->shutdown_write(socket); });
    }
    return ::shutdown(socket, SHUT_WR);
}

void close_socket(int socket, duplicates others) noexcept {
    if (loop* const running = loop::find_current()) {
        backend& io = running->io();
        others == duplicates::none ? io.forget_closing(socket) : io.forget(socket);
    }
    if (simulated_backend* const world = simulated_world_of(socket)) {
        world->close(socket);
    } else {
        ::close(socket);
    }
}

// By poll(2), because a peek with recv(2) would take a pending error away from the next read.
bool has_input(int socket) noexcept {
    if (simulated_backend* const world = simulated_world_of(socket)) {
        return world->is_readable(socket);
    }
    loop* const running = loop::find_current();
    if (running != nullptr && running->io().has_received(socket)) return true;
    pollfd query{socket, POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&query, 1, 0);
    } while (ready < 0 && errno == EINTR);
    return ready != 0;
}

}  // namespace simul::detail
