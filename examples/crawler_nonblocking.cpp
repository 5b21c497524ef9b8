// SPDX-License-Identifier: Apache-2.0
//
// A rung of the crawler ladder that leads nowhere by itself: the sockets no longer block. A call
// that cannot be done yet says so at once, and all this program knows is to ask again, as fast as
// it can. It takes as long as crawler_blocking.cpp, and keeps a processor busy with asking.
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "support/crawl_report.hpp"
#include "support/sockets.hpp"

long refusals = 0;  // how often the answer was: not yet

bool not_yet(long result, const char* call) {
    const bool refused = examples::must_wait(result, call);
    if (refused) ++refusals;
    return refused;
}

std::string fetch(std::uint16_t port, const std::string& path) {
    const simul::unique_fd socket = examples::make_socket(SOCK_NONBLOCK);
    not_yet(examples::connect_to(socket.get(), port), "connect");  // begins to connect

    while (not_yet(examples::send_request(socket.get(), path), "send")) continue;

    std::string response;
    while (true) {
        char chunk[4096];
        const long count = ::recv(socket.get(), chunk, sizeof chunk, 0);
        if (not_yet(count, "recv")) continue;
        if (count == 0) return response;
        response.append(chunk, static_cast<std::size_t>(count));
    }
}

int main(int argc, char** argv) {
    examples::slow_server server{examples::delay_argument(argc, argv)};
    examples::crawl_report report{server};

    std::size_t bytes = 0;
    for (const std::string& path : examples::ten_pages) bytes += fetch(server.port(), path).size();

    report.print(bytes);  // look at the share of the processor
    std::fprintf(stderr, "%ld times: not yet\n", refusals);
}
