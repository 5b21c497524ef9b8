// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/gather_state.hpp: how gather, gather_settled and select start, count and
// cancel their children.
//
// The children lie as members in the operation, in the frame of the coroutine that awaits it. All
// live in one scope. The operation ends when the last member has ended, never earlier.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "simul/concurrency/outcome.hpp"
#include "simul/coro/trace.hpp"

namespace simul::detail {

class join_state;

/// One child, without its type.
struct member_base : waiter {
    member_base() noexcept : waiter{&respond} {}

    join_state* owner = nullptr;

private:
    static void respond(waiter& self, notice what) noexcept;
};

/// The count and the scope, without types. `scope` of this waiter is the members' scope.
class join_state : public waiter {
public:
    /// Tells the policy that a member ended with a result, or was stopped.
    using ended_function = void (*)(join_state&, member_base&) noexcept;

    explicit join_state(ended_function ended) noexcept : waiter{nullptr}, ended_{ended} {}

    /// Enters the scope. False if the outer one is cancelled.
    bool open(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return false;
        up = &self;
        scope = &own_scope_;
        own_scope_.enter(*self.scope);
        running_ = 1;  // start() itself, so that no early member ends the whole
        return true;
    }

    /// Starts one member, unless an earlier one has already ended it all.
    template <class Member>
    void start_member(Member& member) noexcept {
        if (own_scope_.is_cancelled()) {
            any_stopped_ = true;
            return;
        }
        member.owner = this;
        member.up = this;
        member.scope = scope;
        ++running_;
        switch (member.operation.start(member)) {
            case started::pending: return;
            case started::done: ended_(*this, member); break;
            case started::stopped: any_stopped_ = true; break;
        }
        --running_;
    }

    /// After the last start_member.
    started opened() noexcept { return --running_ == 0 ? conclude() : started::pending; }

    /// A member's result is to be delivered even if the others are stopped from outside.
    void keep_result() noexcept { keeps_result_ = true; }

    void cancel(cancel_reason reason) noexcept { own_scope_.cancel(reason); }
    [[nodiscard]] bool is_cancelled() const noexcept { return own_scope_.is_cancelled(); }

    /// An error of a member. Keeps the first, cancels the rest.
    void fail(const std::exception_ptr& error) noexcept {
        if (error_) {
            later_errors_.add(error);
            return;
        }
        error_ = error;
        cancel(cancel_reason::sibling_failed);
    }

    void throw_if_failed() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    friend member_base;

    void member_ended(member_base& member, notice what) noexcept {
        if (what == notice::stopped) {
            any_stopped_ = true;
        } else {
            ended_(*this, member);
        }
        if (--running_ != 0) return;
        if (conclude() == started::stopped) {
            up->notify(notice::stopped);
        } else {
            up->notify(what == notice::queue ? notice::queue : notice::now);
        }
    }

    started conclude() noexcept {
        own_scope_.leave();
        if (error_) {
            later_errors_.attach_to(error_);
            return started::done;
        }
        const bool stopped = any_stopped_ && !keeps_result_;
        return stopped && up->scope->is_cancelled() ? started::stopped : started::done;
    }

    cancel_scope own_scope_;
    std::size_t running_ = 0;
    std::exception_ptr error_;
    suppressed_list later_errors_;
    ended_function ended_;
    bool any_stopped_ = false;
    bool keeps_result_ = false;
};

inline void member_base::respond(waiter& self, notice what) noexcept {
    auto& member = static_cast<member_base&>(self);
    member.owner->member_ended(member, what);
}

/// A child whose result is kept as an outcome.
template <class Awaitable>
struct gather_member : member_base {
    using result = await_result_t<Awaitable>;

    explicit gather_member(Awaitable&& awaited)
        : operation(make_operation(std::forward<Awaitable>(awaited))) {}

    operation_of<Awaitable> operation;
    outcome<result> ended;
};

}  // namespace simul::detail
