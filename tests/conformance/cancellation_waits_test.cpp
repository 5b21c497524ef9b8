// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what waits for children that run already, and of trying again.
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "simul/concurrency/as_completed.hpp"
#include "simul/concurrency/retry.hpp"
#include "simul/concurrency/wait.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// Two children of a group beside the subject. They end when complete() is called, and never
// because somebody who waits for them is cancelled.
class children_world : public scenario_world {
public:
    explicit children_world(stage where) : scenario_world{where} {
        for (int value = 0; value < 2; ++value) handles_.push_back(children_.spawn(work(value)));
    }

    void complete() override { happened_.set(); }
    task<> background() override { co_await children_.run(); }
    [[nodiscard]] bool is_settled(const run_state&) override { return children_.size() == 0; }
    task<> verify(const run_state& run) override {
        for (const auto& handle : handles_) {
            EXPECT_TRUE(handle.done()) << run.describe();
            EXPECT_FALSE(handle.was_cancelled()) << "the children go on: " << run.describe();
        }
        std::vector<task_handle<int>> moved = std::move(handles_);  // nobody watches any more
        co_return;
    }

protected:
    task<int> work(int value) {
        co_await happened_.wait();
        co_return value;
    }

    event happened_;
    task_group children_;
    std::vector<task_handle<int>> handles_;
};

class waiting_for_all : public children_world {
public:
    static constexpr const char* awaitable = "wait";
    static constexpr rule obeys = rule::delivers;

    using children_world::children_world;
    auto wait() { return simul::wait(handles_); }
    static void received(const wait_result& ended) {
        EXPECT_EQ(ended.done, (std::vector<std::size_t>{0, 1}));
        EXPECT_TRUE(ended.pending.empty());
    }
};
const add_scenario<waiting_for_all> adds_waiting_for_all;

class waiting_for_the_first : public children_world {
public:
    static constexpr const char* awaitable = "wait";
    static constexpr const char* variant = "for the first of arguments, with a limit";
    static constexpr rule obeys = rule::delivers;

    using children_world::children_world;
    auto wait() {
        return simul::wait(wait_until::first_completed, 1h, handles_[0], handles_[1], never_);
    }
    static void received(const wait_result& ended) {
        EXPECT_FALSE(ended.done.empty());
        EXPECT_EQ(ended.pending.back(), 2U);
    }
    task<> verify(const run_state& run) override {
        EXPECT_FALSE(never_.done()) << run.describe();
        co_await children_world::verify(run);
    }

private:
    task_group unstarted_;
    task_handle<> never_ = unstarted_.spawn([]() -> task<> { co_return; });
};
const add_scenario<waiting_for_the_first> adds_waiting_for_the_first;

class waiting_in_vain : public scenario_world {
public:
    static constexpr const char* awaitable = "wait";
    static constexpr const char* variant = "that runs out of time";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool remembers = false;

    using scenario_world::scenario_world;
    auto wait() {
        deadline_ = now() + delay;
        return simul::wait(wait_until::all_completed, delay, never_);
    }
    void received(const wait_result& ended) {
        EXPECT_GE(now(), deadline_) << "never early";
        EXPECT_TRUE(ended.done.empty());
    }
    // Counted from the await, a little after wait().
    void complete() override { pass_time_until(deadline_ + 100us); }

private:
    static constexpr duration delay = 50us;
    time_point deadline_ = now() + delay;
    task_group unstarted_;
    task_handle<> never_ = unstarted_.spawn([]() -> task<> { co_return; });
};
const add_scenario<waiting_in_vain> adds_waiting_in_vain;

class completions_of_handles : public children_world {
public:
    static constexpr const char* awaitable = "completion_stream::next";
    static constexpr const char* variant = "of handles, with a limit";
    static constexpr rule obeys = rule::gives_back;

    using children_world::children_world;
    auto wait() { return stream_.next(); }
    static void received(std::optional<completion<int>> ended) {
        EXPECT_EQ(ended->index(), 0U);
        EXPECT_EQ(ended->take(), 0);
    }
    task<> verify(const run_state& run) override {
        int next = run.consumed();
        EXPECT_EQ(stream_.size() + static_cast<std::size_t>(next), 2U) << run.describe();
        while (std::optional<completion<int>> left = co_await stream_.next()) {
            EXPECT_EQ(left->take(), next++) << "nothing is lost or out of order";
        }
        EXPECT_EQ(next, 2) << run.describe();
        co_await children_world::verify(run);
    }

private:
    completion_stream<int> stream_ = as_completed(handles_, 1h);
};
const add_scenario<completions_of_handles> adds_completions_of_handles;

class trying_again : public scenario_world {
public:
    static constexpr const char* awaitable = "retry";
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;
    auto wait() {
        retry_options options;
        options.first_delay(0s).limit(1h);
        return retry([this]() { return work(); }, options);
    }
    static void received(int value) { EXPECT_EQ(value, 7); }
    void complete() override { happened_.set(); }
    [[nodiscard]] bool is_ready() const override { return happened_.waiting() == 1; }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0) << run.describe();
        EXPECT_EQ(happened_.waiting(), 0U);
        EXPECT_LE(attempts_, 2);
        co_return;
    }

private:
    task<int> work() {
        const counted_object local{alive_};
        if (++attempts_ == 1) throw std::runtime_error{"the first attempt fails"};
        co_await happened_.wait();
        co_return 7;
    }

    event happened_;
    int alive_ = 0;
    int attempts_ = 0;
};
const add_scenario<trying_again> adds_trying_again;

class waiting_to_try_again : public scenario_world {
public:
    static constexpr const char* awaitable = "retry";
    static constexpr const char* variant = "between two attempts";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool remembers = false;

    using scenario_world::scenario_world;
    auto wait() {
        retry_options options;
        options.first_delay(delay).jitter(retry_jitter::none);
        deadline_ = now() + delay;
        return retry([this]() { return work(); }, options);
    }
    void received(int value) {
        EXPECT_EQ(value, 7);
        EXPECT_EQ(attempts_, 2);
        EXPECT_GE(now(), deadline_) << "never early";
    }
    // Counted from the failure, a little after wait().
    void complete() override { pass_time_until(deadline_ + 100us); }

private:
    task<int> work() {
        if (++attempts_ == 1) throw std::runtime_error{"the first attempt fails"};
        co_return 7;
    }

    static constexpr duration delay = 50us;
    time_point deadline_ = now() + delay;
    int attempts_ = 0;
};
const add_scenario<waiting_to_try_again> adds_waiting_to_try_again;

}  // namespace
}  // namespace simul::test
