// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what is put around other awaitables.
#include <functional>
#include <string>
#include <vector>

#include "simul/concurrency/concurrent.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/staggered_race.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// A mutex that somebody holds, an empty queue, a full queue and an event, all of which complete()
// serves.
class combined_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    explicit combined_world(stage where) : scenario_world{where}, held_{lock_.try_acquire()} {
        EXPECT_TRUE(full_.try_put("first"));
    }

    void complete() override {
        happened_.set();
        held_.reset();
        EXPECT_TRUE(items_.try_put("item"));
        EXPECT_EQ(full_.try_get(), "first");
    }
    task<> verify(const run_state& run) override {
        EXPECT_FALSE(lock_.is_held()) << run.describe();
        EXPECT_EQ(lock_.waiting() + happened_.waiting() + items_.waiting_consumers() +
                      full_.waiting_producers(),
                  0U)
            << run.describe();
        EXPECT_EQ(alive_, 0) << run.describe();
        co_return;
    }

protected:
    task<int> work() {
        const counted_object local{alive_};
        co_await happened_.wait();
        co_return 7;
    }
    // An item is with the subject, or in the queue, or was destroyed as documented.
    void expect_item(const run_state& run) {
        EXPECT_EQ(items_.size() + static_cast<std::size_t>(run.consumed()), 1U) << run.describe();
    }
    void expect_put(const run_state& run) {
        EXPECT_EQ(full_.size(), static_cast<std::size_t>(run.consumed())) << run.describe();
    }

    mutex lock_;
    std::optional<mutex_guard> held_;
    event happened_;
    queue<std::string> items_;
    queue<std::string> full_{1};
    int alive_ = 0;
};

class limited_acquire : public combined_world {
public:
    static constexpr const char* awaitable = "timeout";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using combined_world::combined_world;
    auto wait() { return timeout(1h, lock_.acquire()); }
    void received(mutex_guard) { EXPECT_TRUE(lock_.is_held()); }
};
const add_scenario<limited_acquire> adds_limited_acquire;

class limited_put : public combined_world {
public:
    static constexpr const char* awaitable = "timeout";
    static constexpr const char* variant = "of a put";
    static constexpr bool at_once = true;
    static constexpr bool heeds_requests = true;

    using combined_world::combined_world;
    auto wait() { return timeout(1h, full_.put("second")); }
    void received(std::monostate) {}
    task<> verify(const run_state& run) override {
        expect_put(run);
        co_return;
    }
};
const add_scenario<limited_put> adds_limited_put;

class limited_twice : public combined_world {
public:
    static constexpr const char* awaitable = "timeout";
    static constexpr const char* variant = "in a timeout";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using combined_world::combined_world;
    auto wait() { return timeout(2h, timeout(3h, items_.get())); }
    void received(std::string item) { EXPECT_EQ(item, "item"); }
    task<> verify(const run_state& run) override {
        expect_item(run);
        co_return;
    }
};
const add_scenario<limited_twice> adds_limited_twice;

class moving_on : public combined_world {
public:
    static constexpr const char* awaitable = "move_on_after";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using combined_world::combined_world;
    auto wait() { return move_on_after(1h, items_.get()); }
    void received(std::optional<std::string> item) { EXPECT_EQ(item, "item"); }
    task<> verify(const run_state& run) override {
        expect_item(run);
        co_return;
    }
};
const add_scenario<moving_on> adds_moving_on;

class shielded : public combined_world {
public:
    static constexpr const char* awaitable = "shield";
    static constexpr rule obeys = rule::completes;
    static constexpr bool at_once = true;

    using combined_world::combined_world;
    auto wait() { return shield(lock_.acquire()); }
    void received(mutex_guard) { EXPECT_TRUE(lock_.is_held()); }
};
const add_scenario<shielded> adds_shielded;

class shielded_task : public combined_world {
public:
    static constexpr const char* awaitable = "shield";
    static constexpr const char* variant = "of a task";
    static constexpr rule obeys = rule::completes;

    using combined_world::combined_world;
    auto wait() { return shield(work()); }
    void received(int value) { EXPECT_EQ(value, 7); }
};
const add_scenario<shielded_task> adds_shielded_task;

class outcome_of_acquire : public combined_world {
public:
    static constexpr const char* awaitable = "as_outcome";
    static constexpr rule obeys = rule::completes;
    static constexpr bool at_once = true;

    using combined_world::combined_world;
    auto wait() { return as_outcome(lock_.acquire()); }
    void received(outcome<mutex_guard> ended) {
        if (!ended.has_value()) return;
        const mutex_guard guard = ended.take();
        EXPECT_TRUE(lock_.is_held());
    }
};
const add_scenario<outcome_of_acquire> adds_outcome_of_acquire;

class result_of_get : public combined_world {
public:
    static constexpr const char* awaitable = "as_result";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using combined_world::combined_world;
    auto wait() { return as_result(items_.get()); }
    void received(std::expected<std::string, std::error_code> item) {
        EXPECT_EQ(item.value(), "item");
    }
    task<> verify(const run_state& run) override {
        expect_item(run);
        co_return;
    }
};
const add_scenario<result_of_get> adds_result_of_get;

// --- finally ------------------------------------------------------------------------------------

class finally_world : public combined_world {
public:
    using combined_world::combined_world;

    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0);
        EXPECT_FALSE(lock_.is_held());
        if (run.traced.made != 0) {
            EXPECT_EQ(cleanups_, run.traced.starts) << run.describe();
        }
        co_return;
    }

protected:
    task<> clean_up() {
        co_await yield_now();
        co_await sleep_for(0s);
        ++cleanups_;
    }
    task<> fail_to_clean_up() {
        co_await clean_up();
        throw std::runtime_error{"the cleanup has failed"};
    }

    int cleanups_ = 0;
};

class cleaned_up : public finally_world {
public:
    static constexpr const char* awaitable = "finally";

    using finally_world::finally_world;
    auto wait() { return finally(work(), clean_up()); }
    void received(int value) {
        EXPECT_EQ(value, 7);
        EXPECT_EQ(cleanups_, 1);
    }
};
const add_scenario<cleaned_up> adds_cleaned_up;

class cleaned_up_acquire : public finally_world {
public:
    static constexpr const char* awaitable = "finally";
    static constexpr const char* variant = "around an acquire";

    using finally_world::finally_world;
    auto wait() { return finally(lock_.acquire(), clean_up()); }
    void received(mutex_guard) { EXPECT_EQ(cleanups_, 1); }
};
const add_scenario<cleaned_up_acquire> adds_cleaned_up_acquire;

// A cleanup that fails turns even a stop into an error.
class badly_cleaned_up : public finally_world {
public:
    static constexpr const char* awaitable = "finally";
    static constexpr const char* variant = "with a cleanup that fails";
    static constexpr rule obeys = rule::completes;
    static constexpr bool fails = true;

    using finally_world::finally_world;
    auto wait() { return finally(work(), fail_to_clean_up()); }
    void received(int) { ADD_FAILURE() << "the failure was lost"; }
};
const add_scenario<badly_cleaned_up> adds_badly_cleaned_up;

// --- gather -------------------------------------------------------------------------------------

class gathered : public combined_world {
public:
    static constexpr const char* awaitable = "gather";
    static constexpr bool at_once = true;
    static constexpr bool heeds_requests = true;

    using combined_world::combined_world;
    auto wait() { return gather(happened_.wait(), lock_.acquire(), full_.put("second")); }
    void received(const std::tuple<std::monostate, mutex_guard, std::monostate>& all) {
        EXPECT_TRUE(std::get<1>(all));
    }
};
const add_scenario<gathered> adds_gathered;

class gathered_tasks : public combined_world {
public:
    static constexpr const char* awaitable = "gather";
    static constexpr const char* variant = "of a range";

    using combined_world::combined_world;
    auto wait() {
        std::vector<task<int>> tasks;
        for (int each = 0; each < 3; ++each) tasks.push_back(work());
        return gather(std::move(tasks));
    }
    void received(const std::vector<int>& all) { EXPECT_EQ(all, (std::vector<int>{7, 7, 7})); }
};
const add_scenario<gathered_tasks> adds_gathered_tasks;

class gathered_failure : public combined_world {
public:
    static constexpr const char* awaitable = "gather";
    static constexpr const char* variant = "with a child that fails";
    static constexpr bool fails = true;

    using combined_world::combined_world;
    auto wait() { return gather(sleep_for(1h), failing_work(), failing_work()); }
    static void received(const std::tuple<std::monostate, int, int>&) {
        ADD_FAILURE() << "the failure was lost";
    }

private:
    task<int> failing_work() {
        const int value = co_await work();
        if (value == 7) throw std::runtime_error{"the work has failed"};
        co_return value;
    }
};
const add_scenario<gathered_failure> adds_gathered_failure;

class settled : public combined_world {
public:
    static constexpr const char* awaitable = "gather_settled";
    static constexpr bool at_once = true;

    using combined_world::combined_world;
    auto wait() { return gather_settled(happened_.wait(), lock_.acquire()); }
    static void received(std::tuple<outcome<void>, outcome<mutex_guard>> all) {
        EXPECT_TRUE(std::get<0>(all).has_value());
        EXPECT_TRUE(std::get<1>(all).has_value());
    }
};
const add_scenario<settled> adds_settled;

class settled_tasks : public combined_world {
public:
    static constexpr const char* awaitable = "gather_settled";
    static constexpr const char* variant = "of a range";

    using combined_world::combined_world;
    auto wait() {
        std::vector<task<int>> tasks;
        for (int each = 0; each < 3; ++each) tasks.push_back(work());
        return gather_settled(std::move(tasks));
    }
    void received(const std::vector<outcome<int>>& all) { EXPECT_EQ(all.size(), 3U); }
};
const add_scenario<settled_tasks> adds_settled_tasks;

// --- select -------------------------------------------------------------------------------------

class selected_get : public combined_world {
public:
    static constexpr const char* awaitable = "select";
    static constexpr rule obeys = rule::gives_back;

    using combined_world::combined_world;
    auto wait() { return select(items_.get(), sleep_for(1h)); }
    void received(std::variant<std::string, std::monostate> first) {
        EXPECT_EQ(std::get<0>(first), "item");
    }
    task<> verify(const run_state& run) override {
        expect_item(run);
        co_return;
    }
};
const add_scenario<selected_get> adds_selected_get;

class selected_put : public combined_world {
public:
    static constexpr const char* awaitable = "select";
    static constexpr const char* variant = "of a put";

    using combined_world::combined_world;
    auto wait() { return select(sleep_for(1h), full_.put("second")); }
    void received(std::variant<std::monostate, std::monostate> first) {
        EXPECT_EQ(first.index(), 1U);
    }
    task<> verify(const run_state& run) override {
        expect_put(run);
        co_return;
    }
};
const add_scenario<selected_put> adds_selected_put;

// Two branches are served in one turn: one result goes back.
class selected_of_two : public combined_world {
public:
    static constexpr const char* awaitable = "select";
    static constexpr const char* variant = "of two that complete together";
    static constexpr rule obeys = rule::gives_back;

    using combined_world::combined_world;
    auto wait() { return select(items_.get(), lock_.acquire()); }
    void received(std::variant<std::string, mutex_guard> first) { first_ = std::move(first); }
    task<> verify(const run_state& run) override {
        std::size_t taken = items_.empty() ? 1 : 0;
        if (first_ && first_->index() == 1) taken += 1;
        if (run.lost() == 0) {
            EXPECT_EQ(taken, static_cast<std::size_t>(run.consumed())) << run.describe();
        } else {  // the lock was first, and released when gather destroyed the result
            EXPECT_EQ(taken, 0U) << run.describe();
        }
        first_.reset();
        co_await combined_world::verify(run);
    }

private:
    std::optional<std::variant<std::string, mutex_guard>> first_;
};
const add_scenario<selected_of_two> adds_selected_of_two;

class working_on_items : public combined_world {
public:
    static constexpr const char* awaitable = "concurrent_for_each";

    using combined_world::combined_world;
    auto wait() {
        return concurrent_for_each(std::views::iota(0, 5), 2, [this](int) -> task<> {
            static_cast<void>(co_await work());
            ++worked_;
        });
    }
    void received(std::monostate) { EXPECT_EQ(worked_, 5); }

private:
    int worked_ = 0;
};
const add_scenario<working_on_items> adds_working_on_items;

class mapping_items : public combined_world {
public:
    static constexpr const char* awaitable = "concurrent_map";

    using combined_world::combined_world;
    auto wait() {
        return concurrent_map(std::views::iota(0, 3), 2, [this](int) { return work(); });
    }
    void received(const std::vector<int>& all) { EXPECT_EQ(all, (std::vector<int>{7, 7, 7})); }
};
const add_scenario<mapping_items> adds_mapping_items;

class racing : public combined_world {
public:
    static constexpr const char* awaitable = "staggered_race";

    using combined_world::combined_world;
    auto wait() { return staggered_race(duration::zero(), attempts_); }
    void received(int value) { EXPECT_EQ(value, 7); }

private:
    std::vector<std::function<task<int>()>> attempts_{[this] { return work(); },
                                                      [this] { return work(); }};
};
const add_scenario<racing> adds_racing;

}  // namespace
}  // namespace simul::test
