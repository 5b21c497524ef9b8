// SPDX-License-Identifier: Apache-2.0
//
// memory/idle_memory.hpp: what something that waits takes of the heap.
//
// Counted are the bytes that the loop's thread has from malloc, with the word that malloc keeps
// beside each block. That is the same in each run, as the resident set is not. What the kernel
// keeps for a connection comes on top.
#pragma once

#include <cstddef>

#include "simul/runtime/backend.hpp"

namespace simul::test {

/// How many there are at once; enough for what is shared by all of them not to count.
inline constexpr std::size_t idle_sleepers = 10'000;
inline constexpr std::size_t idle_connections = 1'000;

/// Into which the tasks of the connections read: a choice of the program, not counted below.
inline constexpr std::size_t idle_buffer_size = 4096;

/// Bytes for each task that sleeps, of those spawned into one group.
double bytes_of_sleeping_task();

/// Bytes for each connection of a server as serve() makes them: a task that has sent back one
/// message and waits in a read. Without its buffer.
///
/// Errors        std::system_error if this process may not have so many descriptors.
double bytes_of_idle_tcp_connection(backend_kind backend);

/// The same with TLS 1.3 above, by OpenSSL.
double bytes_of_idle_tls_connection(backend_kind backend);

}  // namespace simul::test
