// SPDX-License-Identifier: Apache-2.0
//
// What the server refuses and whom it does not wait for, over the network of the simulated world
// and under its clock.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/http/server.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"

#include "server_conversation.hpp"

namespace simul::http {
namespace {

using namespace std::chrono_literals;
using namespace test;

// Expects the first line of the answer to a text, and that the connection is closed at once.
void expect_refused(const std::string& text, std::string_view line,
                    const server_options& options = {}) {
    beside_server(options, [&](http_server_in_test& server) -> task<> {
        const time_point asked = now();
        tcp_stream stream = co_await server.connect();
        co_await write_all(stream, bytes_of(text));
        std::string got;
        bool more = true;
        while (more) more = co_await http_server_in_test::read_more(stream, got);
        EXPECT_EQ(first_line(got), line) << text.substr(0, 200);
        EXPECT_NE(got.find("Connection: close\r\n"), std::string::npos) << got;
        EXPECT_EQ(now(), asked);
        EXPECT_EQ(server.counters.requests, 0U);
        EXPECT_EQ(server.counters.refused, 1U);
    });
}

// --- what is no request -------------------------------------------------------------------------

TEST(http_server_limits, refuses_what_is_malformed) {
    constexpr std::string_view bad{"HTTP/1.1 400 Bad Request"};
    expect_refused("\x16\x03\x01", bad);
    expect_refused("GET /\r\n\r\n", bad);
    expect_refused("GET / HTTP/1.1\nHost: a\n\n", bad);
    expect_refused("GET / HTTP/1.1\r\n\r\n", bad);
    expect_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", bad);
    expect_refused("GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", bad);
    expect_refused(get("/", "Name : value\r\n"), bad);
    expect_refused(get("/", "Name: a\r\n folded\r\n"), bad);
    expect_refused(get("/", std::string_view{"Name: \0\r\n", 9}), bad);
    expect_refused(post("Content-Length: +1\r\n", "a"), bad);
    expect_refused(post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), bad);
    expect_refused(post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "a"), bad);
    expect_refused(post("Transfer-Encoding: chunked\r\n", "x\r\n"), bad);
    expect_refused(post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n"), bad);
    expect_refused(post("Transfer-Encoding: gzip\r\n", ""), "HTTP/1.1 501 Not Implemented");
    expect_refused("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "HTTP/1.1 501 Not Implemented");
    expect_refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported");
}

TEST(http_server_limits, answers_what_came_before_a_malformed_request) {
    beside_server([](http_server_in_test& server) -> task<> {
        const std::string got = co_await server.answers_to(get("/1") + "\r\n\r\n\r\n" + get("/2"));
        EXPECT_TRUE(got.starts_with(answer_with("GET /1") + "HTTP/1.1 400 Bad Request\r\n")) << got;
        EXPECT_EQ(got.find("/2"), std::string::npos) << got;
    });
}

// --- limits of size -----------------------------------------------------------------------------

// A request at the limit is answered, one above it refused.
void expect_limit(const server_options& options, const std::string& at_limit,
                  const std::string& above, std::string_view line) {
    beside_server(options, [&](http_server_in_test& server) -> task<> {
        const std::string got = co_await server.answers_to(at_limit);
        EXPECT_EQ(first_line(got), "HTTP/1.1 200 OK");
    });
    expect_refused(above, line, options);
}

TEST(http_server_limits, limits_the_request_line) {
    server_options options;
    options.request.request_line = 100;
    const auto with_line_of = [](std::size_t size) {
        std::string target{"/"};
        target.append(size - std::string_view{"GET / HTTP/1.1"}.size(), 'x');
        return get(target, "Connection: close\r\n");
    };
    expect_limit(options, with_line_of(100), with_line_of(101), "HTTP/1.1 414 URI Too Long");
}

TEST(http_server_limits, limits_the_head) {
    constexpr std::string_view line{"HTTP/1.1 431 Request Header Fields Too Large"};
    constexpr std::string_view last{"Connection: close\r\n"};
    const auto with_field_of = [&](std::size_t size) {
        std::string fields{last};
        fields.append("X: ").append(size - 3, 'x').append("\r\n");
        return get("/", fields);
    };
    server_options options;
    options.request.field = 100;
    expect_limit(options, with_field_of(100), with_field_of(101), line);

    options = server_options{};
    options.request.block = std::string_view{"Host: a\r\n"}.size() + last.size() + 102;
    expect_limit(options, with_field_of(100), with_field_of(101), line);

    options = server_options{};
    options.request.fields = 3;
    std::string three{last};
    three.append("A: 1\r\n");
    expect_limit(options, get("/", three), get("/", three + "B: 1\r\n"), line);
}

TEST(http_server_limits, limits_the_body) {
    constexpr std::string_view line{"HTTP/1.1 413 Content Too Large"};
    server_options options;
    options.max_body = 10;
    const auto with_length = [](int length, std::string_view more) {
        std::string fields{"Connection: close\r\nContent-Length: "};
        fields.append(std::to_string(length)).append("\r\n").append(more);
        return post(fields, std::string(static_cast<std::size_t>(length), 'x'));
    };
    expect_limit(options, with_length(10, ""), with_length(11, ""), line);
    // Who asked before is told before.
    const std::string asked = post("Content-Length: 11\r\nExpect: 100-continue\r\n", "");
    expect_refused(asked, line, options);

    constexpr std::string_view chunked{"Connection: close\r\nTransfer-Encoding: chunked\r\n"};
    expect_limit(options, post(chunked, "8\r\n12345678\r\n2\r\n90\r\n0\r\n\r\n"),
                 post(chunked, "8\r\n12345678\r\n3\r\n901"), line);
}

TEST(http_server_limits, limits_the_requests_of_a_connection) {
    server_options options;
    options.max_requests = 2;
    beside_server(options, [](http_server_in_test& server) -> task<> {
        const std::string got = co_await server.answers_to(get("/1") + get("/2") + get("/3"));
        EXPECT_EQ(got, answer_with("GET /1") + answer_with("GET /2", "close"));
        EXPECT_EQ(server.counters.requests, 2U);
    });
}

// --- limits of time -----------------------------------------------------------------------------

// The connection sends nothing after `text`, which has `answers` answers; when it is closed, and
// with which answer.
void expect_late(const std::string& text, duration after, std::string_view line) {
    beside_server([&](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        co_await write_all(stream, bytes_of(text));
        const time_point begin = now();
        std::string got = co_await http_server_in_test::everything_from(stream);
        EXPECT_EQ(now() - begin, after) << text;
        EXPECT_EQ(first_line(got), line) << text;
        EXPECT_EQ(server.counters.too_late, line.empty() ? 0U : 1U);
    });
}

TEST(http_server_limits, closes_a_connection_on_which_nothing_comes) {
    expect_late("", 10s, "");
}

TEST(http_server_limits, answers_408_to_a_head_that_does_not_end) {
    expect_late("G", 10s, "HTTP/1.1 408 Request Timeout");
    expect_late("GET / HTTP/1.1\r\nHost: a\r\n", 10s, "HTTP/1.1 408 Request Timeout");
}

TEST(http_server_limits, answers_408_to_a_body_that_does_not_come) {
    expect_late(post("Content-Length: 2\r\n", ""), 15s, "HTTP/1.1 408 Request Timeout");
    expect_late(post("Content-Length: 2\r\n", "1"), 15s, "HTTP/1.1 408 Request Timeout");
    expect_late(post("Transfer-Encoding: chunked\r\n", "1\r\na"), 15s,
                "HTTP/1.1 408 Request Timeout");
}

// Writes one byte each `pause` until the connection is closed; when that was.
void expect_dripping_ends(std::string text, duration pause, duration after) {
    beside_server([&](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        const time_point begin = now();
        std::string got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                try {
                    for (std::size_t i = 0; i != text.size(); ++i) {
                        co_await write_all(stream, bytes_of(text).subspan(i, 1));
                        co_await sleep_for(pause);
                    }
                } catch (const std::system_error&) {
                }
            });
            co_await http_server_in_test::read_more(stream, got);
            EXPECT_EQ(now() - begin, after);
            group.cancel();
        });
        EXPECT_EQ(first_line(got), "HTTP/1.1 408 Request Timeout");
    });
}

TEST(http_server_limits, limits_the_whole_head_and_not_the_pauses_in_it) {
    expect_dripping_ends(get("/a-target-that-takes-longer-than-that"), 1s, 10s);
}

TEST(http_server_limits, limits_the_whole_request_and_not_only_the_pauses_in_it) {
    std::string body(100, 'x');
    std::string text = post("Content-Length: 100\r\n", "");
    beside_server([&](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        const time_point begin = now();
        co_await write_all(stream, bytes_of(text));
        std::string got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                for (std::size_t i = 0; i != body.size(); ++i) {
                    co_await write_all(stream, bytes_of(body).subspan(i, 1));
                    co_await sleep_for(14s);
                }
            });
            co_await http_server_in_test::read_more(stream, got);
            EXPECT_EQ(now() - begin, 300s);
            group.cancel();
        });
        EXPECT_EQ(first_line(got), "HTTP/1.1 408 Request Timeout");
    });
}

TEST(http_server_limits, closes_an_idle_connection_without_a_word) {
    beside_server([](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        for (int i = 0; i != 3; ++i) {
            co_await sleep_for(i == 0 ? 0s : 59s);  // each request begins the limit anew
            co_await write_all(stream, bytes_of(get("/")));
            std::string got;
            co_await http_server_in_test::read_more(stream, got);
            EXPECT_EQ(first_line(got), "HTTP/1.1 200 OK");
        }
        const time_point begin = now();
        std::string rest;
        co_await http_server_in_test::read_more(stream, rest);
        EXPECT_EQ(now() - begin, 60s);
        EXPECT_EQ(rest, "");
        EXPECT_EQ(server.counters.idle_ends, 1U);
    });
}

TEST(http_server_limits, gives_the_head_of_a_later_request_its_own_time) {
    beside_server([](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        co_await write_all(stream, bytes_of(get("/")));
        std::string got;
        co_await http_server_in_test::read_more(stream, got);
        co_await sleep_for(55s);
        co_await write_all(stream, bytes_of("GET"));
        const time_point begin = now();
        got = co_await http_server_in_test::everything_from(stream);
        EXPECT_EQ(now() - begin, 10s);
        EXPECT_EQ(first_line(got), "HTTP/1.1 408 Request Timeout");
    });
}

TEST(http_server_limits, gives_up_a_client_that_does_not_read) {
    const auto say = [](const server_request&, server_response& answer) {
        answer.body.assign(20'000'000, 'x');
    };
    beside_server(say, server_options{}, [](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        co_await write_all(stream, bytes_of(get("/")));
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(server.connections.active, 1U);
        co_await sleep_for(30s - 1ns);
        EXPECT_EQ(server.counters.stalled, 0U);
        co_await sleep_for(1ms);
        EXPECT_EQ(server.counters.stalled, 1U);
        EXPECT_EQ(server.connections.active, 0U);
    });
}

}  // namespace
}  // namespace simul::http
