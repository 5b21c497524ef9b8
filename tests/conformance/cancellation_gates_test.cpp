// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what lets tasks pass under conditions: shared_mutex, barrier, once,
// rate_limiter, watch.
#include <optional>
#include <utility>

#include "simul/concurrency/barrier.hpp"
#include "simul/concurrency/once.hpp"
#include "simul/concurrency/rate_limiter.hpp"
#include "simul/concurrency/shared_mutex.hpp"
#include "simul/concurrency/watch.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

class held_table : public scenario_world {
public:
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    explicit held_table(stage where) : scenario_world{where}, held_{table_.try_acquire()} {}

    void received(shared_mutex_guard guard) {
        EXPECT_TRUE(table_.is_held());
        guard_ = std::move(guard);
    }
    void complete() override { held_.reset(); }
    void subject_ended(const run_state&) override { guard_.reset(); }
    task<> verify(const run_state&) override {
        EXPECT_FALSE(table_.is_held());
        EXPECT_EQ(table_.waiting(), 0U);
        co_return;
    }

protected:
    shared_mutex table_;

private:
    std::optional<shared_mutex_guard> held_;
    std::optional<shared_mutex_guard> guard_;
};

class writing : public held_table {
public:
    static constexpr const char* awaitable = "shared_mutex::acquire";

    using held_table::held_table;
    auto wait() { return table_.acquire(); }
};
const add_scenario<writing> adds_writing;

class reading : public held_table {
public:
    static constexpr const char* awaitable = "shared_mutex::acquire_shared";

    using held_table::held_table;
    auto wait() { return table_.acquire_shared(); }
};
const add_scenario<reading> adds_reading;

// A reader behind the writer enters when the writer has left, whichever way.
class writing_before_a_reader : public held_table {
public:
    static constexpr const char* awaitable = "shared_mutex::acquire";
    static constexpr const char* variant = "a reader waits behind";
    static constexpr bool remembers = false;

    using held_table::held_table;
    auto wait() { return table_.acquire(); }
    [[nodiscard]] bool is_ready() const override { return table_.waiting() == 2; }
    task<> background() override {
        co_await yield_now();  // arrives after the subject
        co_await yield_now();
        const shared_mutex_guard guard = co_await table_.acquire_shared();
        ++entered_;
    }
    [[nodiscard]] bool is_settled(const run_state&) override { return entered_ == 1; }

private:
    int entered_ = 0;
};
const add_scenario<writing_before_a_reader> adds_writing_before_a_reader;

class waiting_for_the_last : public scenario_world {
public:
    static constexpr const char* awaitable = "barrier::wait";
    static constexpr rule obeys = rule::gives_back;

    using scenario_world::scenario_world;

    auto wait() { return line_.wait(); }
    void received(std::size_t) { EXPECT_TRUE(comes_.is_set()); }
    void complete() override { comes_.set(); }
    task<> background() override {
        co_await comes_.wait();
        static_cast<void>(co_await line_.wait());
    }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(line_.waiting(), 0U) << run.describe();
        co_return;
    }

private:
    barrier line_{2};
    event comes_;
};
const add_scenario<waiting_for_the_last> adds_waiting_for_the_last;

class waiting_at_a_barrier_that_breaks : public scenario_world {
public:
    static constexpr const char* awaitable = "barrier::wait";
    static constexpr const char* variant = "aborted while it waits";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;
    static constexpr bool fails = true;

    using scenario_world::scenario_world;

    auto wait() { return line_.wait(); }
    void received(std::size_t) { ADD_FAILURE() << "an aborted barrier was crossed"; }
    void complete() override { line_.abort(); }
    task<> verify(const run_state&) override {
        EXPECT_EQ(line_.waiting(), 0U);
        co_return;
    }

private:
    barrier line_{2};
};
const add_scenario<waiting_at_a_barrier_that_breaks> adds_waiting_at_a_barrier_that_breaks;

class doing_once : public scenario_world {
public:
    static constexpr const char* awaitable = "once::run";
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    auto wait() {
        return done_.run([this]() -> task<> { co_await go_.wait(); });
    }
    void received(std::monostate) { EXPECT_TRUE(done_.is_done()); }
    void complete() override { go_.set(); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(done_.waiting(), 0U);
        if (run.consumed() == 0 && !done_.is_done()) {
            co_await done_.run([]() -> task<> { co_return; });  // free for the next
        }
        EXPECT_TRUE(done_.is_done());
    }

private:
    once done_;
    event go_;
};
const add_scenario<doing_once> adds_doing_once;

class passing_a_limiter : public scenario_world {
public:
    static constexpr const char* awaitable = "rate_limiter::acquire";
    static constexpr rule obeys = rule::delivers;

    explicit passing_a_limiter(stage where) : scenario_world{where} {
        EXPECT_TRUE(limit_.try_acquire());
    }

    auto wait() { return limit_.acquire(); }
    void received(std::monostate) { EXPECT_GE(now(), free_at_) << "never early"; }
    void complete() override { pass_time_until(free_at_); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(limit_.waiting(), 0U) << run.describe();
        co_return;
    }

private:
    static constexpr duration period = 50us;
    rate_limiter limit_{1, period};
    time_point free_at_ = now() + period;
};
const add_scenario<passing_a_limiter> adds_passing_a_limiter;

class watching : public scenario_world {
public:
    static constexpr const char* awaitable = "watch_reader::changed";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using scenario_world::scenario_world;

    auto wait() { return reader_.changed(); }
    void received(std::monostate) { EXPECT_EQ(reader_.value(), 2); }
    void complete() override { watched_.set(2); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(reader_.has_changed(), run.consumed() == 0) << "news until seen";
        EXPECT_EQ(watched_.waiting(), 0U);
        co_return;
    }

private:
    watch<int> watched_{1};
    watch_reader<int> reader_ = watched_.subscribe();
};
const add_scenario<watching> adds_watching;

}  // namespace
}  // namespace simul::test
