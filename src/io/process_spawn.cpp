// SPDX-License-Identifier: Apache-2.0
//
// By posix_spawn: the new process borrows our memory until it runs its program, so that its start
// takes the same time in a program of any size, and what goes wrong in it comes back as a result.
#include "io/process_spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace simul::detail {

namespace {

constexpr int first_free = STDERR_FILENO + 1;

[[noreturn]] void throw_errno(const char* call) {
    throw std::system_error{errno, std::system_category(), call};
}

void expect_done(int error) {
    if (error != 0) throw std::system_error{error, std::system_category(), "posix_spawn"};
}

class file_actions {
public:
    file_actions() { expect_done(::posix_spawn_file_actions_init(&actions_)); }
    file_actions(const file_actions&) = delete;
    file_actions& operator=(const file_actions&) = delete;
    ~file_actions() { ::posix_spawn_file_actions_destroy(&actions_); }
    ::posix_spawn_file_actions_t* get() noexcept { return &actions_; }

private:
    ::posix_spawn_file_actions_t actions_;
};

class attributes {
public:
    attributes() { expect_done(::posix_spawnattr_init(&attributes_)); }
    attributes(const attributes&) = delete;
    attributes& operator=(const attributes&) = delete;
    ~attributes() { ::posix_spawnattr_destroy(&attributes_); }
    ::posix_spawnattr_t* get() noexcept { return &attributes_; }

private:
    ::posix_spawnattr_t attributes_;
};

void set(file_actions& actions, const process_settings& settings,
         const std::array<stream_ends, 3>& streams) {
    if (!settings.directory.empty()) {
        expect_done(
            ::posix_spawn_file_actions_addchdir_np(actions.get(), settings.directory.c_str()));
    }
    for (int which = 0; which != first_free; ++which) {
        const int theirs = streams[static_cast<std::size_t>(which)].theirs;
        if (theirs < 0) continue;
        expect_done(::posix_spawn_file_actions_adddup2(actions.get(), theirs, which));
    }
    const process_settings::stream& error = settings.streams[STDERR_FILENO];
    if (error.to == stdio::to_output && !error.given) {
        expect_done(
            ::posix_spawn_file_actions_adddup2(actions.get(), STDOUT_FILENO, STDERR_FILENO));
    }
    expect_done(::posix_spawn_file_actions_addclosefrom_np(actions.get(), first_free));
}

void set(attributes& wanted, process_group group) {
    ::sigset_t signals;
    ::sigfillset(&signals);
    expect_done(::posix_spawnattr_setsigdefault(wanted.get(), &signals));
    ::sigemptyset(&signals);
    expect_done(::posix_spawnattr_setsigmask(wanted.get(), &signals));
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (group == process_group::own) flags |= POSIX_SPAWN_SETPGROUP;  // 0: one of its own
    if (group == process_group::session) flags |= POSIX_SPAWN_SETSID;
    expect_done(::posix_spawnattr_setflags(wanted.get(), static_cast<short>(flags)));
}

void expect_text(const std::string& text) {
    if (text.find('\0') == std::string::npos) return;
    throw std::system_error{make_error_code(std::errc::invalid_argument),
                            "text for a process has a zero byte in it"};
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& each : texts) {
        expect_text(each);
        pointers.push_back(each.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

unique_fd above_standard(unique_fd opened) {
    if (!opened || opened.get() >= first_free) return opened;
    unique_fd moved{::fcntl(opened.get(), F_DUPFD_CLOEXEC, first_free)};
    if (!moved) throw_errno("fcntl");
    return moved;
}

stream_ends connect_to_null() {
    stream_ends made;
    made.to_close = above_standard(unique_fd{::open("/dev/null", O_RDWR | O_CLOEXEC)});
    if (!made.to_close) throw_errno("open /dev/null");
    made.theirs = made.to_close.get();
    return made;
}

stream_ends connect_by_pipe(bool is_written_by_us) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
    unique_fd reading{ends[0]};
    unique_fd writing{ends[1]};
    stream_ends made;
    made.ours = std::move(is_written_by_us ? writing : reading);
    made.to_close = above_standard(std::move(is_written_by_us ? reading : writing));
    made.theirs = made.to_close.get();
    return made;
}

stream_ends connect_to_given(const unique_fd& given) {
    if (!given) {
        throw std::system_error{make_error_code(std::errc::invalid_argument),
                                "a descriptor in process_options went to the process that was "
                                "started first: give each its own"};
    }
    stream_ends made;
    made.theirs = given.get();
    if (made.theirs >= first_free) return made;
    made.to_close.reset(::fcntl(given.get(), F_DUPFD_CLOEXEC, first_free));
    if (!made.to_close) throw_errno("fcntl");
    made.theirs = made.to_close.get();
    return made;
}

}  // namespace

std::vector<std::string> environment_of(const process_settings& settings) {
    std::vector<std::string> made;
    if (settings.inherits_environment && environ != nullptr) {
        for (char** each = environ; *each != nullptr; ++each) {
            const std::string_view entry{*each};
            const std::string name{entry.substr(0, entry.find('='))};
            if (!settings.environment.contains(name)) made.emplace_back(entry);
        }
    }
    for (const auto& [name, value] : settings.environment) {
        if (name.empty() || name.find('=') != std::string::npos) {
            throw std::system_error{make_error_code(std::errc::invalid_argument),
                                    "a variable of the environment cannot be named '" + name + "'"};
        }
        if (value) made.push_back(name + '=' + *value);
    }
    return made;
}

void throw_not_started(int error, const process_settings& settings) {
    std::string text = "cannot start '" + settings.command.front() + "'";
    if (!settings.directory.empty()) text += " in '" + settings.directory.string() + "'";
    throw std::system_error{error, std::system_category(), text};
}

void expect_valid(const process_settings& settings) {
    expect_text(settings.directory.native());
    for (const std::string& each : settings.command) expect_text(each);
    for (const std::string& each : environment_of(settings)) expect_text(each);
}

stream_ends open_stream(const process_settings::stream& wanted, std::size_t which) {
    if (wanted.given) return connect_to_given(*wanted.given);
    switch (wanted.to) {
        case stdio::null: return connect_to_null();
        case stdio::pipe: return connect_by_pipe(which == STDIN_FILENO);
        case stdio::inherit:
        case stdio::to_output: break;
    }
    return {};
}

int spawn(const process_settings& settings, const std::array<stream_ends, 3>& streams) {
    file_actions actions;
    set(actions, settings, streams);
    attributes wanted;
    set(wanted, settings.group);
    expect_text(settings.directory.native());
    std::vector<std::string> command = settings.command;
    std::vector<std::string> environment = environment_of(settings);
    const std::vector<char*> arguments = pointers_to(command);
    const std::vector<char*> variables = pointers_to(environment);
    ::pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, arguments.front(), actions.get(), wanted.get(),
                                     arguments.data(), variables.data());
    if (error != 0) throw_not_started(error, settings);
    return pid;
}

unique_fd open_process(int pid) {
    unique_fd opened{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    if (opened) return opened;
    const int error = errno;
    if (error == ESRCH) {  // the system has reaped it, because nobody wants to know
        throw std::system_error{ECHILD, std::system_category(),
                                "a process has ended while this program ignores SIGCHLD"};
    }
    ::kill(pid, SIGKILL);  // our own child that nobody has reaped: still the same
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    throw std::system_error{error, std::system_category(), "pidfd_open"};
}

}  // namespace simul::detail
