// SPDX-License-Identifier: Apache-2.0
//
// io/file_calls.hpp: the blocking calls of files, as they are made on a thread of the pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

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

/// Opens `path` and refuses what a file is not.
unique_fd open_path(const std::filesystem::path& path, open_mode mode, const open_options& options);

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
