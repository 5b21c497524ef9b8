// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/staggered_race.hpp: try one way, and after a while the next one as well.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/trace.hpp"

namespace simul {

namespace detail {

/// What the attempts of one race know together; it lies in the frame of the race.
template <class Result>
class race_state {
public:
    template <class Make>
    task<> attempt(task_group& group, Make make) {
        try {
            if constexpr (std::is_void_v<Result>) {
                co_await make();
                win(group, outcome<Result>::succeeded());
            } else {
                Result value = co_await make();
                win(group, outcome<Result>::succeeded(std::move(value)));
            }
        } catch (...) {
            keep(std::current_exception());
            failed_.set();
        }
    }

    /// Waits until `delay` is over or an attempt has failed since the last call.
    task<> wait_for_failure(duration delay) {
        static_cast<void>(co_await move_on_after(delay, failed_.wait()));
        failed_.clear();
    }

    Result take() {
        if (!winner_) {
            SIMUL_ASSERT(first_error_ != nullptr, "a race needs at least one attempt");
            later_errors_.attach_to(first_error_);
            std::rethrow_exception(first_error_);
        }
        return winner_->take();
    }

private:
    void win(task_group& group, outcome<Result> how) {
        if (winner_) return;
        winner_ = std::move(how);
        group.cancel(cancel_reason::loser);
    }

    void keep(const std::exception_ptr& error) {
        if (first_error_ == nullptr) {
            first_error_ = error;
        } else {
            later_errors_.add(error);
        }
    }

    std::optional<outcome<Result>> winner_;
    std::exception_ptr first_error_;
    suppressed_list later_errors_;
    event failed_;
};

template <class Result, class View>
task<Result> race_of(duration delay, View attempts) {
    race_state<Result> race;
    co_await with_task_group([&](task_group& group) -> task<> {
        for (auto&& make : attempts) {
            group.spawn(race.attempt(group, make));
            co_await race.wait_for_failure(delay);
        }
    });
    co_return race.take();
}

}  // namespace detail

/// Begins the attempts one after the other, each `delay` after the one before or as soon as one has
/// failed, and returns the result of the first that succeeds. The others are cancelled, and have
/// ended when the call returns.
///
///     std::vector<std::function<task<reply>()>> ways{ask_cache, ask_mirror, ask_origin};
///     reply answer = co_await staggered_race(250ms, ways);
///
/// Returns       what the first successful attempt returns.
/// Errors        if all fail, the error of the first that failed; the others are in suppressed().
///               There must be an attempt; checked.
/// Suspends      when the attempts do.
/// Cancellation  partial. The request goes to every attempt; a result that was there is destroyed.
/// Threads       the loop's thread.
/// Lifetime      an lvalue range is referenced and must outlive the call; each callable is copied.
/// Complexity    O(attempts).
/// Source        Happy Eyeballs (RFC 8305); Python's asyncio.staggered.
template <class Rep, class Period, std::ranges::input_range Attempts>
    requires detail::task_factory<std::remove_cvref_t<std::ranges::range_reference_t<Attempts>>>
[[nodiscard]] auto staggered_race(std::chrono::duration<Rep, Period> delay, Attempts&& attempts) {
    using make = std::remove_cvref_t<std::ranges::range_reference_t<Attempts>>;
    using result = typename detail::task_result<std::invoke_result_t<make&>>::type;
    return detail::race_of<result>(saturating_duration(delay),
                                   std::views::all(std::forward<Attempts>(attempts)));
}

}  // namespace simul
