// SPDX-License-Identifier: Apache-2.0
//
// A TCP echo server on asio with callbacks, one thread. `echo_asio_callback PORT`
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include <asio.hpp>

namespace {

using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
    explicit session(tcp::socket socket) : socket_{std::move(socket)} {
        socket_.set_option(tcp::no_delay(true));
    }

    void read() {
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](std::error_code error, std::size_t size) {
                if (!error) self->write(size);
            });
    }

private:
    void write(std::size_t size) {
        asio::async_write(socket_, asio::buffer(buffer_, size),
                          [self = shared_from_this()](std::error_code error, std::size_t) {
                              if (!error) self->read();
                          });
    }

    tcp::socket socket_;
    std::array<char, 4096> buffer_{};
};

void accept(tcp::acceptor& listener) {
    listener.async_accept([&listener](std::error_code error, tcp::socket socket) {
        if (!error) std::make_shared<session>(std::move(socket))->read();
        accept(listener);
    });
}

}  // namespace

int main(int count, char** words) {
    asio::io_context context{1};
    const auto port = static_cast<unsigned short>(count > 1 ? std::atoi(words[1]) : 0);
    tcp::acceptor listener{context, {asio::ip::address_v4::loopback(), port}};
    accept(listener);
    context.run();
}
