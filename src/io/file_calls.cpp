// SPDX-License-Identifier: Apache-2.0
#include "io/file_calls.hpp"

#include <cerrno>
#include <cstdio>
#include <limits>
#include <system_error>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace simul::detail {

const file_system_calls system_file_calls{
    .read = &::read,
    .write = &::write,
    .pwrite = &::pwrite,
    .fdatasync = &::fdatasync,
    .fsync = &::fsync,
    .rename = &::renameat,
    .close = &::close,
    .sendfile = &::sendfile,
};

const file_system_calls* file_calls = &system_file_calls;

void throw_file_error(const char* doing, int code) {
    throw std::system_error{code, std::system_category(), doing};
}

void throw_path_error(const char* doing, const std::filesystem::path& path, int code) {
    throw std::filesystem::filesystem_error{doing, path,
                                            std::error_code{code, std::system_category()}};
}

namespace {

static_assert(sizeof(::off_t) == 8, "offsets need 64 bits: define _FILE_OFFSET_BITS=64");

// Makes a call again for as long as a signal interrupts it.
template <class Call>
auto without_interruption(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

int flags_of(open_mode mode) noexcept {
    switch (mode) {
        case open_mode::read: return O_RDONLY;
        case open_mode::write: return O_WRONLY | O_CREAT | O_TRUNC;
        case open_mode::append: return O_WRONLY | O_CREAT | O_APPEND;
        case open_mode::create_new: return O_RDWR | O_CREAT | O_EXCL;
        case open_mode::read_write: return O_RDWR | O_CREAT;
    }
    return O_RDONLY;
}

}  // namespace

::off_t offset_of(const char* doing, std::uint64_t offset) {
    if (offset > static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max())) {
        throw_file_error(doing, EINVAL);
    }
    return static_cast<::off_t>(offset);
}

void check_path(const std::filesystem::path& path) {
    if (path.native().find('\0') != std::string::npos) {
        throw_path_error("open: the path contains a zero byte", path, EINVAL);
    }
}

int flags_of(open_mode mode, const open_options& options) noexcept {
    return flags_of(mode) | O_CLOEXEC | O_NOCTTY | (options.no_follow ? O_NOFOLLOW : 0);
}

opened_path as_file(unique_fd opened, unsigned type, int flags, const std::filesystem::path& path) {
    if (S_ISDIR(type)) throw_path_error("open", path, EISDIR);
    if (S_ISFIFO(type) || S_ISSOCK(type)) {
        throw_path_error("open: a pipe or socket is no file", path, EINVAL);
    }
    const bool blocks = S_ISREG(type) && ::fcntl(opened.get(), F_SETFL, flags & O_APPEND) == 0;
    return {std::move(opened), blocks};
}

opened_path open_path(const std::filesystem::path& path, open_mode mode,
                      const open_options& options) {
    check_path(path);
    const int flags = flags_of(mode, options);
    const auto open = [&](int further) {
        return without_interruption(
            [&] { return ::open(path.c_str(), flags | further, options.permissions & 07777U); });
    };
    unique_fd opened{open(O_NONBLOCK)};
    if (!opened && errno == EWOULDBLOCK) opened.reset(open(0));
    if (!opened) throw_path_error("open", path, errno);

    struct stat about{};
    if (::fstat(opened.get(), &about) < 0) throw_path_error("open: fstat", path, errno);
    return as_file(std::move(opened), about.st_mode, flags, path);
}

std::size_t read_once(int descriptor, std::span<std::byte> buffer) {
    const ::ssize_t count = without_interruption(
        [&] { return file_calls->read(descriptor, buffer.data(), buffer.size()); });
    if (count < 0) throw_file_error("read", errno);
    return static_cast<std::size_t>(count);
}

std::size_t read_all_at(int descriptor, std::uint64_t offset, std::span<std::byte> buffer) {
    ::off_t position = offset_of("read_at", offset);
    std::size_t total = 0;
    while (total < buffer.size()) {
        const std::span<std::byte> rest = buffer.subspan(total);
        const ::ssize_t count = without_interruption(
            [&] { return ::pread(descriptor, rest.data(), rest.size(), position); });
        if (count < 0) throw_file_error("read_at", errno);
        if (count == 0) break;
        total += static_cast<std::size_t>(count);
        position += count;
    }
    return total;
}

std::size_t write_once(int descriptor, std::span<const std::byte> bytes) {
    const ::ssize_t count = without_interruption(
        [&] { return file_calls->write(descriptor, bytes.data(), bytes.size()); });
    if (count < 0) throw_file_error("write", errno);
    if (count == 0 && !bytes.empty()) throw_file_error("write", took_nothing);
    return static_cast<std::size_t>(count);
}

void write_everything(int descriptor, std::span<const std::byte> bytes) {
    while (!bytes.empty()) bytes = bytes.subspan(write_once(descriptor, bytes));
}

void write_everything_at(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes) {
    ::off_t position = offset_of("write_at", offset);
    while (!bytes.empty()) {
        const ::ssize_t count = without_interruption(
            [&] { return file_calls->pwrite(descriptor, bytes.data(), bytes.size(), position); });
        if (count <= 0) throw_file_error("write_at", count < 0 ? errno : took_nothing);
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        position += count;
    }
}

std::uint64_t size_of(int descriptor) {
    struct stat about{};
    if (::fstat(descriptor, &about) < 0) throw_file_error("size", errno);
    return static_cast<std::uint64_t>(about.st_size);
}

void change_size(int descriptor, std::uint64_t length) {
    const ::off_t wanted = offset_of("truncate", length);
    if (without_interruption([&] { return ::ftruncate(descriptor, wanted); }) < 0) {
        throw_file_error("truncate", errno);
    }
}

void sync_data(int descriptor) {
    if (without_interruption([&] { return file_calls->fdatasync(descriptor); }) < 0) {
        throw_file_error("sync", errno);
    }
}

// Never called twice: on Linux the descriptor is gone whatever close says.
void close_and_report(unique_fd descriptor) {
    if (file_calls->close(descriptor.release()) < 0) throw_file_error("close", errno);
}

}  // namespace simul::detail
