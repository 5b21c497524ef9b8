// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of futures: looked at, taken, and ended in other ways than by a result.
#include <stdexcept>
#include <string>
#include <variant>

#include "simul/concurrency/future.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// Whatever becomes of the subject, the future has the result afterwards.
class future_world : public scenario_world {
public:
    static constexpr const char* awaitable = "future";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using scenario_world::scenario_world;

    void received(const std::string& result) { EXPECT_EQ(result, "result"); }
    void complete() override { given_.set_value("result"); }
    task<> verify(const run_state& run) override {
        EXPECT_TRUE(answer_.done()) << run.describe();
        const std::string& result = co_await answer_;
        EXPECT_EQ(result, "result") << run.describe();
    }

protected:
    promise<std::string> given_;
    future<std::string> answer_ = given_.get_future();
};

// With an rvalue, because not every wrapping can hold the reference that an lvalue gives.
class taking_a_result : public future_world {
public:
    using future_world::future_world;
    auto wait() { return future<std::string>{answer_}; }
};
const add_scenario<taking_a_result> adds_taking_a_result;

class waiting_for_the_end : public scenario_world {
public:
    static constexpr const char* awaitable = "future";
    static constexpr const char* variant = "of nothing, as an lvalue";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using scenario_world::scenario_world;

    future<>& wait() { return answer_; }
    void received(std::monostate) { EXPECT_TRUE(given_.done()); }
    void complete() override { given_.set_value(); }

private:
    promise<> given_;
    future<> answer_ = given_.get_future();
};
const add_scenario<waiting_for_the_end> adds_waiting_for_the_end;

class waiting_for_an_error : public future_world {
public:
    static constexpr const char* variant = "that fails";
    static constexpr bool fails = true;

    using future_world::future_world;
    auto wait() { return future<std::string>{answer_}; }
    void received(const std::string&) { ADD_FAILURE() << "there is no result"; }
    void complete() override {
        given_.set_error(std::make_exception_ptr(std::runtime_error{"failed"}));
    }
    task<> verify(const run_state& run) override {
        EXPECT_THROW(static_cast<void>(answer_.result()), std::runtime_error) << run.describe();
        co_return;
    }
};
const add_scenario<waiting_for_an_error> adds_waiting_for_an_error;

// T04 from all sides.
class waiting_for_one_that_is_cancelled : public future_world {
public:
    static constexpr const char* variant = "that is cancelled";
    static constexpr bool fails = true;

    using future_world::future_world;
    auto wait() { return future<std::string>{answer_}; }
    void received(const std::string&) { ADD_FAILURE() << "there is no result"; }
    void complete() override { EXPECT_TRUE(answer_.cancel()); }
    task<> verify(const run_state& run) override {
        EXPECT_TRUE(given_.is_cancelled()) << run.describe();
        co_return;
    }
};
const add_scenario<waiting_for_one_that_is_cancelled> adds_waiting_for_one_that_is_cancelled;

}  // namespace
}  // namespace simul::test
