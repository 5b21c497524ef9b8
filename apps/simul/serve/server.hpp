// SPDX-License-Identifier: Apache-2.0
//
// serve/server.hpp: a site behind a listener, until it is told to stop.
#pragma once

#include "serve/server_options.hpp"
#include "serve/site.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/tcp.hpp"

namespace simul::program {

/// Serves a site until the task is cancelled. Then no further connection is accepted, idle ones are
/// closed, and answers in flight have options.grace to end. If the listener is closed instead, the
/// connections go on until their clients have had enough.
///
/// Errors        what the listener's accept() throws, except shortages.
/// Cancellation  completes, but for the grace: connections whose answers take longer are broken
///               off.
/// Lifetime      listener, content and options must outlive the call.
[[nodiscard]] task<> serve_site(tcp_listener& listener, site& content,
                                const server_options& options);

}  // namespace simul::program
