// SPDX-License-Identifier: Apache-2.0
//
// simul/io/send_file.hpp: a piece of a file, sent over a stream.
//
// Over TCP the kernel takes the bytes out of its cache of the file and none is copied into this
// program. It may have to read them from the disk first, and keeps its thread meanwhile. So the
// call is made on a thread of the loop's pool, like every other on a file:
//
//      thread    sendfile(2): as much as the socket takes, 1 MiB at most
//        │ ▲
//        ▼ │ there is room
//      loop      waits until the socket takes more
//
// Over every other stream, and where the kernel refuses (files that are made while they are read,
// as in /proc), the bytes are read into a buffer and written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "simul/coro/task.hpp"
#include "simul/io/file.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"

namespace simul {

/// As the count of send_file: all that follows the offset.
inline constexpr std::uint64_t to_end_of_file = std::numeric_limits<std::uint64_t>::max();

namespace detail {

/// Reads and writes; `to` needs a write_some and nothing else.
template <class Writer>
task<std::uint64_t> send_copies(Writer& to, file& from, std::uint64_t offset, std::uint64_t count) {
    constexpr std::uint64_t most_at_once = 65536;
    const auto size = static_cast<std::size_t>(std::min(count, most_at_once));
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
    std::uint64_t sent = 0;
    while (sent != count) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count - sent, size));
        const std::span<std::byte> space{buffer.get(), wanted};
        const std::size_t there = co_await from.read_at(offset + sent, space);
        std::span<const std::byte> rest = space.first(there);
        while (!rest.empty()) {
            const std::size_t taken = co_await to.write_some(rest);
            rest = rest.subspan(taken);
        }
        sent += there;
        if (there < wanted) break;
    }
    co_return sent;
}

}  // namespace detail

/// Sends a piece of a file over any stream: reads and writes, 64 KiB at a time.
///
///     file page = co_await file::open("index.html");
///     co_await send_file(connection, page);
///
/// The position of the file is not used and stays. No bytes of others may come in between: while a
/// write waits they are refused as the stream does it, while the file is read they are not.
///
/// Returns       how many bytes were sent: `count`, or less if the file ends before.
/// Errors        those of file::read_at and of the stream's write_some. What was sent before is
///               sent.
/// Suspends      always, unless `count` is 0.
/// Cancellation  partial. A part may have been sent, and nobody knows how much: close the stream.
/// Threads       those of the stream.
/// Lifetime      stream and file must outlive the call. Closing one of them ends it with
///               errc::closed.
/// Complexity    one call on another thread and one allocation of up to 64 KiB.
/// Source        asyncio's loop.sendfile with fallback.
template <byte_stream Stream>
[[nodiscard]] task<std::uint64_t> send_file(Stream& to, file& from, std::uint64_t offset = 0,
                                            std::uint64_t count = to_end_of_file) {
    return detail::send_copies(to, from, offset, count);
}

/// Sends a piece of a file over TCP, by the kernel where that is possible; see the top of this
/// file.
///
/// From its first step to its end it has the outgoing direction to itself: another write, another
/// send_file and shutdown() are refused with errc::busy. Reading goes on.
///
/// Returns       how many bytes were sent: `count`, or less if the file ends before.
/// Errors        errc::closed       stream or file were closed, before or meanwhile.
///               errc::busy         another task writes to the stream.
///               bad_file_descriptor
///                                  the file was not opened for reading; std::system_error.
///               those of tcp_stream::write_some and of file::read_at. What was sent before is
///               sent.
/// Suspends      always, unless `count` is 0.
/// Cancellation  partial. What a thread is just sending, up to 1 MiB, is waited for; it does not
///               wait for the peer. A part may have been sent, and nobody knows how much: close the
///               stream.
/// Threads       the loop's thread.
/// Lifetime      stream and file must outlive the call, and neither may be moved meanwhile. After
///               close() of the stream what a thread is just sending may still go out.
/// Complexity    one call on another thread each time the socket has room, no copy of the bytes.
/// Source        sendfile(2); asyncio's loop.sendfile.
[[nodiscard]] task<std::uint64_t> send_file(tcp_stream& to, file& from, std::uint64_t offset = 0,
                                            std::uint64_t count = to_end_of_file);

}  // namespace simul
