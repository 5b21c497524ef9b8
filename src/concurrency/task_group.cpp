// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_group.hpp"

namespace simul::detail {

child::child(group& owner, frame* made) noexcept : waiter{&respond}, spawned{made} {
    up = &owner;
    scope = &own_scope_;
}

group& child::owner() const noexcept {
    return static_cast<group&>(*up);
}

void child::describe(std::unique_ptr<std::string> name) noexcept {
    identity_.name = std::move(name);
    context_.task = &identity_;
    if (const task_context* spawner = find_current_context()) context_.locals = spawner->locals;
}

// What cannot begin in place, because its group has been cancelled meanwhile, never begins: the
// ready list sees to that.
void child::begin() noexcept {
    scheduler& running = scheduler::current();
    identity_.number = running.next_task_number();
    own_scope_.enter(owner().inner_scope());
    own_scope_.set_context(&context_);
    spawned->up = this;
    spawned->scope = &own_scope_;
    spawned->slot = &spawned;
    const bool eagerly = start == start_policy::of_loop ? running.starts_eagerly()
                                                        : start == start_policy::eager;
    if (!eagerly || own_scope_.is_cancelled()) return running.queue(*spawned);
    if (spawned->start_nested() == started::done) task_finished();
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
    if (spawned->exception) owner().fail(std::move(spawned->exception));
    scheduler::current().unwind(*spawned);
}

void child::task_gone(bool stopped) noexcept {
    if (stopped && handle != nullptr) handle->settle_cancelled(own_scope_.reason());
    own_scope_.leave();
    unlink();
    group& left = owner();
    delete this;
    left.part(stopped);
}

group::group(start_policy start) noexcept : waiter{nullptr}, start_{start} {}

group::~group() {
    SIMUL_ASSERT(phase_ != phase::running, "a task group was destroyed while its children run");
    while (!children_.empty()) children_.front().discard(cancel_reason::requested);
}

void group::add(frame* spawned, handle_base& handle, child* record, spawn_options options) {
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
    record->start = options.start() == start_policy::of_loop ? start_ : options.start();
    record->describe(options.take_name());
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
    // One that begins in place may spawn others, which begin by themselves.
    child* last = children_.empty() ? nullptr : &children_.back();
    for (child* each = last == nullptr ? nullptr : &children_.front(); each != nullptr;
         each = each == last ? nullptr : children_.next(*each)) {
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
