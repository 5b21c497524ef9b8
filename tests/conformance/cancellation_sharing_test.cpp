// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what tasks have in common: shared_task, async_cache, pool.
#include <optional>
#include <utility>

#include "simul/concurrency/async_cache.hpp"
#include "simul/concurrency/pool.hpp"
#include "simul/concurrency/shared_task.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

class shared_world : public scenario_world {
public:
    static constexpr const char* awaitable = "shared_task";
    static constexpr rule obeys = rule::gives_back;

    using scenario_world::scenario_world;

    auto wait() { return shared_; }
    void received(int result) { EXPECT_EQ(result, 3); }
    void complete() override { go_.set(); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(shared_.waiting(), 0U) << run.describe();
        if (shared_.cancel()) co_await yield_now();
        co_await yield_now();
        EXPECT_TRUE(shared_.done()) << run.describe();
    }

private:
    task<int> work() {
        co_await go_.wait();
        co_return 3;
    }

    event go_;

protected:
    shared_task<int> shared_{work()};
};

class awaiting_a_shared_task : public shared_world {
public:
    using shared_world::shared_world;
};
const add_scenario<awaiting_a_shared_task> adds_awaiting_a_shared_task;

// Whatever becomes of the subject, the other one gets the result, unless the group that runs the
// computation is cancelled.
class awaiting_it_with_another : public shared_world {
public:
    static constexpr const char* variant = "another one awaits it";

    using shared_world::shared_world;
    task<> background() override {
        try {
            const int& result = co_await shared_;
            EXPECT_EQ(result, 3);
        } catch (const cancelled&) {
            EXPECT_TRUE(outermost_group().is_cancelled());
        }
        ++others_;
    }
    [[nodiscard]] bool is_settled(const run_state&) override { return others_ == 1; }

private:
    int others_ = 0;
};
const add_scenario<awaiting_it_with_another> adds_awaiting_it_with_another;

class cached_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    void complete() override { go_.set(); }

protected:
    using cache = async_cache<int, int>;

    task<int> load(int key) {
        ++begun_;
        if (key == 0) {
            co_await shield(go_.wait());
        } else {
            co_await go_.wait();
        }
        co_return key;
    }

    event go_;
    int begun_ = 0;
    cache values_{[this](int key) { return load(key); }};
};

class getting_a_value : public cached_world {
public:
    static constexpr const char* awaitable = "async_cache::get";

    using cached_world::cached_world;
    auto wait() { return values_.get(3); }
    void received(int value) { EXPECT_EQ(value, 3); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(values_.statistics().in_flight, 0U) << run.describe();
        go_.set();
        const int value = co_await values_.get(3);
        EXPECT_EQ(value, 3);
        EXPECT_TRUE(values_.contains(3)) << run.describe();
    }
};
const add_scenario<getting_a_value> adds_getting_a_value;

class getting_what_another_gets : public getting_a_value {
public:
    static constexpr const char* variant = "another one gets it too";

    using getting_a_value::getting_a_value;
    task<> background() override {
        try {
            const int value = co_await values_.get(3);
            EXPECT_EQ(value, 3);
        } catch (const cancelled&) {
            EXPECT_TRUE(outermost_group().is_cancelled());
        }
        ++others_;
    }
    [[nodiscard]] bool is_settled(const run_state&) override { return others_ == 1; }
    task<> verify(const run_state& run) override {
        if (run.planned.how != request::main_ends) {
            EXPECT_EQ(values_.statistics().misses, 1U) << run.describe();
        }
        co_await getting_a_value::verify(run);
    }

private:
    int others_ = 0;
};
const add_scenario<getting_what_another_gets> adds_getting_what_another_gets;

class shutting_a_cache : public cached_world {
public:
    static constexpr const char* awaitable = "async_cache::shutdown";

    using cached_world::cached_world;

    task<> wait() {
        outermost_group().spawn([this]() -> task<> {
            try {
                static_cast<void>(co_await values_.get(0));
            } catch (const closed&) {
            }
        });
        while (begun_ == 0) co_await yield_now();
        co_await values_.shutdown();
    }
    void received(std::monostate) { EXPECT_TRUE(values_.is_closed()); }
    [[nodiscard]] bool is_ready() const override { return begun_ != 0; }
    task<> verify(const run_state& run) override {
        go_.set();
        co_await values_.shutdown();
        EXPECT_EQ(values_.statistics().in_flight, 0U) << run.describe();
    }
};
const add_scenario<shutting_a_cache> adds_shutting_a_cache;

class pooled_world : public scenario_world {
protected:
    using numbers = pool<int, int>;

public:
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    task<> verify(const run_state& run) override {
        EXPECT_EQ(lender_.statistics().leased, 0U) << run.describe();
        EXPECT_EQ(lender_.statistics().making, 0U) << run.describe();
        EXPECT_EQ(lender_.statistics().waiting, 0U) << run.describe();
        lender_.clear();
        co_return;
    }

protected:
    static pool_options one() {
        pool_options options;
        options.max_total = 1;
        return options;
    }

    task<int> make(int key) {
        if (key == 2) co_await go_.wait();
        co_return key;
    }

    numbers lender_{[this](int key) { return make(key); }, one()};
    event go_;
    std::optional<numbers::lease> held_;
};

class lent_world : public pooled_world {
public:
    static constexpr const char* awaitable = "pool::acquire";

    using pooled_world::pooled_world;

    void received(numbers::lease lease) {
        EXPECT_EQ(lender_.statistics().leased, 1U);
        lease_.emplace(std::move(lease));
    }
    void subject_ended(const run_state&) override { lease_.reset(); }

private:
    std::optional<numbers::lease> lease_;
};

// One that was made for somebody else comes back.
class acquiring_what_is_lent : public lent_world {
public:
    static constexpr const char* variant = "it is lent";

    using lent_world::lent_world;

    task<numbers::lease> wait() {
        if (!has_begun_) {
            has_begun_ = true;
            auto first = co_await lender_.acquire(1);
            if (!is_complete_) held_.emplace(std::move(first));
        }
        auto lease = co_await lender_.acquire(1);
        co_return lease;
    }
    void complete() override {
        is_complete_ = true;
        held_.reset();
    }

private:
    bool has_begun_ = false;
    bool is_complete_ = false;
};
const add_scenario<acquiring_what_is_lent> adds_acquiring_what_is_lent;

class acquiring_what_must_be_made : public lent_world {
public:
    static constexpr const char* variant = "it is being made";

    using lent_world::lent_world;

    auto wait() { return lender_.acquire(2); }
    void complete() override { go_.set(); }
};
const add_scenario<acquiring_what_must_be_made> adds_acquiring_what_must_be_made;

class shutting_a_pool : public pooled_world {
public:
    static constexpr const char* awaitable = "pool::shutdown";

    using pooled_world::pooled_world;

    task<> wait() {
        auto lease = co_await lender_.acquire(1);
        if (!is_complete_) held_.emplace(std::move(lease));
        lease.release();
        co_await lender_.shutdown();
    }
    void received(std::monostate) { EXPECT_TRUE(lender_.is_closed()); }
    void complete() override {
        is_complete_ = true;
        held_.reset();
    }
    task<> verify(const run_state& run) override {
        held_.reset();
        co_await pooled_world::verify(run);
    }

private:
    bool is_complete_ = false;
};
const add_scenario<shutting_a_pool> adds_shutting_a_pool;

}  // namespace
}  // namespace simul::test
