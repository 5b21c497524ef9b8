// SPDX-License-Identifier: Apache-2.0
#include "io/socket_address.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "io/socket_calls.hpp"

namespace simul::detail {

namespace {

using name_call = int (*)(int, sockaddr*, socklen_t*) noexcept;

endpoint ask(name_call call, int socket, const char* what) {
    socket_address answer;
    if (call(socket, answer.data(), answer.length()) != 0) {
        throw std::system_error{errno, std::system_category(), what};
    }
    const std::optional<endpoint> found = answer.to_endpoint();
    if (!found) throw std::system_error{EAFNOSUPPORT, std::system_category(), what};
    return *found;
}

}  // namespace

socket_address::socket_address(const endpoint& where) noexcept {
    const auto bytes = where.address().bytes();
    if (where.address().is_v4()) {
        sockaddr_in made{};
        made.sin_family = AF_INET;
        made.sin_port = htons(where.port());
        std::memcpy(&made.sin_addr, bytes.data(), sizeof made.sin_addr);
        std::memcpy(&storage_, &made, sizeof made);
        size_ = sizeof made;
    } else {
        sockaddr_in6 made{};
        made.sin6_family = AF_INET6;
        made.sin6_port = htons(where.port());
        std::memcpy(&made.sin6_addr, bytes.data(), sizeof made.sin6_addr);
        made.sin6_scope_id = where.address().scope();
        std::memcpy(&storage_, &made, sizeof made);
        size_ = sizeof made;
    }
}

std::optional<endpoint> socket_address::to_endpoint() const noexcept {
    return endpoint_of(data(), size_);
}

std::optional<endpoint> endpoint_of(const sockaddr* address, std::size_t size) noexcept {
    if (size < sizeof(sa_family_t)) return std::nullopt;
    sa_family_t family = AF_UNSPEC;
    std::memcpy(&family, address, sizeof family);
    if (family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in read{};
        std::memcpy(&read, address, sizeof read);
        std::array<std::uint8_t, 4> bytes{};
        std::memcpy(bytes.data(), &read.sin_addr, sizeof bytes);
        return endpoint{ip_address{bytes}, ntohs(read.sin_port)};
    }
    if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 read{};
        std::memcpy(&read, address, sizeof read);
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &read.sin6_addr, sizeof bytes);
        return endpoint{ip_address{bytes, read.sin6_scope_id}, ntohs(read.sin6_port)};
    }
    return std::nullopt;
}

endpoint local_endpoint_of(int socket) {
    return ask(&local_name, socket, "the local address of a socket");
}

endpoint peer_endpoint_of(int socket) {
    return ask(&peer_name, socket, "the address of a socket's peer");
}

}  // namespace simul::detail
