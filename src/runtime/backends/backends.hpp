// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/backends.hpp: the makers of the backends, one per file of this folder, and the
// few things the files share.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "simul/runtime/backend.hpp"

namespace simul::detail {

/// Makes the epoll backend.
///
/// Errors        std::system_error with the system's code.
std::unique_ptr<backend> make_epoll_backend();

/// Makes the poll backend.
///
/// Errors        std::system_error with the system's code.
std::unique_ptr<backend> make_poll_backend();

/// Makes the select backend. Operations on descriptors of FD_SETSIZE (1024) and above end with
/// EOVERFLOW on it.
///
/// Errors        std::system_error with the system's code; EOVERFLOW when the process has so many
///               descriptors open that the backend's own would be beyond that.
std::unique_ptr<backend> make_select_backend();

/// Makes the io_uring backend, or returns nullptr and says in `reason` why it cannot run here. Of
/// one that runs `reason` says what it leaves to others; nothing, as a rule.
///
/// Five environment variables are read, all of them aids for tests and debugging:
///   SIMUL_IO_URING_DELAY=N      holds every completion back for N polls, so that a cancel
///                               overtakes it, and checks that no coroutine frame is freed
///                               while an operation in flight uses its memory
///   SIMUL_IO_URING_REFUSE=NAME  behaves as if the kernel had refused with ENOSYS, EPERM, ENOMEM
///                               or EINVAL, or had no operation of that name: IORING_OP_SEND.
///                               Without one for files (IORING_OP_OPENAT, IORING_OP_FSYNC,
///                               IORING_OP_STATX, IORING_OP_CLOSE) the ring is used all the same,
///                               for the others
///   SIMUL_IO_URING_LEVEL=N      the set-up to start at: 0 what Linux 6.1 offers, 1 what 5.19
///                               offers, 2 what 5.11 offers
///   SIMUL_IO_URING_AHEAD=N      so many short receives in a row make the kernel receive ahead on a
///                               connection: 0 from the first on, 255 never
///   SIMUL_IO_URING_BUFFERS=N    so many buffers to receive ahead into, rounded down to a power of
///                               two
std::unique_ptr<backend> make_io_uring_backend(waited_for_by who, std::string& reason);

/// Makes the simulated backend; see simulated.hpp.
std::unique_ptr<backend> make_simulated_backend();

using backend_decorator = std::unique_ptr<backend> (*)(std::unique_ptr<backend>);

/// From now on make_backend() hands what it has made on this thread to `decorator`, and gives what
/// that returns; nullptr for nobody. For tests that put a clock of their own before a real backend.
///
/// Returns       the one before.
backend_decorator decorate_backends(backend_decorator decorator) noexcept;

/// True when the record or the buffer of an operation in flight shares a byte with
/// [begin, begin + size). It asks the io_uring backends of the calling thread that were made with
/// SIMUL_IO_URING_DELAY, and is false without any: for the allocator of frames, which calls it
/// before memory is given back.
///
/// Threads       any; sees the operations of the calling thread.
/// Complexity    O(operations in flight).
bool overlaps_operation_in_flight(const void* begin, std::size_t size) noexcept;

/// The time of every backend with a kernel behind it.
inline time_point monotonic_now() noexcept {
    const auto elapsed = std::chrono::steady_clock::now().time_since_epoch();
    return time_point{std::chrono::duration_cast<duration>(elapsed)};
}

/// True for errors that accept4 reports of one connection and not of the listener: the connection
/// is gone, and the wait for the next goes on. EOPNOTSUPP is not among them, because a socket that
/// cannot listen reports it for ever.
///
/// Source        accept(2), "Error handling".
inline bool concerns_one_connection(int error) noexcept {
    switch (error) {
        case ECONNABORTED:
        case EPROTO:
        case ENOPROTOOPT:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENONET: return true;
        default: return false;
    }
}

}  // namespace simul::detail
