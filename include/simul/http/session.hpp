// SPDX-License-Identifier: Apache-2.0
//
// simul/http/session.hpp: an HTTP/1.1 client that keeps its connections.
//
// How a request travels is drawn in src/http/exchange.hpp; who may open a connection, and which
// idle one may be had again, in src/http/connection_pool.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "simul/base/time.hpp"
#include "simul/coro/task.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/request.hpp"
#include "simul/http/response.hpp"
#include "simul/http/wire/limits.hpp"
#include "simul/io/dns.hpp"
#include "simul/io/stream.hpp"
#include "simul/tls/context.hpp"

namespace simul::http {

/// How long each stage of a request may last. `total` is for the whole of it, every redirect and
/// the reading of the body included; waiting in line for a connection counts to the total only.
/// duration::max() is no limit.
class time_limits {
public:
    time_limits() noexcept = default;

    duration resolve = std::chrono::seconds{10};
    duration connect = std::chrono::seconds{10};
    duration handshake = std::chrono::seconds{10};
    duration first_byte = std::chrono::seconds{30};  ///< from the request's end to the answer
    duration idle = std::chrono::seconds{30};        ///< between two pieces of the answer
    duration total = std::chrono::seconds{300};
};

/// What opens a connection in place of resolver and TCP; TLS is put on top where the scheme asks
/// for it. For tests, tunnels and local sockets. What fails with dns_errc is told as a failure of
/// resolving, everything else as one of connecting.
using connector = std::function<task<any_stream>(std::string host, std::uint16_t port)>;

/// The addresses of one name, given by hand, like curl's --resolve.
class name_override {
public:
    name_override(std::string named, std::optional<std::uint16_t> at,
                  std::vector<ip_address> leads_to)
        : host{std::move(named)}, port{at}, addresses{std::move(leads_to)} {}

    std::string host;
    std::optional<std::uint16_t> port;  ///< nothing: every port
    std::vector<ip_address> addresses;
};

/// How a session behaves.
class session_options {
public:
    session_options() = default;

    std::size_t max_connections = 100;
    std::size_t max_connections_per_host = 8;  ///< per scheme, host and port
    std::size_t max_waiting = 10'000;          ///< requests in line for a connection
    duration keep_alive = std::chrono::seconds{15};
    time_limits limits;
    wire::response_limits answer;                          ///< of status line, fields, chunks
    unsigned max_redirects = 10;                           ///< 0: redirects are given as they are
    std::size_t max_body = std::size_t{32} * 1024 * 1024;  ///< held in memory, decoded
    bool decode = true;                                    ///< undo gzip, deflate, br and zstd
    std::uint64_t max_ratio = 200;                         ///< of decoded to raw, beyond 1 MiB
    headers default_headers;                               ///< unless the request has its own
    std::string user_agent = "simul";
    resolver_options names;                    ///< name servers and cache
    std::vector<name_override> overrides;      ///< asked before the resolver
    std::optional<tls::client_context> trust;  ///< default: system authorities
    connector connect;                         ///< empty: resolver and TCP
};

/// What a session has done.
struct session_statistics {
    std::uint64_t requests = 0;  ///< sent, each redirect and retry being one
    std::uint64_t connections = 0;
    std::uint64_t reused = 0;   ///< requests sent on a connection that had served one
    std::uint64_t retries = 0;  ///< a kept connection had died; sent again on a new one
    std::size_t in_use = 0;
    std::size_t idle = 0;
    std::size_t waiting = 0;
};

/// Sends requests and keeps connections for the next ones.
///
///     http::session web;
///     http::response answer = co_await web.get("https://example.org/");
///     std::string text = co_await answer.read_all();
///
/// A connection serves one exchange at a time and is kept only when request and answer are both
/// complete. Whatever ends an exchange before, an error, a time-out or a cancellation at any point,
/// closes it: no answer can meet another request.
///
/// Threads       the thread of the loop it is first used on.
/// Lifetime      must outlive its requests and responses; checked. Its destructor closes the idle
///               connections.
/// Source        aiohttp.ClientSession; RFC 9110, RFC 9112.
class session {
public:
    explicit session(session_options options = {});
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    /// Sends a request, follows redirects, and returns when the head of the answer has come.
    ///
    /// A redirect that leads to another scheme, host or port loses Authorization, Cookie and
    /// Proxy-Authorization, those of the session's default_headers as well. After 303, and after
    /// 301 and 302 of a POST, the method becomes GET and the body is dropped. A request of an
    /// idempotent method whose kept connection turns out dead before a byte of the answer has come
    /// is sent once more on a new one.
    ///
    /// Returns       the response, whose body has not been read. 404 and 500 are responses, too:
    ///               see response::raise_for_status.
    /// Errors        request_error. Its code is errc::timed_out (category simul), one of the
    ///               system, of "simul.dns", "simul.tls", or of http::errc; pool_full when too many
    ///               wait for a connection.
    /// Suspends      nearly always.
    /// Cancellation  partial. The server may have seen the request. The connection is closed.
    /// Lifetime      the session must outlive the response.
    [[nodiscard]] task<response> send(request wanted);

    /// Sends a GET request for an address.
    ///
    /// Returns       as send.
    /// Errors        as send; a code of "simul.url" if the address is none.
    /// Suspends      nearly always.
    /// Cancellation  partial, as send.
    [[nodiscard]] task<response> get(std::string address);

    /// Closes the connections that are idle now.
    void close_idle() noexcept;

    [[nodiscard]] session_statistics statistics() const noexcept;

private:
    std::unique_ptr<detail::session_state> state_;
};

}  // namespace simul::http
