// SPDX-License-Identifier: Apache-2.0
//
// The first rung of the crawler ladder: one page after another. connect() and recv() return when
// they are done, and the program does nothing meanwhile, so ten pages take ten times as long as
// one. The top rung is crawler_tasks.cpp.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "support/crawl_report.hpp"
#include "support/sockets.hpp"

using examples::checked;  // an error of a system call becomes an exception

std::string fetch(std::uint16_t port, const std::string& path) {
    const simul::unique_fd socket{
        static_cast<int>(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"))};

    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(::connect(socket.get(), reinterpret_cast<sockaddr*>(&server), sizeof server),
            "connect");

    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    checked(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL), "send");

    std::string response;
    while (true) {
        char chunk[4096];
        const long count = checked(::recv(socket.get(), chunk, sizeof chunk, 0), "recv");
        if (count == 0) return response;
        response.append(chunk, static_cast<std::size_t>(count));
    }
}

int main(int argc, char** argv) {
    examples::slow_server server{examples::delay_argument(argc, argv)};
    examples::crawl_report report{server};

    std::size_t bytes = 0;
    for (const std::string& path : examples::ten_pages) bytes += fetch(server.port(), path).size();

    report.print(bytes);
}
