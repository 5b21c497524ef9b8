// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_group.hpp"

namespace simul::detail {

child::child(group& owner, frame* made) noexcept : waiter{&respond}, spawned{made}, owner_{owner} {
    up = &owner;
    scope = &own_scope_;
}

void child::begin() noexcept {
    own_scope_.enter(owner_.inner_scope());
    spawned->up = this;
    spawned->scope = &own_scope_;
    spawned->slot = &spawned;
    scheduler::current().queue(*spawned);
}

void child::discard(cancel_reason reason) noexcept {
    unlink();
    if (handle != nullptr) handle->settle_cancelled(reason);
    frame::drop(*std::exchange(spawned, nullptr));
    delete this;
}

bool child::cancel(cancel_reason reason, std::source_location where) noexcept {
    return own_scope_.cancel(reason, where);
}

void child::respond(waiter& self, notice what) noexcept {
    auto& record = static_cast<child&>(self);
    switch (what) {
        case notice::now:
        case notice::queue: record.task_finished(); break;
        case notice::gone: record.task_gone(false); break;
        case notice::stopped: record.task_gone(true); break;
        case notice::run: break;
    }
}

// The task has reached its end; its frame may only be destroyed by the reaper.
void child::task_finished() noexcept {
    if (handle != nullptr) handle->settle_finished(*spawned);
    if (spawned->exception) owner_.fail(std::move(spawned->exception));
    scheduler::current().unwind(*spawned);
}

void child::task_gone(bool stopped) noexcept {
    if (stopped && handle != nullptr) handle->settle_cancelled(own_scope_.reason());
    own_scope_.leave();
    unlink();
    group& owner = owner_;
    delete this;
    owner.part(stopped);
}

group::group() noexcept : waiter{nullptr} {}

group::~group() {
    SIMUL_ASSERT(phase_ != phase::running, "a task group was destroyed while its children run");
    while (!children_.empty()) children_.front().discard(cancel_reason::requested);
}

void group::add(frame* spawned, handle_base& handle, child* record) {
    SIMUL_ASSERT(spawned != nullptr, "a task was spawned twice, or after it was moved");
    SIMUL_ASSERT(phase_ != phase::ended, "a task was spawned into a group that has ended");
    if (record == nullptr) {
        try {
            record = new child{*this, spawned};
        } catch (...) {
            frame::drop(*spawned);
            throw;
        }
    }
    record->spawned = spawned;
    handle.attach(*record);
    children_.push_back(*record);
    if (own_scope_.is_cancelled()) return record->discard(own_scope_.reason());
    ++participants_;
    if (phase_ == phase::running) record->begin();
}

bool group::cancel(cancel_reason reason, std::source_location where) noexcept {
    if (phase_ == phase::ended) return false;
    return own_scope_.cancel(reason, where);
}

started group::start(waiter& self) noexcept {
    SIMUL_ASSERT(phase_ == phase::collecting, "a task group was run twice");
    if (self.scope->is_cancelled()) return started::stopped;
    up = &self;
    scope = &own_scope_;
    phase_ = phase::running;
    own_scope_.enter(*self.scope);
    for (child* each = children_.empty() ? nullptr : &children_.front(); each != nullptr;
         each = children_.next(*each)) {
        each->begin();
    }
    return participants_ == 0 ? conclude() : started::pending;
}

void group::part(bool stopped) noexcept {
    any_stopped_ |= stopped;
    if (--participants_ != 0) return;
    up->notify(conclude() == started::done ? notice::now : notice::stopped);
}

started group::part_inside_start(bool stopped) noexcept {
    any_stopped_ |= stopped;
    return --participants_ == 0 ? conclude() : started::pending;
}

started group::conclude() noexcept {
    phase_ = phase::ended;
    own_scope_.leave();
    if (error_) {
        later_errors_.attach_to(error_);
        return started::done;
    }
    return any_stopped_ && up->scope->is_cancelled() ? started::stopped : started::done;
}

void group::fail(std::exception_ptr error) noexcept {
    if (error_) return later_errors_.add(std::move(error));
    error_ = std::move(error);
    own_scope_.cancel(cancel_reason::sibling_failed);
}

void group::throw_if_failed() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace simul::detail
