// SPDX-License-Identifier: Apache-2.0
//
// simul/io/serve_options.hpp: how serve() behaves, and what it counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>

#include "simul/base/time.hpp"
#include "simul/io/address.hpp"

namespace simul {

/// What serve() has done so far.
struct serve_counters {
    std::uint64_t accepted = 0;   ///< connections handed to a handler
    std::uint64_t refused = 0;    ///< closed at once: too many of their address
    std::uint64_t failed = 0;     ///< handlers that ended with an error
    std::uint64_t shortages = 0;  ///< pauses because descriptors or memory ran out
    std::uint64_t full = 0;       ///< times it stopped accepting at max_connections
    std::size_t active = 0;       ///< connections now
};

/// How serve() behaves.
struct serve_options {
    serve_options() noexcept {}

    /// Connections at once; at this many it stops accepting, and more wait in the system's queue.
    std::size_t max_connections = 10'000;

    /// Connections at once of one address; one more is closed at once. Loopback is exempt.
    std::size_t max_per_address = 256;

    /// The first pause after a shortage of descriptors or memory; it doubles up to the longest.
    duration shortage_pause = std::chrono::milliseconds{100};
    duration longest_shortage_pause = std::chrono::seconds{1};

    /// Is given what a handler has thrown, with the peer. Without one it goes to the handler of
    /// unhandled errors (runtime/unhandled.hpp). What it throws itself ends the server.
    std::function<void(const std::exception_ptr&, const endpoint&)> on_error;

    /// Where to count, if anywhere.
    serve_counters* counters = nullptr;
};

}  // namespace simul
