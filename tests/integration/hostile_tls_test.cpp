// SPDX-License-Identifier: Apache-2.0
//
// The client against peers that break TLS: http/hostile_server.py, whose connections are cut
// without a farewell, certificates that must not be believed, and a man in the middle that cuts a
// connection or alters it at any byte. After each case the same session, which may open one
// connection only, asks for a nonce and must get its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>

#include "simul/concurrency/task_group.hpp"
#include "simul/http/error.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/tcp.hpp"
#include "simul/tls/error.hpp"
#include "support/http_asking.hpp"
#include "support/run_on_backends.hpp"
#include "support/test_authority.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

using http::session;
using http::session_options;
using http::stage;

endpoint at_port(std::uint16_t port) {
    return endpoint{ip_address{std::array<std::uint8_t, 4>{127, 0, 0, 1}}, port};
}

// Passes on what client and server say, until the byte `at` of one of them.
class man_in_the_middle {
public:
    enum class deed { nothing, cut, alter };

    explicit man_in_the_middle(std::uint16_t server)
        : listener_{tcp_listener::bind(at_port(0))}, server_{server} {}

    [[nodiscard]] std::uint16_t port() const { return listener_.local_endpoint().port(); }

    task<> serve(task_group& group) {
        while (true) {
            accepted came = co_await listener_.accept();
            group.spawn(pass_on(std::move(came.stream)));
        }
    }

    deed does = deed::nothing;
    bool to_client = true;
    std::size_t at = 0;
    std::size_t said = 0;  ///< by the one that is watched, on the last connection

private:
    task<> pass_on(tcp_stream client) {
        tcp_stream server = co_await connect(at_port(server_));
        co_await with_task_group([&](task_group& both) -> task<> {
            both.spawn(pass_on(client, server, !to_client, both));
            both.spawn(pass_on(server, client, to_client, both));
            co_return;
        });
    }

    task<> pass_on(tcp_stream& from, tcp_stream& to, bool is_watched, task_group& both) {
        std::size_t seen = 0;
        std::array<std::byte, 4096> buffer;
        try {
            while (true) {
                const std::size_t count = co_await from.read_some(buffer);
                if (count == 0) break;
                std::span<std::byte> bytes = std::span{buffer}.first(count);
                const bool is_here = is_watched && at >= seen && at < seen + count;
                if (is_here && does == deed::alter) bytes[at - seen] ^= std::byte{0xFF};
                if (is_here && does == deed::cut) bytes = bytes.first(at - seen);
                seen += count;
                if (is_watched) said = seen;
                co_await write_all(to, bytes);
                if (is_here && does == deed::cut) break;
            }
        } catch (const std::system_error&) {
            // One of them has gone; so the other one is told.
        }
        both.cancel();
    }

    tcp_listener listener_;
    std::uint16_t server_;
};

// What may become of a connection that somebody tampers with: anything that has a name.
bool is_named(const std::error_code& code) {
    return code.category() == tls::error_category() || code == std::errc::connection_reset ||
           code == std::errc::broken_pipe || code == errc::timed_out;
}

// The server of the tests, with a certificate of each kind.
class tls_server {
public:
    tls_server() : process_{command()} {
        std::istringstream ports{process_.read_line()};
        for (const char* name : {"plain", "silent", "early", "secure", "old", "self-signed",
                                 "expired", "not yet", "other host", "stranger", "no chain"}) {
            ports >> ports_[name];
        }
    }

    [[nodiscard]] std::uint16_t port(const std::string& name) const { return ports_.at(name); }

private:
    std::vector<std::string> command() {
        const test_authority& authority = test_authority::shared();
        const test_authority stranger{"a stranger"};
        const auto server_for = [](const std::string& host) {
            certificate_request wanted = server_named(host);
            wanted.addresses = {"127.0.0.1"};
            return wanted;
        };
        certificate_request old = server_for("localhost");
        old.valid_from_days = -30;
        old.valid_until_days = -2;
        certificate_request young = server_for("localhost");
        young.valid_from_days = 2;
        const std::vector<std::pair<issued_certificate, std::string>> all{
            {authority.localhost, authority.intermediate.certificate},
            {self_signed(server_for("localhost")), ""},
            {authority.server(old), authority.intermediate.certificate},
            {authority.server(young), authority.intermediate.certificate},
            {authority.server(server_named("localhost")), authority.intermediate.certificate},
            {stranger.localhost, stranger.intermediate.certificate},
            {authority.localhost, ""}};
        std::vector<std::string> words{
            "python3", SIMUL_SOURCE_DIR "/tests/integration/http/hostile_server.py"};
        for (const auto& [leaf, issuer] : all) {
            const std::string name = std::to_string(words.size());
            std::string chain = leaf.certificate;
            chain.append(issuer);
            words.push_back(files_.write(std::string{name}.append(".pem"), chain));
            words.push_back(files_.write(std::string{name}.append(".key"), leaf.key));
        }
        return words;
    }

    temporary_files files_;
    child_process process_;
    std::map<std::string, std::uint16_t> ports_;
};

class hostile_tls : public testing::TestWithParam<backend_kind> {
public:
    static void SetUpTestSuite() { server_ = std::make_unique<tls_server>(); }
    static void TearDownTestSuite() { server_.reset(); }

    [[nodiscard]] static std::uint16_t port(const std::string& name) { return server_->port(name); }

    static std::string url_at(std::uint16_t port, std::string_view path,
                              std::string_view scheme = "https") {
        std::string text{scheme};
        text.append("://127.0.0.1:").append(std::to_string(port)).append("/").append(path);
        return text;
    }

    static session_options one_connection() {
        tls::client_options trust;
        trust.use_system_authorities = false;
        trust.authorities = test_authority::shared().root.certificate;
        session_options options;
        options.max_connections = 1;
        options.trust.emplace(trust);
        return options;
    }

    // For what may make either side wait for bytes that never come.
    static session_options quick() {
        session_options options = one_connection();
        options.limits.handshake = 400ms;
        options.limits.first_byte = 400ms;
        options.limits.idle = 400ms;
        return options;
    }

    // The next request, at the same server and at a plain one.
    task<> expect_own_answers(session& web, std::string after) {
        co_await expect_own_answer(web, url_at(port("secure"), "ok"), after);
        co_await expect_own_answer(web, url_at(port("plain"), "ok", "http"), after);
    }

    task<> tamper(session& web, std::uint16_t with, man_in_the_middle::deed does, bool to_client,
                  std::size_t step);

    static std::unique_ptr<tls_server> server_;
};

std::unique_ptr<tls_server> hostile_tls::server_;

// --- ends without a farewell --------------------------------------------------------------------

struct expectation {
    expectation(std::string path, std::error_code fails, stage at)
        : target{std::move(path)}, code{fails}, where{at} {}
    expectation(std::string path, int answers, std::string content)
        : target{std::move(path)}, status{answers}, body{std::move(content)} {}

    std::string target;
    std::error_code code;
    stage where = stage::preparing;
    int status = 0;
    std::string body;
};

TEST_P(hostile_tls, tells_an_end_from_a_cut) {
    const std::error_code cut = make_error_code(tls::errc::truncated);
    const std::vector<expectation> all{
        {"close-after", 200, "last words"},  // all of it had come: the cut takes nothing away
        {"until-farewell", 200, "hello until the farewell"},
        {"until-close", cut, stage::reading_body},
        {"length-too-long", cut, stage::reading_body},
        {"chunked-cut", cut, stage::reading_body},
        {"chunk-without-end", make_error_code(http::errc::bad_chunk), stage::reading_body},
        {"body-and-farewell", make_error_code(http::errc::truncated_body), stage::reading_body},
        {"nothing", cut, stage::waiting_for_answer},
        {"gzip", 200, "hello gzip"},
        {"gzip-cut", make_error_code(http::errc::decoding_failed), stage::reading_body},
        {"surplus", 200, "hello"},
    };
    run(
        [](hostile_tls& self, const std::vector<expectation>& cases) -> task<> {
            for (const char* server : {"secure", "old"}) {
                session web{one_connection()};
                for (const expectation& each : cases) {
                    const http_result came =
                        co_await ask(web, url_at(self.port(server), each.target));
                    EXPECT_EQ(came.code, each.code) << each.target << ": " << came.text;
                    if (each.code) {
                        EXPECT_EQ(came.where, each.where) << each.target << ": " << came.text;
                    } else {
                        EXPECT_EQ(came.status, each.status) << each.target;
                        EXPECT_EQ(came.body, each.body) << each.target;
                    }
                    co_await self.expect_own_answers(web, each.target);
                }
            }
        }(*this, all),
        options_for(GetParam()));
}

TEST_P(hostile_tls, survives_an_end_and_a_reset_within_a_short_answer) {
    run(
        [](hostile_tls& self) -> task<> {
            constexpr std::size_t size = 57;  // of SHORT_ANSWER
            session web{one_connection()};
            for (std::size_t at = 0; at <= size; ++at) {
                for (const char* how : {"close-at/", "reset-at/"}) {
                    std::string target{how};
                    target.append(std::to_string(at));
                    const http_result came = co_await ask(web, url_at(self.port("secure"), target));
                    if (came.code) {
                        EXPECT_TRUE(came.code == tls::errc::truncated ||
                                    came.code == std::errc::connection_reset)
                            << target << ": " << came.text;
                    } else {
                        EXPECT_EQ(at, size) << target;
                        EXPECT_EQ(came.body, "hello");
                    }
                    co_await expect_own_answer(web, url_at(self.port("secure"), "ok"), target);
                }
            }
        }(*this),
        options_for(GetParam()));
}

TEST_P(hostile_tls, takes_the_farewell_of_nobody_for_no_end) {
    run(
        [](hostile_tls& self) -> task<> {
            session web{quick()};
            for (const char* server : {"secure", "old"}) {
                for (const char* target :
                     {"text-between-records", "noise-between-records", "zeros-between-records",
                      "record-of-nobody", "record-too-long", "alert-of-nobody"}) {
                    const http_result came = co_await ask(web, url_at(self.port(server), target));
                    EXPECT_EQ(came.code.category(), tls::error_category())
                        << server << " " << target << ": " << came.text;
                    EXPECT_NE(came.code, tls::errc::truncated) << target;
                    EXPECT_EQ(came.where, stage::reading_body) << target;
                    EXPECT_EQ(came.status, 200);
                    EXPECT_EQ(came.body, "");
                    co_await self.expect_own_answers(web, target);
                }
            }
        }(*this),
        options_for(GetParam()));
}

// --- whom not to believe ------------------------------------------------------------------------

TEST_P(hostile_tls, names_what_is_wrong_with_each_certificate) {
    const std::vector<std::pair<std::string, tls::errc>> all{
        {"self-signed", tls::errc::self_signed},
        {"expired", tls::errc::certificate_expired},
        {"not yet", tls::errc::certificate_not_yet_valid},
        {"other host", tls::errc::host_mismatch},
        {"stranger", tls::errc::unknown_authority},
        {"no chain", tls::errc::incomplete_chain}};
    run(
        [](hostile_tls& self, const auto& cases) -> task<> {
            session web{one_connection()};
            for (const auto& [server, code] : cases) {
                const http_result came = co_await ask(web, url_at(self.port(server), "ok"));
                EXPECT_EQ(came.code, code) << server << ": " << came.text;
                EXPECT_EQ(came.where, stage::handshaking) << server;
                EXPECT_EQ(came.status, 0);
                co_await self.expect_own_answers(web, server);
            }
            EXPECT_EQ(web.statistics().retries, 0U);
        }(*this, all),
        options_for(GetParam()));
}

// --- a man in the middle ------------------------------------------------------------------------

// Tampers with one connection after another, first at each of its first bytes and then in steps,
// until a place is behind the last byte.
task<> hostile_tls::tamper(session& web, std::uint16_t with, man_in_the_middle::deed does,
                           bool to_client, std::size_t step) {
    man_in_the_middle between{with};
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(between.serve(group));
        between.does = does;
        between.to_client = to_client;
        std::size_t failures = 0;
        const auto where = url_at(between.port(), "ok");
        for (std::size_t at = 0; at == 0 || at < between.said + step; at += at < 12 ? 1 : step) {
            between.at = at;
            between.said = 0;
            std::string name{does == man_in_the_middle::deed::cut ? "cut at " : "altered at "};
            name.append(std::to_string(at)).append(to_client ? " of the server" : " of the client");
            http::request asked = asking(where);
            asked.headers.add("X-Nonce", "tampered");
            const http_result came = co_await ask(web, std::move(asked));
            if (came.code) {
                ++failures;
                EXPECT_TRUE(is_named(came.code)) << name << ": " << came.text;
                // Less than the first words of either: the handshake cannot be done.
                EXPECT_TRUE(at > 200 || came.where == stage::handshaking) << name << came.text;
            } else {
                EXPECT_EQ(came.body, "nonce tampered") << name;
                EXPECT_TRUE(does != man_in_the_middle::deed::cut || at >= between.said) << name;
            }
            co_await expect_own_answer(web, url_at(port("secure"), "ok"), name);
            web.close_idle();
        }
        EXPECT_GT(failures, 12U);
        group.cancel();
    });
}

TEST_P(hostile_tls, survives_a_cut_anywhere_in_the_handshake) {
    run(
        [](hostile_tls& self) -> task<> {
            session web{one_connection()};
            for (const char* server : {"secure", "old"}) {
                for (const bool to_client : {true, false}) {
                    co_await self.tamper(web, self.port(server), man_in_the_middle::deed::cut,
                                         to_client, 43);
                }
            }
        }(*this),
        options_for(GetParam()));
}

TEST_P(hostile_tls, notices_an_altered_byte_anywhere_in_the_handshake) {
    run(
        [](hostile_tls& self) -> task<> {
            session web{quick()};
            for (const bool to_client : {true, false}) {
                co_await self.tamper(web, self.port("secure"), man_in_the_middle::deed::alter,
                                     to_client, 61);
            }
        }(*this),
        options_for(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(backends, hostile_tls,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& each) { return std::string{name_of(each.param)}; });

}  // namespace
}  // namespace simul::test
