// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what wakes waiters in order: mutex, semaphore, event, condition, queue.
#include <string>

#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

class held_mutex : public scenario_world {
public:
    static constexpr const char* awaitable = "mutex::acquire";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    explicit held_mutex(stage where) : scenario_world{where}, held_{lock_.try_acquire()} {}

    auto wait() { return lock_.acquire(); }
    void received(mutex_guard guard) {
        EXPECT_TRUE(lock_.is_held());
        guard_ = std::move(guard);
    }
    void complete() override { held_.reset(); }
    void subject_ended(const run_state&) override { guard_.reset(); }
    task<> verify(const run_state&) override {
        EXPECT_FALSE(lock_.is_held());
        EXPECT_EQ(lock_.waiting(), 0U);
        co_return;
    }

protected:
    mutex lock_;
    std::optional<mutex_guard> held_;
    std::optional<mutex_guard> guard_;
};
const add_scenario<held_mutex> adds_held_mutex;

class contended_mutex : public held_mutex {
public:
    static constexpr const char* variant = "another task waits behind";
    static constexpr bool remembers = false;

    using held_mutex::held_mutex;

    [[nodiscard]] bool is_ready() const override { return lock_.waiting() == 2; }
    task<> background() override {
        co_await yield_now();  // arrives after the subject
        co_await yield_now();
        const mutex_guard guard = co_await lock_.acquire();
        ++acquired_;
    }
    [[nodiscard]] bool is_settled(const run_state&) override { return acquired_ == 1; }

private:
    int acquired_ = 0;
};
const add_scenario<contended_mutex> adds_contended_mutex;

class taken_semaphore : public scenario_world {
public:
    static constexpr const char* awaitable = "semaphore::acquire";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    explicit taken_semaphore(stage where) : scenario_world{where}, held_{permits_.try_acquire()} {}

    auto wait() { return permits_.acquire(); }
    void received(semaphore_permit permit) { permit_ = std::move(permit); }
    void complete() override { held_.reset(); }
    void subject_ended(const run_state&) override { permit_.reset(); }
    task<> verify(const run_state&) override {
        EXPECT_EQ(permits_.available(), 1U);
        EXPECT_EQ(permits_.waiting(), 0U);
        co_return;
    }

private:
    semaphore permits_{1};
    std::optional<semaphore_permit> held_;
    std::optional<semaphore_permit> permit_;
};
const add_scenario<taken_semaphore> adds_taken_semaphore;

class unset_event : public scenario_world {
public:
    static constexpr const char* awaitable = "event::wait";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using scenario_world::scenario_world;

    auto wait() { return happened_.wait(); }
    void received(std::monostate) { EXPECT_TRUE(happened_.is_set()); }
    void complete() override { happened_.set(); }
    task<> verify(const run_state&) override {
        EXPECT_EQ(happened_.waiting(), 0U);
        co_return;
    }

private:
    event happened_;
};
const add_scenario<unset_event> adds_unset_event;

// A second task waits behind the subject and must get the notification that the subject gave back.
class waited_condition : public scenario_world {
public:
    static constexpr const char* awaitable = "condition::wait";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;
    static constexpr bool remembers = false;

    explicit waited_condition(stage where) : scenario_world{where}, guard_{lock_.try_acquire()} {}

    auto wait() { return changed_.lot.wait(*guard_); }
    void received(std::monostate) { EXPECT_TRUE(*guard_) << "the mutex is held after the wait"; }
    void complete() override { notifies_ = changed_.notify_if_possible(); }
    [[nodiscard]] bool is_ready() const override { return changed_.lot.waiting() == 2; }
    task<> background() override {
        mutex_guard guard = co_await lock_.acquire();
        co_await changed_.lot.wait(guard);
        ++woken_;
    }
    void subject_ended(const run_state& run) override {
        EXPECT_TRUE(*guard_) << "the mutex is held on every way out: " << run.describe();
        guard_->release();
    }
    [[nodiscard]] bool is_settled(const run_state& run) override {
        if (!notifies_) notifies_ = changed_.notify_if_possible();
        return notifies_ && woken_ == 1 - run.consumed() && (woken_ == 1 || !lock_.is_held());
    }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(woken_ + run.consumed(), 1) << "one notification: " << run.describe();
        EXPECT_FALSE(lock_.is_held());
        EXPECT_EQ(changed_.lot.waiting(), 0U);
        co_return;
    }

private:
    struct notified_condition {
        bool notify_if_possible() noexcept {
            if (lot.waiting() == 0) return false;
            lot.notify();
            return true;
        }
        condition lot;
    };

    mutex lock_;
    notified_condition changed_;
    std::optional<mutex_guard> guard_;
    bool notifies_ = false;
    int woken_ = 0;
};
const add_scenario<waited_condition> adds_waited_condition;

// condition::wait with a predicate is a task.
class condition_with_predicate : public scenario_world {
public:
    static constexpr const char* awaitable = "condition::wait";
    static constexpr const char* variant = "until a predicate holds";
    static constexpr rule obeys = rule::delivers;

    explicit condition_with_predicate(stage where)
        : scenario_world{where}, guard_{lock_.try_acquire()} {}

    auto wait() {
        return changed_.wait(*guard_, [this] { return holds_; });
    }
    void received(std::monostate) { EXPECT_TRUE(holds_); }
    void complete() override {
        holds_ = true;
        changed_.notify();
    }
    void subject_ended(const run_state& run) override {
        EXPECT_TRUE(*guard_) << run.describe();
        guard_->release();
    }
    task<> verify(const run_state&) override {
        EXPECT_FALSE(lock_.is_held());
        co_return;
    }

private:
    mutex lock_;
    condition changed_;
    std::optional<mutex_guard> guard_;
    bool holds_ = false;
};
const add_scenario<condition_with_predicate> adds_condition_with_predicate;

class empty_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "queue::get";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using scenario_world::scenario_world;

    auto wait() { return items_.get(); }
    void received(std::string item) {
        EXPECT_EQ(item, "item");
        ++received_;
    }
    void complete() override { EXPECT_TRUE(items_.try_put("item")); }
    task<> verify(const run_state& run) override {
        const std::optional<std::string> left = items_.try_get();
        EXPECT_EQ(received_ + run.lost() + (left ? 1 : 0), 1) << run.describe();
        EXPECT_EQ(items_.waiting_consumers(), 0U);
        co_return;
    }

private:
    queue<std::string> items_;
    int received_ = 0;
};
const add_scenario<empty_queue> adds_empty_queue;

class contended_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "queue::get";
    static constexpr const char* variant = "another consumer waits behind";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;
    static constexpr bool remembers = false;

    using scenario_world::scenario_world;

    auto wait() { return items_.get(); }
    void received(std::string) {}
    [[nodiscard]] bool is_ready() const override { return items_.waiting_consumers() == 2; }
    void complete() override { EXPECT_TRUE(items_.try_put("item")); }
    task<> background() override {
        co_await yield_now();
        co_await yield_now();
        const std::string item = co_await items_.get();
        ++other_;
    }
    [[nodiscard]] bool is_settled(const run_state& run) override {
        return other_ + run.consumed() == 1;
    }
    task<> verify(const run_state&) override {
        EXPECT_TRUE(items_.empty());
        co_return;
    }

private:
    queue<std::string> items_;
    int other_ = 0;
};
const add_scenario<contended_queue> adds_contended_queue;

class closed_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "queue::get";
    static constexpr const char* variant = "closed while it waits";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;
    static constexpr bool fails = true;

    using scenario_world::scenario_world;

    auto wait() { return items_.get(); }
    void received(std::string) { ADD_FAILURE() << "an item came out of an empty queue"; }
    void complete() override { items_.close(); }

private:
    queue<std::string> items_;
};
const add_scenario<closed_queue> adds_closed_queue;

class full_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "queue::put";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool at_once = true;
    static constexpr bool heeds_requests = true;

    explicit full_queue(stage where) : scenario_world{where} {
        EXPECT_TRUE(items_.try_put("first"));
    }

    auto wait() { return items_.put("second"); }
    void received(std::monostate) {}
    void complete() override { EXPECT_EQ(items_.try_get(), "first"); }
    task<> verify(const run_state& run) override {
        const std::optional<std::string> left = items_.try_get();
        EXPECT_EQ(left.has_value(), run.consumed() == 1) << run.describe();
        EXPECT_TRUE(items_.empty());
        EXPECT_EQ(items_.waiting_producers(), 0U);
        co_return;
    }

private:
    queue<std::string> items_{1};
};
const add_scenario<full_queue> adds_full_queue;

class closed_full_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "queue::put";
    static constexpr const char* variant = "closed while it waits";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool at_once = true;
    static constexpr bool heeds_requests = true;
    static constexpr bool fails = true;

    explicit closed_full_queue(stage where) : scenario_world{where} {
        EXPECT_TRUE(items_.try_put("first"));
    }

    auto wait() { return items_.put("second"); }
    void received(std::monostate) { ADD_FAILURE() << "a closed queue took an item"; }
    void complete() override { items_.close(); }
    task<> verify(const run_state&) override {
        EXPECT_EQ(items_.size(), 1U);
        co_return;
    }

private:
    queue<std::string> items_{1};
};
const add_scenario<closed_full_queue> adds_closed_full_queue;

class unfinished_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "queue::join";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    explicit unfinished_queue(stage where) : scenario_world{where} {
        EXPECT_TRUE(items_.try_put(1));
        EXPECT_TRUE(items_.try_get());
    }

    auto wait() { return items_.join(); }
    void received(std::monostate) { EXPECT_EQ(items_.unfinished(), 0U); }
    void complete() override { items_.task_done(); }

private:
    queue<int> items_;
};
const add_scenario<unfinished_queue> adds_unfinished_queue;

}  // namespace
}  // namespace simul::test
