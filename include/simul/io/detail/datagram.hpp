// SPDX-License-Identifier: Apache-2.0
//
// simul/io/detail/datagram.hpp: one datagram, received or sent when the system is ready for it.
//
//      start ──▶ try ──▶ done
//                 │ ▲
//      would wait │ └── the operation's turn, and nobody has asked it to end
//                 ▼ │
//          readiness, from the backend
//
// The system call is made in the turn in which the waiter goes on, and on every backend by the
// loop's thread. So a request to end comes before it or after it, never meanwhile: a datagram is in
// the system's queue or with its receiver. Nothing has to be given back, and nothing is held for
// who has not asked.
//
// Any number of tasks may wait in each direction: a datagram is taken or sent whole, so they cannot
// spoil one another's. Those that were woken in vain wait again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "simul/io/address.hpp"
#include "simul/io/detail/socket.hpp"
#include "simul/io/detail/stream_result.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/operation.hpp"

namespace simul {

class datagram;

namespace detail {

/// Ends all that waits on a socket for datagrams with stream_closed, then closes it.
void close_datagrams(shared_socket& on) noexcept;

class datagram_operation : public leaf, public operation, public waiter {
public:
    started start(waiter& self) noexcept;

protected:
    datagram_operation(shared_socket* through, direction which) noexcept;
    ~datagram_operation() = default;

    /// Makes the system call; false if it would have to wait. Does not ask who is closed.
    [[nodiscard]] virtual bool try_transfer() noexcept = 0;

    /// The size of the datagram, or a result as in stream_result.hpp.
    std::ptrdiff_t transferred_ = stream_closed;

private:
    enum class step : unsigned char { done, waits };

    [[nodiscard]] step try_or_wait() noexcept;
    static void ready(operation& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a datagram"};
    static void have_turn(waiter& self, notice what) noexcept;

    socket_reference socket_;
    bool asked_to_end_ = false;
};

class datagram_receive final : public datagram_operation {
public:
    datagram_receive(shared_socket* through, std::span<std::byte> place) noexcept
        : datagram_operation{through, direction::incoming}, buffer_{place} {}
    [[nodiscard]] datagram take() const;

private:
    [[nodiscard]] bool try_transfer() noexcept override;

    std::span<std::byte> buffer_;
    endpoint peer_;
};

class datagram_send final : public datagram_operation {
public:
    datagram_send(shared_socket* through, std::span<const std::byte> bytes,
                  const std::optional<endpoint>& to) noexcept
        : datagram_operation{through, direction::outgoing}, bytes_{bytes}, to_{to} {}
    void take() const;

private:
    [[nodiscard]] bool try_transfer() noexcept override;

    std::span<const std::byte> bytes_;
    std::optional<endpoint> to_;
};

}  // namespace detail

}  // namespace simul
