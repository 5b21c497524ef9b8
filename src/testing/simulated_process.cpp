// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/simulated_process.hpp"

#include <csignal>
#include <system_error>
#include <utility>

#include "simul/base/assert.hpp"
#include "testing/programs_in_scope.hpp"

namespace simul::testing {

namespace {

constexpr int last_signal = 64;

bool stops(int number) noexcept {
    return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

// signal(7): by default nothing happens.
bool is_harmless(int number) noexcept {
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}

void expect_signal(int number) {
    if (number >= 0 && number <= last_signal) return;
    throw std::system_error{EINVAL, std::system_category(),
                            "signal " + std::to_string(number) + " does not exist"};
}

}  // namespace

std::optional<std::string> simulated_process::variable(std::string_view name) const {
    for (const std::string_view each : environment_) {
        const std::size_t end = each.find('=');
        if (each.substr(0, end) == name) return std::string{each.substr(end + 1)};
    }
    return std::nullopt;
}

void simulated_process::ignore_signal(int number) {
    react(number, reaction::ignored);
}

void simulated_process::catch_signal(int number) {
    react(number, reaction::caught);
}

void simulated_process::restore_signal(int number) {
    react(number, reaction::standard);
}

void simulated_process::react(int number, reaction how) {
    SIMUL_ASSERT(number > 0 && number <= last_signal, "this signal does not exist");
    SIMUL_ASSERT(number != SIGKILL && number != SIGSTOP,
                 "no process can ignore or catch SIGKILL and SIGSTOP");
    reactions_[number] = how;
}

simulated_process::reaction simulated_process::reaction_to(int number) const noexcept {
    const auto found = reactions_.find(number);
    return found != reactions_.end() ? found->second : reaction::standard;
}

void simulated_process::take_signal(int number) {
    expect_signal(number);
    if (number == 0 || status_ || code_) return;
    const reaction chosen = reaction_to(number);
    if (chosen == reaction::caught) {
        int arrived = number;
        static_cast<void>(caught_.try_put(std::move(arrived)));
    } else if (chosen == reaction::standard && stops(number)) {
        throw std::system_error{make_error_code(std::errc::operation_not_supported),
                                "a simulated process cannot be stopped: ignore or catch the "
                                "signal in the program"};
    } else if (chosen == reaction::standard && !is_harmless(number)) {
        if (ended_by_ == 0) ended_by_ = number;
        running_.cancel();
    }
}

void simulated_process::leave_behind(simulated_program child) {
    const auto scope = scope_.lock();
    SIMUL_ASSERT(scope != nullptr, "a process that has ended starts no other");
    scope->leave_behind(*this, std::move(child));
}

// Without code and signal it ends with its scope. The streams are closed before anybody knows.
bool simulated_process::end() noexcept {
    if (status_) return false;
    for (pipe_stream& each : streams_) each.close();
    if (ended_by_ == 0 && code_) {
        status_ = exit_status::with_code(*code_ & 0xff);
    } else {
        status_ = exit_status::by_signal(ended_by_ != 0 ? ended_by_ : SIGKILL);
    }
    const simul::detail::simulated_end marker{std::exchange(end_marker_, -1)};
    return true;
}

namespace detail {

simulated_record::simulated_record(process_group group, process_reference of,
                                   simul::detail::simulated_end exited) noexcept
    : process_record{group}, process_{std::move(of)}, exited_{std::move(exited)} {
    set_pid(process_->pid_);
}

simulated_record::~simulated_record() {
    if (is_over() || process_->status_) return;
    if (has_group()) static_cast<void>(send_signal_to_group(SIGKILL));
    process_->take_signal(SIGKILL);
}

void simulated_record::collect(int) noexcept {
    if (!is_over() && process_->status_) has_ended(*process_->status_);
}

// One that has ended and was not waited for takes signals, without any effect.
bool simulated_record::send_signal(int number) const {
    if (is_over()) return false;
    process_->take_signal(number);
    return true;
}

bool simulated_record::send_signal_to_group(int number) const {
    expect_group();
    if (is_over()) return false;
    expect_signal(number);
    const auto scope = process_->scope_.lock();
    if (scope != nullptr) static_cast<void>(scope->send_signal(pid(), number));
    return true;
}

}  // namespace detail

}  // namespace simul::testing
