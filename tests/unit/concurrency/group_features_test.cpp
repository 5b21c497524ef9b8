// SPDX-License-Identifier: Apache-2.0
//
// What a task group can do beyond waiting for its children: limits, services, starting, grace.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

TEST(group_limit, runs_so_many_children_at_once_and_the_others_in_their_order) {
    simulate([]() -> task<> {
        std::size_t running = 0;
        std::size_t most = 0;
        std::vector<int> order;
        task_group group{group_options{}.limit(3)};
        for (int each = 0; each != 10; ++each) {
            group.spawn([&, each]() -> task<> {
                order.push_back(each);
                most = std::max(most, ++running);
                co_await sleep_for(1s);
                --running;
            });
        }
        const time_point start = now();
        EXPECT_EQ(group.size(), 10U);
        co_await group.run();
        EXPECT_EQ(now() - start, 4s);
        EXPECT_EQ(most, 3U);
        EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    });
}

TEST(group_limit, holds_for_children_that_are_spawned_while_it_runs) {
    simulate([]() -> task<> {
        std::vector<int> order;
        const auto note = [&](int number) -> task<> {
            order.push_back(number);
            co_await yield_now();
        };
        co_await with_task_group(group_options{}.limit(1), [&](task_group& group) -> task<> {
            for (int each = 0; each != 4; ++each) group.spawn(note(each));
            co_await sleep_for(1s);
            group.spawn(note(4), spawn_options{}.eager());
            EXPECT_EQ(order.size(), 5U);
        });
        EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
    });
}

TEST(group_limit, with_eager_starts_lets_nobody_overtake) {
    simulate([]() -> task<> {
        std::vector<int> order;
        task_group group{group_options{}.limit(2).start(start_policy::eager)};
        for (int each = 0; each != 5; ++each) {
            group.spawn([&, each]() -> task<> {
                order.push_back(each);
                if (each == 0) {
                    group.spawn([&]() -> task<> {
                        order.push_back(5);
                        co_return;
                    });
                }
                co_await yield_now();
            });
        }
        co_await group.run();
        EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
    });
}

TEST(group_limit, destroys_those_that_have_not_begun_when_the_group_is_cancelled) {
    simulate([]() -> task<> {
        int begun = 0;
        int alive = 0;
        std::vector<task_handle<>> handles;
        task_group group{group_options{}.limit(2)};
        for (int each = 0; each != 6; ++each) {
            handles.push_back(group.spawn([&, kept = counted_object{alive}]() -> task<> {
                ++begun;
                co_await sleep_for(1h);
            }));
        }
        group.spawn([]() -> task<> { co_return; });
        EXPECT_EQ(alive, 6);
        bool all = true;
        const auto cancel_later = [&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        };
        task_group outer;
        outer.spawn(cancel_later());
        outer.spawn([&]() -> task<> { co_await group.run(); });
        co_await outer.run();
        for (const task_handle<>& each : handles) all = all && each.was_cancelled();
        EXPECT_TRUE(all);
        EXPECT_EQ(begun, 2);
        EXPECT_EQ(alive, 0);
    });
}

TEST(group_limit, bounds_a_hundred_thousand_children_without_a_semaphore) {
    simulate([]() -> task<> {
        int ended = 0;
        task_group group{group_options{}.limit(7)};
        for (int each = 0; each != 100'000; ++each) {
            group.spawn([&]() -> task<> {
                ++ended;
                co_return;
            });
        }
        co_await group.run();
        EXPECT_EQ(ended, 100'000);
    });
}

TEST(group_services, end_last_in_reverse_order) {
    simulate([]() -> task<> {
        log lines;
        const auto serve = [&](std::string name) -> task<> {
            lines.push_back(name + " begins");
            const noted local{lines, name + " ends"};
            co_await sleep_for(24h);
        };
        const time_point start = now();
        task_group group;
        group.spawn([&]() -> task<> {
            lines.emplace_back("work begins");
            co_await sleep_for(1s);
            lines.emplace_back("work ends");
        });
        group.spawn_service(serve("database"));
        group.spawn_service(serve("cache"));
        co_await group.run();
        EXPECT_EQ(lines, (log{"database begins", "cache begins", "work begins", "work ends",
                              "cache ends", "database ends"}));
        EXPECT_EQ(now() - start, 1s);
    });
}

TEST(group_services, are_stopped_one_after_the_other_each_when_the_one_before_has_ended) {
    simulate([]() -> task<> {
        log lines;
        const auto cleanup = [&](std::string name) -> task<> {
            lines.push_back(name + " cleans up");
            co_await sleep_for(1s);
            lines.push_back(name + " is clean");
        };
        const auto serve = [&](std::string name) -> task<> {
            co_await finally(sleep_for(24h), cleanup(name));
        };
        task_group group;
        group.spawn_service(serve("first"));
        group.spawn_service(serve("second"));
        group.spawn([]() -> task<> { co_await sleep_for(1s); });
        co_await group.run();
        EXPECT_EQ(lines, (log{"second cleans up", "second is clean", "first cleans up",
                              "first is clean"}));
    });
}

TEST(group_services, outlive_the_children_that_a_request_from_outside_stops) {
    simulate([]() -> task<> {
        log lines;
        const auto work = [&]() -> task<> {
            task_group group;
            group.spawn_service([&]() -> task<> {
                const noted local{lines, "service ends"};
                co_await sleep_for(24h);
            });
            group.spawn([&]() -> task<> {
                const auto cleanup = [&]() -> task<> {
                    co_await sleep_for(2s);
                    lines.emplace_back("child is clean");
                };
                co_await finally(sleep_for(24h), cleanup());
            });
            co_await group.run();
        };
        const auto in_time = co_await move_on_after(1s, work());
        EXPECT_FALSE(in_time.has_value());
        EXPECT_EQ(lines, (log{"child is clean", "service ends"}));
    });
}

TEST(group_services, that_fail_cancel_the_group) {
    simulate([]() -> task<> {
        bool stopped = true;
        task_group group;
        group.spawn_service([]() -> task<> {
            co_await yield_now();
            throw std::out_of_range{"nine"};
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1h);
            stopped = false;
        });
        try {
            co_await group.run();
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::out_of_range&) {
        }
        EXPECT_TRUE(stopped);
    });
}

TEST(group_services, that_end_early_and_that_spawn_while_they_end_are_no_trouble) {
    simulate([]() -> task<> {
        log lines;
        task_group group;
        group.spawn_service([&]() -> task<> {
            lines.emplace_back("early");
            co_return;
        });
        group.spawn_service([&]() -> task<> {
            const auto cleanup = [&]() -> task<> {
                group.spawn([&]() -> task<> {
                    co_await sleep_for(1s);
                    lines.emplace_back("spawned late");
                });
                co_return;
            };
            co_await finally(sleep_for(1h), cleanup());
        });
        group.spawn_service([&]() -> task<> {
            const noted local{lines, "newest"};
            co_await sleep_for(1h);
        });
        group.spawn([]() -> task<> { co_await sleep_for(1s); });
        co_await group.run();
        EXPECT_EQ(lines, (log{"early", "newest", "spawned late"}));
    });
}

TEST(group_start, gives_what_the_child_says_when_it_is_ready_and_leaves_it_running) {
    simulate([]() -> task<> {
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            const int port = co_await group.start([&](readiness<int>& ready) -> task<> {
                co_await sleep_for(1s);
                ready.set(8080);
                lines.emplace_back("goes on");
                co_await sleep_for(5s);
                lines.emplace_back("ends");
            });
            EXPECT_EQ(port, 8080);
            lines.emplace_back("body");
        });
        EXPECT_EQ(lines, (log{"goes on", "body", "ends"}));
    });
}

TEST(group_start, throws_the_error_of_a_child_that_fails_before_it_is_ready) {
    simulate([]() -> task<> {
        bool went_on = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto sibling = group.spawn([]() -> task<int> {
                co_await sleep_for(5s);
                co_return 7;
            });
            try {
                co_await group.start([](readiness<>&) -> task<> {
                    co_await yield_now();
                    throw std::out_of_range{"the port is taken"};
                });
                ADD_FAILURE() << "nothing was thrown";
            } catch (const std::out_of_range&) {
            }
            const int value = co_await sibling;
            went_on = value == 7;
        });
        EXPECT_TRUE(went_on);
    });
}

TEST(group_start, throws_if_the_child_ends_without_having_been_ready) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            try {
                co_await group.start([](readiness<>&) -> task<> { co_return; });
                ADD_FAILURE() << "nothing was thrown";
            } catch (const error& never) {
                EXPECT_EQ(never.code(), errc::never_ready);
            }
        });
    });
}

TEST(group_start, makes_an_error_after_readiness_the_groups) {
    simulate([]() -> task<> {
        bool was_ready = false;
        try {
            co_await with_task_group([&](task_group& group) -> task<> {
                co_await group.start([](readiness<>& ready) -> task<> {
                    ready.set();
                    co_await sleep_for(1s);
                    throw std::out_of_range{"later"};
                });
                was_ready = true;
                co_await sleep_for(1h);
            });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::out_of_range&) {
        }
        EXPECT_TRUE(was_ready);
    });
}

TEST(group_start, cancelled_before_readiness_cancels_the_child_and_not_the_group) {
    simulate([]() -> task<> {
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto started =
                co_await move_on_after(1s, group.start([&](readiness<>& ready) -> task<> {
                    const noted local{lines, "child ends"};
                    co_await sleep_for(1h);
                    ready.set();
                }));
            EXPECT_FALSE(started.has_value());
            lines.emplace_back("body goes on");
            EXPECT_FALSE(group.is_cancelled());
            co_await sleep_for(1s);
            lines.emplace_back("body ends");
        });
        EXPECT_EQ(lines, (log{"child ends", "body goes on", "body ends"}));
    });
}

TEST(group_start, child_that_is_ready_is_no_longer_cancelled_with_its_starter) {
    simulate([]() -> task<> {
        bool ended = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto start_and_wait = [&]() -> task<> {
                co_await group.start([&](readiness<>& ready) -> task<> {
                    ready.set();
                    co_await sleep_for(10s);
                    ended = true;
                });
                co_await sleep_for(1h);
            };
            const auto in_time = co_await move_on_after(1s, start_and_wait());
            EXPECT_FALSE(in_time.has_value());
            EXPECT_FALSE(ended);
        });
        EXPECT_TRUE(ended);
    });
}

TEST(group_start, child_that_gets_ready_after_its_start_was_cancelled_ends_at_its_next_await) {
    simulate([]() -> task<> {
        bool went_on = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto started =
                co_await move_on_after(1s, group.start([&](readiness<>& ready) -> task<> {
                    co_await shield(sleep_for(3s));
                    ready.set();
                    co_await sleep_for(1s);
                    went_on = true;
                }));
            EXPECT_FALSE(started.has_value());
            EXPECT_EQ(group.size(), 1U);  // the body
        });
        EXPECT_FALSE(went_on);
    });
}

// SEMANTICS T53.
TEST(group_start, keeps_the_group_open_t53) {
    const auto program = [](bool crashes) -> task<duration> {
        const time_point start = now();
        const auto slow = [crashes](readiness<>& ready) -> task<> {
            co_await sleep_for(1s);
            if (crashes) {
                co_await sleep_for(1s);
                throw std::out_of_range{"crash"};
            }
            ready.set();
            co_await sleep_for(5s);
        };
        // Started by a task of another group, while the group has no child of its own.
        task_group outer;
        event opened;
        task_group* opened_group = nullptr;
        outer.spawn([&]() -> task<> {
            co_await with_task_group([&](task_group& group) -> task<> {
                opened_group = &group;
                opened.set();
                co_await yield_now();
                co_await yield_now();
            });
        });
        outer.spawn([&]() -> task<> {
            co_await opened.wait();
            try {
                co_await opened_group->start(slow);
            } catch (const std::out_of_range&) {
            }
        });
        co_await outer.run();
        co_return now() - start;
    };
    simulate([&]() -> task<> {
        const duration ready = co_await program(false);
        EXPECT_EQ(ready, 6s);
        const duration crashed = co_await program(true);
        EXPECT_EQ(crashed, 2s);
    });
}

TEST(group_start, works_when_the_child_is_ready_at_once_and_eager) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto make = [](readiness<std::unique_ptr<int>>& ready) -> task<> {
                ready.set(std::make_unique<int>(7));
                co_await yield_now();
            };
            const std::unique_ptr<int> value = co_await group.start(make, spawn_options{}.eager());
            EXPECT_EQ(*value, 7);
            EXPECT_EQ(group.size(), 2U);
        });
    });
}

TEST(group_start, gives_the_value_even_if_the_child_has_ended_since) {
    simulate([]() -> task<> {
        co_await with_task_group([&](task_group& group) -> task<> {
            const std::string text =
                co_await group.start([](readiness<std::string>& ready) -> task<> {
                    co_await yield_now();
                    ready.set("a text that is too long for a small string");
                });
            EXPECT_EQ(text, "a text that is too long for a small string");
            EXPECT_EQ(group.size(), 1U);
        });
    });
}

// SEMANTICS C16.
TEST(group_grace, ends_what_shields_itself_for_too_long_and_names_it_c16) {
    simulate([]() -> task<> {
        const time_point start = now();
        log lines;
        task_group group{group_options{}.grace(5s)};
        group.spawn(
            [&]() -> task<> {
                co_await shield(sleep_for(1h));
                lines.emplace_back("stubborn went on");
            },
            spawn_options{}.named("stubborn"));
        group.spawn(
            [&]() -> task<> {
                const auto cleanup = [&]() -> task<> {
                    co_await sleep_for(2s);
                    lines.emplace_back("polite is clean");
                };
                co_await finally(sleep_for(1h), cleanup());
            },
            spawn_options{}.named("polite"));
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        co_await group.run();
        EXPECT_EQ(now() - start, 6s);
        EXPECT_EQ(lines, (log{"polite is clean"}));
        log slow;
        for (const slow_task& each : group.slow_tasks()) slow.push_back(each.name());
        EXPECT_EQ(slow, log{"stubborn"});
    });
}

TEST(group_grace, begins_whoever_cancels_and_costs_nothing_if_all_end_in_time) {
    simulate([]() -> task<> {
        const time_point start = now();
        const auto work = [&]() -> task<> {
            task_group group{group_options{}.grace(3s)};
            group.spawn([]() -> task<> { co_await shield(sleep_for(1h)); });
            co_await group.run();
        };
        const auto in_time = co_await move_on_after(1s, work());
        EXPECT_FALSE(in_time.has_value());
        EXPECT_EQ(now() - start, 4s);

        task_group quick{group_options{}.grace(3s)};
        quick.spawn([&]() -> task<> {
            quick.cancel();
            co_return;
        });
        co_await quick.run();
        EXPECT_TRUE(quick.slow_tasks().empty());
        EXPECT_EQ(now() - start, 4s);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(group_grace, holds_for_services_from_the_moment_in_which_they_are_stopped) {
    simulate([]() -> task<> {
        const time_point start = now();
        task_group group{group_options{}.grace(2s)};
        group.spawn_service([]() -> task<> { co_await shield(sleep_for(1h)); },
                            spawn_options{}.named("log"));
        group.spawn([]() -> task<> { co_await sleep_for(10s); });
        co_await group.run();
        EXPECT_EQ(now() - start, 12s);
        EXPECT_EQ(group.slow_tasks().size(), 1U);
    });
}

// SEMANTICS T51.
TEST(cancel_through_shields, ends_a_shielded_sleep_at_once_t51) {
    simulate([]() -> task<> {
        const time_point start = now();
        task_group group{group_options{}.grace(0s)};
        group.spawn([]() -> task<> { co_await shield(shield(sleep_for(1h))); });
        group.spawn([&]() -> task<> {
            group.cancel();
            co_return;
        });
        co_await group.run();
        EXPECT_EQ(now(), start);
    });
}

}  // namespace
}  // namespace simul
