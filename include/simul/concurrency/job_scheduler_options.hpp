// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/job_scheduler_options.hpp: how many jobs a scheduler takes, and how it closes.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <utility>

#include "simul/base/time.hpp"

namespace simul {

namespace detail {
class job_scheduler_core;
}  // namespace detail

/// How a job_scheduler behaves. The setters may be chained:
///
///     job_scheduler jobs{job_scheduler_options{}.limit(10).pending_limit(0)};
///
/// Source        the defaults are those of Python's aiojobs.
class job_scheduler_options {
public:
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// Is given an error of a job that nobody waits for.
    using exception_handler = std::function<void(const std::exception_ptr& error)>;

    job_scheduler_options() noexcept {}

    /// How many jobs run at once; 100. Not zero; checked.
    job_scheduler_options& limit(std::size_t jobs) noexcept {
        limit_ = jobs;
        return *this;
    }

    /// How many jobs wait for their turn; 10,000. When there are so many, spawn waits. With zero it
    /// waits until the job can run.
    job_scheduler_options& pending_limit(std::size_t jobs) noexcept {
        pending_limit_ = jobs;
        return *this;
    }

    /// How long close() waits for jobs that it has cancelled; 100 ms.
    template <class Rep, class Period>
    job_scheduler_options& close_timeout(std::chrono::duration<Rep, Period> limit) noexcept {
        close_timeout_ = saturating_duration(limit);
        return *this;
    }

    /// How long wait_and_close() waits for jobs before it cancels them; 60 s.
    template <class Rep, class Period>
    job_scheduler_options& wait_timeout(std::chrono::duration<Rep, Period> limit) noexcept {
        wait_timeout_ = saturating_duration(limit);
        return *this;
    }

    /// Who gets errors that nobody waits for, instead of the handler of unhandled errors. If it
    /// throws, that handler gets both. It may be called when the scheduler is gone.
    job_scheduler_options& on_error(exception_handler told) noexcept {
        on_error_ = std::move(told);
        return *this;
    }

private:
    friend detail::job_scheduler_core;

    std::size_t limit_ = 100;
    std::size_t pending_limit_ = 10'000;
    duration close_timeout_ = std::chrono::milliseconds{100};
    duration wait_timeout_ = std::chrono::seconds{60};
    exception_handler on_error_;
};

}  // namespace simul
