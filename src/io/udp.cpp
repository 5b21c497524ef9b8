// SPDX-License-Identifier: Apache-2.0
#include "simul/io/udp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"
#include "simul/base/error.hpp"

namespace simul {

namespace {

void allow(int socket, int level, int option, bool allowed, const char* what) {
    if (detail::set_option(socket, level, option, allowed ? 1 : 0) != 0) {
        throw std::system_error{errno, std::system_category(), what};
    }
}

[[noreturn]] void throw_address_error(const char* call, const endpoint& where) {
    const int error = errno;
    std::string text{call};
    text += ' ';
    text += where.to_string();
    throw std::system_error{error, std::system_category(), text};
}

int family_of(const endpoint& where) noexcept {
    return where.address().is_v4() ? AF_INET : AF_INET6;
}

}  // namespace

udp_socket udp_socket::bind(const endpoint& where, const udp_options& options) {
    udp_socket made = unbound(family_of(where), options);
    const detail::socket_address address{where};
    if (detail::bind_socket(made.socket_.descriptor(), address.data(), address.size()) != 0) {
        throw_address_error("bind", where);
    }
    return made;
}

udp_socket udp_socket::connect(const endpoint& peer, const udp_options& options) {
    udp_socket made = unbound(family_of(peer), options);
    made.set_peer(peer);
    return made;
}

udp_socket udp_socket::unbound_v4(const udp_options& options) {
    return unbound(AF_INET, options);
}

udp_socket udp_socket::unbound_v6(const udp_options& options) {
    return unbound(AF_INET6, options);
}

udp_socket udp_socket::adopt(unique_fd socket) {
    SIMUL_ASSERT(static_cast<bool>(socket), "udp_socket::adopt needs a descriptor");
    return udp_socket{detail::socket_owner{std::move(socket)}};
}

udp_socket udp_socket::unbound(int family, const udp_options& options) {
    detail::held_socket made{detail::open_socket(family, SOCK_DGRAM)};
    if (!made) throw std::system_error{errno, std::system_category(), "socket"};
    const int socket = made.get();
    if (options.reuse_address) allow(socket, SOL_SOCKET, SO_REUSEADDR, true, "SO_REUSEADDR");
    if (options.reuse_port) allow(socket, SOL_SOCKET, SO_REUSEPORT, true, "SO_REUSEPORT");
    if (options.broadcast) allow(socket, SOL_SOCKET, SO_BROADCAST, true, "SO_BROADCAST");
    if (family == AF_INET6) {
        allow(socket, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only, "IPV6_V6ONLY");
    }
    return udp_socket{detail::socket_owner{unique_fd{made.release()}}};
}

void udp_socket::set_peer(const endpoint& peer) {
    const detail::socket_address address{peer};
    if (detail::connect_socket(socket_.descriptor(), address.data(), address.size()) != 0) {
        throw_address_error("connect", peer);
    }
}

async_generator<datagram> udp_socket::datagrams(std::span<std::byte> buffer) {
    while (true) {
        std::optional<datagram> got;
        try {
            got = co_await receive_from(buffer);
        } catch (const closed&) {
            co_return;
        }
        co_yield *got;
    }
}

endpoint udp_socket::local_endpoint() const {
    return detail::local_endpoint_of(socket_.descriptor());
}

endpoint udp_socket::peer_endpoint() const {
    return detail::peer_endpoint_of(socket_.descriptor());
}

}  // namespace simul
