// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/shared_task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

struct counts {
    int started = 0;
    int ended = 0;
    int alive = 0;
};

task<std::string> compute(counts& seen, duration time) {
    const counted_object local{seen.alive};
    ++seen.started;
    co_await sleep_for(time);
    ++seen.ended;
    co_return "result";
}

task<std::string> fail_after(duration time) {
    co_await sleep_for(time);
    throw std::runtime_error{"broken"};
}

task<> await_it(const shared_task<std::string>& shared, std::vector<std::string>& got) {
    const std::string& result = co_await shared;
    got.push_back(result);
}

TEST(shared_task, runs_once_and_gives_everybody_the_same_object) {
    run_on_each_backend([]() -> task<> {
        counts seen;
        shared_task shared{compute(seen, 1ms)};
        const shared_task copy = shared;
        std::vector<const std::string*> got;
        task_group group;
        for (int i = 0; i < 3; ++i) {
            group.spawn([&]() -> task<> {
                const std::string& result = co_await copy;
                got.push_back(&result);
            });
        }
        co_await group.run();
        const std::string& late = co_await shared;
        EXPECT_EQ(late, "result");
        EXPECT_EQ(got, (std::vector<const std::string*>(3, &late)));
        EXPECT_EQ(seen.started, 1);
        EXPECT_TRUE(shared.done());
        EXPECT_FALSE(shared.was_cancelled());
        EXPECT_EQ(shared.waiting(), 0U);
    });
}

TEST(shared_task, starts_with_the_first_await_and_does_not_suspend_after_its_end) {
    simulate([]() -> task<> {
        counts seen;
        shared_task shared{compute(seen, 1s)};
        co_await sleep_for(10s);
        EXPECT_EQ(seen.started, 0);
        EXPECT_FALSE(shared.done());
        const time_point start = now();
        co_await shared;
        EXPECT_EQ(now() - start, 1s);
        const auto passes = loop::current().statistics().passes;
        co_await shared;
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(shared_task, carries_void_references_and_what_cannot_be_copied) {
    simulate([]() -> task<> {
        int place = 1;
        int done = 0;
        auto make_reference = [&]() -> task<int&> { co_return place; };
        auto make_nothing = [&]() -> task<> {
            ++done;
            co_return;
        };
        auto make_pointer = []() -> task<std::unique_ptr<int>> {
            co_return std::make_unique<int>(5);
        };
        shared_task<int&> reference{make_reference()};
        shared_task<> nothing{make_nothing()};
        shared_task<std::unique_ptr<int>> pointer{make_pointer()};
        int& got = co_await reference;
        EXPECT_EQ(&got, &place);
        co_await nothing;
        co_await nothing;
        EXPECT_EQ(done, 1);
        const std::unique_ptr<int>& seen = co_await pointer;
        EXPECT_EQ(*seen, 5);
        static_assert(!awaitable<shared_task<std::unique_ptr<int>>>, "a copy is not to be had");
        static_assert(std::is_same_v<await_result_t<shared_task<std::string>>, std::string>);
        static_assert(
            std::is_same_v<await_result_t<shared_task<std::string>&>, const std::string&>);
    });
}

TEST(shared_task, a_temporary_gives_a_copy_that_outlives_it) {
    simulate([]() -> task<> {
        counts seen;
        const std::string result = co_await shared_task{compute(seen, 1s)};
        EXPECT_EQ(result, "result");
        auto both = co_await gather(shared_task{compute(seen, 1s)}, shared_task{compute(seen, 2s)});
        EXPECT_EQ(std::get<1>(both), "result");
        EXPECT_EQ(seen.alive, 0);
    });
}

TEST(shared_task, an_error_reaches_all_who_await_it_and_not_the_group) {
    const unhandled_errors unhandled;
    simulate([]() -> task<> {
        int errors = 0;
        co_await with_task_group([&](task_group& owner) -> task<> {
            shared_task shared{fail_after(1s), owner};
            for (int i = 0; i < 3; ++i) {
                owner.spawn([&errors, shared]() -> task<> {
                    try {
                        co_await shared;
                    } catch (const std::runtime_error& caught) {
                        EXPECT_STREQ(caught.what(), "broken");
                        ++errors;
                    }
                });
            }
            co_await sleep_for(2s);
            EXPECT_FALSE(owner.is_cancelled());
            EXPECT_TRUE(shared.error());
            try {
                co_await shared;
            } catch (const std::runtime_error&) {
                ++errors;
            }
        });
        EXPECT_EQ(errors, 4);
    });
    EXPECT_TRUE(unhandled.reports().empty());
}

// Q11.
TEST(shared_task, the_first_awaiter_may_be_cancelled_without_the_others) {
    simulate([]() -> task<> {
        counts seen;
        std::vector<std::string> got;
        shared_task shared{compute(seen, 2s)};
        task_group group;
        auto first = group.spawn(await_it(shared, got));
        group.spawn(await_it(shared, got));
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_EQ(shared.waiting(), 2U);
            first.cancel();
            co_await yield_now();
            EXPECT_EQ(shared.waiting(), 1U);
            EXPECT_FALSE(shared.was_asked_to_end());
        });
        co_await group.run();
        EXPECT_TRUE(first.was_cancelled());
        EXPECT_EQ(got, (std::vector<std::string>{"result"}));
        EXPECT_EQ(seen.ended, 1);
    });
}

TEST(shared_task, is_cancelled_with_its_last_awaiter) {
    simulate([]() -> task<> {
        counts seen;
        shared_task shared{compute(seen, 10s)};
        const auto one = co_await move_on_after(1s, gather(shared, shared));
        EXPECT_FALSE(one);
        EXPECT_TRUE(shared.was_asked_to_end());
        co_await yield_now();
        EXPECT_TRUE(shared.was_cancelled());
        EXPECT_EQ(seen.alive, 0);
        EXPECT_EQ(seen.ended, 0);
    });
}

TEST(shared_task, who_awaits_a_cancelled_one_gets_cancelled) {
    simulate([]() -> task<> {
        counts seen;
        shared_task shared{compute(seen, 10s)};
        shared_task never_begun{compute(seen, 10s)};
        EXPECT_TRUE(never_begun.cancel(cancel_reason::shutdown));
        EXPECT_FALSE(never_begun.cancel());
        EXPECT_TRUE(never_begun.was_cancelled());
        int caught = 0;
        task_group group;
        group.spawn([&]() -> task<> {
            try {
                co_await shared;
            } catch (const cancelled& error) {
                EXPECT_EQ(error.reason(), cancel_reason::deadline);
                ++caught;
            }
            try {
                co_await never_begun;
            } catch (const cancelled& error) {
                EXPECT_EQ(error.reason(), cancel_reason::shutdown);
                ++caught;
            }
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_TRUE(shared.cancel(cancel_reason::deadline));
            EXPECT_FALSE(shared.cancel());
        });
        co_await group.run();
        EXPECT_EQ(caught, 2);
        EXPECT_EQ(seen.alive, 0);
    });
}

TEST(shared_task, keeps_running_without_awaiters_if_it_is_told_to) {
    simulate([]() -> task<> {
        counts seen;
        shared_task_options options;
        options.keep_running = true;
        shared_task shared{compute(seen, 5s), options};
        const auto given_up = co_await move_on_after(1s, shared_task{shared});
        EXPECT_FALSE(given_up);
        EXPECT_FALSE(shared.was_asked_to_end());
        co_await sleep_for(1s);
        const time_point start = now();
        const std::string& result = co_await shared;
        EXPECT_EQ(result, "result");
        EXPECT_EQ(now() - start, 3s);
    });
}

TEST(shared_task, goes_on_when_somebody_joins_before_the_last_one_has_left) {
    simulate([]() -> task<> {
        counts seen;
        std::vector<std::string> got;
        shared_task shared{compute(seen, 5s)};
        task_group group;
        auto first = group.spawn(await_it(shared, got));
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            first.cancel();
            co_await shared;  // in the same turn
            got.emplace_back("joined");
        });
        co_await group.run();
        EXPECT_EQ(got, (std::vector<std::string>{"joined"}));
        EXPECT_EQ(seen.ended, 1);
    });
}

// O3, C13.
TEST(shared_task, an_error_that_nobody_took_is_reported_exactly_once) {
    const unhandled_errors unhandled;
    simulate([&]() -> task<> {
        shared_task_options options;
        options.keep_running = true;
        shared_task shared{fail_after(2s), options};
        const shared_task keeps_a_handle = shared;
        static_cast<void>(co_await move_on_after(1s, shared_task{shared}));
        static_cast<void>(co_await move_on_after(500ms, shared_task{shared}));
        EXPECT_TRUE(unhandled.reports().empty());
        co_await sleep_for(1s);
        EXPECT_EQ(unhandled.messages(), (std::vector<std::string>{"broken"}))
            << "when it ended, not later";
        bool caught = false;
        try {
            co_await shared;
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
    EXPECT_EQ(unhandled.count(), 1U);
}

TEST(shared_task, an_error_on_its_way_to_somebody_who_is_cancelled_is_reported) {
    for (const bool fails_first : {true, false}) {
        const unhandled_errors unhandled;
        simulate([&]() -> task<> {
            event go;
            auto fail_at_once = [&]() -> task<std::string> {
                co_await go.wait();
                throw std::runtime_error{"broken"};
            };
            std::vector<std::string> got;
            shared_task_options options;
            options.keep_running = true;
            shared_task shared{fail_at_once(), options};
            task_group group;
            auto only = group.spawn(await_it(shared, got));
            group.spawn([&]() -> task<> {
                while (shared.waiting() == 0) co_await yield_now();
                co_await yield_now();
                go.set();
                if (fails_first) co_await yield_now();  // the error is there, its taker queued
                only.cancel();
                for (int i = 0; i < 4; ++i) co_await yield_now();
            });
            co_await group.run();
            EXPECT_TRUE(only.was_cancelled());
            EXPECT_TRUE(shared.error());
        });
        EXPECT_EQ(unhandled.messages(), (std::vector<std::string>{"broken"}));
    }
}

TEST(shared_task, an_error_of_its_cleanup_after_the_last_has_left_is_reported) {
    const unhandled_errors unhandled;
    simulate([]() -> task<> {
        auto clean_up = []() -> task<> {
            co_await yield_now();
            throw std::runtime_error{"cleanup"};
        };
        counts seen;
        auto work = [&]() -> task<std::string> {
            std::string result = co_await finally(compute(seen, 1h), clean_up());
            co_return result;
        };
        shared_task shared{work()};
        static_cast<void>(co_await move_on_after(1s, shared_task{shared}));
        co_await sleep_for(1s);
    });
    EXPECT_EQ(unhandled.messages(), (std::vector<std::string>{"cleanup"}));
}

TEST(shared_task, ends_with_its_group_and_says_so_to_those_outside) {
    simulate([]() -> task<> {
        counts seen;
        task_group owner;
        owner.spawn([]() -> task<> { co_await sleep_for(1h); });
        shared_task shared{compute(seen, 10s), owner};
        int caught = 0;
        auto outside = outermost_group().spawn([&]() -> task<> {
            for (int i = 0; i < 2; ++i) {  // while it runs, and after its end
                try {
                    co_await shared;
                } catch (const cancelled&) {
                    ++caught;
                }
            }
        });
        static_cast<void>(co_await move_on_after(1s, owner.run()));
        co_await outside;
        EXPECT_EQ(caught, 2);
        EXPECT_EQ(seen.alive, 0);
    });
}

TEST(shared_task, is_refused_by_a_group_that_was_cancelled) {
    simulate([]() -> task<> {
        counts seen;
        co_await with_task_group([&](task_group& owner) -> task<> {
            owner.spawn([]() -> task<> { co_await shield(sleep_for(1s)); });
            co_await yield_now();
            shared_task shared{compute(seen, 10s), owner};
            outermost_group().spawn([shared]() -> task<> {
                try {
                    co_await shared;
                    ADD_FAILURE() << "it ran in a cancelled group";
                } catch (const cancelled&) {
                }
            });
            owner.cancel();
        });
        EXPECT_EQ(seen.started, 0);
    });
}

TEST(shared_task, may_be_dropped_by_those_who_await_it) {
    simulate([]() -> task<> {
        counts seen;
        std::string got;
        auto shared = std::make_unique<shared_task<std::string>>(compute(seen, 1s));
        task_group group;
        group.spawn([&]() -> task<> { got = co_await std::move(*shared); });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            shared.reset();
        });
        co_await group.run();
        EXPECT_EQ(got, "result");
        EXPECT_EQ(seen.alive, 0);
    });
}

TEST(shared_task, two_branches_of_a_select_take_it_once) {
    simulate([]() -> task<> {
        counts seen;
        shared_task shared{compute(seen, 1s)};
        const auto first = co_await select(shared_task{shared}, shared_task{shared});
        EXPECT_EQ(first.index(), 0U);
        EXPECT_EQ(shared.waiting(), 0U);
    });
}

task<> await_a_moved_one() {
    counts seen;
    shared_task shared{compute(seen, 1s)};
    static_cast<void>(co_await std::move(shared));
    co_await shared;
}

TEST(shared_task, a_moved_one_cannot_be_awaited) {
    EXPECT_DEATH(simulate(&await_a_moved_one), "awaited after it was moved");
}

}  // namespace
}  // namespace simul
