// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/job_scheduler.hpp: background jobs, so many at once and so many in line.
//
// Reading order: job_scheduler and job are the contract; how a job waits for its turn, and what
// becomes of an error that nobody takes, is in detail/job_state.hpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/detail/job_state.hpp"
#include "simul/concurrency/job_scheduler_options.hpp"
#include "simul/concurrency/timeout.hpp"

namespace simul {

/// What job::wait returns.
template <class Result, class Given>
class [[nodiscard("co_await it")]] job_wait_awaitable {
public:
    explicit job_wait_awaitable(std::shared_ptr<detail::job_state<Result>> awaited) noexcept
        : awaited_{std::move(awaited)} {}
    auto operator co_await() && noexcept {
        return detail::shared_operation<Result, Given>{std::move(awaited_)};
    }

private:
    std::shared_ptr<detail::job_state<Result>> awaited_;
};

/// A job of a job_scheduler: a handle, of which copies mean the same job. Dropping it changes
/// nothing for the job, except that an error can no longer be waited for: without handles and
/// without anybody who waits, an error of the job goes to the scheduler's handler, once. So do not
/// keep handles of jobs that you will not wait for.
///
/// Threads       the loop's thread.
/// Source        Job of Python's aiojobs.
template <class Result = void>
class job {
    using value = detail::shared_value<Result>;
    static constexpr bool can_be_given =
        !std::is_object_v<Result> || std::copy_constructible<Result>;

public:
    using result_type = Result;

    /// True while it runs; while it waits for its turn; once it has ended, in whichever way.
    [[nodiscard]] bool active() const noexcept { return state().has_begun() && !done(); }
    [[nodiscard]] bool pending() const noexcept { return !state().has_begun() && !done(); }
    [[nodiscard]] bool done() const noexcept { return state().has_ended(); }

    /// True once it was stopped by a request to cancel.
    [[nodiscard]] bool was_cancelled() const noexcept { return state().was_cancelled(); }

    /// Its error, or nullptr. Looking at it does not count as waiting for it.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return state().error(); }

    /// Asks the job to end, whether it runs or waits for its turn.
    ///
    /// Returns       false if it had ended, or been asked, before.
    bool cancel(cancel_reason reason = cancel_reason::requested,
                std::source_location where = std::source_location::current()) const noexcept {
        return state().cancel(reason, where);
    }

    /// Waits until the job has ended. Any number may wait, now or later.
    ///
    /// Returns       a const reference to the result, valid while a handle lives; of a temporary
    ///               handle, a copy. A job that returns T& gives T&.
    /// Errors        the job's error, with its own type; cancelled if the job was cancelled and the
    ///               waiting task was not.
    /// Suspends      unless the job has ended.
    /// Cancellation  clean. The job goes on.
    /// Threads       the loop's thread.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] auto wait() const& noexcept {
        return job_wait_awaitable<Result, typename value::seen>{reference_.get()};
    }
    [[nodiscard]] auto wait() && noexcept
        requires can_be_given
    {
        return job_wait_awaitable<Result, typename value::given>{reference_.get()};
    }
    void wait() && = delete;  // a result that cannot be copied: wait with a variable

    /// The same for at most `limit`.
    ///
    /// Returns       as without a limit.
    /// Errors        timed_out if the limit passed; the job goes on. Otherwise as without a limit.
    /// Suspends      unless the job has ended.
    /// Cancellation  clean. The job goes on.
    /// Threads       the loop's thread.
    /// Complexity    O(1); allocates nothing.
    template <class Rep, class Period>
    [[nodiscard]] auto wait(std::chrono::duration<Rep, Period> limit) const& {
        return timeout(limit, wait());
    }
    template <class Rep, class Period>
        requires can_be_given
    [[nodiscard]] auto wait(std::chrono::duration<Rep, Period> limit) && {
        return timeout(limit, std::move(*this).wait());
    }

    /// Cancels the job and waits until it has ended, for at most the close_timeout of the
    /// scheduler. What it was to give, or throws, is left to those who wait() for it.
    ///
    /// Returns       true if it has ended; false if the limit passed, and it is still on its way to
    ///               its end.
    /// Errors        none.
    /// Suspends      unless the job has ended.
    /// Cancellation  partial. The job is cancelled all the same.
    /// Threads       the loop's thread.
    /// Complexity    O(1); one frame.
    [[nodiscard]] task<bool> close() const {
        return detail::close_job(reference_.get(), state().scheduler().close_timeout);
    }

    /// The same with another limit.
    ///
    /// Returns       true if it has ended; false if the limit passed.
    /// Errors        none.
    /// Suspends      unless the job has ended.
    /// Cancellation  partial. The job is cancelled all the same.
    /// Threads       the loop's thread.
    /// Complexity    O(1); one frame.
    template <class Rep, class Period>
    [[nodiscard]] task<bool> close(std::chrono::duration<Rep, Period> limit) const {
        return detail::close_job(reference_.get(), saturating_duration(limit));
    }

private:
    friend class job_scheduler;

    explicit job(std::shared_ptr<detail::job_state<Result>> state) noexcept
        : reference_{std::move(state)} {}

    [[nodiscard]] detail::job_state<Result>& state() const noexcept { return *reference_.get(); }

    detail::job_reference<Result> reference_;
};

/// Runs jobs in the background: so many at once, so many more in line, and whoever spawns one more
/// waits. They begin in the order in which they were spawned.
///
///     job_scheduler jobs{job_scheduler_options{}.limit(10)};
///     auto thumbnail = co_await jobs.spawn([=] { return shrink(image); });
///     ...
///     co_await jobs.wait_and_close();
///
/// The jobs are children of the group given at construction, or of outermost_group(): they may
/// refer only to what outlives that group. Their errors go to who waits for them, else to a
/// handler, and do not cancel the group.
///
/// Use a task_group with a limit for work whose end and errors belong to one function, and
/// concurrent_for_each for a known sequence.
///
/// Threads       the loop's thread.
/// Lifetime      the group must not have ended when a job is spawned. Its destructor cancels what
///               is left and does not wait: the group does.
/// Source        Python's aiojobs. There wait() closes the job when the waiting task is cancelled
///               or its limit passes; here the job goes on.
class job_scheduler {
public:
    explicit job_scheduler(const job_scheduler_options& options = job_scheduler_options{})
        : core_{std::make_shared<detail::job_scheduler_core>(options, nullptr)} {}

    /// The same with a group of one's own.
    explicit job_scheduler(task_group& owner,
                           const job_scheduler_options& options = job_scheduler_options{})
        : core_{std::make_shared<detail::job_scheduler_core>(options, &owner)} {}

    job_scheduler(const job_scheduler&) = delete;
    job_scheduler& operator=(const job_scheduler&) = delete;
    ~job_scheduler() { core_->begin_to_close(); }

    /// Adds a job, when there is room for it: the task that `make` returns when the job's turn has
    /// come. `make` is kept as long as the task, so a lambda with captures is safe here.
    ///
    /// Returns       job<Result>, the handle; may be dropped.
    /// Errors        closed after close(), also if that is called during the wait. What `make`
    ///               throws is an error of the job.
    /// Suspends      while limit and pending_limit are reached.
    /// Cancellation  clean. If the call ends by cancellation, no job was added.
    /// Threads       the loop's thread.
    /// Lifetime      what the job refers to must outlive the group.
    /// Complexity    O(1); one allocation besides the frames.
    template <class Make>
        requires detail::task_factory<Make>
    [[nodiscard]] auto spawn(Make make) {
        using result = typename detail::task_result<std::invoke_result_t<Make&>>::type;
        return spawn_job<result>(core_, std::move(make));
    }

    /// The same with a task that exists already.
    ///
    /// Returns       job<Result>, the handle; may be dropped.
    /// Errors        closed after close(), also if that is called during the wait.
    /// Suspends      while limit and pending_limit are reached.
    /// Cancellation  clean. If the call ends by cancellation, no job was added.
    /// Threads       the loop's thread.
    /// Lifetime      what the job refers to must outlive the group.
    /// Complexity    O(1); one allocation besides the frames.
    template <class Result>
    [[nodiscard]] task<job<Result>> spawn(task<Result> work) {
        return spawn_job<Result>(
            core_, [kept = std::move(work)]() mutable noexcept { return std::move(kept); });
    }

    /// Refuses newcomers, cancels every job and waits until all have ended, for at most the
    /// close_timeout of the options.
    ///
    /// Returns       true if all have ended; false if the limit passed, and some are still on their
    ///               way to their end. The group waits for them.
    /// Errors        none; errors of jobs go where they always go.
    /// Suspends      unless there are no jobs.
    /// Cancellation  partial. It stays closed, and the jobs are cancelled all the same.
    /// Threads       the loop's thread.
    /// Lifetime      the scheduler may be destroyed meanwhile.
    /// Complexity    O(jobs).
    [[nodiscard]] task<bool> close() { return core_->close(core_, core_->close_timeout); }

    /// The same with another limit.
    ///
    /// Returns       true if all have ended; false if the limit passed.
    /// Errors        none; errors of jobs go where they always go.
    /// Suspends      unless there are no jobs.
    /// Cancellation  partial. It stays closed, and the jobs are cancelled all the same.
    /// Threads       the loop's thread.
    /// Lifetime      the scheduler may be destroyed meanwhile.
    /// Complexity    O(jobs).
    template <class Rep, class Period>
    [[nodiscard]] task<bool> close(std::chrono::duration<Rep, Period> limit) {
        return core_->close(core_, saturating_duration(limit));
    }

    /// Waits until no job is left, those included that are spawned meanwhile, for at most the
    /// wait_timeout of the options, and then does what close() does.
    ///
    /// Returns       true if all have ended.
    /// Errors        none; errors of jobs go where they always go.
    /// Suspends      unless there are no jobs.
    /// Cancellation  partial. While it waits for the jobs, nothing has happened to them and the
    ///               scheduler is open; afterwards as for close().
    /// Threads       the loop's thread.
    /// Lifetime      the scheduler may be destroyed meanwhile.
    /// Complexity    O(jobs).
    [[nodiscard]] task<bool> wait_and_close() {
        return core_->wait_and_close(core_, core_->wait_timeout);
    }

    /// The same with another limit.
    ///
    /// Returns       true if all have ended.
    /// Errors        none; errors of jobs go where they always go.
    /// Suspends      unless there are no jobs.
    /// Cancellation  partial, as without a limit.
    /// Threads       the loop's thread.
    /// Lifetime      the scheduler may be destroyed meanwhile.
    /// Complexity    O(jobs).
    template <class Rep, class Period>
    [[nodiscard]] task<bool> wait_and_close(std::chrono::duration<Rep, Period> limit) {
        return core_->wait_and_close(core_, saturating_duration(limit));
    }

    /// How many jobs run, how many wait for their turn, and both together.
    [[nodiscard]] std::size_t active_count() const noexcept { return core_->active(); }
    [[nodiscard]] std::size_t pending_count() const noexcept {
        return core_->size() - core_->active();
    }
    [[nodiscard]] std::size_t size() const noexcept { return core_->size(); }

    /// How many jobs may run at once.
    [[nodiscard]] std::size_t limit() const noexcept { return core_->limit; }

    /// True once it refuses newcomers and has jobs left; once it has none left.
    [[nodiscard]] bool closing() const noexcept { return core_->is_closing() && !core_->is_idle(); }
    [[nodiscard]] bool closed() const noexcept { return core_->is_closing() && core_->is_idle(); }

private:
    template <class Result, class Make>
    static task<job<Result>> spawn_job(std::shared_ptr<detail::job_scheduler_core> core,
                                       Make make) {
        const detail::spawn_mark mark{core};
        semaphore_permit place = co_await core->places.acquire();
        if (core->is_closing()) throw simul::closed{};
        auto state =
            std::make_shared<detail::job_state<Result>>(core, std::move(place), std::move(make));
        job<Result> made{state};
        state->begin(state);
        co_return made;
    }

    std::shared_ptr<detail::job_scheduler_core> core_;
};

}  // namespace simul
