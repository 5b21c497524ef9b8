// SPDX-License-Identifier: Apache-2.0
//
// io/socket_claim.hpp: the outgoing direction of a socket, for whoever writes in several steps.
//
// Between two steps nothing waits on the socket, and without a claim another task could write into
// the middle, or the descriptor could be closed while a thread works on its number.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "simul/base/error.hpp"
#include "simul/io/detail/socket.hpp"
#include "simul/io/tcp.hpp"

namespace simul::detail {

/// One step of a claim: sends bytes, or waits until the socket takes some.
class claimed_operation : public socket_operation {
public:
    claimed_operation(shared_socket* on, opcode what, void* data, std::size_t length,
                      std::uint32_t events) noexcept
        : socket_operation{on, direction::outgoing, what, data, length} {
        flags = events;
        use_claim();
    }
    [[nodiscard]] std::size_t take() const { return take_stream_result(result); }
};

class [[nodiscard("co_await it")]] claimed_awaitable {
public:
    claimed_awaitable(shared_socket* on, opcode what, void* data, std::size_t size,
                      std::uint32_t events) noexcept
        : socket_{on}, what_{what}, data_{data}, size_{size}, events_{events} {}
    auto operator co_await() const noexcept {
        return claimed_operation{socket_, what_, data_, size_, events_};
    }

private:
    shared_socket* socket_;
    opcode what_;
    void* data_;
    std::size_t size_;
    std::uint32_t events_;
};

/// While it lives, nobody else writes to the stream or shuts it down (errc::busy), the descriptor
/// stays open, and the stream counts as one that is waited on.
class outgoing_claim {
public:
    /// Throws closed, or error{errc::busy}.
    explicit outgoing_claim(tcp_stream& on) : socket_{on.socket_.get()} {
        check_open();
        if (socket_->is_claimed() || socket_->waiting(direction::outgoing) != nullptr) {
            throw error{errc::busy};
        }
        socket_->claim_began();
    }
    outgoing_claim(const outgoing_claim&) = delete;
    outgoing_claim& operator=(const outgoing_claim&) = delete;
    ~outgoing_claim() { socket_->claim_ended(); }

    void check_open() const {
        if (!socket_ || socket_->is_closed()) throw closed{};
    }
    [[nodiscard]] int descriptor() const noexcept { return socket_->descriptor(); }

    [[nodiscard]] claimed_awaitable write_some(std::span<const std::byte> bytes) noexcept {
        // Only read from: the operations of both directions have one type.
        return claimed_awaitable{socket_.get(), opcode::send, const_cast<std::byte*>(bytes.data()),
                                 bytes.size(), 0};
    }

    /// Gives the events that hold. No bytes go anywhere; one that moves none would not wait.
    [[nodiscard]] claimed_awaitable wait_writable() noexcept {
        return claimed_awaitable{socket_.get(), opcode::poll, nullptr, 1, POLLOUT};
    }

private:
    socket_reference socket_;
};

}  // namespace simul::detail
