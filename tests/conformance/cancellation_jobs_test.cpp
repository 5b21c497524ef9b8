// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what keeps other tasks going: supervise, supervisor, job_scheduler.
#include <optional>
#include <stdexcept>
#include <utility>

#include "simul/concurrency/job_scheduler.hpp"
#include "simul/concurrency/supervise.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// The first run of the work fails, the second one waits.
class supervised_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    void complete() override { happened_.set(); }
    [[nodiscard]] bool is_ready() const override { return happened_.waiting() == 1; }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0) << run.describe();
        EXPECT_EQ(happened_.waiting(), 0U);
        EXPECT_LE(runs_, 2);
        co_return;
    }

protected:
    static restart_options without_delay() { return restart_options{}.first_delay(0s); }

    task<int> work() {
        const counted_object local{alive_};
        if (++runs_ == 1) throw std::runtime_error{"the first run fails"};
        co_await happened_.wait();
        co_return 7;
    }

    event happened_;
    int alive_ = 0;
    int runs_ = 0;
};

class supervising : public supervised_world {
public:
    static constexpr const char* awaitable = "supervise";

    using supervised_world::supervised_world;
    auto wait() {
        return supervise([this]() { return work(); }, without_delay());
    }
    static void received(int value) { EXPECT_EQ(value, 7); }
};
const add_scenario<supervising> adds_supervising;

class waiting_to_restart : public scenario_world {
public:
    static constexpr const char* awaitable = "supervise";
    static constexpr const char* variant = "before a restart";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool remembers = false;

    using scenario_world::scenario_world;
    auto wait() {
        restart_options options;
        options.first_delay(delay).jitter(retry_jitter::none);
        deadline_ = now() + delay;
        return supervise([this]() { return work(); }, options);
    }
    void received(int value) {
        EXPECT_EQ(value, 7);
        EXPECT_EQ(runs_, 2);
        EXPECT_GE(now(), deadline_) << "never early";
    }
    void complete() override { pass_time_until(deadline_ + 100us); }

private:
    task<int> work() {
        if (++runs_ == 1) throw std::runtime_error{"the first run fails"};
        co_return 7;
    }

    static constexpr duration delay = 50us;
    time_point deadline_ = now() + delay;
    int runs_ = 0;
};
const add_scenario<waiting_to_restart> adds_waiting_to_restart;

class running_a_supervisor : public supervised_world {
public:
    static constexpr const char* awaitable = "supervisor::run";

    explicit running_a_supervisor(stage where) : supervised_world{where} {
        services_.add("one that waits", [this]() { return serve(); });
        services_.add("one that fails", [this]() { return work(); });
    }
    auto wait() { return services_.run(); }
    static void received(std::monostate) {}
    task<> verify(const run_state& run) override {
        EXPECT_EQ(services_.running(), 0U) << run.describe();
        co_await supervised_world::verify(run);
    }

private:
    task<> serve() {
        const counted_object local{alive_};
        co_await serves_.wait();
    }
    void complete() override {
        supervised_world::complete();
        serves_.set();
    }

    event serves_;
    supervisor services_{restart_strategy::one_for_all, without_delay()};
};
const add_scenario<running_a_supervisor> adds_running_a_supervisor;

// A job that goes on until complete().
class jobs_world : public scenario_world {
public:
    using scenario_world::scenario_world;

    void complete() override { happened_.set(); }
    task<> verify(const run_state& run) override {
        happened_.set();
        static_cast<void>(co_await jobs_.close(1h));
        EXPECT_TRUE(jobs_.closed()) << run.describe();
        EXPECT_EQ(jobs_.size(), 0U) << run.describe();
        EXPECT_EQ(alive_, 0) << run.describe();
    }

protected:
    // Whether the job has ended, and nothing but the end of its group has cancelled it.
    static bool has_ended_well(const job<int>& ended, const run_state& run) {
        if (!ended.done()) return false;
        if (!outermost_group().is_cancelled()) {
            EXPECT_FALSE(ended.was_cancelled()) << run.describe();
        }
        return true;
    }

    task<int> work() {
        const counted_object local{alive_};
        co_await happened_.wait();
        co_return 3;
    }

    // Heeds no request.
    task<int> stubborn_work() {
        const counted_object local{alive_};
        co_await shield(happened_.wait());
        co_return 3;
    }

    event happened_;
    int alive_ = 0;
    job_scheduler jobs_{job_scheduler_options{}.limit(1).pending_limit(0)};
};

// The place of another job becomes free.
class spawning_a_job : public jobs_world {
public:
    static constexpr const char* awaitable = "job_scheduler::spawn";
    static constexpr rule obeys = rule::delivers;

    using jobs_world::jobs_world;
    task<job<int>> wait() {
        if (!std::exchange(has_begun_, true)) static_cast<void>(co_await jobs_.spawn(work()));
        is_waiting_ = true;
        job<int> added = co_await jobs_.spawn(other_work());
        co_return added;
    }
    void received(job<int> added) { added_.emplace(std::move(added)); }
    [[nodiscard]] bool is_ready() const override { return is_waiting_; }
    [[nodiscard]] bool is_settled(const run_state& run) override {
        return !added_ || has_ended_well(*added_, run);
    }
    task<> verify(const run_state& run) override {
        EXPECT_LE(jobs_.size(), 1U) << run.describe();
        added_.reset();
        co_await jobs_world::verify(run);
    }

private:
    static task<int> other_work() { co_return 4; }

    std::optional<job<int>> added_;
    bool has_begun_ = false;
    bool is_waiting_ = false;
};
const add_scenario<spawning_a_job> adds_spawning_a_job;

// A world in which the subject may begin to wait only when the job runs.
class running_job_world : public jobs_world {
public:
    explicit running_job_world(stage where) : jobs_world{where} {}

    task<> background() override {
        try {
            job_.emplace(co_await jobs_.spawn(stubborn_work()));
        } catch (const closed&) {
        }
    }
    task<> verify(const run_state& run) override {
        job_.reset();
        co_await jobs_world::verify(run);
    }

protected:
    // Until the job is there. It is spawned by the background, or by this.
    task<> begin() {
        while (!job_ || job_->pending()) co_await yield_now();
    }

    std::optional<job<int>> job_;
};

class waiting_for_a_job : public running_job_world {
public:
    static constexpr const char* awaitable = "job::wait";
    static constexpr rule obeys = rule::delivers;

    using running_job_world::running_job_world;
    task<int> wait() {
        co_await begin();
        is_waiting_ = true;
        const int result = co_await job_->wait();
        co_return result;
    }
    static void received(int result) { EXPECT_EQ(result, 3); }
    [[nodiscard]] bool is_ready() const override { return is_waiting_; }
    [[nodiscard]] bool is_settled(const run_state& run) override {
        return job_ && has_ended_well(*job_, run);
    }

private:
    bool is_waiting_ = false;
};
const add_scenario<waiting_for_a_job> adds_waiting_for_a_job;

class closing_a_job : public running_job_world {
public:
    static constexpr const char* awaitable = "job::close";
    static constexpr rule obeys = rule::delivers;

    using running_job_world::running_job_world;
    task<bool> wait() {
        co_await begin();
        is_waiting_ = true;
        const bool has_ended = co_await job_->close(1h);
        co_return has_ended;
    }
    static void received(bool has_ended) { EXPECT_TRUE(has_ended); }
    [[nodiscard]] bool is_ready() const override { return is_waiting_; }

private:
    bool is_waiting_ = false;
};
const add_scenario<closing_a_job> adds_closing_a_job;

class closing_a_scheduler : public running_job_world {
public:
    static constexpr const char* awaitable = "job_scheduler::close";
    static constexpr rule obeys = rule::delivers;

    using running_job_world::running_job_world;
    task<bool> wait() {
        co_await begin();
        is_waiting_ = true;
        const bool has_ended = co_await jobs_.close(1h);
        co_return has_ended;
    }
    void received(bool has_ended) {
        EXPECT_TRUE(has_ended);
        EXPECT_TRUE(jobs_.closed());
    }
    [[nodiscard]] bool is_ready() const override { return is_waiting_; }

private:
    bool is_waiting_ = false;
};
const add_scenario<closing_a_scheduler> adds_closing_a_scheduler;

class waiting_for_all_jobs : public running_job_world {
public:
    static constexpr const char* awaitable = "job_scheduler::wait_and_close";
    static constexpr rule obeys = rule::delivers;

    using running_job_world::running_job_world;
    task<bool> wait() {
        co_await begin();
        is_waiting_ = true;
        const bool has_ended = co_await jobs_.wait_and_close();
        co_return has_ended;
    }
    void received(bool has_ended) {
        EXPECT_TRUE(has_ended);
        EXPECT_TRUE(jobs_.closed());
    }
    [[nodiscard]] bool is_ready() const override { return is_waiting_; }

private:
    bool is_waiting_ = false;
};
const add_scenario<waiting_for_all_jobs> adds_waiting_for_all_jobs;

}  // namespace
}  // namespace simul::test
