// SPDX-License-Identifier: Apache-2.0
//
// io/socket_calls.hpp: the system calls on sockets, of the kernel's or of the simulated world.
//
// On a simulated loop new sockets are simulated ones, and a call on one of them goes to that
// world; every other call goes to the system. Both give the same results, and errno with them.
// Simulated sockets never block: what would have to wait gives EAGAIN, or EINPROGRESS for the
// connect of a stream, and the readiness of the descriptor (opcode::poll) says when to go on.
//
// What waits, or moves bytes while a buffer belongs to the system, is an operation of the loop; the
// calls here are for the rest.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <utility>

namespace simul::detail {

class simulated_backend;

/// The world of the loop that runs on this thread, if that is simulated.
[[nodiscard]] simulated_backend* simulated_world() noexcept;

/// The same, if `descriptor` belongs to it.
[[nodiscard]] simulated_backend* simulated_world_of(int descriptor) noexcept;

/// socket(2): SOCK_STREAM or SOCK_DGRAM of AF_INET or AF_INET6, non-blocking and not inherited.
/// Returns the descriptor, or -1. A loop must be running, because it says in which world.
///
/// Errors        those of socket(2) in errno.
[[nodiscard]] int open_socket(int family, int type) noexcept;

/// bind(2), listen(2), connect(2): 0, or -1 and errno.
[[nodiscard]] int bind_socket(int socket, const sockaddr* address, socklen_t size) noexcept;
[[nodiscard]] int listen_socket(int socket, int backlog) noexcept;
[[nodiscard]] int connect_socket(int socket, const sockaddr* address, socklen_t size) noexcept;

/// getsockname(2) and getpeername(2): 0, or -1 and errno.
[[nodiscard]] int local_name(int socket, sockaddr* address, socklen_t* size) noexcept;
[[nodiscard]] int peer_name(int socket, sockaddr* address, socklen_t* size) noexcept;

/// recvmsg(2), recvfrom(2), sendmsg(2): how many bytes, or -1 and errno. The simulated world knows
/// the flags MSG_DONTWAIT, MSG_NOSIGNAL, MSG_TRUNC and MSG_PEEK, and no ancillary data.
[[nodiscard]] ssize_t receive_message(int socket, msghdr* message, int flags) noexcept;
[[nodiscard]] ssize_t receive_from(int socket, void* data, std::size_t size, int flags,
                                   sockaddr* from, socklen_t* from_size) noexcept;
[[nodiscard]] ssize_t send_message(int socket, const msghdr* message, int flags) noexcept;

/// setsockopt(2) of a flag or number: 0, or -1 and errno. The simulated world heeds SO_REUSEADDR,
/// SO_REUSEPORT, IPV6_V6ONLY, SO_RCVBUF and SO_BROADCAST; other options mean nothing there and are
/// accepted.
[[nodiscard]] int set_option(int socket, int level, int name, int value) noexcept;

/// getsockopt(2) with SO_ERROR: the pending error, which is thereby told; 0 if there is none.
[[nodiscard]] int take_error(int socket) noexcept;

/// shutdown(2) with SHUT_WR: 0, or -1 and errno.
[[nodiscard]] int shut_down_writing(int socket) noexcept;

/// Whether a descriptor may have duplicates, which the loop would go on to hear of.
enum class duplicates { possible, none };

/// Lets the loop that runs forget the socket, and close(2). Nothing may be in flight on it. It is
/// gone whatever happens, as with unique_fd.
void close_socket(int socket, duplicates others = duplicates::possible) noexcept;

/// Whether a receive or accept would not wait.
[[nodiscard]] bool has_input(int socket) noexcept;

/// Owns a socket of either world and closes it with close_socket. A unique_fd cannot, because the
/// number of a simulated socket means nothing to close(2).
class held_socket {
public:
    held_socket() noexcept = default;
    explicit held_socket(int socket) noexcept : socket_{socket} {}
    held_socket(held_socket&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}
    held_socket& operator=(held_socket&& other) noexcept {
        std::swap(socket_, other.socket_);
        return *this;
    }
    ~held_socket() {
        if (socket_ >= 0) close_socket(socket_);
    }

    [[nodiscard]] int get() const noexcept { return socket_; }
    [[nodiscard]] explicit operator bool() const noexcept { return socket_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(socket_, -1); }

private:
    int socket_ = -1;
};

}  // namespace simul::detail
