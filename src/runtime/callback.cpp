// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/callback.hpp"

#include <utility>

#include "runtime/callback_registry.hpp"
#include "simul/base/assert.hpp"
#include "simul/runtime/timer.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul {

namespace detail {

void callback_record::post(loop& running) noexcept {
    if (running.callbacks().is_ending()) {
        cancel();
        return;
    }
    if (!list_hook<callback_record>::linked()) running.callbacks().add(*this);
    is_queued_ = true;
    running.scheduler().queue(*this);
}

bool callback_record::cancel() noexcept {
    if (stage_ != stage::live) return false;
    stage_ = stage::cancelled;
    retain();  // the function may own the last handle
    if (!is_queued_) {
        stop_waiting();
        list_hook<callback_record>::unlink();
        release();
    }
    drop_function();
    release();
    return true;
}

void callback_record::respond(waiter& self, notice) noexcept {
    static_cast<callback_record&>(self).turn();
}

void callback_record::turn() noexcept {
    list_hook<callback_record>::unlink();
    if (stage_ == stage::live) {
        stage_ = stage::called;
        try {
            call();
        } catch (...) {
            report_unhandled_error(std::current_exception(), context_);
        }
        drop_function();
    }
    release();
}

namespace {

class soon_record final : public callback_record {
public:
    explicit soon_record(std::move_only_function<void()> function) noexcept
        : callback_record{"in a function given to call_soon"}, function_{std::move(function)} {}

private:
    void call() override { function_(); }
    void stop_waiting() noexcept override {}
    void drop_function() noexcept override { function_ = nullptr; }

    std::move_only_function<void()> function_;
};

class timed_record final : public callback_record, public timer {
public:
    timed_record(loop& running, time_point when, std::move_only_function<void()> function) noexcept
        : callback_record{"in a function given to call_at or call_later"},
          timer{&expire, when},
          loop_{running},
          function_{std::move(function)} {}

    [[nodiscard]] time_point when() const noexcept override { return deadline; }

private:
    void call() override { function_(); }
    void stop_waiting() noexcept override { loop_.disarm(*this); }
    void drop_function() noexcept override { function_ = nullptr; }

    static void expire(timer& self) noexcept {
        auto& due = static_cast<timed_record&>(self);
        due.post(due.loop_);
    }

    loop& loop_;
    std::move_only_function<void()> function_;
};

}  // namespace

}  // namespace detail

callback_handle call_soon(std::move_only_function<void()> function) {
    SIMUL_ASSERT(function != nullptr, "call_soon was given an empty function");
    loop& running = loop::current();
    auto* record = new detail::soon_record{std::move(function)};
    callback_handle handle{*record};
    record->post(running);
    return handle;
}

callback_handle call_at(time_point when, std::move_only_function<void()> function) {
    SIMUL_ASSERT(function != nullptr, "call_at was given an empty function");
    loop& running = loop::current();
    auto* record = new detail::timed_record{running, when, std::move(function)};
    callback_handle handle{*record};
    if (running.callbacks().is_ending()) {
        record->cancel();
        return handle;
    }
    running.callbacks().add(*record);
    running.arm(*record);
    return handle;
}

}  // namespace simul
