// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/descriptor.hpp: operations on a bare file descriptor.
//
// The layer that streams and listeners are made of, and the escape hatch for descriptors that this
// library knows nothing about. Buffers are borrowed: they belong to the operation until the await
// has ended. On the simulated backend a descriptor is one of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "simul/base/unique_fd.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/operation.hpp"

namespace simul {

namespace detail {

/// A leaf that waits for one operation of the backend. A negative result is thrown by take() as
/// std::system_error, or as closed when the descriptor was closed under it.
class descriptor_operation : public leaf, public operation {
public:
    descriptor_operation(opcode what, int fd, void* data, std::size_t length,
                         std::uint32_t events = 0) noexcept
        : leaf{kind}, operation{what, fd, data, length, &finished} {
        flags = events;
    }

    started start(waiter& self) noexcept;

protected:
    std::int32_t take_result() const;

private:
    static void finished(operation& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a descriptor"};

    bool asked_to_end_ = false;
};

class transfer_operation : public descriptor_operation {
public:
    using descriptor_operation::descriptor_operation;
    std::size_t take() const { return static_cast<std::size_t>(take_result()); }
};

class accept_operation : public descriptor_operation {
public:
    explicit accept_operation(int listener) noexcept
        : descriptor_operation{opcode::accept, listener, nullptr, 0} {}
    ~accept_operation();
    unique_fd take();
};

class connect_operation : public descriptor_operation {
public:
    connect_operation(int fd, std::span<const std::byte> address) noexcept
        : descriptor_operation{opcode::connect, fd, const_cast<std::byte*>(address.data()),
                               address.size()} {}
    void take() const { static_cast<void>(take_result()); }
};

class readiness_operation : public descriptor_operation {
public:
    readiness_operation(int fd, std::uint32_t events) noexcept
        : descriptor_operation{opcode::poll, fd, nullptr, 0, events} {}
    void take() const { static_cast<void>(take_result()); }
};

// Looks again in every pass while operations of the descriptor are in flight.
// TODO(perf): be told by the last of them instead; matters only for operations that end slowly.
class close_operation : public waiter {
public:
    explicit close_operation(int descriptor) noexcept : waiter{&respond}, descriptor_{descriptor} {}
    started start(waiter& self) noexcept;
    static void take() noexcept {}

private:
    static void respond(waiter& self, notice what) noexcept;
    bool try_close() noexcept;

    int descriptor_;
};

}  // namespace detail

/// What receive, send, read_descriptor and write_descriptor return.
class [[nodiscard("co_await it")]] transfer_awaitable {
public:
    transfer_awaitable(opcode what, int descriptor, void* data, std::size_t size) noexcept
        : what_{what}, descriptor_{descriptor}, data_{data}, size_{size} {}
    auto operator co_await() const noexcept {
        return detail::transfer_operation{what_, descriptor_, data_, size_};
    }

private:
    opcode what_;
    int descriptor_;
    void* data_;
    std::size_t size_;
};

/// What accept_descriptor returns.
class [[nodiscard("co_await it")]] accept_awaitable {
public:
    explicit accept_awaitable(int listener) noexcept : listener_{listener} {}
    auto operator co_await() const noexcept { return detail::accept_operation{listener_}; }

private:
    int listener_;
};

/// What connect_descriptor returns.
class [[nodiscard("co_await it")]] connect_awaitable {
public:
    connect_awaitable(int descriptor, std::span<const std::byte> address) noexcept
        : descriptor_{descriptor}, address_{address} {}
    auto operator co_await() const noexcept {
        return detail::connect_operation{descriptor_, address_};
    }

private:
    int descriptor_;
    std::span<const std::byte> address_;
};

/// What wait_readable and wait_writable return.
class [[nodiscard("co_await it")]] readiness_awaitable {
public:
    readiness_awaitable(int descriptor, std::uint32_t events) noexcept
        : descriptor_{descriptor}, events_{events} {}
    auto operator co_await() const noexcept {
        return detail::readiness_operation{descriptor_, events_};
    }

private:
    int descriptor_;
    std::uint32_t events_;
};

/// What close_descriptor returns.
class [[nodiscard("co_await it")]] close_awaitable {
public:
    explicit close_awaitable(int descriptor) noexcept : descriptor_{descriptor} {}
    auto operator co_await() const noexcept { return detail::close_operation{descriptor_}; }

private:
    int descriptor_;
};

/// Waits until bytes have arrived on a socket and receives up to `buffer.size()` of them.
///
/// Returns       how many bytes; 0 at the end of the stream.
/// Errors        std::system_error with the code of recv(2); closed if the descriptor was closed
///               meanwhile.
/// Suspends      if nothing has arrived; on io_uring always.
/// Cancellation  clean. Bytes that arrived while the request was on its way are delivered, and the
///               task is stopped at its next await.
/// Threads       the loop's thread.
/// Lifetime      `buffer` must stay valid and untouched until the await has ended.
/// Complexity    one system call or one ring entry; allocates nothing.
/// Source        recv(2); IORING_OP_RECV since Linux 5.6.
[[nodiscard]] inline transfer_awaitable receive_from(int descriptor,
                                                     std::span<std::byte> buffer) noexcept {
    return transfer_awaitable{opcode::receive, descriptor, buffer.data(), buffer.size()};
}

/// Waits until a socket takes bytes and sends as many of `buffer` as it takes at once.
///
/// Returns       how many bytes were taken, at least 1 unless the buffer is empty.
/// Errors        std::system_error with the code of send(2), broken_pipe without a signal; closed
///               if the descriptor was closed meanwhile.
/// Suspends      if the socket's buffer is full; on io_uring always.
/// Cancellation  clean. Bytes that were taken while the request was on its way are reported, and
///               the task is stopped at its next await.
/// Threads       the loop's thread.
/// Lifetime      `buffer` must stay valid and unchanged until the await has ended.
/// Complexity    one system call or one ring entry; allocates nothing.
/// Source        send(2) with MSG_NOSIGNAL; IORING_OP_SEND since Linux 5.6.
[[nodiscard]] inline transfer_awaitable send_to(int descriptor,
                                                std::span<const std::byte> buffer) noexcept {
    return transfer_awaitable{opcode::send, descriptor, const_cast<std::byte*>(buffer.data()),
                              buffer.size()};
}

/// receive_from for pipes, terminals and event descriptors; the descriptor must be non-blocking.
///
/// Returns       how many bytes; 0 at the end.
/// Errors        std::system_error with the code of read(2); closed if the descriptor was closed
///               meanwhile.
/// Suspends      if nothing is there to read; on io_uring always.
/// Cancellation  clean, as for receive_from.
/// Threads       the loop's thread.
/// Lifetime      `buffer` must stay valid and untouched until the await has ended.
/// Source        read(2).
[[nodiscard]] inline transfer_awaitable read_descriptor(int descriptor,
                                                        std::span<std::byte> buffer) noexcept {
    return transfer_awaitable{opcode::read, descriptor, buffer.data(), buffer.size()};
}

/// send_to for pipes, terminals and event descriptors; the descriptor must be non-blocking.
///
/// Returns       how many bytes were taken.
/// Errors        std::system_error with the code of write(2); closed if the descriptor was closed
///               meanwhile.
/// Suspends      if no byte can be written; on io_uring always.
/// Cancellation  clean, as for send_to.
/// Threads       the loop's thread.
/// Lifetime      `buffer` must stay valid and unchanged until the await has ended.
/// Source        write(2).
[[nodiscard]] inline transfer_awaitable write_descriptor(
    int descriptor, std::span<const std::byte> buffer) noexcept {
    return transfer_awaitable{opcode::write, descriptor, const_cast<std::byte*>(buffer.data()),
                              buffer.size()};
}

/// Waits for the next connection on a listening socket. The layer above adds what a server wants
/// (an owner for the descriptor, and a place where a connection accepted too late is kept).
///
/// Returns       unique_fd, the connection's descriptor, non-blocking and closed on exec.
/// Errors        std::system_error with the code of accept4(2); closed if the listener was closed
///               meanwhile.
/// Suspends      if no connection is queued; on io_uring always.
/// Cancellation  clean. A connection that was accepted while the request was on its way is
///               delivered, and the task is stopped at its next await.
/// Threads       the loop's thread.
/// Source        accept4(2); IORING_OP_ACCEPT since Linux 5.5.
[[nodiscard]] inline accept_awaitable accept_descriptor(int listener) noexcept {
    return accept_awaitable{listener};
}

/// Connects a non-blocking socket to the socket address in `address` (a sockaddr and its length).
///
/// Errors        std::system_error with the code of connect(2); closed if the descriptor was closed
///               meanwhile.
/// Suspends      until the connection is made or refused.
/// Cancellation  partial. The attempt is given up and the socket is in no defined state: close it.
/// Threads       the loop's thread.
/// Lifetime      `address` must stay valid until the await has ended.
/// Source        connect(2); IORING_OP_CONNECT since Linux 5.5.
[[nodiscard]] inline connect_awaitable connect_descriptor(
    int descriptor, std::span<const std::byte> address) noexcept {
    return connect_awaitable{descriptor, address};
}

/// Waits until a read on a foreign descriptor would not block: data, the end, or an error is there.
///
/// Errors        std::system_error with the code of poll(2) or epoll_ctl(2); closed if the
///               descriptor was closed through close_descriptor meanwhile.
/// Suspends      if it is not readable now.
/// Cancellation  clean.
/// Threads       the loop's thread.
/// Lifetime      the descriptor must stay open until the await has ended.
/// Source        asyncio's add_reader; Trio's wait_readable.
[[nodiscard]] readiness_awaitable wait_readable(int descriptor) noexcept;

/// Waits until a write on a foreign descriptor would not block, or would fail.
///
/// Errors        as for wait_readable.
/// Suspends      if it is not writable now.
/// Cancellation  clean.
/// Threads       the loop's thread.
/// Lifetime      the descriptor must stay open until the await has ended.
/// Source        asyncio's add_writer; Trio's wait_writable.
[[nodiscard]] readiness_awaitable wait_writable(int descriptor) noexcept;

/// Ends every operation in flight on a descriptor with errc::closed, waits until the system has let
/// go of their buffers, then closes it.
///
/// A plain close(2) is not enough: with io_uring it leaves the operations alive, and the peer is
/// not told.
///
/// Errors        none; errors of close(2) are ignored, the descriptor is gone whatever it returns.
/// Suspends      if something is in flight that ends later.
/// Cancellation  completes. The descriptor is closed in every case, also when the scope was
///               cancelled before.
/// Threads       the loop's thread.
/// Source        Trio's notify_closing; seen on Linux 6.18: a close with a receive in flight posts
///               no completion.
[[nodiscard]] inline close_awaitable close_descriptor(int descriptor) noexcept {
    return close_awaitable{descriptor};
}

}  // namespace simul
