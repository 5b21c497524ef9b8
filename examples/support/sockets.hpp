// SPDX-License-Identifier: Apache-2.0
//
// examples/support/sockets.hpp: the system's sockets, as the lower rungs of the crawler ladder use
// them: with errors as exceptions.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include "simul/base/unique_fd.hpp"

namespace examples {

/// Passes on what a system call returned; throws if that was an error.
inline long checked(long result, const char* call) {
    if (result < 0) throw std::system_error{errno, std::system_category(), call};
    return result;
}

/// The same for a non-blocking socket. Returns true if it answered: not yet.
inline bool must_wait(long result, const char* call) {
    if (result < 0 && (errno == EAGAIN || errno == EINPROGRESS)) return true;
    checked(result, call);
    return false;
}

/// A socket for TCP; `flags` may be SOCK_NONBLOCK.
inline simul::unique_fd make_socket(int flags = 0) {
    const long made = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket");
    return simul::unique_fd{static_cast<int>(made)};
}

/// connect(2) to a port of this machine.
inline int connect_to(int descriptor, std::uint16_t port) {
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(descriptor, reinterpret_cast<const ::sockaddr*>(&where), sizeof where);
}

/// send(2) of a request for a page. A new connection takes so few bytes in one piece.
inline long send_request(int descriptor, const std::string& path) {
    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    return ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL);
}

/// recv(2) of up to 4096 bytes, when there are some. Returns nothing at the end.
inline std::string receive(int descriptor) {
    char chunk[4096];
    const long count = checked(::recv(descriptor, chunk, sizeof chunk, 0), "recv");
    return std::string(chunk, static_cast<std::size_t>(count));
}

}  // namespace examples
