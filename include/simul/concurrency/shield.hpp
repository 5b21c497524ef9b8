// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/shield.hpp: work that a request to cancel does not interrupt.
#pragma once

#include <utility>

#include "simul/coro/detail/frame.hpp"

namespace simul {

namespace detail {

template <class Awaitable>
class shield_operation : public waiter {
public:
    explicit shield_operation(Awaitable&& awaited)
        : waiter{&respond}, inner_(make_operation(std::forward<Awaitable>(awaited))) {}

    started start(waiter& self) noexcept {
        up = &self;
        scope = &own_scope_;
        own_scope_.enter(*self.scope, true);
        const started answer = inner_.start(*this);
        if (answer != started::pending) own_scope_.leave();
        return answer;
    }

    decltype(auto) take() { return inner_.take(); }

private:
    static void respond(waiter& self, notice what) noexcept {
        auto& operation = static_cast<shield_operation&>(self);
        operation.own_scope_.leave();
        operation.up->notify(what);
    }

    cancel_scope own_scope_;
    operation_of<Awaitable> inner_;
};

}  // namespace detail

/// What shield returns.
template <class Awaitable>
class [[nodiscard("co_await it")]] shield_awaitable {
public:
    explicit shield_awaitable(Awaitable&& awaited) : awaited_{std::forward<Awaitable>(awaited)} {}
    auto operator co_await() && {
        return detail::shield_operation<Awaitable>{std::forward<Awaitable>(awaited_)};
    }

private:
    Awaitable awaited_;
};

/// Awaits `awaited` without letting requests to cancel reach it. A request that comes meanwhile, or
/// was there before, takes effect at the next await after this one.
///
/// Give shielded work a limit of its own: shield(timeout(5s, save())).
///
/// Returns       what `awaited` gives.
/// Errors        whatever `awaited` throws.
/// Suspends      when `awaited` does.
/// Cancellation  completes.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced.
/// Complexity    O(1); allocates nothing.
/// Source        Trio's shielded cancel scope. Unlike asyncio.shield nothing is left running.
template <awaitable Awaitable>
[[nodiscard]] auto shield(Awaitable&& awaited) {
    return shield_awaitable<Awaitable>{std::forward<Awaitable>(awaited)};
}

}  // namespace simul
