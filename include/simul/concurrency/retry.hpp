// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/retry.hpp: try again what has failed, after a while that grows.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/concurrency/detail/back_off.hpp"
#include "simul/concurrency/retry_jitter.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/task.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul {

namespace detail {
class retry_state;
}  // namespace detail

/// How retry() behaves. The setters may be chained:
///
///     co_await retry(load, retry_options{}.attempts(5).first_delay(50ms).limit(10s));
///
/// Source        Exponential Backoff And Jitter (AWS Architecture Blog, 2015); three attempts and
///               20 s at most are the defaults of that company's clients.
class retry_options {
public:
    /// For as many attempts as the limit allows.
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// Says whether to try again after this error.
    using condition = std::function<bool(const std::exception_ptr& error)>;

    /// Is told of a failure before the wait that follows it: the number of the attempt, from 1 on.
    using observer =
        std::function<void(std::size_t attempt, const std::exception_ptr& error, duration delay)>;

    retry_options() noexcept {}

    /// How often to try at most, the first time included; 3. Not zero; checked.
    retry_options& attempts(std::size_t count) noexcept {
        attempts_ = count;
        return *this;
    }

    /// The ceiling of the first wait; 100 ms.
    template <class Rep, class Period>
    retry_options& first_delay(std::chrono::duration<Rep, Period> delay) noexcept {
        delays_.first_delay = saturating_duration(delay);
        return *this;
    }

    /// What the ceiling is multiplied by after each failure; 2. At least 1 and finite; checked.
    retry_options& factor(double growth) noexcept {
        delays_.factor = growth;
        return *this;
    }

    /// The highest ceiling; 20 s.
    template <class Rep, class Period>
    retry_options& longest_delay(std::chrono::duration<Rep, Period> delay) noexcept {
        delays_.longest_delay = saturating_duration(delay);
        return *this;
    }

    /// How the waits are spread; retry_jitter::full.
    retry_options& jitter(retry_jitter kind) noexcept {
        delays_.jitter = kind;
        return *this;
    }

    /// The time for everything together, attempts and waits; none. When it passes, the attempt that
    /// runs is cancelled and has failed with timed_out; a wait that would reach it is not begun.
    template <class Rep, class Period>
    retry_options& limit(std::chrono::duration<Rep, Period> total) noexcept {
        limit_ = saturating_duration(total);
        return *this;
    }

    /// Which errors to try again after, instead of every std::exception. It is not asked about
    /// simul::cancelled, which is never tried again. What it throws ends the call.
    retry_options& when(condition try_again) noexcept {
        when_ = std::move(try_again);
        return *this;
    }

    /// The same by type: `when_error_is<timed_out, std::system_error>()`.
    template <class... Errors>
        requires(sizeof...(Errors) > 0)
    retry_options& when_error_is() {
        return when([](const std::exception_ptr& error) { return (is<Errors>(error) || ...); });
    }

    /// Whom to tell of failures that are tried again, for a log. What it throws ends the call.
    retry_options& on_retry(observer told) noexcept {
        on_retry_ = std::move(told);
        return *this;
    }

private:
    friend detail::retry_state;

    template <class Error>
    static bool is(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const Error&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    std::size_t attempts_ = 3;
    detail::back_off_rule delays_;
    duration limit_ = duration::max();
    condition when_;
    observer on_retry_;
};

namespace detail {

/// What one call of retry knows, without types; it lies in its frame.
class retry_state {
public:
    explicit retry_state(retry_options options);

    /// How much time an attempt may take.
    [[nodiscard]] duration time_left() const noexcept;

    /// An attempt has failed.
    ///
    /// Returns       how long to wait before the next one.
    /// Errors        the error itself, if there is to be no next one.
    duration failed(std::exception_ptr error);

    /// The wait is over. Throws the last error if that took longer than the limit allows.
    void begin_again();

private:
    [[nodiscard]] bool may_try_again() const;

    retry_options options_;
    time_point deadline_;
    back_off delays_;
    std::size_t failures_ = 0;
    error_history errors_;
};

template <class Result, class Make>
task<Result> retry_with(Make make, retry_options options) {
    retry_state state{std::move(options)};
    while (true) {
        std::exception_ptr error;
        try {
            if constexpr (std::is_void_v<Result>) {
                co_await timeout(state.time_left(), make());
                co_return;
            } else {
                Result value = co_await timeout(state.time_left(), make());
                co_return static_cast<Result&&>(value);
            }
        } catch (...) {
            error = std::current_exception();
        }
        const duration delay = state.failed(std::move(error));
        co_await sleep_for(delay);
        state.begin_again();
    }
}

}  // namespace detail

/// Awaits the task that `make` returns, and if it fails waits a while and awaits a new one, until
/// one succeeds or the options say that it is enough.
///
///     const reply answer = co_await retry([&] { return ask(server); });
///
/// Only repeat what may be done twice: when an attempt has failed, its work may be done all the
/// same. An attempt that takes too long does not fail by itself: put a timeout into `make`.
///
/// The waits are random and come from loop::random(), so a seed replays them.
///
/// Returns       what the task returns.
/// Errors        the last error, with its own type, when there were enough attempts, when no time
///               is left for another, or when it is not one to try again after. The errors before
///               it, at most the latest fifteen, are in suppressed(). timed_out if the limit has
///               cut the attempt off; with a limit of zero or less none is begun. What `make`
///               throws is a failure like that of its task.
/// Suspends      when the task does, and after each failure.
/// Cancellation  partial. The request goes to the attempt that runs, or ends the wait; no other
///               attempt is begun. What attempts before had done stays done.
/// Threads       the loop's thread.
/// Lifetime      `make` is moved in and lives until the end; what it refers to must live as long.
/// Complexity    one frame besides those of the attempts; each failure keeps its exception.
/// Source        as for retry_options.
template <class Make>
    requires detail::task_factory<Make>
[[nodiscard]] auto retry(Make make, retry_options options = retry_options{}) {
    using result = typename detail::task_result<std::invoke_result_t<Make&>>::type;
    return detail::retry_with<result>(std::move(make), std::move(options));
}

}  // namespace simul
