// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_group.hpp"

namespace simul::detail {

void readiness_base::announce() noexcept {
    SIMUL_ASSERT(!is_set_, "a child said twice that it is ready");
    is_set_ = true;
    if (start_child_base* waiting = std::exchange(waiting_, nullptr)) waiting->child_is_ready();
}

started start_child_base::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    SIMUL_ASSERT(target_.is_running(),
                 "group.start() needs a group that runs: call it in the body of with_task_group, "
                 "or in a child of the group");
    up = &self;
    scope = self.scope;
    try {
        child_ = make_child(pending_);
    } catch (...) {
        failure_ = std::current_exception();
        return started::done;
    }
    pending_.add_unwatched(*child_, std::move(options_));
    target_.join();
    is_starting_ = true;
    const started answer = pending_.start(*this);
    is_starting_ = false;
    if (answer != started::pending && !is_ready_) target_.part(false);
    return answer;
}

void start_child_base::respond(waiter& self, notice what) noexcept {
    auto& operation = static_cast<start_child_base&>(self);
    operation.target_.part(false);
    operation.up->notify(what);
}

// The group of one ends by itself if it is still being started.
void start_child_base::child_is_ready() noexcept {
    if (pending_.inner_scope().is_cancelled()) return;
    is_ready_ = true;
    child_->move_to(target_);
    target_.part(false);
    if (is_starting_) return;
    pending_.dissolve();
    up->notify(notice::queue);
}

void start_child_base::throw_if_not_ready() {
    if (failure_) std::rethrow_exception(std::move(failure_));
    pending_.throw_if_failed();
    if (!is_ready_) throw error{errc::never_ready};
}

}  // namespace simul::detail
