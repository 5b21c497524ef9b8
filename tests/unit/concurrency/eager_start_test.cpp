// SPDX-License-Identifier: Apache-2.0
//
// Tasks that begin inside the call that spawns them; see spawn_options.hpp.
#include "simul/concurrency/spawn_options.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

task<> note(log& lines, std::string name) {
    lines.push_back(name + " begins");
    co_await yield_now();
    lines.push_back(name + " ends");
}

TEST(eager_start, runs_a_child_at_once_until_it_suspends) {
    simulate([]() -> task<> {
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(note(lines, "eager"), spawn_options{}.eager());
            group.spawn(note(lines, "queued"));
            lines.emplace_back("body");
            co_return;
        });
        EXPECT_EQ(lines,
                  (log{"eager begins", "body", "eager ends", "queued begins", "queued ends"}));
    });
}

TEST(eager_start, can_be_the_rule_of_a_group_or_of_the_whole_program) {
    const auto program = [](log& lines, start_policy start) -> task<> {
        task_group outer{start};
        outer.spawn([&]() -> task<> {
            outer.spawn(note(lines, "child"));
            outer.spawn(note(lines, "queued"), spawn_options{}.queued());
            lines.emplace_back("spawned");
            co_return;
        });
        co_await outer.run();
    };
    const log expected{"child begins", "spawned", "child ends", "queued begins", "queued ends"};
    log lines;
    run_options options = options_for(backend_kind::simulated);
    run(program(lines, start_policy::eager), options);
    EXPECT_EQ(lines, expected);
    lines.clear();
    options.start = start_policy::eager;
    run(program(lines, start_policy::of_loop), options);
    EXPECT_EQ(lines, expected);
    lines.clear();
    run(program(lines, start_policy::queued), options);
    EXPECT_EQ(lines.front(), "spawned");
}

TEST(eager_start, ends_a_child_that_never_suspends_inside_spawn) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            auto handle = group.spawn([]() -> task<int> { co_return 7; }, spawn_options{}.eager());
            EXPECT_TRUE(handle.done());
            const int value = co_await handle;
            EXPECT_EQ(value, 7);
        });
    });
}

TEST(eager_start, begins_each_child_once_when_children_spawn_children_at_the_start) {
    simulate([]() -> task<> {
        int begun = 0;
        task_group group{start_policy::eager};
        for (int each = 0; each != 3; ++each) {
            group.spawn([&]() -> task<> {
                ++begun;
                group.spawn([&]() -> task<> {
                    ++begun;
                    co_await yield_now();
                });
                co_return;
            });
        }
        co_await group.run();
        EXPECT_EQ(begun, 6);
    });
}

// SEMANTICS C19.
TEST(eager_start, knows_who_runs_before_and_after_a_spawn_c19) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            EXPECT_EQ(this_task::name(), "main");
            std::string inside;
            group.spawn(
                [&]() -> task<> {
                    inside = this_task::name();
                    co_return;
                },
                spawn_options{}.named("child").eager());
            EXPECT_EQ(inside, "child");
            EXPECT_EQ(this_task::name(), "main");
            co_return;
        });
    });
}

// SEMANTICS C19, T23.
TEST(eager_start, child_that_fails_at_once_stops_its_spawner_at_the_next_await_only_c19_t23) {
    simulate([]() -> task<> {
        bool went_on = false;
        bool too_far = false;
        try {
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn(
                    []() -> task<> {
                        throw std::out_of_range{"nine"};
                        co_return;
                    },
                    spawn_options{}.eager());
                went_on = true;
                co_await yield_now();
                too_far = true;
            });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::out_of_range&) {
        }
        EXPECT_TRUE(went_on);
        EXPECT_FALSE(too_far);
    });
}

TEST(eager_start, child_after_a_failure_never_begins) {
    simulate([]() -> task<> {
        bool began = false;
        task_group group{start_policy::eager};
        group.spawn([]() -> task<> {
            throw std::out_of_range{"nine"};
            co_return;
        });
        group.spawn([&]() -> task<> {
            began = true;
            co_return;
        });
        try {
            co_await group.run();
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::out_of_range&) {
        }
        EXPECT_FALSE(began);
    });
}

// SEMANTICS T28.
TEST(eager_start, child_that_suspended_can_be_cancelled_t28) {
    simulate([]() -> task<> {
        int alive = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto handle = group.spawn(
                [&]() -> task<> {
                    const counted_object local{alive};
                    co_await sleep_for(1h);
                    ADD_FAILURE() << "it went on";
                },
                spawn_options{}.eager());
            EXPECT_EQ(alive, 1);
            EXPECT_TRUE(handle.cancel(cancel_reason::shutdown));
            try {
                co_await handle;
                ADD_FAILURE() << "nothing was thrown";
            } catch (const cancelled& stopped) {
                EXPECT_EQ(stopped.reason(), cancel_reason::shutdown);
            }
            EXPECT_EQ(alive, 0);
        });
    });
}

TEST(eager_start, of_a_chain_of_a_hundred_thousand_spawns_needs_no_stack) {
    simulate([]() -> task<> {
        int begun = 0;
        task_group group{start_policy::eager};
        struct spawner {
            static task<> go(task_group& group, int& begun, int left) {
                ++begun;
                if (left != 0) group.spawn(go(group, begun, left - 1));
                co_return;
            }
        };
        group.spawn(spawner::go(group, begun, 100'000));
        co_await group.run();
        EXPECT_EQ(begun, 100'001);
    });
}

}  // namespace
}  // namespace simul
