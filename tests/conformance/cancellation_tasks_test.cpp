// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of time, tasks, groups, generators and calls on other threads.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <vector>

#include "runtime/blocking_pool.hpp"
#include "simul/concurrency/as_completed.hpp"
#include "simul/concurrency/with.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/runtime/blocking.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// --- time ---------------------------------------------------------------------------------------

class sleeping_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    void received(std::monostate) { EXPECT_GE(now(), deadline_) << "never early"; }
    void complete() override { pass_time_until(deadline_); }

protected:
    static constexpr duration delay = 50us;
    time_point deadline_ = now() + delay;
};

class sleep_until_deadline : public sleeping_world {
public:
    static constexpr const char* awaitable = "sleep_until";

    using sleeping_world::sleeping_world;
    auto wait() { return sleep_until(deadline_); }
};
const add_scenario<sleep_until_deadline> adds_sleep_until_deadline;

class sleep_for_delay : public sleeping_world {
public:
    static constexpr const char* awaitable = "sleep_for";
    static constexpr bool remembers = false;

    using sleeping_world::sleeping_world;
    auto wait() {
        deadline_ = now() + delay;
        return sleep_for(delay);
    }
    // Counted from the await, a little after wait().
    void complete() override { pass_time_until(deadline_ + 100us); }
};
const add_scenario<sleep_for_delay> adds_sleep_for_delay;

class yielding : public scenario_world {
public:
    static constexpr const char* awaitable = "yield_now";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool remembers = false;

    using scenario_world::scenario_world;
    static auto wait() { return yield_now(); }
    void received(std::monostate) {}
    void complete() override {}
};
const add_scenario<yielding> adds_yielding;

// --- tasks --------------------------------------------------------------------------------------

// Tasks that wait for one event and count their ends.
class task_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    void complete() override { happened_.set(); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0) << "locals of tasks are destroyed: " << run.describe();
        EXPECT_EQ(happened_.waiting(), 0U);
        expect_nothing_began(run);
        co_return;
    }

protected:
    static void expect_never_began(int begun, const run_state& run) {
        const bool was_refused = run.traced.made != 0 && !run.traced.has_result();
        if (run.planned.when == moment::before_await && was_refused) {
            EXPECT_EQ(begun, 0) << "in a cancelled scope nothing begins: " << run.describe();
        }
    }
    void expect_nothing_began(const run_state& run) { expect_never_began(begun_, run); }

    task<int> work() {
        const counted_object local{alive_};
        ++begun_;
        co_await happened_.wait();
        ++ended_;
        co_return 7;
    }
    task<int> failing_work() {
        const int value = co_await work();
        if (value == 7) throw std::runtime_error{"the work has failed"};
        co_return value;
    }

    event happened_;
    int alive_ = 0;
    int begun_ = 0;
    int ended_ = 0;
};

class awaited_task : public task_world {
public:
    static constexpr const char* awaitable = "task";

    using task_world::task_world;
    auto wait() { return work(); }
    static void received(int value) { EXPECT_EQ(value, 7); }
};
const add_scenario<awaited_task> adds_awaited_task;

class failing_task : public task_world {
public:
    static constexpr const char* awaitable = "task";
    static constexpr const char* variant = "that fails";
    static constexpr bool fails = true;

    using task_world::task_world;
    auto wait() { return failing_work(); }
    static void received(int) { ADD_FAILURE() << "a task that failed has a result"; }
};
const add_scenario<failing_task> adds_failing_task;

class deep_task : public task_world {
public:
    static constexpr const char* awaitable = "task";
    static constexpr const char* variant = "deeper than nesting goes";

    using task_world::task_world;
    auto wait() { return descend(100); }
    static void received(int value) { EXPECT_EQ(value, 107); }

private:
    task<int> descend(int levels) {
        const counted_object local{alive_};
        ++begun_;
        int below = 0;
        if (levels == 0) {
            below = co_await work();
            co_return below;
        }
        below = co_await descend(levels - 1);
        co_return below + 1;
    }
};
const add_scenario<deep_task> adds_deep_task;

class awaited_handle : public task_world {
public:
    static constexpr const char* awaitable = "task_handle";

    explicit awaited_handle(stage where) : task_world{where}, handle_{children_.spawn(work())} {}

    auto& wait() { return handle_; }
    static void received(int value) { EXPECT_EQ(value, 7); }
    task<> background() override { co_await children_.run(); }
    [[nodiscard]] bool is_settled(const run_state&) override { return handle_.done(); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(ended_, 1) << "the child goes on: " << run.describe();
        EXPECT_FALSE(handle_.was_cancelled());
        co_return;
    }

private:
    task_group children_;
    task_handle<int> handle_;
};
const add_scenario<awaited_handle> adds_awaited_handle;

class handle_of_cancelled : public task_world {
public:
    static constexpr const char* awaitable = "task_handle";
    static constexpr const char* variant = "of a child that is cancelled";
    static constexpr bool fails = true;

    explicit handle_of_cancelled(stage where)
        : task_world{where}, handle_{children_.spawn(work())} {}

    auto& wait() { return handle_; }
    static void received(int) { ADD_FAILURE() << "a cancelled child has a result"; }
    void complete() override { handle_.cancel(); }
    task<> background() override { co_await children_.run(); }
    [[nodiscard]] bool is_settled(const run_state&) override { return handle_.done(); }
    task<> verify(const run_state&) override {
        EXPECT_TRUE(handle_.was_cancelled());
        EXPECT_EQ(alive_, 0);
        co_return;
    }

private:
    task_group children_;
    task_handle<int> handle_;
};
const add_scenario<handle_of_cancelled> adds_handle_of_cancelled;

class running_group : public task_world {
public:
    static constexpr const char* awaitable = "task_group::run";

    explicit running_group(stage where) : task_world{where} {
        for (int each = 0; each < 3; ++each) children_.spawn(work());
    }

    auto wait() { return children_.run(); }
    void received(std::monostate) { EXPECT_EQ(ended_, 3); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0) << run.describe();
        if (run.traced.starts != 0 && run.traced.answer != started::stopped) {
            EXPECT_EQ(children_.size(), 0U) << "all children have ended: " << run.describe();
        }
        co_return;
    }

private:
    task_group children_;
};
const add_scenario<running_group> adds_running_group;

class failing_group : public task_world {
public:
    static constexpr const char* awaitable = "task_group::run";
    static constexpr const char* variant = "with a child that fails";
    static constexpr bool fails = true;

    explicit failing_group(stage where) : task_world{where} {
        children_.spawn(forever());
        children_.spawn(failing_work());
        children_.spawn(failing_work());
    }

    auto wait() { return children_.run(); }
    static void received(std::monostate) { ADD_FAILURE() << "the failure was lost"; }

private:
    task<> forever() {
        const counted_object local{alive_};
        co_await sleep_until(time_point::max());
    }

    task_group children_;
};
const add_scenario<failing_group> adds_failing_group;

class group_with_body : public task_world {
public:
    static constexpr const char* awaitable = "with_task_group";

    using task_world::task_world;

    auto wait() {
        return with_task_group([this](task_group& group) { return body(group); });
    }
    void received(int value) {
        EXPECT_EQ(value, 7);
        EXPECT_EQ(ended_, 3);
    }

private:
    task<int> body(task_group& group) {
        const counted_object local{alive_};
        ++begun_;
        group.spawn(work());
        group.spawn([this] { return work(); });
        const int value = co_await work();
        co_return value;
    }
};
const add_scenario<group_with_body> adds_group_with_body;

// --- generators ---------------------------------------------------------------------------------

class generating : public task_world {
public:
    static constexpr const char* awaitable = "async_generator::next";

    using task_world::task_world;

    auto wait() { return values_.next(); }
    void received(std::optional<int> value) { EXPECT_EQ(value, 7); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, run.consumed() == 1 ? 1 : 0)
            << "the body waits at its co_yield, or has ended: " << run.describe();
        expect_nothing_began(run);
        values_.close();
        EXPECT_EQ(alive_, 0);
        co_return;
    }

private:
    async_generator<int> values() {
        const counted_object local{alive_};
        ++begun_;
        const int value = co_await work();
        co_yield value;
    }

    async_generator<int> values_ = values();
};
const add_scenario<generating> adds_generating;

class collecting : public task_world {
public:
    static constexpr const char* awaitable = "collect";

    using task_world::task_world;

    auto wait() { return collect(values()); }
    static void received(const std::vector<int>& all) {
        EXPECT_EQ(all, (std::vector<int>{1, 7, 2}));
    }

private:
    async_generator<int> values() {
        const counted_object local{alive_};
        ++begun_;
        co_yield 1;
        const int value = co_await work();
        co_yield value;
        co_yield 2;
    }
};
const add_scenario<collecting> adds_collecting;

class completions : public task_world {
public:
    static constexpr const char* awaitable = "completion_stream::next";
    static constexpr rule obeys = rule::gives_back;

    explicit completions(stage where) : task_world{where}, ended_tasks_{make()} {}

    auto wait() { return ended_tasks_.next(); }
    static void received(std::optional<completion<int>> ended) {
        EXPECT_EQ(ended->index(), 0U);
        EXPECT_EQ(ended->take(), 7);
    }
    task<> background() override { co_await children_.run(); }
    [[nodiscard]] bool is_settled(const run_state&) override { return children_.size() == 0; }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(ended_tasks_.size() + static_cast<std::size_t>(run.consumed()), 1U)
            << run.describe();
        std::optional<completion<int>> left = co_await ended_tasks_.next();
        EXPECT_EQ(left.has_value(), run.consumed() == 0) << run.describe();
        left = co_await ended_tasks_.next();
        EXPECT_FALSE(left.has_value());
    }

private:
    completion_stream<int> make() {
        std::vector<task<int>> tasks;
        tasks.push_back(work());
        return as_completed(children_, std::move(tasks));
    }

    task_group children_;
    completion_stream<int> ended_tasks_;
};
const add_scenario<completions> adds_completions;

// --- cleanup ------------------------------------------------------------------------------------

class entered_resource : public task_world {
public:
    static constexpr const char* awaitable = "with";

    using task_world::task_world;

    auto wait() {
        return with(resource_, [this](resource&) { return work(); });
    }
    static void received(int value) { EXPECT_EQ(value, 7); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(resource_.entered, resource_.left) << run.describe();
        expect_never_began(resource_.entered, run);
        EXPECT_EQ(alive_, 0);
        co_return;
    }

private:
    struct resource {
        task<> on_enter() {
            ++entered;
            co_return;
        }
        task<> on_exit() {
            co_await yield_now();
            ++left;
        }
        int entered = 0;
        int left = 0;
    };

    resource resource_;
};
const add_scenario<entered_resource> adds_entered_resource;

// --- calls on other threads ---------------------------------------------------------------------

// What such a call waits for. On the simulated backend it runs on the loop's own thread and does
// not wait.
class gate {
public:
    void open() {
        const std::lock_guard lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void pass(const std::stop_token& stop) {
        std::unique_lock lock{mutex_};
        has_begun = true;
        changed_.wait(lock, stop, [this] { return is_open_; });
        was_stopped = stop.stop_requested();
        ++passed;
    }

    std::atomic<bool> has_begun{false};
    std::atomic<bool> was_stopped{false};
    std::atomic<int> passed{0};

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool is_open_ = false;
};

class offload_world : public scenario_world {
public:
    static constexpr const char* awaitable = "offload";
    static constexpr rule obeys = rule::delivers;

    explicit offload_world(stage where) : scenario_world{where} {
        if (is_simulated(where)) gate_.open();
    }

    static void received(int value) { EXPECT_EQ(value, 7); }
    void complete() override { gate_.open(); }
    task<> verify(const run_state& run) override {
        if (run.traced.made == 0) co_return;  // not traced
        EXPECT_EQ(gate_.passed, run.consumed())
            << "a call that was made is reported, and one that was withdrawn not made: "
            << run.describe();
    }

protected:
    gate gate_;
};

class stoppable_call : public offload_world {
public:
    static constexpr const char* variant = "that listens to its token";

    using offload_world::offload_world;
    auto wait() {
        return offload(
            [](const std::stop_token& stop, gate* waited) {
                waited->pass(stop);
                return 7;
            },
            &gate_);
    }
    [[nodiscard]] bool is_ready() const override {
        return is_simulated(where()) || gate_.has_begun;
    }
    task<> verify(const run_state& run) override {
        co_await offload_world::verify(run);
        if (!is_simulated(where()) && run.planned.when == moment::while_pending &&
            run.planned.how != request::deadline && !run.completed_in_time && run.was_effective) {
            EXPECT_TRUE(gate_.was_stopped) << "it is told to stop: " << run.describe();
        }
    }
};
const add_scenario<stoppable_call> adds_stoppable_call;

class deaf_call : public offload_world {
public:
    static constexpr const char* variant = "that cannot be stopped";
    static constexpr bool needs_completion = true;

    using offload_world::offload_world;
    auto wait() {
        return offload(
            [](gate* waited) {
                waited->pass(std::stop_token{});
                return 7;
            },
            &gate_);
    }
    [[nodiscard]] bool is_ready() const override {
        return is_simulated(where()) || gate_.has_begun;
    }
};
const add_scenario<deaf_call> adds_deaf_call;

// Every thread is busy, so that the call is still in the queue when it is cancelled.
class queued_call : public offload_world {
public:
    static constexpr const char* variant = "that has not begun";
    static constexpr bool runs_on(stage where) noexcept { return !is_simulated(where); }

    explicit queued_call(stage where) : offload_world{where} {
        for (std::size_t each = 0; each < blocking_pool::default_threads(); ++each) {
            busy_.push_back(std::make_unique<busy_job>(*this));
            EXPECT_TRUE(loop::current().blocking_threads().submit(*busy_.back()));
        }
    }

    auto wait() {
        return offload(
            [](std::atomic<int>* called) {
                ++*called;
                return 7;
            },
            &called_);
    }
    [[nodiscard]] bool is_ready() const override { return begun_ == busy_.size(); }
    [[nodiscard]] bool is_settled(const run_state&) override { return ended_ == busy_.size(); }
    task<> verify(const run_state& run) override {
        if (run.traced.made != 0) {
            EXPECT_EQ(called_, run.consumed()) << run.describe();
        }
        co_return;
    }

private:
    using blocking_pool = simul::detail::blocking_pool;

    struct busy_job : simul::detail::blocking_job {
        explicit busy_job(queued_call& owner) : blocking_job{&occupy, &end}, world{owner} {}
        static void occupy(blocking_job& self) noexcept {
            queued_call& owner = static_cast<busy_job&>(self).world;
            ++owner.begun_;
            owner.gate_.pass(std::stop_token{});
        }
        static void end(blocking_job& self) noexcept {
            ++static_cast<busy_job&>(self).world.ended_;
        }
        queued_call& world;
    };

    std::vector<std::unique_ptr<busy_job>> busy_;
    std::atomic<std::size_t> begun_{0};
    std::atomic<std::size_t> ended_{0};
    std::atomic<int> called_{0};
};
const add_scenario<queued_call> adds_queued_call;

class fresh_call : public offload_world {
public:
    static constexpr const char* variant = "that may not have begun";

    using offload_world::offload_world;
    auto wait() {
        return offload(
            [](const std::stop_token& stop, gate* waited) {
                waited->pass(stop);
                return 7;
            },
            &gate_);
    }
    task<> verify(const run_state& run) override {
        co_await offload_world::verify(run);
        const bool same_pass = run.planned.when == moment::while_pending && run.planned.passes == 0;
        if (is_simulated(where()) && same_pass && run.planned.how != request::deadline &&
            run.traced.made != 0 && !run.subject_needs_completion) {
            EXPECT_EQ(gate_.passed, 0) << "the call is withdrawn: " << run.describe();
        }
    }
};
const add_scenario<fresh_call> adds_fresh_call;

class failing_call : public offload_world {
public:
    static constexpr const char* variant = "that fails";
    static constexpr bool fails = true;

    using offload_world::offload_world;
    auto wait() {
        return offload(
            [](const std::stop_token& stop, gate* waited) -> int {
                waited->pass(stop);
                throw std::runtime_error{"the call has failed"};
            },
            &gate_);
    }
};
const add_scenario<failing_call> adds_failing_call;

}  // namespace
}  // namespace simul::test
