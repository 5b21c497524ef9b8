// SPDX-License-Identifier: Apache-2.0
#include "common/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "common/exit_code.hpp"
#include "common/text.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/runtime/backend.hpp"

namespace simul::program {

namespace {

extern "C" void simul_program_end_reading(int) {
    constexpr std::string_view line{
        "simul: interrupted while reading the addresses; nothing was asked for\n"};
    static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
    ::_exit(exit_interrupted);
}

// A signal that ends the process with a line, unless it is ignored.
class ended_by {
public:
    explicit ended_by(int number) : number_{number}, previous_{std::signal(number, SIG_IGN)} {
        std::signal(number_, previous_ == SIG_DFL ? &simul_program_end_reading : previous_);
    }
    ended_by(const ended_by&) = delete;
    ended_by& operator=(const ended_by&) = delete;
    ~ended_by() { std::signal(number_, previous_); }

private:
    int number_;
    void (*previous_)(int);
};

}  // namespace

run_options interruptible() {
    run_options options;
    options.handle_termination = true;
    return options;
}

void check_backend() {
    const char* const value = std::getenv("SIMUL_BACKEND");
    const std::string_view wanted = value == nullptr ? "" : value;
    if (wanted.empty()) return;
    constexpr std::string_view able[] = {"epoll", "io_uring", "poll", "select"};
    std::string problem{" is no backend"};
    if (wanted == "simulated") {
        problem = " has no network";
    } else if (std::ranges::find(able, wanted) != std::end(able)) {
        try {
            static_cast<void>(make_backend(backend_kind::automatic));
            return;
        } catch (const std::system_error& failure) {
            problem = fmt::format(": {}", printable(failure.what()));
        }
    }
    throw std::invalid_argument{
        fmt::format("\"{}\"{}; set it to epoll, io_uring, poll or select, or unset it for the best "
                    "that runs",
                    printable(wanted, 100), problem)};
}

void make_room_for(std::size_t connections) noexcept {
    ::rlimit limit{};
    const ::rlim_t wanted = connections + 64;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

std::string read_list(const std::string& path, std::size_t limit) {
    const ended_by interrupt{SIGINT};
    const ended_by termination{SIGTERM};
    unique_fd opened;
    int descriptor = 0;
    if (path != "-") {
        opened = unique_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (!opened) throw std::system_error{errno, std::system_category(), path};
        descriptor = opened.get();
    }
    std::string text;
    char buffer[65536];
    while (true) {
        const ::ssize_t count = ::read(descriptor, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw std::system_error{errno, std::system_category(), path};
        if (count == 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
        if (text.size() > limit) {
            throw std::system_error{std::make_error_code(std::errc::file_too_large), path};
        }
    }
}

}  // namespace simul::program
