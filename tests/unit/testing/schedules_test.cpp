// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/schedules.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>

#include "simul/concurrency/mutex.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::testing {
namespace {

struct wrong_order : std::runtime_error {
    wrong_order() : std::runtime_error{"the money was not there yet"} {}
};

// Right only as long as the first task stays ahead of the second: a hand-over that trusts the
// order.
task<> trust_the_order() {
    bool paid = false;
    task_group group;
    group.spawn([&]() -> task<> {
        co_await yield_now();
        paid = true;
    });
    group.spawn([&]() -> task<> {
        co_await yield_now();
        if (!paid) throw wrong_order{};
    });
    co_await group.run();
}

// Right under every order.
task<> count_with_a_lock() {
    mutex lock;
    int count = 0;
    task_group group;
    const auto increment = [&]() -> task<> {
        const auto guard = co_await lock.acquire();
        const int seen = count;
        co_await yield_now();
        count = seen + 1;
    };
    for (int each = 0; each != 3; ++each) group.spawn(increment);
    co_await group.run();
    if (count != 3) throw std::runtime_error{"an increment was lost"};
}

// The same without the lock.
task<> count_without_a_lock() {
    int count = 0;
    task_group group;
    const auto increment = [&]() -> task<> {
        const int seen = count;
        co_await yield_now();
        count = seen + 1;
    };
    group.spawn(increment);
    group.spawn([&]() -> task<> {
        co_await yield_now();
        co_await increment();
    });
    co_await group.run();
    if (count != 2) throw std::runtime_error{"an increment was lost"};
}

TEST(schedules, find_a_program_that_trusts_the_order_of_its_tasks) {
    const schedule_report report = try_random_schedules([] { return trust_the_order(); });
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.error(), "the money was not there yet");
    EXPECT_LT(report.runs(), 50U);
}

TEST(schedules, shrink_a_failure_to_the_one_overtaking_that_matters) {
    const schedule_report report =
        try_random_schedules([] { return trust_the_order(); }, schedule_options{}.first_seed(3));
    ASSERT_FALSE(report.ok());
    const std::string shrunk = report.failing_schedule();
    EXPECT_EQ(std::count(shrunk.begin(), shrunk.end(), '1'), 1) << shrunk;
    EXPECT_EQ(shrunk.find_first_not_of("01."), shrunk.npos) << shrunk;
    EXPECT_EQ(shrunk.back(), '1') << shrunk;
}

TEST(schedules, leave_a_right_program_alone_however_many_are_tried) {
    const schedule_report report = try_random_schedules([] { return count_with_a_lock(); });
    EXPECT_TRUE(report.ok()) << report.text();
    EXPECT_EQ(report.runs(), 200U);
    EXPECT_EQ(report.text(), "200 schedules tried, none failed");
}

TEST(schedules, are_all_tried_for_a_small_program) {
    const schedule_report right = try_all_schedules([] { return count_with_a_lock(); });
    EXPECT_TRUE(right.ok()) << right.text();
    EXPECT_TRUE(right.exhausted());
    EXPECT_GT(right.runs(), 5U);

    const schedule_report wrong = try_all_schedules([] { return count_without_a_lock(); });
    EXPECT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error(), "an increment was lost");
}

TEST(schedules, are_each_tried_once_by_an_exhaustive_search) {
    std::set<std::string> orders;
    std::size_t runs = 0;
    const auto program = [&]() -> task<> {
        std::string order;
        task_group group;
        for (const char name : {'a', 'b', 'c', 'd'}) {
            group.spawn([&order, name]() -> task<> {
                order += name;
                co_return;
            });
        }
        co_await group.run();
        orders.insert(order);
        ++runs;
    };
    const schedule_report report = try_all_schedules(program);
    EXPECT_TRUE(report.exhausted());
    EXPECT_EQ(orders.size(), 24U);
    EXPECT_EQ(runs, 24U);
}

TEST(schedules, with_a_limit_of_overtakings_are_fewer) {
    std::set<std::string> orders;
    const auto program = [&]() -> task<> {
        std::string order;
        task_group group;
        for (const char name : {'a', 'b', 'c', 'd'}) {
            group.spawn([&order, name]() -> task<> {
                order += name;
                co_return;
            });
        }
        co_await group.run();
        orders.insert(order);
    };
    const schedule_report report = try_all_schedules(program, schedule_options{}.overtakings(1));
    EXPECT_TRUE(report.exhausted());
    EXPECT_EQ(orders.size(), 7U);  // in order, and 3 + 2 + 1 with one overtaking
}

TEST(schedules, stop_at_the_limit_of_runs) {
    const schedule_report report =
        try_all_schedules([] { return count_with_a_lock(); }, schedule_options{}.runs(3));
    EXPECT_TRUE(report.ok());
    EXPECT_FALSE(report.exhausted());
    EXPECT_EQ(report.runs(), 3U);
}

TEST(schedules, report_a_deadlock_that_only_some_orders_have) {
    const auto program = []() -> task<> {
        mutex left;
        mutex right;
        task_group group;
        const auto take = [](mutex& first, mutex& second) -> task<> {
            const auto outer = co_await first.acquire();
            co_await yield_now();
            const auto inner = co_await second.acquire();
        };
        group.spawn(take(left, right));
        group.spawn([&]() -> task<> {
            co_await yield_now();
            co_await take(right, left);
        });
        co_await group.run();
    };
    EXPECT_NO_THROW(run_test(program));
    const schedule_report report = try_all_schedules(program);
    ASSERT_FALSE(report.ok());
    EXPECT_TRUE(report.error().starts_with(error{errc::deadlock}.what())) << report.error();
    EXPECT_NE(report.error().find("in a circle: "), std::string::npos) << report.error();
}

TEST(schedules, take_a_failed_check_for_a_failure) {
    bool failed = false;
    const schedule_report report = try_all_schedules(
        [&]() -> task<> {
            failed = true;
            co_return;
        },
        schedule_options{}.failed_if([&] { return std::exchange(failed, false); }));
    EXPECT_EQ(report.error(), "a check has failed");
    EXPECT_EQ(report.failing_schedule(), "0");
}

// Sets the variable for the length of a test.
class schedule_in_environment {
public:
    explicit schedule_in_environment(const std::string& value) {
        ::setenv("SIMUL_SCHEDULE", value.c_str(), 1);
    }
    ~schedule_in_environment() { ::unsetenv("SIMUL_SCHEDULE"); }
};

TEST(schedules, are_replayed_by_what_the_report_says) {
    const schedule_options options = schedule_options{}.named("bank");
    const schedule_report found = try_random_schedules([] { return trust_the_order(); }, options);
    ASSERT_FALSE(found.ok());
    const std::string wanted = "SIMUL_SCHEDULE='bank:" + found.failing_schedule() + "'";
    ASSERT_TRUE(found.replay().starts_with(wanted)) << found.replay();
    EXPECT_NE(found.text().find(found.replay()), std::string::npos);

    const schedule_in_environment given{"bank:" + found.failing_schedule()};
    const schedule_report again = try_random_schedules([] { return trust_the_order(); }, options);
    EXPECT_EQ(again.runs(), 1U);
    EXPECT_EQ(again.error(), found.error());
    EXPECT_EQ(again.failing_schedule(), found.failing_schedule());
}

TEST(schedules, in_the_environment_concern_only_the_search_they_name) {
    const schedule_in_environment given{"bank:0.1"};
    const schedule_report other = try_random_schedules([] { return count_with_a_lock(); },
                                                       schedule_options{}.named("lock").runs(5));
    EXPECT_EQ(other.runs(), 5U);
}

TEST(schedules, that_make_no_sense_are_refused) {
    for (const char* wrong : {"0.", "x", "0..1", "64", "-1", "0 1"}) {
        const schedule_in_environment given{wrong};
        EXPECT_THROW(static_cast<void>(try_random_schedules([] { return count_with_a_lock(); })),
                     std::invalid_argument)
            << wrong;
    }
}

TEST(schedules, from_the_same_seed_are_the_same) {
    std::vector<std::string> runs;
    for (int turn = 0; turn != 2; ++turn) {
        std::string order;
        random_schedule random{42 + 1};
        run_test(
            [&]() -> task<> {
                task_group group;
                for (const char name : {'a', 'b', 'c', 'd', 'e'}) {
                    group.spawn([&order, name]() -> task<> {
                        order += name;
                        co_await yield_now();
                        order += name;
                    });
                }
                co_await group.run();
            },
            test_options{}.in_order_of(random));
        runs.push_back(order);
    }
    EXPECT_EQ(runs[0], runs[1]);
    EXPECT_NE(runs[0], "abcdeabcde");
}

}  // namespace
}  // namespace simul::testing
