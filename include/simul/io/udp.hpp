// SPDX-License-Identifier: Apache-2.0
//
// simul/io/udp.hpp: datagrams over UDP.
//
//      udp_socket socket = udp_socket::bind(endpoint{ip_address::any_v4(), 7});
//      std::array<std::byte, 2048> buffer;
//      while (true) {                                      // the echo service of RFC 862
//          const datagram got = co_await socket.receive_from(buffer);
//          co_await socket.send_to(got.bytes, got.peer);
//      }
//
// A datagram arrives whole, cut, or not at all. There is no end of the stream: an empty datagram is
// a datagram. And there is no queue but the system's: what it has no room for when it arrives is
// lost, and who sends waits until it has room. In the simulated world nothing is lost that somebody
// could receive: who sends waits until the receiver has room, so that programs are tested for that.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "simul/base/unique_fd.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/io/address.hpp"
#include "simul/io/detail/datagram.hpp"
#include "simul/io/detail/socket.hpp"

namespace simul {

/// A datagram that was received.
///
/// Threads       any.
/// Lifetime      `bytes` is a part of the buffer it was received into.
class datagram {
public:
    datagram(std::span<std::byte> received, const endpoint& from, std::size_t sent) noexcept
        : bytes{received}, peer{from}, full_size{sent} {}

    /// How many bytes of it are there; 0 for an empty datagram.
    [[nodiscard]] std::size_t size() const noexcept { return bytes.size(); }

    /// It was longer than the buffer, and the rest of it is lost.
    [[nodiscard]] bool is_truncated() const noexcept { return full_size > bytes.size(); }

    std::span<std::byte> bytes;  ///< what it says
    endpoint peer;               ///< who sent it; 0.0.0.0:0 if that is no endpoint of the internet
    std::size_t full_size;       ///< how long it was when it was sent
};

/// How a udp_socket is to be made.
struct udp_options {
    udp_options() noexcept {}

    bool reuse_address = false;  ///< others of this user may bind the same port, and take it over
    bool reuse_port = false;     ///< several sockets share the port, and the load
    bool broadcast = false;      ///< may send to a broadcast address
    bool v6_only = true;         ///< a socket on `::` takes no IPv4 datagrams
};

/// What udp_socket::receive_from and receive return.
class [[nodiscard("co_await it")]] udp_receive_awaitable {
public:
    udp_receive_awaitable(detail::shared_socket* on, std::span<std::byte> buffer) noexcept
        : socket_{on}, buffer_{buffer} {}
    auto operator co_await() const noexcept { return detail::datagram_receive{socket_, buffer_}; }

private:
    detail::shared_socket* socket_;
    std::span<std::byte> buffer_;
};

/// What udp_socket::send_to and send return.
class [[nodiscard("co_await it")]] udp_send_awaitable {
public:
    udp_send_awaitable(detail::shared_socket* on, std::span<const std::byte> bytes,
                       const std::optional<endpoint>& to) noexcept
        : socket_{on}, bytes_{bytes}, to_{to} {}
    auto operator co_await() const noexcept { return detail::datagram_send{socket_, bytes_, to_}; }

private:
    detail::shared_socket* socket_;
    std::span<const std::byte> bytes_;
    std::optional<endpoint> to_;
};

/// Sends and receives datagrams.
///
/// Any number of tasks may send and receive at the same time; each datagram goes to one of those
/// that receive, in no certain order. Nothing is queued here, so there is nothing to limit and
/// nothing that a datagram costs besides itself.
///
/// Sending and receiving allocate nothing and have no coroutine frame.
///
/// Threads       only the thread of the loop it was made on.
/// Lifetime      closes when it is destroyed; nothing may be waiting on it then, unless it was
///               closed before. One that was moved from is closed.
/// Source        udp(7); the rules of asyncio's datagram endpoints that cost it repairs: an empty
///               datagram is one, and a sender is held up rather than buffered without limit.
class udp_socket {
public:
    /// A socket that was closed.
    udp_socket() noexcept = default;

    /// A socket at an endpoint, which receives from everybody. Port 0 takes any free port:
    /// local_endpoint() says which.
    ///
    /// Errors        std::system_error with the code of socket(2), setsockopt(2) or bind(2), such
    ///               as address_in_use or permission_denied, and the endpoint in its text. The
    ///               simulated world has the addresses of the loopback device and no others:
    ///               address_not_available.
    /// Threads       the thread of the loop that is to use it.
    [[nodiscard]] static udp_socket bind(const endpoint& where, const udp_options& options = {});

    /// A socket with a peer, and any port of its own: send() goes there, and only what comes from
    /// there is received. Nobody is asked, so this does not tell whether the peer exists.
    ///
    /// Errors        as bind(), with the codes of connect(2).
    /// Threads       the thread of the loop that is to use it.
    [[nodiscard]] static udp_socket connect(const endpoint& peer, const udp_options& options = {});

    /// A socket that gets a port of its own with the first datagram it sends.
    ///
    /// Errors        as bind().
    /// Threads       the thread of the loop that is to use it.
    [[nodiscard]] static udp_socket unbound_v4(const udp_options& options = {});
    [[nodiscard]] static udp_socket unbound_v6(const udp_options& options = {});

    /// Takes over a socket for datagrams, also one of another family than the internet's. Those
    /// have no endpoints: use send() and receive().
    ///
    /// Errors        std::bad_alloc; the socket is closed then.
    [[nodiscard]] static udp_socket adopt(unique_fd socket);

    /// Gives it a peer, in place of the one it may have had; see connect(). With bind() before,
    /// both ends are chosen.
    ///
    /// Errors        errc::closed if it was closed; std::system_error of connect(2).
    /// Complexity    one system call.
    void set_peer(const endpoint& peer);

    /// Receives the next datagram.
    ///
    /// One that is longer than `buffer` is cut; the result says so, and how long it was. An empty
    /// buffer therefore takes a datagram away and tells its length only. No datagram is longer than
    /// 65'507 bytes over IPv4, and few come through that are longer than 1'472.
    ///
    /// Returns       datagram{bytes, peer, full_size}; of size 0 if an empty one was sent, which is
    ///               not an end.
    /// Errors        errc::closed        the socket was closed, before or during the wait.
    ///               connection_refused and others of recvmsg(2)
    ///                                   with a peer only: something sent earlier could not be
    ///                                   delivered (ICMP). It is told once, to whoever sends or
    ///                                   receives next, and the socket stays usable.
    /// Suspends      if nothing has arrived.
    /// Cancellation  clean. A datagram is taken from the system in the turn in which the task goes
    ///               on; if the request is first it stays there for the next who receives.
    /// Threads       the loop's thread.
    /// Lifetime      `buffer` must stay valid until the await has ended.
    /// Complexity    one system call if a datagram is there, else one for readiness and two to
    ///               receive. Each wakes all who wait, and all but one wait again. Allocates
    ///               nothing.
    /// Source        recvmsg(2) with MSG_TRUNC; udp(7) on asynchronous errors.
    [[nodiscard]] udp_receive_awaitable receive_from(std::span<std::byte> buffer) noexcept {
        return udp_receive_awaitable{socket_.get(), buffer};
    }

    /// receive_from() by the name that suits a socket with a peer.
    ///
    /// Returns       datagram{bytes, peer, full_size}.
    /// Errors        as for receive_from.
    /// Suspends      if nothing has arrived.
    /// Cancellation  clean, as for receive_from.
    /// Threads       the loop's thread.
    /// Lifetime      `buffer` must stay valid until the await has ended.
    [[nodiscard]] udp_receive_awaitable receive(std::span<std::byte> buffer) noexcept {
        return receive_from(buffer);
    }

    /// Sends one datagram, which may be empty; to the peer or to somebody else.
    ///
    /// The system takes it whole or not at all. Taken is not received, and not even sent on.
    ///
    /// Errors        errc::closed        the socket was closed, before or during the wait.
    ///               message_size        it is too long to be sent.
    ///               connection_refused  with a peer only, and about an earlier datagram: see
    ///                                   receive_from. This one was not sent.
    ///               address_not_available
    ///                                   it has no port yet, and the system has none left.
    ///               permission_denied   a broadcast address, without udp_options::broadcast.
    ///               network_unreachable, address_family_not_supported and others of sendmsg(2)
    ///                                   it cannot go there from here.
    /// Suspends      while the socket's buffer is full.
    /// Cancellation  clean. Nothing was sent if it is stopped.
    /// Threads       the loop's thread.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    /// Complexity    one system call if there is room, else one for readiness and two to send.
    ///               Allocates nothing.
    /// Source        sendmsg(2) with MSG_NOSIGNAL.
    [[nodiscard]] udp_send_awaitable send_to(std::span<const std::byte> bytes,
                                             const endpoint& to) noexcept {
        return udp_send_awaitable{socket_.get(), bytes, to};
    }

    /// Sends one datagram to the peer.
    ///
    /// Errors        destination_address_required if it has none; otherwise as for send_to.
    /// Suspends      while the socket's buffer is full.
    /// Cancellation  clean, as for send_to.
    /// Threads       the loop's thread.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    [[nodiscard]] udp_send_awaitable send(std::span<const std::byte> bytes) noexcept {
        return udp_send_awaitable{socket_.get(), bytes, std::nullopt};
    }

    /// The datagrams that arrive, each in `buffer` until the next is asked for.
    ///
    ///     auto arrivals = socket.datagrams(buffer);
    ///     while (auto got = co_await arrivals.next()) handle(*got);
    ///
    /// Returns       a generator; it ends when the socket is closed.
    /// Errors        those of receive_from except errc::closed; they end the generator, not the
    ///               socket, and datagrams() may be called again.
    /// Cancellation  clean, as for receive_from.
    /// Lifetime      `buffer` must outlive the generator, and the socket must neither end nor be
    ///               moved while a next() is pending.
    /// Complexity    one allocation for the generator; none for each datagram.
    [[nodiscard]] async_generator<datagram> datagrams(std::span<std::byte> buffer);

    /// True when receiving would not wait.
    ///
    /// Complexity    one system call.
    [[nodiscard]] bool has_input() const noexcept {
        return socket_.get() == nullptr || socket_.get()->has_input();
    }

    /// The addresses of the two ends; the second one is the peer's.
    ///
    /// Errors        errc::closed if it was closed; std::system_error with not_connected if it has
    ///               no peer, and with address_family_not_supported for a socket that is not of the
    ///               internet.
    [[nodiscard]] endpoint local_endpoint() const;
    [[nodiscard]] endpoint peer_endpoint() const;

    /// Ends each wait with errc::closed. Datagrams that were not received are dropped; those that
    /// were sent go their way. A second call does nothing.
    void close() noexcept {
        if (detail::shared_socket* const closing = socket_.get()) detail::close_datagrams(*closing);
    }

private:
    explicit udp_socket(detail::socket_owner owned) noexcept : socket_{std::move(owned)} {}

    static udp_socket unbound(int family, const udp_options& options);

    detail::socket_owner socket_;
};

}  // namespace simul
