// SPDX-License-Identifier: Apache-2.0
//
// simul/io/address_policy.hpp: may a program that follows foreign links dial this address?
#pragma once

#include "simul/io/address.hpp"

namespace simul {

/// True for addresses of the public internet: the test of a client that must not be led into the
/// network it runs in.
///
/// Refused are loopback, private, shared (100.64.0.0/10), link-local, unique-local, multicast,
/// unspecified, benchmarking, documentation, discard, reserved and broadcast addresses, and every
/// IPv6 address outside 2000::/3. An address that carries an IPv4 address is judged by what it
/// carries: IPv4-mapped, IPv4-compatible, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48, the latter in
/// each layout it may have), 6to4, and Teredo (server and client).
///
/// Check the address that is really dialled, each time: a name may resolve differently a moment
/// later. Forms like 0x7f.1 are a matter of the URL parser and are numbers by then.
///
/// Threads       any.
/// Complexity    O(1).
/// Source        IANA's special-purpose address registries (RFC 6890); RFC 6052, RFC 8215 (NAT64);
///               RFC 3056 (6to4); RFC 4380 (Teredo).
[[nodiscard]] bool is_globally_reachable(const ip_address& address) noexcept;

}  // namespace simul
