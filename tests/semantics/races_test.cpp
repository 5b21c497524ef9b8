// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about connecting and about names, as far as they are rules of the tools
// that connecting and resolving are made of: staggered_race and async_cache.
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/async_cache.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/staggered_race.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::counted_object;
using test::now;

// Something that has to be closed: `open` counts those that are not.
class connection {
public:
    connection(int& open, int of_attempt)
        : held_{std::make_unique<counted_object>(open)}, number_{of_attempt} {}

    [[nodiscard]] int number() const { return number_; }

private:
    std::unique_ptr<counted_object> held_;
    int number_;
};

using attempts = std::vector<std::function<task<connection>()>>;

// Several attempts succeed in the same pass, and cannot be stopped any more: the result of the
// first is returned, the others are closed before.
EVERY_WORLD_TEST(Q10, race_has_exactly_one_winner_and_closes_all_losers) {
    int open = 0;
    std::vector<int> reached;
    std::array<test::manual_event, 4> answers;
    attempts ways;
    for (int number = 0; number != 4; ++number) {
        ways.push_back([&, number]() -> task<connection> {
            const counted_object half_open{open};
            co_await answers[static_cast<std::size_t>(number)].wait();
            reached.push_back(number);
            co_return connection{open, number};
        });
    }
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(open, 4);
            for (test::manual_event& each : answers) each.complete();
        });
        {
            const connection winner = co_await staggered_race(0s, ways);
            EXPECT_EQ(reached.size(), 4U);
            EXPECT_EQ(winner.number(), reached.front());
            EXPECT_EQ(open, 1);
        }
        EXPECT_EQ(open, 0);
    });
}

// A race that is cancelled leaves nothing open, also if somebody was about to win.
EVERY_WORLD_TEST(Q10, cancelled_race_closes_what_its_attempts_had_opened) {
    int open = 0;
    event all_answer;
    attempts ways;
    for (int number = 0; number != 3; ++number) {
        ways.push_back([&, number]() -> task<connection> {
            const counted_object half_open{open};
            co_await all_answer.wait();
            co_return connection{open, number};
        });
    }
    task_group group;
    auto racing = group.spawn([&]() -> task<> { co_await staggered_race(0s, ways); });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        all_answer.set();
        racing.cancel();
    });
    co_await group.run();
    EXPECT_TRUE(racing.done());
    EXPECT_EQ(open, 0);
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& found) {
        return found.what();
    }
}

// If all fail, the first error is thrown, and all others are there with it, in their order.
EVERY_WORLD_TEST(Q10, race_that_nobody_wins_keeps_all_errors) {
    std::vector<std::string> happened;
    attempts ways;
    for (const char* why : {"refused", "no route", "reset"}) {
        ways.push_back([&, why]() -> task<connection> {
            co_await yield_now();
            happened.emplace_back(why);
            throw std::runtime_error{why};
        });
    }
    std::vector<std::string> errors;
    try {
        co_await staggered_race(0s, ways);
        ADD_FAILURE() << "somebody won";
    } catch (const std::runtime_error& first) {
        errors.emplace_back(first.what());
        for (const std::exception_ptr& each : suppressed()) errors.push_back(text_of(each));
    }
    EXPECT_EQ(errors.size(), 3U);
    EXPECT_EQ(errors, happened);
}

// Who fails lets the next one begin at once, however long the delay.
VIRTUAL_WORLD_TEST(Q10, failure_begins_the_next_attempt_at_once) {
    const time_point start = now();
    int open = 0;
    attempts ways;
    ways.push_back([]() -> task<connection> {
        co_await sleep_for(1s);
        throw std::runtime_error{"refused"};
    });
    ways.push_back([&]() -> task<connection> {
        if (open == 0) throw std::runtime_error{"no route"};
        co_return connection{open, 1};
    });
    ways.push_back([&]() -> task<connection> {
        EXPECT_EQ(now() - start, 1s);
        co_return connection{open, 2};
    });
    const connection winner = co_await staggered_race(1h, ways);
    EXPECT_EQ(winner.number(), 2);
    EXPECT_EQ(now() - start, 1s);
}

// Two attempts that fail early, one that hangs, and one that succeeds, with 250 ms between them.
VIRTUAL_WORLD_TEST(T59, early_failures_bring_the_next_attempts_forward) {
    const time_point start = now();
    int open = 0;
    std::vector<duration> begun;
    attempts ways;
    const auto fails_after = [&](duration delay) {
        ways.push_back([&, delay]() -> task<connection> {
            begun.push_back(now() - start);
            co_await sleep_for(delay);
            throw std::runtime_error{"refused"};
        });
    };
    fails_after(100ms);
    fails_after(200ms);
    fails_after(10s);
    ways.push_back([&]() -> task<connection> {
        begun.push_back(now() - start);
        co_await sleep_for(250ms);
        co_return connection{open, 3};
    });
    const connection winner = co_await staggered_race(250ms, ways);
    EXPECT_EQ(winner.number(), 3);
    EXPECT_EQ(begun, (std::vector<duration>{0ms, 100ms, 300ms, 550ms}));
    EXPECT_EQ(now() - start, 800ms);
}

// Many ask for one name: there is one query, and who gave up first took it from nobody.
EVERY_WORLD_TEST(Q11, cancel_of_who_asked_first_does_not_fail_the_others) {
    event answered;
    int queries = 0;
    int answers = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        async_cache<std::string, int> names{[&](std::string) -> task<int> {
            ++queries;
            co_await answered.wait();
            co_return 7;
        }};
        const auto ask = [&]() -> task<> {
            const int answer = co_await names.get("example.org");
            EXPECT_EQ(answer, 7);
            ++answers;
        };
        auto first = group.spawn(ask);
        co_await testing::wait_until_all_blocked();
        for (int number = 0; number != 3; ++number) group.spawn(ask);
        co_await testing::wait_until_all_blocked();
        first.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(first.was_cancelled());
        EXPECT_EQ(queries, 1);
        answered.set();
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(answers, 3);
    });
}

// Nor does the limit of one of them: the others, and who comes later, have their own.
VIRTUAL_WORLD_TEST(Q11, limit_of_one_who_asks_is_not_that_of_the_others) {
    int queries = 0;
    async_cache<std::string, int> names{[&](std::string) -> task<int> {
        ++queries;
        co_await sleep_for(3s);
        co_return 7;
    }};
    const time_point start = now();
    task_group group;
    group.spawn([&]() -> task<> {
        const auto answer = co_await move_on_after(1s, names.get("example.org"));
        EXPECT_FALSE(answer.has_value());
        EXPECT_EQ(now() - start, 1s);
    });
    group.spawn([&]() -> task<> {
        const auto answer = co_await move_on_after(5s, names.get("example.org"));
        EXPECT_EQ(answer, 7);
        EXPECT_EQ(now() - start, 3s);
    });
    co_await group.run();
    EXPECT_EQ(queries, 1);
}

}  // namespace
}  // namespace simul
