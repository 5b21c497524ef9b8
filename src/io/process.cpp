// SPDX-License-Identifier: Apache-2.0
#include "simul/io/process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "io/process_record.hpp"
#include "io/process_spawn.hpp"
#include "io/program_registry.hpp"
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

/// A child of this program, known by its pidfd.
class system_process final : public process_record {
public:
    using process_record::process_record;
    ~system_process() override;

    void started_as(int pid) {
        set_pid(pid);
        exited_ = open_process(pid);
        forget(exited_.get());
    }

    [[nodiscard]] int descriptor() const noexcept override { return exited_.get(); }
    void collect(int flags) noexcept override;
    [[nodiscard]] bool send_signal(int number) const override;
    [[nodiscard]] bool send_signal_to_group(int number) const override;

private:
    void kill_and_collect() noexcept;

    unique_fd exited_;
};

system_process::~system_process() {
    if (!exited_) return;
    collect(WNOHANG);
    if (!is_over()) kill_and_collect();
    forget(exited_.get());
}

void system_process::kill_and_collect() noexcept {
    if (has_group()) ::kill(-pid(), SIGKILL);
    const bool is_killed =
        ::syscall(SYS_pidfd_send_signal, exited_.get(), SIGKILL, nullptr, 0) == 0;
    if (!is_killed) return;  // it runs as another user now
    ::pollfd query{exited_.get(), POLLIN, 0};
    while (::poll(&query, 1, patience_in_milliseconds) < 0 && errno == EINTR) {
    }
    collect(WNOHANG);
}

void system_process::collect(int flags) noexcept {
    if (is_over()) return;
    ::siginfo_t end{};
    int answer = 0;
    do {
        answer = ::waitid(P_PIDFD, static_cast<::id_t>(exited_.get()), &end, WEXITED | flags);
    } while (answer != 0 && errno == EINTR);
    if (answer != 0) {
        is_lost();
    } else if (end.si_pid != 0) {
        has_ended(end.si_code == CLD_EXITED
                      ? exit_status::with_code(end.si_status)
                      : exit_status::by_signal(end.si_status, end.si_code == CLD_DUMPED));
    }
}

bool system_process::send_signal(int number) const {
    if (is_over()) return false;
    if (::syscall(SYS_pidfd_send_signal, exited_.get(), number, nullptr, 0) == 0) return true;
    if (errno == ESRCH) return false;
    throw std::system_error{errno, std::system_category(), "pidfd_send_signal"};
}

// As long as nobody has waited for the first process of the group, its number means this group.
bool system_process::send_signal_to_group(int number) const {
    expect_group();
    if (is_over()) return false;
    if (::kill(-pid(), number) == 0) return true;
    if (errno == ESRCH) return false;
    throw std::system_error{errno, std::system_category(), "kill"};
}

}  // namespace

// --- process_record -----------------------------------------------------------------------------

void process_record_deleter::operator()(process_record* ended) const noexcept {
    ended->expect_nobody_waits();
    delete ended;
}

const std::optional<exit_status>& process_record::status() const {
    if (!is_lost_) return status_;
    throw std::system_error{ECHILD, std::system_category(),
                            "the status of process " + std::to_string(pid_) +
                                " is lost: this program ignores SIGCHLD, or waits for any child"};
}

void process_record::expect_group() const {
    if (has_group_) return;
    throw std::system_error{ESRCH, std::system_category(),
                            "the process has no group of its own: see process_options::group"};
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
    if (loop::current().is_simulated()) return launch_simulated(settings);
    process made;
    auto* const child = new detail::system_process{settings.group};
    made.record_.reset(child);
    std::array<detail::stream_ends, 3> streams;
    std::array<unique_fd, 3> ours;
    for (std::size_t which = 0; which != streams.size(); ++which) {
        streams[which] = detail::open_stream(settings.streams[which], which);
        ours[which] = std::move(streams[which].ours);
    }
    made.connect(std::move(ours));
    child->started_as(detail::spawn(settings, streams));
    for (const detail::process_settings::stream& each : settings.streams) {
        if (each.given) each.given->reset();
    }
    return made;
}

process process::launch_simulated(const detail::process_settings& settings) {
    detail::program_registry& programs = detail::program_registry::current();
    detail::simulated_connections streams{settings};
    process made;
    made.connect(std::move(streams.ours));
    made.record_ = programs.start(settings, std::move(streams.theirs));
    detail::close_given(settings);
    return made;
}

void process::connect(std::array<unique_fd, 3> ours) {
    if (ours[0]) input_ = pipe_stream::adopt({}, std::move(ours[0]));
    if (ours[1]) output_ = pipe_stream::adopt(std::move(ours[1]), {});
    if (ours[2]) error_ = pipe_stream::adopt(std::move(ours[2]), {});
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
