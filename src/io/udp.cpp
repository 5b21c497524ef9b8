// SPDX-License-Identifier: Apache-2.0
#include "simul/io/udp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "io/socket_address.hpp"
#include "simul/base/error.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace {

void expect_network() {
    if (loop::current().is_simulated()) {
        throw std::system_error{make_error_code(errc::unavailable),
                                "the simulated backend has no datagrams"};
    }
}

void allow(int socket, int level, int option, bool allowed, const char* what) {
    const int value = allowed ? 1 : 0;
    if (::setsockopt(socket, level, option, &value, sizeof value) != 0) {
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
    if (::bind(made.socket_.descriptor(), address.data(), address.size()) != 0) {
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
    expect_network();
    return udp_socket{detail::socket_owner{std::move(socket)}};
}

udp_socket udp_socket::unbound(int family, const udp_options& options) {
    expect_network();
    unique_fd made{::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!made) throw std::system_error{errno, std::system_category(), "socket"};
    const int socket = made.get();
    if (options.reuse_address) allow(socket, SOL_SOCKET, SO_REUSEADDR, true, "SO_REUSEADDR");
    if (options.reuse_port) allow(socket, SOL_SOCKET, SO_REUSEPORT, true, "SO_REUSEPORT");
    if (options.broadcast) allow(socket, SOL_SOCKET, SO_BROADCAST, true, "SO_BROADCAST");
    if (family == AF_INET6) {
        allow(socket, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only, "IPV6_V6ONLY");
    }
    return udp_socket{detail::socket_owner{std::move(made)}};
}

void udp_socket::set_peer(const endpoint& peer) {
    const detail::socket_address address{peer};
    if (::connect(socket_.descriptor(), address.data(), address.size()) != 0) {
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
