// SPDX-License-Identifier: Apache-2.0
//
// The client against an application on aiohttp, http/aiohttp_server.py. After each case the same
// session asks for a nonce and must get its own.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/error.hpp"
#include "simul/tls/error.hpp"
#include "support/http_asking.hpp"
#include "support/run_on_backends.hpp"
#include "support/test_authority.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

using http::request;
using http::response;
using http::session;
using http::session_options;
using http::stage;

// The text that the server packs.
std::string lines() {
    std::string text;
    for (int i = 0; i < 5000; ++i) text.append("line ").append(std::to_string(i)).append("\n");
    return text;
}

class application {
public:
    static std::string python() {
        const std::string looks{"import importlib.util as u; exit(u.find_spec('aiohttp') is None)"};
        return first_working({{"python3", "-c", looks}, {"/usr/bin/python3", "-c", looks}});
    }

    explicit application(const std::string& python) {
        const test_authority& authority = test_authority::shared();
        process_.emplace(std::vector<std::string>{
            python, SIMUL_SOURCE_DIR "/tests/integration/http/aiohttp_server.py",
            files_.write("chain.pem", authority.chain_of(authority.localhost)),
            files_.write("key.pem", authority.localhost.key)});
        std::istringstream ports{process_->read_line()};
        ports >> plain >> other >> secure;
    }

    int plain = 0;
    int other = 0;
    int secure = 0;

private:
    temporary_files files_;
    std::optional<child_process> process_;
};

class aiohttp : public testing::TestWithParam<backend_kind> {
public:
    static void SetUpTestSuite() {
        const std::string python = application::python();
        if (!python.empty()) server_ = std::make_unique<application>(python);
    }
    static void TearDownTestSuite() { server_.reset(); }

    void SetUp() override {
        if (!server_) GTEST_SKIP() << "no python3 has aiohttp (Debian: python3-aiohttp)";
        ASSERT_NE(server_->secure, 0) << "the server did not start";
    }

    static std::string url_at(int port, std::string_view path) {
        std::string text{port == server_->secure ? "https" : "http"};
        text.append("://127.0.0.1:").append(std::to_string(port)).append("/").append(path);
        return text;
    }
    static std::string url(std::string_view path) { return url_at(server_->plain, path); }
    static std::string secure_url(std::string_view path) { return url_at(server_->secure, path); }

    static session_options one_connection() {
        tls::client_options trust;
        trust.use_system_authorities = false;
        trust.authorities = test_authority::shared().root.certificate;
        session_options options;
        options.max_connections = 1;
        options.trust.emplace(trust);
        return options;
    }

    // Runs a case with a session, which gets its own answer after it.
    template <class Body>
    void with_session(session_options options, Body body) {
        run(
            [](session_options chosen, Body& does) -> task<> {
                session web{std::move(chosen)};
                co_await does(web);
                const auto* test = testing::UnitTest::GetInstance()->current_test_info();
                co_await expect_own_answer(web, url("nonce"), test->name());
            }(std::move(options), body),
            options_for(GetParam()));
    }
    template <class Body>
    void with_session(Body body) {
        with_session(one_connection(), std::move(body));
    }

    static std::unique_ptr<application> server_;
};

std::unique_ptr<application> aiohttp::server_;

// What the application says that it was sent.
class echo {
public:
    explicit echo(const http_result& came) {
        EXPECT_EQ(came.status, 200) << came.text;
        json_ = nlohmann::json::parse(came.body, nullptr, false);
        EXPECT_FALSE(json_.is_discarded()) << came.body;
    }

    [[nodiscard]] std::string text(const char* name) const {
        return json_.value(name, std::string{"?"});
    }
    [[nodiscard]] std::vector<std::string> fields(std::string_view name) const {
        std::vector<std::string> found;
        for (const auto& field : json_.at("fields")) {
            if (http::equals_ignoring_case(field[0].get<std::string>(), name)) {
                found.push_back(field[1].get<std::string>());
            }
        }
        return found;
    }
    [[nodiscard]] std::string field(std::string_view name) const {
        const std::vector<std::string> found = fields(name);
        if (found.size() != 1) return "is there " + std::to_string(found.size()) + " times";
        return found.front();
    }

private:
    nlohmann::json json_;
};

template <class Where>
task<echo> ask_echo(session& web, Where where) {
    const http_result came = co_await ask(web, std::move(where));
    co_return echo{came};
}

// --- what is sent -------------------------------------------------------------------------------

TEST_P(aiohttp, is_sent_what_a_request_says) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("echo?a=b%20c&d=%C3%A9#fragment"));
        asked.headers.add("X-Case", "one");
        asked.headers.add("X-Case", "two");
        asked.headers.add("X-Tab", "a\tb");
        const echo said = co_await ask_echo(web, std::move(asked));
        EXPECT_EQ(said.text("method"), "GET");
        EXPECT_EQ(said.text("path"), "/echo?a=b%20c&d=%C3%A9");
        EXPECT_EQ(said.fields("x-case"), (std::vector<std::string>{"one", "two"}));
        EXPECT_EQ(said.field("x-tab"), "a\tb");
        EXPECT_EQ(said.field("user-agent"), "simul");
        EXPECT_EQ(said.field("accept"), "*/*");
        EXPECT_EQ(said.field("accept-encoding"), "gzip, deflate, br, zstd");
        std::string host{"127.0.0.1:"};
        EXPECT_EQ(said.field("host"), host.append(std::to_string(server_->plain)));
        for (const char* absent : {"expect", "content-length", "transfer-encoding", "connection"}) {
            EXPECT_TRUE(said.fields(absent).empty()) << absent;
        }
        EXPECT_EQ(said.text("body"), "");
    });
}

TEST_P(aiohttp, takes_every_method) {
    with_session([](session& web) -> task<> {
        for (const char* name :
             {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "REPORT"}) {
            const echo said = co_await ask_echo(web, asking(url("echo"), http::method{name}));
            EXPECT_EQ(said.text("method"), name);
        }
        const http_result head = co_await ask(web, asking(url("echo"), http::method::head));
        EXPECT_EQ(head.status, 200) << head.text;
        EXPECT_TRUE(head.fields.contains("content-length"));
        EXPECT_EQ(head.body, "");
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(aiohttp, has_an_empty_post_with_a_length) {
    with_session([](session& web) -> task<> {
        const echo said = co_await ask_echo(web, asking(url("echo"), http::method::post));
        EXPECT_EQ(said.field("content-length"), "0");
        EXPECT_EQ(said.text("body"), "");
    });
}

TEST_P(aiohttp, mirrors_a_body_of_5_MiB) {
    with_session([](session& web) -> task<> {
        const std::string content = noise(std::size_t{5} * 1024 * 1024);
        for (const char* path : {"mirror", "mirror-as-it-comes"}) {
            request asked = asking(url(path), http::method::post);
            asked.with_body(content, "application/octet-stream");
            const http_result came = co_await ask(web, std::move(asked));
            EXPECT_TRUE(came.body == content) << path << ": " << came.body.size() << came.text;
        }
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

async_generator<std::string> pieces_of(const std::string& content, std::size_t size) {
    for (std::size_t at = 0; at < content.size(); at += size) {
        std::string piece = content.substr(at, size);
        co_yield piece;
        if (at % 7 == 0) co_await yield_now();
    }
}

TEST_P(aiohttp, takes_a_body_in_chunks_while_it_is_made) {
    with_session([](session& web) -> task<> {
        const std::string small = noise(1000);
        for (const std::size_t size : {1U, 7U, 999U, 1000U, 5000U}) {
            request asked = asking(url("mirror"), http::method::put);
            asked.with_stream(pieces_of(small, size), "application/octet-stream");
            const http_result came = co_await ask(web, std::move(asked));
            EXPECT_TRUE(came.body == small) << size << ": " << came.body.size() << came.text;
        }
        const std::string large = noise(std::size_t{5} * 1024 * 1024);
        request asked = asking(url("mirror"), http::method::post);
        asked.with_stream(pieces_of(large, 100'000), "application/octet-stream");
        const http_result came = co_await ask(web, std::move(asked));
        EXPECT_TRUE(came.body == large) << came.body.size() << came.text;
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(aiohttp, sees_a_body_in_chunks_as_such) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("echo"), http::method::post);
        const std::string content{"made meanwhile"};
        asked.with_stream(pieces_of(content, 4), "text/plain");
        const echo said = co_await ask_echo(web, std::move(asked));
        EXPECT_EQ(said.field("transfer-encoding"), "chunked");
        EXPECT_TRUE(said.fields("content-length").empty());
        EXPECT_EQ(said.field("content-type"), "text/plain");
        EXPECT_EQ(said.text("body"), content);
        const std::string nothing;
        asked = asking(url("echo"), http::method::post);
        asked.with_stream(pieces_of(nothing, 1), "text/plain");
        const echo empty = co_await ask_echo(web, std::move(asked));
        EXPECT_EQ(empty.text("body"), "");
    });
}

async_generator<std::string> breaking_body() {
    std::string piece{"a part"};
    co_yield piece;
    throw std::runtime_error{"no more of it"};
}

TEST_P(aiohttp, is_left_when_the_making_of_a_body_fails) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("mirror"), http::method::post);
        asked.with_stream(breaking_body(), "text/plain");
        std::string said;
        try {
            co_await web.send(std::move(asked));
        } catch (const std::runtime_error& failure) {
            said = failure.what();
        }
        EXPECT_EQ(said, "no more of it");
        EXPECT_EQ(web.statistics().idle, 0U);
    });
}

TEST_P(aiohttp, may_refuse_a_body_without_reading_it) {
    with_session([](session& web) -> task<> {
        const std::string content(std::size_t{5} * 1024 * 1024, 'a');
        request asked = asking(url("refuse"), http::method::post);
        asked.with_body(content, "text/plain");
        const http_result whole = co_await ask(web, std::move(asked));
        EXPECT_EQ(whole.status, 413) << whole.text;
        asked = asking(url("refuse"), http::method::post);
        asked.with_stream(pieces_of(content, 50'000), "text/plain");
        const http_result in_chunks = co_await ask(web, std::move(asked));
        EXPECT_EQ(in_chunks.status, 413) << in_chunks.text;
    });
}

TEST_P(aiohttp, may_be_asked_to_continue) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("echo"), http::method::post);
        asked.headers.add("Expect", "100-continue");
        asked.with_body("sent at once", "text/plain");
        const echo said = co_await ask_echo(web, std::move(asked));
        EXPECT_EQ(said.text("body"), "sent at once");
    });
}

TEST_P(aiohttp, sees_cookies_and_credentials) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("echo"));
        asked.headers.add("Cookie", "a=b; c=d");
        asked.headers.add("Authorization", "Bearer token");
        const echo given = co_await ask_echo(web, std::move(asked));
        EXPECT_EQ(given.field("cookie"), "a=b; c=d");
        EXPECT_EQ(given.field("authorization"), "Bearer token");
        std::string with_name = url("echo");
        with_name.insert(std::string_view{"http://"}.size(), "us%65r:pass%20word@");
        const echo named = co_await ask_echo(web, with_name);
        EXPECT_EQ(named.field("authorization"), "Basic dXNlcjpwYXNzIHdvcmQ=");
        const http_result came = co_await ask(web, url("cookies"));
        const std::vector<std::string_view> set = came.fields.get_all("set-cookie");
        EXPECT_EQ(set.size(), 2U);
        for (const std::string_view each : set) {
            EXPECT_TRUE(each.starts_with("first=1; ") || each.starts_with("second=2; ")) << each;
        }
    });
}

// --- what comes back ----------------------------------------------------------------------------

TEST_P(aiohttp, streams_in_many_small_pieces) {
    with_session([](session& web) -> task<> {
        const http_result came = co_await ask(web, url("pieces/2000/3"));
        EXPECT_EQ(came.fields.get("transfer-encoding"), "chunked");
        EXPECT_EQ(came.body.size(), 6000U) << came.text;
        EXPECT_TRUE(came.body.starts_with("aaabbbccc"));
        const http_result large = co_await ask(web, url("pieces/50/100000"));
        EXPECT_EQ(large.body.size(), 5'000'000U) << large.text;
        const http_result none = co_await ask(web, url("pieces/0/1"));
        EXPECT_EQ(none.status, 200) << none.text;
        EXPECT_EQ(none.body, "");
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(aiohttp, is_unpacked_from_each_coding) {
    with_session([](session& web) -> task<> {
        for (const char* coding : {"gzip", "deflate", "bare-deflate", "br", "zstd", "gzip-br"}) {
            std::string path{"packed/"};
            const http_result came = co_await ask(web, url(path.append(coding)));
            if (came.status == 501) {
                std::printf("left out: %s\n", came.body.c_str());
                continue;
            }
            EXPECT_TRUE(came.fields.contains("content-encoding")) << coding;
            EXPECT_TRUE(came.body == lines()) << coding << ": " << came.text;
        }
        for (const char* coding : {"gzip", "deflate"}) {
            std::string path{"packed-by-aiohttp/"};
            const http_result came = co_await ask(web, url(path.append(coding)));
            EXPECT_EQ(came.fields.get("content-encoding"), coding);
            EXPECT_EQ(came.fields.get("transfer-encoding"), "chunked");
            EXPECT_TRUE(came.body == lines()) << coding << ": " << came.text;
        }
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(aiohttp, gives_errors_as_responses) {
    with_session([](session& web) -> task<> {
        for (const int status : {200, 201, 400, 401, 404, 418, 429, 500, 503, 599}) {
            std::string path{"status/"};
            const http_result came = co_await ask(web, url(path.append(std::to_string(status))));
            EXPECT_EQ(came.status, status) << came.text;
            EXPECT_EQ(came.body, "as you like");
        }
        EXPECT_EQ(web.statistics().connections, 1U);
        const http_result raised = co_await ask(web, url("raises"));
        EXPECT_EQ(raised.status, 500) << raised.text;
        const http_result absent = co_await ask(web, url("absent"));
        EXPECT_EQ(absent.status, 404) << absent.text;
    });
}

TEST_P(aiohttp, may_speak_of_what_is_coming) {
    with_session([](session& web) -> task<> {
        const http_result came = co_await ask(web, url("hints"));
        EXPECT_EQ(came.status, 200) << came.text;
        EXPECT_EQ(came.body, "after the hints");
        EXPECT_FALSE(came.fields.contains("link"));
        EXPECT_EQ(web.statistics().idle, 1U);
    });
}

TEST_P(aiohttp, may_end_a_body_with_trailers) {
    with_session([](session& web) -> task<> {
        const http_result came = co_await ask(web, url("trailers"));
        EXPECT_EQ(came.body, "hello") << came.text;
        EXPECT_FALSE(came.fields.contains("x-sum"));
    });
}

// --- redirects ----------------------------------------------------------------------------------

TEST_P(aiohttp, redirects_a_post_as_browsers_expect) {
    with_session([](session& web) -> task<> {
        for (const int status : {301, 302, 303, 307, 308}) {
            const bool repeats = status >= 307;
            std::string path{"redirect/"};
            path.append(std::to_string(status)).append("?to=/echo");
            request asked = asking(url(path), http::method::post);
            asked.with_body("hello", "text/plain");
            const http_result came = co_await ask(web, std::move(asked));
            const echo said{came};
            EXPECT_EQ(said.text("method"), repeats ? "POST" : "GET") << status;
            EXPECT_EQ(said.text("body"), repeats ? "hello" : "") << status;
            EXPECT_EQ(said.fields("content-type").size(), repeats ? 1U : 0U) << status;
            EXPECT_EQ(said.fields("content-length").size(), repeats ? 1U : 0U) << status;
            EXPECT_EQ(came.hops, 1U);
            EXPECT_EQ(came.url, url("echo"));
        }
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(aiohttp, keeps_other_methods_when_redirecting) {
    with_session([](session& web) -> task<> {
        for (const int status : {301, 302, 303, 307, 308}) {
            std::string path{"redirect/"};
            path.append(std::to_string(status)).append("?to=/echo");
            request asked = asking(url(path), http::method::put);
            asked.with_body("hello", "text/plain");
            const echo said = co_await ask_echo(web, std::move(asked));
            EXPECT_EQ(said.text("method"), status == 303 ? "GET" : "PUT") << status;
            const http_result head = co_await ask(web, asking(url(path), http::method::head));
            EXPECT_EQ(head.status, 200) << status << ": " << head.text;
            EXPECT_EQ(head.body, "");
        }
    });
}

TEST_P(aiohttp, repeats_no_body_that_was_made_meanwhile) {
    with_session([](session& web) -> task<> {
        const std::string content{"once"};
        request asked = asking(url("redirect/307?to=/echo"), http::method::post);
        asked.with_stream(pieces_of(content, 1), "text/plain");
        const http_result same = co_await ask(web, std::move(asked));
        EXPECT_EQ(same.code, http::errc::body_not_repeatable) << same.text;
        EXPECT_EQ(same.where, stage::redirecting);
        asked = asking(url("redirect/303?to=/echo"), http::method::post);
        asked.with_stream(pieces_of(content, 1), "text/plain");
        const echo other = co_await ask_echo(web, std::move(asked));
        EXPECT_EQ(other.text("method"), "GET");
        EXPECT_TRUE(other.fields("transfer-encoding").empty());
    });
}

TEST_P(aiohttp, shows_no_credentials_to_another_port) {
    with_session([](session& web) -> task<> {
        for (const int to : {server_->other, server_->secure, server_->plain}) {
            std::string path{"redirect/302?to="};
            request asked = asking(url(path.append(url_at(to, "echo"))));
            asked.headers.add("Authorization", "Bearer secret");
            asked.headers.add("Cookie", "a=b");
            const http_result came = co_await ask(web, std::move(asked));
            const echo said{came};
            const bool same = to == server_->plain;
            EXPECT_EQ(said.fields("authorization").size(), same ? 1U : 0U);
            EXPECT_EQ(said.fields("cookie").size(), same ? 1U : 0U);
            EXPECT_EQ(came.url, url_at(to, "echo"));
        }
    });
}

// --- connections --------------------------------------------------------------------------------

TEST_P(aiohttp, serves_many_requests_on_one_connection) {
    with_session([](session& web) -> task<> {
        for (int i = 0; i < 100; ++i) {
            co_await expect_own_answer(web, url("nonce"), std::to_string(i));
        }
        EXPECT_EQ(web.statistics().connections, 1U);
        EXPECT_EQ(web.statistics().reused, 99U);
        EXPECT_EQ(web.statistics().retries, 0U);
    });
}

TEST_P(aiohttp, serves_40_requests_at_once_over_4_connections) {
    session_options options = one_connection();
    options.max_connections = 4;
    with_session(std::move(options), [](session& web) -> task<> {
        std::size_t right = 0;
        task_group group;
        for (int i = 0; i < 40; ++i) {
            group.spawn([&web, &right, i]() -> task<> {
                request asked =
                    asking(i % 2 == 0 ? url("mirror") : secure_url("mirror"), http::method::post);
                std::string content = noise(10'000);
                content.append(std::to_string(i));
                asked.with_body(content, "text/plain");
                const http_result came = co_await ask(web, std::move(asked));
                if (came.body == content) ++right;
            });
        }
        co_await group.run();
        EXPECT_EQ(right, 40U);
    });
}

TEST_P(aiohttp, may_close_connections_that_are_idle) {
    with_session([](session& web) -> task<> {
        session other{one_connection()};
        for (const char* how : {"close", "abort"}) {
            for (const bool secured : {false, true}) {
                const std::string next = secured ? secure_url("nonce") : url("nonce");
                co_await expect_own_answer(web, next, "before");
                const std::size_t before = web.statistics().connections;
                std::string path{"end-idle/"};
                const http_result ended = co_await ask(other, url(path.append(how)));
                EXPECT_EQ(ended.status, 200) << ended.text;
                co_await expect_own_answer(web, next, "after");
                EXPECT_EQ(web.statistics().connections, before + 1) << how << secured;
            }
        }
    });
}

TEST_P(aiohttp, is_asked_again_when_a_kept_connection_dies_without_an_answer) {
    with_session([](session& web) -> task<> {
        for (const char* path : {"answers-once/close", "answers-once/abort"}) {
            for (const std::string& where : {url(path), secure_url(path)}) {
                const http::session_statistics before = web.statistics();
                for (int i = 0; i < 2; ++i) {
                    request asked = asking(where, http::method::put);
                    asked.with_body("hello", "text/plain");
                    const http_result came = co_await ask(web, std::move(asked));
                    EXPECT_EQ(came.body, "hello") << where << ": " << came.text;
                }
                EXPECT_EQ(web.statistics().retries - before.retries, 1U) << where;
                EXPECT_EQ(web.statistics().connections - before.connections, 2U) << where;

                request posted = asking(where, http::method::post);
                posted.with_body("once only", "text/plain");
                const http_result came = co_await ask(web, std::move(posted));
                EXPECT_TRUE(came.code == http::errc::unexpected_end ||
                            came.code == tls::errc::truncated ||
                            came.code == std::errc::connection_reset)
                    << where << ": " << came.text;
                EXPECT_EQ(came.where, stage::waiting_for_answer);
                EXPECT_EQ(web.statistics().retries - before.retries, 1U) << where;
            }
        }
    });
}

TEST_P(aiohttp, may_close_after_an_answer) {
    with_session([](session& web) -> task<> {
        for (int i = 0; i < 3; ++i) {
            const http_result came = co_await ask(web, url("closes"));
            EXPECT_EQ(came.body, "last words") << came.text;
            EXPECT_EQ(came.fields.get("connection"), "close");
            EXPECT_EQ(web.statistics().idle, 0U);
        }
        EXPECT_EQ(web.statistics().connections, 3U);
        EXPECT_EQ(web.statistics().retries, 0U);
    });
}

TEST_P(aiohttp, may_answer_as_a_server_of_http_1_0) {
    with_session([](session& web) -> task<> {
        for (const std::string& where : {url("old"), secure_url("old")}) {
            const http_result came = co_await ask(web, where);
            EXPECT_EQ(came.body, "old and short") << came.text;
            EXPECT_EQ(web.statistics().idle, 0U);
        }
    });
}

TEST_P(aiohttp, breaks_off_in_the_middle_of_a_body) {
    with_session([](session& web) -> task<> {
        for (const char* how : {"chunks", "length", "reset"}) {
            std::string path{"breaks/"};
            path.append(how);
            for (const std::string& where : {url(path), secure_url(path)}) {
                const http_result came = co_await ask(web, where);
                EXPECT_EQ(came.status, 200) << where;
                EXPECT_EQ(came.where, stage::reading_body) << where;
                EXPECT_TRUE(came.code == http::errc::truncated_body ||
                            came.code == tls::errc::truncated ||
                            came.code == std::errc::connection_reset)
                    << where << ": " << came.text;
                co_await expect_own_answer(web, url("nonce"), where);
            }
        }
        EXPECT_EQ(web.statistics().retries, 0U);
    });
}

TEST_P(aiohttp, answers_the_next_request_after_one_that_took_too_long) {
    session_options options = one_connection();
    options.limits.first_byte = 300ms;
    options.limits.idle = 300ms;
    with_session(std::move(options), [](session& web) -> task<> {
        for (const std::string& where : {url("slow"), secure_url("slow")}) {
            const http_result came = co_await ask(web, where);
            EXPECT_EQ(came.code, errc::timed_out) << came.text;
            EXPECT_EQ(came.where, stage::waiting_for_answer);
            co_await expect_own_answer(web, url("nonce"), where);
        }
        const http_result came = co_await ask(web, url("slow-body"));
        EXPECT_EQ(came.code, errc::timed_out) << came.text;
    });
}

TEST_P(aiohttp, answers_the_next_request_after_one_that_was_cancelled) {
    with_session([](session& web) -> task<> {
        for (int i = 0; i < 20; ++i) {
            const std::string slow = url(i % 2 == 0 ? "slow" : "slow-body");
            const auto late = co_await move_on_after(std::chrono::milliseconds{i}, ask(web, slow));
            EXPECT_FALSE(late.has_value());
            std::string nonce{"cancelled "};
            nonce.append(std::to_string(i));
            const std::string next = i % 3 == 0 ? secure_url("nonce") : url("nonce");
            co_await expect_own_answer(web, next, nonce);
        }
    });
}

// --- TLS ----------------------------------------------------------------------------------------

TEST_P(aiohttp, does_the_same_over_tls) {
    with_session([](session& web) -> task<> {
        const std::string content = noise(std::size_t{5} * 1024 * 1024);
        request asked = asking(secure_url("mirror"), http::method::post);
        asked.with_body(content, "application/octet-stream");
        const http_result whole = co_await ask(web, std::move(asked));
        EXPECT_TRUE(whole.body == content) << whole.body.size() << whole.text;
        asked = asking(secure_url("mirror-as-it-comes"), http::method::post);
        asked.with_stream(pieces_of(content, 100'000), "application/octet-stream");
        const http_result in_chunks = co_await ask(web, std::move(asked));
        EXPECT_TRUE(in_chunks.body == content) << in_chunks.body.size() << in_chunks.text;
        const http_result pieces = co_await ask(web, secure_url("pieces/500/3"));
        EXPECT_EQ(pieces.body.size(), 1500U) << pieces.text;
        const http_result packed = co_await ask(web, secure_url("packed-by-aiohttp/gzip"));
        EXPECT_TRUE(packed.body == lines()) << packed.text;
        const http_result moved = co_await ask(web, secure_url("redirect/302?to=/nonce"));
        EXPECT_EQ(moved.body, "nonce ") << moved.text;
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(aiohttp, is_not_believed_without_its_authority) {
    session_options options = one_connection();
    options.trust.emplace();
    with_session(std::move(options), [](session& web) -> task<> {
        const http_result came = co_await ask(web, secure_url("nonce"));
        EXPECT_EQ(came.code, tls::errc::unknown_authority) << came.text;
        EXPECT_EQ(came.where, stage::handshaking);
    });
}

INSTANTIATE_TEST_SUITE_P(backends, aiohttp,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& each) { return std::string{name_of(each.param)}; });

}  // namespace
}  // namespace simul::test
