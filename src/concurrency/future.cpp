// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/future.hpp"

#include <memory>

#include "simul/coro/cancellation.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

/// A callback that stands in the queue of a state. Once it is posted it is a reader.
class future_callback final : public callback_record, public parked {
public:
    future_callback(const char* context, future_state& shared, parking_lot& lot,
                    future_state::function called) noexcept
        : callback_record{context},
          parked{&woken},
          state_{shared},
          lot_{lot},
          function_{std::move(called)} {}

    void wait() noexcept { lot_.park(*this); }

    // Nobody will call it where there is no loop.
    void go() noexcept {
        loop* running = loop::find_current();
        if (running == nullptr) {
            cancel();
            return;
        }
        state_.add_reader();
        is_reader_ = true;
        post(*running);
    }

private:
    static void woken(parked& self) noexcept { static_cast<future_callback&>(self).go(); }

    void call() override { function_(state_); }
    void stop_waiting() noexcept override { lot_.leave_if_parked(*this); }
    void drop_function() noexcept override {
        function_ = nullptr;
        if (std::exchange(is_reader_, false)) state_.remove_reader();
    }

    future_state& state_;
    parking_lot& lot_;
    future_state::function function_;
    bool is_reader_ = false;
};

}  // namespace

void future_state::throw_unless_value() const {
    if (stage_ == stage::value) return;
    if (stage_ == stage::error) std::rethrow_exception(error_);
    if (stage_ == stage::cancelled) throw cancelled{reason_};
    if (stage_ == stage::broken) throw broken_promise{};
    throw invalid_state{};
}

std::exception_ptr future_state::error() const {
    switch (stage_) {
        case stage::value: return nullptr;
        case stage::error: return error_;
        case stage::cancelled: return std::make_exception_ptr(cancelled{reason_});
        case stage::broken: return std::make_exception_ptr(broken_promise{});
        case stage::pending: break;
    }
    throw invalid_state{};
}

void future_state::settle_error(std::exception_ptr error) noexcept {
    error_ = std::move(error);
    settle(stage::error);
}

bool future_state::cancel(cancel_reason reason) noexcept {
    if (is_done()) return false;
    reason_ = reason;
    settle(stage::cancelled);
    return true;
}

void future_state::remove_promise() noexcept {
    add_reader();
    if (!is_done()) settle(stage::broken);
    has_promise_ = false;
    remove_reader();
}

// What the functions own is destroyed in here, and that may be the last future.
void future_state::settle(stage reached) noexcept {
    add_reader();
    stage_ = reached;
    done_.wake_all();
    if (reached == stage::cancelled) {
        on_cancel_.wake_all();
    } else {
        while (!on_cancel_.empty()) static_cast<future_callback&>(on_cancel_.front()).cancel();
    }
    remove_reader();
}

callback_handle future_state::add_done_callback(function called) {
    auto* record =
        new future_callback{"in a callback of a future", *this, done_, std::move(called)};
    callback_handle handle{*record};
    if (is_done()) {
        record->go();
    } else {
        record->wait();
    }
    return handle;
}

callback_handle future_state::add_cancel_callback(function called) {
    auto* record = new future_callback{"in a callback for the cancellation of a promise", *this,
                                       on_cancel_, std::move(called)};
    callback_handle handle{*record};
    if (!is_done()) {
        record->wait();
    } else if (is_cancelled()) {
        record->go();
    } else {
        record->cancel();
    }
    return handle;
}

}  // namespace simul::detail
