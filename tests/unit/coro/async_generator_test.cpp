// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/async_generator.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;
using numbers = std::vector<int>;

async_generator<int> powers_of_two(int count) {
    for (int n = 0; n < count; ++n) {
        co_yield 1 << n;
        co_await sleep_for(100ms);
    }
}

async_generator<int> up_to(int last) {
    for (int n = 1; n <= last; ++n) co_yield n;
}

async_generator<int> noting(log& lines) {
    const noted outer{lines, "~outer"};
    const noted inner{lines, "~inner"};
    co_yield 1;
    lines.push_back("between");
    co_await sleep_for(1s);
    co_yield 2;
    lines.push_back("end");
}

task<numbers> take_all(async_generator<int>& source) {
    numbers values;
    while (auto value = co_await source.next()) values.push_back(*value);
    co_return values;
}

// S016: ten values with 0.1 s after each take one second of the clock, and none of ours.
TEST(async_generator, waits_between_its_values) {
    simulate([]() -> task<> {
        const time_point begin = test::now();
        numbers values;
        auto powers = powers_of_two(10);
        while (auto value = co_await powers.next()) values.push_back(*value);
        EXPECT_EQ(values, (numbers{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}));
        EXPECT_EQ(test::now() - begin, 1s);
    });
}

TEST(async_generator, yields_on_each_backend) {
    run_on_each_backend([]() -> task<> {
        const auto slow = [](int last) -> async_generator<int> {
            for (int n = 1; n <= last; ++n) {
                co_await yield_now();
                co_yield n;
                co_await sleep_for(1ms);
            }
        };
        auto source = slow(3);
        const numbers values = co_await take_all(source);
        EXPECT_EQ(values, (numbers{1, 2, 3}));
    });
}

// S017.
TEST(async_generator, collect_gathers_every_value) {
    simulate([]() -> task<> {
        const numbers values = co_await collect(powers_of_two(10));
        EXPECT_EQ(values, (numbers{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}));
        const auto answer_3 = (co_await collect(up_to(0))).empty();
        EXPECT_TRUE(answer_3);
        const auto filtered = [](async_generator<int> source) -> async_generator<int> {
            while (auto value = co_await source.next()) {
                if (*value < 3 || *value > 8) co_yield *std::move(value);
            }
        };
        const numbers some = co_await collect(filtered(up_to(10)));
        EXPECT_EQ(some, (numbers{1, 2, 9, 10}));
    });
}

// S018: iterating is not concurrent.
TEST(async_generator, two_after_one_another_take_the_sum_of_their_times) {
    simulate([]() -> task<> {
        const time_point begin = test::now();
        co_await collect(powers_of_two(10));
        co_await collect(powers_of_two(5));
        EXPECT_EQ(test::now() - begin, 1500ms);
    });
}

TEST(async_generator, runs_nothing_before_the_first_next) {
    simulate([]() -> task<> {
        log lines;
        {
            auto source = noting(lines);
            co_await yield_now();
            EXPECT_TRUE(lines.empty());
        }
        EXPECT_TRUE(lines.empty()) << "never begun: it has no locals";
        int alive = 0;
        const auto with_argument = [](counted_object kept) -> async_generator<int> {
            static_cast<void>(kept);
            co_yield 1;
        };
        {
            auto source = with_argument(counted_object{alive});
            EXPECT_EQ(alive, 1);
        }
        EXPECT_EQ(alive, 0) << "its arguments are destroyed all the same";
    });
}

TEST(async_generator, next_does_not_suspend_unless_the_body_does) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        auto source = up_to(100);
        for (int n = 1; n <= 100; ++n) {
            const auto value = co_await source.next();
            EXPECT_EQ(value, n);
        }
        const auto answer_4 = co_await source.next();
        EXPECT_FALSE(answer_4);
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(async_generator, gives_the_others_a_turn_when_it_never_waits) {
    simulate([]() -> task<> {
        bool other_ran = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                other_ran = true;
                co_return;
            });
            auto source = up_to(1'000'000);
            int last = 0;
            while (!other_ran) last = *co_await source.next();
            EXPECT_LT(last, 10'000);
        });
    });
}

TEST(async_generator, next_after_the_end_gives_nothing) {
    simulate([]() -> task<> {
        auto source = up_to(1);
        const auto answer_5 = co_await source.next();
        EXPECT_EQ(answer_5, 1);
        for (int i = 0; i < 3; ++i) {
            const auto value = co_await source.next();
            EXPECT_FALSE(value);
        }
        source.close();
        const auto answer_6 = co_await source.next();
        EXPECT_FALSE(answer_6);
    });
}

TEST(async_generator, an_error_of_the_body_comes_out_of_next_and_ends_it) {
    simulate([]() -> task<> {
        log lines;
        const auto failing = [](log& seen) -> async_generator<int> {
            const noted local{seen, "~local"};
            co_yield 1;
            co_await yield_now();
            throw std::runtime_error{"body"};
        };
        auto source = failing(lines);
        const auto answer_7 = co_await source.next();
        EXPECT_EQ(answer_7, 1);
        std::string what;
        try {
            co_await source.next();
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        EXPECT_EQ(what, "body");
        EXPECT_EQ(lines, log{"~local"});
        const auto answer_8 = co_await source.next();
        EXPECT_FALSE(answer_8);
        const auto at_once = []() -> async_generator<int> {
            throw std::runtime_error{"at once"};
            co_yield 0;
        };
        auto second = at_once();
        const auto answer_9 = (co_await as_outcome(second.next())).has_error();
        EXPECT_TRUE(answer_9);
        const auto answer_10 = co_await second.next();
        EXPECT_FALSE(answer_10);
    });
}

TEST(async_generator, the_body_may_catch_and_go_on) {
    simulate([]() -> task<> {
        const auto failing = []() -> task<int> {
            co_await yield_now();
            throw std::runtime_error{"inner"};
        };
        const auto patient = [&]() -> async_generator<int> {
            int value = 0;
            try {
                value = co_await failing();
            } catch (const std::runtime_error&) {
                value = -1;
            }
            co_yield value;
        };
        const numbers values = co_await collect(patient());
        EXPECT_EQ(values, numbers{-1});
    });
}

TEST(async_generator, moves_values_that_cannot_be_copied) {
    simulate([]() -> task<> {
        const auto make = []() -> async_generator<std::unique_ptr<int>> {
            for (int n = 0; n < 3; ++n) co_yield std::make_unique<int>(n);
        };
        auto source = make();
        int expected = 0;
        while (auto value = co_await source.next()) EXPECT_EQ(**value, expected++);
        EXPECT_EQ(expected, 3);
    });
}

TEST(async_generator, keeps_no_value_that_was_taken) {
    simulate([]() -> task<> {
        int alive = 0;
        const auto make = [&]() -> async_generator<counted_object> {
            co_yield counted_object{alive};
            co_yield counted_object{alive};
        };
        auto source = make();
        {
            const auto value = co_await source.next();
            EXPECT_TRUE(value);
        }
        EXPECT_LE(alive, 1) << "at most the temporary of the co_yield";
        static_cast<void>(co_await source.next());
        source.close();
        EXPECT_EQ(alive, 0);
    });
}

// G1, G3.
TEST(async_generator, close_destroys_the_locals_in_reverse_order_there_and_then) {
    simulate([]() -> task<> {
        log lines;
        auto source = noting(lines);
        const auto answer_11 = co_await source.next();
        EXPECT_EQ(answer_11, 1);
        source.close();
        EXPECT_EQ(lines, (log{"~inner", "~outer"}));
        source.close();
        const auto answer_12 = co_await source.next();
        EXPECT_FALSE(answer_12);
        EXPECT_EQ(lines.size(), 2U);
    });
}

TEST(async_generator, leaving_its_block_closes_it) {
    simulate([]() -> task<> {
        log lines;
        {
            auto source = noting(lines);
            co_await source.next();
        }
        EXPECT_EQ(lines, (log{"~inner", "~outer"}));
        lines.clear();
        auto source = noting(lines);
        co_await source.next();
        source = noting(lines);  // the first one is closed
        EXPECT_EQ(lines, (log{"~inner", "~outer"}));
        const auto answer_13 = co_await source.next();
        EXPECT_EQ(answer_13, 1);
        auto moved = std::move(source);
        lines.clear();
        const auto answer_14 = co_await moved.next();
        EXPECT_EQ(answer_14, 2);
        EXPECT_EQ(lines, log{"between"});
        const auto answer_15 = co_await moved.next();
        EXPECT_FALSE(answer_15);
        EXPECT_EQ(lines, (log{"between", "end", "~inner", "~outer"}));
    });
}

TEST(async_generator, in_a_task_that_is_stopped_it_is_closed_in_the_order_of_locals) {
    simulate([]() -> task<> {
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto user = group.spawn([&]() -> task<> {
                const noted before{lines, "~before"};
                auto source = noting(lines);
                const noted after{lines, "~after"};
                co_await source.next();
                co_await sleep_for(1h);
            });
            co_await sleep_for(1s);
            user.cancel();
        });
        EXPECT_EQ(lines, (log{"~after", "~inner", "~outer", "~before"}));
    });
}

TEST(async_generator, in_a_task_that_fails_it_is_closed_before_the_error_is_seen) {
    simulate([]() -> task<> {
        log lines;
        const auto user = [&]() -> task<> {
            auto source = noting(lines);
            co_await source.next();
            throw std::runtime_error{"user"};
        };
        const auto answer_16 = (co_await as_outcome(user())).has_error();
        EXPECT_TRUE(answer_16);
        EXPECT_EQ(lines, (log{"~inner", "~outer"}));
    });
}

TEST(async_generator, cancelled_while_the_body_waits_it_is_unwound_and_has_ended) {
    run_on_each_backend([]() -> task<> {
        log lines;
        auto source = noting(lines);
        const auto answer_17 = co_await source.next();
        EXPECT_EQ(answer_17, 1);
        const auto answer_18 = co_await move_on_after(1ms, source.next());
        EXPECT_FALSE(answer_18);
        EXPECT_EQ(lines, (log{"between", "~inner", "~outer"}));
        const auto answer_19 = co_await source.next();
        EXPECT_FALSE(answer_19);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(async_generator, cancelled_before_next_begins_it_is_not_touched) {
    simulate([]() -> task<> {
        log lines;
        auto source = noting(lines);
        const auto answer_20 = co_await source.next();
        EXPECT_EQ(answer_20, 1);
        task_group group;
        group.spawn([&]() -> task<> {
            group.cancel();
            co_await source.next();
            ADD_FAILURE() << "the scope was cancelled";
        });
        co_await group.run();
        EXPECT_TRUE(lines.empty());
        const auto answer_21 = co_await source.next();
        EXPECT_EQ(answer_21, 2);
    });
}

// A value that is made in the turn in which another branch has won is not lost.
TEST(async_generator, a_value_that_came_too_late_is_kept_for_the_next_call) {
    simulate([]() -> task<> {
        event stop;
        const auto slow = []() -> async_generator<int> {
            for (int n = 1; n <= 3; ++n) {
                co_await sleep_for(1s);
                co_yield n;
            }
        };
        auto source = slow();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                // Armed first, so its turn comes first in the pass of that second.
                co_await sleep_for(1s);
                stop.set();
            });
            co_await yield_now();
            const auto first = co_await select(stop.wait(), source.next());
            EXPECT_EQ(first.index(), 0U);
        });
        const numbers values = co_await take_all(source);
        EXPECT_EQ(values, (numbers{1, 2, 3}));
    });
}

TEST(async_generator, a_stopped_awaiter_leaves_a_late_value_in_the_generator) {
    simulate([]() -> task<> {
        const auto slow = []() -> async_generator<int> {
            for (int n = 1; n <= 2; ++n) {
                co_await sleep_for(1s);
                co_yield n;
            }
        };
        auto source = slow();
        task_handle<> user;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                co_await sleep_for(1s);
                user.cancel();
            });
            co_await yield_now();
            user = group.spawn([&]() -> task<> {
                co_await source.next();
                ADD_FAILURE() << "it was cancelled in the turn before";
            });
        });
        EXPECT_TRUE(user.was_cancelled());
        const numbers values = co_await take_all(source);
        EXPECT_EQ(values, (numbers{1, 2}));
    });
}

TEST(async_generator, may_be_used_by_one_task_after_another) {
    simulate([]() -> task<> {
        auto source = powers_of_two(3);
        numbers values;
        const auto take_one = [&]() -> task<> {
            values.push_back((co_await source.next()).value());
        };
        for (int i = 0; i < 3; ++i) {
            task_group group;
            group.spawn(take_one);
            co_await group.run();
        }
        EXPECT_EQ(values, (numbers{1, 2, 4}));
    });
}

async_generator<int> nested(int depth, log* lines = nullptr) {
    if (depth == 0) {
        co_yield 1;
        co_await yield_now();
        co_yield 2;
        co_await sleep_for(1h);
        if (lines != nullptr) throw std::runtime_error{"deep"};
    } else {
        auto inner = nested(depth - 1, lines);
        while (auto value = co_await inner.next()) co_yield *value;
    }
}

constexpr int very_deep = 10'000;

TEST(async_generator, generators_that_await_generators_use_a_bounded_stack) {
    simulate([]() -> task<> {
        auto source = nested(very_deep);
        const numbers values = co_await take_all(source);
        EXPECT_EQ(values, (numbers{1, 2}));
    });
}

TEST(async_generator, an_error_comes_up_through_many_generators) {
    simulate([]() -> task<> {
        log lines;
        auto source = nested(very_deep, &lines);
        const auto answer_22 = co_await source.next();
        EXPECT_EQ(answer_22, 1);
        const auto answer_23 = co_await source.next();
        EXPECT_EQ(answer_23, 2);
        const auto answer_24 = (co_await as_outcome(source.next())).has_error();
        EXPECT_TRUE(answer_24);
    });
}

TEST(async_generator, a_request_unwinds_many_generators) {
    simulate([]() -> task<> {
        auto source = nested(very_deep);
        const auto answer_25 = co_await source.next();
        EXPECT_EQ(answer_25, 1);
        const auto answer_26 = co_await source.next();
        EXPECT_EQ(answer_26, 2);
        const auto answer_27 = co_await move_on_after(1s, source.next());
        EXPECT_FALSE(answer_27);
        const auto answer_28 = co_await source.next();
        EXPECT_FALSE(answer_28);
    });
}

// Each owns the one below as a local, and locals are destroyed in order: this takes stack.
TEST(async_generator, closing_generators_that_own_one_another_works) {
    simulate([]() -> task<> {
        auto source = nested(1'000);
        const auto answer_29 = co_await source.next();
        EXPECT_EQ(answer_29, 1);
        source.close();
        const auto answer_30 = co_await source.next();
        EXPECT_FALSE(answer_30);
    });
}

TEST(async_generator, checks_that_only_one_task_asks_at_a_time) {
    EXPECT_DEATH(simulate([]() -> task<> {
                     auto source = nested(0);
                     co_await source.next();
                     task_group group;
                     group.spawn([&]() -> task<> { co_await source.next(); });
                     group.spawn([&]() -> task<> { co_await source.next(); });
                     co_await group.run();
                 }),
                 "asked for a value while it is making one");
}

TEST(async_generator, checks_that_it_is_not_closed_while_it_makes_a_value) {
    EXPECT_DEATH(simulate([]() -> task<> {
                     auto source = nested(0);
                     co_await source.next();
                     task_group group;
                     group.spawn([&]() -> task<> { co_await source.next(); });
                     group.spawn([&]() -> task<> {
                         source.close();
                         co_return;
                     });
                     co_await group.run();
                 }),
                 "closed or destroyed while it is making a value");
}

}  // namespace
}  // namespace simul
