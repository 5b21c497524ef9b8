// SPDX-License-Identifier: Apache-2.0
#include "simul/io/connect.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/connect_race.hpp"
#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"
#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace detail {

/// A socket that connects. Nothing is in flight on it when it is destroyed.
class client_socket {
public:
    explicit client_socket(const endpoint& destination)
        : held_{open_socket(destination.address().is_v4() ? AF_INET : AF_INET6, SOCK_STREAM)} {
        if (!held_) throw std::system_error{errno, std::system_category()};
        loop::current().io().forget(held_.get());
    }
    explicit client_socket(held_socket given) : held_{std::move(given)} {
        loop::current().io().forget(held_.get());
        if (simulated_world_of(held_.get()) != nullptr) return;  // they never block
        const int flags = ::fcntl(held_.get(), F_GETFL);
        const bool blocks = (flags & O_NONBLOCK) == 0;
        if (flags < 0 || (blocks && ::fcntl(held_.get(), F_SETFL, flags | O_NONBLOCK) < 0)) {
            throw std::system_error{errno, std::system_category()};
        }
    }

    [[nodiscard]] int descriptor() const noexcept { return held_.get(); }

    /// The stream, once it is connected. What the loop has learnt of the descriptor meanwhile
    /// stays.
    [[nodiscard]] tcp_stream release() {
        return tcp_stream::take_over(unique_fd{held_.release()}, known_to_loop::yes);
    }

private:
    held_socket held_;
};

}  // namespace detail

namespace {

using detail::client_socket;

// Nobody listens there, but the system gave this very port to this socket, and TCP lets a socket
// meet itself (RFC 9293, simultaneous open).
void refuse_itself(const client_socket& connected, const endpoint& where) {
    if (detail::local_endpoint_of(connected.descriptor()) == where) {
        throw std::system_error{ECONNREFUSED, std::system_category()};
    }
}

task<client_socket> connect_socket(endpoint where) {
    client_socket made{where};
    const detail::socket_address address{where};
    co_await connect_descriptor(made.descriptor(), address.bytes());
    refuse_itself(made, where);
    co_return made;
}

task<tcp_stream> connect_to_first(std::vector<endpoint> candidates, connect_options options) {
    detail::connect_race<client_socket> race{candidates, options.attempt_delay, &connect_socket};
    client_socket won = co_await race.run();
    tcp_stream stream = won.release();
    if (!options.no_delay) stream.set_no_delay(false);
    co_return stream;
}

task<tcp_stream> find_and_connect(resolver& names, std::string host, std::uint16_t port,
                                  connect_options options) {
    const std::vector<ip_address> addresses = co_await names.resolve(std::move(host), port);
    std::vector<endpoint> candidates;
    candidates.reserve(addresses.size());
    for (const ip_address& each : addresses) candidates.emplace_back(each, port);
    co_return co_await connect_to_first(std::move(candidates), options);
}

// Holds the socket also when the task is never awaited.
task<tcp_stream> connect_given(detail::held_socket socket, endpoint where) {
    const detail::socket_address address{where};
    try {
        client_socket given{std::move(socket)};
        co_await connect_descriptor(given.descriptor(), address.bytes());
        refuse_itself(given, where);
        co_return given.release();
    } catch (const std::system_error& failure) {
        detail::throw_connect_failure({{where, failure.code()}});
    }
}

}  // namespace

task<tcp_stream> connect(endpoint where, connect_options options) {
    return connect(std::vector<endpoint>{where}, options);
}

task<tcp_stream> connect(unique_fd socket, endpoint where) {
    SIMUL_ASSERT(static_cast<bool>(socket), "connect needs a socket");
    return connect_given(detail::held_socket{socket.release()}, where);
}

task<tcp_stream> connect(std::vector<endpoint> candidates, connect_options options) {
    if (options.timeout) {
        co_return co_await timeout(*options.timeout,
                                   connect_to_first(std::move(candidates), options));
    }
    co_return co_await connect_to_first(std::move(candidates), options);
}

task<tcp_stream> connect(resolver& names, std::string host, std::uint16_t port,
                         connect_options options) {
    if (options.timeout) {
        co_return co_await timeout(*options.timeout,
                                   find_and_connect(names, std::move(host), port, options));
    }
    co_return co_await find_and_connect(names, std::move(host), port, options);
}

}  // namespace simul
