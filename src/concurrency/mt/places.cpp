// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/mt/detail/places.hpp"

#include <utility>

#include "simul/base/assert.hpp"

namespace simul::mt::detail {

patience::patience(duration limit, std::stop_token token) noexcept : give_up{std::move(token)} {
    const auto now = std::chrono::steady_clock::now();
    if (limit < std::chrono::steady_clock::time_point::max() - now) until = now + limit;
}

wait_end thread_place::wait(line& where, lock& held, const patience& limits) noexcept {
    // Whether it runs is no question: the first turn of a main task comes before run_until().
    SIMUL_ASSERT(loop::find_current() == nullptr,
                 "a call that blocks would have stopped the loop of this thread: co_await the call "
                 "of the same name with async_ in front, or make this one inside offload()");
    limits_ = &limits;
    where.add(*this);
    if (!limits.give_up.stop_possible()) {
        sleep(where, held);
        return end_;
    }
    // Without the mutex: the callback takes it, at once if the request is there already; and the
    // end of on_stop waits for a callback that runs.
    std::mutex& guard = *held.mutex();
    held.unlock();
    {
        const std::stop_callback on_stop{limits.give_up, [this, &where, &guard] {
                                             const lock asked{guard};
                                             if (waits()) {
                                                 where.end(*this, wait_end::given_up);
                                             }
                                         }};
        held.lock();
        sleep(where, held);
        held.unlock();
    }
    held.lock();
    return end_;
}

void thread_place::sleep(line& where, lock& held) noexcept {
    while (waits()) {
        if (!limits_->until) {
            woken_.wait(held);
        } else if (woken_.wait_until(held, *limits_->until) == std::cv_status::timeout && waits()) {
            where.leave(*this);
            end_ = wait_end::timed_out;
        }
    }
}

task_place::task_place(const wait_kind& kind, void* hand, std::mutex& guard) noexcept
    : leaf{kind}, place{hand}, posted_work{&arrived, nullptr}, guard_{guard} {}

started task_place::wait_in(line& where, waiter& self) noexcept {
    if (!begin(self)) return started::stopped;
    loop_ = &loop::current();
    where.add(*this);
    return started::pending;
}

bool task_place::withdraw(line& where) noexcept {
    if (end_ != wait_end::none && end_ != wait_end::passed_over) return false;
    where.leave(*this);
    return true;
}

// A request that has come meanwhile is seen when the waiter's turn comes.
void task_place::arrived(posted_work& self) noexcept {
    auto& ended = static_cast<task_place&>(self);
    {
        const lock passed{ended.guard_};
    }
    ended.finish(notice::queue);
}

}  // namespace simul::mt::detail
