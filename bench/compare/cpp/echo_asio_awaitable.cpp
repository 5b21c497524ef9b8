// SPDX-License-Identifier: Apache-2.0
//
// A TCP echo server on asio with coroutines, one thread. `echo_asio_awaitable PORT`
#include <array>
#include <cstdlib>
#include <exception>
#include <utility>

#include <asio.hpp>

namespace {

using asio::use_awaitable;
using asio::ip::tcp;

asio::awaitable<void> echo(tcp::socket socket) {
    std::array<char, 4096> buffer;
    try {
        socket.set_option(tcp::no_delay(true));
        while (true) {
            const std::size_t size =
                co_await socket.async_read_some(asio::buffer(buffer), use_awaitable);
            co_await asio::async_write(socket, asio::buffer(buffer, size), use_awaitable);
        }
    } catch (const std::exception&) {
        // The other side has closed.
    }
}

asio::awaitable<void> serve(tcp::acceptor& listener) {
    while (true) {
        tcp::socket socket = co_await listener.async_accept(use_awaitable);
        asio::co_spawn(listener.get_executor(), echo(std::move(socket)), asio::detached);
    }
}

}  // namespace

int main(int count, char** words) {
    asio::io_context context{1};
    const auto port = static_cast<unsigned short>(count > 1 ? std::atoi(words[1]) : 0);
    tcp::acceptor listener{context, {asio::ip::address_v4::loopback(), port}};
    asio::co_spawn(context, serve(listener), asio::detached);
    context.run();
}
