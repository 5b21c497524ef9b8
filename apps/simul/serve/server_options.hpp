// SPDX-License-Identifier: Apache-2.0
//
// serve/server_options.hpp: how the server of files behaves, and what it tells.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "simul/base/time.hpp"
#include "simul/http/wire/limits.hpp"
#include "simul/io/address.hpp"
#include "simul/io/serve_options.hpp"

namespace simul::program {

/// One request that was answered, or the attempt at one.
///
/// Lifetime      the views are valid during the call that gets them.
struct served_request {
    endpoint peer;
    std::string_view method;  ///< empty: no request could be read
    std::string_view target;
    int status = 0;
    std::uint64_t body_size = 0;  ///< bytes of the body that were to be sent
    std::string_view failure;     ///< why it is 500 or 503, or why the body was cut off
};

/// How the server behaves.
class server_options {
public:
    server_options() noexcept {}

    http::wire::request_limits request;  ///< above them: 414 or 431, and the connection is closed

    duration head = std::chrono::seconds{10};     ///< a whole head, from its first byte: 408
    duration idle = std::chrono::seconds{60};     ///< between two requests; then it is closed
    duration stalled = std::chrono::seconds{30};  ///< the client reads nothing; then it is closed
    std::size_t max_requests = 1000;              ///< of one connection; the last one closes it

    /// After the last answer, so that a reset does not overtake it: how long and how much of what
    /// the client still sends is read and dropped.
    duration linger = std::chrono::seconds{2};
    std::size_t linger_bytes = std::size_t{256} * 1024;

    duration grace = std::chrono::seconds{5};  ///< for answers in flight when it is to stop

    serve_options connections;

    /// Is told of every answer when it has been sent, if set. Must not throw.
    std::function<void(const served_request&)> log;
};

}  // namespace simul::program
