// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/operation.hpp: the record of one thing asked of the operating system.
//
//      idle ──submit──▶ in_flight ──────────completion──────────▶ completed
//        │                  │                                          ▲
//        │                  └──cancel──▶ cancelling ──completion───────┤
//        └──submit, finished at once───────────────────────────────────┘
//
// The record lies inside the awaiter, in the frame of the coroutine that waits, so submitting one
// allocates nothing. From submit to completion it and the buffer it names belong to the backend
// (with io_uring: to the kernel), and neither may be moved or destroyed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simul/base/assert.hpp"
#include "simul/base/intrusive_list.hpp"

namespace simul {

/// What an operation asks for.
enum class opcode : std::uint8_t {
    receive,  ///< recv(2): up to `size` bytes into `buffer`; 0 is the end of the stream
    send,     ///< send(2) with MSG_NOSIGNAL: up to `size` bytes from `buffer`
    read,     ///< read(2) at the current position; for pipes, terminals, event descriptors
    write,    ///< write(2) at the current position
    accept,   ///< accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC; the result is the descriptor
    connect,  ///< connect(2) to the socket address in `buffer`, `size` bytes long
    poll,     ///< waits for the poll(2) events in `flags`; the result is the events that hold

    // Of files, and only for backends that can(): they run beside one another, in no order. Reads
    // and writes are for regular files that are open without O_NONBLOCK.
    open,         ///< open(2) of the path in `buffer` with `flags`; the result is the descriptor
    read_at,      ///< pread(2)
    write_at,     ///< pwrite(2)
    synchronize,  ///< fdatasync(2)
    status,       ///< statx(2) of the type and size, into the struct statx in `buffer`
    close,        ///< close(2); once submitted it is not to be cancelled, and the result is final
};

/// Where an operation is on its way; see the drawing above.
enum class operation_state : std::uint8_t { idle, in_flight, cancelling, completed };

/// One request to a backend and, once completed, its result.
///
/// Threads       only the thread of the loop it is submitted to.
/// Lifetime      must not be destroyed between submit and completion; checked, because the kernel
///               may still write to the buffer.
class operation : public list_hook<operation> {
public:
    /// Called once, from backend::poll, when an operation that was pending has completed. `result`
    /// is filled in. It must not submit, cancel or resume anything: it queues its waiter.
    using completion = void (*)(operation&) noexcept;

    operation(opcode what, int fd, void* data, std::size_t length, completion done) noexcept
        : code{what},
          descriptor{fd},
          size{static_cast<std::uint32_t>(length < max_size ? length : max_size)},
          buffer{data},
          complete{done} {}
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    ~operation() {
        SIMUL_ASSERT(state != operation_state::in_flight && state != operation_state::cancelling,
                     "an operation was destroyed while the system still works on it");
    }

    /// The longest transfer one operation makes; longer buffers give short counts.
    static constexpr std::size_t max_size = std::size_t{1} << 30;

    /// In the flags of a receive: a short count says that nothing more has arrived, as it does on
    /// TCP. A backend may then wait for an event before it asks again.
    static constexpr std::uint32_t short_means_empty = 1;

    /// In the flags of a receive whose `buffer` is nullptr and whose `size` is that of a lease: the
    /// backend provides the buffer when bytes have come, and says by the result how many. If there
    /// are any, `buffer` is to become a buffer_lease; otherwise it is still nullptr.
    static constexpr std::uint32_t lends_buffer = 2;

    // Written by whoever submits, before it submits.
    opcode code;
    operation_state state = operation_state::idle;
    int descriptor;
    std::uint32_t size;
    std::uint32_t flags = 0;  ///< poll: the events; accept: the address's length; receive: above
    void* buffer;             ///< accept: for the peer's address, or nullptr
    completion complete;

    // Written by the backend.
    std::int32_t result = 0;  ///< a count or descriptor, or a negated errno
    std::uint32_t slot = 0;   ///< where the backend keeps it; meaningless to everyone else
};

/// The record of an open, read_at or write_at, which need one number more.
class positioned_operation : public operation {
public:
    positioned_operation(opcode what, int fd, void* data, std::size_t length, std::uint64_t where,
                         completion done) noexcept
        : operation{what, fd, data, length, done}, offset{where} {}

    /// In place of an offset: from the file's current position on, which moves.
    static constexpr std::uint64_t current_position = ~std::uint64_t{0};

    std::uint64_t offset;  ///< open: the permissions of a file that is made
};

}  // namespace simul
