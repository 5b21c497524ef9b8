// SPDX-License-Identifier: Apache-2.0
//
// semantics_network/encrypted.hpp: TLS between a server of the test and a client that trusts it.
#pragma once

#include <utility>

#include "simul/concurrency/gather.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/stream.hpp"
#include "simul/tls/context.hpp"
#include "simul/tls/stream.hpp"
#include "support/test_authority.hpp"

namespace simul::test {

/// A server for localhost and www.example.test.
inline tls::server_context test_server() {
    const test_authority& authority = test_authority::shared();
    return tls::server_context{tls::server_options{
        tls::identity{authority.chain_of(authority.localhost), authority.localhost.key}}};
}

/// Trusts test_server() and nobody else.
inline tls::client_context test_client() {
    tls::client_options options;
    options.use_system_authorities = false;
    options.authorities = test_authority::shared().root.certificate;
    return tls::client_context{options};
}

/// The client's end and the server's, over memory.
inline task<std::pair<tls::stream, tls::stream>> encrypted_streams() {
    auto [near, far] = memory_stream_pair();
    auto opening = tls::connect(any_stream{std::move(near)}, test_client(), "localhost");
    auto answering = tls::accept(any_stream{std::move(far)}, test_server());
    auto [client, server] = co_await gather(std::move(opening), std::move(answering));
    co_return std::pair{std::move(client), std::move(server)};
}

}  // namespace simul::test
