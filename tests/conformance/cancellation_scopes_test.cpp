// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what gives a scope to what it awaits: limits at a point in time, local
// values, a child that is waited for until it is ready.
#include <string>
#include <utility>

#include "simul/concurrency/deadline.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/task_local.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// A mutex that somebody holds, and a queue that is empty, until complete().
class scoped_world : public scenario_world {
public:
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    explicit scoped_world(stage where) : scenario_world{where}, held_{lock_.try_acquire()} {}

    void complete() override {
        held_.reset();
        EXPECT_TRUE(items_.try_put("item"));
    }
    task<> verify(const run_state& run) override {
        EXPECT_FALSE(lock_.is_held()) << run.describe();
        EXPECT_EQ(lock_.waiting() + items_.waiting_consumers(), 0U) << run.describe();
        co_return;
    }

protected:
    mutex lock_;
    std::optional<mutex_guard> held_;
    queue<std::string> items_;
};

class limited_by_a_point : public scoped_world {
public:
    static constexpr const char* awaitable = "timeout_at";

    using scoped_world::scoped_world;
    auto wait() { return timeout_at(now() + 1h, lock_.acquire()); }
    void received(mutex_guard) { EXPECT_TRUE(lock_.is_held()); }
};
const add_scenario<limited_by_a_point> adds_limited_by_a_point;

class limited_by_a_movable_point : public scoped_world {
public:
    static constexpr const char* awaitable = "timeout";
    static constexpr const char* variant = "that can be moved";

    using scoped_world::scoped_world;
    auto wait() { return timeout(limit_, lock_.acquire()); }
    void received(mutex_guard) { EXPECT_TRUE(lock_.is_held()); }

private:
    deadline limit_{1h};
};
const add_scenario<limited_by_a_movable_point> adds_limited_by_a_movable_point;

class moving_on_at : public scoped_world {
public:
    static constexpr const char* awaitable = "move_on_at";

    using scoped_world::scoped_world;
    auto wait() { return move_on_at(now() + 1h, items_.get()); }
    void received(std::optional<std::string> item) { EXPECT_EQ(item, "item"); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(items_.size() + static_cast<std::size_t>(run.consumed()), 1U) << run.describe();
        co_return;
    }
};
const add_scenario<moving_on_at> adds_moving_on_at;

class with_a_local_value : public scoped_world {
public:
    static constexpr const char* awaitable = "with_value";

    using scoped_world::scoped_world;
    auto wait() { return with_value(name_, "bound", lock_.acquire()); }
    void received(mutex_guard) {
        EXPECT_TRUE(lock_.is_held());
        EXPECT_EQ(name_.get(), "none");
    }

private:
    task_local<std::string> name_{"none"};
};
const add_scenario<with_a_local_value> adds_with_a_local_value;

class waiting_for_readiness : public scenario_world {
public:
    static constexpr const char* awaitable = "task_group::start";
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    auto wait() {
        return with_task_group([this](task_group& group) -> task<int> {
            const int port = co_await group.start([this](readiness<int>& ready) -> task<> {
                const counted_object local{alive_};
                co_await happened_.wait();
                ready.set(80);
            });
            co_return port;
        });
    }
    static void received(int port) { EXPECT_EQ(port, 80); }
    void complete() override { happened_.set(); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(happened_.waiting(), 0U) << run.describe();
        EXPECT_EQ(alive_, 0) << run.describe();
        co_return;
    }

private:
    event happened_;
    int alive_ = 0;
};
const add_scenario<waiting_for_readiness> adds_waiting_for_readiness;

}  // namespace
}  // namespace simul::test
