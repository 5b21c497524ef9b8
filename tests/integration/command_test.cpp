// SPDX-License-Identifier: Apache-2.0
//
// The program simul as a whole.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "program_path.hpp"
#include "support/child_process.hpp"
#include "support/refuse_system_call.hpp"
#include "support/scripted_server.hpp"

namespace simul::test {
namespace {

TEST(command, names_a_command_that_does_not_exist_and_those_that_do) {
    child_process program{{"sh", "-c", "exec \"$0\" frobnicate 2>&1", SIMUL_PROGRAM}};
    EXPECT_EQ(program.read_all(),
              "simul: there is no command \"frobnicate\": use crawl, fetch or serve\n");
    EXPECT_EQ(program.wait(), 2);
}

// --- SIMUL_BACKEND -------------------------------------------------------------------------------

// The program with SIMUL_BACKEND, both of its outputs in one.
std::vector<std::string> with_backend(std::string_view name, std::vector<std::string> arguments) {
    std::string variable{"SIMUL_BACKEND="};
    variable.append(name);
    std::vector<std::string> words{"env",        variable, "sh", "-c", "exec \"$0\" \"$@\" 2>&1",
                                   SIMUL_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

const std::vector<std::vector<std::string>>& every_command() {
    static const std::vector<std::vector<std::string>> commands{
        {},  // the demonstration
        {"crawl", "http://127.0.0.1:1/", "--state", "/nonexistent/state"},
        {"fetch", "http://127.0.0.1:1/", "-o", "/nonexistent/table"},
        {"serve", "--demonstration", "--listen", "127.0.0.1:0"}};
    return commands;
}

TEST(command, refuses_a_backend_that_does_not_exist_and_names_those_that_do) {
    for (const auto& command : every_command()) {
        child_process program{with_backend("e\x1bpoll", command)};
        const std::string said = program.read_all();
        EXPECT_EQ(program.wait(), 2) << said;
        EXPECT_NE(said.find("SIMUL_BACKEND: \"e\\x1Bpoll\" is no backend; set it to epoll, "
                            "io_uring, poll or select, or unset it for the best that runs\n"),
                  std::string::npos)
            << said;
    }
}

TEST(command, refuses_the_simulated_backend_which_has_no_network) {
    for (const auto& command : every_command()) {
        child_process program{with_backend("simulated", command)};
        const std::string said = program.read_all();
        EXPECT_EQ(program.wait(), 2) << said;
        EXPECT_NE(said.find("SIMUL_BACKEND: \"simulated\" has no network; set it to epoll, "),
                  std::string::npos)
            << said;
    }
}

TEST(command, refuses_a_backend_that_the_kernel_refuses_and_says_why) {
    struct refusal {
        const char* backend;
        long system_call;
        int error;
        const char* why;
    };
    for (const refusal& each :
         {refusal{"epoll", SYS_epoll_create1, EPERM, "Operation not permitted"},
          refusal{"io_uring", SYS_io_uring_setup, EPERM, "a seccomp filter forbids io_uring"},
          refusal{"io_uring", SYS_io_uring_setup, ENOSYS, "the kernel has no io_uring"}}) {
        for (const auto& command : every_command()) {
            child_process program{with_backend(each.backend, command),
                                  [&] { refuse_system_call(each.system_call, each.error); }};
            const std::string said = program.read_all();
            EXPECT_EQ(program.wait(), 2) << said;
            std::string begin{"SIMUL_BACKEND: \""};
            begin.append(each.backend).append("\": the ").append(each.backend);
            EXPECT_NE(said.find(begin), std::string::npos) << said;
            EXPECT_NE(said.find(each.why), std::string::npos) << said;
            EXPECT_NE(said.find("; set it to epoll, io_uring, poll or select"), std::string::npos)
                << said;
        }
    }
}

TEST(command, takes_an_empty_backend_for_none_and_helps_whatever_it_is) {
    child_process empty{with_backend("", {"crawl", "http://127.0.0.1:1/", "--dry-run"})};
    EXPECT_NE(empty.read_all(), "");
    EXPECT_EQ(empty.wait(), 0);
    child_process help{with_backend("nonsense", {"serve", "--help"})};
    EXPECT_NE(help.read_all().find("Usage: simul serve"), std::string::npos);
    EXPECT_EQ(help.wait(), 0);
}

// --- a terminal ----------------------------------------------------------------------------------

class screen {
public:
    screen() : descriptor_{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)} {
        EXPECT_EQ(::grantpt(descriptor_.get()), 0);
        EXPECT_EQ(::unlockpt(descriptor_.get()), 0);
        path_ = ::ptsname(descriptor_.get());
        other_side_ = unique_fd{::open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC)};
    }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

    // Waits until this has appeared.
    void wait_for(std::string_view what) {
        while (text_.find(what) == std::string::npos) {
            char buffer[4096];
            const ::ssize_t count = ::read(descriptor_.get(), buffer, sizeof buffer);
            if (count <= 0) throw std::runtime_error{"the terminal is gone"};
            text_.append(buffer, static_cast<std::size_t>(count));
        }
    }

    void write(std::string_view mark) const {
        EXPECT_EQ(::write(other_side_.get(), mark.data(), mark.size()),
                  static_cast<::ssize_t>(mark.size()));
    }

private:
    unique_fd descriptor_;
    unique_fd other_side_;
    std::string path_;
    std::string text_;
};

// A crawl whose standard error is a terminal, interrupted when the server has been asked for a page
// and `shown` has appeared; what was on the terminal then.
std::string seen_on_terminal(std::string_view variable, std::string_view shown) {
    const temporary_directory folder;
    scripted_server server;
    screen terminal;
    child_process program{{"env", "TERM=xterm", std::string{variable}, "sh", "-c",
                           "errors=$1; shift; exec \"$0\" \"$@\" 2>\"$errors\"", SIMUL_PROGRAM,
                           terminal.path(), "crawl", server.url("/"), "--per-host", "1", "--state",
                           (folder.path() / "state").string()}};
    server.expect("/robots.txt", "", "404 Not Found");
    server.expect("/", "<title>\x1b[31m</title><a href='/\x1b[31m'>a</a><a href=/b>b</a>");
    server.expect("/%1B[31m", "\x1b[31m", "404 \x1b[31m");
    const scripted_request asked = server.next();
    EXPECT_EQ(asked.target, "/b");
    terminal.wait_for(shown);
    EXPECT_EQ(::kill(program.pid(), SIGINT), 0);
    terminal.wait_for("stopping: ");
    server.answer(asked, "the end");
    const std::string summary = program.read_all();
    EXPECT_EQ(program.wait(), 5);
    EXPECT_EQ(summary.find('\x1b'), std::string::npos) << summary;
    terminal.write("<mark>");
    terminal.wait_for("<mark>");
    return terminal.text();
}

TEST(command, draws_on_a_terminal) {
    const std::string text = seen_on_terminal("NO_COLOR=", "\x1b[2K1 page ");
    EXPECT_NE(text.find("\x1b[1A"), std::string::npos);
    EXPECT_EQ(text.find("\x1b[31m"), std::string::npos);
}

TEST(command, sends_no_escape_to_a_terminal_where_no_color_is_set) {
    const std::string text = seen_on_terminal("NO_COLOR=1", "404");
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
}

}  // namespace
}  // namespace simul::test
