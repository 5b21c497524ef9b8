// SPDX-License-Identifier: Apache-2.0
//
// support/reserved_port.hpp: a port for a server that is started by a test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "simul/base/unique_fd.hpp"

namespace simul::test {

/// A port of 127.0.0.1 that nobody else gets: taken here, and not listened on, so that a server
/// which shares ports has it for itself.
class reserved_port {
public:
    reserved_port() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        const int on = 1;
        ::sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::socklen_t size = sizeof where;
        auto* generic = reinterpret_cast<::sockaddr*>(&where);
        if (::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
            ::bind(socket_.get(), generic, size) != 0 ||
            ::getsockname(socket_.get(), generic, &size) != 0) {
            throw std::system_error{errno, std::system_category(), "reserving a port"};
        }
        number_ = ntohs(where.sin_port);
    }

    [[nodiscard]] std::uint16_t number() const noexcept { return number_; }

private:
    unique_fd socket_;
    std::uint16_t number_ = 0;
};

}  // namespace simul::test
