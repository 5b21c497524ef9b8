// SPDX-License-Identifier: Apache-2.0
//
// simul/http/server.hpp: answers the requests that come in at a listener.
//
//     simul::task<> answer_at(simul::endpoint where) {
//         auto listener = simul::tcp_listener::bind(where);
//         co_await simul::http::serve(listener, [](const auto& request, auto& response) {
//             if (request.path() != "/") {
//                 response.status = 404;
//                 return;
//             }
//             response.add_field("Content-Type", "text/plain");
//             response.body = "Hello, World!";
//         });
//     }
//
// The handler is where routing hangs: it sees every request and chooses by method() and path().
#pragma once

#include <type_traits>
#include <utility>

#include "simul/coro/task.hpp"
#include "simul/http/detail/request_handler.hpp"
#include "simul/http/server_options.hpp"
#include "simul/http/server_request.hpp"
#include "simul/http/server_response.hpp"
#include "simul/io/tcp.hpp"

namespace simul::http {

/// What answers requests: called with a request and a response to fill in, it does so and returns
/// nothing, or it returns a task that does. One that never waits is called without a task.
template <class Type>
concept server_handler =
    std::is_void_v<std::invoke_result_t<Type&, const server_request&, server_response&>> ||
    awaitable_of<std::invoke_result_t<Type&, const server_request&, server_response&>, void>;

namespace detail {

/// serve() for a handler of any type.
task<> serve_requests(tcp_listener& listener, request_handler& handler,
                      const server_options& options);

}  // namespace detail

/// Serves HTTP/1.1 and HTTP/1.0 until the task is cancelled.
///
/// Each connection is one task. Requests that come ahead of their answers are answered in their
/// order, and answers that are ready together are sent together. The server reads the body before
/// it asks the handler, sends 100 (Continue) where that is waited for, and adds Date, Server,
/// Content-Length and Connection to the answer. What is malformed or beyond a limit is answered
/// with 400, 408, 413, 414, 431, 501 or 505 without asking the handler, and the connection is
/// closed. A handler that throws is reported to options.on_error, its request is answered with 500,
/// and the connection goes on.
///
/// Cancelled, it accepts no more, closes idle connections at once, and gives those in the middle of
/// a request options.grace to end. If the listener is closed instead, connections go on until their
/// clients have had enough.
///
/// Returns       after the listener was closed, when the last connection has ended.
/// Errors        what listener.accept() throws, except closed and shortages.
/// Suspends      always.
/// Cancellation  completes, but for the grace: requests that take longer are broken off.
/// Threads       the loop's thread; several cores take a server each, on listeners with reuse_port.
/// Lifetime      the listener and options.counters must outlive the call. `handler` is moved in and
///               lives until the last connection has ended.
/// Complexity    one task for each connection; an answer allocates nothing once the first ones have
///               made room. An idle connection holds no buffers but 256 bytes.
/// Source        RFC 9110 and RFC 9112.
template <server_handler Handler>
[[nodiscard]] task<> serve(tcp_listener& listener, Handler handler, server_options options = {}) {
    detail::handler_of<Handler> held{std::move(handler)};
    co_await detail::serve_requests(listener, held, options);
}

}  // namespace simul::http
