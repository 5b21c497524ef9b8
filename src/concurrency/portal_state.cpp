// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/detail/portal_state.hpp"

#include <chrono>
#include <functional>

#include "simul/base/assert.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul::detail {

void loop_door::open(loop& behind) noexcept {
    const std::lock_guard held{mutex_};
    loop_ = &behind;
    takes_work_ = true;
}

bool loop_door::refuse_work() noexcept {
    const std::lock_guard held{mutex_};
    return std::exchange(takes_work_, false);
}

void loop_door::close() noexcept {
    const std::lock_guard held{mutex_};
    loop_ = nullptr;
    takes_work_ = false;
}

// The mutex is held while something is posted, so that close() waits for who is still inside the
// loop. What is destroyed because it was refused is destroyed by the caller, without the mutex.
void loop_door::post_work(std::move_only_function<void()> work) {
    const std::lock_guard held{mutex_};
    if (!takes_work_) throw closed{};
    loop_->post_from_any_thread(std::move(work));
}

bool loop_door::post(posted_work& message) noexcept {
    const std::lock_guard held{mutex_};
    if (loop_ == nullptr) return false;
    loop_->post(message);
    return true;
}

bool loop_door::is_inside() const noexcept {
    const std::lock_guard held{mutex_};
    return loop_ != nullptr && loop::find_current() == loop_;
}

portal_state_base::portal_state_base(std::shared_ptr<loop_door> door) noexcept
    : posted_work{&ask, nullptr}, door_{std::move(door)} {}

bool portal_state_base::is_done() const noexcept {
    const std::lock_guard held{mutex_};
    return is_done_;
}

void portal_state_base::assert_may_wait() const noexcept {
    SIMUL_ASSERT(is_done() || !door_->is_inside(),
                 "a thread would wait for a task of the loop that runs on it, and so for ever: "
                 "co_await the task there instead");
}

void portal_state_base::wait() const noexcept {
    assert_may_wait();
    std::unique_lock held{mutex_};
    done_.wait(held, [this] { return is_done_; });
}

bool portal_state_base::wait_for(duration limit) const noexcept {
    assert_may_wait();
    const auto now = std::chrono::steady_clock::now();
    std::unique_lock held{mutex_};
    if (limit >= std::chrono::steady_clock::time_point::max() - now) {
        done_.wait(held, [this] { return is_done_; });
        return true;
    }
    return done_.wait_until(held, now + limit, [this] { return is_done_; });
}

void portal_state_base::cancel() noexcept {
    {
        const std::lock_guard held{mutex_};
        if (is_done_ || is_asked_) return;
        is_asked_ = true;
        kept_ = shared_from_this();
    }
    if (!door_->post(*this)) kept_.reset();
}

void portal_state_base::ask(posted_work& self) noexcept {
    auto& asked = static_cast<portal_state_base&>(self);
    const std::shared_ptr<portal_state_base> kept = std::move(asked.kept_);
    asked.handle_.cancel();
}

void report_dropped(const std::exception_ptr& error) noexcept {
    report_unhandled_error(error, "of a task in a portal, whose future nobody asked");
}

}  // namespace simul::detail
