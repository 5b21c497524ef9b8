// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/watch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using numbers = std::vector<int>;

task<> follow(watch_reader<int> reader, numbers& seen) {
    try {
        while (true) {
            co_await reader.changed();
            seen.push_back(reader.value());
        }
    } catch (const closed&) {
    }
}

task<> until_waiting(const watch<int>& watched, std::size_t count) {
    while (watched.waiting() != count) co_await yield_now();
}

TEST(watch, tells_every_reader_of_a_change) {
    run_on_each_backend([]() -> task<> {
        watch<int> watched{1};
        numbers first;
        numbers second;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(follow(watched.subscribe(), first));
            group.spawn(follow(watched.subscribe(), second));
            co_await until_waiting(watched, 2);
            watched.set(2);
            co_await until_waiting(watched, 2);
            watched.set(3);
            watched.close();
        });
        EXPECT_EQ(first, (numbers{2, 3}));
        EXPECT_EQ(second, (numbers{2, 3}));
    });
}

TEST(watch, shows_a_slow_reader_the_latest_value_only) {
    simulate([]() -> task<> {
        watch<int> watched{1};
        auto reader = watched.subscribe();
        EXPECT_FALSE(reader.has_changed());
        watched.set(2);
        watched.set(3);
        EXPECT_TRUE(reader.has_changed());
        const auto passes = loop::current().statistics().passes;
        co_await reader.changed();
        EXPECT_EQ(loop::current().statistics().passes, passes) << "it did not wait";
        EXPECT_EQ(reader.value(), 3);
        EXPECT_FALSE(reader.has_changed());
    });
}

TEST(watch, wakes_nobody_when_a_modification_says_that_nothing_has_changed) {
    simulate([]() -> task<> {
        watch<std::string> watched{"a"};
        auto reader = watched.subscribe();
        watched.modify([](std::string&) { return false; });
        EXPECT_FALSE(reader.has_changed());
        watched.modify([](std::string& text) {
            text += "b";
            return true;
        });
        co_await reader.changed();
        EXPECT_EQ(reader.value(), "ab");
    });
}

TEST(watch, that_is_closed_shows_its_last_value_first) {
    simulate([]() -> task<> {
        watch<int> watched;
        auto reader = watched.subscribe();
        watched.set(5);
        watched.close();
        co_await reader.changed();
        EXPECT_EQ(reader.value(), 5);
        const auto end = co_await as_result(reader.changed());
        EXPECT_EQ(end.has_value() ? std::error_code{} : end.error(), errc::closed);
    });
}

TEST(watch, a_copy_of_a_reader_goes_on_from_where_the_reader_was) {
    simulate([]() -> task<> {
        watch<int> watched;
        auto reader = watched.subscribe();
        watched.set(1);
        auto copy = reader;
        co_await reader.changed();
        EXPECT_FALSE(reader.has_changed());
        EXPECT_TRUE(copy.has_changed());
        EXPECT_FALSE(watched.subscribe().has_changed());
    });
}

TEST(watch, a_change_that_came_with_a_time_out_is_still_news) {
    simulate([]() -> task<> {
        watch<int> watched;
        auto reader = watched.subscribe();
        bool in_time = true;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto doomed = group.spawn([&]() -> task<> {
                co_await reader.changed();
                ADD_FAILURE() << "it was cancelled before its turn";
            });
            co_await until_waiting(watched, 1);
            watched.set(1);
            doomed.cancel();
            co_await yield_now();
            in_time = false;
        });
        EXPECT_FALSE(in_time);
        EXPECT_TRUE(reader.has_changed());
    });
}

TEST(watch, checks_that_nothing_is_set_after_the_end) {
    EXPECT_DEATH(
        {
            watch<int> watched;
            watched.close();
            watched.set(1);
        },
        "after it was closed");
}

}  // namespace
}  // namespace simul
