// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_group.hpp"

#include <algorithm>
#include <cstddef>

#include "simul/runtime/loop.hpp"

namespace simul::detail {

child::child(group& owner, frame* made) noexcept : waiter{&respond}, spawned{made} {
    up = &owner;
    scope = &own_scope_;
}

group& child::owner() const noexcept {
    return static_cast<group&>(*up);
}

inline void child::describe(std::unique_ptr<std::string>&& name) noexcept {
    context_.name = name.release();
    if (!local_binding::exist()) return;
    const task_context* const spawner = find_current_context();
    if (spawner != nullptr && spawner->locals.get() != nullptr) context_.locals = spawner->locals;
}

// What cannot begin in place, because its group has been cancelled meanwhile, never begins: the
// ready list sees to that.
void child::begin() noexcept {
    scheduler& running = scheduler::current();
    context_.number = running.next_task_number();
    own_scope_.enter(owner().scope_of(kind));
    own_scope_.set_context(&context_);
    spawned->up = this;
    spawned->scope = &own_scope_;
    spawned->slot = &spawned;
    const bool eagerly =
        start == start_policy::of_loop ? running.starts_eagerly() : start == start_policy::eager;
    if (!eagerly || own_scope_.is_cancelled()) return running.queue(*spawned);
    if (spawned->start_nested() == started::done) task_finished();
}

void child::discard(cancel_reason reason) noexcept {
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
    if (spawned->exception) fail(std::move(spawned->exception));
    scheduler::current().unwind(*spawned);
}

void child::fail(std::exception_ptr error) noexcept {
    owner().fail(std::move(error));
}

void child::task_gone(bool stopped) noexcept {
    if (stopped && handle != nullptr) handle->settle_cancelled(own_scope_.reason());
    own_scope_.leave();
    group& left = owner();
    const child_kind what = kind;
    delete this;
    left.child_gone(what, stopped);
}

void child::move_to(group& other) noexcept {
    owner().release();
    up = &other;
    own_scope_.move_to(other.scope_of(kind));
    other.adopt();
}

group::group(const group_options& options)
    : waiter{nullptr}, limit_{options.limit()}, start_{options.start()} {
    SIMUL_ASSERT(limit_ != 0, "a task group that may run no child would never end");
    if (options.grace() != duration::max()) {
        grace_ = std::make_unique<grace_period>(*this, options.grace());
    }
}

group::~group() {
    SIMUL_ASSERT(phase_ != phase::running, "a task group was destroyed while its children run");
    while (child* left = next_held()) left->discard(cancel_reason::requested);
}

child* group::next_held() noexcept {
    return static_cast<child*>(held_.pop_front());
}

void group::add(frame* spawned, handle_base& handle, child* record, spawn_options&& options,
                child_kind kind) {
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
    record->kind = kind;
    handle.attach(*record);
    if (own_scope_.is_cancelled()) return record->discard(own_scope_.reason());
    if (kind == child_kind::regular) ++participants_;
    const bool has_room = kind == child_kind::service || (begun_ < limit_ && held_.empty());
    if (phase_ == phase::running && has_room) return begin(*record);
    held_.push_back(*record);
}

void group::add_unwatched(child& record, spawn_options&& options) {
    task_handle<> dropped;
    add(record.spawned, dropped, &record, std::move(options), child_kind::regular);
}

void group::begin(child& first) noexcept {
    if (first.kind == child_kind::regular) ++begun_;
    first.begin();
}

// Those whose group was cancelled before it was their turn never begin.
void group::begin_held() noexcept {
    while (!held_.empty() && own_scope_.is_cancelled()) {
        next_held()->discard(own_scope_.reason());
        --participants_;
    }
    while (!held_.empty() && begun_ < limit_) begin(*next_held());
}

void group::adopt() noexcept {
    ++participants_;
    ++begun_;
}

void group::release() noexcept {
    --participants_;
    --begun_;
}

void group::child_gone(child_kind kind, bool stopped) noexcept {
    if (kind == child_kind::service) return end_if_empty();
    --begun_;
    if (!held_.empty()) begin_held();
    part(stopped);
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
    service_scope_.enter(*self.scope, true);
    if (grace_ != nullptr) own_scope_.add(*grace_);
    begin_services();
    begin_held();
    return participants_ == 0 && !stop_a_service() ? conclude() : started::pending;
}

// Before the others, which may need them.
void group::begin_services() noexcept {
    child_queue others;
    while (child* first = next_held()) {
        if (first->kind == child_kind::service) {
            begin(*first);
        } else {
            others.push_back(*first);
        }
    }
    held_.splice_back(others);
}

void group::part(bool stopped) noexcept {
    any_stopped_ |= stopped;
    --participants_;
    end_if_empty();
}

started group::part_inside_start(bool stopped) noexcept {
    any_stopped_ |= stopped;
    --participants_;
    return participants_ == 0 && !stop_a_service() ? conclude() : started::pending;
}

void group::end_if_empty() noexcept {
    if (participants_ != 0 || stop_a_service()) return;
    up->notify(conclude() == started::done ? notice::now : notice::stopped);
}

// False if there is none. A service may spawn children while it ends; they are waited for before
// the next one is stopped.
bool group::stop_a_service() noexcept {
    cancel_scope* const newest = service_scope_.newest_child();
    if (newest == nullptr) return false;
    if (grace_ != nullptr) grace_->begin();
    newest->cancel(cancel_reason::shutdown);
    return true;
}

const std::vector<slow_task>& group::slow_tasks() const noexcept {
    static const std::vector<slow_task> none;
    return grace_ != nullptr ? grace_->slow : none;
}

void grace_period::asked(cancellable& self) noexcept {
    static_cast<grace_period&>(self).begin();
}

void grace_period::begin() noexcept {
    if (armed()) return;
    loop& running = loop::current();
    deadline = saturating_add(running.now(), period_);
    running.arm(*this);
}

void grace_period::end() noexcept {
    cancellable::unlink();
    loop::current().disarm(*this);
}

void grace_period::is_over(timer& self) noexcept {
    auto& period = static_cast<grace_period&>(self);
    group& late = period.owner_;
    period.note_tasks_in(late.own_scope_);
    period.note_tasks_in(late.service_scope_);
    const auto here = std::source_location::current();
    late.own_scope_.cancel_through_shields(cancel_reason::deadline, here);
    if (late.participants_ == 0) {
        late.service_scope_.cancel_through_shields(cancel_reason::deadline, here);
    }
}

// Below the scope of a group lie those of its tasks, and of what its body does. The report may be
// cut short for lack of memory; the end of the group may not.
void grace_period::note_tasks_in(const cancel_scope& group_scope) noexcept try {
    const auto first = static_cast<std::ptrdiff_t>(slow.size());
    for (const cancel_scope* each = group_scope.newest_child(); each != nullptr;
         each = each->older_sibling()) {
        if (number_of(each->context()) == number_of(group_scope.context())) continue;
        const task_context* const task = each->context();
        slow.emplace_back(task->number, std::string{name_of(task)});
    }
    std::reverse(slow.begin() + first, slow.end());
} catch (const std::bad_alloc&) {
    return;
}

started group::conclude() noexcept {
    phase_ = phase::ended;
    if (grace_ != nullptr) grace_->end();
    own_scope_.leave();
    service_scope_.leave();
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
