// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/blocking.hpp"

#include <system_error>

#include "runtime/blocking_pool.hpp"

namespace simul::detail {

offload_base::offload_base(callback run, bool can_stop)
    : leaf{kind},
      blocking_job{run, &finished_on_worker,
                   can_stop ? std::stop_source{} : std::stop_source{std::nostopstate}},
      posted_work{&finished_on_loop, nullptr} {}

started offload_base::start(waiter& self) noexcept {
    if (!begin(self)) return started::stopped;
    loop_ = &loop::current();
    context_ = self.scope->context();
    if (loop_->is_simulated()) {  // its turn comes in the next pass, on this thread
        loop_->post(*this);
        return started::pending;
    }
    try {
        if (loop_->blocking_threads().submit(*this)) return started::pending;
        failure_ = std::make_exception_ptr(
            std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again),
                              "offload: the pool takes no more calls"});
    } catch (...) {
        failure_ = std::current_exception();
    }
    cancellable::unlink();
    return started::done;
}

void offload_base::finished_on_worker(blocking_job& self) noexcept {
    auto& ended = static_cast<offload_base&>(self);
    ended.loop_->post(ended);
}

void offload_base::finished_on_loop(posted_work& self) noexcept {
    auto& ended = static_cast<offload_base&>(self);
    if (ended.withdrawn_) return ended.finish(notice::stopped);
    if (ended.loop_->is_simulated()) ended.blocking_job::run(ended);
    ended.finish(notice::queue);
}

void offload_base::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<offload_base&>(self);
    waiting.stop.request_stop();
    if (waiting.loop_->is_simulated()) {
        waiting.withdrawn_ = true;
    } else if (waiting.loop_->blocking_threads().withdraw(waiting)) {
        waiting.finish(notice::stopped);
    }
}

}  // namespace simul::detail
