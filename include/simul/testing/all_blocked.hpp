// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/all_blocked.hpp: goes on when nobody else can.
#pragma once

#include "simul/runtime/leaf.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::testing {

namespace detail {

class all_blocked_operation : public leaf, public rest_watcher {
public:
    all_blocked_operation() noexcept : leaf{kind}, rest_watcher{&wake} {}

    started start(waiter& self) noexcept {
        if (!begin(self)) return started::stopped;
        loop::current().watch_for_rest(*this);
        return started::pending;
    }
    static void take() noexcept {}

private:
    static void wake(rest_watcher& self) noexcept {
        static_cast<all_blocked_operation&>(self).finish(notice::queue);
    }
    static void interrupt(cancellable& self) noexcept {
        auto& waiting = static_cast<all_blocked_operation&>(self);
        waiting.rest_watcher::unlink();
        waiting.finish(notice::stopped);
    }

    static constexpr wait_kind kind{&interrupt, "all others to be blocked"};
};

}  // namespace detail

/// What wait_until_all_blocked returns.
class [[nodiscard("co_await it")]] all_blocked_awaitable {
public:
    auto operator co_await() const noexcept { return detail::all_blocked_operation{}; }
};

/// Waits until every other task of the loop waits for something: what a test awaits before it looks
/// whether the others have come to where they should be, instead of sleeping and hoping.
///
///     group.spawn(consume(queue));
///     co_await wait_until_all_blocked();
///     EXPECT_EQ(queue.waiting_getters(), 1U);   // it really waits there
///
/// Virtual time stands still meanwhile: who sleeps is blocked. So is who waits for another thread.
///
/// Errors        none.
/// Suspends      always.
/// Cancellation  clean.
/// Threads       the loop's thread.
/// Complexity    O(1); allocates nothing.
/// Source        Trio's wait_all_tasks_blocked, without its cushion.
[[nodiscard]] inline all_blocked_awaitable wait_until_all_blocked() noexcept {
    return {};
}

}  // namespace simul::testing
