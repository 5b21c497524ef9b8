// SPDX-License-Identifier: Apache-2.0
#include "crawl/outputs.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <functional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "crawl/records.hpp"
#include "simul/base/bytes.hpp"
#include "simul/base/unique_fd.hpp"

namespace simul::program {

namespace fs = std::filesystem;

void prepare_directory(const fs::path& directory, bool fresh) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
        throw std::system_error{errno, std::system_category(), directory.string()};
    }
    const fs::file_status found = fs::symlink_status(directory);
    if (!fs::is_directory(found)) {
        throw std::system_error{std::make_error_code(std::errc::not_a_directory),
                                directory.string()};
    }
    for (const char* name : output_names) {
        const fs::path file = directory / name;
        if (!fs::exists(fs::symlink_status(file))) continue;
        if (!fresh) {
            throw std::system_error{std::make_error_code(std::errc::file_exists), file.string()};
        }
        fs::remove(file);
    }
    // Where no file can be made, that is to be known before a crawl has begun.
    const fs::path first = directory / output_names.front();
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    const unique_fd made{::open(first.c_str(), flags, 0600)};
    if (!made) throw std::system_error{errno, std::system_category(), first.string()};
    fs::remove(first);
}

outputs::outputs(fs::path directory, std::function<void(std::string)> failed)
    : directory_{std::move(directory)}, failed_{std::move(failed)} {}

task<> outputs::open() {
    for (std::size_t which = 0; which != files_.size(); ++which) {
        open_options options;
        options.permissions = 0600;
        options.no_follow = true;
        files_[which].to = co_await file::open(directory_ / output_names[which], open_mode::append,
                                               std::move(options));
    }
    files_[1].gathered = link_header;
}

task<> outputs::put(output_lines lines) {
    if (has_failed_) co_return;
    try {
        co_await queue_.put(std::move(lines));
    } catch (const closed&) {
    }
}

task<> outputs::run() {
    constexpr std::size_t enough = std::size_t{1} << 20;
    bool is_open = true;
    while (is_open) {
        try {
            std::optional<output_lines> next = co_await queue_.get();
            while (next) {
                files_[0].gathered.append(next->pages);
                files_[1].gathered.append(next->links);
                files_[2].gathered.append(next->errors);
                if (files_[1].gathered.size() >= enough) break;
                next = queue_.try_get();
            }
        } catch (const closed&) {
            is_open = false;
        }
        for (std::size_t which = 0; which != files_.size(); ++which) co_await write(which);
    }
    for (std::size_t which = 0; which != files_.size(); ++which) {
        try {
            co_await files_[which].to.finish();
        } catch (const std::system_error& why) {
            fail(which, why);
        }
    }
}

task<> outputs::write(std::size_t which) {
    output& into = files_[which];
    if (into.gathered.empty()) co_return;
    std::optional<std::system_error> failure;
    if (!has_failed_) {
        try {
            co_await into.to.write_all(bytes_of(into.gathered));
            into.length += into.gathered.size();
        } catch (const std::system_error& why) {
            failure.emplace(why);
        }
    }
    if (failure) {
        fail(which, *failure);
        co_await keep_whole_lines(into);
    }
    into.gathered.clear();
}

task<> outputs::keep_whole_lines(output& half_written) {
    try {
        const std::uint64_t size = co_await half_written.to.size();
        const std::uint64_t more = size > half_written.length ? size - half_written.length : 0;
        const std::string_view taken =
            std::string_view{half_written.gathered}.substr(0, static_cast<std::size_t>(more));
        const std::size_t last_line = taken.rfind('\n');
        if (last_line != std::string_view::npos) half_written.length += last_line + 1;
        if (size > half_written.length) co_await half_written.to.truncate(half_written.length);
    } catch (const std::system_error&) {
        // A device, or a disk that is gone: there is nothing to keep.
    }
}

void outputs::fail(std::size_t which, const std::system_error& why) {
    if (std::exchange(has_failed_, true)) return;
    failed_(fmt::format("{}: cannot be written: {}", (directory_ / output_names[which]).string(),
                        why.code().message()));
}

}  // namespace simul::program
