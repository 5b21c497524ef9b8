// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/shared_task.hpp"

#include "simul/concurrency/run.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul::detail {

void shared_core::begin(const std::shared_ptr<shared_core>& self) noexcept {
    if (phase_ != phase::unstarted) return;
    phase_ = phase::running;
    task_group& owner = owner_ != nullptr ? *owner_ : outermost_group();
    try {
        running_ = owner.spawn(make_run(self));
        // One that began eagerly may have been asked before there was a handle to ask it by.
        if (was_asked_) running_.cancel(reason_);
    } catch (...) {
        discard_work();
        fail(std::current_exception());
    }
}

bool shared_core::cancel(cancel_reason reason, std::source_location where) noexcept {
    if (has_ended() || was_asked_) return false;
    was_asked_ = true;
    reason_ = reason;
    if (phase_ == phase::running) return running_.cancel(reason, where);
    discard_work();
    settle(phase::cancelled);
    return true;
}

void shared_core::part() noexcept {
    if (--awaiters_ != 0) return;
    if (phase_ == phase::running && !keeps_running_) {
        cancel(cancel_reason::requested, std::source_location::current());
    }
    report_if_unseen();
}

void shared_core::fail(std::exception_ptr error) noexcept {
    error_ = std::move(error);
    settle(phase::error);
}

void shared_core::stop() noexcept {
    if (!has_ended()) settle(phase::cancelled);
}

// Who is asked to stop is passed over (ADR 0012): an error must reach somebody who can take it.
void shared_core::settle(phase reached) noexcept {
    phase_ = reached;
    while (first_live<shared_operation_base>(lot) != nullptr) lot.wake_one();
    if (awaiters_ == 0) report_if_unseen();
}

void shared_core::report_if_unseen() noexcept {
    if (phase_ != phase::error || std::exchange(is_seen_, true)) return;
    report(error_);
}

void shared_core::report(const std::exception_ptr& error) noexcept {
    report_unhandled_error(error, "of a shared task that nobody awaits any more");
}

void shared_core::throw_if_failed() {
    if (phase_ == phase::cancelled) throw cancelled{reason_};
    if (phase_ != phase::error) return;
    is_seen_ = true;
    std::rethrow_exception(error_);
}

shared_operation_base::shared_operation_base(std::shared_ptr<shared_core> awaited) noexcept
    : leaf{kind}, parked{&woken}, core_{std::move(awaited)} {
    SIMUL_ASSERT(core_ != nullptr, "a shared task was awaited after it was moved");
}

started shared_operation_base::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    core_->join();
    is_counted_ = true;
    core_->begin(core_);
    if (core_->has_ended()) return started::done;
    static_cast<void>(begin(self));  // the scope was asked above
    core_->lot.park(*this);
    return started::pending;
}

void shared_operation_base::take_or_throw() {
    struct parting {
        ~parting() { operation.part(); }
        shared_operation_base& operation;
    };
    const parting at_end{*this};
    core_->throw_if_failed();
}

void shared_operation_base::part() noexcept {
    if (std::exchange(is_counted_, false)) core_->part();
}

void shared_operation_base::woken(parked& self) noexcept {
    static_cast<shared_operation_base&>(self).finish(notice::queue);
}

void shared_operation_base::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<shared_operation_base&>(self);
    waiting.core_->lot.leave_if_parked(waiting);
    waiting.part();
    waiting.finish(notice::stopped);
}

}  // namespace simul::detail
