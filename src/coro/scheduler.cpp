// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/scheduler.hpp"

#include <algorithm>
#include <array>

#include "simul/coro/detail/frame.hpp"
#include "simul/coro/schedule.hpp"
#include "simul/coro/turn_observer.hpp"

namespace simul {

constinit SIMUL_THREAD_LOCAL scheduler* scheduler::current_ = nullptr;

scheduler::scheduler() noexcept = default;

scheduler::~scheduler() {
    SIMUL_ASSERT(ready_.empty() && now_.empty() && unwind_.empty(),
                 "a scheduler was destroyed while tasks were running on it");
    if (current_ == this) current_ = nullptr;
}

scheduler* scheduler::set_current(scheduler* replacement) noexcept {
    scheduler* old = current_;
    current_ = replacement;
    return old;
}

std::size_t scheduler::run_ready() noexcept {
    if (schedule_ != nullptr) [[unlikely]]
        return run_as_chosen();
    std::size_t turns = 0;
    waiter* following = nullptr;
    for (waiter* next = ready_.take_all(); next != nullptr; next = following) {
        following = next->next;
        ++turns;
        take_turn(*next);
    }
    return turns;
}

// Nearly all of them are frames, which are spared the call through a pointer.
inline void scheduler::run(waiter& next) noexcept {
    if (detail::frame* const resumed = detail::frame::from(next)) [[likely]] {
        resumed->take_turn(*this);
    } else {
        next.notify(notice::run);
    }
}

inline void scheduler::take_turn(waiter& next) noexcept {
    if (observer_ != nullptr) [[unlikely]]
        return take_observed_turn(next);
    budget_ = inline_budget;
    run(next);
    if (!is_settled()) settle();
}

void scheduler::take_observed_turn(waiter& next) noexcept {
    turn_observer* told = observer_;
    told->turn_begins(next);
    budget_ = inline_budget;
    const waiter* last_before = ready_.back();
    next.notify(notice::run);
    settle();
    if (observer_ != told) return;  // it has gone in this turn
    const waiter* last = ready_.back();
    told->turn_ended(last == last_before ? nullptr : last);
}

// The candidates are those that have waited longest, in the order in which they came: whoever is
// not chosen moves up.
std::size_t scheduler::run_as_chosen() noexcept {
    waiter_queue pass;
    pass.splice_back(ready_);
    std::array<waiter*, schedule::window> candidates;
    std::size_t count = 0;
    std::size_t turns = 0;
    for (;;) {
        while (count < candidates.size() && !pass.empty()) candidates[count++] = pass.pop_front();
        if (count == 0) return turns;
        const std::size_t chosen = count == 1 ? 0 : schedule_->choose(count);
        SIMUL_ASSERT(chosen < count, "a schedule chose somebody who is no candidate");
        waiter* next = candidates[chosen];
        std::move(candidates.begin() + chosen + 1, candidates.begin() + count,
                  candidates.begin() + chosen);
        --count;
        ++turns;
        take_turn(*next);
    }
}

void scheduler::settle() noexcept {
    for (;;) {
        if (!asked_.empty()) deliver_requests();
        while (waiter* doomed = unwind_.pop_front()) run(*doomed);
        if (!asked_.empty()) continue;
        waiter* continued = now_.pop_front();
        if (continued == nullptr) return;
        run(*continued);
    }
}

// What is cancelled because of a confirmation is asked in the next round, after the unwinding. An
// operation that ends because of another's confirmation leaves the list by itself.
void scheduler::deliver_requests() noexcept {
    intrusive_list<cancellable> asked;
    asked.splice_back(asked_);
    while (cancellable* waiting = asked.pop_front()) waiting->kind_->ask(*waiting);
}

}  // namespace simul
