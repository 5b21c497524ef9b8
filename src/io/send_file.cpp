// SPDX-License-Identifier: Apache-2.0
#include "simul/io/send_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "io/file_calls.hpp"
#include "io/file_state.hpp"
#include "io/socket_claim.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace detail {

namespace {

// What a cancelled call is waited for, and how long a fast peer may keep a thread.
constexpr std::uint64_t largest_piece = std::uint64_t{1} << 20;

struct sent_piece {
    sent_piece() noexcept {}

    std::uint64_t count = 0;
    int error = 0;  ///< why there was no more; 0 for all of it, or the end of the file
    bool is_last = false;
};

// On a thread of the pool, where a signal for a connection that is gone (SIGPIPE) is blocked.
sent_piece send_piece(int socket, int source, std::uint64_t offset, std::uint64_t size) noexcept {
    sent_piece piece;
    while (piece.count != size) {
        auto position = static_cast<::off_t>(offset + piece.count);
        const ::ssize_t count = file_calls->sendfile(socket, source, &position,
                                                     static_cast<std::size_t>(size - piece.count));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) piece.error = errno;
        if (count == 0) piece.is_last = true;
        if (count <= 0) break;
        piece.count += static_cast<std::uint64_t>(count);
    }
    return piece;
}

// A blocking socket would keep the thread until the peer has read.
bool can_send_by_kernel(int socket, std::uint64_t offset) noexcept {
    if (loop::current().is_simulated()) return false;
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max());
    if (offset > most - largest_piece) return false;
    const int flags = ::fcntl(socket, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

task<sent_piece> send_next_piece(const outgoing_claim& claim, file& from, std::uint64_t offset,
                                 std::uint64_t count) {
    const file_use use{file_access::state(from), file_claims::nothing};
    co_return co_await offload(&send_piece, claim.descriptor(), use.descriptor(), offset,
                               std::min(count, largest_piece));
}

task<std::uint64_t> send_over(tcp_stream& to, file& from, std::uint64_t offset,
                              std::uint64_t count) {
    outgoing_claim claim{to};
    if (!from.is_open()) throw closed{};
    std::uint64_t sent = 0;
    while (sent != count && can_send_by_kernel(claim.descriptor(), offset + sent)) {
        const sent_piece piece = co_await send_next_piece(claim, from, offset + sent, count - sent);
        claim.check_open();
        sent += piece.count;
        if (piece.is_last) co_return sent;
        if (piece.error == EINVAL || piece.error == ENOSYS) break;
        if (piece.error == EAGAIN) {
            co_await claim.wait_writable();
        } else if (piece.error != 0) {
            throw_stream_error(-piece.error);
        }
    }
    if (sent == count) co_return sent;
    const std::uint64_t copied = co_await send_copies(claim, from, offset + sent, count - sent);
    co_return sent + copied;
}

}  // namespace

}  // namespace detail

task<std::uint64_t> send_file(tcp_stream& to, file& from, std::uint64_t offset,
                              std::uint64_t count) {
    return detail::send_over(to, from, offset, count);
}

}  // namespace simul
