// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about who owns a task and who gets its error.
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace test;

task<> fail_when(event& happened, const char* what) {
    co_await happened.wait();
    throw std::runtime_error{what};
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    }
}

// A task lives on when nobody has a handle to it.
EVERY_WORLD_TEST(O1, task_lives_on_when_its_handle_is_dropped) {
    event go;
    int alive = 0;
    int finished = 0;
    const auto work = [&]() -> task<> {
        const counted_object local{alive};
        co_await go.wait();
        ++finished;
    };
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(work());
        {
            const auto dropped = group.spawn(work());
            co_await testing::wait_until_all_blocked();
        }
        auto replaced = group.spawn(work());
        replaced = task_handle<>{};
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(alive, 3);
        go.set();
    });
    EXPECT_EQ(finished, 3);
    EXPECT_EQ(alive, 0);
}

// A group ends when the last task in it has ended, also one that was spawned late by another.
EVERY_WORLD_TEST(O2, group_waits_for_all_that_was_spawned_into_it) {
    event go;
    bool late_ended = false;
    bool body_returned = false;
    co_await with_task_group([&](task_group& outer) -> task<> {
        outer.spawn([&]() -> task<> {
            co_await with_task_group([&](task_group& inner) -> task<> {
                inner.spawn([&]() -> task<> {
                    inner.spawn([&]() -> task<> {
                        co_await go.wait();
                        late_ended = true;
                    });
                    co_return;
                });
                body_returned = true;
                co_return;
            });
            EXPECT_TRUE(late_ended);
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(body_returned);
        EXPECT_FALSE(late_ended);
        go.set();
    });
    EXPECT_TRUE(late_ended);
}

// What runs in the outermost group when the main task ends is cancelled then, and waited for.
EVERY_WORLD_TEST(O2, what_is_left_when_the_main_task_ends_is_cancelled) {
    struct left_behind {
        static task<> wait_forever() {
            event never;
            const auto stopped = co_await as_outcome(never.wait());
            EXPECT_TRUE(stopped.is_cancelled());
            EXPECT_EQ(this_task::reason(), cancel_reason::shutdown);
            co_await never.wait();
        }
    };
    outermost_group().spawn(left_behind::wait_forever());
    co_await testing::wait_until_all_blocked();
    EXPECT_EQ(outermost_group().size(), 2U);
}

// An error is thrown where the group ends; who keeps the handle, or looks at it, does not change
// that.
EVERY_WORLD_TEST(O3, error_is_reported_at_the_end_of_the_group_whoever_has_the_handle) {
    const unhandled_errors unhandled;
    event fails;
    fails.set();
    int seen = 0;
    int thrown = 0;
    task_group group;
    auto kept = group.spawn(fail_when(fails, "child"));
    task_group around;
    around.spawn([&]() -> task<> {
        try {
            co_await kept;
        } catch (const std::runtime_error&) {
            ++seen;
        }
    });
    around.spawn([&]() -> task<> {
        try {
            co_await group.run();
        } catch (const std::runtime_error&) {
            ++thrown;
        }
    });
    co_await around.run();
    EXPECT_EQ(seen, 1);
    EXPECT_EQ(thrown, 1);
    EXPECT_NE(kept.error(), nullptr);
    EXPECT_EQ(unhandled.count(), 0U);
}

// A task that was cancelled, and whose handle nobody has looked at, is no error.
EVERY_WORLD_TEST(O3, cancelled_task_that_nobody_looked_at_is_not_reported) {
    const unhandled_errors unhandled;
    event never;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto child = group.spawn([&]() -> task<> { co_await never.wait(); });
        co_await testing::wait_until_all_blocked();
        child.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(child.was_cancelled());
        EXPECT_EQ(child.error(), nullptr);
    });
    EXPECT_EQ(unhandled.count(), 0U);
}

// Errors that follow the first are kept, in the order in which they happened; tasks that were just
// stopped add nothing.
EVERY_WORLD_TEST(O4, later_errors_are_kept_in_their_order_without_the_noise_of_stops) {
    event never;
    event first_fails;
    event second_fails;
    event third_fails;
    std::exception_ptr caught;
    const auto fail_in_cleanup = [&](event& happened, const char* what) -> task<> {
        auto cleanup = fail_when(happened, what);
        co_await finally(never.wait(), std::move(cleanup));
    };
    co_await with_task_group([&](task_group& outer) -> task<> {
        outer.spawn([&]() -> task<> {
            task_group group;
            group.spawn([&]() -> task<> { co_await never.wait(); });
            group.spawn(fail_in_cleanup(third_fails, "third"));
            group.spawn(fail_in_cleanup(second_fails, "second"));
            group.spawn(fail_when(first_fails, "first"));
            group.spawn([&]() -> task<> { co_await never.wait(); });
            try {
                co_await group.run();
            } catch (const std::runtime_error&) {
                caught = std::current_exception();
            }
        });
        for (event* each : {&first_fails, &second_fails, &third_fails}) {
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(caught, nullptr);
            each->set();
        }
    });
    EXPECT_NE(caught, nullptr);
    EXPECT_EQ(text_of(caught), "first");
    std::vector<std::string> later;
    for (const auto& each : suppressed(caught)) later.push_back(text_of(each));
    EXPECT_EQ(later, (std::vector<std::string>{"second", "third"}));
}

// One error keeps its own type through any number of groups.
EVERY_WORLD_TEST(O4, single_error_keeps_its_type_through_nested_groups) {
    bool caught = false;
    try {
        co_await with_task_group([](task_group& outer) -> task<> {
            outer.spawn([]() -> task<> {
                co_await with_task_group([](task_group& inner) -> task<> {
                    inner.spawn([]() -> task<> {
                        throw std::out_of_range{"deep"};
                        co_return;
                    });
                    co_return;
                });
            });
            co_return;
        });
    } catch (const std::out_of_range& error) {
        caught = error.what() == std::string{"deep"} && suppressed().empty();
    }
    EXPECT_TRUE(caught);
}

/// An error that holds something.
class loaded_error : public std::runtime_error {
public:
    explicit loaded_error(int& alive)
        : std::runtime_error{"loaded"}, load_{new counted_object{alive}} {}

private:
    std::shared_ptr<counted_object> load_;
};

// The locals of a task that has failed are gone when its error is seen.
EVERY_WORLD_TEST(O5, locals_of_a_failed_task_are_destroyed_before_its_error_is_seen) {
    int alive = 0;
    int caught = 0;
    const auto fail = [&](counted_object) -> task<> {
        const counted_object local{alive};
        co_await yield_now();
        throw std::runtime_error{"failed"};
    };
    const auto look_at = [&](task_handle<>& child) -> task<> {
        try {
            co_await child;
        } catch (const std::runtime_error&) {
            ++caught;
            EXPECT_EQ(alive, 0);
        }
    };
    task_group group;
    auto child = group.spawn(fail(counted_object{alive}));
    task_group around;
    around.spawn(look_at(child));
    around.spawn([&]() -> task<> {
        try {
            co_await group.run();
        } catch (const std::runtime_error&) {
            ++caught;
            EXPECT_EQ(alive, 0);
        }
    });
    co_await around.run();
    try {
        co_await fail(counted_object{alive});
    } catch (const std::runtime_error&) {
        ++caught;
    }
    EXPECT_EQ(caught, 3);
    EXPECT_EQ(alive, 0);
}

// No cycle keeps an error alive: when the handle and the trace have gone, it has gone.
EVERY_WORLD_TEST(O5, error_is_destroyed_with_the_last_who_knows_it) {
    int alive = 0;
    const auto fail = [&]() -> task<int> {
        throw loaded_error{alive};
        co_return 1;
    };
    {
        task_group group;
        auto kept = group.spawn(fail());
        try {
            co_await group.run();
        } catch (const loaded_error&) {
            EXPECT_EQ(alive, 1);
        }
        simul::detail::clear_traces();
        EXPECT_EQ(alive, 1) << "the handle has it";
    }
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace simul
