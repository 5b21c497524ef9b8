// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/restart_options.hpp: when what has ended is started again, and how often.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/concurrency/detail/back_off.hpp"
#include "simul/concurrency/retry_jitter.hpp"

namespace simul {

namespace detail {
class restart_counter;
class supervised_task;
class supervisor_core;
class supervision;
}  // namespace detail

/// Which ends of a task are followed by a new start. A cancellation never is.
enum class restart_policy : unsigned char {
    on_failure,  ///< an error
    always,      ///< an error, and a normal end: for what should never end by itself
    never,       ///< none
};

/// What an observer is told before a task is started again. Valid during the call only.
class restart_report {
public:
    restart_report(std::string_view name, std::size_t number, const std::exception_ptr& error,
                   duration delay) noexcept
        : name_{name}, number_{number}, error_{error}, delay_{delay} {}

    /// The child's name in its supervisor; empty for supervise().
    [[nodiscard]] std::string_view name() const noexcept { return name_; }

    /// Which restart this is, from 1 on.
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

    /// What the task ended with; nullptr if it ended normally.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

    /// How long it is until the task is started again.
    [[nodiscard]] duration delay() const noexcept { return delay_; }

private:
    std::string_view name_;
    std::size_t number_;
    const std::exception_ptr& error_;
    duration delay_;
};

/// How supervise() and supervisor start again what has ended. The setters may be chained:
///
///     co_await supervise(listen, restart_options{}.intensity(10, 1min).first_delay(1s));
///
/// The delays grow as those of retry() do. When a task has run for at least the period of the
/// intensity before it failed, its delays begin anew.
///
/// Source        intensity and period of Erlang's supervisors; Exponential Backoff And Jitter (AWS
///               Architecture Blog, 2015).
class restart_options {
public:
    /// As many restarts as it takes.
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// Is told of a restart when its task has ended, before the delay.
    using observer = std::function<void(const restart_report& told)>;

    restart_options() noexcept {}

    /// After which ends to start again; restart_policy::on_failure.
    restart_options& policy(restart_policy chosen) noexcept {
        policy_ = chosen;
        return *this;
    }

    /// How many restarts there may be within a period; 3 in 5 s. One more, and it is enough. The
    /// period counts back from the end of the task, so long delays can make that impossible.
    template <class Rep, class Period>
    restart_options& intensity(std::size_t restarts,
                               std::chrono::duration<Rep, Period> period) noexcept {
        restarts_ = restarts;
        period_ = saturating_duration(period);
        return *this;
    }

    /// The ceiling of the first delay; 100 ms.
    template <class Rep, class Period>
    restart_options& first_delay(std::chrono::duration<Rep, Period> delay) noexcept {
        delays_.first_delay = saturating_duration(delay);
        return *this;
    }

    /// What the ceiling is multiplied by after each failure; 2. At least 1 and finite; checked.
    restart_options& factor(double growth) noexcept {
        delays_.factor = growth;
        return *this;
    }

    /// The highest ceiling; 20 s.
    template <class Rep, class Period>
    restart_options& longest_delay(std::chrono::duration<Rep, Period> delay) noexcept {
        delays_.longest_delay = saturating_duration(delay);
        return *this;
    }

    /// How the delays are spread; retry_jitter::full.
    restart_options& jitter(retry_jitter kind) noexcept {
        delays_.jitter = kind;
        return *this;
    }

    /// Whom to tell of restarts, for a log. What it throws ends the call.
    restart_options& on_restart(observer told) noexcept {
        on_restart_ = std::move(told);
        return *this;
    }

private:
    friend detail::restart_counter;
    friend detail::supervised_task;
    friend detail::supervisor_core;
    friend detail::supervision;

    std::size_t restarts_ = 3;
    duration period_ = std::chrono::seconds{5};
    detail::back_off_rule delays_;
    restart_policy policy_ = restart_policy::on_failure;
    observer on_restart_;
};

}  // namespace simul
