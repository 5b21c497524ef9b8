// SPDX-License-Identifier: Apache-2.0
//
// simul/io/serve.hpp: the accept loop of a server that stays up.
//
// Reading order: serve() at the end is the contract, with serve_options.hpp. Who is admitted and
// how long it pauses is in detail/serve_state.hpp.
#pragma once

#include <concepts>
#include <exception>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/base/time.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/detail/serve_state.hpp"
#include "simul/io/serve_options.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul {

/// Something that gives one connection after another: tcp_listener, or what stands in for it.
template <class Type>
concept connection_source = requires(Type& listener) {
    { listener.accept() } -> awaitable_of<accepted>;
};

/// What looks after one connection: called with accepted{stream, peer}, it returns a task. The call
/// is made by the task that accepts; the task that it returns is the connection's own.
template <class Type>
concept connection_handler = requires(Type& handler, accepted connection) {
    { handler(std::move(connection)) } -> awaitable_of<void>;
};

namespace detail {

/// Makes a task of any other awaitable.
template <class Awaitable>
task<> wait_for(Awaitable handling) {
    co_await std::move(handling);
}

/// Makes a task that fails with `error`.
task<> rethrow(std::exception_ptr error);

/// One connection, from its acceptance to the end of its handler: lies in the record of the task.
template <connection_handler Handler>
class served_connection {
public:
    served_connection(serve_slot&& slot, Handler& handler, tcp_stream&& stream) noexcept
        : slot_{std::move(slot)}, handler_{&handler}, stream_{std::move(stream)} {}

    /// Only a shortage of memory is an error of the acceptor.
    task<> operator()() try {
        accepted connection{std::move(stream_), slot_.peer()};
        if constexpr (std::same_as<std::invoke_result_t<Handler&, accepted>, task<>>) {
            return (*handler_)(std::move(connection));
        } else {
            return wait_for((*handler_)(std::move(connection)));
        }
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {
        return rethrow(std::current_exception());
    }

    void take_error(const std::exception_ptr& error) { slot_.handler_failed(error); }

private:
    serve_slot slot_;
    Handler* handler_;
    tcp_stream stream_;  // until the handler has it
};

/// Accepts until the listener is closed.
template <connection_source Listener, connection_handler Handler>
task<> accept_connections(serve_state& state, Listener& listener, Handler& handler,
                          task_group& group) {
    while (true) {
        while (state.is_full()) {
            state.freed.clear();
            co_await state.freed.wait();
        }
        bool is_short = false;
        bool is_over = false;
        try {
            accepted taken = co_await listener.accept();
            if (auto slot = state.admit(taken.peer)) {
                group.spawn(
                    served_connection<Handler>{*std::move(slot), handler, std::move(taken.stream)});
            }
        } catch (const error& failure) {
            if (failure.code() != errc::closed) throw;
            is_over = true;
        } catch (const std::system_error& failure) {
            if (!is_shortage(failure.code())) throw;
            is_short = true;
        } catch (const std::bad_alloc&) {  // a connection that was taken is closed
            is_short = true;
        }
        if (is_over) co_return;
        if (is_short) {
            const duration pause = state.next_pause();
            state.freed.clear();
            // A connection that ends gives back what is missing.
            co_await move_on_after(pause, state.freed.wait());
            continue;
        }
        // A queue that never empties must not keep the connections from their turns.
        if (state.is_time_to_yield()) co_await yield_now();
    }
}

}  // namespace detail

/// Accepts connections and runs `handler` for each, all at once, until the listener is closed.
///
///     co_await serve(listener, [&](accepted connection) -> task<> {
///         co_await answer(connection.stream);
///     });
///
/// It goes on whatever happens to single connections. What a handler throws goes to
/// options.on_error and ends that connection only. When descriptors or memory run out, new
/// connections wait in the system's queue: the loop pauses, 100 ms and then twice as long each time
/// up to 1 s, or until a connection of its own has ended, and tries again. With as many connections
/// as options allow it stops accepting until one ends.
///
/// To stop politely close the listener: no more are accepted, and the call returns when the last
/// handler has ended. To stop now cancel the task: the handlers are cancelled, too. For both give
/// the handlers some time between close() and the request.
///
/// Returns       after the listener was closed, when the last handler has ended.
/// Errors        what listener.accept() throws, except closed and shortages (too_many_files_open,
///               too_many_files_open_in_system, no_buffer_space, not_enough_memory,
///               std::bad_alloc); what on_error throws. The handlers are cancelled and waited for
///               first.
/// Suspends      always.
/// Cancellation  partial. The request goes to every handler, and the call ends when the last one
///               has ended. No connection is lost: who was not accepted waits in the system's
///               queue.
/// Threads       the loop's thread.
/// Lifetime      the listener and options.counters must outlive the call. `handler` is moved in and
///               lives until the last connection has ended.
/// Complexity    one task for each connection; a table of the addresses that are connected.
/// Source        Trio's serve_listeners, with its pause after EMFILE.
template <connection_source Listener, connection_handler Handler>
[[nodiscard]] task<> serve(Listener& listener, Handler handler, serve_options options = {}) {
    detail::serve_state state{options};
    task_group group;
    group.spawn(detail::accept_connections(state, listener, handler, group));
    co_await group.run();
}

}  // namespace simul
