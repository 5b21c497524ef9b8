// SPDX-License-Identifier: Apache-2.0
#include "fetch/result_table.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "simul/runtime/blocking.hpp"

#include "common/text.hpp"

namespace simul::program {

namespace {

constexpr std::string_view column_names = "source_url\tparsed_url\n";

// Of a regular file how long it is; 0 for all else.
::off_t length_of(int file) noexcept {
    struct ::stat facts{};
    return ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) ? facts.st_size : 0;
}

// Removes a piece of a line that a write left at the end. Only if nobody has added anything since.
void cut_to_whole_lines(int file, ::off_t before, std::string_view written) noexcept {
    const std::size_t line_end = written.rfind('\n');
    const std::size_t whole = line_end == std::string_view::npos ? 0 : line_end + 1;
    if (length_of(file) != before + static_cast<::off_t>(written.size())) return;
    static_cast<void>(::ftruncate(file, before + static_cast<::off_t>(whole)));
}

void append_lines(int file, const std::string& text) {
    const ::off_t before = length_of(file);
    std::size_t done = 0;
    while (done < text.size()) {
        const ::ssize_t count = ::write(file, text.data() + done, text.size() - done);
        if (count >= 0) {
            done += static_cast<std::size_t>(count);
        } else if (errno == EAGAIN) {  // a terminal or pipe that somebody made non-blocking
            ::pollfd ready{file, POLLOUT, 0};
            static_cast<void>(::poll(&ready, 1, -1));
        } else if (errno != EINTR) {
            const std::error_code cause{errno, std::system_category()};
            cut_to_whole_lines(file, before, std::string_view{text}.substr(0, done));
            throw std::system_error{cause};
        }
    }
}

bool ends_within_a_line(const std::string& path, ::off_t length) {
    const unique_fd reader{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    char last = '\n';
    if (reader) static_cast<void>(::pread(reader.get(), &last, 1, length - 1));
    return last != '\n';
}

}  // namespace

result_table::result_table(std::string path) : path_{std::move(path)} {
    if (path_ == "-") {
        path_ = "standard output";
        file_ = unique_fd{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)};
    } else {
        file_ = unique_fd{
            ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666)};
    }
    if (!file_) throw output_error{errno, std::system_category(), path_};
}

task<> result_table::begin() {
    const ::off_t length = length_of(file_.get());
    std::string text;
    if (length == 0) {
        text.assign(column_names);
    } else if (ends_within_a_line(path_, length)) {
        text.push_back('\n');
    }
    co_await write(std::move(text));
}

task<> result_table::append(std::string_view source, const std::vector<std::string>& links) {
    const std::string first = table_cell(source);
    std::string text;
    for (const std::string& link : links) {
        text.append(first).append("\t").append(table_cell(link)).append("\n");
    }
    co_await write(std::move(text));
    rows_ += links.size();
}

task<> result_table::write(std::string text) {
    const mutex_guard alone = co_await writing_.acquire();
    try {
        co_await offload(&append_lines, file_.get(), std::move(text));
    } catch (const std::system_error& failure) {
        throw output_error{failure.code(), path_};
    }
}

void result_table::finish() {
    if (::close(file_.release()) != 0 && errno != EINTR) {
        throw output_error{errno, std::system_category(), path_};
    }
}

}  // namespace simul::program
