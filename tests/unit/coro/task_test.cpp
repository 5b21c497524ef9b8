// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

TEST(task, runs_nothing_until_it_is_awaited) {
    simulate([]() -> task<> {
        bool ran = false;
        auto body = [&]() -> task<int> {
            ran = true;
            co_return 5;
        };
        auto made = body();
        EXPECT_TRUE(static_cast<bool>(made));
        EXPECT_FALSE(ran);
        const auto passes = loop::current().statistics().passes;
        const int value = co_await std::move(made);
        EXPECT_EQ(value, 5);
        EXPECT_EQ(loop::current().statistics().passes, passes) << "nothing suspended";
        EXPECT_FALSE(static_cast<bool>(made));
    });
}

TEST(task, returns_values_references_and_nothing) {
    simulate([]() -> task<> {
        int target = 1;
        auto text = []() -> task<std::string> { co_return "text"; };
        auto owner = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(2); };
        auto refers = [&]() -> task<int&> { co_return target; };
        auto constant = [&]() -> task<const int&> { co_return target; };
        auto maybe = []() -> task<std::optional<int>> { co_return std::nullopt; };
        const std::string first = co_await text();
        EXPECT_EQ(first, "text");
        auto second = co_await owner();
        EXPECT_EQ(*second, 2);
        int& third = co_await refers();
        EXPECT_EQ(&third, &target);
        const int& fourth = co_await constant();
        EXPECT_EQ(&fourth, &target);
        const std::optional<int> fifth = co_await maybe();
        EXPECT_FALSE(fifth.has_value());
    });
}

TEST(task, lets_errors_out_with_their_own_type_before_and_after_a_suspension) {
    simulate([]() -> task<> {
        auto fails = [](bool suspends) -> task<int> {
            if (suspends) co_await yield_now();
            throw failure{"own type"};
        };
        for (const bool suspends : {false, true}) {
            bool caught = false;
            try {
                static_cast<void>(co_await fails(suspends));
            } catch (const failure& error) {
                caught = std::string{error.what()} == "own type";
            }
            EXPECT_TRUE(caught);
        }
    });
}

TEST(task, lets_an_error_of_the_result_s_constructor_out) {
    struct explosive {
        explosive() = default;
        explosive(const explosive&) { throw failure{"copy"}; }
    };
    simulate([]() -> task<> {
        auto body = []() -> task<explosive> {
            const explosive result;
            co_return result;
        };
        bool caught = false;
        try {
            static_cast<void>(co_await body());
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(task, destroys_locals_and_arguments_once_and_before_the_caller_continues) {
    log lines;
    simulate([&]() -> task<> {
        auto inner = [&](noted) -> task<> {
            const noted first{lines, "first"};
            const noted second{lines, "second"};
            co_await yield_now();
        };
        co_await inner(noted{lines, "argument"});
        lines.push_back("caller");
    });
    EXPECT_EQ(lines, (log{"second", "first", "argument", "caller"}));
}

TEST(task, destroys_locals_when_an_error_leaves_it) {
    log lines;
    simulate([&]() -> task<> {
        auto inner = [&]() -> task<> {
            const noted local{lines, "local"};
            co_await yield_now();
            throw failure{"x"};
        };
        try {
            co_await inner();
        } catch (const failure&) {
            lines.push_back("caught");
        }
    });
    EXPECT_EQ(lines, (log{"local", "caught"}));
}

TEST(task, keeps_temporaries_alive_until_the_end_of_the_await) {
    log lines;
    simulate([&]() -> task<> {
        auto inner = [](const noted&) -> task<> { co_await yield_now(); };
        co_await inner(noted{lines, "temporary"});
        lines.push_back("after");
    });
    EXPECT_EQ(lines, (log{"temporary", "after"}));
}

TEST(task, that_was_never_started_destroys_its_arguments_and_is_reported) {
    int alive = 0;
    auto forgotten = [](counted_object) -> task<> { co_return; };
    ::testing::internal::CaptureStderr();
    {
        [[maybe_unused]] auto dropped = forgotten(counted_object{alive});
        EXPECT_EQ(alive, 1);
    }
    const std::string report = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(alive, 0);
    if (SIMUL_DEBUG) {
        EXPECT_NE(report.find("without ever being awaited"), std::string::npos);
        EXPECT_NE(report.find("task_test.cpp"), std::string::npos) << report;
        EXPECT_NE(report.find("lambda"), std::string::npos) << report;
    } else {
        EXPECT_EQ(report, "");
    }
}

TEST(task, can_be_discarded_moved_and_assigned_without_a_report) {
    int alive = 0;
    auto body = [](counted_object) -> task<> { co_return; };
    ::testing::internal::CaptureStderr();
    {
        auto first = body(counted_object{alive});
        auto second = std::move(first);
        EXPECT_FALSE(static_cast<bool>(first));
        EXPECT_TRUE(static_cast<bool>(second));
        second.discard();
        EXPECT_EQ(alive, 0);
        second.discard();
    }
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(task, is_not_reported_when_an_error_or_a_request_came_before_its_await) {
    ::testing::internal::CaptureStderr();
    simulate([]() -> task<> {
        auto body = []() -> task<> { co_return; };
        auto failing = [&]() -> task<> {
            auto later = body();
            throw failure{"before the await"};
            co_await std::move(later);
        };
        bool caught = false;
        try {
            co_await failing();
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        auto stopped = [&]() -> task<> {
            auto later = body();
            co_await sleep_for(1h);
            co_await std::move(later);
        };
        auto cancels = [&]() -> task<> {
            task_group group;
            group.spawn(stopped());
            group.spawn([&]() -> task<> {
                co_await yield_now();
                group.cancel();
            });
            co_await group.run();
        };
        co_await cancels();
    });
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(task, is_not_started_in_a_cancelled_scope_c1) {
    bool ran = false;
    bool resumed = false;
    int alive = 0;
    simulate([&]() -> task<> {
        auto body = [&](counted_object) -> task<> {
            ran = true;
            co_return;
        };
        outermost_group().cancel();
        co_await body(counted_object{alive});
        resumed = true;
    });
    EXPECT_FALSE(ran);
    EXPECT_FALSE(resumed);
    EXPECT_EQ(alive, 0);
}

TEST(task, beyond_the_nesting_limit_does_not_begin_when_its_scope_is_cancelled_meanwhile_c18) {
    bool begun_too_late = false;
    log lines;
    struct chain {
        static task<> descend(int depth, const task_group& group, bool& late) {
            if (group.is_cancelled()) late = true;
            if (depth == 0) co_return;
            co_await descend(depth - 1, group, late);
        }
    };
    simulate([&]() -> task<> {
        task_group group;
        auto cancels = [&]() -> task<> {
            group.cancel();
            co_return;
        };
        group.spawn([&]() -> task<> {
            // The first child stops nesting and waits for its turn, the second cancels them both.
            co_await gather(chain::descend(100, group, begun_too_late), cancels());
            lines.push_back("resumed");
        });
        co_await group.run();
    });
    EXPECT_FALSE(begun_too_late);
    EXPECT_TRUE(lines.empty());
}

TEST(task, awaited_expressions_bind_as_in_python_s027) {
    simulate([]() -> task<> {
        auto two = []() -> task<int> { co_return 2; };
        auto three = []() -> task<int> {
            co_await yield_now();
            co_return 3;
        };
        auto list = []() -> task<std::vector<int>> {
            std::vector<int> values{4, 5};
            co_return values;
        };
        auto text = []() -> task<std::string> { co_return "abc"; };
        auto chooses = [&](int) -> task<int> { return two(); };
        const int negated = -co_await two();
        EXPECT_EQ(negated, -2);
        const int sum = co_await two() + co_await three();
        EXPECT_EQ(sum, 5);
        const int product = co_await two() * co_await three() + 1;
        EXPECT_EQ(product, 7);
        const int element = (co_await list())[1];
        EXPECT_EQ(element, 5);
        const std::size_t size = (co_await text()).size();
        EXPECT_EQ(size, 3U);
        const bool less = co_await two() < co_await three();
        EXPECT_TRUE(less);
        const int nested = co_await chooses(co_await three());
        EXPECT_EQ(nested, 2);
        const bool inverted = !co_await two();
        EXPECT_FALSE(inverted);
    });
}

TEST(awaitable, accepts_what_can_be_awaited_and_nothing_else_s022) {
    static_assert(awaitable<task<int>>);
    static_assert(awaitable<task<>&&>);
    static_assert(!awaitable<task<int>&>, "a task variable must be moved");
    static_assert(!awaitable<int>);
    static_assert(!awaitable<std::suspend_always>);
    static_assert(awaitable<sleep_for_awaitable>);
    static_assert(awaitable<const yield_awaitable&>);
    static_assert(awaitable<task_handle<int>&>);
    static_assert(std::same_as<await_result_t<task<int>>, int>);
    static_assert(std::same_as<await_result_t<task<int&>>, int&>);
    static_assert(std::same_as<await_result_t<task<>>, void>);
    static_assert(awaitable_of<task<std::string>, std::string>);
    static_assert(!awaitable_of<task<std::string>, int>);
    static_assert(!std::copy_constructible<task<int>>);
    static_assert(std::is_nothrow_move_constructible_v<task<int>>);
    SUCCEED();
}

TEST(task_death_test, refuses_to_be_awaited_twice) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     auto body = []() -> task<> { co_return; };
                     auto once = body();
                     co_await std::move(once);
                     co_await std::move(once);
                 }),
                 "awaited twice");
}

}  // namespace
}  // namespace simul
