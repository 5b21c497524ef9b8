// SPDX-License-Identifier: Apache-2.0
//
// support/scripted_server.hpp: an HTTP server for a program under test, moved step by step.
//
// The test asks for the next request, which also tells it how far the program has come, and answers
// when it likes, or never. Everything blocks, for half a minute at most.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/unique_fd.hpp"

namespace simul::test {

/// A request that was read: its target, and the connection to answer on.
struct scripted_request {
    scripted_request() = default;

    std::string target;
    int connection = -1;
};

class scripted_server {
public:
    scripted_server() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        ::sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::socklen_t size = sizeof where;
        auto* generic = reinterpret_cast<::sockaddr*>(&where);
        if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
            ::getsockname(listener_.get(), generic, &size) != 0) {
            throw std::system_error{errno, std::system_category(), "a server"};
        }
        port_ = std::to_string(ntohs(where.sin_port));
    }

    [[nodiscard]] const std::string& port() const noexcept { return port_; }

    /// "http://127.0.0.1:PORT" and the path.
    [[nodiscard]] std::string url(std::string_view path) const {
        std::string text{"http://127.0.0.1:"};
        text.append(port_).append(path);
        return text;
    }

    /// Waits for the next request without a body, on whichever connection.
    scripted_request next() {
        while (true) {
            for (client& each : clients_) {
                const std::size_t end = each.ahead.find("\r\n\r\n");
                if (end == std::string::npos) continue;
                scripted_request found;
                const std::size_t from = each.ahead.find(' ') + 1;
                found.target = each.ahead.substr(from, each.ahead.find(' ', from) - from);
                found.connection = each.socket.get();
                each.ahead.erase(0, end + 4);
                return found;
            }
            wait();
        }
    }

    /// Waits for the next request and answers it, if it is the one that is expected.
    void expect(std::string_view target, std::string_view body,
                std::string_view status = "200 OK") {
        const scripted_request asked = next();
        if (asked.target != target) throw std::runtime_error{"asked for " + asked.target};
        answer(asked, body, status);
    }

    void answer(const scripted_request& asked, std::string_view body,
                std::string_view status = "200 OK") {
        std::string text{"HTTP/1.1 "};
        text.append(status).append("\r\nContent-Type: text/html\r\nContent-Length: ");
        text.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
        std::string_view rest = text;
        while (!rest.empty()) {
            const ::ssize_t count =
                ::send(asked.connection, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (count <= 0) throw std::system_error{errno, std::system_category(), "an answer"};
            rest.remove_prefix(static_cast<std::size_t>(count));
        }
    }

private:
    struct client {
        explicit client(unique_fd taken) : socket{std::move(taken)} {}

        unique_fd socket;
        std::string ahead;
    };

    void wait() {
        std::vector<::pollfd> wanted{{listener_.get(), POLLIN, 0}};
        for (const client& each : clients_) wanted.push_back({each.socket.get(), POLLIN, 0});
        if (::poll(wanted.data(), wanted.size(), 30'000) <= 0) {
            throw std::runtime_error{"nobody asks for anything"};
        }
        for (std::size_t at = wanted.size(); at-- > 1;) {
            if (wanted[at].revents != 0) read(at - 1);
        }
        if (wanted[0].revents != 0) {
            clients_.emplace_back(
                unique_fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)});
        }
    }

    void read(std::size_t which) {
        char buffer[4096];
        const ::ssize_t count = ::read(clients_[which].socket.get(), buffer, sizeof buffer);
        if (count > 0) {
            clients_[which].ahead.append(buffer, static_cast<std::size_t>(count));
        } else {
            clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(which));
        }
    }

    unique_fd listener_;
    std::string port_;
    std::vector<client> clients_;
};

}  // namespace simul::test
