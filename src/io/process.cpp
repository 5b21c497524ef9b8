// SPDX-License-Identifier: Apache-2.0
#include "simul/io/process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "io/process_spawn.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace detail {

namespace {

constexpr int patience_in_milliseconds = 1000;

// What the loop knows of a descriptor of this number is of an earlier one.
void forget(int descriptor) noexcept {
    if (loop* const running = loop::find_current()) running->io().forget(descriptor);
}

}  // namespace

/// A process that was started, until it has been waited for and longer.
class process_record {
public:
    explicit process_record(process_group group) noexcept
        : has_group_{group != process_group::shared} {}
    process_record(const process_record&) = delete;
    process_record& operator=(const process_record&) = delete;
    ~process_record();

    void started_as(int pid) {
        pid_ = pid;
        exited_ = open_process(pid);
        forget(exited_.get());
    }

    [[nodiscard]] int pid() const noexcept { return pid_; }
    [[nodiscard]] bool has_group() const noexcept { return has_group_; }
    [[nodiscard]] int descriptor() const noexcept { return exited_.get(); }

    /// It has been waited for, or cannot be.
    [[nodiscard]] bool is_over() const noexcept { return is_lost_ || status_.has_value(); }

    /// Takes its status from the system, if it has ended; `flags` as those of waitid(2).
    void collect(int flags) noexcept;

    [[nodiscard]] const std::optional<exit_status>& status() const;

    bool send_signal(int number) const;
    bool send_signal_to_group(int number) const;

    void wait_begins() noexcept { ++waiting_; }
    void wait_ends() noexcept { --waiting_; }

private:
    void kill_and_collect() noexcept;

    int pid_ = -1;
    bool has_group_;
    bool is_lost_ = false;
    std::size_t waiting_ = 0;
    unique_fd exited_;
    std::optional<exit_status> status_;
};

void process_record_deleter::operator()(process_record* ended) const noexcept {
    delete ended;
}

process_record::~process_record() {
    SIMUL_ASSERT(waiting_ == 0, "a process was destroyed while a task was waiting for its end");
    if (!exited_) return;
    collect(WNOHANG);
    if (!is_over()) kill_and_collect();
    forget(exited_.get());
}

void process_record::kill_and_collect() noexcept {
    if (has_group_) ::kill(-pid_, SIGKILL);
    const bool is_killed =
        ::syscall(SYS_pidfd_send_signal, exited_.get(), SIGKILL, nullptr, 0) == 0;
    if (!is_killed) return;  // it runs as another user now
    ::pollfd query{exited_.get(), POLLIN, 0};
    while (::poll(&query, 1, patience_in_milliseconds) < 0 && errno == EINTR) {
    }
    collect(WNOHANG);
}

void process_record::collect(int flags) noexcept {
    if (is_over()) return;
    ::siginfo_t end{};
    int answer = 0;
    do {
        answer = ::waitid(P_PIDFD, static_cast<::id_t>(exited_.get()), &end, WEXITED | flags);
    } while (answer != 0 && errno == EINTR);
    if (answer != 0) {
        is_lost_ = true;
    } else if (end.si_pid != 0) {
        status_ = end.si_code == CLD_EXITED
                      ? exit_status::with_code(end.si_status)
                      : exit_status::by_signal(end.si_status, end.si_code == CLD_DUMPED);
    }
}

const std::optional<exit_status>& process_record::status() const {
    if (!is_lost_) return status_;
    throw std::system_error{ECHILD, std::system_category(),
                            "the status of process " + std::to_string(pid_) +
                                " is lost: this program ignores SIGCHLD, or waits for any child"};
}

bool process_record::send_signal(int number) const {
    if (is_over()) return false;
    if (::syscall(SYS_pidfd_send_signal, exited_.get(), number, nullptr, 0) == 0) return true;
    if (errno == ESRCH) return false;
    throw std::system_error{errno, std::system_category(), "pidfd_send_signal"};
}

// As long as nobody has waited for the first process of the group, its number means this group.
bool process_record::send_signal_to_group(int number) const {
    if (!has_group_) {
        throw std::system_error{ESRCH, std::system_category(),
                                "the process has no group of its own: see process_options::group"};
    }
    if (is_over()) return false;
    if (::kill(-pid_, number) == 0) return true;
    if (errno == ESRCH) return false;
    throw std::system_error{errno, std::system_category(), "kill"};
}

// --- process_wait -------------------------------------------------------------------------------

process_wait::process_wait(process_record* of) noexcept
    : descriptor_operation{opcode::poll, of != nullptr ? of->descriptor() : -1, nullptr, 0, POLLIN},
      record_{of} {
    SIMUL_ASSERT(of != nullptr, "there is no process here: it was moved away or never started");
    record_->wait_begins();
}

process_wait::~process_wait() {
    record_->wait_ends();
}

started process_wait::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (record_->is_over()) return started::done;
    return descriptor_operation::start(self);
}

// The process has ended, so this does not block; a debugger in between may take a moment.
exit_status process_wait::take() const {
    static_cast<void>(take_result());
    record_->collect(0);
    return record_->status().value();
}

}  // namespace detail

// --- process ------------------------------------------------------------------------------------

process process::start(const process_options& options) {
    SIMUL_ASSERT(!options.settings().input,
                 "process_options::input is for run_process: write to process::input()");
    return launch(options.settings());
}

// Whatever may fail comes first: from the moment in which there is a process it has an owner.
process process::launch(const detail::process_settings& settings) {
    if (loop::current().is_simulated()) {
        throw std::system_error{make_error_code(errc::unavailable),
                                "the simulated backend has no processes"};
    }
    process made;
    made.record_.reset(new detail::process_record{settings.group});
    std::array<detail::stream_ends, 3> streams;
    for (std::size_t which = 0; which != streams.size(); ++which) {
        streams[which] = detail::open_stream(settings.streams[which], which);
    }
    if (streams[0].ours) made.input_ = pipe_stream::adopt({}, std::move(streams[0].ours));
    if (streams[1].ours) made.output_ = pipe_stream::adopt(std::move(streams[1].ours), {});
    if (streams[2].ours) made.error_ = pipe_stream::adopt(std::move(streams[2].ours), {});
    made.record_->started_as(detail::spawn(settings, streams));
    for (const detail::process_settings::stream& each : settings.streams) {
        if (each.given) each.given->reset();
    }
    return made;
}

int process::pid() const noexcept {
    SIMUL_ASSERT(record_ != nullptr, "there is no process here");
    return record_->pid();
}

std::optional<exit_status> process::try_wait() {
    SIMUL_ASSERT(record_ != nullptr, "there is no process here");
    record_->collect(WNOHANG);
    return record_->status();
}

bool process::send_signal(int number) {
    SIMUL_ASSERT(record_ != nullptr, "there is no process here");
    return record_->send_signal(number);
}

bool process::send_signal_to_group(int number) {
    SIMUL_ASSERT(record_ != nullptr, "there is no process here");
    return record_->send_signal_to_group(number);
}

bool process::terminate() {
    return send_signal(SIGTERM);
}

bool process::kill() {
    return send_signal(SIGKILL);
}

bool process::signal_all(int number) {
    SIMUL_ASSERT(record_ != nullptr, "there is no process here");
    return record_->has_group() ? record_->send_signal_to_group(number)
                                : record_->send_signal(number);
}

task<exit_status> process::stop(signal_ladder ladder) {
    for (const signal_ladder::rung& each : ladder) {
        signal_all(each.signal);
        const auto ended = co_await move_on_after(each.grace, wait());
        if (ended) co_return *ended;
    }
    signal_all(SIGKILL);
    co_return co_await wait();
}

}  // namespace simul
