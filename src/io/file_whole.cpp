// SPDX-License-Identifier: Apache-2.0
//
// Whole files, each in one call on another thread.
#include "simul/io/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file_calls.hpp"
#include "simul/base/bytes.hpp"
#include "simul/runtime/blocking.hpp"

namespace simul {

namespace detail {

namespace {

constexpr std::size_t smallest_step = 16 * 1024;

// Calls `work`, whose errors know no path, and adds the path to them.
template <class Work>
auto with_path(const std::filesystem::path& path, Work work) {
    try {
        return work();
    } catch (const std::filesystem::filesystem_error&) {
        throw;
    } catch (const std::system_error& failure) {
        throw std::filesystem::filesystem_error{"file", path, failure.code()};
    }
}

// Reads into room for one byte more than the file says it has, so that the usual file takes one
// read and one that tells it is the end; a longer one grows by half.
std::string read_everything(int descriptor, std::size_t limit, const std::filesystem::path& path) {
    const std::uint64_t told = size_of(descriptor);
    if (told > limit) throw_path_error("read_file", path, EFBIG);
    std::string content;
    std::size_t total = 0;
    content.resize(std::min<std::size_t>(limit, told == 0 ? smallest_step : told));
    while (total < limit) {
        if (total == content.size()) {
            // It may have its end here: asked with little room, before the string is copied.
            std::array<std::byte, 512> more{};
            const std::size_t count =
                read_once(descriptor, std::span{more}.first(std::min(more.size(), limit - total)));
            if (count == 0) break;
            content.resize(std::min(limit, total + std::max(total / 2, smallest_step)));
            std::ranges::copy(text_of(std::span{more}.first(count)),
                              content.begin() + static_cast<std::ptrdiff_t>(total));
            total += count;
            continue;
        }
        const std::span<char> room = std::span{content}.subspan(total);
        const std::size_t count = read_once(descriptor, std::as_writable_bytes(room));
        if (count == 0) break;
        total += count;
    }
    if (total == limit) {
        std::array<std::byte, 1> beyond{};
        if (read_once(descriptor, beyond) != 0) throw_path_error("read_file", path, EFBIG);
    }
    content.resize(total);
    return content;
}

std::string read_path(const std::filesystem::path& path, std::size_t limit) {
    const opened_path opened = open_path(path, open_mode::read, open_options{});
    return with_path(path, [&] { return read_everything(opened.descriptor.get(), limit, path); });
}

void append_path(const std::filesystem::path& path, std::span<const std::byte> bytes,
                 open_options options) {
    opened_path opened = open_path(path, open_mode::append, options);
    with_path(path, [&] {
        write_everything(opened.descriptor.get(), bytes);
        close_and_report(std::move(opened.descriptor));
    });
}

std::string random_name() {
    std::uint64_t number = 0;
    std::size_t filled = 0;
    while (filled < sizeof number) {
        const ::ssize_t count =
            ::getrandom(reinterpret_cast<char*>(&number) + filled, sizeof number - filled, 0);
        if (count < 0 && errno != EINTR) throw_file_error("getrandom", errno);
        if (count > 0) filled += static_cast<std::size_t>(count);
    }
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), ".simul-%016llx",
                  static_cast<unsigned long long>(number));
    return std::string{name.data()};
}

// A replacement on its way: removed again unless it was renamed.
class replacement {
public:
    replacement(const std::filesystem::path& path, const write_options& options)
        : path_{path}, name_{path.filename().native()} {
        open_directory();
        const std::optional<unsigned> exact = permissions_wanted(options);
        make(exact.value_or(0666));
        made_ = true;
        if (exact && ::fchmod(new_.get(), *exact) < 0) {
            const int code = errno;
            remove();  // the destructor does not run for what was never constructed
            throw_path_error("write_file: chmod", path_, code);
        }
    }
    replacement(const replacement&) = delete;
    replacement& operator=(const replacement&) = delete;
    ~replacement() { remove(); }

    void write(std::span<const std::byte> bytes) {
        with_path(path_, [&] { write_everything(new_.get(), bytes); });
        if (file_calls->fsync(new_.get()) < 0) throw_path_error("write_file: fsync", path_, errno);
        with_path(path_, [&] { close_and_report(std::move(new_)); });
    }

    void put_in_place() {
        const int directory = directory_.get();
        if (file_calls->rename(directory, temporary_.c_str(), directory, name_.c_str()) < 0) {
            throw_path_error("write_file: rename", path_, errno);
        }
        made_ = false;
        // Some file systems cannot do this for a directory, and say so with EINVAL.
        if (file_calls->fsync(directory) < 0 && errno != EINVAL) {
            throw_path_error("write_file: fsync of the directory", path_, errno);
        }
    }

private:
    void open_directory() {
        if (path_.native().find('\0') != std::string::npos) {
            throw_path_error("write_file: the path contains a zero byte", path_, EINVAL);
        }
        if (path_.empty()) throw_path_error("write_file", path_, ENOENT);
        if (name_.empty()) throw_path_error("write_file", path_, EISDIR);
        std::filesystem::path parent = path_.parent_path();
        if (parent.empty()) parent = ".";
        directory_.reset(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!directory_) throw_path_error("write_file: open of the directory", path_, errno);
    }

    // Looks at what is to be replaced.
    std::optional<unsigned> permissions_wanted(const write_options& options) const {
        struct stat about{};
        if (::fstatat(directory_.get(), name_.c_str(), &about, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno != ENOENT) throw_path_error("write_file", path_, errno);
            return options.permissions;
        }
        if (S_ISDIR(about.st_mode)) throw_path_error("write_file", path_, EISDIR);
        if (S_ISLNK(about.st_mode)) throw_path_error("write_file", path_, ELOOP);
        if (!S_ISREG(about.st_mode)) {
            throw_path_error("write_file: only a regular file is replaced", path_, EINVAL);
        }
        return options.permissions.value_or(about.st_mode & 0777U);
    }

    // Never open to others while it has more permissions than it is going to have.
    void make(unsigned permissions) {
        for (int attempt = 0; !new_ && attempt < 16; ++attempt) {
            temporary_ = random_name();
            new_.reset(::openat(directory_.get(), temporary_.c_str(),
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions));
            if (!new_ && errno != EEXIST && errno != EINTR) break;
        }
        if (!new_) throw_path_error("write_file: open of a temporary file", path_, errno);
    }

    void remove() noexcept {
        if (made_) ::unlinkat(directory_.get(), temporary_.c_str(), 0);
    }

    const std::filesystem::path& path_;
    std::string name_;
    std::string temporary_;
    unique_fd directory_;
    unique_fd new_;
    bool made_ = false;
};

void replace_path(const std::filesystem::path& path, std::span<const std::byte> bytes,
                  const write_options& options) {
    replacement made{path, options};
    made.write(bytes);
    made.put_in_place();
}

}  // namespace

}  // namespace detail

task<std::string> read_file(std::filesystem::path path, std::size_t limit) {
    co_return co_await offload(&detail::read_path, std::move(path), limit);
}

task<> write_file(std::filesystem::path path, std::span<const std::byte> bytes,
                  write_options options) {
    co_await offload(&detail::replace_path, std::move(path), bytes, options);
}

task<> append_file(std::filesystem::path path, std::span<const std::byte> bytes,
                   open_options options) {
    co_await offload(&detail::append_path, std::move(path), bytes, options);
}

}  // namespace simul
