// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of queues between threads. What another thread hands over travels through
// the loop's inbox, so there is a time in which it has left the queue and has not arrived.
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "simul/concurrency/mt/queue.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// One item, for async_get and for async_next.
class empty_mt_queue : public scenario_world {
public:
    static constexpr rule obeys = rule::gives_back;

    using scenario_world::scenario_world;

    void complete() override { EXPECT_TRUE(items_.try_put("item")); }
    task<> verify(const run_state& run) override {
        const std::optional<std::string> left = items_.try_get();
        EXPECT_EQ(received_ + run.lost() + (left ? 1 : 0), 1) << run.describe();
        EXPECT_EQ(items_.statistics().waiting_consumers, 0U);
        co_return;
    }

protected:
    mt::queue<std::string> items_{1};
    int received_ = 0;
};

class getting_from_a_thread : public empty_mt_queue {
public:
    static constexpr const char* awaitable = "mt::queue::async_get";

    using empty_mt_queue::empty_mt_queue;
    auto wait() { return items_.async_get(); }
    void received(std::string item) {
        EXPECT_EQ(item, "item");
        ++received_;
    }
};
const add_scenario<getting_from_a_thread> adds_getting_from_a_thread;

// Another thread does what completes the wait.
class getting_while_a_thread_puts : public getting_from_a_thread {
public:
    static constexpr const char* variant = "put by another thread";
    static constexpr bool runs_on(stage where) noexcept { return is_plain_kernel(where); }

    using getting_from_a_thread::getting_from_a_thread;
    ~getting_while_a_thread_puts() override {
        if (putter_.joinable()) putter_.join();
    }
    void complete() override {
        putter_ = std::thread{[this] {
            items_.put("item");
            has_put_ = true;
        }};
    }
    [[nodiscard]] bool is_settled(const run_state&) override { return has_put_; }

private:
    std::thread putter_;
    std::atomic<bool> has_put_{false};
};
const add_scenario<getting_while_a_thread_puts> adds_getting_while_a_thread_puts;

class getting_the_next : public empty_mt_queue {
public:
    static constexpr const char* awaitable = "mt::queue::async_next";

    using empty_mt_queue::empty_mt_queue;
    auto wait() { return items_.async_next(); }
    void received(std::optional<std::string> item) {
        EXPECT_EQ(item, "item");
        ++received_;
    }
};
const add_scenario<getting_the_next> adds_getting_the_next;

class getting_the_end : public scenario_world {
public:
    static constexpr const char* awaitable = "mt::queue::async_get";
    static constexpr const char* variant = "closed while it waits";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool fails = true;

    using scenario_world::scenario_world;

    auto wait() { return items_.async_get(); }
    void received(std::string) { ADD_FAILURE() << "an item came out of an empty queue"; }
    void complete() override { items_.close(); }

private:
    mt::queue<std::string> items_;
};
const add_scenario<getting_the_end> adds_getting_the_end;

class putting_to_a_thread : public scenario_world {
public:
    static constexpr const char* awaitable = "mt::queue::async_put";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool heeds_requests = true;

    explicit putting_to_a_thread(stage where) : scenario_world{where} {
        EXPECT_TRUE(items_.try_put("first"));
    }

    auto wait() { return items_.async_put("second"); }
    void received(std::monostate) {}
    void complete() override { EXPECT_EQ(items_.try_get(), "first"); }
    task<> verify(const run_state& run) override {
        const std::optional<std::string> left = items_.try_get();
        EXPECT_EQ(left.has_value(), run.consumed() == 1) << run.describe();
        EXPECT_EQ(items_.statistics().waiting_producers, 0U);
        co_return;
    }

protected:
    mt::queue<std::string> items_{1};
};
const add_scenario<putting_to_a_thread> adds_putting_to_a_thread;

class putting_while_a_thread_gets : public putting_to_a_thread {
public:
    static constexpr const char* variant = "taken by another thread";
    static constexpr bool runs_on(stage where) noexcept { return is_plain_kernel(where); }

    using putting_to_a_thread::putting_to_a_thread;
    ~putting_while_a_thread_gets() override {
        if (getter_.joinable()) getter_.join();
    }
    void complete() override {
        getter_ = std::thread{[this] {
            EXPECT_EQ(items_.get(), "first");
            has_got_ = true;
        }};
    }
    [[nodiscard]] bool is_settled(const run_state&) override { return has_got_; }

private:
    std::thread getter_;
    std::atomic<bool> has_got_{false};
};
const add_scenario<putting_while_a_thread_gets> adds_putting_while_a_thread_gets;

class putting_into_a_closed_one : public scenario_world {
public:
    static constexpr const char* awaitable = "mt::queue::async_put";
    static constexpr const char* variant = "closed while it waits";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool heeds_requests = true;
    static constexpr bool fails = true;

    using scenario_world::scenario_world;

    auto wait() { return items_.async_put("item"); }
    void received(std::monostate) { ADD_FAILURE() << "nobody was there to take it"; }
    void complete() override { items_.close(); }

private:
    mt::queue<std::string> items_{0};
};
const add_scenario<putting_into_a_closed_one> adds_putting_into_a_closed_one;

class joining_an_mt_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "mt::queue::async_join";
    static constexpr rule obeys = rule::gives_back;

    explicit joining_an_mt_queue(stage where) : scenario_world{where} {
        EXPECT_TRUE(items_.try_put(1));
    }

    auto wait() { return items_.async_join(); }
    void received(std::monostate) { EXPECT_EQ(items_.statistics().unfinished, 0U); }
    void complete() override { items_.task_done(); }

private:
    mt::queue<int> items_;
};
const add_scenario<joining_an_mt_queue> adds_joining_an_mt_queue;

}  // namespace
}  // namespace simul::test
