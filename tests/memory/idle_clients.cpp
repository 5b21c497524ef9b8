// SPDX-License-Identifier: Apache-2.0
#include "memory/idle_clients.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/unique_fd.hpp"

namespace simul::test {

namespace {

using owned_ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;

class connection {
public:
    connection(unique_fd socket, owned_ssl session)
        : socket_{std::move(socket)}, session_{std::move(session)} {}

    void exchange_one_byte() {
        char byte = 'x';
        const int sent = session_ ? SSL_write(session_.get(), &byte, 1)
                                  : static_cast<int>(::write(socket_.get(), &byte, 1));
        const int received = session_ ? SSL_read(session_.get(), &byte, 1)
                                      : static_cast<int>(::read(socket_.get(), &byte, 1));
        if (sent != 1 || received != 1) throw std::runtime_error{"a byte did not come back"};
    }

private:
    unique_fd socket_;
    owned_ssl session_;
};

unique_fd connected_socket(std::uint16_t port) {
    unique_fd made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    // A server that hangs must not hang the thread that is to be joined.
    const timeval limit{20, 0};
    ::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int at_once = 1;
    ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* const address = reinterpret_cast<const sockaddr*>(&where);
    if (::connect(made.get(), address, sizeof where) != 0) {
        throw std::system_error{errno, std::system_category(), "connect"};
    }
    return made;
}

owned_ssl session_over(const unique_fd& socket, SSL_CTX* context) {
    owned_ssl made{SSL_new(context), &SSL_free};
    if (!made || SSL_set_fd(made.get(), socket.get()) != 1 || SSL_connect(made.get()) != 1) {
        throw std::runtime_error{"no TLS session"};
    }
    return made;
}

void hold_connections(std::uint16_t port, std::size_t count, idle_clients::protocol spoken,
                      const std::future<void>& end) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{
        SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
    std::vector<connection> held;
    for (std::size_t number = 0; number != count; ++number) {
        unique_fd socket = connected_socket(port);
        owned_ssl session{nullptr, &SSL_free};
        if (spoken == idle_clients::protocol::tls) session = session_over(socket, context.get());
        held.emplace_back(std::move(socket), std::move(session));
        held.back().exchange_one_byte();
    }
    end.wait();
}

}  // namespace

idle_clients::idle_clients(std::uint16_t port, std::size_t connections, protocol spoken)
    : thread_{[port, connections, spoken, end = may_end_.get_future()] {
          try {
              hold_connections(port, connections, spoken, end);
          } catch (const std::exception& failure) {  // the server gives up waiting
              std::fprintf(stderr, "idle_clients: %s\n", failure.what());
          }
      }} {}

void allow_descriptors(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        throw std::system_error{errno, std::system_category(), "getrlimit"};
    }
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        throw std::system_error{errno, std::system_category(), "setrlimit"};
    }
}

}  // namespace simul::test
