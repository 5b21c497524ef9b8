// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/task_group.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/trace.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct other_failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    }
}

task<> note(log& lines, std::string line) {
    lines.push_back(std::move(line));
    co_return;
}

task<> sleep_and_note(log& lines, duration delay, std::string line) {
    const noted destroyed{lines, "~" + line};
    co_await sleep_for(delay);
    lines.push_back(line);
}

template <class Error>
task<> fail_after(duration delay, std::string text) {
    co_await sleep_for(delay);
    throw Error{text};
}

template <class Error>
task<> fail_at_once(std::string text) {
    throw Error{text};
    co_return;
}

// Takes `delay` to end after it was asked to.
task<> slow_to_stop(duration delay, log& lines, std::string line) {
    auto cleaning = [](duration time, log& notes, std::string text) -> task<> {
        co_await sleep_for(time);
        notes.push_back(text);
    };
    auto cleanup = cleaning(delay, lines, std::move(line));
    co_await finally(sleep_for(1h), std::move(cleanup));
}

task<> fail_in_cleanup(duration delay, std::string text) {
    auto cleanup = fail_after<other_failure>(delay, std::move(text));
    co_await finally(sleep_for(1h), std::move(cleanup));
}

TEST(task_group, starts_children_in_the_order_in_which_they_were_spawned) {
    run_on_each_backend([]() -> task<> {
        log lines;
        task_group group;
        group.spawn(note(lines, "a"));
        group.spawn(note(lines, "b"));
        EXPECT_EQ(group.size(), 2U);
        EXPECT_TRUE(lines.empty()) << "children begin at run()";
        co_await group.run();
        EXPECT_EQ(lines, (log{"a", "b"}));
        EXPECT_EQ(group.size(), 0U);
    });
}

TEST(task_group, without_children_does_not_suspend) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        task_group group;
        co_await group.run();
        co_await with_task_group([](task_group&) -> task<> { co_return; });
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(task_group, runs_children_in_the_pass_after_the_spawn) {
    simulate([]() -> task<> {
        log lines;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(note(lines, "child"));
            lines.push_back("body");
            co_await yield_now();
            lines.push_back("body again");
        });
        EXPECT_EQ(lines, (log{"body", "child", "body again"}));
    });
}

TEST(task_group, waits_for_children_that_children_spawn) {
    run_on_each_backend([]() -> task<> {
        log lines;
        task_group group;
        group.spawn([&]() -> task<> {
            co_await sleep_for(1ms);
            group.spawn(sleep_and_note(lines, 1ms, "grandchild"));
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"grandchild", "~grandchild"}));
    });
}

TEST(task_group, rethrows_the_first_failure_with_its_own_type_after_all_have_ended) {
    log lines;
    const auto body = [&]() -> task<> {
        task_group group;
        group.spawn(sleep_and_note(lines, 1h, "sibling"));
        group.spawn(slow_to_stop(5s, lines, "cleaned"));
        group.spawn(fail_after<failure>(1s, "first"));
        const time_point start = now();
        try {
            co_await group.run();
            ADD_FAILURE();
        } catch (const failure& error) {
            EXPECT_STREQ(error.what(), "first");
            EXPECT_EQ(now() - start, 6s);
            EXPECT_TRUE(suppressed().empty());
        }
    };
    simulate(body);
    EXPECT_EQ(lines, (log{"~sibling", "cleaned"}));
}

TEST(task_group, keeps_later_failures_in_the_order_in_which_they_happened_o4) {
    simulate([]() -> task<> {
        task_group group;
        group.spawn(fail_in_cleanup(2s, "third"));
        group.spawn(fail_in_cleanup(1s, "second"));
        group.spawn(fail_after<failure>(1s, "first"));
        std::exception_ptr caught;
        try {
            co_await group.run();
        } catch (const failure&) {
            caught = std::current_exception();
        }
        EXPECT_NE(caught, nullptr);
        if (caught == nullptr) co_return;
        const auto later = suppressed(caught);
        EXPECT_EQ(later.size(), 2U);
        if (later.size() != 2) co_return;
        EXPECT_EQ(text_of(later[0]), "second");
        EXPECT_EQ(text_of(later[1]), "third");
    });
}

TEST(task_group, failure_stops_a_sibling_that_was_to_begin_in_the_same_pass_c18) {
    run_on_each_backend([]() -> task<> {
        task_group group;
        group.spawn(fail_at_once<failure>("first"));
        group.spawn(fail_at_once<other_failure>("second"));
        std::exception_ptr caught;
        try {
            co_await group.run();
        } catch (const failure&) {
            caught = std::current_exception();
        }
        EXPECT_NE(caught, nullptr);
        EXPECT_TRUE(suppressed(caught).empty());
    });
}

TEST(task_group, error_of_the_body_wins_over_a_later_one_of_a_child_t26) {
    simulate([]() -> task<> {
        std::exception_ptr caught;
        try {
            co_await with_task_group([](task_group& group) -> task<> {
                group.spawn(fail_in_cleanup(1s, "child"));
                co_await yield_now();
                throw failure{"body"};
            });
        } catch (const failure& error) {
            EXPECT_STREQ(error.what(), "body");
            caught = std::current_exception();
        }
        const auto later = suppressed(caught);
        EXPECT_EQ(later.size(), 1U);
        for (const auto& error : later) EXPECT_EQ(text_of(error), "child");
    });
}

TEST(task_group, keeps_the_error_of_a_body_that_fails_in_its_cleanup_after_a_child_failed_t26) {
    simulate([]() -> task<> {
        std::exception_ptr caught;
        try {
            co_await with_task_group([](task_group& group) -> task<> {
                group.spawn(fail_after<failure>(1s, "child"));
                auto cleanup = fail_after<other_failure>(1s, "body");
                co_await finally(sleep_for(1h), std::move(cleanup));
            });
        } catch (const failure&) {
            caught = std::current_exception();
        }
        EXPECT_NE(caught, nullptr);
        const auto later = suppressed(caught);
        EXPECT_EQ(later.size(), 1U);
        for (const auto& error : later) EXPECT_EQ(text_of(error), "body");
    });
}

TEST(task_group, does_not_collapse_or_wrap_the_failure_of_a_nested_group_o4) {
    simulate([]() -> task<> {
        auto nested = []() -> task<> {
            task_group inner;
            inner.spawn(fail_after<failure>(1s, "deep"));
            co_await inner.run();
        };
        task_group outer;
        outer.spawn(nested);
        bool caught = false;
        try {
            co_await outer.run();
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(task_group, cancelled_by_its_owner_ends_normally_c3) {
    simulate([]() -> task<> {
        log lines;
        task_group group;
        group.spawn(sleep_and_note(lines, 1h, "child"));
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_TRUE(group.cancel());
            EXPECT_FALSE(group.cancel()) << "two requests are one (T49)";
            EXPECT_TRUE(group.is_cancelled());
        });
        const time_point start = now();
        co_await group.run();
        EXPECT_EQ(now() - start, 1s);
        EXPECT_EQ(lines, log{"~child"});
        EXPECT_FALSE(group.cancel()) << "it has ended";
    });
}

TEST(task_group, stops_the_task_that_waits_for_it_when_the_request_came_from_outside) {
    simulate([]() -> task<> {
        log lines;
        auto inner = [&]() -> task<> {
            task_group group;
            group.spawn(sleep_and_note(lines, 1h, "child"));
            co_await group.run();
            lines.push_back("resumed");
        };
        task_group outer;
        auto handle = outer.spawn(inner);
        outer.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            outer.cancel();
        });
        co_await outer.run();
        EXPECT_TRUE(handle.was_cancelled());
        EXPECT_EQ(lines, log{"~child"});
    });
}

TEST(task_group, returns_normally_when_no_child_was_stopped_by_the_outer_request) {
    simulate([]() -> task<> {
        log lines;
        auto inner = [&]() -> task<> {
            task_group group;
            auto shielded = [&]() -> task<> { co_await shield(sleep_for(2s)); };
            group.spawn(shielded);
            co_await group.run();
            lines.push_back("resumed");
            co_await yield_now();
            lines.push_back("not reached");
        };
        task_group outer;
        auto handle = outer.spawn(inner);
        outer.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            outer.cancel();
        });
        co_await outer.run();
        EXPECT_TRUE(handle.was_cancelled());
        EXPECT_EQ(lines, log{"resumed"});
    });
}

TEST(task_group, is_stopped_on_entry_and_destroys_its_children_unstarted_c18) {
    int alive = 0;
    bool ran = false;
    simulate([&]() -> task<> {
        auto argument = [](counted_object, bool& begun) -> task<> {
            begun = true;
            co_return;
        };
        auto waits = [&]() -> task<> {
            task_group inner;
            inner.spawn(argument(counted_object{alive}, ran));
            outermost_group().cancel();
            co_await inner.run();
            ran = true;
        };
        co_await waits();
        ran = true;
    });
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(ran);
}

TEST(task_group, that_is_never_run_destroys_its_children_without_a_report) {
    int alive = 0;
    ::testing::internal::CaptureStderr();
    simulate([&]() -> task<> {
        auto holds = [](counted_object) -> task<> { co_return; };
        task_group group;
        auto handle = group.spawn(holds(counted_object{alive}));
        auto outlives = std::move(handle);
        group.spawn([&, object = counted_object{alive}]() -> task<> { co_return; });
        EXPECT_EQ(alive, 2);
        co_return;
    });
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(task_group, that_was_cancelled_before_run_and_then_dropped_leaves_nothing_behind) {
    simulate([]() -> task<> {
        {
            task_group dropped;
            auto child = dropped.spawn([]() -> task<> { co_return; });
            EXPECT_TRUE(dropped.cancel());
            EXPECT_TRUE(child.cancel());
        }
        co_await yield_now();
        co_await sleep_for(1s);
    });
}

TEST(task_group, that_was_cancelled_before_run_starts_nothing) {
    bool ran = false;
    simulate([&]() -> task<> {
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            ran = true;
            co_return;
        });
        group.cancel();
        co_await group.run();
        EXPECT_TRUE(handle.was_cancelled());
    });
    EXPECT_FALSE(ran);
}

TEST(task_group, can_be_cancelled_and_dropped_without_a_loop) {
    task_group group;
    EXPECT_TRUE(group.cancel());
    EXPECT_TRUE(group.is_cancelled());
}

TEST(task_group, refuses_children_after_it_was_cancelled_without_a_report_t24) {
    int alive = 0;
    bool ran = false;
    ::testing::internal::CaptureStderr();
    simulate([&]() -> task<> {
        auto holds = [&ran](counted_object) -> task<int> {
            ran = true;
            co_return 1;
        };
        bool called = false;
        task_group group;
        group.spawn([&]() -> task<> {
            group.cancel();
            auto refused = group.spawn(holds(counted_object{alive}));
            EXPECT_TRUE(refused.was_cancelled());
            EXPECT_TRUE(refused.done());
            EXPECT_EQ(alive, 0);
            group.spawn([&, object = counted_object{alive}]() -> task<> {
                called = true;
                co_return;
            });
            EXPECT_EQ(alive, 0);
            co_return;
        });
        co_await group.run();
        EXPECT_FALSE(called);
    });
    EXPECT_FALSE(ran);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(task_group, refuses_children_after_a_failure_without_a_report_t24) {
    bool ran = false;
    ::testing::internal::CaptureStderr();
    simulate([&]() -> task<> {
        auto late = [&]() -> task<> {
            ran = true;
            co_return;
        };
        bool caught = false;
        task_handle<> refused;
        try {
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn(fail_at_once<failure>("x"));
                auto cleaning = [&]() -> task<> {
                    refused = group.spawn(late());
                    co_return;
                };
                auto cleanup = cleaning();
                co_await finally(sleep_for(1h), std::move(cleanup));
            });
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_TRUE(refused.was_cancelled());
    });
    EXPECT_FALSE(ran);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(task_group, refuses_a_task_that_owns_another_one_without_a_report) {
    ::testing::internal::CaptureStderr();
    simulate([]() -> task<> {
        auto inner = []() -> task<> { co_return; };
        auto outer = [](task<> owned) -> task<> { co_await std::move(owned); };
        task_group group;
        group.cancel();
        group.spawn(outer(inner()));
        co_await group.run();
    });
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(task_group, cancels_the_spawner_of_a_failing_child_at_its_next_suspension_t23) {
    simulate([]() -> task<> {
        log lines;
        bool caught = false;
        try {
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn(fail_at_once<failure>("x"));
                lines.push_back("spawned");
                co_await yield_now();
                lines.push_back("after the first suspension");
                co_await yield_now();
                lines.push_back("not reached");
            });
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(lines, log{"spawned"});
    });
}

TEST(task_group, child_cancelled_before_its_first_step_never_runs_c18) {
    int alive = 0;
    bool ran = false;
    log lines;
    ::testing::internal::CaptureStderr();
    simulate([&]() -> task<> {
        auto child = [&](counted_object) -> task<> {
            ran = true;
            co_return;
        };
        task_group group;
        group.spawn([&]() -> task<> {
            auto handle = group.spawn(child(counted_object{alive}));
            EXPECT_TRUE(handle.cancel());
            EXPECT_EQ(alive, 1);
            co_await yield_now();
            EXPECT_TRUE(handle.was_cancelled());
            EXPECT_EQ(alive, 0);
        });
        co_await group.run();
    });
    EXPECT_FALSE(ran);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(task_group, keeps_the_captures_of_a_spawned_lambda_until_its_task_has_ended) {
    run_on_each_backend([]() -> task<> {
        int alive = 0;
        log lines;
        task_group group;
        {
            std::string text = "captured text that is too long to lie inside the string";
            group.spawn([&, text, object = counted_object{alive}]() -> task<> {
                const noted local{lines, "local"};
                co_await sleep_for(1ms);
                lines.push_back(text);
            });
        }
        EXPECT_EQ(alive, 1);
        co_await group.run();
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(lines, (log{"captured text that is too long to lie inside the string", "local"}));
    });
}

TEST(task_group, spawn_lets_an_error_of_the_factory_out_and_keeps_nothing) {
    simulate([]() -> task<> {
        int alive = 0;
        task_group group;
        bool caught = false;
        try {
            group.spawn([object = counted_object{alive}]() -> task<> { throw failure{"make"}; });
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(group.size(), 0U);
        co_await group.run();
    });
}

TEST(task_group, destroys_locals_of_a_cancelled_chain_innermost_first_and_once) {
    log lines;
    simulate([&]() -> task<> {
        auto inner = [&]() -> task<> {
            const noted first{lines, "inner first"};
            const noted second{lines, "inner second"};
            co_await sleep_for(1h);
        };
        auto outer = [&](noted) -> task<> {
            const noted local{lines, "outer"};
            co_await inner();
        };
        task_group group;
        group.spawn(outer(noted{lines, "argument"}));
        group.spawn([&]() -> task<> {
            co_await yield_now();
            group.cancel();
            lines.push_back("requested");
        });
        co_await group.run();
    });
    EXPECT_EQ(lines, (log{"requested", "inner second", "inner first", "outer", "argument"}));
}

TEST(task_group, catch_all_does_not_see_a_cancellation_c2) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            try {
                co_await sleep_for(1h);
                lines.push_back("resumed");
            } catch (...) {
                lines.push_back("caught");
            }
            lines.push_back("swallowed");
        });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_TRUE(lines.empty());
}

TEST(task_group, every_await_in_a_cancelled_scope_stops_c1_t49) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        // The one place where a task sees its cancellation: each await after it stops again.
        group.spawn([&]() -> task<> {
            const auto first = co_await as_outcome(sleep_for(1h));
            lines.push_back(first.is_cancelled() ? "stopped" : "?");
            const auto second = co_await as_outcome(yield_now());
            lines.push_back(second.is_cancelled() ? "stopped again" : "?");
            auto ready = note(lines, "a ready child must not run");
            const auto third = co_await as_outcome(std::move(ready));
            lines.push_back(third.is_cancelled() ? "and again" : "?");
            co_await yield_now();
            lines.push_back("not reached");
        });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            group.cancel();
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_EQ(lines, (log{"stopped", "stopped again", "and again"}));
}

// The original swallows the request by returning; here the result is delivered, and the request
// stops the next await of whoever is inside the scope.
TEST(task_group, child_that_cancels_its_group_and_returns_delivers_its_result_c17_t01) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn([&]() -> task<int> {
            group.cancel();
            co_return 5;
        });
        co_await group.run();
        EXPECT_TRUE(group.is_cancelled());
        const int value = co_await handle;
        EXPECT_EQ(value, 5);
    });
}

TEST(task_group, completion_and_request_in_the_same_pass_lose_neither_c6) {
    for (const bool request_first : {false, true}) {
        for (const bool returnable : {false, true}) {
            SCOPED_TRACE(request_first);
            SCOPED_TRACE(returnable);
            manual_event event;
            event.confirms_later = true;
            log lines;
            simulate([&]() -> task<> {
                task_group group;
                group.spawn([&]() -> task<> {
                    if (returnable) {
                        co_await event.wait_returnable();
                    } else {
                        co_await event.wait();
                    }
                    lines.push_back("resumed");
                    co_await yield_now();
                    lines.push_back("not reached");
                });
                group.spawn([&]() -> task<> {
                    if (request_first) group.cancel();
                    event.complete();
                    if (!request_first) group.cancel();
                    co_return;
                });
                co_await group.run();
            });
            EXPECT_EQ(event.asked, 0) << "what has ended is not asked";
            EXPECT_EQ(event.given_back, returnable ? 1 : 0);
            EXPECT_EQ(event.taken, returnable ? 0 : 1);
            EXPECT_EQ(lines, returnable ? log{} : log{"resumed"});
        }
    }
}

TEST(task_group, waits_for_an_operation_that_confirms_late) {
    simulate([]() -> task<> {
        manual_event event;
        event.confirms_later = true;
        log lines;
        task_group group;
        group.spawn([&]() -> task<> {
            const noted local{lines, "destroyed"};
            co_await event.wait();
            lines.push_back("resumed");
        });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            group.cancel();
            auto wait = [&]() -> task<> {
                co_await sleep_for(1s);
                lines.push_back("confirming");
                event.confirm();
            };
            co_await shield(wait());
        });
        co_await group.run();
        EXPECT_EQ(event.asked, 1);
        EXPECT_EQ(lines, (log{"confirming", "destroyed"}));
    });
}

TEST(task_group, cancel_of_a_group_whose_child_has_finished_wakes_nobody_again_t76_c15) {
    simulate([]() -> task<> {
        task_group group;
        auto finished = group.spawn([]() -> task<> { co_return; });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            EXPECT_TRUE(finished.done());
            EXPECT_FALSE(finished.cancel());
            group.cancel();
            const auto before = loop::current().statistics();
            co_await shield(sleep_for(10s));
            const auto after = loop::current().statistics();
            EXPECT_LE(after.turns - before.turns, 2U) << "nothing spins while nothing can end";
            EXPECT_LE(after.passes - before.passes, 4U);
        });
        co_await group.run();
    });
}

TEST(with_task_group, returns_what_the_body_returns_after_the_children_have_ended) {
    simulate([]() -> task<> {
        log lines;
        const time_point start = now();
        const int value = co_await with_task_group([&](task_group& group) -> task<int> {
            group.spawn(sleep_and_note(lines, 3s, "child"));
            co_await sleep_for(1s);
            co_return 42;
        });
        EXPECT_EQ(value, 42);
        EXPECT_EQ(now() - start, 3s);
        auto pointer = co_await with_task_group(
            [](task_group&) -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); });
        EXPECT_EQ(*pointer, 5);
        int target = 0;
        int& reference =
            co_await with_task_group([&](task_group&) -> task<int&> { co_return target; });
        EXPECT_EQ(&reference, &target);
    });
}

TEST(with_task_group, throws_cancelled_when_its_own_cancel_took_the_result_away) {
    simulate([]() -> task<> {
        bool caught = false;
        try {
            static_cast<void>(co_await with_task_group([](task_group& group) -> task<int> {
                group.cancel();
                co_await yield_now();
                co_return 1;
            }));
        } catch (const cancelled& error) {
            caught = error.reason() == cancel_reason::requested;
        }
        EXPECT_TRUE(caught);
        co_await with_task_group([](task_group& group) -> task<> {
            group.cancel();
            co_await yield_now();
        });
    });
}

TEST(with_task_group, lets_an_error_of_a_body_that_is_no_coroutine_out) {
    simulate([]() -> task<> {
        int alive = 0;
        bool caught = false;
        try {
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn([object = counted_object{alive}]() -> task<> { co_return; });
                throw failure{"not a coroutine"};
            });
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(alive, 0);
    });
}

TEST(with_task_group, never_calls_its_body_in_a_cancelled_scope) {
    bool called = false;
    simulate([&]() -> task<> {
        outermost_group().cancel();
        co_await with_task_group([&](task_group&) -> task<> {
            called = true;
            co_return;
        });
        called = true;
    });
    EXPECT_FALSE(called);
}

// Takes the errors of the child it makes.
class error_collector {
public:
    error_collector(log& errors, std::string text) : errors_{errors}, text_{std::move(text)} {}

    task<> operator()() {
        co_await sleep_for(1s);
        throw failure{text_};
    }

    void take_error(const std::exception_ptr& error) {
        errors_.push_back(text_of(error));
        if (text_ == "too much") throw other_failure{"cannot take it"};
    }

private:
    log& errors_;
    std::string text_;
};

TEST(task_group, gives_the_error_of_a_child_to_the_callable_that_takes_it_and_goes_on) {
    log errors;
    simulate([&]() -> task<> {
        task_group group;
        auto handle = group.spawn(error_collector{errors, "taken"});
        group.spawn([&]() -> task<> {
            co_await sleep_for(2s);
            errors.push_back("still here");
        });
        co_await group.run();
        EXPECT_EQ(text_of(handle.error()), "taken");
    });
    EXPECT_EQ(errors, (log{"taken", "still here"}));
}

TEST(task_group, fails_with_what_a_callable_throws_that_takes_an_error) {
    log errors;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn(error_collector{errors, "too much"});
        group.spawn([]() -> task<> { co_await sleep_for(1h); });
        std::string thrown;
        try {
            co_await group.run();
        } catch (const other_failure& caught) {
            thrown = caught.what();
        }
        EXPECT_EQ(thrown, "cannot take it");
    });
    EXPECT_EQ(errors, (log{"too much"}));
}

TEST(task_group, does_not_ask_for_an_error_of_a_child_that_was_cancelled) {
    log errors;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn(error_collector{errors, "never"});
        group.spawn([&]() -> task<> {
            co_await yield_now();
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_TRUE(errors.empty());
}

TEST(task_group_death_test, refuses_to_run_twice_and_to_take_children_after_the_end) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(simulate([]() -> task<> {
                     task_group group;
                     co_await group.run();
                     co_await group.run();
                 }),
                 "run twice");
    EXPECT_DEATH(simulate([]() -> task<> {
                     task_group group;
                     co_await group.run();
                     group.spawn([]() -> task<> { co_return; });
                 }),
                 "group that has ended");
}

}  // namespace
}  // namespace simul
