// SPDX-License-Identifier: Apache-2.0
//
// simul/io/connect.hpp: a connection to a host, over whichever of its addresses answers first.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/address.hpp"
#include "simul/io/dns.hpp"
#include "simul/io/tcp.hpp"

namespace simul {

/// How connections are made.
struct connect_options {
    connect_options() noexcept = default;

    /// How long one address is tried before the next one is tried as well. Zero tries all at once.
    duration attempt_delay = std::chrono::milliseconds{250};

    /// A limit for the whole call, the lookup of a name included.
    std::optional<duration> timeout;

    /// Send small writes at once instead of collecting them (TCP_NODELAY).
    bool no_delay = true;
};

/// Connects to one address.
///
///     auto stream = co_await connect(endpoint{ip_address::loopback_v4(), 8080});
///
/// Returns       the connected stream; it belongs to the caller.
/// Errors        std::system_error with the code of connect(2) or socket(2), the address in its
///               text; timed_out if a limit was given and passed. The simulated world has no
///               way to other addresses than those of the loopback device: network_unreachable.
/// Suspends      until the connection is made or refused.
/// Cancellation  partial. The attempt is given up and its socket closed; the other side may have
///               seen a connection that ended at once.
/// Threads       the loop's thread.
/// Source        connect(2).
[[nodiscard]] task<tcp_stream> connect(endpoint where, connect_options options = {});

/// Connects a socket of the caller's: one with options that nobody else needs, or bound to an
/// address of its own.
///
/// Returns       the connected stream, made of the socket; small writes are sent at once.
/// Errors        std::system_error with the code of connect(2) or fcntl(2), the address in its
///               text. The socket is closed then.
/// Suspends      until the connection is made or refused.
/// Cancellation  partial. The attempt is given up and the socket closed, once: whoever gets its
///               number next keeps it.
/// Threads       the loop's thread.
/// Lifetime      `socket`, a stream socket of the family of `where`, belongs to the call, also if
///               it is never awaited.
/// Source        connect(2); create_connection(sock=) of asyncio.
[[nodiscard]] task<tcp_stream> connect(unique_fd socket, endpoint where);

/// Connects to the first of several addresses of one host that answers.
///
/// The candidates are tried alternating between IPv6 and IPv4, beginning with the family of the
/// first one and otherwise in their order. Each next one is tried when `attempt_delay` has passed,
/// or at once when one of those under way fails. The first connection wins; the other attempts are
/// cancelled and their sockets closed.
///
/// Returns       the connected stream; it belongs to the caller. Its peer_endpoint() tells which.
/// Errors        std::system_error when all have failed: its text names each address with what
///               happened, its code is the most telling one (refused before timed out before
///               unreachable). destination_address_required without candidates; timed_out if a
///               limit was given and passed.
/// Suspends      until a connection is made, or all are refused.
/// Cancellation  partial. All attempts are given up and their sockets closed, also one that had
///               just been connected.
/// Threads       the loop's thread.
/// Complexity    one task and one socket for each attempt that is begun.
/// Source        RFC 8305 (Happy Eyeballs), sections 4 and 5, with its recommended delay.
[[nodiscard]] task<tcp_stream> connect(std::vector<endpoint> candidates,
                                       connect_options options = {});

/// Finds the addresses of a host and connects to the first that answers.
///
///     resolver names;
///     auto stream = co_await connect(names, "example.org", 80);
///
/// Returns       the connected stream; it belongs to the caller.
/// Errors        those of resolver::resolve, then those of connect with candidates; timed_out if a
///               limit was given and passed.
/// Suspends      until a connection is made, or all are refused.
/// Cancellation  partial. The lookup and all attempts are given up and their sockets closed.
/// Threads       the loop's thread.
/// Lifetime      the resolver must outlive the call.
[[nodiscard]] task<tcp_stream> connect(resolver& names, std::string host, std::uint16_t port,
                                       connect_options options = {});

}  // namespace simul
