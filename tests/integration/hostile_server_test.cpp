// SPDX-License-Identifier: Apache-2.0
//
// The client against a server that misbehaves: http/hostile_server.py. After each case the same
// session, which may open one connection only, asks for a nonce and must get its own.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sstream>

#include "simul/base/config.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/error.hpp"
#include "simul/http/request_error.hpp"
#include "simul/http/session.hpp"
#include "simul/tls/error.hpp"
#include "support/child_process.hpp"
#include "support/http_asking.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

using http::session;
using http::session_options;
using http::stage;

struct expectation {
    expectation(std::string path, std::error_code fails, std::vector<stage> stages)
        : target{std::move(path)}, code{fails}, where{std::move(stages)} {}
    expectation(std::string path, int answers, std::string content)
        : target{std::move(path)}, status{answers}, body{std::move(content)} {}

    std::string target;
    std::error_code code;
    std::vector<stage> where;
    int status = 0;
    std::string body;
    http::method how = http::method::get;
};

std::error_code of(http::errc code) {
    return make_error_code(code);
}

std::vector<expectation> expectations() {
    using http::errc;
    const std::error_code timed_out = make_error_code(simul::errc::timed_out);
    const stage waiting = stage::waiting_for_answer;
    const stage head = stage::reading_head;
    const stage body = stage::reading_body;
    const stage elsewhere = stage::redirecting;
    std::vector<expectation> all{
        // timing
        {"silence", timed_out, {waiting}},
        {"silence-in-head", timed_out, {head}},
        {"silence-in-body", timed_out, {body}},
        {"drip-head", timed_out, {head}},
        {"drip-body", timed_out, {body}},
        {"late/1", timed_out, {waiting}},
        {"slow", 200, "hello"},
        // lengths that lie
        {"length-too-long", of(errc::truncated_body), {body}},
        {"length-too-short", 200, "hello"},
        {"two-lengths", of(errc::conflicting_length), {head}},
        {"length-and-chunked", of(errc::conflicting_length), {head}},
        {"negative-length", of(errc::bad_content_length), {head}},
        {"plus-length", of(errc::bad_content_length), {head}},
        {"hexadecimal-length", of(errc::bad_content_length), {head}},
        {"empty-length", of(errc::bad_content_length), {head}},
        {"huge-length", of(errc::bad_content_length), {head}},
        {"unknown-transfer-coding", of(errc::unsupported_transfer_coding), {head}},
        {"bad-chunk-size", of(errc::bad_chunk), {body}},
        {"chunk-size-overflow", of(errc::bad_chunk), {body}},
        {"chunk-without-end", of(errc::bad_chunk), {body}},
        {"chunked-cut", of(errc::truncated_body), {body}},
        // what is no HTTP/1
        {"no-version", of(errc::not_http), {head}},
        {"garbage", of(errc::not_http), {head}},
        {"tls-on-plain-port", of(errc::not_http), {head}},
        {"version-2", of(errc::unsupported_version), {head}},
        {"bad-status", of(errc::malformed_status_line), {head}},
        {"bare-carriage-return", of(errc::malformed_header), {head}},
        {"folded-field", of(errc::malformed_header), {head}},
        {"space-before-colon", of(errc::malformed_header), {head}},
        {"field-without-colon", of(errc::malformed_header), {head}},
        {"empty-field-name", of(errc::malformed_header), {head}},
        {"null-in-field", of(errc::malformed_header), {head}},
        {"upgrade-not-asked", of(errc::upgrade_not_asked), {head}},
        {"nothing", of(errc::unexpected_end), {waiting}},
        {"until-close", 200, "hello until the end"},
        {"bare-line-feeds", 200, "hello"},
        // what never ends
        {"endless-status-line", of(errc::header_too_large), {head}},
        {"endless-field", of(errc::field_too_large), {head}},
        {"endless-fields", of(errc::too_many_fields), {head}},
        {"endless-chunk-extension", of(errc::chunk_extension_too_long), {body}},
        {"endless-chunk-extensions", of(errc::chunk_extension_too_long), {body}},
        {"endless-trailers", of(errc::trailers_too_large), {body}},
        {"endless-body", of(errc::body_too_large), {body}},
        {"endless-chunks", of(errc::body_too_large), {body}},
        {"endless-length", of(errc::body_too_large), {body}},
        {"endless-interim", of(errc::too_many_interim), {head}},
        {"interim/16", 200, "after all"},
        {"interim/17", of(errc::too_many_interim), {head}},
        {"fields-in-number/256", 200, ""},
        {"fields-in-number/257", of(errc::too_many_fields), {head}},
        // codings
        {"gzip", 200, "hello gzip"},
        {"gzip-cut", of(errc::decoding_failed), {body}},
        {"gzip-garbage", of(errc::decoding_failed), {body}},
        {"unknown-coding", of(errc::unsupported_coding), {body}},
        {"many-codings", of(errc::too_many_codings), {body}},
        {"bomb", of(errc::ratio_exceeded), {body}},
        {"nested-bomb", of(errc::ratio_exceeded), {body}},
        {"bomb-on-redirect", 200, "nonce "},
        // redirects
        {"redirects/1", 200, "nonce "},
        {"redirects/10", 200, "nonce "},
        {"redirects/11", of(errc::too_many_redirects), {elsewhere}},
        {"redirect-loop-1", of(errc::redirect_loop), {elsewhere}},
        {"redirect-loop-2", of(errc::redirect_loop), {elsewhere}},
        {"redirect-to-file", of(errc::unsupported_scheme), {elsewhere}},
        {"redirect-to-ftp", of(errc::unsupported_scheme), {elsewhere}},
        {"redirect-to-script", of(errc::unsupported_scheme), {elsewhere}},
        {"redirect-to-data", of(errc::unsupported_scheme), {elsewhere}},
        {"redirect-to-nonsense", of(errc::bad_redirect), {elsewhere}},
        {"redirect-without-location", of(errc::bad_redirect), {elsewhere}},
        {"redirect-to-other-host",
         std::error_code{ECONNREFUSED, std::system_category()},
         {stage::connecting}},
        // bodies where there are none, and answers that nobody asked for
        {"surplus", 200, "hello"},
        {"body-with-204", 204, ""},
        {"body-with-304", 304, ""},
        {"early-body", 200, "first"},
        {"close-after", 200, "last words"},
    };
    all.emplace_back("body-with-head", 200, "");
    all.back().how = http::method::head;
    return all;
}

// Kilobytes that the process had in memory at most.
long most_memory() {
    ::rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

class hostile_server : public testing::TestWithParam<backend_kind> {
public:
    hostile_server()
        : process_{{"python3", SIMUL_SOURCE_DIR "/tests/integration/http/hostile_server.py"}} {
        std::istringstream ports{process_.read_line()};
        ports >> plain_ >> silent_ >> early_;
    }

    static std::string url_at(int port, std::string_view path) {
        std::string text{"http://127.0.0.1:"};
        text.append(std::to_string(port)).append("/").append(path);
        return text;
    }

    // For cases that must not end by time, however slow the machine.
    static session_options patient() {
        session_options options;
        options.max_connections = 1;
        return options;
    }

    // For cases that must.
    static session_options quick() {
        session_options options = patient();
        options.limits.handshake = 600ms;
        options.limits.first_byte = 600ms;
        options.limits.idle = 600ms;
        options.limits.total = 1200ms;
        return options;
    }

    task<> expect_own_answer(session& web, std::string after) {
        return test::expect_own_answer(web, url_at(plain_, "ok"), std::move(after));
    }

    child_process process_;
    int plain_ = 0;
    int silent_ = 0;
    int early_ = 0;
};

TEST_P(hostile_server, gets_from_each_case_its_named_error_and_the_next_request_its_own_answer) {
    const long before = most_memory();
    run(
        [](hostile_server& self) -> task<> {
            const std::vector<expectation> all = expectations();
            session slow_web{patient()};
            session quick_web{quick()};
            for (const expectation& each : all) {
                session& web = each.code == errc::timed_out ? quick_web : slow_web;
                const time_point begin = now();
                const http_result came =
                    co_await ask(web, asking(url_at(self.plain_, each.target), each.how));
                EXPECT_LT(now() - begin, 30s) << each.target;
                EXPECT_EQ(came.code, each.code) << each.target << ": " << came.text;
                if (!each.code) {
                    EXPECT_EQ(came.status, each.status) << each.target;
                }
                EXPECT_EQ(came.body, each.body) << each.target;
                if (each.code) {
                    EXPECT_TRUE(std::ranges::count(each.where, came.where) == 1)
                        << each.target << ": " << came.text;
                }
                co_await self.expect_own_answer(web, each.target);
                EXPECT_EQ(web.statistics().in_use, 0U);
            }
            std::printf("note: hostile server: %zu cases\n", all.size());
        }(*this),
        options_for(GetParam()));
    const long grown = most_memory() - before;
    if (!SIMUL_ADDRESS_SANITIZER) {
        EXPECT_LT(grown, 160L * 1024) << "KiB";
    }
}

TEST_P(hostile_server, survives_an_end_and_a_reset_at_each_byte_of_a_short_answer) {
    run(
        [](hostile_server& self) -> task<> {
            constexpr std::size_t size = 57;  // of SHORT_ANSWER
            session web{patient()};
            for (std::size_t at = 0; at <= size; ++at) {
                for (const char* how : {"close-at/", "reset-at/"}) {
                    std::string target{how};
                    target.append(std::to_string(at));
                    const http_result came = co_await ask(web, url_at(self.plain_, target));
                    if (came.code) {
                        const bool named = came.code == std::errc::connection_reset ||
                                           came.code == http::errc::unexpected_end ||
                                           came.code == http::errc::truncated_head ||
                                           came.code == http::errc::truncated_body;
                        EXPECT_TRUE(named) << target << ": " << came.text;
                    } else {
                        EXPECT_EQ(at, size) << target;
                        EXPECT_EQ(came.body, "hello");
                    }
                    if (at < size) {
                        EXPECT_TRUE(came.code) << target;
                    }
                    co_await self.expect_own_answer(web, target);
                }
            }
        }(*this),
        options_for(GetParam()));
}

TEST_P(hostile_server, takes_no_answer_that_came_before_the_request) {
    run(
        [](hostile_server& self) -> task<> {
            // A client cannot tell an early answer on a new connection from a fast one; what
            // matters is that the connection is not used again.
            session web{patient()};
            const http_result came = co_await ask(web, url_at(self.early_, "ok"));
            EXPECT_EQ(came.code, std::error_code{});
            EXPECT_EQ(came.body, "poison");
            co_await self.expect_own_answer(web, "early");
        }(*this),
        options_for(GetParam()));
}

TEST_P(hostile_server, gives_up_on_a_tls_handshake_that_is_never_answered) {
    run(
        [](hostile_server& self) -> task<> {
            session web{quick()};
            std::string where{"https://127.0.0.1:"};
            where.append(std::to_string(self.silent_)).append("/");
            const http_result came = co_await ask(web, where);
            EXPECT_EQ(came.code, errc::timed_out);
            EXPECT_EQ(came.where, stage::handshaking);
            co_await self.expect_own_answer(web, "handshake");
        }(*this),
        options_for(GetParam()));
}

TEST_P(hostile_server, says_when_a_tls_port_speaks_plain_http) {
    run(
        [](hostile_server& self) -> task<> {
            session web{patient()};
            std::string where{"https://127.0.0.1:"};
            where.append(std::to_string(self.early_)).append("/");
            const http_result came = co_await ask(web, where);
            EXPECT_EQ(came.code, tls::errc::not_tls) << came.text;
            EXPECT_EQ(came.where, stage::handshaking);
        }(*this),
        options_for(GetParam()));
}

TEST_P(hostile_server, answers_no_request_with_what_another_one_was_cancelled_for) {
    run(
        [](hostile_server& self) -> task<> {
            session web{patient()};
            std::size_t cancelled_requests = 0;
            for (int i = 0; i < 60; ++i) {
                const auto late = co_await move_on_after(
                    std::chrono::milliseconds{i % 30 * 7 % 200},
                    ask(web, url_at(self.plain_, i % 2 == 0 ? "slow" : "late/0.05")));
                if (!late) ++cancelled_requests;
                std::string nonce{"cancelled "};
                nonce.append(std::to_string(i));
                co_await self.expect_own_answer(web, nonce);
            }
            EXPECT_GT(cancelled_requests, 0U);
            EXPECT_EQ(web.statistics().in_use, 0U);
        }(*this),
        options_for(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(backends, hostile_server,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& each) { return std::string{name_of(each.param)}; });

}  // namespace
}  // namespace simul::test
