// SPDX-License-Identifier: Apache-2.0
//
// How connections begin, and the many ways in which they do not. RELIABILITY (j).
#include "unit/tls/connections.hpp"

namespace simul {
namespace {

using namespace test;
using namespace std::chrono_literals;
using tls::errc;

const test_authority& authority() {
    return test_authority::shared();
}

endings verdicts_of(const tls::client_options& client, const tls::server_options& server,
                    const std::string& host = "localhost") {
    return simulate([&]() -> task<endings> {
        const tls::client_context at_client{client};
        const tls::server_context at_server{server};
        co_return co_await try_to_connect(at_client, at_server, host);
    });
}

tls::server_options usual_server_options() {
    return server_with(authority().localhost);
}

ending verdict_against(const foreign_tls_options& server,
                       const tls::client_options& client = trusting_options()) {
    return simulate([&]() -> task<ending> {
        const tls::client_context context{client};
        co_return co_await connect_to(context, server);
    });
}

ending verdict_on(const foreign_tls_options& client,
                  const tls::server_options& server = usual_server_options()) {
    return simulate([&]() -> task<ending> {
        const tls::server_context context{server};
        co_return co_await accept_from(context, client);
    });
}

// --- what is agreed on --------------------------------------------------------------------------

TEST(tls_handshake, connects_both_sides_and_tells_what_was_agreed_on) {
    const endings both = verdicts_of(trusting_options(), usual_server_options());
    ASSERT_TRUE(both.client.stream) << both.client.what;
    ASSERT_TRUE(both.server.stream) << both.server.what;
    EXPECT_EQ(both.client.stream->protocol_version(), tls::version::tls_1_3);
    EXPECT_EQ(both.client.stream->cipher(), both.server.stream->cipher());
    EXPECT_TRUE(both.client.stream->cipher().starts_with("TLS_"));
    EXPECT_EQ(both.client.stream->alpn(), "http/1.1");
    EXPECT_EQ(both.server.stream->alpn(), "http/1.1");
}

TEST(tls_handshake, summarises_the_certificate_of_the_server) {
    const endings both = verdicts_of(trusting_options(), usual_server_options());
    ASSERT_TRUE(both.client.stream);
    const auto seen = both.client.stream->peer_certificate();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->subject, "CN=a server");
    EXPECT_EQ(seen->issuer, "CN=the authority of the tests\\, intermediate");
    EXPECT_EQ(seen->names, (std::vector<std::string>{"localhost", "*.example.test"}));
    EXPECT_EQ(seen->addresses, (std::vector<std::string>{"127.0.0.1", "::1"}));
    EXPECT_EQ(seen->not_after - seen->not_before, std::chrono::days{31});
    const auto today = std::chrono::system_clock::now();
    EXPECT_LT(seen->not_before, today);
    EXPECT_GT(seen->not_after, today);
    EXPECT_FALSE(both.server.stream->peer_certificate()) << "the client showed none";
}

TEST(tls_handshake, speaks_1_2_and_1_3_and_what_both_sides_speak) {
    for (const tls::version only : {tls::version::tls_1_2, tls::version::tls_1_3}) {
        tls::client_options client = trusting_options();
        client.maximum = only;
        client.minimum = only;
        const endings both = verdicts_of(client, usual_server_options());
        ASSERT_TRUE(both.client.stream) << both.client.what;
        EXPECT_EQ(both.client.stream->protocol_version(), only);
        EXPECT_EQ(both.server.stream->protocol_version(), only);
        tls::server_options other = usual_server_options();
        other.minimum = other.maximum =
            only == tls::version::tls_1_2 ? tls::version::tls_1_3 : tls::version::tls_1_2;
        const endings none = verdicts_of(client, other);
        EXPECT_EQ(none.client.code, errc::protocol_version) << none.client.what;
        EXPECT_EQ(none.server.code, errc::protocol_version) << none.server.what;
    }
}

TEST(tls_handshake, refuses_older_versions) {
    for (const int old : {0x0301, 0x0302}) {
        foreign_tls_options peer = foreign_server();
        peer.minimum = peer.maximum = old;
        EXPECT_EQ(verdict_against(peer).code, errc::protocol_version);
        EXPECT_EQ(verdict_on(peer).code, errc::protocol_version);
    }
}

TEST(tls_handshake, refuses_ciphers_that_protect_nothing) {
    for (const char* const ciphers : {"NULL:@SECLEVEL=0", "aNULL:@SECLEVEL=0"}) {
        foreign_tls_options peer = foreign_server();
        peer.maximum = 0x0303;
        peer.ciphers = ciphers;
        const ending at_client = verdict_against(peer);
        EXPECT_EQ(at_client.code, errc::handshake_failed) << ciphers << at_client.what;
        EXPECT_EQ(at_client.alert, 40) << "handshake failure";
        const ending at_server = verdict_on(peer);
        EXPECT_EQ(at_server.code, errc::no_common_cipher) << ciphers << at_server.what;
    }
}

TEST(tls_handshake, refuses_groups_that_are_too_small) {
    foreign_tls_options peer = foreign_server();
    peer.groups = "secp160r1";
    peer.maximum = 0x0303;
    const ending end = verdict_on(peer);
    EXPECT_EQ(end.code, errc::no_common_cipher) << end.what;
}

// --- application protocols ----------------------------------------------------------------------

TEST(tls_handshake, the_server_chooses_the_application_protocol) {
    tls::client_options client = trusting_options();
    client.alpn = {"one", "two", "three"};
    tls::server_options server = usual_server_options();
    server.alpn = {"three", "two"};
    const endings both = verdicts_of(client, server);
    ASSERT_TRUE(both.client.stream) << both.client.what;
    EXPECT_EQ(both.client.stream->alpn(), "three");
    EXPECT_EQ(both.server.stream->alpn(), "three");
}

TEST(tls_handshake, fails_if_there_is_no_common_application_protocol) {
    tls::client_options client = trusting_options();
    client.alpn = {"h2"};
    const endings both = verdicts_of(client, usual_server_options());
    EXPECT_EQ(both.client.code, errc::no_alpn_agreed) << both.client.what;
    EXPECT_EQ(both.client.alert, 120);
    EXPECT_EQ(both.server.code, errc::no_alpn_agreed) << both.server.what;
}

TEST(tls_handshake, does_without_an_application_protocol_unless_one_is_required) {
    tls::client_options client = trusting_options();
    tls::server_options silent = usual_server_options();
    silent.alpn.clear();
    const endings both = verdicts_of(client, silent);
    ASSERT_TRUE(both.client.stream) << both.client.what;
    EXPECT_EQ(both.client.stream->alpn(), "");
    client.require_alpn = true;
    EXPECT_EQ(verdicts_of(client, silent).client.code, errc::no_alpn_agreed);
    client.require_alpn = false;
    client.alpn.clear();
    const endings unasked = verdicts_of(client, usual_server_options());
    ASSERT_TRUE(unasked.client.stream) << unasked.client.what;
    EXPECT_EQ(unasked.server.stream->alpn(), "");
}

TEST(tls_handshake, refuses_an_application_protocol_that_was_not_offered) {
    foreign_tls_options peer = foreign_server();
    peer.chosen_alpn = "h2";
    for (const int version : {0x0303, 0x0304}) {
        peer.maximum = version;
        const ending end = verdict_against(peer);
        EXPECT_FALSE(end.stream);
        EXPECT_EQ(end.code, errc::alpn_not_offered) << end.what;
    }
}

// --- the name of the host -----------------------------------------------------------------------

TEST(tls_handshake, the_server_learns_the_name_in_lower_case_without_a_dot) {
    const endings both =
        verdicts_of(trusting_options(), usual_server_options(), "WWW.Example.test.");
    ASSERT_TRUE(both.server.stream) << both.client.what;
    EXPECT_EQ(both.server.stream->server_name(), "www.example.test");
    EXPECT_EQ(both.client.stream->server_name(), "") << "for a server";
}

TEST(tls_handshake, an_address_is_not_sent_as_a_name) {
    for (const char* const host : {"127.0.0.1", "::1", "[::1]"}) {
        const endings both = verdicts_of(trusting_options(), usual_server_options(), host);
        ASSERT_TRUE(both.server.stream) << both.client.what;
        EXPECT_EQ(both.server.stream->server_name(), "");
    }
}

TEST(tls_handshake, sends_nothing_for_a_host_that_is_none) {
    simulate([]() -> task<> {
        auto [near, far] = memory_stream_pair();
        any_stream near_end{std::move(near)};
        const tls::client_context context = usual_client();
        const auto code =
            co_await code_of(tls::connect(std::move(near_end), context, "not a host"));
        EXPECT_EQ(code, errc::invalid_host);
        const std::string sent = co_await read_to_end(far);
        EXPECT_EQ(sent, "");
    });
}

// --- certificates of clients --------------------------------------------------------------------

tls::server_options asking_server(tls::client_certificates what) {
    tls::server_options options = usual_server_options();
    options.clients = what;
    options.client_authorities = authority().root.certificate;
    return options;
}

tls::client_options client_showing(const issued_certificate& leaf,
                                   const test_authority& by = authority()) {
    tls::client_options options = trusting_options();
    options.identity = tls::identity{by.chain_of(leaf), leaf.key};
    return options;
}

certificate_request client_named(std::string name) {
    certificate_request wanted;
    wanted.common_name = std::move(name);
    wanted.extended_key_usage = "clientAuth";
    return wanted;
}

TEST(tls_handshake, a_client_can_show_a_certificate) {
    const issued_certificate leaf = authority().server(client_named("somebody"));
    for (const auto what :
         {tls::client_certificates::optional, tls::client_certificates::required}) {
        const endings both = verdicts_of(client_showing(leaf), asking_server(what));
        ASSERT_TRUE(both.server.stream) << both.server.what;
        const auto seen = both.server.stream->peer_certificate();
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->subject, "CN=somebody");
    }
    const endings unasked = verdicts_of(client_showing(leaf), usual_server_options());
    ASSERT_TRUE(unasked.server.stream);
    EXPECT_FALSE(unasked.server.stream->peer_certificate()) << "nobody asked";
    const endings without =
        verdicts_of(trusting_options(), asking_server(tls::client_certificates::optional));
    ASSERT_TRUE(without.server.stream) << without.server.what;
    EXPECT_FALSE(without.server.stream->peer_certificate());
}

TEST(tls_handshake, a_server_refuses_bad_certificates_of_clients) {
    const tls::server_options server = asking_server(tls::client_certificates::required);
    certificate_request wanted = client_named("too late");
    wanted.valid_from_days = -9;
    wanted.valid_until_days = -1;
    EXPECT_EQ(verdicts_of(client_showing(authority().server(wanted)), server).server.code,
              errc::certificate_expired);
    EXPECT_EQ(verdicts_of(client_showing(authority().localhost), server).server.code,
              errc::wrong_purpose);
    const test_authority other{"of somebody else"};
    const issued_certificate foreign = other.server(client_named("a stranger"));
    EXPECT_EQ(verdicts_of(client_showing(foreign, other), server).server.code,
              errc::unknown_authority);
}

// In TLS 1.3 the client is connected before the server has looked, and learns it while reading.
TEST(tls_handshake, a_client_without_the_certificate_it_needs_is_told_so) {
    simulate([]() -> task<> {
        const tls::client_context client = usual_client();
        const tls::server_context server{asking_server(tls::client_certificates::required)};
        auto [near, far] = memory_stream_pair();
        any_stream near_end{std::move(near)};
        any_stream far_end{std::move(far)};
        auto opening = tls::connect(std::move(near_end), client, "localhost");
        auto answering = tls::accept(std::move(far_end), server);
        auto [opened, answered] = co_await gather_settled(std::move(opening), std::move(answering));
        const ending refusing{std::move(answered)};
        EXPECT_EQ(refusing.code, errc::certificate_required) << refusing.what;
        tls::stream connected = opened.take();
        std::array<std::byte, 8> buffer{};
        int alert = -1;
        try {
            static_cast<void>(co_await connected.read_some(buffer));
        } catch (const tls::handshake_error& error) {
            EXPECT_EQ(error.code(), errc::certificate_required);
            alert = error.alert();
        }
        EXPECT_EQ(alert, 116);
    });
    tls::client_options old = trusting_options();
    old.maximum = tls::version::tls_1_2;
    const endings both = verdicts_of(old, asking_server(tls::client_certificates::required));
    EXPECT_EQ(both.server.code, errc::certificate_required) << both.server.what;
    EXPECT_EQ(both.client.code, errc::handshake_failed) << both.client.what;
}

TEST(tls_handshake, the_server_is_told_why_the_client_refused_it) {
    tls::client_options client = trusting_options();
    client.authorities = test_authority{"somebody else"}.root.certificate;
    const endings both = verdicts_of(client, usual_server_options());
    EXPECT_EQ(both.client.code, errc::unknown_authority);
    EXPECT_EQ(both.server.code, errc::handshake_failed) << both.server.what;
    EXPECT_EQ(both.server.alert, 48);
    EXPECT_NE(both.server.what.find("unknown CA"), std::string::npos) << both.server.what;
}

// --- what is no handshake -----------------------------------------------------------------------

// What our side ends with when the other one says this first and then stays silent.
template <class Open>
std::error_code code_after(std::string_view greeting, Open open) {
    return simulate([&]() -> task<std::error_code> {
        auto [near, far] = memory_stream_pair();
        co_await write_all(far, bytes_of(greeting));
        any_stream near_end{std::move(near)};
        const auto code = co_await code_of(open(std::move(near_end)));
        co_return code;
    });
}

TEST(tls_handshake, tells_at_once_that_the_peer_does_not_speak_tls) {
    for (const char* const greeting :
         {"HTTP/1.1 400 Bad Request\r\n\r\n", "S", "+OK", "220 ready\r\n", "SSH-2.0-x\r\n",
          "GET / HTTP/1.1\r\n\r\n", "\x16\x04", "\x80\x2e\x01\x03\x01"}) {
        const auto at_client = code_after(greeting, [](any_stream over) {
            return tls::connect(std::move(over), usual_client(), "localhost");
        });
        EXPECT_EQ(at_client, errc::not_tls) << greeting;
        const auto at_server = code_after(
            greeting, [](any_stream over) { return tls::accept(std::move(over), usual_server()); });
        EXPECT_EQ(at_server, errc::not_tls) << greeting;
    }
}

TEST(tls_handshake, bytes_of_another_protocol_in_front_of_it_are_not_passed_over) {
    simulate([]() -> task<> {
        auto [near, far] = memory_stream_pair();
        co_await write_all(far, bytes_of("220 ready to start TLS\r\n"));
        any_stream near_end{std::move(near)};
        any_stream far_end{std::move(far)};
        foreign_tls peer{std::move(far_end), foreign_server()};
        const tls::client_context context = usual_client();
        auto opening = tls::connect(std::move(near_end), context, "localhost");
        auto [opened, answered] = co_await gather_settled(std::move(opening), handshake_of(peer));
        const ending end{std::move(opened)};
        EXPECT_EQ(end.code, errc::not_tls);
    });
}

TEST(tls_handshake, rubbish_in_a_record_is_an_error) {
    const std::string rubbish{"\x16\x03\x03\x00\x04\xff\xff\xff\xff", 9};
    const auto code = code_after(rubbish, [](any_stream over) {
        return tls::connect(std::move(over), usual_client(), "localhost");
    });
    EXPECT_EQ(code.category(), tls::error_category());
    EXPECT_NE(code, errc::not_tls);
}

TEST(tls_handshake, an_alert_in_place_of_an_answer_is_named) {
    simulate([]() -> task<> {
        auto [near, far] = memory_stream_pair();
        const std::string_view alert{"\x15\x03\x03\x00\x02\x02\x28", 7};
        co_await write_all(far, bytes_of(alert));
        any_stream near_end{std::move(near)};
        auto opening = tls::connect(std::move(near_end), usual_client(), "localhost");
        auto opened = co_await as_outcome(std::move(opening));
        const ending end{std::move(opened)};
        EXPECT_EQ(end.code, errc::handshake_failed);
        EXPECT_EQ(end.alert, 40);
        EXPECT_NE(end.what.find("handshake failure"), std::string::npos) << end.what;
    });
}

// --- connections that end -----------------------------------------------------------------------

// Everything a good server sends until it is connected, piece by piece as it is asked for.
TEST(tls_handshake, notices_an_end_after_every_byte_of_the_server) {
    for (const int version : {0x0303, 0x0304}) {
        std::size_t total = 1;
        std::size_t ends = 0;
        for (std::size_t cut = 0; cut < total; cut += cut < 64 ? 1 : 29) {
            const std::error_code code = simulate([&]() -> task<std::error_code> {
                auto [near, far] = memory_stream_pair();
                any_stream near_end{std::move(near)};
                foreign_tls_options options = foreign_server();
                options.maximum = version;
                auto [unused, silent] = memory_stream_pair();
                foreign_tls peer{any_stream{std::move(silent)}, options};
                const tls::client_context context = usual_client();
                task_handle<std::error_code> opening = outermost_group().spawn(
                    code_of(tls::connect(std::move(near_end), context, "localhost")));
                std::size_t sent = 0;
                while (true) {
                    co_await some_turns(20);
                    if (opening.done() || !far.has_input()) break;
                    std::array<std::byte, 4096> buffer{};
                    const std::size_t count = co_await far.read_some(buffer);
                    const std::string answer = peer.answer(text_of(std::span{buffer}.first(count)));
                    const std::size_t now_sent = std::min(answer.size(), cut - sent);
                    if (!opening.done()) {
                        co_await write_all(far, bytes_of(answer).first(now_sent));
                    }
                    total = std::max(total, sent + answer.size());
                    sent += now_sent;
                    if (now_sent != answer.size()) break;
                }
                far.close();
                const std::error_code reached = co_await opening;
                co_return reached;
            });
            if (code == errc::closed_during_handshake) ++ends;
            // The last messages of TLS 1.3 are tickets, which a client does not wait for.
            EXPECT_TRUE(code == errc::closed_during_handshake || (version == 0x0304 && !code))
                << cut << ": " << code.message();
        }
        EXPECT_GT(ends, 64U);
        EXPECT_GT(total, 1000U);
    }
}

TEST(tls_handshake, a_server_notices_an_end_after_every_byte_of_the_client) {
    const std::string hello = simulate([]() -> task<std::string> {
        auto [near, far] = memory_stream_pair();
        any_stream near_end{std::move(near)};
        const tls::client_context context = usual_client();
        task_handle<std::error_code> opening = outermost_group().spawn(
            code_of(tls::connect(std::move(near_end), context, "localhost")));
        co_await some_turns();
        std::array<std::byte, 4096> buffer{};
        const std::size_t count = co_await far.read_some(buffer);
        opening.cancel();
        co_return std::string{text_of(std::span{buffer}.first(count))};
    });
    EXPECT_GT(hello.size(), 100U);
    const tls::server_context context = usual_server();
    for (std::size_t cut = 0; cut <= hello.size(); ++cut) {
        const std::error_code code = simulate([&]() -> task<std::error_code> {
            auto [near, far] = memory_stream_pair();
            co_await write_all(far, bytes_of(hello).first(cut));
            co_await far.shutdown();
            any_stream near_end{std::move(near)};
            const auto ended = co_await code_of(tls::accept(std::move(near_end), context));
            co_return ended;
        });
        EXPECT_EQ(code, errc::closed_during_handshake) << cut << ": " << code.message();
    }
}

// --- limits -------------------------------------------------------------------------------------

TEST(tls_handshake, has_ten_seconds) {
    for (const bool is_client : {true, false}) {
        simulate([&]() -> task<> {
            auto [near, far] = memory_stream_pair();
            any_stream near_end{std::move(near)};
            const time_point since = now();
            std::error_code code;
            if (is_client) {
                code = co_await code_of(
                    tls::connect(std::move(near_end), usual_client(), "localhost"));
            } else {
                code = co_await code_of(tls::accept(std::move(near_end), usual_server()));
            }
            EXPECT_EQ(code, simul::errc::timed_out);
            EXPECT_EQ(now() - since, 10s);
            const std::string rest = co_await read_to_end(far);
            EXPECT_EQ(rest.empty(), !is_client) << "the transport is closed";
        });
    }
}

TEST(tls_handshake, its_limit_is_an_option_and_is_kept_to_the_millisecond) {
    for (const duration delay : {999ms, 1000ms, 1001ms}) {
        simulate([&]() -> task<> {
            tls::client_options options = trusting_options();
            options.handshake_timeout = 1s;
            const tls::client_context context{options};
            auto [near, far] = memory_stream_pair();
            any_stream near_end{std::move(near)};
            any_stream far_end{std::move(far)};
            const tls::server_context server = usual_server();
            task_handle<std::error_code> opening = outermost_group().spawn(
                code_of(tls::connect(std::move(near_end), context, "localhost")));
            co_await sleep_for(delay);
            auto answering = tls::accept(std::move(far_end), server);
            const auto answered = co_await as_result(std::move(answering));
            const std::error_code code = co_await opening;
            if (delay < 1000ms) {
                EXPECT_FALSE(code);
            } else {
                EXPECT_EQ(code, simul::errc::timed_out);
            }
        });
    }
}

TEST(tls_handshake, can_be_given_all_the_time_there_is) {
    simulate([]() -> task<> {
        tls::server_options options = usual_server_options();
        options.handshake_timeout = duration::max();
        const tls::server_context context{options};
        auto [near, far] = memory_stream_pair();
        any_stream near_end{std::move(near)};
        task_handle<std::error_code> answering =
            outermost_group().spawn(code_of(tls::accept(std::move(near_end), context)));
        co_await sleep_for(24h);
        EXPECT_FALSE(answering.done());
        far.close();
        const std::error_code code = co_await answering;
        EXPECT_EQ(code, errc::closed_during_handshake);
    });
}

// --- cancellation and sessions ------------------------------------------------------------------

TEST(tls_handshake, can_be_cancelled_at_every_turn) {
    for (int turns = 0; turns < 40; ++turns) {
        simulate([&]() -> task<> {
            auto [near, far] = memory_stream_pair(64);
            any_stream near_end{std::move(near)};
            any_stream far_end{std::move(far)};
            const tls::client_context client = usual_client();
            const tls::server_context server = usual_server();
            task_handle<std::error_code> opening = outermost_group().spawn(
                code_of(tls::connect(std::move(near_end), client, "localhost")));
            task_handle<std::error_code> answering =
                outermost_group().spawn(code_of(tls::accept(std::move(far_end), server)));
            co_await some_turns(turns);
            (turns % 2 == 0 ? opening : answering).cancel();
            co_await until_ended(opening);
            co_await until_ended(answering);
            EXPECT_TRUE(opening.done() && answering.done());
        });
    }
}

TEST(tls_handshake, no_session_is_resumed_by_a_client) {
    simulate([]() -> task<> {
        const tls::client_context client = usual_client();
        for (int again = 0; again < 2; ++again) {
            auto [near, far] = memory_stream_pair();
            any_stream near_end{std::move(near)};
            any_stream far_end{std::move(far)};
            foreign_tls peer{std::move(far_end), foreign_server()};
            auto opening = tls::connect(std::move(near_end), client, "localhost");
            auto [opened, nothing] = co_await gather(std::move(opening), peer.handshake());
            co_await peer.write("x");
            const std::string read = co_await read_count(opened, 1);
            EXPECT_EQ(read, "x");
            EXPECT_FALSE(peer.was_resumed());
        }
    });
}

}  // namespace
}  // namespace simul
