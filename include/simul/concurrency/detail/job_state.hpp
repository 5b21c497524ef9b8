// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/job_state.hpp: a job and the scheduler that runs it, from inside.
//
// A job is a shared computation that waits for its turn. Its frames, outermost first:
//
//      run          child of the group; keeps the state and ends it     (shared_core.hpp)
//      in_turn      keeps a place in the scheduler, waits for a turn
//      make()       the user's task
//
// Invariants
//   1. Each job in `jobs_` holds one permit of `places`, and each active one a permit of `turns`
//      besides. They are held by the frame of in_turn, so they go back however it ends.
//   2. Handles count as awaiters of the computation: an error is kept for as long as somebody can
//      still wait for it, and is reported, once, when nobody can.
//   3. Frames and handles keep the core alive; the job_scheduler may go before its jobs.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/concurrency/detail/shared_core.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/semaphore.hpp"

namespace simul {

class job_scheduler_options;

namespace detail {

class job_place;
class job_scheduler_core;

/// What the scheduler knows of a job.
class job_record : public list_hook<job_record> {
public:
    explicit job_record(std::shared_ptr<job_scheduler_core> scheduler) noexcept
        : scheduler_{std::move(scheduler)} {}

    [[nodiscard]] job_scheduler_core& scheduler() const noexcept { return *scheduler_; }
    [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }

    virtual void ask_to_end() noexcept = 0;

protected:
    ~job_record();

private:
    friend job_place;

    std::shared_ptr<job_scheduler_core> scheduler_;
    job_place* place_ = nullptr;
    bool has_begun_ = false;
};

class job_scheduler_core {
public:
    job_scheduler_core(const job_scheduler_options& options, task_group* owner);

    /// Refuses newcomers, and asks every job to end.
    void begin_to_close() noexcept;

    /// Waits until nothing is left of any job and of any call of spawn.
    static task<> wait_until_idle(std::shared_ptr<job_scheduler_core> core);

    static task<bool> close(std::shared_ptr<job_scheduler_core> core, duration limit);
    static task<bool> wait_and_close(std::shared_ptr<job_scheduler_core> core, duration limit);

    /// Gives an error that nobody waits for to the handler.
    void report(const std::exception_ptr& error) noexcept;

    [[nodiscard]] bool is_closing() const noexcept { return is_closing_; }
    [[nodiscard]] bool is_idle() const noexcept { return size_ + spawning_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t active() const noexcept { return active_; }
    [[nodiscard]] task_group* owner() const noexcept { return owner_; }

    const std::size_t limit;
    const duration close_timeout;
    const duration wait_timeout;
    semaphore places;
    semaphore turns;

private:
    friend job_place;
    friend class spawn_mark;

    void part() noexcept {
        if (is_idle()) idle_.set();
    }

    std::function<void(const std::exception_ptr&)> handler_;
    task_group* owner_;
    intrusive_list<job_record> jobs_;
    std::size_t size_ = 0;
    std::size_t active_ = 0;
    std::size_t spawning_ = 0;  // calls of spawn that have not ended
    event idle_;
    bool is_closing_ = false;
};

/// A call of spawn that goes on: until it has ended, the scheduler is not idle.
class spawn_mark {
public:
    explicit spawn_mark(std::shared_ptr<job_scheduler_core> core);
    spawn_mark(const spawn_mark&) = delete;
    spawn_mark& operator=(const spawn_mark&) = delete;
    ~spawn_mark();

    [[nodiscard]] const std::shared_ptr<job_scheduler_core>& core() const noexcept { return core_; }

private:
    std::shared_ptr<job_scheduler_core> core_;
};

/// A job's place in its scheduler, while its frames exist. In a frame that never began it may
/// outlive the job: compilers differ in which parameter they destroy first.
class job_place {
public:
    job_place(job_record& job, semaphore_permit permit) noexcept;
    job_place(job_place&& other) noexcept;
    job_place& operator=(job_place&&) = delete;
    ~job_place();

    [[nodiscard]] semaphore& turns() const noexcept { return scheduler_->turns; }

    /// The job's turn has come.
    void begin() noexcept;

private:
    friend job_record;
    void forget_job() noexcept;

    std::shared_ptr<job_scheduler_core> scheduler_;
    job_record* job_;
    semaphore_permit permit_;
    bool has_begun_ = false;
};

template <class Result, class Make>
task<Result> in_turn(job_place place, Make make) {
    const semaphore_permit turn = co_await place.turns().acquire();
    place.begin();
    if constexpr (std::is_void_v<Result>) {
        co_await make();
    } else {
        Result value = co_await make();
        co_return static_cast<Result&&>(value);
    }
}

/// What its handles know of a job. Its record comes first, because the work refers to it.
template <class Result>
class job_state final : public job_record, public shared_state<Result> {
public:
    template <class Make>
    job_state(std::shared_ptr<job_scheduler_core> core, semaphore_permit permit, Make make)
        : job_record{std::move(core)},
          shared_state<Result>{
              in_turn<Result>(job_place{*this, std::move(permit)}, std::move(make)),
              scheduler().owner(), true} {}

    void ask_to_end() noexcept override {
        this->cancel(cancel_reason::shutdown, std::source_location::current());
    }

private:
    void report(const std::exception_ptr& error) noexcept override { scheduler().report(error); }
};

/// Waits for the end of a computation and leaves its result, or error, to others.
class end_of_shared_operation : public shared_operation_base {
public:
    using shared_operation_base::shared_operation_base;
    static void take() noexcept {}
};

class end_of_shared {
public:
    explicit end_of_shared(std::shared_ptr<shared_core> awaited) noexcept
        : awaited_{std::move(awaited)} {}
    auto operator co_await() && noexcept { return end_of_shared_operation{std::move(awaited_)}; }

private:
    std::shared_ptr<shared_core> awaited_;
};

/// Cancels a job and waits for its end.
task<bool> close_job(std::shared_ptr<shared_core> job, duration limit);

/// One of the handles of a job.
template <class Result>
class job_reference {
public:
    explicit job_reference(std::shared_ptr<job_state<Result>> state) noexcept
        : state_{std::move(state)} {
        state_->join();
    }
    job_reference(const job_reference& other) noexcept : state_{other.state_} {
        if (state_ != nullptr) state_->join();
    }
    job_reference(job_reference&& other) noexcept = default;
    job_reference& operator=(job_reference other) noexcept {
        state_.swap(other.state_);
        return *this;
    }
    ~job_reference() {
        if (state_ != nullptr) state_->part();
    }

    [[nodiscard]] const std::shared_ptr<job_state<Result>>& get() const noexcept {
        SIMUL_ASSERT(state_ != nullptr, "the handle of a job was used after it was moved");
        return state_;
    }

private:
    std::shared_ptr<job_state<Result>> state_;
};

}  // namespace detail

}  // namespace simul
