// SPDX-License-Identifier: Apache-2.0
//
// http/session_state.hpp: what the requests of one session share.
#pragma once

#include <memory>

#include "simul/http/session.hpp"
#include "simul/io/dns.hpp"

#include "http/connection_pool.hpp"

namespace simul::http::detail {

struct session_state {
    explicit session_state(session_options chosen);

    /// Made when the first https address comes: reading the system's authorities takes long.
    const tls::client_context& trust();

    task<response> send(request wanted);

    session_options options;
    connection_pool pool;
    resolver names;
    session_statistics counted;
};

}  // namespace simul::http::detail
