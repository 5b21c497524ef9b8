// SPDX-License-Identifier: Apache-2.0
//
// Connecting a socket of the caller's. What becomes of it when that is cancelled is in
// tests/semantics_network.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>
#include <system_error>
#include <utility>

#include "io/socket_address.hpp"
#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/io/connect.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;

unique_fd stream_socket(int family = AF_INET) {
    return unique_fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
}

TEST(connect_given_socket, makes_a_stream_of_a_blocking_socket) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_loopback_port());
        unique_fd socket = stream_socket();
        const int number = socket.get();
        tcp_stream client = co_await connect(std::move(socket), listener.local_endpoint());
        auto [server, peer] = co_await listener.accept();
        EXPECT_NE(::fcntl(number, F_GETFL) & O_NONBLOCK, 0);
        int no_delay = 0;
        socklen_t size = sizeof no_delay;
        EXPECT_EQ(::getsockopt(number, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
        EXPECT_NE(no_delay, 0);
        co_await write_and_shut_down(server, "hello");
        const std::string heard = co_await read_to_end(client);
        EXPECT_EQ(heard, "hello");
    });
}

TEST(connect_given_socket, keeps_the_address_it_is_bound_to) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_loopback_port());
        unique_fd socket = stream_socket();
        const detail::socket_address any{any_loopback_port()};
        EXPECT_EQ(::bind(socket.get(), any.data(), any.size()), 0);
        const endpoint here = detail::local_endpoint_of(socket.get());
        const tcp_stream client = co_await connect(std::move(socket), listener.local_endpoint());
        auto [server, peer] = co_await listener.accept();
        EXPECT_EQ(peer, here);
        EXPECT_EQ(client.local_endpoint(), here);
    });
}

TEST(connect_given_socket, names_the_address_when_it_fails) {
    run_on_real_backends([]() -> task<> {
        const unique_fd nobody = stream_socket();
        const detail::socket_address any{any_loopback_port()};
        EXPECT_EQ(::bind(nobody.get(), any.data(), any.size()), 0);
        const endpoint there = detail::local_endpoint_of(nobody.get());
        unique_fd socket = stream_socket();
        const int number = socket.get();
        std::error_code code;
        std::string text;
        try {
            static_cast<void>(co_await connect(std::move(socket), there));
        } catch (const std::system_error& error) {
            code = error.code();
            text = error.what();
        }
        EXPECT_EQ(code, std::errc::connection_refused);
        EXPECT_NE(text.find("cannot connect to " + there.to_string()), std::string::npos) << text;
        EXPECT_EQ(::fcntl(number, F_GETFD), -1);
    });
}

TEST(connect_given_socket, fails_with_a_socket_of_another_family) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_loopback_port());
        const std::error_code code =
            co_await code_of(connect(stream_socket(AF_UNIX), listener.local_endpoint()));
        EXPECT_NE(code, std::error_code{});
        EXPECT_EQ(code.category(), std::system_category());
    });
}

}  // namespace
}  // namespace simul
