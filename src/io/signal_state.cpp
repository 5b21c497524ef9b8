// SPDX-License-Identifier: Apache-2.0
#include "io/signal_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <span>

namespace simul::detail {

namespace {

// On this thread, so that the handler has been called when this returns. A thread that does not
// want the signal leaves it to the others.
void raise_again(int number) noexcept {
    sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    if (sigismember(&blocked, number) == 1) {
        ::kill(::getpid(), number);
    } else {
        std::raise(number);
    }
}

}  // namespace

void signal_state::add(int number) {
    if ((numbers_ & bit_of(number)) != 0) return;
    catch_signal(number, *this);
    numbers_ |= bit_of(number);
}

// The receiver holds no signal any more when the first is raised: its handler may end the program,
// or open another receiver's way to it.
void signal_state::close() noexcept {
    if (is_closed_) return;
    is_closed_ = true;
    std::array<caught_signal, highest_signal> untaken;
    std::size_t count = 0;
    for (int number = 1; number <= highest_signal; ++number) {
        if ((numbers_ & bit_of(number)) == 0) continue;
        const caught_signal left = let_go(number);
        if (left.number != 0) untaken[count++] = left;
    }
    numbers_ = 0;
    if (!waiting_.empty()) ring();
    const auto raised = std::span{untaken}.first(count);
    std::ranges::sort(raised, {}, &caught_signal::turn);
    for (const caught_signal& each : raised) raise_again(each.number);
}

caught_signal signal_state::take_now() noexcept {
    if (first_live<signal_operation>(waiting_) != nullptr) return {};
    return take_oldest(numbers_);
}

void signal_state::give_back(const caught_signal& untaken) noexcept {
    if (is_closed_) {
        raise_again(untaken.number);
        return;
    }
    put_back(untaken);
    if (!waiting_.empty()) ring();
}

void signal_state::wait(signal_operation& waiting) noexcept {
    waiting_.park(waiting);
    arm();
}

bool signal_state::leave(signal_operation& waiting) noexcept {
    waiting_.leave_if_parked(waiting);
    if (!waiting_.empty()) return true;
    bell before = bell::armed;
    if (bell_.compare_exchange_strong(before, bell::idle) || before == bell::idle) return true;
    leaving_.park(waiting);
    // A handler on another thread may be about to post. The simulated world does not wait for other
    // threads, and would take this for a deadlock.
    if (loop_.is_simulated()) wait_for_handlers(numbers_);
    return false;
}

// Runs inside signal handlers: an atomic, and the loop's inbox.
void signal_state::ring() noexcept {
    bell before = bell::armed;
    if (bell_.compare_exchange_strong(before, bell::posted)) loop_.post(*this);
}

// A signal that another thread's handler has put into the table before it saw the bell armed is
// seen here: both sides are sequentially consistent.
void signal_state::arm() noexcept {
    bell before = bell::idle;
    bell_.compare_exchange_strong(before, bell::armed);
    if (has_come(numbers_)) ring();
}

void signal_state::rung(posted_work& self) noexcept {
    auto& state = static_cast<signal_state&>(self);
    const auto kept = state.shared_from_this();
    state.bell_.store(bell::idle);
    while (!state.leaving_.empty()) {
        auto& stopped = static_cast<signal_operation&>(state.leaving_.front());
        state.leaving_.leave(stopped);
        stopped.finish(notice::stopped);
    }
    state.serve();
}

void signal_state::serve() noexcept {
    while (auto* first = first_live<signal_operation>(waiting_)) {
        const caught_signal oldest = take_oldest(numbers_);
        if (oldest.number == 0 && !is_closed_) return arm();
        first->caught_ = oldest;
        waiting_.wake(*first);
    }
}

}  // namespace simul::detail
