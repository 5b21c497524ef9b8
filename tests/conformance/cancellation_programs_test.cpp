// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of the simulated world's processes: those that start some, and those that
// are some.
#include <csignal>
#include <cstddef>
#include <utility>

#include "simul/io/process.hpp"
#include "simul/io/run_process.hpp"
#include "simul/testing/programs.hpp"
#include "support/cancellation_harness.hpp"
#include "support/stand_in_programs.hpp"

namespace simul::test {
namespace {

// A program that waits for a signal, run inside the await.
class program_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;
    static constexpr bool runs_on(stage where) noexcept { return is_simulated(where); }

    explicit program_world(stage where) : scenario_world{where} {
        programs_.add("waiter", [this](testing::simulated_process& self) -> task<int> {
            self.catch_signal(SIGUSR1);
            if (is_sent_) co_return 0;
            is_there_ = true;
            const int number = co_await self.next_signal();
            EXPECT_EQ(number, SIGUSR1);
            co_return 0;
        });
    }

    [[nodiscard]] bool is_ready() const override { return is_there_; }
    void complete() override {
        is_sent_ = true;
        if (is_there_) child_.send_signal(SIGUSR1);
    }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(programs_.running(), 0U) << run.describe();
        child_ = process{};
        co_return;
    }

protected:
    task<exit_status> start_and_wait() {
        child_ = process::start(process_options{"waiter"}.capture());
        co_return co_await child_.wait();
    }

    testing::program_set programs_;
    process child_;
    bool is_sent_ = false;
    bool is_there_ = false;
};

class in_a_world_with_programs : public program_world {
public:
    static constexpr const char* awaitable = "testing::with_programs";

    using program_world::program_world;
    auto wait() {
        return testing::with_programs(programs_, [this] { return start_and_wait(); });
    }
    static void received(exit_status ended) { EXPECT_TRUE(ended.ok()); }
};
const add_scenario<in_a_world_with_programs> adds_in_a_world_with_programs;

// The subject waits in place of the program. What it has not got is there for the program itself.
class waiting_for_a_signal : public scenario_world {
public:
    static constexpr const char* awaitable = "testing::simulated_process::next_signal";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool runs_on(stage where) noexcept { return is_simulated(where); }

    explicit waiting_for_a_signal(stage where) : scenario_world{where} {
        programs_.add("waiter", [this](testing::simulated_process& self) -> task<int> {
            self.catch_signal(SIGUSR1);
            self_ = &self;
            is_there_.set();
            co_await has_ended_.wait();
            if (!is_received_) static_cast<void>(co_await self.next_signal());
            is_settled_ = true;
            co_return 0;
        });
    }

    task<int> wait() {
        co_await is_there_.wait();
        is_waiting_ = true;
        co_return co_await self_->next_signal();
    }
    static void received(int number) { EXPECT_EQ(number, SIGUSR1); }

    [[nodiscard]] bool is_ready() const override { return is_waiting_; }
    void complete() override {
        is_sent_ = true;
        if (self_ != nullptr) child_.send_signal(SIGUSR1);
    }
    task<> background() override {
        co_await testing::with_programs(programs_, [this]() -> task<> {
            child_ = process::start(process_options{"waiter"});
            co_await is_there_.wait();
            if (is_sent_) child_.send_signal(SIGUSR1);
            static_cast<void>(co_await child_.wait());
        });
    }
    [[nodiscard]] bool is_settled(const run_state& run) override {
        is_received_ = run.consumed() != 0;
        has_ended_.set();
        return is_settled_;
    }
    task<> verify(const run_state&) override {
        child_ = process{};
        co_return;
    }

private:
    testing::program_set programs_;
    process child_;
    testing::simulated_process* self_ = nullptr;
    event is_there_;
    event has_ended_;
    bool is_waiting_ = false;
    bool is_sent_ = false;
    bool is_received_ = false;
    bool is_settled_ = false;
};
const add_scenario<waiting_for_a_signal> adds_waiting_for_a_signal;

}  // namespace
}  // namespace simul::test
