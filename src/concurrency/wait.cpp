// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/wait.hpp"

#include <algorithm>
#include <functional>

#include "simul/runtime/loop.hpp"

namespace simul::detail {

void wait_watch::ended(handle_watch& self) noexcept {
    const auto& watch = static_cast<wait_watch&>(self);
    watch.owner_->child_ended(watch.handle());
}

started wait_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    for (const wait_watch& watch : watches_) {
        SIMUL_ASSERT(watch.handle().state() != handle_state::empty,
                     "an empty task handle was waited for: leave moved-from ones out");
        if (watch.handle().state() != handle_state::running) note(watch.handle());
    }
    if (is_satisfied() || limit_ <= duration::zero()) return started::done;
    static_cast<void>(begin(self));  // the scope was asked above
    for (wait_watch& watch : watches_) {
        if (watch.handle().state() == handle_state::running) watch.handle().add(watch);
    }
    if (limit_ != duration::max()) {
        loop& running = loop::current();
        deadline = saturating_add(running.now(), limit_);
        running.arm(*this);
    }
    return started::pending;
}

// Asks the handles anew: more may have ended since the wait was over.
wait_result wait_operation::take() const {
    const auto is_running = [](const wait_watch& watch) {
        return watch.handle().state() == handle_state::running;
    };
    const auto running = static_cast<std::size_t>(std::ranges::count_if(watches_, is_running));
    wait_result result;
    result.done.reserve(watches_.size() - running);
    result.pending.reserve(running);
    for (std::size_t index = 0; index != watches_.size(); ++index) {
        (is_running(watches_[index]) ? result.pending : result.done).push_back(index);
    }
    std::ranges::sort(result.done, std::ranges::greater{},
                      [this](std::size_t index) { return watches_[index].handle().age(); });
    return result;
}

void wait_operation::child_ended(const handle_base& handle) noexcept {
    note(handle);
    if (is_satisfied()) end(notice::queue);
}

void wait_operation::note(const handle_base& ended) noexcept {
    ++ended_;
    if (ended.state() == handle_state::error) has_error_ = true;
}

bool wait_operation::is_satisfied() const noexcept {
    if (ended_ == watches_.size()) return true;
    switch (until_) {
        case wait_until::first_completed: return ended_ != 0;
        case wait_until::first_error: return has_error_;
        case wait_until::all_completed: break;
    }
    return false;
}

void wait_operation::end(notice how) noexcept {
    for (wait_watch& watch : watches_) watch.unlink();
    loop::current().disarm(*this);
    finish(how);
}

void wait_operation::expire(timer& self) noexcept {
    static_cast<wait_operation&>(self).end(notice::queue);
}

void wait_operation::interrupt(cancellable& self) noexcept {
    static_cast<wait_operation&>(self).end(notice::stopped);
}

}  // namespace simul::detail
