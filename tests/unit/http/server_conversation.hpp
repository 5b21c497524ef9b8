// SPDX-License-Identifier: Apache-2.0
//
// http/server_conversation.hpp: a server that says what it was asked, in the simulated world, and
// the texts that go to and fro.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "simul/concurrency/task_group.hpp"
#include "simul/http/server.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/testing/run_test.hpp"
#include "support/served_requests.hpp"

namespace simul::http::test {

using simul::test::http_server_in_test;

inline constexpr std::string_view common{
    "Server: simul\r\nDate: Thu, 01 Jan 1970 01:00:00 GMT\r\n"};

/// The answer of echo() below, as it is sent in the first second.
inline std::string answer_with(std::string_view body, std::string_view connection = {}) {
    std::string text{"HTTP/1.1 200 OK\r\n"};
    text.append(common).append("Content-Length: ").append(std::to_string(body.size()));
    text.append("\r\n");
    if (!connection.empty()) text.append("Connection: ").append(connection).append("\r\n");
    text.append("Content-Type: text/plain\r\n\r\n").append(body);
    return text;
}

inline std::string get(std::string_view target, std::string_view fields = {}) {
    std::string text{"GET "};
    text.append(target).append(" HTTP/1.1\r\nHost: a\r\n").append(fields).append("\r\n");
    return text;
}

inline std::string post(std::string_view fields, std::string_view body) {
    std::string text{"POST /p HTTP/1.1\r\nHost: a\r\n"};
    text.append(fields).append("\r\n").append(body);
    return text;
}

inline void echo(const server_request& asked, server_response& answer) {
    answer.add_field("Content-Type", "text/plain");
    answer.body.append(asked.method().name()).append(" ").append(asked.path());
    if (!asked.query().empty()) answer.body.append(" ?").append(asked.query());
    if (!asked.body().empty()) answer.body.append(" ").append(asked.body());
}

inline time_point now() {
    return loop::current().now();
}

inline std::string first_line(std::string_view text) {
    return std::string{text.substr(0, text.find("\r\n"))};
}

/// Runs the body of a test beside a server, and expects that nothing is left behind.
template <class Handler, class Body>
void beside_server(Handler handler, const server_options& options, Body body) {
    testing::run_test([&]() -> task<> {
        http_server_in_test server;
        co_await with_task_group([&](task_group& group) -> task<> {
            server.start(group, handler, options);
            co_await body(server);
            server.running.cancel();
        });
    });
}

template <class Body>
void beside_server(const server_options& options, Body body) {
    beside_server(&echo, options, std::move(body));
}

template <class Body>
void beside_server(Body body) {
    beside_server(&echo, server_options{}, std::move(body));
}

}  // namespace simul::http::test
