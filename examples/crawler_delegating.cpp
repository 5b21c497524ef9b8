// SPDX-License-Identifier: Apache-2.0
//
// The last rung by hand: crawler_future.cpp, taken apart into functions to be used again. Each
// waits inside and returns a result; whoever calls one says `co_yield elements_of(…)`, which is
// `await` under its first name. fetch() now reads like that of crawler_blocking.cpp.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>

#include "support/crawl_report.hpp"
#include "support/future.hpp"
#include "support/selector.hpp"
#include "support/sockets.hpp"

using examples::coroutine;
using simul::elements_of;

examples::selector<std::function<void()>> selector;
std::set<std::string> urls_todo{examples::ten_pages.begin(), examples::ten_pages.end()};
bool stopped = false;
std::size_t bytes = 0;

coroutine<> connect(int socket, std::uint16_t port) {
    examples::must_wait(examples::connect_to(socket, port), "connect");
    examples::future connected;
    selector.register_callback(socket, examples::writable, [&] { connected.set_result(""); });
    co_yield elements_of(connected.wait());
    selector.unregister(socket);
}

coroutine<std::string> read(int socket) {
    examples::future arrived;
    selector.register_callback(socket, examples::readable,
                               [&] { arrived.set_result(examples::receive(socket)); });
    std::string chunk = co_yield elements_of(arrived.wait());
    selector.unregister(socket);
    co_return chunk;
}

coroutine<std::string> read_all(int socket) {
    std::string response;
    std::string chunk = co_yield elements_of(read(socket));
    while (!chunk.empty()) {
        response += chunk;
        chunk = co_yield elements_of(read(socket));
    }
    co_return response;
}

coroutine<> fetch(std::uint16_t port, std::string path) {
    const simul::unique_fd socket = examples::make_socket(SOCK_NONBLOCK);
    co_yield elements_of(connect(socket.get(), port));
    examples::checked(examples::send_request(socket.get(), path), "send");
    const std::string response = co_yield elements_of(read_all(socket.get()));

    bytes += response.size();
    urls_todo.erase(path);
    stopped = urls_todo.empty();
}

void loop() {
    while (!stopped) {
        for (const auto& event : selector.select()) event.callback();
    }
}

int main(int argc, char** argv) {
    examples::slow_server server{examples::delay_argument(argc, argv)};
    examples::crawl_report report{server};

    std::deque<examples::task> tasks;
    for (const std::string& path : examples::ten_pages) {
        tasks.emplace_back(fetch(server.port(), path));
    }
    loop();

    report.print(bytes);
}
