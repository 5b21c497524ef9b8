// SPDX-License-Identifier: Apache-2.0
//
// simul/http/server_options.hpp: how a server of HTTP behaves, and what it counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>

#include "simul/base/time.hpp"
#include "simul/http/server_request.hpp"
#include "simul/http/wire/limits.hpp"
#include "simul/io/serve_options.hpp"

namespace simul::http {

/// What a server has done so far.
struct server_counters {
    std::uint64_t requests = 0;   ///< given to the handler
    std::uint64_t failed = 0;     ///< answered with 500, because the handler threw
    std::uint64_t refused = 0;    ///< answered with 4xx or 5xx without asking the handler
    std::uint64_t too_late = 0;   ///< of those: with 408, because the client was too slow
    std::uint64_t idle_ends = 0;  ///< connections closed because nothing came
    std::uint64_t stalled = 0;    ///< connections closed because the client did not read
};

/// How a server behaves. A number equal to its limit is still accepted.
class server_options {
public:
    server_options() noexcept {}

    /// Above them: 414 for the request line, 431 for the fields, 400 for chunks; and the connection
    /// is closed.
    wire::request_limits request;

    /// A body with more bytes than this: 413, and the connection is closed.
    std::size_t max_body = std::size_t{1024} * 1024;

    // Each of these is greater than zero. Above the first three: 408, and the connection is closed.
    duration head = std::chrono::seconds{10};       ///< a whole head, from its first byte
    duration body_idle = std::chrono::seconds{15};  ///< between two pieces of a body
    duration whole = std::chrono::seconds{300};     ///< a request, from its first byte
    duration idle = std::chrono::seconds{60};       ///< between two requests; then it is closed
    duration stalled = std::chrono::seconds{30};    ///< the client reads nothing; then it is closed

    /// Requests of one connection; the last one closes it.
    std::size_t max_requests = 1000;

    /// After the last answer, so that a reset does not overtake it: how long and how much of what
    /// the client still sends is read and dropped.
    duration linger = std::chrono::seconds{2};
    std::size_t linger_bytes = std::size_t{256} * 1024;

    /// When the server is cancelled: for requests in flight to get their answers. Zero breaks them
    /// off.
    duration grace = std::chrono::seconds{5};

    /// What the field Server says; empty: it is not sent.
    std::string name = "simul";

    /// How many connections, and what becomes of more.
    serve_options connections;

    /// Is given what a handler has thrown; the request is answered with 500. Without one it goes to
    /// the handler of unhandled errors (runtime/unhandled.hpp). Must not throw.
    std::function<void(const std::exception_ptr&, const server_request&)> on_error;

    /// Where to count, if anywhere. It must outlive the server.
    server_counters* counters = nullptr;
};

}  // namespace simul::http
