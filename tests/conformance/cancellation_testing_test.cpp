// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of what tests wait for: a step of a sequencer, and everybody else.
#include <optional>
#include <utility>

#include "simul/testing/all_blocked.hpp"
#include "simul/testing/sequencer.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

class second_step : public scenario_world {
public:
    static constexpr const char* awaitable = "testing::sequencer::step";
    static constexpr rule obeys = rule::delivers;

    explicit second_step(stage where) : scenario_world{where} {
        first_.emplace(order_);
        EXPECT_EQ(turns_, 0);
    }

    auto wait() { return order_.step(1); }
    void received(testing::sequencer::turn) { ++turns_; }
    void complete() override { first_.reset(); }

private:
    testing::sequencer order_;
    std::optional<testing::sequencer::turn> first_;
    int turns_ = 0;
};
const add_scenario<second_step> adds_second_step;

// The others here never rest, so it ends by a request only.
class resting : public scenario_world {
public:
    static constexpr const char* awaitable = "testing::wait_until_all_blocked";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool can_complete = false;

    using scenario_world::scenario_world;

    auto wait() { return testing::wait_until_all_blocked(); }
    void received(std::monostate) {}
    void complete() override {}
};
const add_scenario<resting> adds_resting;

}  // namespace
}  // namespace simul::test
