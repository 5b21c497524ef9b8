// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/detail/core_call.hpp"

#include <utility>

#include "simul/base/error.hpp"

namespace simul::detail {

namespace {

// What has happened to a call; each once.
constexpr unsigned asked = 1;    // the caller has sent, or tried to send, a cancel
constexpr unsigned arrived = 2;  // which the other core has seen, or never will
constexpr unsigned gone = 4;     // the task has gone

// Whether the call goes back, for the one who has just added one of these.
constexpr bool is_over(unsigned progress) noexcept {
    return (progress & gone) != 0 && ((progress & asked) == 0 || (progress & arrived) != 0);
}

}  // namespace

core_call::core_call(loop_door& here, loop_door& there) noexcept
    : leaf{kind}, here_{here}, there_{there} {}

started core_call::start(waiter& self) noexcept {
    if (!begin(self)) return started::stopped;
    if (there_.post(begin_)) return started::pending;
    was_refused_ = true;
    cancellable::unlink();
    return started::done;
}

void core_call::throw_if_not_ended() const {
    if (was_refused_) throw closed{};
    if (not_begun_) std::rethrow_exception(not_begun_);
    throw cancelled{cancel_reason::shutdown};
}

// --- on the core of the task
// ----------------------------------------------------------------------

void core_call::begin_there(posted_work& received) noexcept {
    core_call& call = call_of(received);
    const part until_spawned{call};
    try {
        call.handle_ = call.spawn(part{call});
    } catch (...) {
        call.not_begun_ = std::current_exception();
    }
}

void core_call::cancel_there(posted_work& received) noexcept {
    core_call& call = call_of(received);
    call.handle_.cancel();
    // acq_rel: see task_gone().
    if (is_over(call.progress_.fetch_or(arrived, std::memory_order_acq_rel) | arrived)) {
        call.go_back();
    }
}

// acq_rel: whoever finds the call over has seen what the others did to it.
void core_call::task_gone() noexcept {
    const unsigned progress = progress_.fetch_or(gone, std::memory_order_acq_rel) | gone;
    if (is_over(progress)) go_back();
}

// The caller waits, so its loop runs and takes what comes.
void core_call::go_back() noexcept {
    const bool is_on_its_way = here_.post(back_);
    SIMUL_ASSERT(is_on_its_way, "a core has ended while a task on it waited for another core");
}

// --- on the core of the caller
// --------------------------------------------------------------------

// If the task has gone already, the call is on its way back. If the other core takes no messages
// any more, it stops the task by itself.
void core_call::ask(cancellable& self) noexcept {
    auto& call = static_cast<core_call&>(self);
    call.was_asked_ = true;
    // acq_rel: see task_gone().
    if ((call.progress_.fetch_or(asked, std::memory_order_acq_rel) & gone) != 0) return;
    if (call.there_.post(call.cancel_)) return;
    if (is_over(call.progress_.fetch_or(arrived, std::memory_order_acq_rel) | arrived)) {
        take_back(call.back_);
    }
}

void core_call::take_back(posted_work& received) noexcept {
    core_call& call = call_of(received);
    const bool is_stopped = call.was_asked_ && !call.has_outcome() && !call.not_begun_;
    call.finish(is_stopped ? notice::stopped : notice::queue);
}

}  // namespace simul::detail
