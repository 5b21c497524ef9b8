// SPDX-License-Identifier: Apache-2.0
//
// simul/io/file.hpp: files on disk, read and written without stopping the loop.
//
// Linux has no readiness for files on disk: a read either has its bytes in memory or keeps its
// thread until the disk has answered. So somebody else makes the calls:
//
//   on io_uring    the kernel, when they open a file, or read, write, sync, finish or ask for the
//                  size of a regular one. What is in memory, up to 128 KiB, is read on the spot;
//                  the rest is work for the kernel's own threads.
//   otherwise      a thread of the loop's pool (offload in runtime/blocking.hpp): on every other
//                  backend; for devices, truncate and the functions on whole files; and where the
//                  kernel lacks an operation, which loop_info::reason then says.
//
// The results are the same. What follows for the caller:
//
//   cancellation   a call that nobody has begun is withdrawn, and nothing happened. One that runs
//                  is waited for, and its result delivered: buffers stay borrowed until then. The
//                  kernel may still end one on io_uring of which nothing has happened, such as a
//                  read that waits for a server; it is then as if nobody had begun it.
//   errors         those of offload come only from calls that a thread makes; on io_uring a lack
//                  of memory for the call itself is not_enough_memory.
//   cost           with a thread one hand-over and back for each call: 15 to 45 microseconds. On
//                  io_uring 2 to 10 (Linux 6.18, two cores). Pass large buffers, and use the
//                  functions on whole files below where they fit.
//   close()        is immediate for the caller; a call that runs keeps the descriptor until it has
//                  returned, so that its number cannot come to mean another file.
//
// read_file, write_file and append_file at the end do a whole job in one call of a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "simul/coro/task.hpp"

namespace simul {

namespace detail {
struct file_state;
struct file_access;
}  // namespace detail

/// What a file is opened for.
enum class open_mode : std::uint8_t {
    read,        ///< reading; it must exist
    write,       ///< writing from the start: made if missing, emptied if not
    append,      ///< writing, each time at the end, wherever that is by then; made if missing
    create_new,  ///< reading and writing; it must not exist, and no link of that name either
    read_write,  ///< reading and writing from the start; made if missing, kept if not
};

/// How a file is opened.
struct open_options {
    open_options() noexcept {}

    /// The permissions of a file that is made, less the process's umask. 0600 for secrets.
    unsigned permissions = 0666;

    /// Refuses a path whose last part is a symbolic link (too_many_symbolic_link_levels).
    bool no_follow = false;
};

/// An open file: a sequence of bytes with a current position.
///
///     file log = co_await file::open("crawl.log", open_mode::append);
///     co_await log.write_all(bytes_of(line));
///     co_await log.sync();
///
/// Regular files, and devices such as /dev/null, which stay non-blocking; pipes, sockets and
/// directories are refused, since a thread would wait for them without end. Use read_file and
/// write_file for files that fit into memory.
///
/// One call at a time may use the current position (read_some, write_some, write_all), and one may
/// change the file (these two, write_at, truncate): another one gets errc::busy. Calls of read_at,
/// size and sync may run beside any other.
///
/// After close(), moved from or default-made, every call ends with errc::closed. Calls that run
/// when close() is called end with their results.
///
/// Threads       the loop's thread.
/// Lifetime      owns the descriptor, which child processes do not inherit. The destructor closes
///               and cannot report what closing found out: see finish().
class file {
public:
    file() noexcept;
    file(file&& other) noexcept;
    file& operator=(file&& other) noexcept;
    ~file();

    /// Opens a file.
    ///
    /// Errors        std::filesystem::filesystem_error (a std::system_error) with the path and the
    ///               code of open(2); is_a_directory; invalid_argument for a pipe, a socket, or a
    ///               path with a zero byte in it; those of offload.
    /// Suspends      always.
    /// Cancellation  partial. A file that was opened while the request was on its way is closed; a
    ///               file may have been made or emptied by then.
    /// Source        open(2) with O_CLOEXEC.
    [[nodiscard]] static task<file> open(std::filesystem::path path,
                                         open_mode mode = open_mode::read,
                                         open_options options = {});

    /// Reads from the current position and moves it on.
    ///
    /// Returns       how many bytes, at most `buffer.size()`; 0 at the end of the file.
    /// Errors        std::system_error with the code of read(2); closed; busy; those of offload.
    /// Suspends      always, unless the buffer is empty.
    /// Cancellation  clean until the call has begun, then completes: the bytes are delivered, and
    ///               the task is stopped at its next await. On io_uring the kernel may end one that
    ///               has begun and has no bytes yet: clean.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    [[nodiscard]] task<std::size_t> read_some(std::span<std::byte> buffer);

    /// Reads from `offset`; the current position stays.
    ///
    /// Returns       how many bytes; fewer than `buffer.size()` only at the end of the file.
    /// Errors        std::system_error with the code of pread(2); closed; those of offload.
    /// Suspends      always, unless the buffer is empty.
    /// Cancellation  clean until the call has begun, then completes: the bytes are delivered, and
    ///               the task is stopped at its next await. On io_uring the kernel may end one that
    ///               has begun and has no bytes yet: clean.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    [[nodiscard]] task<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer);

    /// Writes at the current position, or at the end if opened to append, as much as the system
    /// takes in one call.
    ///
    /// Returns       how many bytes, at least 1 unless `bytes` is empty.
    /// Errors        std::system_error with the code of write(2): no_space_on_device,
    ///               file_too_large …; closed; busy; those of offload.
    /// Suspends      always, unless `bytes` is empty.
    /// Cancellation  clean until the call has begun, then completes: the count is delivered, and
    ///               the task is stopped at its next await. On io_uring the kernel may end one that
    ///               has begun and has written nothing: clean.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    [[nodiscard]] task<std::size_t> write_some(std::span<const std::byte> bytes);

    /// Writes all of `bytes` at the current position, or at the end if opened to append.
    ///
    /// Errors        those of write_some. What was written before the error stays in the file.
    /// Suspends      always, unless `bytes` is empty.
    /// Cancellation  clean until the call has begun, then completes: all is written. On io_uring
    ///               the kernel may end one that has begun and has written nothing: clean.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    /// Complexity    one call on another thread, whatever the size; on io_uring one for each GiB.
    [[nodiscard]] task<> write_all(std::span<const std::byte> bytes);

    /// Writes all of `bytes` at `offset`; the current position stays.
    ///
    /// Errors        those of write_some; invalid_argument if opened to append, because Linux would
    ///               write at the end.
    /// Suspends      always, unless `bytes` is empty.
    /// Cancellation  clean until the call has begun, then completes: all is written. On io_uring
    ///               the kernel may end one that has begun and has written nothing: clean.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    /// Source        pwrite(2), also its section BUGS.
    [[nodiscard]] task<> write_at(std::uint64_t offset, std::span<const std::byte> bytes);

    /// Asks how long the file is now.
    ///
    /// Errors        std::system_error with the code of fstat(2); closed; those of offload.
    /// Suspends      always: on a network file system this is a question to the server.
    /// Cancellation  clean.
    [[nodiscard]] task<std::uint64_t> size();

    /// Makes the file `length` bytes long, cutting it or adding zeros. The position stays.
    ///
    /// Errors        std::system_error with the code of ftruncate(2); closed; busy; those of
    ///               offload.
    /// Suspends      always.
    /// Cancellation  clean until a thread has begun, then completes.
    [[nodiscard]] task<> truncate(std::uint64_t length);

    /// Waits until what was written is on the disk, with the length of the file.
    ///
    /// Errors        std::system_error with the code of fdatasync(2). An input_output_error is told
    ///               once: what was written before may be lost, and a second sync() that succeeds
    ///               does not bring it back. closed; those of offload.
    /// Suspends      always.
    /// Cancellation  clean: writing to the disk goes on by itself, or was done.
    /// Source        fdatasync(2).
    [[nodiscard]] task<> sync();

    /// Closes the file and reports what close(2) says: some file systems tell only then that a
    /// write has failed (quotas, NFS). It does not wait for the disk: sync() first where a power
    /// cut matters.
    ///
    /// Errors        std::system_error with the code of close(2), the file being closed all the
    ///               same; busy if another call runs, and the file stays open; closed; those of
    ///               offload.
    /// Suspends      always.
    /// Cancellation  partial: the file is closed in every case, and if the call had not begun by
    ///               then, what close(2) says is lost. On io_uring it has begun with the await.
    [[nodiscard]] task<> finish();

    /// Closes the file now, or when the call that runs has returned. Again: does nothing.
    ///
    /// Complexity    one close(2) on the loop's thread. Where that may take long (network file
    ///               systems, the last link to a huge file) use finish().
    void close() noexcept;

    /// False after close() or finish(), moved from or default-made.
    [[nodiscard]] bool is_open() const noexcept;

private:
    friend struct detail::file_access;

    explicit file(std::shared_ptr<detail::file_state> state) noexcept;

    std::shared_ptr<detail::file_state> state_;
};

/// How long a file read_file takes by itself: 32 MiB.
inline constexpr std::size_t default_file_limit = std::size_t{32} << 20;

/// How write_file writes.
struct write_options {
    write_options() noexcept {}

    /// The permissions of the new file, exactly: the umask is not asked. Without a value they are
    /// those of the file that is replaced, or 0666 less the umask if there is none.
    std::optional<unsigned> permissions;
};

/// Reads a whole file, also one that does not know its length, as in /proc.
///
/// Returns       the bytes; text_of and bytes_of change the view.
/// Errors        file_too_large if there are more than `limit` bytes, of which no more than that
///               were read; those of file::open and file::read_some.
/// Suspends      always.
/// Cancellation  clean.
/// Threads       the loop's thread.
/// Complexity    one call on another thread.
[[nodiscard]] task<std::string> read_file(std::filesystem::path path,
                                          std::size_t limit = default_file_limit);

/// Replaces the content of a file, or makes it, in one step: whoever opens `path` sees all of the
/// old content or all of the new, also after a power cut. If it fails the old file is as it was.
///
/// The bytes go to a file with a random name in the same directory (".simul-" and 16 digits), which
/// is brought to the disk and renamed to `path`; then the directory is brought to the disk. A crash
/// in between leaves that file. The owner is not carried over from the old file, nor are further
/// links and extended attributes.
///
/// Errors        std::filesystem::filesystem_error with the path and the code of the call that
///               failed. A symbolic link is refused with too_many_symbolic_link_levels, a device or
///               pipe with invalid_argument: neither is what a rename should replace. If the last
///               step fails, the new content is there and might not survive a power cut. Those of
///               offload.
/// Suspends      always.
/// Cancellation  clean until a thread has begun, then completes: the file is replaced.
/// Threads       the loop's thread.
/// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
/// Complexity    one call on another thread, which waits for the disk twice.
/// Source        rename(2), fsync(2).
[[nodiscard]] task<> write_file(std::filesystem::path path, std::span<const std::byte> bytes,
                                write_options options = {});

/// Adds bytes at the end of a file; makes the file if there is none.
///
/// Errors        those of file::open, file::write_all and file::finish. What was written before the
///               error stays: others may have added something since.
/// Suspends      always.
/// Cancellation  clean until a thread has begun, then completes: all is written.
/// Threads       the loop's thread.
/// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
/// Complexity    one call on another thread. It does not wait for the disk.
[[nodiscard]] task<> append_file(std::filesystem::path path, std::span<const std::byte> bytes,
                                 open_options options = {});

}  // namespace simul
