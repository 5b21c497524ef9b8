// SPDX-License-Identifier: Apache-2.0
//
// serve/connection.hpp: one connection to a client, request after request.
//
//     wait ──first byte──▶ read the head ──▶ look up ──▶ write ──▶ wait, or linger and close
//       │ idle, stop, end       │ late: 408, malformed: 4xx, too long: 414 or 431
//       ▼                       ▼
//     close                  linger and close
#pragma once

#include "serve/server_options.hpp"
#include "serve/site.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/address.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"

namespace simul::program {

/// Answers the requests of one client until it goes, is too slow, sends what is no request, has had
/// its share, or `stopping` is set: then the answer in flight is finished first.
///
/// GET and HEAD are answered, anything else with 405. Requests that come ahead of the answers wait
/// in the socket, for one is read when the one before it is done. A request with a body is answered
/// without reading it, and the connection is closed.
///
/// Errors        those of the stream: the client has broken the connection. What the site throws
///               becomes an answer.
/// Cancellation  partial. An answer may have been sent in part; the connection is closed.
/// Lifetime      content, options and stopping must outlive the call.
template <byte_stream Stream>
[[nodiscard]] task<> answer_connection(Stream stream, endpoint peer, site& content,
                                       const server_options& options, event& stopping);

extern template task<> answer_connection(tcp_stream, endpoint, site&, const server_options&,
                                         event&);
extern template task<> answer_connection(memory_stream, endpoint, site&, const server_options&,
                                         event&);

}  // namespace simul::program
