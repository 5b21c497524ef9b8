// SPDX-License-Identifier: Apache-2.0
//
// HTTP plaintext on Boost.Beast with coroutines, one thread. `http_beast PORT`
#include <cstdlib>
#include <exception>
#include <utility>

#include <boost/asio.hpp>
#include <boost/beast.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;
using asio::ip::tcp;

asio::awaitable<void> answer(tcp::socket socket) {
    try {
        socket.set_option(tcp::no_delay(true));
        boost::beast::flat_buffer buffer;
        bool goes_on = true;
        while (goes_on) {
            http::request<http::empty_body> request;
            co_await http::async_read(socket, buffer, request, use_awaitable);
            goes_on = request.keep_alive();
            http::response<http::string_body> response{http::status::ok, request.version()};
            response.set(http::field::server, "Beast");
            response.set(http::field::content_type, "text/plain");
            response.keep_alive(goes_on);
            response.body() = "Hello, World!";
            response.prepare_payload();
            co_await http::async_write(socket, response, use_awaitable);
        }
    } catch (const std::exception&) {
        // The other side has closed.
    }
}

asio::awaitable<void> serve(tcp::acceptor& listener) {
    while (true) {
        tcp::socket socket = co_await listener.async_accept(use_awaitable);
        asio::co_spawn(listener.get_executor(), answer(std::move(socket)), asio::detached);
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
