// SPDX-License-Identifier: Apache-2.0
//
// A server of HTTP/1.1 that says "Hello, World!" at /plaintext and the same in JSON at /json, with
// routing, Date and all limits on. `plaintext PORT`; SIMUL_BACKEND says how.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <string_view>

#include "simul/concurrency/run.hpp"
#include "simul/http/server.hpp"
#include "simul/http/status.hpp"
#include "simul/io/tcp.hpp"

namespace {

using simul::http::server_request;
using simul::http::server_response;

void say_hello(server_response& answer) {
    answer.add_field("Content-Type", "text/plain");
    answer.body = "Hello, World!";
}

void say_hello_in_json(server_response& answer) {
    answer.add_field("Content-Type", "application/json");
    answer.body = R"({"message":"Hello, World!"})";
}

struct route {
    std::string_view path;
    void (*answer)(server_response&);
};

constexpr std::array<route, 2> routes{{{"/json", &say_hello_in_json}, {"/plaintext", &say_hello}}};

void choose(const server_request& asked, server_response& answer) {
    const auto* const found = std::ranges::lower_bound(routes, asked.path(), {}, &route::path);
    if (found == routes.end() || found->path != asked.path()) {
        answer.status = simul::http::status::not_found;
    } else if (asked.method() != simul::http::method::get &&
               asked.method() != simul::http::method::head) {
        answer.status = simul::http::status::method_not_allowed;
        answer.add_field("Allow", "GET, HEAD");
    } else {
        found->answer(answer);
    }
}

simul::task<> serve_at(std::uint16_t port) {
    auto listener = simul::tcp_listener::bind({simul::ip_address::loopback_v4(), port});
    simul::http::server_options options;
    // As the other servers are configured for this comparison.
    options.max_requests = std::numeric_limits<std::size_t>::max();
    options.connections.max_per_address = options.connections.max_connections;
    co_await simul::http::serve(listener, choose, options);
}

}  // namespace

int main(int count, char** words) {
    std::uint16_t port = 0;
    const std::string_view text = count > 1 ? words[1] : "";
    const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
    if (read.ec != std::errc{} || port == 0) {
        std::fprintf(stderr, "plaintext: PORT must be a number from 1 to 65535\n");
        return 2;
    }
    simul::run(serve_at(port));
}
