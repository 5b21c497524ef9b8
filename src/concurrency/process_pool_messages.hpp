// SPDX-License-Identifier: Apache-2.0
//
// process_pool_messages.hpp: what the program and the starter of workers say to each other.
//
// The control socket keeps the bounds of messages (SOCK_SEQPACKET). The program asks one thing at a
// time, and each request has one reply.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace simul::detail {

struct starter_request {
    enum kind : std::uint32_t {
        start,   ///< a new worker; the reply carries its socket and its process descriptor
        status,  ///< how worker `id` ended, which has ended; it is forgotten then
    };
    std::uint32_t what = start;
    std::uint32_t id = 0;
};

struct starter_reply {
    std::int32_t error = 0;  ///< an errno value, or 0
    std::uint32_t id = 0;
    ::pid_t process = 0;
    std::int32_t signal = 0;     ///< status: what ended it, or 0
    std::int32_t exit_code = 0;  ///< status: if no signal did
};

/// How many descriptors come with a worker: the socket, then the process descriptor.
inline constexpr std::size_t descriptors_of_a_worker = 2;

}  // namespace simul::detail
