// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/finally.hpp: cleanup that itself waits, on every way out.
#pragma once

#include <exception>
#include <utility>

#include "simul/concurrency/outcome.hpp"
#include "simul/coro/task.hpp"
#include "simul/coro/trace.hpp"

namespace simul {

namespace detail {

template <class Awaitable>
class finally_operation : public waiter {
public:
    finally_operation(Awaitable&& awaited, task<> cleanup)
        : waiter{&respond},
          cleanup_waiter_{*this},
          inner_(make_operation(std::forward<Awaitable>(awaited))),
          cleanup_{std::move(cleanup).operator co_await()} {}

    started start(waiter& self) noexcept {
        up = &self;
        scope = self.scope;
        switch (inner_.start(*this)) {
            case started::pending: return started::pending;
            case started::stopped: stopped_ = true; break;
            case started::done: break;
        }
        const started answer = start_cleanup();
        return answer == started::pending ? started::pending : conclude();
    }

    decltype(auto) take() {
        if (stopped_) cleanup_.take();  // throws: see conclude()
        // An error of the work wins over one of the cleanup; both win over a stop.
        auto worked = take_outcome(inner_);
        if (worked.has_error() && cleanup_.has_error()) {
            suppressed_list later;
            later.add(cleanup_.error());
            later.attach_to(worked.error());
        } else {
            cleanup_.take();
        }
        return worked.take();
    }

private:
    struct cleanup_waiter : waiter {
        explicit cleanup_waiter(finally_operation& owner) noexcept
            : waiter{&ended}, operation{&owner} {}
        static void ended(waiter& self, notice) noexcept {
            finally_operation& owner = *static_cast<cleanup_waiter&>(self).operation;
            const started answer = owner.conclude();
            owner.up->notify(answer == started::done ? notice::now : notice::stopped);
        }
        finally_operation* operation;
    };

    static void respond(waiter& self, notice what) noexcept {
        auto& operation = static_cast<finally_operation&>(self);
        operation.stopped_ = what == notice::stopped;
        if (operation.start_cleanup() == started::pending) return;
        const started answer = operation.conclude();
        operation.up->notify(answer == started::done ? notice::now : notice::stopped);
    }

    // Runs the cleanup in a shielded scope. It may be nested: we are at the bottom of the stack, or
    // inside the await.
    started start_cleanup() noexcept {
        shielded_.enter(*up->scope, true);
        cleanup_waiter_.up = up;
        cleanup_waiter_.scope = &shielded_;
        return cleanup_.start(cleanup_waiter_);
    }

    // A failed cleanup turns a stop into an error.
    started conclude() noexcept {
        shielded_.leave();
        return stopped_ && !cleanup_.has_error() ? started::stopped : started::done;
    }

    cleanup_waiter cleanup_waiter_;
    cancel_scope shielded_;
    operation_of<Awaitable> inner_;
    task_operation<void> cleanup_;
    bool stopped_ = false;
};

}  // namespace detail

/// What finally returns.
template <class Awaitable>
class [[nodiscard("co_await it")]] finally_awaitable {
public:
    finally_awaitable(Awaitable&& awaited, task<> cleanup)
        : awaited_{std::forward<Awaitable>(awaited)}, cleanup_{std::move(cleanup)} {}
    auto operator co_await() && {
        return detail::finally_operation<Awaitable>{std::forward<Awaitable>(awaited_),
                                                    std::move(cleanup_)};
    }

private:
    Awaitable awaited_;
    task<> cleanup_;
};

/// Awaits `awaited`, then `cleanup`, whichever way the first has ended: with a value, an error, or
/// cancelled, and even if it was stopped before it could begin.
///
///     co_await finally(serve(connection), say_goodbye(connection));
///
/// The cleanup runs shielded: give it a limit of its own, finally(work(), bounded(cleanup())). It
/// is made beforehand and started afterwards, so that it can begin when memory has run out. For
/// cleanup that does not wait a destructor is enough.
///
/// Returns       what `awaited` gives.
/// Errors        whatever `awaited` throws; if it did not throw, whatever `cleanup` throws, also in
///               place of a cancellation.
/// Suspends      when either does.
/// Cancellation  completes for the cleanup; `awaited` itself ends as it documents, and then the
///               task is stopped.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced. `cleanup` may refer to locals of the
///               caller.
/// Complexity    O(1) beyond the two frames; allocates nothing.
/// Source        Python's try/finally with an await in it.
template <awaitable Awaitable>
[[nodiscard]] auto finally(Awaitable&& awaited, task<> cleanup) {
    return finally_awaitable<Awaitable>{std::forward<Awaitable>(awaited), std::move(cleanup)};
}

}  // namespace simul
