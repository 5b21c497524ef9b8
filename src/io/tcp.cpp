// SPDX-License-Identifier: Apache-2.0
#include "simul/io/tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"

namespace simul {

namespace {

// Returns 0 or an errno.
int try_option(int socket, int level, int name, int value) noexcept {
    return detail::set_option(socket, level, name, value) == 0 ? 0 : errno;
}

void set_option(int socket, int level, int name, int value, const char* what) {
    if (const int error = try_option(socket, level, name, value)) {
        throw std::system_error{error, std::system_category(), what};
    }
}

[[noreturn]] void throw_bind_error(const char* call, const endpoint& where) {
    const int error = errno;
    std::string text{call};
    text += ' ';
    text += where.to_string();
    throw std::system_error{error, std::system_category(), text};
}

int seconds_of(std::chrono::seconds time) noexcept {
    return static_cast<int>(time.count());
}

}  // namespace

// --- tcp_stream ---------------------------------------------------------------------------------

tcp_stream tcp_stream::adopt(unique_fd connected) {
    SIMUL_ASSERT(static_cast<bool>(connected), "tcp_stream::adopt needs a descriptor");
    return take_over(std::move(connected), detail::known_to_loop::no);
}

tcp_stream tcp_stream::take_over(unique_fd connected, detail::known_to_loop known) {
    // A socket of another kind, such as one end of a socketpair, knows no delay.
    const bool is_tcp = try_option(connected.get(), IPPROTO_TCP, TCP_NODELAY, 1) == 0;
    detail::socket_owner owned{std::move(connected), known};
    owned.get()->is_tcp = is_tcp;
    return tcp_stream{std::move(owned)};
}

endpoint tcp_stream::local_endpoint() const {
    return detail::local_endpoint_of(socket_.descriptor());
}

endpoint tcp_stream::peer_endpoint() const {
    return detail::peer_endpoint_of(socket_.descriptor());
}

void tcp_stream::set_no_delay(bool enabled) {
    set_option(socket_.descriptor(), IPPROTO_TCP, TCP_NODELAY, enabled ? 1 : 0, "TCP_NODELAY");
}

void tcp_stream::set_keep_alive(const keep_alive_options& options) {
    const int socket = socket_.descriptor();
    if (options.enabled) {
        set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(options.idle), "TCP_KEEPIDLE");
        set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, seconds_of(options.interval),
                   "TCP_KEEPINTVL");
        set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, options.probes, "TCP_KEEPCNT");
    }
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, options.enabled ? 1 : 0, "SO_KEEPALIVE");
}

// --- tcp_listener -------------------------------------------------------------------------------

tcp_listener tcp_listener::bind(const endpoint& where, const listen_options& options) {
    const detail::socket_address address{where};
    detail::held_socket made{detail::open_socket(address.family(), SOCK_STREAM)};
    if (!made) throw_bind_error("socket", where);
    const int socket = made.get();
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, options.reuse_address ? 1 : 0, "SO_REUSEADDR");
    // Inherited by the connections, so that accepting one takes no further call.
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    if (options.reuse_port) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
    if (address.family() == AF_INET6) {
        set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0, "IPV6_V6ONLY");
    }
    if (detail::bind_socket(socket, address.data(), address.size()) != 0) {
        throw_bind_error("bind", where);
    }
    if (detail::listen_socket(socket, options.backlog) != 0) throw_bind_error("listen", where);
    return tcp_listener{detail::socket_owner{unique_fd{made.release()}}};
}

endpoint tcp_listener::local_endpoint() const {
    return detail::local_endpoint_of(socket_.descriptor());
}

}  // namespace simul
