// SPDX-License-Identifier: Apache-2.0
#include "simul/io/signal.hpp"

#include <string>
#include <system_error>

#include "io/signal_name.hpp"
#include "io/signal_state.hpp"
#include "simul/base/error.hpp"

namespace simul {

namespace {

[[noreturn]] void refuse(const std::string& why) {
    throw std::system_error{std::make_error_code(std::errc::invalid_argument), why};
}

void check(int number) {
    switch (number) {
        case SIGKILL: refuse("SIGKILL cannot be caught: catch SIGTERM, which asks for the end");
        case SIGSTOP: refuse("SIGSTOP cannot be caught: catch SIGTSTP, which asks for a stop");
        case SIGSEGV:
        case SIGBUS:
        case SIGFPE:
        case SIGILL:
            refuse(detail::name_of_signal(number) +
                   " tells of a fault, which would be repeated for ever: leave it to its handler");
        default: break;
    }
    if (number < 1 || number > detail::highest_signal) {
        refuse(std::to_string(number) + " is no signal: use a name of <csignal>, such as SIGHUP");
    }
}

}  // namespace

namespace detail {

signal_operation::signal_operation(std::shared_ptr<signal_state> source) noexcept
    : leaf{kind}, parked{&woken}, source_{std::move(source)} {}

signal_operation::~signal_operation() {
    static_cast<void>(give_back());
}

started signal_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    caught_ = source_->take_now();
    if (caught_.number != 0 || source_->is_closed()) return started::done;
    static_cast<void>(begin(self));  // the scope was asked above
    source_->wait(*this);
    return started::pending;
}

int signal_operation::take() {
    const std::optional<int> taken = take_if_any();
    if (!taken) throw closed{};
    return *taken;
}

std::optional<int> signal_operation::take_if_any() noexcept {
    const int number = std::exchange(caught_, caught_signal{}).number;
    return number != 0 ? std::optional{number} : std::nullopt;
}

bool signal_operation::give_back() noexcept {
    const caught_signal untaken = std::exchange(caught_, caught_signal{});
    if (untaken.number != 0) source_->give_back(untaken);
    return true;
}

void signal_operation::woken(parked& self) noexcept {
    static_cast<signal_operation&>(self).finish(notice::queue);
}

void signal_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<signal_operation&>(self);
    if (waiting.source_->leave(waiting)) waiting.finish(notice::stopped);
}

}  // namespace detail

signal_receiver::signal_receiver(std::span<const int> numbers) {
    if (numbers.empty()) refuse("a signal_receiver without a signal: name what it is to catch");
    for (const int each : numbers) check(each);
    state_ = std::make_shared<detail::signal_state>(loop::current());
    try {
        for (const int each : numbers) state_->add(each);
    } catch (...) {
        state_->close();
        throw;
    }
}

signal_receiver& signal_receiver::operator=(signal_receiver&& other) noexcept {
    if (this == &other) return *this;
    close();
    state_ = std::move(other.state_);
    return *this;
}

void signal_receiver::close() noexcept {
    if (state_ != nullptr) state_->close();
}

std::optional<int> signal_receiver::try_receive() noexcept {
    const detail::caught_signal first = state()->take_now();
    return first.number != 0 ? std::optional{first.number} : std::nullopt;
}

}  // namespace simul
