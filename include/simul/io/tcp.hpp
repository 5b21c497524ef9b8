// SPDX-License-Identifier: Apache-2.0
//
// simul/io/tcp.hpp: connections over TCP, and listeners for them.
//
// How a descriptor is closed while the system still works on it is in detail/socket.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "simul/base/unique_fd.hpp"
#include "simul/io/address.hpp"
#include "simul/io/detail/socket.hpp"

namespace simul {

/// What tcp_stream::read_some and write_some return.
class [[nodiscard("co_await it")]] tcp_transfer_awaitable {
public:
    tcp_transfer_awaitable(detail::shared_socket* on, detail::direction which, opcode what,
                           void* data, std::size_t size) noexcept
        : socket_{on}, direction_{which}, what_{what}, data_{data}, size_{size} {}
    auto operator co_await() const noexcept {
        return detail::socket_transfer{socket_, direction_, what_, data_, size_};
    }

private:
    detail::shared_socket* socket_;
    detail::direction direction_;
    opcode what_;
    void* data_;
    std::size_t size_;
};

/// What tcp_stream::wait_readable returns.
class [[nodiscard("co_await it")]] tcp_readiness_awaitable {
public:
    explicit tcp_readiness_awaitable(detail::shared_socket* on) noexcept : socket_{on} {}
    auto operator co_await() const noexcept { return detail::socket_readiness{socket_}; }

private:
    detail::shared_socket* socket_;
};

/// What tcp_stream::read_leased returns.
class [[nodiscard("co_await it")]] tcp_lease_awaitable {
public:
    explicit tcp_lease_awaitable(detail::shared_socket* on) noexcept : socket_{on} {}
    auto operator co_await() const noexcept { return detail::socket_lease{socket_}; }

private:
    detail::shared_socket* socket_;
};

/// What tcp_stream::shutdown returns.
class [[nodiscard("co_await it")]] tcp_shutdown_awaitable {
public:
    explicit tcp_shutdown_awaitable(detail::shared_socket* on) noexcept : socket_{on} {}
    auto operator co_await() const noexcept { return detail::socket_shutdown{socket_}; }

private:
    detail::shared_socket* socket_;
};

/// What tcp_listener::accept returns.
class [[nodiscard("co_await it")]] tcp_accept_awaitable {
public:
    explicit tcp_accept_awaitable(detail::shared_socket* on) noexcept : socket_{on} {}
    auto operator co_await() const noexcept { return detail::socket_accept{socket_}; }

private:
    detail::shared_socket* socket_;
};

/// When the system asks a silent peer whether it is still there.
struct keep_alive_options {
    keep_alive_options() noexcept {}

    bool enabled = true;
    std::chrono::seconds idle{60};      ///< silence before the first question
    std::chrono::seconds interval{10};  ///< between questions without an answer
    int probes = 6;                     ///< questions without an answer before it is given up
};

/// A connection over TCP: a stream that keeps the rules of simul/io/stream.hpp.
///
/// It comes from tcp_listener::accept or is made of a connected socket with adopt(). Small writes
/// are sent at once: the system's wait for more to send (Nagle's algorithm) is off, because it
/// delays the requests and answers that most protocols consist of.
///
/// Reading and writing allocate nothing and have no coroutine frame.
///
/// Threads       only the thread of the loop it was made on.
/// Lifetime      closes when it is destroyed; nothing may be waiting on it then, unless it was
///               closed before. One that was moved from is closed.
class tcp_stream {
public:
    /// A stream that was closed.
    tcp_stream() noexcept = default;

    /// Takes over a connected stream socket, or one end of a simulated pair.
    ///
    /// Errors        std::bad_alloc; the socket is closed then.
    [[nodiscard]] static tcp_stream adopt(unique_fd connected);

    /// Reads what has arrived, up to `buffer.size()` bytes.
    ///
    /// Returns       how many bytes; 0 at the end of the stream.
    /// Errors        errc::closed       the stream was closed, before or during the wait.
    ///               errc::busy         another task is already waiting in read_some.
    ///               connection_reset, timed_out and others of recv(2)
    ///                                  the connection is lost; std::system_error.
    /// Suspends      if nothing has arrived; on io_uring also otherwise, unless it was received
    ///               ahead.
    /// Cancellation  clean. Bytes that arrived while the request was on its way are delivered, and
    ///               the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    /// Complexity    one system call or one ring entry, or a copy of at most 2 KB where io_uring
    ///               receives ahead on a connection of short messages; allocates nothing.
    /// Source        recv(2); IORING_OP_RECV since Linux 5.6, multishot since 6.0.
    [[nodiscard]] tcp_transfer_awaitable read_some(std::span<std::byte> buffer) noexcept {
        return tcp_transfer_awaitable{socket_.get(), detail::direction::incoming, opcode::receive,
                                      buffer.data(), buffer.size()};
    }

    /// Reads what has arrived, into a buffer of the loop's: while the read waits there is none, and
    /// afterwards it is the reader's for as long as the lease lives.
    ///
    ///     while (true) {
    ///         const buffer_lease piece = co_await stream.read_leased();
    ///         if (piece.empty()) break;
    ///         parser.feed(piece.bytes());
    ///     }
    ///
    /// For servers of many connections that send little at a time: on io_uring, where the kernel
    /// receives ahead into such buffers, nothing is copied. A stream of many bytes is read faster
    /// by read_some into a large buffer.
    ///
    /// Returns       a lease of at most 4,080 bytes, and of 2,048 where io_uring lends one of its
    ///               ring; an empty one at the end of the stream.
    /// Errors        errc::closed       the stream was closed, before or during the wait.
    ///               errc::busy         another task is already waiting to read.
    ///               not_enough_memory  there was none for a buffer; nothing is lost.
    ///               connection_reset, timed_out and others of recv(2)
    ///                                  the connection is lost; std::system_error.
    /// Suspends      if nothing has arrived; on io_uring also otherwise, unless it was received
    ///               ahead.
    /// Cancellation  clean. Bytes that arrived while the request was on its way are delivered, and
    ///               the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      the lease may outlive the stream; see buffer_lease.
    /// Complexity    one system call or one ring entry; allocates nothing once buffers have come
    ///               back.
    /// Source        recv(2); IORING_OP_RECV with IOSQE_BUFFER_SELECT since Linux 5.7, out of a
    ///               ring of buffers since 5.19. Before that, a poll and a receive.
    [[nodiscard]] tcp_lease_awaitable read_leased() noexcept {
        return tcp_lease_awaitable{socket_.get()};
    }

    /// Waits until read_some would not wait: bytes, the end of the stream, or an error has come.
    ///
    /// A server with many silent connections waits here, and has a buffer only while it answers:
    ///
    ///     while (true) {
    ///         co_await stream.wait_readable();
    ///         const bool goes_on = co_await answer(stream);  // the buffer lies in its frame
    ///         if (!goes_on) break;
    ///     }
    ///
    /// Errors        errc::closed       the stream was closed, before or during the wait.
    ///               errc::busy         another task is already waiting in read_some or here.
    /// Suspends      if a read would wait; on io_uring also otherwise, unless bytes were received
    ///               ahead.
    /// Cancellation  clean.
    /// Threads       the loop's thread.
    /// Complexity    one system call or one ring entry; allocates nothing.
    /// Source        poll(2); asyncio's add_reader; Trio's wait_readable.
    [[nodiscard]] tcp_readiness_awaitable wait_readable() noexcept {
        return tcp_readiness_awaitable{socket_.get()};
    }

    /// Writes what the system takes now.
    ///
    /// Returns       how many bytes were taken, at least 1 unless `bytes` is empty. Taken is not
    ///               received: only an answer of the peer says that.
    /// Errors        errc::closed       the stream was closed, before or during the wait.
    ///               errc::busy         another task is already waiting in write_some, or in
    ///                                  send_file.
    ///               broken_pipe        the stream was shut down, or the connection is gone.
    ///               connection_reset, timed_out and others of send(2)
    ///                                  the connection is lost; std::system_error.
    /// Suspends      if the socket's buffer is full; on io_uring always.
    /// Cancellation  clean. Bytes that were taken while the request was on its way are reported,
    ///               and the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    /// Complexity    one system call or one ring entry; allocates nothing.
    /// Source        send(2) with MSG_NOSIGNAL; IORING_OP_SEND since Linux 5.6.
    [[nodiscard]] tcp_transfer_awaitable write_some(std::span<const std::byte> bytes) noexcept {
        return tcp_transfer_awaitable{socket_.get(), detail::direction::outgoing, opcode::send,
                                      const_cast<std::byte*>(bytes.data()), bytes.size()};
    }

    /// Says that no more will be written: the peer reads what was written, then the end. Nothing
    /// happens if the connection is gone already.
    ///
    /// Errors        errc::closed       the stream was closed.
    ///               errc::busy         a task is waiting in write_some or send_file.
    /// Suspends      never.
    /// Cancellation  clean.
    /// Source        shutdown(2) with SHUT_WR.
    [[nodiscard]] tcp_shutdown_awaitable shutdown() noexcept {
        return tcp_shutdown_awaitable{socket_.get()};
    }

    /// Ends both directions. What the peer has sent and was not read is dropped, and the peer is
    /// then told by a reset instead of the end of the stream: shut down and read to the end where
    /// that matters.
    void close() noexcept { socket_.close(); }

    /// True when a read would not wait.
    ///
    /// Complexity    one system call.
    [[nodiscard]] bool has_input() const noexcept {
        return socket_.get() == nullptr || socket_.get()->has_input();
    }

    /// The addresses of the two ends.
    ///
    /// Errors        errc::closed if the stream was closed; std::system_error with not_connected if
    ///               the peer is gone, and with address_family_not_supported for a socket that is
    ///               not of the internet.
    [[nodiscard]] endpoint local_endpoint() const;
    [[nodiscard]] endpoint peer_endpoint() const;

    /// Whether small writes are sent at once (the initial state) or held back for more.
    ///
    /// Errors        errc::closed if the stream was closed; std::system_error of setsockopt(2).
    /// Source        tcp(7), TCP_NODELAY.
    void set_no_delay(bool enabled);

    /// Whether the system looks after a silent peer, so that a read ends with timed_out when the
    /// peer has vanished. Off initially.
    ///
    /// Errors        errc::closed if the stream was closed; std::system_error of setsockopt(2).
    /// Source        socket(7), SO_KEEPALIVE; tcp(7), TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT.
    void set_keep_alive(const keep_alive_options& options = {});

private:
    friend class detail::client_socket;
    friend class detail::socket_accept;
    friend class detail::outgoing_claim;

    static tcp_stream take_over(unique_fd connected, detail::known_to_loop known);

    explicit tcp_stream(detail::socket_owner owned) noexcept : socket_{std::move(owned)} {}

    detail::socket_owner socket_;
};

/// What tcp_listener::accept gives: auto [stream, peer].
class accepted {
public:
    accepted(tcp_stream connection, const endpoint& from) noexcept
        : stream{std::move(connection)}, peer{from} {}

    tcp_stream stream;
    endpoint peer;
};

/// How a listener is to be made.
struct listen_options {
    listen_options() noexcept {}

    int backlog = 4096;         ///< connections the system queues; at most net.core.somaxconn
    bool reuse_address = true;  ///< the port may be taken while old connections linger on it
    bool reuse_port = false;    ///< several listeners share the port, and the load
    bool v6_only = true;        ///< a listener on `::` takes no IPv4 connections
};

/// Takes connections that come in at an endpoint.
///
/// Threads       only the thread of the loop it was bound on.
/// Lifetime      closes when it is destroyed; nothing may be waiting on it then, unless it was
///               closed before. One that was moved from is closed.
class tcp_listener {
public:
    /// A listener that was closed.
    tcp_listener() noexcept = default;

    /// Binds to an endpoint and begins to listen; from now on connections queue. Port 0 takes any
    /// free port: local_endpoint() says which.
    ///
    /// Errors        std::system_error with the code of socket(2), setsockopt(2), bind(2) or
    ///               listen(2), such as address_in_use or permission_denied, and the endpoint in
    ///               its text. The simulated world has the addresses of the loopback device and no
    ///               others: address_not_available.
    /// Threads       the thread of the loop that is to accept.
    [[nodiscard]] static tcp_listener bind(const endpoint& where,
                                           const listen_options& options = {});

    /// Waits for the next incoming connection and returns it together with the peer's address.
    ///
    /// The new stream is non-blocking and is not inherited by child processes; both are set in the
    /// same system call that creates it. Errors that belong to one broken connection rather than
    /// to the listener (the peer vanished while queued, or Linux reports a pending network error
    /// on the new socket) are skipped, and the wait goes on.
    ///
    ///     while (true) {
    ///         auto [stream, peer] = co_await listener.accept();
    ///         group.spawn(handle(std::move(stream)));
    ///     }
    ///
    /// Returns       accepted{stream, peer}. The stream belongs to the caller.
    /// Errors        errc::closed       the listener was closed, before or during the wait.
    ///               errc::busy         another task is already waiting in accept on this listener.
    ///               too_many_files_open, too_many_files_open_in_system, no_buffer_space,
    ///               not_enough_memory  the process or the system is out of resources. The
    ///                                  connection stays in the kernel's queue and the listener
    ///                                  stays usable: release something or wait, then call again.
    /// Suspends      if no connection is queued; on io_uring always.
    /// Cancellation  clean. If the call ends by cancellation no connection was taken. Where the
    ///               backend had already accepted one when the request arrived, which io_uring
    ///               allows, the listener keeps it and the next accept returns it at once.
    /// Threads       only on the thread of the loop the listener was bound on.
    /// Lifetime      the listener must outlive the call; close() ends it with errc::closed.
    /// Complexity    O(1); one system call or one ring entry, and a record for the stream, which
    ///               comes from the recycler of frames.
    /// Source        accept4(2) including its note on pending network errors; RFC 9293 section
    ///               3.9.1; IORING_OP_ACCEPT since Linux 5.5; error policy after Trio's
    ///               SocketListener.
    [[nodiscard]] tcp_accept_awaitable accept() noexcept {
        return tcp_accept_awaitable{socket_.get()};
    }

    /// The endpoint it is bound to, with the port that was chosen.
    ///
    /// Errors        errc::closed if the listener was closed.
    [[nodiscard]] endpoint local_endpoint() const;

    /// Ends a wait in accept() with errc::closed and stops listening. Connections that are queued
    /// are reset. A second call does nothing.
    void close() noexcept { socket_.close(); }

private:
    explicit tcp_listener(detail::socket_owner owned) noexcept : socket_{std::move(owned)} {}

    detail::socket_owner socket_;
};

}  // namespace simul
