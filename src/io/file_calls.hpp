// SPDX-License-Identifier: Apache-2.0
//
// io/file_calls.hpp: the blocking calls of files, as they are made on a thread of the pool.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>

#include <sys/types.h>

#include "simul/base/unique_fd.hpp"
#include "simul/io/file.hpp"

namespace simul::detail {

/// The system calls whose failures cannot be had on demand. Tests put their own in place.
struct file_system_calls {
    ::ssize_t (*read)(int, void*, std::size_t);
    ::ssize_t (*write)(int, const void*, std::size_t);
    ::ssize_t (*pwrite)(int, const void*, std::size_t, ::off_t);
    int (*fdatasync)(int);
    int (*fsync)(int);
    int (*rename)(int, const char*, int, const char*);
    int (*close)(int);
    ::ssize_t (*sendfile)(int, int, ::off_t*, std::size_t);
};

extern const file_system_calls system_file_calls;

/// The ones in use; to be changed only while no call is under way.
extern const file_system_calls* file_calls;

[[noreturn]] void throw_file_error(const char* doing, int code);
[[noreturn]] void throw_path_error(const char* doing, const std::filesystem::path& path, int code);

/// What open_path has opened.
struct opened_path {
    opened_path(unique_fd opened, bool regular) noexcept
        : descriptor{std::move(opened)}, is_regular{regular} {}

    unique_fd descriptor;
    bool is_regular;  ///< and not a device; it is open without O_NONBLOCK then
};

/// Refuses a path with a zero byte in it.
void check_path(const std::filesystem::path& path);

/// The flags of open(2) for a file. O_NONBLOCK is to be added first, which keeps the open of a pipe
/// without a writer from taking for ever; if that gives EWOULDBLOCK another process holds a lease
/// on the file, which the kernel takes back while an open without it waits.
int flags_of(open_mode mode, const open_options& options) noexcept;

/// Refuses what a file is not, by the type in st_mode, and takes O_NONBLOCK away again from a
/// regular file: io_uring would give EAGAIN for what is not in memory, on file systems that cannot
/// be asked. A device keeps it, so that the read of a terminal does not hold a thread for ever.
opened_path as_file(unique_fd opened, unsigned type, int flags, const std::filesystem::path& path);

/// Opens `path` and refuses what a file is not.
opened_path open_path(const std::filesystem::path& path, open_mode mode,
                      const open_options& options);

/// An offset beyond what the system can count is one it would refuse.
::off_t offset_of(const char* doing, std::uint64_t offset);

/// What a write gives that took nothing of something; a loop would never end.
inline constexpr int took_nothing = EIO;

std::size_t read_once(int descriptor, std::span<std::byte> buffer);
std::size_t read_all_at(int descriptor, std::uint64_t offset, std::span<std::byte> buffer);
std::size_t write_once(int descriptor, std::span<const std::byte> bytes);
void write_everything(int descriptor, std::span<const std::byte> bytes);
void write_everything_at(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes);
std::uint64_t size_of(int descriptor);
void change_size(int descriptor, std::uint64_t length);
void sync_data(int descriptor);

/// Closes and reports what the system says.
void close_and_report(unique_fd descriptor);

}  // namespace simul::detail
