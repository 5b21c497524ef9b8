// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/task_handle.hpp: a child of a group, seen from outside.
#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/base/intrusive_list.hpp"
#include "simul/coro/detail/frame.hpp"
#include "simul/coro/detail/result_slot.hpp"
#include "simul/runtime/leaf.hpp"

namespace simul {

namespace detail {

class child;
class group;

enum class handle_state : unsigned char { empty, running, value, error, cancelled };

/// Is told when the child of a handle has ended. Any number may watch one handle; they are told in
/// the order in which they came, each once, after it has left the handle's list.
class handle_watch : public list_hook<handle_watch> {
public:
    using ended_function = void (*)(handle_watch&) noexcept;

    explicit handle_watch(ended_function ended) noexcept : ended_{ended} {}

private:
    friend class handle_base;
    ended_function ended_;
};

/// What a handle knows about its child whatever the result. The child's result is moved here when
/// it ends, so that its frame can go; a handle that was dropped costs nothing.
class handle_base {
public:
    /// Moves the result of the finished frame into the handle.
    using store = void (*)(handle_base&, frame&);

    explicit handle_base(store take_from) noexcept : store_{take_from} {}
    handle_base(handle_base&& other) noexcept;
    handle_base& operator=(handle_base&& other) noexcept;
    ~handle_base() {
        SIMUL_ASSERT(
            watches_.empty(),
            "a task handle was destroyed while it is being awaited: let wait, or the stream of "
            "as_completed, end first");
        if (child_ != nullptr) leave_child();
    }

    void attach(child& watched) noexcept;
    void settle_finished(frame& ended) noexcept;
    void settle_cancelled(cancel_reason reason) noexcept;
    bool cancel(cancel_reason reason, std::source_location where) noexcept;

    [[nodiscard]] handle_state state() const noexcept { return state_; }
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
    [[nodiscard]] cancel_reason reason() const noexcept { return reason_; }
    [[nodiscard]] std::uint64_t task_number() const noexcept;
    void throw_if_failed() const {
        if (state_ != handle_state::value) [[unlikely]]
            throw_failure();
    }

    /// Watches the child, which must be running.
    void add(handle_watch& watch) noexcept { watches_.push_back(watch); }

    /// After the child has ended: how many handles have seen their child end since, so that of two
    /// the greater age ended first. Wrong when there were 2^32 between them.
    [[nodiscard]] std::uint32_t age() const noexcept;

    /// A task waits for the result, which only one can take.
    bool is_awaited = false;

private:
    void settle() noexcept;
    void leave_child() noexcept;
    [[noreturn]] void throw_failure() const;

    intrusive_list<handle_watch> watches_;
    child* child_ = nullptr;
    store store_;
    std::exception_ptr error_;
    std::uint32_t ended_as_ = 0;
    handle_state state_ = handle_state::empty;
    cancel_reason reason_ = cancel_reason::none;
};

/// The wait for a handle, without its type.
class watcher : public leaf, public handle_watch {
public:
    explicit watcher(handle_base& watched) noexcept
        : leaf{kind}, handle_watch{&child_ended}, watched_{watched} {}

    started start(waiter& self) noexcept;

protected:
    void check() const {
        if (busy_) [[unlikely]]
            throw_busy();
        watched_.throw_if_failed();
    }

    handle_base& watched_;

private:
    static void child_ended(handle_watch& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static std::uint64_t awaited_task(const cancellable& self) noexcept;
    [[noreturn]] static void throw_busy();
    static constexpr wait_kind kind{&interrupt, "a task", &awaited_task};

    bool busy_ = false;
};

template <class Result>
class handle_operation : public watcher {
public:
    handle_operation(handle_base& watched, result_slot<Result>& value) noexcept
        : watcher{watched}, value_{value} {}

    decltype(auto) take() {
        check();
        return value_.take();
    }

private:
    result_slot<Result>& value_;
};

struct handle_access;

}  // namespace detail

/// Waits for, or cancels, one child of a task_group.
///
/// A handle is a view: dropping it changes nothing for the child, which belongs to its group. It
/// may be kept after the group has ended. To wait for several use wait or as_completed, which leave
/// room for one task that awaits the handle itself.
///
/// Returns       `co_await handle` gives the child's result, moved out: once.
/// Errors        the child's error, which its group reports too; cancelled if the child was
///               cancelled and the awaiting task was not; errc::busy if another task is waiting for
///               the same handle.
/// Suspends      until the child has ended.
/// Cancellation  clean. The child goes on.
/// Threads       the loop's thread.
/// Lifetime      must not be moved or destroyed while it is being awaited, also by wait or by a
///               stream of as_completed; checked.
/// Complexity    O(1); allocates nothing.
/// Source        asyncio.Task as seen by its creator; anyio's TaskHandle.
template <class Result = void>
class task_handle : private detail::handle_base {
public:
    task_handle() noexcept : handle_base{&store_result} {}
    task_handle(task_handle&& other) noexcept = default;
    task_handle& operator=(task_handle&& other) noexcept = default;

    /// True once the child has ended, in whichever way.
    [[nodiscard]] bool done() const noexcept { return state() != detail::handle_state::running; }

    /// True once the child was stopped by a request to cancel.
    [[nodiscard]] bool was_cancelled() const noexcept {
        return state() == detail::handle_state::cancelled;
    }

    /// The child's error, or nullptr.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return handle_base::error(); }

    /// Asks this child to end; its siblings go on.
    ///
    /// Returns       false if it had ended, or been asked, before.
    bool cancel(cancel_reason reason = cancel_reason::requested,
                std::source_location where = std::source_location::current()) noexcept {
        return handle_base::cancel(reason, where);
    }

    auto operator co_await() noexcept { return detail::handle_operation<Result>{*this, value_}; }

private:
    friend class detail::group;
    friend detail::handle_access;

    static void store_result(handle_base& self, detail::frame& ended);

    detail::result_slot<Result> value_;
};

}  // namespace simul

#include "simul/concurrency/detail/store_result.hpp"
