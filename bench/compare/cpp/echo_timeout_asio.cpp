// SPDX-License-Identifier: Apache-2.0
//
// The echo server on asio with coroutines, and a limit of time on each read by operator||.
// `echo_timeout_asio PORT`
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <utility>

#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>

namespace {

using asio::use_awaitable;
using asio::experimental::as_tuple;
using asio::ip::tcp;

constexpr std::chrono::seconds longest_silence{30};

asio::awaitable<void> echo(tcp::socket socket) {
    using namespace asio::experimental::awaitable_operators;
    std::array<char, 4096> buffer;
    asio::steady_timer timer{socket.get_executor()};
    try {
        socket.set_option(tcp::no_delay(true));
        while (true) {
            timer.expires_after(longest_silence);
            // As tuples, since operator|| waits for the other one when one of them throws.
            const auto first =
                co_await (socket.async_read_some(asio::buffer(buffer), as_tuple(use_awaitable)) ||
                          timer.async_wait(as_tuple(use_awaitable)));
            if (first.index() == 1) co_return;
            const auto [error, size] = std::get<0>(first);
            if (error) co_return;
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
