// SPDX-License-Identifier: Apache-2.0
//
// support/child_process.hpp: a server or tool that a test starts, and that ends with the test.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/unique_fd.hpp"

namespace simul::test {

/// A running program whose standard input and output are pipes to the test. Destroying it closes
/// its input, asks it to end, and waits for it. `prepare` runs in the new process before the
/// command does; if it throws, the process ends with code 127.
class child_process {
public:
    explicit child_process(std::vector<std::string> command,
                           const std::function<void()>& prepare = {}) {
        int in[2];
        int out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
            throw std::system_error{errno, std::system_category(), "pipe2"};
        }
        std::vector<char*> words;
        for (std::string& word : command) words.push_back(word.data());
        words.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            become(words.data(), prepare);
        }
        ::close(in[0]);
        ::close(out[1]);
        input_ = unique_fd{in[1]};
        output_ = unique_fd{out[0]};
    }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;
    ~child_process() {
        if (pid_ <= 0) return;
        input_ = unique_fd{};
        ::kill(pid_, SIGTERM);
        wait();
    }

    /// The next line of its output, without the line end; blocks. Empty at the end.
    std::string read_line() {
        std::string line;
        char each = 0;
        while (::read(output_.get(), &each, 1) == 1 && each != '\n') line.push_back(each);
        return line;
    }

    /// All of its output to the end; blocks.
    std::string read_all() {
        std::string text;
        char buffer[4096];
        for (::ssize_t count = 1; count > 0;) {
            count = ::read(output_.get(), buffer, sizeof buffer);
            if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
        }
        return text;
    }

    /// Waits for its end. Returns its exit code, or 128 and the signal that ended it.
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    [[nodiscard]] ::pid_t pid() const noexcept { return pid_; }

private:
    [[noreturn]] static void become(char* const* words,
                                    const std::function<void()>& prepare) noexcept {
        try {
            if (prepare) prepare();
            ::execvp(words[0], words);
        } catch (const std::exception& failure) {
            std::fprintf(stderr, "%s: %s\n", words[0], failure.what());
        }
        ::_exit(127);
    }

    ::pid_t pid_ = -1;
    unique_fd input_;
    unique_fd output_;
};

/// A directory of its own for a test, removed with everything in it.
class temporary_directory {
public:
    temporary_directory() {
        char name[] = "/tmp/simul-test-XXXXXX";
        if (::mkdtemp(name) == nullptr) {
            throw std::system_error{errno, std::system_category(), "mkdtemp"};
        }
        path_ = name;
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace simul::test
