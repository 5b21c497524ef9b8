// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about whom a client of HTTP shows what it was trusted with.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/redirect.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/http/session.hpp"
#include "simul/http/wire/request_parser.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/stream.hpp"
#include "simul/tls/context.hpp"
#include "simul/tls/stream.hpp"
#include "simul/web/url.hpp"
#include "support/every_world.hpp"
#include "support/fake_http_server.hpp"
#include "support/run_on_backends.hpp"

#include "encrypted.hpp"

namespace simul {
namespace {

using test::fake_http_server;
using test::seen_request;

// In the spelling of people.
constexpr std::array<std::string_view, 3> credentials{"authorization", "COOKIE",
                                                      "Proxy-Authorization"};

void add_credentials(http::headers& to) {
    for (const std::string_view name : credentials) to.add(name, "secret");
    to.add("X-Other", "stays");
}

std::size_t credentials_in(const http::headers& shown) {
    EXPECT_EQ(shown.count("X-Other"), 1U);
    std::size_t count = 0;
    for (const std::string_view name : credentials) count += shown.count(name);
    return count;
}

using addresses = std::vector<std::string>;
using counts = std::vector<std::size_t>;

// How many credentials each of these addresses is shown. Their paths are /0, /1 and so on, and each
// is redirected to the next one. The credentials belong to the request, or to the session.
task<counts> shown_on_the_way(addresses way, bool are_of_the_session) {
    counts shown;
    co_await with_task_group([&](task_group& group) -> task<> {
        fake_http_server server{group, [&](const seen_request& asked) {
                                    shown.push_back(credentials_in(asked.head.headers));
                                    return shown.size() == way.size()
                                               ? test::answer("the end")
                                               : test::moved_to(way[shown.size()]);
                                }};
        http::session_options options = server.options();
        http::request wanted{web::url::parse(way.front()).value()};
        add_credentials(are_of_the_session ? options.default_headers : wanted.headers);
        http::session web{std::move(options)};
        http::response got = co_await web.send(std::move(wanted));
        EXPECT_EQ(got.history().size(), way.size() - 1);
        EXPECT_EQ(got.status(), 200);
        const std::string text = co_await got.read_all();
        EXPECT_EQ(text, "the end");
    });
    co_return shown;
}

// What was dropped stays dropped, also where the way leads back.
EVERY_WORLD_TEST(T68, credentials_are_dropped_where_a_redirect_leaves_the_origin) {
    addresses to_a_host{"http://a.test/0", "http://a.test/1", "http://b.test/2", "http://a.test/3"};
    counts shown = co_await shown_on_the_way(std::move(to_a_host), false);
    EXPECT_EQ(shown, (counts{3, 3, 0, 0}));
    addresses to_a_port{"http://a.test/0", "http://a.test:81/1", "/2"};
    shown = co_await shown_on_the_way(std::move(to_a_port), true);
    EXPECT_EQ(shown, (counts{3, 0, 0}));
}

struct redirection {
    std::string from;
    std::string to;
    bool stays;
};

const std::vector<redirection>& redirections() {
    static const std::vector<redirection> table{
        {"http://a.test/0", "/1", true},
        {"http://a.test/0", "//a.test/1", true},
        {"http://a.test/0", "http://A.Test:80/1", true},
        {"http://a.test:80/0", "http://a.test/1", true},
        {"http://a.test:8080/0", "http://a.test:8080/1", true},
        {"http://a.test:8080/0", "http://a.test/1", false},
        {"http://a.test/0", "http://a.test:443/1", false},
        {"http://a.test/0", "http://sub.a.test/1", false},
        {"http://sub.a.test/0", "http://a.test/1", false},
        {"http://a.test/0", "http://a.test.evil.test/1", false},
        {"http://a.test/0", "//b.test/1", false},
        {"http://a.test/0", "http://a.test@b.test/1", false},
        {"http://127.0.0.1/0", "http://127.0.0.2/1", false},
        {"http://127.0.0.1/0", "http://0x7f.1/1", true},
        {"http://[::1]/0", "http://[::2]/1", false},
    };
    return table;
}

TEST(T68, any_other_host_or_port_is_another_origin) {
    test::run_on_each_backend([]() -> task<> {
        for (const redirection& each : redirections()) {
            SCOPED_TRACE(each.from + " to " + each.to);
            for (const bool are_of_the_session : {false, true}) {
                addresses way{each.from, each.to};
                const counts shown = co_await shown_on_the_way(std::move(way), are_of_the_session);
                EXPECT_EQ(shown.at(0), 3U);
                // The address of one of them has credentials of its own.
                const std::size_t own = each.to.find('@') == std::string::npos ? 0 : 1;
                EXPECT_EQ(shown.at(1), each.stays ? 3U : own);
            }
        }
    });
}

// The same of the rule alone, for each status and for schemes as well.
TEST(T68, neither_status_nor_scheme_keeps_credentials) {
    std::vector<redirection> table = redirections();
    table.push_back({"http://a.test/0", "https://a.test/1", false});
    table.push_back({"https://a.test/0", "http://a.test/1", false});
    table.push_back({"http://a.test:444/0", "https://a.test:444/1", false});
    table.push_back({"https://a.test:444/0", "http://a.test:444/1", false});
    table.push_back({"https://a.test/0", "https://a.test:443/1", true});
    for (const redirection& each : table) {
        for (const int status : {301, 302, 303, 307, 308}) {
            SCOPED_TRACE(each.from + " to " + each.to + ", " + std::to_string(status));
            const web::url from = web::url::parse(each.from).value();
            http::request wanted{from, http::method::post};
            wanted.with_body("content", "text/plain");
            add_credentials(wanted.headers);
            http::detail::turn_to(wanted, status,
                                  http::detail::redirect_target(from, each.to).value());
            EXPECT_EQ(credentials_in(wanted.headers), each.stays ? 3U : 0U);
        }
    }
}

// --- between the schemes ----------------------------------------------------------------------

// Answers the one request that comes, and tells how many credentials it had.
template <byte_stream Stream>
task<std::size_t> answer_one(Stream stream, std::string with) {
    buffered_reader reader{stream};
    const std::string head = co_await reader.read_until("\r\n\r\n");
    http::wire::request_parser parser;
    static_cast<void>(parser.parse(bytes_of(head)));
    const std::size_t shown = credentials_in(parser.head().headers);
    co_await write_all(stream, bytes_of(with));
    co_await stream.shutdown();
    co_return shown;
}

// One host and one port: the first connection has one scheme, the second one the other.
task<counts> shown_when_the_scheme_changes(bool first_is_secure) {
    const tls::server_context context = test::test_server();
    const std::string first = first_is_secure ? "https" : "http";
    const std::string second = first_is_secure ? "http" : "https";
    counts shown;
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto serve = [&](memory_stream plain, bool is_secure, std::string with) -> task<> {
            any_stream transport{std::move(plain)};
            if (is_secure) {
                tls::stream secured = co_await tls::accept(std::move(transport), context);
                transport = any_stream{std::move(secured)};
            }
            const std::size_t count = co_await answer_one(std::move(transport), std::move(with));
            shown.push_back(count);
        };
        std::size_t connections = 0;
        http::session_options options;
        options.trust = test::test_client();
        options.connect = [&](std::string, std::uint16_t port) -> task<any_stream> {
            EXPECT_EQ(port, 444);
            auto ends = memory_stream_pair();
            const bool is_first = connections++ == 0;
            group.spawn(serve(std::move(ends.second), is_first == first_is_secure,
                              is_first ? test::moved_to(second + "://www.example.test:444/1")
                                       : test::answer("the end")));
            any_stream made{std::move(ends.first)};
            co_return made;
        };
        http::session web{std::move(options)};
        http::request wanted{web::url::parse(first + "://www.example.test:444/0").value()};
        add_credentials(wanted.headers);
        http::response got = co_await web.send(std::move(wanted));
        const std::string text = co_await got.read_all();
        EXPECT_EQ(text, "the end");
        EXPECT_EQ(connections, 2U);
    });
    co_return shown;
}

TEST(T68, another_scheme_of_the_same_host_and_port_is_another_origin) {
    test::run_on_each_backend([]() -> task<> {
        for (const bool first_is_secure : {false, true}) {
            const counts shown = co_await shown_when_the_scheme_changes(first_is_secure);
            EXPECT_EQ(shown, (counts{3, 0}));
        }
    });
}

}  // namespace
}  // namespace simul
