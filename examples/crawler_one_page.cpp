// SPDX-License-Identifier: Apache-2.0
//
// A step aside from the crawler ladder: one page only. A selector makes nothing faster. It lets one
// thread wait for many things, and with one thing to wait for that is what recv() did already.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

#include "support/crawl_report.hpp"
#include "support/selector.hpp"
#include "support/sockets.hpp"

std::string fetch_blocking(std::uint16_t port, const std::string& path) {
    const simul::unique_fd socket = examples::make_socket();
    examples::checked(examples::connect_to(socket.get(), port), "connect");
    examples::checked(examples::send_request(socket.get(), path), "send");

    std::string response;
    std::string chunk = examples::receive(socket.get());
    while (!chunk.empty()) {
        response += chunk;
        chunk = examples::receive(socket.get());
    }
    return response;
}

std::string fetch_with_selector(std::uint16_t port, const std::string& path) {
    examples::selector<std::function<void()>> selector;
    const simul::unique_fd socket = examples::make_socket(SOCK_NONBLOCK);
    std::string response;
    bool stopped = false;

    const auto read_response = [&] {
        const std::string chunk = examples::receive(socket.get());
        response += chunk;
        stopped = chunk.empty();
    };
    const auto connected = [&] {
        selector.unregister(socket.get());
        examples::checked(examples::send_request(socket.get(), path), "send");
        selector.register_callback(socket.get(), examples::readable, read_response);
    };

    examples::must_wait(examples::connect_to(socket.get(), port), "connect");
    selector.register_callback(socket.get(), examples::writable, connected);
    while (!stopped) {
        for (const auto& event : selector.select()) event.callback();
    }
    return response;
}

int main(int argc, char** argv) {
    examples::slow_server server{examples::delay_argument(argc, argv)};

    std::puts("blocking:");
    examples::crawl_report blocking{server};
    blocking.print(fetch_blocking(server.port(), "/").size());

    std::puts("with a selector:");
    examples::crawl_report selecting{server};
    selecting.print(fetch_with_selector(server.port(), "/").size());
}
