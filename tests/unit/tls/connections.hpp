// SPDX-License-Identifier: Apache-2.0
//
// Two ends of a TLS connection over memory, and what became of the attempt.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/tls/context.hpp"
#include "simul/tls/stream.hpp"
#include "support/foreign_tls.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_checks.hpp"
#include "support/test_authority.hpp"

namespace simul::test {

/// Trusts the authority of the tests and nobody else.
inline tls::client_options trusting_options(const test_authority& whom = test_authority::shared()) {
    tls::client_options options;
    options.use_system_authorities = false;
    options.authorities = whom.root.certificate;
    return options;
}

/// A server with that certificate and the intermediate authority's.
inline tls::server_options server_with(const issued_certificate& leaf,
                                       const test_authority& by = test_authority::shared()) {
    return tls::server_options{tls::identity{by.chain_of(leaf), leaf.key}};
}

inline tls::client_context usual_client() {
    return tls::client_context{trusting_options()};
}

inline tls::server_context usual_server() {
    return tls::server_context{server_with(test_authority::shared().localhost)};
}

/// What one side ended with: a stream, or an error.
class ending {
public:
    ending() {}
    explicit ending(outcome<tls::stream> of) {
        try {
            stream = of.take();
        } catch (const tls::handshake_error& error) {
            code = error.code();
            alert = error.alert();
            what = error.what();
            subject = error.subject();
            depth = error.depth();
        } catch (const std::system_error& error) {
            code = error.code();
            what = error.what();
        } catch (const error& error) {
            code = error.code();
        }
    }

    std::optional<tls::stream> stream;
    std::error_code code;
    int alert = -1;
    int depth = -1;
    std::string what;
    std::string subject;
};

class endings {
public:
    endings() {}
    ending client;
    ending server;
};

inline task<endings> try_to_connect(const tls::client_context& client,
                                    const tls::server_context& server, std::string host) {
    auto [near, far] = memory_stream_pair();
    any_stream near_end{std::move(near)};
    any_stream far_end{std::move(far)};
    auto opening = tls::connect(std::move(near_end), client, std::move(host));
    auto answering = tls::accept(std::move(far_end), server);
    auto [opened, answered] = co_await gather_settled(std::move(opening), std::move(answering));
    endings both;
    both.client = ending{std::move(opened)};
    both.server = ending{std::move(answered)};
    co_return both;
}

/// Both ends of a connection that must succeed.
inline task<std::pair<tls::stream, tls::stream>> connected(tls::client_context client,
                                                           tls::server_context server,
                                                           std::string host = "localhost") {
    endings both = co_await try_to_connect(client, server, std::move(host));
    if (!both.client.stream || !both.server.stream) {
        throw std::runtime_error{both.client.what.append(" / ").append(both.server.what)};
    }
    co_return std::pair{std::move(*both.client.stream), std::move(*both.server.stream)};
}

inline task<> handshake_of(foreign_tls& peer) {
    try {
        co_await peer.handshake();
    } catch (const std::exception&) {
        peer.close();
    }
}

/// Our client against a server of any kind.
inline task<ending> connect_to(const tls::client_context& client, foreign_tls_options options,
                               std::string host = "localhost") {
    auto [near, far] = memory_stream_pair();
    any_stream near_end{std::move(near)};
    any_stream far_end{std::move(far)};
    foreign_tls peer{std::move(far_end), options};
    auto opening = tls::connect(std::move(near_end), client, std::move(host));
    auto [opened, answered] = co_await gather_settled(std::move(opening), handshake_of(peer));
    ending end{std::move(opened)};
    co_return end;
}

/// Our server against a client of any kind.
inline task<ending> accept_from(const tls::server_context& server, foreign_tls_options options) {
    options.is_server = false;
    auto [near, far] = memory_stream_pair();
    any_stream near_end{std::move(near)};
    any_stream far_end{std::move(far)};
    foreign_tls peer{std::move(far_end), options};
    auto answering = tls::accept(std::move(near_end), server);
    auto [answered, opened] = co_await gather_settled(std::move(answering), handshake_of(peer));
    ending end{std::move(answered)};
    co_return end;
}

/// A server that is OpenSSL itself, with the certificate for localhost.
inline foreign_tls_options foreign_server() {
    const test_authority& authority = test_authority::shared();
    foreign_tls_options options;
    options.identity = authority.localhost;
    options.chain = authority.intermediate.certificate;
    return options;
}

}  // namespace simul::test
