// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about asynchronous generators: who closes them, and what they leave
// behind in who asks them.
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/task_local.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;

const task_local<std::string> request{"none"};

// What a destructor saw around itself.
struct farewell {
    std::string name;
    std::string of_request;
    std::uint64_t in_task;

    bool operator==(const farewell&) const = default;
};

std::ostream& operator<<(std::ostream& out, const farewell& said) {
    return out << said.name << " of " << said.of_request << " in task " << said.in_task;
}

class witness {
public:
    witness(std::vector<farewell>& log, const char* name) : log_{log}, name_{name} {}
    witness(const witness&) = delete;
    witness& operator=(const witness&) = delete;
    ~witness() { log_.push_back(farewell{name_, request.get(), this_task::number()}); }

private:
    std::vector<farewell>& log_;
    const char* name_;
};

async_generator<int> numbers(std::vector<farewell>& log) {
    const witness leaves{log, "inner"};
    for (int number = 0;; ++number) co_yield number;
}

async_generator<int> squares(std::vector<farewell>& log) {
    const witness leaves{log, "outer"};
    async_generator<int> source = numbers(log);
    while (true) {
        const std::optional<int> number = co_await source.next();
        if (!number) break;
        co_yield *number** number;
    }
}

task<> take_three_and_leave(std::string expected) {
    std::vector<farewell> log;
    const std::uint64_t self = this_task::number();
    {
        async_generator<int> stream = squares(log);
        for (int turn = 0; turn != 3; ++turn) {
            const std::optional<int> square = co_await stream.next();
            EXPECT_EQ(square, turn * turn);
            co_await yield_now();
        }
        EXPECT_TRUE(log.empty());
    }
    const std::vector<farewell> closed{{"inner", expected, self}, {"outer", expected, self}};
    EXPECT_EQ(log, closed);
}

// Who leaves a generator behind closes it there and then: in his task, with his values, and what it
// draws from before itself.
EVERY_WORLD_TEST(G1, abandoned_generator_is_closed_by_its_owner_innermost_first) {
    task_group group;
    for (const char* name : {"first", "second"}) {
        group.spawn(
            [name]() -> task<> { co_await with_value(request, name, take_three_and_leave(name)); });
    }
    co_await group.run();
}

async_generator<int> waits_for(event& never, std::vector<farewell>& log) {
    const witness leaves{log, "inner"};
    co_yield 1;
    co_await never.wait();
    co_yield 2;
}

async_generator<int> draws_on(event& never, std::vector<farewell>& log) {
    const witness leaves{log, "outer"};
    async_generator<int> source = waits_for(never, log);
    while (true) {
        const std::optional<int> item = co_await source.next();
        if (!item) break;
        co_yield *item;
    }
}

task<> ask_until_cancelled(event& never, std::vector<farewell>& log, std::uint64_t& self) {
    self = this_task::number();
    const witness leaves{log, "task"};
    async_generator<int> stream = draws_on(never, log);
    const std::optional<int> first = co_await stream.next();
    EXPECT_EQ(first, 1);
    co_await stream.next();
    ADD_FAILURE() << "nothing sets the event";
}

// A request that reaches a generator while it waits closes it before the task that asked it ends,
// and as a part of that task.
EVERY_WORLD_TEST(G1, generator_of_a_cancelled_task_is_closed_innermost_first) {
    std::vector<farewell> log;
    std::uint64_t self = 0;
    event never;
    task_group group;
    auto asking = group.spawn([&]() -> task<> {
        co_await with_value(request, "mine", ask_until_cancelled(never, log, self));
    });
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(log.empty());
        asking.cancel();
    });
    co_await group.run();
    EXPECT_TRUE(asking.was_cancelled());
    const std::vector<farewell> innermost_first{
        {"inner", "mine", self}, {"outer", "mine", self}, {"task", "mine", self}};
    EXPECT_EQ(log, innermost_first);
}

// What is awaited under a limit is a task, and a task cannot yield: no scope stays open across a
// co_yield, because there is no way to write it.
template <class Promise>
concept yields = requires(Promise& promise) { promise.yield_value(1); };
static_assert(yields<async_generator<int>::promise_type>);
static_assert(!yields<task<>::promise_type> && !yields<task<int>::promise_type>);

async_generator<int> limits_its_own_waits() {
    while (true) {
        co_await timeout(2s, sleep_for(1s));
        task_group helpers;
        helpers.spawn([]() -> task<> { co_await sleep_for(1s); });
        helpers.spawn([&]() -> task<> {
            co_await yield_now();
            helpers.cancel();
        });
        co_await helpers.run();
        co_yield 1;
    }
}

// The scopes that a generator opened between two values concern nobody who asks it.
VIRTUAL_WORLD_TEST(G2, limits_and_groups_of_a_generator_do_not_reach_who_asks_it) {
    async_generator<int> stream = limits_its_own_waits();
    for (int turn = 0; turn != 3; ++turn) {
        const std::optional<int> item = co_await stream.next();
        EXPECT_EQ(item, 1);
        EXPECT_EQ(this_task::deadline(), time_point::max());
        const time_point before = test::now();
        co_await sleep_for(1h);
        EXPECT_EQ(test::now() - before, 1h);
        EXPECT_FALSE(this_task::is_cancelled());
    }
}

// And the limits of who asks reach it for the length of one question only.
VIRTUAL_WORLD_TEST(G2, limit_around_one_question_ends_with_its_answer) {
    std::vector<time_point> seen;
    const auto tells_its_deadline = [&]() -> async_generator<int> {
        while (true) {
            seen.push_back(this_task::deadline());
            co_yield 1;
            co_await sleep_for(1s);
        }
    };
    async_generator<int> stream = tells_its_deadline();
    const time_point start = test::now();
    co_await timeout(5s, stream.next());
    co_await sleep_for(1h);
    co_await stream.next();
    const time_point later = test::now();
    co_await timeout(7s, stream.next());
    const std::vector<time_point> expected{start + 5s, time_point::max(), later + 7s};
    EXPECT_EQ(seen, expected);
}

async_generator<int> counts_to(int last, int& alive) {
    const test::counted_object lives{alive};
    for (int number = 1; number <= last; ++number) {
        co_await yield_now();
        co_yield number;
    }
}

// Closing is allowed before the first value, between two, after the last, and again; from then on
// there are no values.
EVERY_WORLD_TEST(G3, closing_is_defined_at_every_time_and_twice) {
    int alive = 0;
    for (int taken = 0; taken != 5; ++taken) {
        async_generator<int> stream = counts_to(3, alive);
        for (int turn = 0; turn != taken; ++turn) {
            const std::optional<int> item = co_await stream.next();
            EXPECT_EQ(item.has_value(), turn < 3);
        }
        EXPECT_EQ(alive, taken == 0 || taken == 4 ? 0 : 1);
        for (int again = 0; again != 2; ++again) {
            stream.close();
            EXPECT_EQ(alive, 0);
            const std::optional<int> none = co_await stream.next();
            EXPECT_EQ(none, std::nullopt);
        }
    }
}

task<> close_while_it_runs() {
    int alive = 0;
    async_generator<int> stream = counts_to(3, alive);
    task_group group;
    group.spawn([&]() -> task<> { co_await stream.next(); });
    group.spawn([&]() -> task<> {
        stream.close();
        co_return;
    });
    co_await group.run();
}

async_generator<int> asks(async_generator<int>*& itself) {
    co_await itself->next();
    co_yield 1;
}

task<> ask_while_it_runs() {
    async_generator<int>* itself = nullptr;
    async_generator<int> stream = asks(itself);
    itself = &stream;
    co_await stream.next();
}

// While it makes a value, closing it or asking it again is misuse and says so.
TEST(G3, closing_or_asking_while_it_runs_is_refused) {
    EXPECT_DEATH(testing::run_test(&close_while_it_runs),
                 "closed or destroyed while it is making a value");
    EXPECT_DEATH(testing::run_test(&ask_while_it_runs), "asked for a value while it is making one");
}

// An error that looks like a cancel is an error: it comes out, and is not taken for the end.
EVERY_WORLD_TEST(G4, error_that_tells_of_a_cancelled_task_comes_out_of_a_generator) {
    event never;
    int caught = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto watched = group.spawn([&]() -> task<int> {
            co_await never.wait();
            co_return 1;
        });
        const auto follows = [&]() -> async_generator<int> {
            co_yield 0;
            const int result = co_await watched;
            co_yield result;
        };
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            watched.cancel(cancel_reason::requested);
        });
        async_generator<int> stream = follows();
        const std::optional<int> first = co_await stream.next();
        EXPECT_EQ(first, 0);
        try {
            co_await stream.next();
            ADD_FAILURE() << "the generator seemed to have ended";
        } catch (const cancelled& error) {
            ++caught;
            EXPECT_EQ(error.reason(), cancel_reason::requested);
        }
        const std::optional<int> none = co_await stream.next();
        EXPECT_EQ(none, std::nullopt);
    });
    EXPECT_EQ(caught, 1);
}

task<std::string> request_a_pass_later() {
    co_await yield_now();
    co_return request.get();
}

async_generator<std::string> tells_requests() {
    while (true) {
        co_yield request.get();
        std::string bound = co_await with_value(request, "bound inside", request_a_pass_later());
        co_yield std::move(bound);
    }
}

// A value that a generator bound is gone at its co_yield, and it sees those of who asks, whoever
// that is this time.
EVERY_WORLD_TEST(G5, values_do_not_leak_out_of_a_generator_nor_stay_in_it) {
    async_generator<std::string> stream = tells_requests();
    const auto ask = [&](std::string mine) -> task<> {
        const std::optional<std::string> seen = co_await stream.next();
        EXPECT_EQ(seen, mine);
        EXPECT_EQ(request.get(), mine);
        const std::optional<std::string> bound = co_await stream.next();
        EXPECT_EQ(bound, "bound inside");
        EXPECT_EQ(request.get(), mine);
    };
    co_await ask("none");
    for (const char* name : {"first", "second"}) {
        task_group group;
        group.spawn([&, name]() -> task<> { co_await with_value(request, name, ask(name)); });
        co_await group.run();
    }
    EXPECT_EQ(request.get(), "none");
}

}  // namespace
}  // namespace simul
