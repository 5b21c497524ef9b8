// SPDX-License-Identifier: Apache-2.0
//
// The server over the network of the simulated world, under its clock: what it answers, and how it
// ends. What it refuses is in server_limits_test.cpp.
#include "simul/http/server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "simul/testing/run_test.hpp"
#include "support/unhandled_errors.hpp"

#include "server_conversation.hpp"

namespace simul::http {
namespace {

using namespace std::chrono_literals;
using namespace test;

// --- answers ------------------------------------------------------------------------------------

TEST(http_server, answers_a_request) {
    beside_server([](http_server_in_test& server) -> task<> {
        const std::string got = co_await server.answers_to(get("/a?b=c", "Connection: close\r\n"));
        EXPECT_EQ(got, answer_with("GET /a ?b=c", "close"));
    });
}

TEST(http_server, keeps_the_connection) {
    beside_server([](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        for (int i = 0; i != 3; ++i) {
            co_await write_all(stream, bytes_of(get("/again")));
            std::string got;
            co_await http_server_in_test::read_more(stream, got);
            EXPECT_EQ(got, answer_with("GET /again"));
        }
        EXPECT_EQ(server.connections.accepted, 1U);
    });
}

TEST(http_server, answers_requests_that_came_together_in_their_order_and_in_one_piece) {
    beside_server([](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        std::string asked;
        std::string expected;
        for (int i = 0; i != 20; ++i) {
            const std::string target = "/" + std::to_string(i);
            asked.append(get(target));
            expected.append(answer_with("GET " + target));
        }
        EXPECT_GT(asked.size(), 256U);  // more than an idle connection has room for
        co_await write_all(stream, bytes_of(asked));
        std::string got;
        co_await http_server_in_test::read_more(stream, got);
        EXPECT_EQ(got, expected);
        // The same once more, from a connection that is in a hurry now.
        co_await write_all(stream, bytes_of(asked));
        got.clear();
        co_await http_server_in_test::read_more(stream, got);
        EXPECT_EQ(got, expected);
    });
}

TEST(http_server, reads_a_request_cut_at_every_byte) {
    const std::string asked = post("Content-Length: 5\r\nConnection: close\r\n", "12345");
    for (std::size_t cut = 1; cut != asked.size(); ++cut) {
        beside_server([&](http_server_in_test& server) -> task<> {
            tcp_stream stream = co_await server.connect();
            co_await write_all(stream, bytes_of(asked).first(cut));
            co_await testing::wait_until_all_blocked();
            co_await write_all(stream, bytes_of(asked).subspan(cut));
            const std::string got = co_await http_server_in_test::everything_from(stream);
            EXPECT_EQ(got, answer_with("POST /p 12345", "close")) << cut;
        });
    }
}

TEST(http_server, reads_bodies_with_a_length_and_in_chunks) {
    beside_server([](http_server_in_test& server) -> task<> {
        std::string asked = post("Content-Length: 3\r\n", "abc");
        asked.append(
            post("Transfer-Encoding: chunked\r\n", "2\r\nde\r\n3;x=y\r\nfgh\r\n0\r\n\r\n"));
        asked.append(get("/", "Connection: close\r\n"));
        const std::string got = co_await server.answers_to(std::move(asked));
        EXPECT_EQ(got, answer_with("POST /p abc") + answer_with("POST /p defgh") +
                           answer_with("GET /", "close"));
    });
}

TEST(http_server, says_100_to_who_waits_for_it_and_not_to_who_does_not) {
    beside_server([](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        const std::string_view fields{"Content-Length: 2\r\nExpect: 100-continue\r\n"};
        co_await write_all(stream, bytes_of(post(fields, "")));
        std::string got;
        co_await http_server_in_test::read_more(stream, got);
        EXPECT_EQ(got, "HTTP/1.1 100 Continue\r\n\r\n");
        co_await write_all(stream, bytes_of("ab"));
        got.clear();
        co_await http_server_in_test::read_more(stream, got);
        EXPECT_EQ(got, answer_with("POST /p ab"));

        co_await write_all(stream, bytes_of(post(fields, "ab")));
        got.clear();
        co_await http_server_in_test::read_more(stream, got);
        EXPECT_EQ(got, answer_with("POST /p ab"));
    });
}

TEST(http_server, answers_head_with_the_length_and_without_the_body) {
    beside_server([](http_server_in_test& server) -> task<> {
        const std::string got =
            co_await server.answers_to("HEAD /h HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        const std::string whole = answer_with("HEAD /h", "close");
        EXPECT_EQ(got, whole.substr(0, whole.size() - 7));
    });
}

TEST(http_server, speaks_http_1_0) {
    beside_server([](http_server_in_test& server) -> task<> {
        const std::string closed = co_await server.answers_to("GET /old HTTP/1.0\r\n\r\n");
        EXPECT_EQ(closed, answer_with("GET /old", "close"));

        tcp_stream stream = co_await server.connect();
        co_await write_all(stream, bytes_of("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        std::string got;
        co_await http_server_in_test::read_more(stream, got);
        EXPECT_EQ(got, answer_with("GET /old", "keep-alive"));
    });
}

TEST(http_server, sends_no_body_with_a_status_that_forbids_it) {
    const auto say = [](const server_request& asked, server_response& answer) {
        answer.status = asked.path() == "/204" ? 204 : 304;
        answer.body = "not to be sent";
    };
    beside_server(say, server_options{}, [](http_server_in_test& server) -> task<> {
        std::string asked = get("/204");
        asked.append(get("/304", "Connection: close\r\n"));
        const std::string got = co_await server.answers_to(std::move(asked));
        std::string expected{"HTTP/1.1 204 No Content\r\n"};
        expected.append(common).append("\r\nHTTP/1.1 304 Not Modified\r\n").append(common);
        expected.append("Connection: close\r\n\r\n");
        EXPECT_EQ(got, expected);
    });
}

TEST(http_server, understands_targets_meant_for_a_proxy) {
    beside_server([](http_server_in_test& server) -> task<> {
        std::string asked = get("http://a/b?c");
        asked.append(get("http://a"));
        asked.append("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        const std::string got = co_await server.answers_to(std::move(asked));
        EXPECT_EQ(got, answer_with("GET /b ?c") + answer_with("GET /") +
                           answer_with("OPTIONS *", "close"));
    });
}

TEST(http_server, sends_a_large_answer_to_a_slow_reader) {
    static constexpr std::size_t size = 3'000'000;
    const auto say = [](const server_request&, server_response& answer) {
        answer.body.assign(size, 'x');
        answer.is_last = true;
    };
    beside_server(say, server_options{}, [](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        co_await write_all(stream, bytes_of(get("/")));
        std::string got;
        bool more = true;
        for (int i = 0; more; ++i) {
            if (i % 10 == 0) co_await sleep_for(100ms);
            more = co_await http_server_in_test::read_more(stream, got);
        }
        const std::size_t head = got.find("\r\n\r\n") + 4;
        EXPECT_EQ(got.size() - head, size);
        EXPECT_EQ(server.counters.stalled, 0U);
    });
}

TEST(http_server, changes_the_date_once_a_second) {
    beside_server([](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        std::vector<std::string> dates;
        for (int i = 0; i != 5; ++i) {
            co_await write_all(stream, bytes_of(get("/")));
            std::string got;
            co_await http_server_in_test::read_more(stream, got);
            dates.push_back(got.substr(got.find("01:00:"), 8));
            co_await sleep_for(400ms);
        }
        const std::vector<std::string> expected{"01:00:00", "01:00:00", "01:00:00", "01:00:01",
                                                "01:00:01"};
        EXPECT_EQ(dates, expected);
    });
}

TEST(http_server, may_be_nameless) {
    server_options options;
    options.name.clear();
    beside_server(options, [](http_server_in_test& server) -> task<> {
        const std::string got = co_await server.answers_to(get("/", "Connection: close\r\n"));
        EXPECT_EQ(got.find("Server"), std::string::npos) << got;
        EXPECT_NE(got.find("\r\nDate: "), std::string::npos) << got;
    });
}

// --- handlers -----------------------------------------------------------------------------------

TEST(http_server, waits_for_a_handler_that_waits) {
    const auto say = [](const server_request& asked, server_response& answer) -> task<> {
        co_await sleep_for(100s);  // longer than any limit of the client's
        answer.body.append(asked.path());
    };
    beside_server(say, server_options{}, [](http_server_in_test& server) -> task<> {
        std::string asked = get("/1");
        asked.append(get("/2", "Connection: close\r\n"));
        const time_point begin = now();
        const std::string got = co_await server.answers_to(std::move(asked));
        EXPECT_EQ(now() - begin, 200s);
        EXPECT_LT(got.find("\r\n\r\n/1HTTP/1.1 200 OK\r\n"), got.find("\r\n\r\n/2"));
        EXPECT_TRUE(got.ends_with("\r\n\r\n/2")) << got;
    });
}

template <class Handler>
void expect_500(Handler handler) {
    std::vector<std::string> reported;
    server_options options;
    options.on_error = [&](const std::exception_ptr& failure, const server_request& asked) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& known) {
            reported.push_back(std::string{asked.path()} + ": " + known.what());
        }
    };
    beside_server(handler, options, [&](http_server_in_test& server) -> task<> {
        std::string asked = get("/bad");
        asked.append(get("/good", "Connection: close\r\n"));
        const std::string got = co_await server.answers_to(std::move(asked));
        EXPECT_EQ(first_line(got), "HTTP/1.1 500 Internal Server Error");
        EXPECT_EQ(got.find("half"), std::string::npos) << got;
        EXPECT_TRUE(got.ends_with("\r\n\r\nfine")) << got;
        EXPECT_EQ(server.counters.failed, 1U);
    });
    EXPECT_EQ(reported, std::vector<std::string>{"/bad: a mistake"});
}

TEST(http_server, answers_500_for_a_handler_that_throws) {
    expect_500([](const server_request& asked, server_response& answer) {
        answer.add_field("X-State", "half done");
        if (asked.path() == "/bad") throw std::runtime_error{"a mistake"};
        answer.clear();
        answer.body = "fine";
    });
}

TEST(http_server, answers_500_for_a_handler_that_throws_later) {
    expect_500([](const server_request& asked, server_response& answer) -> task<> {
        answer.body = "half done";
        co_await sleep_for(1s);
        if (asked.path() == "/bad") throw std::runtime_error{"a mistake"};
        answer.body = "fine";
    });
}

TEST(http_server, reports_an_error_that_nobody_asked_for_as_unhandled) {
    const simul::test::unhandled_errors collected;
    const auto say = [](const server_request&, server_response&) {
        throw std::runtime_error{"a mistake"};
    };
    beside_server(say, server_options{}, [](http_server_in_test& server) -> task<> {
        const std::string got = co_await server.answers_to(get("/", "Connection: close\r\n"));
        EXPECT_EQ(first_line(got), "HTTP/1.1 500 Internal Server Error");
    });
    EXPECT_EQ(simul::test::unhandled_errors::messages(), std::vector<std::string>{"a mistake"});
}

// --- the end ------------------------------------------------------------------------------------

TEST(http_server, ends_idle_connections_at_once_when_it_is_cancelled) {
    beside_server([](http_server_in_test& server) -> task<> {
        tcp_stream fresh = co_await server.connect();
        tcp_stream used = co_await server.connect();
        co_await write_all(used, bytes_of(get("/")));
        std::string got;
        co_await http_server_in_test::read_more(used, got);
        const time_point begin = now();
        server.running.cancel();
        const std::string rest = co_await http_server_in_test::everything_from(used);
        const std::string nothing = co_await http_server_in_test::everything_from(fresh);
        EXPECT_EQ(rest, "");
        EXPECT_EQ(nothing, "");
        EXPECT_EQ(now(), begin);
        EXPECT_EQ(server.connections.active, 0U);
    });
}

// Cancels the server while its handler takes so long, and gives what was answered.
std::string answered_at_the_end(duration handler_takes, duration grace) {
    std::string got;
    server_options options;
    options.grace = grace;
    const auto say = [&](const server_request&, server_response& answer) -> task<> {
        co_await sleep_for(handler_takes);
        answer.body = "done";
    };
    beside_server(say, options, [&](http_server_in_test& server) -> task<> {
        tcp_stream stream = co_await server.connect();
        co_await write_all(stream, bytes_of(get("/1") + get("/2")));
        co_await testing::wait_until_all_blocked();
        server.running.cancel();
        const time_point begin = now();
        got = co_await http_server_in_test::everything_from(stream);
        EXPECT_LE(now() - begin, std::max(grace, duration::zero()));
    });
    return got;
}

TEST(http_server, lets_a_request_in_flight_end_within_the_grace) {
    const std::string got = answered_at_the_end(4s, 5s);
    EXPECT_TRUE(got.ends_with("\r\n\r\ndone")) << got;
    EXPECT_NE(got.find("Connection: close\r\n"), std::string::npos) << got;
    EXPECT_EQ(got.find("HTTP/1.1 200 OK", 1), std::string::npos) << "one was in flight: " << got;
}

TEST(http_server, breaks_off_what_takes_longer_than_the_grace) {
    EXPECT_EQ(answered_at_the_end(6s, 5s).find("HTTP"), std::string::npos);
    EXPECT_EQ(answered_at_the_end(1s, 0s).find("HTTP"), std::string::npos);
}

TEST(http_server, answers_on_when_only_its_listener_is_closed) {
    testing::run_test([]() -> task<> {
        auto listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        const endpoint where = listener.local_endpoint();
        co_await with_task_group([&](task_group& group) -> task<> {
            auto running = group.spawn(serve(listener, &echo));
            tcp_stream stream = co_await connect(where);
            co_await testing::wait_until_all_blocked();
            listener.close();
            co_await write_all(stream, bytes_of(get("/")));
            std::string got;
            co_await http_server_in_test::read_more(stream, got);
            EXPECT_EQ(got, answer_with("GET /"));
            EXPECT_FALSE(running.done());
            stream.close();
            co_await running;
        });
    });
}

TEST(http_server, outlives_clients_that_break_their_connections) {
    beside_server([](http_server_in_test& server) -> task<> {
        const std::string whole = post("Content-Length: 5\r\n", "12345");
        for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
            tcp_stream stream = co_await server.connect();
            co_await write_all(stream, bytes_of(whole).first(cut));
            if (cut % 2 == 0) co_await testing::wait_until_all_blocked();
        }
        const std::string got = co_await server.answers_to(get("/", "Connection: close\r\n"));
        EXPECT_EQ(first_line(got), "HTTP/1.1 200 OK");
        EXPECT_EQ(server.connections.failed, 0U);
        EXPECT_EQ(server.counters.refused, 0U);
    });
}

// The request and the end of the server come in every order: bytes that were read when the end came
// are no reason to do something and not to say so.
TEST(http_server, answers_what_it_has_handled_when_the_end_overtakes_it) {
    int handled_in_all = 0;
    for (int turns = 0; turns != 8; ++turns) {
        int handled = 0;
        std::string got;
        const auto say = [&](const server_request&, server_response&) { ++handled; };
        beside_server(say, server_options{}, [&](http_server_in_test& server) -> task<> {
            tcp_stream stream = co_await server.connect();
            co_await testing::wait_until_all_blocked();
            co_await write_all(stream, bytes_of(get("/")));
            for (int turn = 0; turn != turns; ++turn) co_await yield_now();
            server.running.cancel();
            got = co_await http_server_in_test::everything_from(stream);
        });
        EXPECT_EQ(got.starts_with("HTTP/1.1 200 OK\r\n"), handled == 1) << turns << ": " << got;
        handled_in_all += handled;
    }
    EXPECT_GT(handled_in_all, 0);
}

}  // namespace
}  // namespace simul::http
