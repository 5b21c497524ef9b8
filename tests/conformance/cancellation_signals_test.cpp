// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of signal_receiver. The signals are raised by the test, on the loop's own
// thread.
#include <csignal>
#include <optional>

#include "simul/io/signal.hpp"
#include "support/cancellation_harness.hpp"
#include "support/recorded_signals.hpp"

namespace simul::test {
namespace {

class one_signal : public scenario_world {
public:
    static constexpr rule obeys = rule::gives_back;

    using scenario_world::scenario_world;

    void complete() override { std::raise(SIGUSR1); }
    task<> verify(const run_state& run) override {
        const std::optional<int> left = caught_.try_receive();
        EXPECT_EQ(received_ + run.lost() + (left ? 1 : 0), 1) << run.describe();
        caught_.close();
        EXPECT_TRUE(recorded_signals::seen().empty()) << run.describe();
        co_return;
    }

protected:
    recorded_signals recorded_{SIGUSR1};
    signal_receiver caught_{SIGUSR1};
    int received_ = 0;
};

class receiving_a_signal : public one_signal {
public:
    static constexpr const char* awaitable = "signal_receiver::receive";

    using one_signal::one_signal;
    auto wait() { return caught_.receive(); }
    void received(int number) {
        EXPECT_EQ(number, SIGUSR1);
        ++received_;
    }
};
const add_scenario<receiving_a_signal> adds_receiving_a_signal;

class receiving_the_next_signal : public one_signal {
public:
    static constexpr const char* awaitable = "signal_receiver::next";

    using one_signal::one_signal;
    auto wait() { return caught_.next(); }
    void received(std::optional<int> number) {
        EXPECT_EQ(number, SIGUSR1);
        ++received_;
    }
};
const add_scenario<receiving_the_next_signal> adds_receiving_the_next_signal;

// Whichever of the two has it, the other has not.
class receiving_before_another : public one_signal {
public:
    static constexpr const char* awaitable = "signal_receiver::receive";
    static constexpr const char* variant = "another waits behind";
    static constexpr bool remembers = false;

    using one_signal::one_signal;
    auto wait() { return caught_.receive(); }
    void received(int) { ++received_; }
    task<> background() override {
        co_await yield_now();  // arrives after the subject
        co_await yield_now();
        waits_behind_ = true;
        const std::optional<int> number = co_await caught_.next();
        if (number) ++of_the_other_;
    }
    [[nodiscard]] bool is_ready() const override { return waits_behind_; }
    [[nodiscard]] bool is_settled(const run_state& run) override {
        return of_the_other_ + run.consumed() == 1;
    }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(received_ + run.lost() + of_the_other_, 1) << run.describe();
        EXPECT_EQ(caught_.try_receive(), std::nullopt) << run.describe();
        co_return;
    }

private:
    bool waits_behind_ = false;
    int of_the_other_ = 0;
};
const add_scenario<receiving_before_another> adds_receiving_before_another;

class receiving_the_end_of_signals : public scenario_world {
public:
    static constexpr const char* awaitable = "signal_receiver::receive";
    static constexpr const char* variant = "closed while it waits";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool fails = true;

    using scenario_world::scenario_world;

    auto wait() { return caught_.receive(); }
    void received(int) { ADD_FAILURE() << "nothing was raised"; }
    void complete() override { caught_.close(); }

private:
    signal_receiver caught_{SIGUSR1};
};
const add_scenario<receiving_the_end_of_signals> adds_receiving_the_end_of_signals;

class iterating_to_the_end_of_signals : public scenario_world {
public:
    static constexpr const char* awaitable = "signal_receiver::next";
    static constexpr const char* variant = "closed while it waits";
    static constexpr rule obeys = rule::gives_back;

    using scenario_world::scenario_world;

    auto wait() { return caught_.next(); }
    void received(std::optional<int> number) { EXPECT_EQ(number, std::nullopt); }
    void complete() override { caught_.close(); }

private:
    signal_receiver caught_{SIGUSR1};
};
const add_scenario<iterating_to_the_end_of_signals> adds_iterating_to_the_end_of_signals;

}  // namespace
}  // namespace simul::test
