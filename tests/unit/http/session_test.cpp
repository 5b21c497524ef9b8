// SPDX-License-Identifier: Apache-2.0
//
// The client over memory streams, under the virtual clock.
#include "simul/http/session.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cerrno>
#include <iterator>
#include <limits>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/coding.hpp"
#include "simul/http/error.hpp"
#include "simul/http/request_error.hpp"
#include "support/fake_http_server.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

using http::request;
using http::response;
using http::session;
using http::session_options;
using http::stage;

web::url address(std::string_view text) {
    return web::url::parse(text).value();
}

std::string ok(const seen_request& asked) {
    std::string body{"you asked for "};
    body.append(asked.head.target);
    return answer(body);
}

// The body of a test beside a server; what is left of the server ends with it.
template <class Body>
void with_server(fake_http_server::replier reply, Body body) {
    simulate([&]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            fake_http_server server{group, std::move(reply)};
            co_await body(server);
            group.cancel();
        });
    });
}

template <class Body>
void with_handler(fake_http_server::handler handle, Body body) {
    simulate([&]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            fake_http_server server{group, std::move(handle)};
            co_await body(server);
            group.cancel();
        });
    });
}

task<std::string> text_of_answer(session& web, std::string where) {
    response got = co_await web.get(std::move(where));
    std::string text = co_await got.read_all();
    co_return text;
}

// What a request fails with.
struct failure {
    failure() = default;

    bool happened = false;
    std::error_code code;
    stage where = stage::preparing;
    std::string text;
};

template <class Result>
task<failure> failure_of(task<Result> work) {
    failure seen;
    try {
        co_await std::move(work);
    } catch (const http::request_error& error) {
        seen.happened = true;
        seen.code = error.code();
        seen.where = error.where();
        seen.text = error.what();
    }
    co_return seen;
}

TEST(http_session, gives_status_fields_and_body_of_the_answer) {
    with_server(
        [](const seen_request&) { return answer("hello", "X-Case: one\r\n", "404 Not Found"); },
        [](fake_http_server& server) -> task<> {
            session web{server.options()};
            response got = co_await web.get("http://example.test/a?b#c");
            EXPECT_EQ(got.status(), 404);
            EXPECT_EQ(got.reason(), "Not Found");
            EXPECT_EQ(got.headers().get("x-case"), "one");
            EXPECT_EQ(got.url().href(), "http://example.test/a?b#c");
            const std::string text = co_await got.read_all();
            EXPECT_EQ(text, "hello");
            EXPECT_EQ(server.requests.at(0).head.target, "/a?b");
            EXPECT_EQ(server.requests.at(0).origin, "example.test:80");
            EXPECT_EQ(server.requests.at(0).head.headers.get("host"), "example.test");
            EXPECT_EQ(server.requests.at(0).head.headers.get("accept-encoding"),
                      "gzip, deflate, br, zstd");
        });
}

TEST(http_session, names_a_port_that_is_not_the_usual_one_in_host) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        co_await text_of_answer(web, "http://[::1]:8080/");
        EXPECT_EQ(server.requests.at(0).head.headers.get("host"), "[::1]:8080");
        EXPECT_EQ(server.requests.at(0).origin, "::1:8080");
    });
}

TEST(http_session, keeps_a_connection_whose_exchange_is_complete) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        for (int i = 0; i < 3; ++i) co_await text_of_answer(web, "http://example.test/");
        EXPECT_EQ(server.connections, 1U);
        EXPECT_EQ(web.statistics().reused, 2U);
        EXPECT_EQ(web.statistics().requests, 3U);
        EXPECT_EQ(web.statistics().idle, 1U);
        EXPECT_EQ(web.statistics().in_use, 0U);
    });
}

TEST(http_session, keeps_no_connection_whose_answer_says_close) {
    with_server([](const seen_request&) { return answer("a", "Connection: close\r\n"); },
                [](fake_http_server& server) -> task<> {
                    session web{server.options()};
                    co_await text_of_answer(web, "http://example.test/");
                    co_await text_of_answer(web, "http://example.test/");
                    EXPECT_EQ(server.connections, 2U);
                });
}

TEST(http_session, closes_the_connection_of_a_response_that_was_not_read) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        {
            response got = co_await web.get("http://example.test/1");
            EXPECT_EQ(web.statistics().in_use, 1U);
        }
        EXPECT_EQ(web.statistics().in_use, 0U);
        EXPECT_EQ(web.statistics().idle, 0U);
        const std::string text = co_await text_of_answer(web, "http://example.test/2");
        EXPECT_EQ(text, "you asked for /2");
        EXPECT_EQ(server.connections, 2U);
    });
}

TEST(http_session, keeps_the_connection_of_a_response_that_was_discarded) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        response got = co_await web.get("http://example.test/1");
        co_await got.discard();
        EXPECT_EQ(web.statistics().idle, 1U);
    });
}

TEST(http_session, discards_64_KiB_and_closes_what_is_longer) {
    with_server([](const seen_request&) { return answer(std::string(70000, 'a')); },
                [](fake_http_server& server) -> task<> {
                    session web{server.options()};
                    response got = co_await web.get("http://example.test/1");
                    co_await got.discard();
                    EXPECT_EQ(web.statistics().idle, 0U);
                    EXPECT_EQ(web.statistics().in_use, 0U);
                });
}

TEST(http_session, does_not_keep_a_connection_that_said_more_than_it_was_asked) {
    with_server([](const seen_request&) { return answer("hello").append("HTTP/1.1 200 OK\r\n"); },
                [](fake_http_server& server) -> task<> {
                    session web{server.options()};
                    const std::string text = co_await text_of_answer(web, "http://example.test/");
                    EXPECT_EQ(text, "hello");
                    EXPECT_EQ(web.statistics().idle, 0U);
                    co_await text_of_answer(web, "http://example.test/");
                    EXPECT_EQ(server.connections, 2U);
                });
}

TEST(http_session, has_a_connection_back_as_soon_as_an_empty_answer_has_come) {
    with_server(
        [](const seen_request&) -> std::string { return "HTTP/1.1 204 No Content\r\n\r\n"; },
        [](fake_http_server& server) -> task<> {
            session web{server.options()};
            response got = co_await web.get("http://example.test/");
            EXPECT_EQ(web.statistics().idle, 1U);
            const std::string text = co_await got.read_all();
            EXPECT_EQ(text, "");
        });
}

TEST(http_session, expects_no_body_after_head) {
    with_server(
        [](const seen_request&) -> std::string {
            return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n";
        },
        [](fake_http_server& server) -> task<> {
            session web{server.options()};
            request asked{address("http://example.test/"), http::method::head};
            response got = co_await web.send(std::move(asked));
            const std::string text = co_await got.read_all();
            EXPECT_EQ(text, "");
            EXPECT_EQ(web.statistics().idle, 1U);
        });
}

TEST(http_session, opens_no_more_connections_to_a_host_than_allowed) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections_per_host = 2;
        session web{std::move(options)};
        std::vector<task<std::string>> all;
        for (int i = 0; i < 10; ++i) all.push_back(text_of_answer(web, "http://example.test/"));
        const std::vector<std::string> texts = co_await gather(std::move(all));
        EXPECT_EQ(texts.size(), 10U);
        EXPECT_EQ(server.most_open, 2U);
        EXPECT_EQ(server.connections, 2U);
    });
}

TEST(http_session, closes_the_oldest_idle_connection_when_another_host_needs_room) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections = 2;
        session web{std::move(options)};
        co_await text_of_answer(web, "http://a.test/");
        co_await text_of_answer(web, "http://b.test/");
        co_await text_of_answer(web, "http://c.test/");
        EXPECT_EQ(web.statistics().idle, 2U);
        co_await text_of_answer(web, "http://b.test/");
        EXPECT_EQ(server.connections, 3U);
        co_await text_of_answer(web, "http://a.test/");
        EXPECT_EQ(server.connections, 4U);
        EXPECT_LE(server.most_open, 3U);  // the server hears of a close one turn later
    });
}

TEST(http_session, serves_requests_in_line_in_their_order) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections = 1;
        session web{std::move(options)};
        std::vector<task<std::string>> all;
        for (int i = 0; i < 5; ++i) {
            std::string where{"http://h"};
            where.append(std::to_string(i)).append(".test/");
            all.push_back(text_of_answer(web, std::move(where)));
        }
        co_await gather(std::move(all));
        EXPECT_EQ(server.requests.size(), 5U);
        for (std::size_t i = 0; i < 5; ++i) {
            EXPECT_EQ(server.requests[i].origin.substr(0, 2),
                      std::string("h").append(std::to_string(i)));
        }
    });
}

TEST(http_session, lets_a_request_pass_whose_host_has_room) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections = 2;
        options.max_connections_per_host = 1;
        session web{std::move(options)};
        response held = co_await web.get("http://a.test/");
        auto waits = [&]() -> task<std::string> { return text_of_answer(web, "http://a.test/2"); };
        auto passes = [&]() -> task<> {
            co_await text_of_answer(web, "http://b.test/");
            EXPECT_EQ(web.statistics().waiting, 1U);
            co_await held.discard();
        };
        co_await gather(waits(), passes());
        EXPECT_EQ(server.requests.back().head.target, "/2");
    });
}

TEST(http_session, refuses_a_request_when_too_many_stand_in_line) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections = 1;
        options.max_waiting = 1;
        session web{std::move(options)};
        response held = co_await web.get("http://a.test/");
        auto waits = [&]() -> task<std::string> { return text_of_answer(web, "http://a.test/"); };
        auto refused = [&]() -> task<> {
            const failure seen = co_await failure_of(text_of_answer(web, "http://a.test/"));
            EXPECT_EQ(seen.code, http::errc::pool_full);
            EXPECT_EQ(seen.where, stage::waiting_in_line);
            co_await held.discard();
        };
        co_await gather(waits(), refused());
    });
}

TEST(http_session, passes_a_slot_on_when_who_was_given_it_is_cancelled) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections = 1;
        session web{std::move(options)};
        co_await with_task_group([&](task_group& group) -> task<> {
            response held = co_await web.get("http://a.test/");
            task_handle<std::string> first = group.spawn(text_of_answer(web, "http://a.test/1"));
            task_handle<std::string> second = group.spawn(text_of_answer(web, "http://a.test/2"));
            co_await sleep_for(1ms);
            EXPECT_EQ(web.statistics().waiting, 2U);
            co_await held.discard();  // the slot is the first one's now
            EXPECT_EQ(web.statistics().waiting, 1U);
            first.cancel();
            co_await sleep_for(1ms);
            const std::string text = co_await std::move(second);
            EXPECT_EQ(text, "you asked for /2");
        });
        EXPECT_EQ(web.statistics().in_use, 0U);
        EXPECT_EQ(server.connections, 1U);
    });
}

TEST(http_session, leaves_the_line_when_cancelled) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections = 1;
        session web{std::move(options)};
        response held = co_await web.get("http://a.test/");
        const auto late = co_await move_on_after(1s, text_of_answer(web, "http://a.test/1"));
        EXPECT_FALSE(late.has_value());
        EXPECT_EQ(web.statistics().waiting, 0U);
        co_await held.discard();
        const std::string text = co_await text_of_answer(web, "http://a.test/2");
        EXPECT_EQ(text, "you asked for /2");
    });
}

TEST(http_session, closes_idle_connections_after_the_keep_alive_time) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        co_await text_of_answer(web, "http://a.test/");
        co_await sleep_for(10s);
        co_await text_of_answer(web, "http://b.test/");
        EXPECT_EQ(web.statistics().idle, 2U);
        co_await sleep_for(5s);
        EXPECT_EQ(web.statistics().idle, 1U);
        co_await sleep_for(9'999ms);
        EXPECT_EQ(web.statistics().idle, 1U);
        co_await sleep_for(1ms);
        EXPECT_EQ(web.statistics().idle, 0U);
        EXPECT_EQ(server.open, 0U);
    });
}

TEST(http_session, gives_each_stage_its_time) {
    struct stall {
        const char* target;
        duration after;
        stage where;
    };
    const auto handle = [](memory_stream stream, std::size_t) -> task<> {
        seen_request request;
        std::string ahead;
        const bool more = co_await fake_http_server::read_request(stream, ahead, request);
        if (!more) co_return;
        if (request.head.target == "/head") {
            co_await write_all(stream, bytes_of("HTTP/1.1 200 OK\r\n"));
        } else if (request.head.target == "/body") {
            co_await write_all(stream, bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na"));
        } else if (request.head.target == "/drip") {
            co_await write_all(stream, bytes_of("HTTP/1.1 200 OK\r\n\r\n"));
            while (true) {
                co_await sleep_for(4s);
                co_await write_all(stream, bytes_of("a"));
            }
        }
        co_await sleep_for(1h);
    };
    with_handler(handle, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.limits.first_byte = 3s;
        options.limits.idle = 5s;
        options.limits.total = 60s;
        session web{std::move(options)};
        for (const stall& each :
             {stall{"/silence", 3s, stage::waiting_for_answer},
              stall{"/head", 5s, stage::reading_head}, stall{"/body", 5s, stage::reading_body},
              stall{"/drip", 60s, stage::reading_body}}) {
            const time_point begin = now();
            std::string where{"http://a.test"};
            where.append(each.target);
            const failure seen = co_await failure_of(text_of_answer(web, where));
            EXPECT_EQ(seen.code, errc::timed_out) << each.target;
            EXPECT_EQ(seen.where, each.where) << each.target;
            EXPECT_EQ(now() - begin, each.after) << each.target;
            EXPECT_EQ(web.statistics().in_use, 0U);
            EXPECT_EQ(web.statistics().idle, 0U);
        }
    });
}

TEST(http_session, limits_the_time_to_connect) {
    simulate([]() -> task<> {
        session_options options;
        options.connect = [](std::string, std::uint16_t) -> task<any_stream> {
            co_await sleep_for(1h);
            co_return any_stream{};
        };
        session web{std::move(options)};
        const time_point begin = now();
        const failure seen = co_await failure_of(web.get("http://a.test/"));
        EXPECT_EQ(seen.code, errc::timed_out);
        EXPECT_EQ(seen.where, stage::connecting);
        EXPECT_EQ(now() - begin, 10s);
        EXPECT_EQ(seen.text, "http://a.test/: connecting: timed out");
    });
}

TEST(http_session, counts_waiting_in_line_to_the_total_time) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.max_connections = 1;
        options.limits.total = 7s;
        session web{std::move(options)};
        response held = co_await web.get("http://a.test/");
        const time_point begin = now();
        const failure seen = co_await failure_of(web.get("http://a.test/"));
        EXPECT_EQ(seen.code, errc::timed_out);
        EXPECT_EQ(seen.where, stage::waiting_in_line);
        EXPECT_EQ(now() - begin, 7s);
    });
}

TEST(http_session, says_which_url_and_stage_failed) {
    simulate([]() -> task<> {
        session_options options;
        options.connect = [](std::string, std::uint16_t) -> task<any_stream> {
            throw std::system_error{std::make_error_code(std::errc::connection_refused)};
            co_return any_stream{};
        };
        session web{std::move(options)};
        const failure seen = co_await failure_of(web.get("http://me:secret@a.test/x"));
        EXPECT_EQ(seen.code, std::errc::connection_refused);
        EXPECT_EQ(seen.text, "http://a.test/x: connecting: Connection refused");
        const failure invalid = co_await failure_of(web.get("http://[::1/"));
        EXPECT_EQ(invalid.where, stage::preparing);
        const failure scheme = co_await failure_of(web.get("ftp://a.test/"));
        EXPECT_EQ(scheme.code, http::errc::unsupported_scheme);
    });
}

TEST(http_session, tells_a_connector_that_finds_no_name_as_a_failure_of_resolving) {
    simulate([]() -> task<> {
        session_options options;
        options.connect = [](std::string host, std::uint16_t) -> task<any_stream> {
            throw std::system_error{make_error_code(dns_errc::not_found), host};
            co_return any_stream{};
        };
        session web{std::move(options)};
        const failure seen = co_await failure_of(web.get("http://a.test/"));
        EXPECT_EQ(seen.code, dns_errc::not_found);
        EXPECT_EQ(seen.where, stage::resolving);
        EXPECT_EQ(seen.text,
                  "http://a.test/: resolving the name: a.test: the host name does not exist");
    });
}

// --- redirects ---------------------------------------------------------------------------------

TEST(http_session, follows_redirects_and_remembers_them) {
    const auto reply = [](const seen_request& asked) {
        if (asked.head.target == "/1") return moved_to("/2", "301 Moved");
        if (asked.head.target == "/2") return moved_to("http://b.test/3#there");
        return ok(asked);
    };
    with_server(reply, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        response got = co_await web.get("http://a.test/1#here");
        EXPECT_EQ(got.url().href(), "http://b.test/3#there");
        EXPECT_EQ(got.history().size(), 2U);
        EXPECT_EQ(got.history()[0].status, 301);
        EXPECT_EQ(got.history()[1].url.href(), "http://a.test/2#here");
        const std::string text = co_await got.read_all();
        EXPECT_EQ(text, "you asked for /3");
        EXPECT_EQ(server.connections, 2U);  // the first one served both redirects
    });
}

TEST(http_session, gives_redirects_as_they_are_when_told_to) {
    with_server([](const seen_request&) { return moved_to("/2"); },
                [](fake_http_server& server) -> task<> {
                    session_options options = server.options();
                    options.max_redirects = 0;
                    session web{std::move(options)};
                    response got = co_await web.get("http://a.test/1");
                    EXPECT_EQ(got.status(), 302);
                });
}

TEST(http_session, follows_as_many_redirects_as_allowed_and_no_more) {
    const auto reply = [](const seen_request& asked) {
        const int left = std::stoi(asked.head.target.substr(1));
        if (left == 0) return ok(asked);
        std::string next{"/"};
        next.append(std::to_string(left - 1));
        return moved_to(next);
    };
    with_server(reply, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        for (const char* allowed : {"http://a.test/9", "http://a.test/10"}) {
            const std::string text = co_await text_of_answer(web, allowed);
            EXPECT_EQ(text, "you asked for /0");
        }
        const failure seen = co_await failure_of(web.get("http://a.test/11"));
        EXPECT_EQ(seen.code, http::errc::too_many_redirects);
        EXPECT_EQ(seen.where, stage::redirecting);
    });
}

TEST(http_session, finds_redirects_that_lead_back) {
    const auto reply = [](const seen_request& asked) {
        if (asked.head.target == "/self") return moved_to("/self#x");
        return moved_to(asked.head.target == "/a" ? "/b" : "/a");
    };
    with_server(reply, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        const failure self = co_await failure_of(web.get("http://a.test/self"));
        EXPECT_EQ(self.code, http::errc::redirect_loop);
        EXPECT_EQ(server.requests.size(), 1U);
        const failure two = co_await failure_of(web.get("http://a.test/a"));
        EXPECT_EQ(two.code, http::errc::redirect_loop);
        EXPECT_EQ(server.requests.size(), 3U);
    });
}

TEST(http_session, refuses_redirects_to_nowhere_and_to_other_schemes) {
    struct lead {
        const char* location;
        http::errc refused;
    };
    for (const lead& each :
         {lead{"", http::errc::bad_redirect}, lead{"http://[::1/", http::errc::bad_redirect},
          lead{"file:///etc/passwd", http::errc::unsupported_scheme},
          lead{"javascript:alert(1)", http::errc::unsupported_scheme},
          lead{"data:text/plain,a", http::errc::unsupported_scheme},
          lead{"ftp://b.test/", http::errc::unsupported_scheme}}) {
        with_server([&](const seen_request&) { return moved_to(each.location); },
                    [&](fake_http_server& server) -> task<> {
                        session web{server.options()};
                        const failure seen = co_await failure_of(web.get("http://a.test/"));
                        EXPECT_EQ(seen.code, each.refused) << each.location;
                        EXPECT_EQ(web.statistics().in_use, 0U);
                    });
    }
}

TEST(http_session, turns_a_post_into_get_where_browsers_do) {
    struct turn {
        const char* status;
        const char* method;
        const char* body;
    };
    for (const turn& each :
         {turn{"301 a", "GET", ""}, turn{"302 a", "GET", ""}, turn{"303 a", "GET", ""},
          turn{"307 a", "POST", "content"}, turn{"308 a", "POST", "content"}}) {
        const auto reply = [&](const seen_request& asked) {
            return asked.head.target == "/1" ? moved_to("/2", each.status) : ok(asked);
        };
        with_server(reply, [&](fake_http_server& server) -> task<> {
            session web{server.options()};
            request asked{address("http://a.test/1"), http::method::post};
            asked.with_body("content", "text/plain");
            response got = co_await web.send(std::move(asked));
            EXPECT_EQ(server.requests.at(0).body, "content");
            EXPECT_EQ(server.requests.at(1).head.method.name(), each.method) << each.status;
            EXPECT_EQ(server.requests.at(1).body, each.body) << each.status;
            EXPECT_EQ(server.requests.at(1).head.headers.contains("content-type"),
                      each.body[0] != '\0');
        });
    }
}

TEST(http_session, keeps_credentials_within_an_origin_only) {
    for (const char* target : {"http://b.test/2", "http://a.test:81/2", "/2"}) {
        const auto reply = [&](const seen_request& asked) {
            return asked.head.target == "/1" ? moved_to(target) : ok(asked);
        };
        with_server(reply, [&](fake_http_server& server) -> task<> {
            session web{server.options()};
            request asked{address("http://a.test/1")};
            asked.headers.add("Authorization", "Bearer secret");
            asked.headers.add("Cookie", "a=b");
            asked.headers.add("X-Other", "stays");
            response got = co_await web.send(std::move(asked));
            const auto& second = server.requests.at(1).head.headers;
            const bool same = target[0] == '/';
            EXPECT_EQ(second.contains("authorization"), same) << target;
            EXPECT_EQ(second.contains("cookie"), same) << target;
            EXPECT_TRUE(second.contains("x-other"));
        });
    }
}

TEST(http_session, sends_the_credentials_of_an_address_and_shows_them_to_nobody_else) {
    const auto reply = [](const seen_request& asked) {
        return asked.head.target == "/1" ? moved_to("http://b.test/2") : ok(asked);
    };
    with_server(reply, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        response got = co_await web.get("http://Aladdin:open%20sesame@a.test/1");
        EXPECT_EQ(server.requests.at(0).head.headers.get("authorization"),
                  "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        EXPECT_FALSE(server.requests.at(1).head.headers.contains("authorization"));
    });
}

TEST(http_session, does_not_decode_the_bomb_on_a_redirect) {
    const auto reply = [](const seen_request& asked) {
        return asked.head.target == "/1"
                   ? answer("no gzip", "Location: /2\r\nContent-Encoding: gzip\r\n", "302 Found")
                   : ok(asked);
    };
    with_server(reply, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        const std::string text = co_await text_of_answer(web, "http://a.test/1");
        EXPECT_EQ(text, "you asked for /2");
        EXPECT_EQ(server.connections, 1U);
    });
}

// --- connections that die ------------------------------------------------------------------------

TEST(http_session, sends_again_when_a_kept_connection_has_died) {
    const auto handle = [](memory_stream stream, std::size_t) -> task<> {
        // Each connection answers once, promises to stay, and dies at the next request.
        seen_request request;
        std::string ahead;
        bool more = co_await fake_http_server::read_request(stream, ahead, request);
        if (!more) co_return;
        co_await write_all(stream, bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        more = co_await fake_http_server::read_request(stream, ahead, request);
        stream.reset();
    };
    with_handler(handle, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        for (int i = 0; i < 3; ++i) {
            const std::string text = co_await text_of_answer(web, "http://a.test/");
            EXPECT_EQ(text, "ok");
        }
        EXPECT_EQ(web.statistics().retries, 2U);
        EXPECT_EQ(server.connections, 3U);

        request asked{address("http://a.test/"), http::method::post};
        asked.with_body("content", "text/plain");
        const failure seen = co_await failure_of(web.send(std::move(asked)));
        EXPECT_EQ(seen.code, std::errc::connection_reset);
        EXPECT_EQ(web.statistics().retries, 2U);
        EXPECT_EQ(web.statistics().in_use, 0U);
    });
}

TEST(http_session, does_not_send_again_on_a_new_connection) {
    const auto handle = [](memory_stream stream, std::size_t) -> task<> {
        seen_request request;
        std::string ahead;
        co_await fake_http_server::read_request(stream, ahead, request);
    };
    with_handler(handle, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        const failure seen = co_await failure_of(web.get("http://a.test/"));
        EXPECT_EQ(seen.code, http::errc::unexpected_end);
        EXPECT_EQ(seen.where, stage::waiting_for_answer);
        EXPECT_EQ(server.connections, 1U);
    });
}

// --- bodies --------------------------------------------------------------------------------------

TEST(http_session, reads_a_body_in_pieces_of_any_size) {
    with_server(
        [](const seen_request&) -> std::string {
            return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nX-Trailer: a\r\n\r\n";
        },
        [](fake_http_server& server) -> task<> {
            for (const std::size_t most : {std::size_t{1}, std::size_t{3}, std::size_t{65536}}) {
                server.most_bytes = most;
                session web{server.options()};
                response got = co_await web.get("http://a.test/");
                std::string text;
                std::byte buffer[4];
                while (true) {
                    const std::size_t count = co_await got.read_some(buffer);
                    if (count == 0) break;
                    text.append(text_of(std::span{buffer}.first(count)));
                }
                EXPECT_EQ(text, "hello, world");
                const std::size_t after = co_await got.read_some(buffer);
                EXPECT_EQ(after, 0U);
                EXPECT_EQ(web.statistics().idle, 1U);
            }
        });
}

TEST(http_session, reads_long_bodies_of_every_framing_into_buffers_of_any_size) {
    // Longer than the buffer of a connection, so that a part goes right into the reader's.
    const std::string body = numbered_text(100'000);
    std::string chunked{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"};
    for (std::size_t at = 0; at < body.size(); at += 40'000) {
        const std::string_view piece = std::string_view{body}.substr(at, 40'000);
        fmt::format_to(std::back_inserter(chunked), "{:x}\r\n{}\r\n", piece.size(), piece);
    }
    chunked.append("0\r\n\r\n");
    std::string until_close{"HTTP/1.1 200 OK\r\n\r\n"};
    until_close.append(body);
    const std::vector<std::string> replies{answer(body), chunked, until_close};
    for (const std::string& reply : replies) {
        with_server([&](const seen_request&) { return reply; },
                    [&](fake_http_server& server) -> task<> {
                        server.answers_per_connection = 1;
                        for (const std::size_t size : {7U, 5'000U, 16'384U, 200'000U}) {
                            session web{server.options()};
                            response got = co_await web.get("http://a.test/");
                            std::string text;
                            std::vector<std::byte> buffer(size);
                            while (true) {
                                const std::size_t count = co_await got.read_some(buffer);
                                if (count == 0) break;
                                text.append(text_of(std::span{buffer}.first(count)));
                            }
                            EXPECT_TRUE(text == body) << text.size() << " bytes, by " << size;
                        }
                    });
    }
}

TEST(http_session, tells_a_long_body_that_is_cut_short) {
    const std::string whole = answer(numbered_text(100'000));
    with_server([&](const seen_request&) { return whole.substr(0, 90'000); },
                [](fake_http_server& server) -> task<> {
                    server.answers_per_connection = 1;
                    session web{server.options()};
                    response got = co_await web.get("http://a.test/");
                    const failure seen = co_await failure_of(got.read_all());
                    EXPECT_EQ(seen.code, http::errc::truncated_body);
                    EXPECT_EQ(web.statistics().idle, 0U);
                });
}

TEST(http_session, undoes_gzip) {
    with_server(
        [](const seen_request&) {
            const auto packed = http::encode_gzip(bytes_of("hello gzip"));
            return answer(text_of(packed), "Content-Encoding: gzip\r\n");
        },
        [](fake_http_server& server) -> task<> {
            server.most_bytes = 3;
            session web{server.options()};
            const std::string text = co_await text_of_answer(web, "http://a.test/");
            EXPECT_EQ(text, "hello gzip");
            EXPECT_EQ(web.statistics().idle, 1U);

            session_options raw = server.options();
            raw.decode = false;
            session plain{std::move(raw)};
            const std::string packed = co_await text_of_answer(plain, "http://a.test/");
            EXPECT_EQ(packed.substr(0, 2), "\x1f\x8b");
        });
}

TEST(http_session, refuses_a_body_that_is_not_what_its_coding_says) {
    with_server(
        [](const seen_request& asked) {
            const auto packed = http::encode_gzip(bytes_of("hello gzip"));
            if (asked.head.target == "/cut") {
                return answer(text_of(packed).substr(0, 12), "Content-Encoding: gzip\r\n");
            }
            if (asked.head.target == "/unknown") return answer("moo", "Content-Encoding: cow\r\n");
            std::string more{text_of(packed)};
            more.append("garbage");
            return answer(more, "Content-Encoding: gzip\r\n");
        },
        [](fake_http_server& server) -> task<> {
            session web{server.options()};
            const failure cut = co_await failure_of(text_of_answer(web, "http://a.test/cut"));
            EXPECT_EQ(cut.code, http::errc::decoding_failed);
            EXPECT_EQ(cut.where, stage::reading_body);
            const failure more = co_await failure_of(text_of_answer(web, "http://a.test/more"));
            EXPECT_EQ(more.code, http::errc::decoding_failed);
            const failure coding =
                co_await failure_of(text_of_answer(web, "http://a.test/unknown"));
            EXPECT_EQ(coding.code, http::errc::unsupported_coding);
            EXPECT_EQ(web.statistics().in_use, 0U);
        });
}

TEST(http_session, holds_no_more_of_a_body_than_allowed) {
    with_server(
        [](const seen_request& asked) {
            return answer(std::string(std::stoul(asked.head.target.substr(1)), 'a'));
        },
        [](fake_http_server& server) -> task<> {
            session_options options = server.options();
            options.max_body = 1000;
            session web{std::move(options)};
            for (const char* fits : {"http://a.test/999", "http://a.test/1000"}) {
                const std::string text = co_await text_of_answer(web, fits);
                EXPECT_GE(text.size(), 999U);
            }
            EXPECT_EQ(web.statistics().idle, 1U);
            const failure seen = co_await failure_of(text_of_answer(web, "http://a.test/1001"));
            EXPECT_EQ(seen.code, http::errc::body_too_large);
            EXPECT_EQ(web.statistics().in_use, 0U);
            EXPECT_EQ(web.statistics().idle, 0U);
        });
}

TEST(http_session, cuts_a_body_where_it_is_told_to_and_says_so) {
    with_server([](const seen_request&) { return answer("hello world"); },
                [](fake_http_server& server) -> task<> {
                    session web{server.options()};
                    for (const std::size_t limit : {10U, 11U, 12U}) {
                        response got = co_await web.get("http://a.test/");
                        const http::partial_body body = co_await got.read_up_to(limit);
                        EXPECT_EQ(body.is_complete, limit >= 11) << limit;
                        EXPECT_EQ(body.bytes, std::string_view{"hello world"}.substr(0, limit));
                        EXPECT_EQ(web.statistics().in_use, 0U);
                    }
                });
}

TEST(http_session, holds_any_body_when_there_is_no_limit) {
    with_server(
        [](const seen_request& asked) -> std::string {
            if (asked.head.target == "/length") return answer(std::string(10000, 'a'));
            std::string text{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n"};
            return text.append(10000, 'a').append("\r\n0\r\n\r\n");
        },
        [](fake_http_server& server) -> task<> {
            session_options options = server.options();
            options.max_body = std::numeric_limits<std::size_t>::max();
            session web{std::move(options)};
            for (const char* target : {"http://a.test/length", "http://a.test/chunks"}) {
                const std::string text = co_await text_of_answer(web, target);
                EXPECT_EQ(text.size(), 10000U) << target;
            }
            EXPECT_EQ(web.statistics().connections, 1U);
        });
}

TEST(http_session, raises_for_status_when_asked) {
    with_server(
        [](const seen_request& asked) {
            return answer("", "", asked.head.target == "/399" ? "399 Fine" : "404 Not Found");
        },
        [](fake_http_server& server) -> task<> {
            session web{server.options()};
            response fine = co_await web.get("http://a.test/399");
            EXPECT_NO_THROW(fine.raise_for_status());
            response got = co_await web.get("http://a.test/404");
            try {
                got.raise_for_status();
                ADD_FAILURE() << "no error";
            } catch (const http::request_error& error) {
                EXPECT_EQ(error.code(), http::errc::bad_status);
                EXPECT_NE(std::string{error.what()}.find("404 Not Found"), std::string::npos);
            }
        });
}

async_generator<std::string> three_pieces() {
    std::string piece{"one "};
    co_yield piece;
    piece.clear();
    co_yield piece;
    co_await sleep_for(1s);
    piece = "two";
    co_yield piece;
}

TEST(http_session, sends_a_body_that_is_made_meanwhile) {
    with_server([](const seen_request& asked) { return answer(asked.body); },
                [](fake_http_server& server) -> task<> {
                    session web{server.options()};
                    request asked{address("http://a.test/"), http::method::post};
                    asked.with_stream(three_pieces(), "text/plain");
                    response got = co_await web.send(std::move(asked));
                    const std::string text = co_await got.read_all();
                    EXPECT_EQ(text, "one two");
                    EXPECT_TRUE(server.requests.at(0).head.headers.has_token("transfer-encoding",
                                                                             "chunked"));
                });
}

TEST(http_session, cannot_repeat_a_body_that_was_made_meanwhile) {
    with_server([](const seen_request&) { return moved_to("/2", "307 a"); },
                [](fake_http_server& server) -> task<> {
                    session web{server.options()};
                    request asked{address("http://a.test/"), http::method::post};
                    asked.with_stream(three_pieces(), "text/plain");
                    const failure seen = co_await failure_of(web.send(std::move(asked)));
                    EXPECT_EQ(seen.code, http::errc::body_not_repeatable);
                });
}

TEST(http_session, takes_the_answer_of_a_server_that_does_not_read_the_whole_request) {
    const auto handle = [](memory_stream stream, std::size_t) -> task<> {
        char buffer[100];
        co_await stream.read_some(std::as_writable_bytes(std::span{buffer}));
        co_await write_all(stream, bytes_of("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n"
                                            "Connection: close\r\n\r\nbig"));
    };
    with_handler(handle, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        request asked{address("http://a.test/"), http::method::post};
        asked.with_body(std::string(1'000'000, 'a'), "text/plain");
        response got = co_await web.send(std::move(asked));
        EXPECT_EQ(got.status(), 413);
        const std::string text = co_await got.read_all();
        EXPECT_EQ(text, "big");
    });
}

// A connection that takes so many bytes and then no more, although the other side still talks.
class half_deaf_stream {
public:
    half_deaf_stream(any_stream held, std::size_t takes) : held_{std::move(held)}, takes_{takes} {}

    task<std::size_t> read_some(std::span<std::byte> buffer) { return held_.read_some(buffer); }
    task<std::size_t> write_some(std::span<const std::byte> bytes) {
        bytes = bytes.first(std::min(bytes.size(), takes_));
        if (bytes.empty()) throw std::system_error{EPIPE, std::system_category()};
        takes_ -= bytes.size();
        const std::size_t count = co_await held_.write_some(bytes);
        co_await sleep_for(1s);  // the answer comes meanwhile
        co_return count;
    }
    task<> shutdown() { return held_.shutdown(); }
    void close() noexcept { held_.close(); }
    [[nodiscard]] bool has_input() const noexcept { return held_.has_input(); }

private:
    any_stream held_;
    std::size_t takes_;
};

TEST(http_session, keeps_no_connection_whose_request_was_not_sent_whole) {
    const auto handle = [](memory_stream stream, std::size_t) -> task<> {
        char buffer[4096];
        while (true) {
            const std::size_t count =
                co_await stream.read_some(std::as_writable_bytes(std::span{buffer}));
            if (count == 0) break;
            co_await write_all(stream, bytes_of("HTTP/1.1 413 Too Large\r\n"
                                                "Content-Length: 3\r\n\r\nbig"));
        }
    };
    with_handler(handle, [](fake_http_server& server) -> task<> {
        session_options options = server.options();
        options.connect = [&](std::string host, std::uint16_t port) -> task<any_stream> {
            any_stream made = co_await server.connector()(std::move(host), port);
            co_return any_stream{half_deaf_stream{std::move(made), 1000}};
        };
        session web{std::move(options)};
        request asked{address("http://a.test/"), http::method::post};
        asked.with_body(std::string(100'000, 'a'), "text/plain");
        response got = co_await web.send(std::move(asked));
        EXPECT_EQ(got.status(), 413);
        const std::string text = co_await got.read_all();
        EXPECT_EQ(text, "big");
        EXPECT_EQ(web.statistics().idle, 0U);
    });
}

TEST(http_session, refuses_header_values_that_would_add_a_line) {
    with_server(ok, [](fake_http_server& server) -> task<> {
        session web{server.options()};
        request asked{address("http://a.test/")};
        EXPECT_THROW(asked.headers.add("X-A", "b\r\nX-C: d"), std::system_error);
        response got = co_await web.send(std::move(asked));
        EXPECT_EQ(got.status(), 200);
    });
}

// --- cancellation
// ----------------------------------------------------------------------------------

// Answers with the request's nonce, a byte in each pass of the loop, so that an answer that meets
// another request is seen, and so that there are many points at which to cancel.
task<> answer_slowly_with_nonce(memory_stream stream, std::size_t) {
    std::string ahead;
    try {
        while (true) {
            seen_request asked;
            const bool more = co_await fake_http_server::read_request(stream, ahead, asked);
            if (!more) break;
            const std::string text =
                answer(asked.head.headers.get("x-nonce").value_or("none"), "", "200 Fine");
            for (const char& each : text) {
                co_await yield_now();
                co_await write_all(stream, bytes_of(std::string_view{&each, 1}));
            }
        }
    } catch (const std::system_error&) {
        // The client has gone.
    }
}

task<std::string> ask_with_nonce(session& web, std::string nonce) {
    request asked{address("http://a.test/")};
    asked.headers.add("X-Nonce", nonce);
    response got = co_await web.send(std::move(asked));
    std::string text = co_await got.read_all();
    co_return text;
}

TEST(http_session, leaves_no_connection_behind_that_could_answer_another_request) {
    with_handler(answer_slowly_with_nonce, [](fake_http_server& server) -> task<> {
        server.most_bytes = 7;
        session_options options = server.options();
        options.max_connections = 1;
        session web{std::move(options)};
        std::size_t cancelled_requests = 0;
        bool completed = false;
        for (std::size_t passes = 0; !completed && passes < 1000; ++passes) {
            std::string mine{"cancelled "};
            mine.append(std::to_string(passes));
            co_await with_task_group([&](task_group& group) -> task<> {
                task_handle<std::string> asking = group.spawn(ask_with_nonce(web, mine));
                for (std::size_t i = 0; i < passes && !asking.done(); ++i) co_await yield_now();
                completed = asking.done();
                asking.cancel();
            });
            if (!completed) ++cancelled_requests;
            std::string next{"next "};
            next.append(std::to_string(passes));
            const std::string text = co_await ask_with_nonce(web, next);
            EXPECT_EQ(text, next) << "after a cancel in pass " << passes;
            if (text != next) co_return;
        }
        EXPECT_TRUE(completed);
        EXPECT_GT(cancelled_requests, 20U);
        EXPECT_EQ(web.statistics().in_use, 0U);
        EXPECT_EQ(web.statistics().waiting, 0U);
        std::printf(
            "note: requests cancelled at %zu points, each followed by one with its own answer\n",
            cancelled_requests);
    });
}

}  // namespace
}  // namespace simul::test
