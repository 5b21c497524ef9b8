// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/with.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct session {
    task<> on_enter() {
        co_await sleep_for(1s);
        if (refuses) throw std::runtime_error{"enter"};
        lines.push_back("enter");
    }
    task<> on_exit() { return leave(); }
    task<> leave() {
        co_await sleep_for(1s);
        lines.push_back("exit");
        if (breaks) throw std::logic_error{"exit"};
    }

    log lines;
    bool refuses = false;
    bool breaks = false;
};

TEST(with, enters_runs_the_body_and_leaves) {
    simulate([]() -> task<> {
        session open;
        const int value = co_await with(open, [](session& inside) -> task<int> {
            inside.lines.push_back("body");
            co_return 5;
        });
        EXPECT_EQ(value, 5);
        EXPECT_EQ(open.lines, (log{"enter", "body", "exit"}));
    });
}

TEST(with, leaves_after_an_error_of_the_body) {
    simulate([]() -> task<> {
        session open;
        bool caught = false;
        try {
            co_await with(open, [](session&) -> task<> {
                co_await yield_now();
                throw std::runtime_error{"body"};
            });
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(open.lines, (log{"enter", "exit"}));
    });
}

TEST(with, leaves_when_the_body_is_no_coroutine_and_throws) {
    simulate([]() -> task<> {
        session open;
        bool caught = false;
        try {
            co_await with(open, [](session&) -> task<> { throw std::runtime_error{"body"}; });
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(open.lines, (log{"enter", "exit"}));
    });
}

TEST(with, leaves_nothing_when_entering_failed) {
    ::testing::internal::CaptureStderr();
    simulate([]() -> task<> {
        session open;
        open.refuses = true;
        bool caught = false;
        try {
            co_await with(open, [](session&) -> task<> { co_return; });
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_TRUE(open.lines.empty());
    });
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(with, leaves_when_the_body_is_stopped) {
    simulate([]() -> task<> {
        session open;
        const auto value = co_await move_on_after(5s, with(open, [](session&) -> task<int> {
                                                      co_await sleep_for(1h);
                                                      co_return 1;
                                                  }));
        EXPECT_FALSE(value.has_value());
        EXPECT_EQ(open.lines, (log{"enter", "exit"}));
    });
}

TEST(with, leaves_nothing_when_it_is_stopped_while_entering) {
    ::testing::internal::CaptureStderr();
    simulate([]() -> task<> {
        session open;
        const auto value =
            co_await move_on_after(500ms, with(open, [](session&) -> task<> { co_return; }));
        EXPECT_FALSE(value.has_value());
        EXPECT_TRUE(open.lines.empty());
    });
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(with, throws_the_error_of_leaving) {
    simulate([]() -> task<> {
        session open;
        open.breaks = true;
        bool caught = false;
        try {
            co_await with(open, [](session&) -> task<> { co_return; });
        } catch (const std::logic_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

}  // namespace
}  // namespace simul
