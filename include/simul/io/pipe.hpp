// SPDX-License-Identifier: Apache-2.0
//
// simul/io/pipe.hpp: a stream over pipes.
//
// What the standard streams of another process are connected to, and what a program's own may be. A
// pipe goes one way, so a stream in both directions has two of them; most have one, and the other
// direction is closed from the beginning.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "simul/base/unique_fd.hpp"
#include "simul/io/detail/socket.hpp"

namespace simul {

class pipe_stream;

namespace detail {

class pipe_transfer : public socket_transfer {
public:
    /// `is_shut_down` when there is no pipe to write to any more because of a shutdown.
    pipe_transfer(shared_socket* on, direction which, opcode what, std::span<std::byte> bytes,
                  bool is_shut_down) noexcept
        : socket_transfer{on, which, what, bytes.data(), bytes.size()},
          is_shut_down_{is_shut_down} {}
    [[nodiscard]] std::size_t take() const;

private:
    bool is_shut_down_;
};

class pipe_shutdown {
public:
    explicit pipe_shutdown(pipe_stream& on) noexcept : stream_{on} {}

    started start(waiter& self) noexcept;
    void take() const { static_cast<void>(take_stream_result(result_)); }

private:
    pipe_stream& stream_;
    int result_ = 0;
};

}  // namespace detail

/// What pipe_stream::read_some and write_some return.
class [[nodiscard("co_await it")]] pipe_transfer_awaitable {
public:
    pipe_transfer_awaitable(detail::shared_socket* on, detail::direction which, opcode what,
                            std::span<std::byte> bytes, bool is_shut_down) noexcept
        : pipe_{on}, direction_{which}, what_{what}, bytes_{bytes}, is_shut_down_{is_shut_down} {}
    auto operator co_await() const noexcept {
        return detail::pipe_transfer{pipe_, direction_, what_, bytes_, is_shut_down_};
    }

private:
    detail::shared_socket* pipe_;
    detail::direction direction_;
    opcode what_;
    std::span<std::byte> bytes_;
    bool is_shut_down_;
};

/// What pipe_stream::shutdown returns.
class [[nodiscard("co_await it")]] pipe_shutdown_awaitable {
public:
    explicit pipe_shutdown_awaitable(pipe_stream& on) noexcept : stream_{on} {}
    auto operator co_await() const noexcept { return detail::pipe_shutdown{stream_}; }

private:
    pipe_stream& stream_;
};

/// Up to two ends of pipes, one to read and one to write: a stream that keeps the rules of
/// simul/io/stream.hpp. A direction that has no pipe behaves as one that was closed.
///
/// Threads       only the thread of the loop it was made on.
/// Lifetime      closes when it is destroyed; nothing may be waiting on it then, unless it was
///               closed before. One that was moved from is closed.
class pipe_stream {
public:
    /// A stream that was closed.
    pipe_stream() noexcept = default;

    /// Takes over the reading end of one pipe, the writing end of another, or both. They are made
    /// non-blocking, which everybody notices who shares the open file, as it is with a terminal.
    ///
    /// Errors        std::system_error: the code of fcntl(2); on the simulated backend
    ///               errc::unavailable for what is not one of its own pipes, such as those of a
    ///               process there. std::bad_alloc. The descriptors are closed then.
    [[nodiscard]] static pipe_stream adopt(unique_fd to_read, unique_fd to_write);

    /// Reads what is there, up to `buffer.size()` bytes.
    ///
    /// Returns       how many bytes; 0 at the end: everybody who could write has closed.
    /// Errors        errc::closed       this stream was closed, before or during the wait, or has
    ///                                  nothing to read from.
    ///               errc::busy         another task is already waiting in read_some.
    ///               others of read(2); std::system_error.
    /// Suspends      if nothing is there and more may come; on io_uring always.
    /// Cancellation  clean. Bytes that arrived while the request was on its way are delivered, and
    ///               the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    /// Complexity    one system call or one ring entry; allocates nothing.
    /// Source        read(2), pipe(7).
    [[nodiscard]] pipe_transfer_awaitable read_some(std::span<std::byte> buffer) noexcept {
        return pipe_transfer_awaitable{incoming_.get(), detail::direction::incoming, opcode::read,
                                       buffer, false};
    }

    /// Writes what the pipe takes now.
    ///
    /// Returns       how many bytes were taken, at least 1 unless `bytes` is empty.
    /// Errors        errc::closed       this stream was closed, before or during the wait, or has
    ///                                  nothing to write to.
    ///               errc::busy         another task is already waiting in write_some.
    ///               broken_pipe        nobody reads any more, or this stream was shut down;
    ///                                  std::system_error. There is no signal: run() ignores it.
    /// Suspends      if the pipe is full; on io_uring always.
    /// Cancellation  clean. Bytes that were taken while the request was on its way are reported,
    ///               and the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    /// Complexity    one system call or one ring entry; allocates nothing.
    /// Source        write(2), pipe(7).
    [[nodiscard]] pipe_transfer_awaitable write_some(std::span<const std::byte> bytes) noexcept {
        // Only read from: the operations of both directions have one type.
        const std::span<std::byte> taken{const_cast<std::byte*>(bytes.data()), bytes.size()};
        return pipe_transfer_awaitable{outgoing_.get(), detail::direction::outgoing, opcode::write,
                                       taken, is_shut_down_};
    }

    /// Says that no more will be written, by closing the end to write to. A second call does
    /// nothing.
    ///
    /// Errors        errc::closed       the stream was closed, or has nothing to write to.
    ///               errc::busy         a task waits in write_some.
    /// Suspends      never.
    /// Cancellation  clean.
    [[nodiscard]] pipe_shutdown_awaitable shutdown() noexcept {
        return pipe_shutdown_awaitable{*this};
    }

    /// Closes both ends. What waits ends with errc::closed. A second call does nothing.
    void close() noexcept;

    /// True when a read would not wait.
    [[nodiscard]] bool has_input() const noexcept;

private:
    friend class detail::pipe_shutdown;

    /// Shuts down; a result as in detail/stream_result.hpp.
    int shut_down() noexcept;

    detail::socket_owner incoming_;
    detail::socket_owner outgoing_;
    bool is_shut_down_ = false;
};

}  // namespace simul
