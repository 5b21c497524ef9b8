// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/detail/frame.hpp"

#include <utility>

#include "simul/coro/trace.hpp"

namespace simul::detail {

namespace {

using frame_queue = intrusive_queue<waiter, &waiter::next>;

// The frames that this thread is dropping, so that an unstarted frame owned by another unstarted
// one waits for its turn instead of nesting.
constinit SIMUL_THREAD_LOCAL frame_queue* dropping = nullptr;

constinit SIMUL_THREAD_LOCAL bool abandoning = false;

}  // namespace

void frame::respond(waiter& self, notice what) noexcept {
    auto& woken = static_cast<frame&>(self);
    if (what == notice::run) [[likely]]
        return woken.take_turn(scheduler::current());
    switch (what) {
        case notice::now: scheduler::current().continue_now(woken); break;
        case notice::queue: scheduler::current().queue(woken); break;
        case notice::stopped:
            woken.state = frame_state::doomed;
            scheduler::current().unwind(woken);
            break;
        case notice::run:
        case notice::gone: break;
    }
}

bool frame::stops_instead() noexcept {
    if (state != frame_state::created && (awaiting == nullptr || !awaiting->give_back(*awaiting))) {
        return false;
    }
    state = frame_state::doomed;
    return true;
}

void frame::reap(scheduler& running) noexcept {
    waiter* told = up;
    const notice what = state == frame_state::finished ? notice::gone : notice::stopped;
    if (slot != nullptr) *slot = nullptr;
    const bool outer = std::exchange(abandoning, what == notice::stopped);
    running.set_running(this);
    handle().destroy();
    running.set_running(nullptr);
    abandoning = outer;
    told->notify(what);
}

void frame::keep_exception() noexcept {
    exception = std::current_exception();
    record_trace(*this);
}

bool frame::is_being_abandoned() noexcept {
    return abandoning || dropping != nullptr;
}

// A frame that never started holds nothing but its parameters, and those do not refer to one
// another: they can be destroyed a little later. One that is suspended has locals, which must go in
// their order.
void frame::abandon(frame& dropped) noexcept {
    if (dropped.state != frame_state::created) {
        frame_queue* outer = dropping;
        dropping = nullptr;
        const bool was_abandoning = std::exchange(abandoning, true);
        dropped.handle().destroy();
        abandoning = was_abandoning;
        dropping = outer;
        return;
    }
    if (dropping != nullptr) {
        dropping->push_back(dropped);
        return;
    }
    frame_queue queue;
    dropping = &queue;
    queue.push_back(dropped);
    while (waiter* next = queue.pop_front()) static_cast<frame*>(next)->handle().destroy();
    dropping = nullptr;
}

}  // namespace simul::detail
