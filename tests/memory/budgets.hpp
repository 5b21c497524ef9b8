// SPDX-License-Identifier: Apache-2.0
//
// memory/budgets.hpp: what something that waits may take of the heap, in bytes; see
// idle_memory.hpp. Measured with g++ 12.2 at -O2, OpenSSL 3.0 and glibc 2.36. Whoever makes one
// smaller writes the new figure here, and so does who has a reason to make one larger.
#pragma once

namespace simul::test {

inline constexpr double budget_of_sleeping_task = 368;
inline constexpr double budget_of_idle_tcp_connection = 820;
inline constexpr double budget_of_idle_tls_connection = 33'830;

/// How far from its budget a figure may be, either way.
inline constexpr double budget_tolerance = 0.10;

}  // namespace simul::test
