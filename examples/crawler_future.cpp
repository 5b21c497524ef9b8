// SPDX-License-Identifier: Apache-2.0
//
// The next rung: the callbacks of crawler_callbacks.cpp, folded into one function. A generator can
// pause, so it pauses where it would wait, and yields a future: a result that is not there yet. The
// callback that is left does nothing but give the future its result; that makes the task step on.
// Variables are locals again, and the loop no longer knows what it calls.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "support/crawl_report.hpp"
#include "support/future.hpp"
#include "support/selector.hpp"
#include "support/sockets.hpp"

examples::selector<std::function<void()>> selector;
std::set<std::string> urls_todo{examples::ten_pages.begin(), examples::ten_pages.end()};
bool stopped = false;
std::size_t bytes = 0;

examples::coroutine<> fetch(std::uint16_t port, std::string path) {
    const simul::unique_fd socket = examples::make_socket(SOCK_NONBLOCK);
    examples::must_wait(examples::connect_to(socket.get(), port), "connect");

    examples::future connected;
    selector.register_callback(socket.get(), examples::writable, [&] { connected.set_result(""); });
    co_yield connected;
    selector.unregister(socket.get());
    examples::checked(examples::send_request(socket.get(), path), "send");

    while (true) {
        examples::future arrived;
        selector.register_callback(socket.get(), examples::readable,
                                   [&] { arrived.set_result(examples::receive(socket.get())); });
        const std::optional<std::string> chunk = co_yield arrived;
        selector.unregister(socket.get());
        if (chunk->empty()) break;
        bytes += chunk->size();
    }
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
