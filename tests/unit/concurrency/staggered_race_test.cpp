// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/staggered_race.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using attempts = std::vector<std::function<task<int>()>>;

// Attempts that take so long, note when they begin, and fail or give their number.
class ways {
public:
    void add(duration delay, bool fails = false) {
        const int number = static_cast<int>(makers.size());
        makers.emplace_back([this, number, delay, fails] { return attempt(number, delay, fails); });
    }

    attempts makers;
    std::vector<std::chrono::milliseconds> begun;
    int ended = 0;

private:
    task<int> attempt(int number, duration delay, bool fails) {
        begun.push_back(
            std::chrono::duration_cast<std::chrono::milliseconds>(test::now() - start_));
        co_await sleep_for(delay);
        ++ended;
        if (fails) throw std::runtime_error{"attempt " + std::to_string(number)};
        co_return number;
    }

    time_point start_ = test::now();
};

TEST(staggered_race, begins_the_next_attempt_after_the_delay_and_takes_the_first_result) {
    simulate([]() -> task<> {
        ways race;
        race.add(10s);
        race.add(500ms);
        race.add(10s);
        race.add(10s);
        const time_point start = test::now();
        const int winner = co_await staggered_race(300ms, race.makers);
        EXPECT_EQ(winner, 1);
        EXPECT_EQ(test::now() - start, 800ms);
        EXPECT_EQ(race.begun, (std::vector{0ms, 300ms, 600ms}));
        EXPECT_EQ(race.ended, 1) << "the others were cancelled, and the last never begun";
    });
}

// T59: failures start the next attempt early.
TEST(staggered_race, T59_begins_the_next_attempt_as_soon_as_one_fails) {
    simulate([]() -> task<> {
        ways race;
        race.add(100ms, true);
        race.add(200ms, true);
        race.add(10s);
        race.add(250ms);
        const time_point start = test::now();
        const int winner = co_await staggered_race(250ms, race.makers);
        EXPECT_EQ(winner, 3);
        EXPECT_EQ(race.begun, (std::vector{0ms, 100ms, 300ms, 550ms}));
        EXPECT_EQ(test::now() - start, 800ms);
    });
}

TEST(staggered_race, does_not_begin_a_second_attempt_when_the_first_is_quick) {
    simulate([]() -> task<> {
        ways race;
        race.add(0s);
        race.add(0s);
        const int winner = co_await staggered_race(1s, race.makers);
        EXPECT_EQ(winner, 0);
        EXPECT_EQ(race.begun.size(), 1U);
    });
}

TEST(staggered_race, reports_the_first_failure_and_keeps_the_others) {
    simulate([]() -> task<> {
        ways race;
        race.add(900ms, true);
        race.add(100ms, true);
        race.add(100ms, true);
        std::string said;
        std::size_t others = 0;
        try {
            static_cast<void>(co_await staggered_race(250ms, race.makers));
        } catch (const std::runtime_error& failure) {
            said = failure.what();
            others = suppressed().size();
        }
        EXPECT_EQ(said, "attempt 1");
        EXPECT_EQ(others, 2U);
    });
}

TEST(staggered_race, takes_what_making_an_attempt_throws_for_its_failure) {
    simulate([]() -> task<> {
        attempts makers{[]() -> task<int> { throw std::runtime_error{"not even begun"}; },
                        []() -> task<int> { co_return 7; }};
        const int winner = co_await staggered_race(1h, makers);
        EXPECT_EQ(winner, 7);
    });
}

TEST(staggered_race, gives_nothing_when_the_attempts_do) {
    simulate([]() -> task<> {
        int done = 0;
        std::vector<std::function<task<>()>> makers{[&]() -> task<> {
            ++done;
            co_return;
        }};
        co_await staggered_race(1s, makers);
        EXPECT_EQ(done, 1);
    });
}

TEST(staggered_race, passes_a_request_on_to_every_attempt) {
    simulate([]() -> task<> {
        ways race;
        race.add(10s);
        race.add(10s);
        const auto in_time = co_await move_on_after(1s, staggered_race(100ms, race.makers));
        EXPECT_FALSE(in_time);
        EXPECT_EQ(race.begun.size(), 2U);
        EXPECT_EQ(race.ended, 0);
    });
}

}  // namespace
}  // namespace simul
