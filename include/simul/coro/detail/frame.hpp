// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/detail/frame.hpp: the header of every coroutine frame, and the awaiter in it.
//
// Invariants
//   1. A frame that has started has a waiter `up`, to which its end is told exactly once: by
//      start() answering done, by notice::now, or by notice::stopped after it was destroyed.
//   2. Whoever owns the frame gives the address of its pointer as `slot`; the reaper clears it.
//   3. `awaiting` names the operation only while it is pending and its result can be given back.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <new>
#include <source_location>

#include "simul/coro/awaitable.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/coro/scheduler.hpp"

namespace simul::detail {

/// The part of an awaiter that the scheduler's side of a frame needs to know.
struct pending_await {
    /// Calls give_back() of the operation; see awaitable.hpp.
    bool (*give_back)(pending_await&) noexcept;
};

/// In its place, for operations whose result is always delivered: every byte of an awaiter lies in
/// the frames of those who wait.
struct delivered_await {};

template <class Operation>
concept has_give_back = requires(Operation& operation) {
    { operation.give_back() } noexcept -> std::same_as<bool>;
};

enum class frame_state : std::uint8_t {
    created,    // not started
    nested,     // being resumed inside its parent's await
    suspended,  // started, will be resumed by the scheduler
    yielded,    // a generator that waits to be asked for its next value
    finished,   // reached its final suspension
    doomed,     // in the unwind list
};

/// The first base of every promise that can await.
class frame : public waiter {
public:
    explicit frame(std::source_location made) noexcept : waiter{&respond}, made_at{made} {}

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        deallocate_frame(memory, size);
    }

    [[nodiscard]] std::coroutine_handle<frame> handle() noexcept {
        return std::coroutine_handle<frame>::from_promise(*this);
    }

    /// Starts an unstarted frame, or continues a generator, inside its waiter's await; nested while
    /// that is not too deep. `up`, `scope` and `slot` must be set.
    started start_nested() noexcept {
        scheduler& running = scheduler::current();
        if (!running.may_nest()) {
            // One that has not begun stays `created`, so it can still be stopped before it does.
            if (state != frame_state::created) state = frame_state::suspended;
            running.continue_now(*this);
            return started::pending;
        }
        return resume_nested(running);
    }

    /// Resumes a frame inside its waiter's await; there must be room to nest.
    started resume_nested(scheduler& running) noexcept {
        state = frame_state::nested;
        running.begin_nested();
        waiter* outer = running.set_running(this);
        handle().resume();
        running.set_running(outer);
        running.end_nested();
        if (state == frame_state::finished || state == frame_state::yielded) return started::done;
        if (state == frame_state::nested) state = frame_state::suspended;
        return started::pending;
    }

    /// Its turn in one of the scheduler's lists. A cancelled scope stops what has not begun, and
    /// what waited for something that can be given back; everything else has a result to receive.
    void take_turn(scheduler& running) noexcept {
        if (state == frame_state::doomed || state == frame_state::finished) return reap(running);
        if (scope->is_cancelled() && stops_instead()) [[unlikely]]
            return running.unwind(*this);
        awaiting = nullptr;
        state = frame_state::suspended;
        running.set_running(this);
        handle().resume();
        running.set_running(nullptr);
    }

    /// The body has ended, or a generator has yielded: tells the waiter, unless that is still
    /// inside start().
    void reached_end(frame_state reached) noexcept {
        const bool nested = state == frame_state::nested;
        state = reached;
        if (!nested) up->notify(notice::now);
    }

    /// Keeps the exception in flight and, if it escapes from here first, the chain of awaits.
    void keep_exception() noexcept;

    /// Destroys a frame that never started, or ended, and whose owner drops it. Many levels of
    /// unstarted frames that own one another are destroyed without recursion.
    static void drop(frame& dropped) noexcept {
        if (dropped.state == frame_state::finished) [[likely]]
            return dropped.handle().destroy();
        abandon(dropped);
    }

    /// True while a frame is destroyed that was stopped or never started: what it still held was
    /// not forgotten by anyone.
    static bool is_being_abandoned() noexcept;

    /// True for frames; other waiters have other handlers.
    static frame* from(waiter& candidate) noexcept {
        return candidate.on == &respond ? static_cast<frame*>(&candidate) : nullptr;
    }

    frame** slot = nullptr;
    pending_await* awaiting = nullptr;
    std::source_location where;    // of the latest await
    std::source_location made_at;  // of the coroutine's body; also holds its name
    std::exception_ptr exception;
    frame_state state = frame_state::created;

private:
    static void respond(waiter& self, notice what) noexcept;
    static void abandon(frame& dropped) noexcept;
    bool stops_instead() noexcept;
    void reap(scheduler& running) noexcept;
};

/// Connects an operation to the coroutine that awaits it.
template <operation_type Operation>
class awaiter
    : public std::conditional_t<has_give_back<Operation>, pending_await, delivered_await> {
public:
    template <class Awaitable>
    explicit awaiter(std::in_place_t, Awaitable&& awaitable)
        : operation_(make_operation(std::forward<Awaitable>(awaitable))) {
        if constexpr (has_give_back<Operation>) this->give_back = &forward_give_back;
    }
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;

    static constexpr bool await_ready() noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiting,
                       std::source_location where = std::source_location::current()) noexcept {
        frame& self = waiting.promise();
        self.where = where;
        const started answer = operation_.start(self);
        if (answer == started::done) [[likely]] {
            scheduler& running = scheduler::current();
            if (running.spend_budget()) [[likely]]
                return false;
            self.awaiting = nullptr;
            running.queue(self);
            return true;
        }
        if (answer == started::pending) {
            if constexpr (has_give_back<Operation>) {
                self.awaiting = this;
            } else {
                self.awaiting = nullptr;
            }
        } else {
            self.notify(notice::stopped);
        }
        return true;
    }

    decltype(auto) await_resume() { return operation_.take(); }

private:
    static bool forward_give_back(pending_await& self) noexcept
        requires has_give_back<Operation>
    {
        return static_cast<awaiter&>(self).operation_.give_back();
    }

    Operation operation_;
};

/// Adds await_transform to a promise: what is not awaitable gets a message that says so.
class awaiting_promise : public frame {
public:
    using frame::frame;

    template <class Awaitable>
    auto await_transform(Awaitable&& awaitable) {
        static_assert(simul::awaitable<Awaitable>,
                      "co_await needs an awaitable: a type with an operator co_await that makes an "
                      "operation (see simul/coro/awaitable.hpp). A task variable must be moved: "
                      "co_await std::move(t)");
        return awaiter<operation_of<Awaitable>>{std::in_place, std::forward<Awaitable>(awaitable)};
    }
};

}  // namespace simul::detail
