// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_handle.hpp"

#include "simul/concurrency/detail/child.hpp"
#include "simul/coro/cancellation.hpp"

namespace simul::detail {

namespace {

// How many handles of this thread have seen their child end.
constinit SIMUL_THREAD_LOCAL std::uint32_t ended_count = 0;

}  // namespace

handle_base::handle_base(handle_base&& other) noexcept : store_{other.store_} {
    *this = std::move(other);
}

handle_base& handle_base::operator=(handle_base&& other) noexcept {
    if (this == &other) return *this;
    SIMUL_ASSERT(watches_.empty() && other.watches_.empty(),
                 "a task handle was moved while it is being awaited: let wait, or the stream of "
                 "as_completed, end first");
    if (child_ != nullptr) child_->handle = nullptr;
    child_ = std::exchange(other.child_, nullptr);
    if (child_ != nullptr) child_->handle = this;
    error_ = std::move(other.error_);
    state_ = std::exchange(other.state_, handle_state::empty);
    reason_ = other.reason_;
    ended_as_ = other.ended_as_;
    return *this;
}

void handle_base::leave_child() noexcept {
    child_->handle = nullptr;
}

void handle_base::attach(child& watched) noexcept {
    child_ = &watched;
    watched.handle = this;
    state_ = handle_state::running;
}

void handle_base::settle_finished(frame& ended) noexcept {
    if (ended.exception) {
        error_ = ended.exception;
        state_ = handle_state::error;
    } else {
        try {
            store_(*this, ended);
            state_ = handle_state::value;
        } catch (...) {
            error_ = std::current_exception();
            state_ = handle_state::error;
        }
    }
    settle();
}

void handle_base::settle_cancelled(cancel_reason reason) noexcept {
    reason_ = reason;
    state_ = handle_state::cancelled;
    settle();
}

// One who is told may stop to watch other handles, or this one a second time.
void handle_base::settle() noexcept {
    child_->handle = nullptr;
    child_ = nullptr;
    ended_as_ = ++ended_count;
    while (handle_watch* first = watches_.pop_front()) first->ended_(*first);
}

std::uint32_t handle_base::age() const noexcept {
    return ended_count - ended_as_;
}

bool handle_base::cancel(cancel_reason reason, std::source_location where) noexcept {
    return child_ != nullptr && child_->cancel(reason, where);
}

void handle_base::throw_failure() const {
    SIMUL_ASSERT(state_ != handle_state::empty, "an empty task handle was awaited");
    if (state_ == handle_state::error) std::rethrow_exception(error_);
    throw cancelled{reason_};
}

std::uint64_t handle_base::task_number() const noexcept {
    return child_ != nullptr ? child_->task_number() : 0;
}

started watcher::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (watched_.state() != handle_state::running) return started::done;
    if (watched_.is_awaited) {
        busy_ = true;
        return started::done;
    }
    static_cast<void>(begin(self));  // the scope was asked above
    watched_.is_awaited = true;
    watched_.add(*this);
    return started::pending;
}

void watcher::throw_busy() {
    throw error{errc::busy};
}

std::uint64_t watcher::awaited_task(const cancellable& self) noexcept {
    return static_cast<const watcher&>(self).watched_.task_number();
}

void watcher::child_ended(handle_watch& self) noexcept {
    auto& waiting = static_cast<watcher&>(self);
    waiting.watched_.is_awaited = false;
    waiting.finish(notice::queue);
}

void watcher::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<watcher&>(self);
    waiting.watched_.is_awaited = false;
    waiting.handle_watch::unlink();
    waiting.finish(notice::stopped);
}

}  // namespace simul::detail
