// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/as_completed.hpp"

#include <algorithm>
#include <utility>

#include "simul/runtime/loop.hpp"

namespace simul::detail {

void completion_watch::ended(handle_watch& self) noexcept {
    auto& watch = static_cast<completion_watch&>(self);
    watch.list_->child_ended(watch);
}

completion_list::completion_list(std::size_t count, duration limit) noexcept
    : left_{count}, deadline_{time_point::max()} {
    if (limit != duration::max()) deadline_ = saturating_add(loop::current().now(), limit);
}

void completion_list::add(completion_watch& watch, handle_base& handle,
                          std::size_t index) noexcept {
    SIMUL_ASSERT(handle.state() != handle_state::empty,
                 "an empty task handle was given to as_completed: leave moved-from ones out");
    watch.list_ = this;
    watch.handle_ = &handle;
    watch.index_ = index;
    if (handle.state() == handle_state::running) {
        handle.add(watch);
    } else {
        ended_.push_back(watch);
    }
}

void completion_list::sort() {
    std::vector<completion_watch*> order;
    for (handle_watch* each = ended_.empty() ? nullptr : &ended_.front(); each != nullptr;
         each = ended_.next(*each)) {
        order.push_back(static_cast<completion_watch*>(each));
    }
    std::ranges::sort(order, [](const completion_watch* first, const completion_watch* second) {
        return first->is_before(*second);
    });
    for (completion_watch* each : order) {
        each->unlink();
        ended_.push_back(*each);
    }
}

void completion_list::child_ended(completion_watch& watch) noexcept {
    if (!hand_over(watch)) ended_.push_back(watch);
}

// Gives it to the one who waits longest. False if nobody does.
bool completion_list::hand_over(completion_watch& watch) noexcept {
    auto* const first = first_live<next_completion>(waiting_);
    if (first == nullptr) return false;
    first->taken_ = &watch;
    waiting_.wake(*first);
    return true;
}

// From one who was cancelled. Those who ended before it, which came back before, stay before it.
void completion_list::take_back(completion_watch& watch) noexcept {
    if (hand_over(watch)) return;
    intrusive_list<handle_watch> order;
    while (!ended_.empty() && static_cast<completion_watch&>(ended_.front()).is_before(watch)) {
        order.push_back(*ended_.pop_front());
    }
    order.push_back(watch);
    order.splice_back(ended_);
    ended_.splice_back(order);
}

started next_completion::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (source_.left_ == 0) return started::done;
    taken_ = static_cast<completion_watch*>(source_.ended_.pop_front());
    if (taken_ != nullptr) return started::done;
    if (source_.deadline_ != time_point::max()) {
        if (loop::current().now() >= source_.deadline_) {
            has_timed_out_ = true;
            return started::done;
        }
        deadline = source_.deadline_;
        loop::current().arm(*this);
    }
    static_cast<void>(begin(self));  // the scope was asked above
    source_.waiting_.park(*this);
    return started::pending;
}

completion_watch* next_completion::take_watch() {
    if (has_timed_out_) throw timed_out{};
    completion_watch* const taken = std::exchange(taken_, nullptr);
    // All were taken: nothing comes any more for the others who wait.
    if (taken != nullptr && --source_.left_ == 0) source_.waiting_.wake_all();
    return taken;
}

bool next_completion::give_back() noexcept {
    if (taken_ != nullptr) source_.take_back(*std::exchange(taken_, nullptr));
    return true;
}

void next_completion::leave() noexcept {
    source_.waiting_.leave_if_parked(*this);
    loop::current().disarm(*this);
}

void next_completion::woken(parked& self) noexcept {
    auto& waiting = static_cast<next_completion&>(self);
    waiting.leave();
    waiting.finish(notice::queue);
}

void next_completion::expire(timer& self) noexcept {
    auto& waiting = static_cast<next_completion&>(self);
    waiting.leave();
    waiting.has_timed_out_ = true;
    waiting.finish(notice::queue);
}

void next_completion::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<next_completion&>(self);
    waiting.leave();
    waiting.finish(notice::stopped);
}

}  // namespace simul::detail
