// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/with_group.hpp: a group whose body is a task of its own.
#pragma once

#include <utility>

#include "simul/concurrency/task_group.hpp"

namespace simul::detail {

/// Runs a task as the body of a group. The body's frame stays until its result was taken.
template <class Result>
class body_operation : public waiter {
public:
    explicit body_operation(group& core) noexcept : waiter{&respond}, core_{core}, body_{nullptr} {}

    started start_body(waiter& self, task<Result> body) noexcept {
        body_ = task_owner<Result>{body.release()};
        core_.join();
        if (core_.start(self) == started::stopped) return started::stopped;
        frame& running = *body_.get();
        up = &core_;
        scope = &core_.inner_scope();
        running.up = this;
        running.scope = scope;
        running.slot = body_.slot();
        if (running.start_nested() != started::done) return started::pending;
        body_ended();
        return core_.part_inside_start(false);
    }

    Result take() {
        core_.throw_if_failed();
        if (body_.get() != nullptr) return body_.take();
        if constexpr (!std::is_void_v<Result>) throw cancelled{core_.inner_scope().reason()};
    }

    /// The program's main task: when it ends, what it left running is cancelled.
    void cancel_rest_at_end() noexcept { cancels_rest_ = true; }

    /// True if the body was stopped before it ended.
    [[nodiscard]] bool was_stopped() const noexcept { return body_.get() == nullptr; }

private:
    static void respond(waiter& self, notice what) noexcept {
        auto& operation = static_cast<body_operation&>(self);
        if (what == notice::stopped) {
            operation.core_.part(true);
        } else {
            operation.body_ended();
            operation.core_.part(false);
        }
    }

    void body_ended() noexcept {
        frame& ended = *body_.get();
        if (ended.exception) core_.fail(std::move(ended.exception));
        if (cancels_rest_) {
            core_.cancel(cancel_reason::shutdown, std::source_location::current());
        }
    }

    group& core_;
    task_owner<Result> body_;
    bool cancels_rest_ = false;
};

template <class Body>
class with_group_operation {
    using body_task = std::invoke_result_t<Body&, task_group&>;
    using result = typename task_result<body_task>::type;

public:
    with_group_operation(const group_options& options, Body&& body)
        : body_{std::forward<Body>(body)}, group_{options}, operation_{group_.core_} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        try {
            return operation_.start_body(self, body_(group_));
        } catch (...) {
            failure_ = std::current_exception();
            return started::done;
        }
    }

    result take() {
        if (failure_) std::rethrow_exception(std::move(failure_));
        return operation_.take();
    }

private:
    Body body_;
    task_group group_;
    body_operation<result> operation_;
    std::exception_ptr failure_;
};

}  // namespace simul::detail
