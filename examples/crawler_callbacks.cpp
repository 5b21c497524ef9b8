// SPDX-License-Identifier: Apache-2.0
//
// The rung of the crawler ladder where it becomes fast: all ten pages at once, on one thread. A
// selector waits for all sockets together, and each crawler leaves word what to do when its own is
// ready. The price is in the code: one fetch is three functions, and what they share had to become
// members.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "support/crawl_report.hpp"
#include "support/selector.hpp"
#include "support/sockets.hpp"

examples::selector<std::function<void(int, std::uint32_t)>> selector;
std::set<std::string> urls_todo{examples::ten_pages.begin(), examples::ten_pages.end()};
bool stopped = false;

class crawler {
public:
    explicit crawler(std::string path) : path_{std::move(path)} {}

    void fetch(std::uint16_t port) {
        examples::must_wait(examples::connect_to(socket_.get(), port), "connect");
        selector.register_callback(
            socket_.get(), examples::writable,
            [this](int descriptor, std::uint32_t mask) { connected(descriptor, mask); });
    }

    const std::string& response() const { return response_; }

private:
    void connected(int descriptor, std::uint32_t) {
        selector.unregister(descriptor);
        examples::checked(examples::send_request(descriptor, path_), "send");
        selector.register_callback(
            descriptor, examples::readable,
            [this](int again, std::uint32_t mask) { read_response(again, mask); });
    }

    void read_response(int descriptor, std::uint32_t) {
        const std::string chunk = examples::receive(descriptor);
        response_ += chunk;
        if (!chunk.empty()) return;  // called again when there is more
        selector.unregister(descriptor);
        urls_todo.erase(path_);
        stopped = urls_todo.empty();
    }

    std::string path_;
    simul::unique_fd socket_ = examples::make_socket(SOCK_NONBLOCK);
    std::string response_;
};

void loop() {
    while (!stopped) {
        for (const auto& [descriptor, mask, callback] : selector.select()) {
            callback(descriptor, mask);
        }
    }
}

int main(int argc, char** argv) {
    examples::slow_server server{examples::delay_argument(argc, argv)};
    examples::crawl_report report{server};

    std::deque<crawler> crawlers;  // callbacks point to them: they must not move
    for (const std::string& path : examples::ten_pages) {
        crawlers.emplace_back(path).fetch(server.port());
    }
    loop();

    std::size_t bytes = 0;
    for (const crawler& each : crawlers) bytes += each.response().size();
    report.print(bytes);
}
