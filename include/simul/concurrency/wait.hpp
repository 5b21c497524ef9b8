// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/wait.hpp: wait for children that run already, and leave them alone.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <ranges>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/concurrency/detail/handle_range.hpp"
#include "simul/runtime/timer.hpp"

namespace simul {

/// What wait waits for.
enum class wait_until : unsigned char {
    first_completed,  ///< one has ended, in whichever way
    first_error,      ///< one has ended with an error, or all have ended
    all_completed,    ///< all have ended
};

/// Which of the handles given to wait have ended when it returns. The indices are those in the
/// range or among the arguments.
struct wait_result {
    wait_result() noexcept {}

    std::vector<std::size_t> done;     ///< in the order in which they ended
    std::vector<std::size_t> pending;  ///< in the order of the handles
};

namespace detail {

class wait_operation;

/// One of the handles.
class wait_watch : public handle_watch {
public:
    wait_watch() noexcept : handle_watch{&ended} {}

    void look_at(wait_operation& owner, handle_base& handle) noexcept {
        owner_ = &owner;
        handle_ = &handle;
    }

    [[nodiscard]] handle_base& handle() const noexcept { return *handle_; }

private:
    static void ended(handle_watch& self) noexcept;

    wait_operation* owner_ = nullptr;
    handle_base* handle_ = nullptr;
};

/// The wait, without the types of the handles.
class wait_operation : public leaf, public timer {
public:
    wait_operation(wait_until until, duration limit) noexcept
        : leaf{kind}, timer{&expire}, limit_{limit}, until_{until} {}

    started start(waiter& self) noexcept;
    [[nodiscard]] wait_result take() const;

protected:
    /// The handles, which the derived class keeps.
    void use(std::span<wait_watch> watches) noexcept { watches_ = watches; }

private:
    friend wait_watch;

    void child_ended(const handle_base& handle) noexcept;
    void note(const handle_base& ended) noexcept;
    [[nodiscard]] bool is_satisfied() const noexcept;
    void end(notice how) noexcept;
    static void expire(timer& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "several tasks"};

    std::span<wait_watch> watches_;
    std::size_t ended_ = 0;
    duration limit_;
    wait_until until_;
    bool has_error_ = false;
};

class wait_range_operation : public wait_operation {
public:
    template <class View>
    wait_range_operation(View& handles, wait_until until, duration limit)
        : wait_operation{until, limit},
          watches_(static_cast<std::size_t>(std::ranges::distance(handles))) {
        auto watch = watches_.begin();
        for (auto& handle : handles) (watch++)->look_at(*this, handle_access::base(handle));
        use(watches_);
    }

private:
    std::vector<wait_watch> watches_;
};

template <std::size_t Count>
class wait_pack_operation : public wait_operation {
public:
    wait_pack_operation(const std::array<handle_base*, Count>& handles, wait_until until,
                        duration limit) noexcept
        : wait_operation{until, limit} {
        for (std::size_t index = 0; index != Count; ++index) {
            watches_[index].look_at(*this, *handles[index]);
        }
        use(watches_);
    }

private:
    std::array<wait_watch, Count> watches_;
};

}  // namespace detail

/// What wait for a range returns.
template <class View>
class [[nodiscard("co_await it")]] wait_range_awaitable {
public:
    wait_range_awaitable(View handles, wait_until until, duration limit)
        : handles_{std::move(handles)}, limit_{limit}, until_{until} {}
    auto operator co_await() && { return detail::wait_range_operation{handles_, until_, limit_}; }

private:
    View handles_;
    duration limit_;
    wait_until until_;
};

/// What wait for arguments returns.
template <std::size_t Count>
class [[nodiscard("co_await it")]] wait_awaitable {
public:
    wait_awaitable(const std::array<detail::handle_base*, Count>& handles, wait_until until,
                   duration limit) noexcept
        : handles_{handles}, limit_{limit}, until_{until} {}
    auto operator co_await() const noexcept {
        return detail::wait_pack_operation<Count>{handles_, until_, limit_};
    }

private:
    std::array<detail::handle_base*, Count> handles_;
    duration limit_;
    wait_until until_;
};

/// Waits for children of groups, for at most `limit`, and says which have ended. The children are
/// neither cancelled nor asked for anything: their results and errors stay in the handles.
///
///     auto [done, pending] = co_await wait(handles, wait_until::first_completed, 1s);
///     for (const std::size_t index : done) use(co_await handles[index]);
///
/// A child that fails cancels its group as always: whoever wants to go on after the failure waits
/// from outside of that group. When each result is to be handled as it comes, as_completed does it
/// with one watch for each child; wait looks at all of them every time. When those that are late
/// should be cancelled, use gather or select.
///
/// Returns       wait_result. What had ended by the time the waiting task goes on is in `done`,
///               also if that is more than was waited for.
/// Errors        std::bad_alloc. Running out of time is none, nor is a child's failure. An empty
///               handle is misuse; checked.
/// Suspends      unless what is waited for has happened, there are no handles, or the limit is zero
///               or less: then it tells what has ended by now.
/// Cancellation  clean. The children go on.
/// Threads       the loop's thread.
/// Lifetime      the handles must outlive the call and must not be moved during it. Others may wait
///               for them at the same time.
/// Complexity    O(n log n); one allocation for the watches, and the result.
/// Source        asyncio.wait; concurrent.futures.wait.
template <class Range>
    requires detail::handle_range<Range>
[[nodiscard]] auto wait(Range&& handles, wait_until until = wait_until::all_completed) {
    return wait_range_awaitable{std::views::all(std::forward<Range>(handles)), until,
                                duration::max()};
}

template <class Range, class Rep, class Period>
    requires detail::handle_range<Range>
[[nodiscard]] auto wait(Range&& handles, wait_until until,
                        std::chrono::duration<Rep, Period> limit) {
    return wait_range_awaitable{std::views::all(std::forward<Range>(handles)), until,
                                saturating_duration(limit)};
}

/// The same for a number of handles known beforehand, whose results may differ in type.
///
///     auto [done, pending] = co_await wait(wait_until::first_error, 10s, reader, writer);
///
/// Returns       wait_result, as for a range.
/// Errors        std::bad_alloc, as for a range.
/// Suspends      as for a range.
/// Cancellation  clean. The children go on.
/// Threads       the loop's thread.
/// Lifetime      the handles must outlive the call and must not be moved during it.
/// Complexity    O(n log n); allocates nothing but the result.
template <class... Results>
    requires(sizeof...(Results) > 0)
[[nodiscard]] auto wait(wait_until until, task_handle<Results>&... handles) noexcept {
    return wait_awaitable<sizeof...(Results)>{
        {&detail::handle_access::base(handles)...}, until, duration::max()};
}

template <class Rep, class Period, class... Results>
    requires(sizeof...(Results) > 0)
[[nodiscard]] auto wait(wait_until until, std::chrono::duration<Rep, Period> limit,
                        task_handle<Results>&... handles) noexcept {
    return wait_awaitable<sizeof...(Results)>{
        {&detail::handle_access::base(handles)...}, until, saturating_duration(limit)};
}

}  // namespace simul
