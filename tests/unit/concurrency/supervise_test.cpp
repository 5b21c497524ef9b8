// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/supervise.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string message_of(const std::exception_ptr& error) {
    if (error == nullptr) return "none";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "unknown";
    }
}

log suppressed_messages(const std::exception_ptr& error) {
    log messages;
    for (const auto& each : suppressed(error)) messages.push_back(message_of(each));
    return messages;
}

std::string milliseconds(duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// Delays that are exact: one second each.
restart_options exact() {
    return restart_options{}.jitter(retry_jitter::none).first_delay(1s).factor(1);
}

// Work that fails so many times, each after a while, before it succeeds.
class unreliable {
public:
    explicit unreliable(int failures, duration runs_for = 0s) noexcept
        : failures_{failures}, runs_for_{runs_for} {}

    task<int> operator()() {
        began.push_back(now());
        co_await sleep_for(runs_for_);
        const int time = static_cast<int>(began.size());
        if (time <= failures_) throw failure{"end " + std::to_string(time)};
        co_return time;
    }

    [[nodiscard]] std::vector<duration> delays() const {
        std::vector<duration> between;
        for (std::size_t i = 1; i < began.size(); ++i) {
            between.push_back(began[i] - began[i - 1] - runs_for_);
        }
        return between;
    }

    std::vector<time_point> began;

private:
    int failures_;
    duration runs_for_;
};

// The error of a task, or nullptr.
template <class Result>
task<std::exception_ptr> error_of(task<Result> work) {
    std::exception_ptr error;
    try {
        static_cast<void>(co_await std::move(work));
    } catch (...) {
        error = std::current_exception();
    }
    co_return error;
}

task<std::exception_ptr> error_of(task<> work) {
    std::exception_ptr error;
    try {
        co_await std::move(work);
    } catch (...) {
        error = std::current_exception();
    }
    co_return error;
}

// --- supervise ----------------------------------------------------------------------------------

TEST(supervise, starts_again_what_has_failed_until_it_succeeds) {
    run_on_each_backend([]() -> task<> {
        unreliable work{3};
        const int value = co_await supervise(std::ref(work), restart_options{}.first_delay(100us));
        EXPECT_EQ(value, 4);
    });
}

TEST(supervise, does_not_suspend_for_work_that_succeeds_at_once) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        co_await supervise([]() -> task<> { co_return; });
        int target = 0;
        int& found = co_await supervise([&]() -> task<int&> { co_return target; });
        EXPECT_EQ(&found, &target);
        const auto owner = co_await supervise(
            []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); });
        EXPECT_EQ(*owner, 5);
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(supervise, by_default_gives_up_after_three_restarts_within_five_seconds) {
    simulate([]() -> task<> {
        unreliable work{100};
        const auto error = co_await error_of(supervise(std::ref(work)));
        EXPECT_EQ(message_of(error), "end 4");
        EXPECT_EQ(suppressed_messages(error), (log{"end 1", "end 2", "end 3"}));
        const auto delays = work.delays();
        EXPECT_EQ(delays.size(), 3U);
        EXPECT_LT(delays.at(0), 100ms);
        EXPECT_LT(delays.at(1), 200ms);
        EXPECT_LT(delays.at(2), 400ms);
        bool is_failure = false;
        try {
            std::rethrow_exception(error);
        } catch (const failure&) {
            is_failure = true;
        }
        EXPECT_TRUE(is_failure);
    });
}

TEST(supervise, counts_only_the_restarts_within_the_period) {
    simulate([]() -> task<> {
        unreliable slow{6, 1s};  // one restart in two seconds
        const int value = co_await supervise(std::ref(slow), exact().intensity(2, 3s));
        EXPECT_EQ(value, 7);

        unreliable quick{6, 500ms};  // one in one and a half
        const auto error = co_await error_of(supervise(std::ref(quick), exact().intensity(2, 3s)));
        EXPECT_EQ(message_of(error), "end 3") << "at 0.5 s, 2 s, and 3.5 s: three within 3 s";
    });
}

TEST(supervise, may_allow_no_restart_or_any_number) {
    simulate([]() -> task<> {
        unreliable first{100};
        const auto error = co_await error_of(supervise(std::ref(first), exact().intensity(0, 1s)));
        EXPECT_EQ(message_of(error), "end 1");
        unreliable second{200};
        restart_options endless = exact();
        endless.first_delay(0s).intensity(restart_options::unlimited, 1h);
        const int value = co_await supervise(std::ref(second), endless);
        EXPECT_EQ(value, 201);
    });
}

TEST(supervise, waits_longer_after_each_failure_and_anew_after_a_long_run) {
    simulate([]() -> task<> {
        restart_options options = exact();
        options.factor(2).longest_delay(3s).intensity(100, 10s);
        unreliable quick{4};
        static_cast<void>(co_await supervise(std::ref(quick), options));
        EXPECT_EQ(quick.delays(), (std::vector<duration>{1s, 2s, 3s, 3s}));
        unreliable steady{3, 10s};
        static_cast<void>(co_await supervise(std::ref(steady), options));
        EXPECT_EQ(steady.delays(), (std::vector<duration>{1s, 1s, 1s}));
    });
}

TEST(supervise, never_starts_again_what_is_never_to_be) {
    simulate([]() -> task<> {
        unreliable work{1};
        const auto error =
            co_await error_of(supervise(std::ref(work), exact().policy(restart_policy::never)));
        EXPECT_EQ(message_of(error), "end 1");
        EXPECT_EQ(work.began.size(), 1U);
    });
}

TEST(supervise, starts_again_what_ends_normally_and_should_always_run) {
    simulate([]() -> task<> {
        unreliable work{2};
        const auto error =
            co_await error_of(supervise(std::ref(work), exact().policy(restart_policy::always)));
        EXPECT_EQ(message_of(error), "a supervised task that always has to run ended too often");
        EXPECT_EQ(suppressed_messages(error), (log{"end 1", "end 2"}));
        EXPECT_EQ(work.began.size(), 4U);
    });
}

TEST(supervise, takes_anything_that_is_thrown_for_a_failure_except_a_cancellation) {
    simulate([]() -> task<> {
        int calls = 0;
        const auto throws = [&]() -> task<> {
            if (++calls == 1) throw 5;
            if (calls == 2) throw failure{"no task"};
            return []() -> task<> { co_return; }();
        };
        co_await supervise(throws, exact());
        EXPECT_EQ(calls, 3);

        calls = 0;
        const auto is_cancelled = [&]() -> task<> {
            ++calls;
            throw cancelled{};
            co_return;
        };
        restart_options always = exact().policy(restart_policy::always);
        bool thrown = false;
        try {
            co_await supervise(is_cancelled, always);
        } catch (const cancelled&) {
            thrown = true;
        }
        EXPECT_TRUE(thrown);
        EXPECT_EQ(calls, 1);
    });
}

TEST(supervise, tells_an_observer_of_each_restart) {
    simulate([]() -> task<> {
        log lines;
        restart_options options = exact();
        options.factor(2).on_restart([&](const restart_report& told) {
            EXPECT_TRUE(told.name().empty());
            lines.push_back(std::to_string(told.number()) + ": " + message_of(told.error()) +
                            ", again in " + milliseconds(told.delay()));
        });
        unreliable work{100};
        const auto error = co_await error_of(supervise(std::ref(work), options.intensity(2, 1h)));
        EXPECT_EQ(message_of(error), "end 3");
        EXPECT_EQ(lines, (log{"1: end 1, again in 1000", "2: end 2, again in 2000"}));
    });
}

TEST(supervise, ends_with_what_its_observer_throws) {
    simulate([]() -> task<> {
        restart_options options = exact();
        options.on_restart([](const restart_report&) { throw failure{"observer"}; });
        unreliable work{100};
        const auto error = co_await error_of(supervise(std::ref(work), options));
        EXPECT_EQ(message_of(error), "observer");
        EXPECT_EQ(work.began.size(), 1U);
    });
}

TEST(supervise, is_cancelled_in_the_task_and_in_a_delay) {
    simulate([]() -> task<> {
        log lines;
        int calls = 0;
        const auto work = [&]() -> task<> {
            ++calls;
            const noted local{lines, "gone " + std::to_string(calls)};
            co_await sleep_for(2s);
            throw failure{"x"};
        };
        for (const duration limit : {duration{1s}, duration{2500ms}, duration{4s}}) {
            calls = 0;
            const auto start = now();
            const auto ended = co_await move_on_after(limit, supervise(work, exact()));
            EXPECT_FALSE(ended);
            EXPECT_EQ(now() - start, limit);
        }
        EXPECT_EQ(lines, (log{"gone 1", "gone 1", "gone 1", "gone 2"}));
        co_await sleep_for(1h);
        EXPECT_EQ(calls, 2) << "cancellation is no reason to start again";
    });
}

TEST(supervise, leaks_nothing_when_it_is_dropped) {
    simulate([]() -> task<> {
        int alive = 0;
        {
            const counted_object kept{alive};
            auto dropped = supervise([kept]() -> task<> { co_return; });
            EXPECT_EQ(alive, 2);
            dropped.discard();
        }
        EXPECT_EQ(alive, 0);
        co_return;
    });
}

// --- supervisor ---------------------------------------------------------------------------------

// Children that write down how they live, and fail at given times of the clock.
class stage {
public:
    explicit stage(restart_strategy strategy, restart_options options = exact())
        : supervised{strategy, std::move(options)} {}

    void add(std::string name, std::vector<duration> fails_at = {}, duration ends_at = 1min) {
        supervised.add(name,
                       [this, name, fails_at, ends_at] { return child(name, fails_at, ends_at); });
    }

    task<> child(std::string name, std::vector<duration> fails_at, duration ends_at) {
        const noted end{lines, name + "-"};
        lines.push_back(name + "+" + milliseconds(now() - start));
        for (const duration each : fails_at) {
            if (start + each < now()) continue;
            co_await sleep_until(start + each);
            throw failure{name + " at " + milliseconds(each)};
        }
        co_await sleep_until(start + ends_at);
    }

    time_point start = now();
    log lines;
    supervisor supervised;
};

TEST(supervisor, without_children_ends_at_once) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        supervisor nothing;
        co_await nothing.run();
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(supervisor, starts_its_children_in_order_and_waits_for_all) {
    run_on_each_backend([]() -> task<> {
        log lines;
        supervisor services;
        services.add("first", [&]() -> task<> {
            lines.push_back("first");
            co_await sleep_for(300us);
        });
        services.add("second", [&]() -> task<int> {
            lines.push_back(std::string{this_task::name()});
            co_await yield_now();
            co_return 5;
        });
        EXPECT_EQ(services.size(), 2U);
        co_await services.run();
        EXPECT_EQ(lines, (log{"first", "second"}));
        EXPECT_EQ(services.restarts(), 0U);
        EXPECT_EQ(services.running(), 0U);
    });
}

TEST(supervisor, starts_eagerly_where_the_loop_does) {
    run_options options = options_for(backend_kind::simulated);
    options.start = start_policy::eager;
    const auto body = []() -> task<> {
        int calls = 0;
        supervisor services{restart_strategy::one_for_one, exact()};
        services.add("a", [&]() -> task<> {
            if (++calls < 3) throw failure{"x"};
            co_return;
        });
        co_await services.run();
        EXPECT_EQ(calls, 3);
    };
    run(body(), options);
}

TEST(supervisor, one_for_one_starts_again_the_one_that_failed) {
    simulate([]() -> task<> {
        stage on{restart_strategy::one_for_one};
        on.add("a");
        on.add("b", {5s});
        on.add("c", {5500ms});
        co_await on.supervised.run();
        EXPECT_EQ(on.lines,
                  (log{"a+0", "b+0", "c+0", "b-", "c-", "b+6000", "c+6500", "a-", "b-", "c-"}));
        EXPECT_EQ(on.supervised.restarts(), 2U);
    });
}

TEST(supervisor, one_for_all_stops_the_siblings_newest_first_and_starts_all_in_order) {
    simulate([]() -> task<> {
        stage on{restart_strategy::one_for_all};
        on.add("a");
        on.add("b", {5s});
        on.add("c");
        on.add("d");
        on.add("e", {}, 2s);  // ends normally before
        co_await on.supervised.run();
        EXPECT_EQ(on.lines, (log{"a+0",    "b+0", "c+0", "d+0",    "e+0",    "e-",     "b-",
                                 "d-",     "c-",  "a-",  "a+6000", "b+6000", "c+6000", "d+6000",
                                 "e+6000", "e-",  "a-",  "b-",     "c-",     "d-"}));
        EXPECT_EQ(on.supervised.restarts(), 1U);
    });
}

TEST(supervisor, rest_for_one_starts_again_the_one_that_failed_and_those_after_it) {
    simulate([]() -> task<> {
        stage on{restart_strategy::rest_for_one};
        on.add("a");
        on.add("b", {5s});
        on.add("c");
        on.add("d");
        co_await on.supervised.run();
        EXPECT_EQ(on.lines, (log{"a+0", "b+0", "c+0", "d+0", "b-", "d-", "c-", "b+6000", "c+6000",
                                 "d+6000", "a-", "b-", "c-", "d-"}));
    });
}

TEST(supervisor, waits_for_each_sibling_to_end_before_it_stops_the_next) {
    simulate([]() -> task<> {
        log lines;
        const auto start = now();
        supervisor services{restart_strategy::one_for_all, exact()};
        const auto slow = [&](std::string name) -> task<> {
            const noted end{lines, name + " ended"};
            co_await shield(sleep_until(start + 10s));
            co_await sleep_until(start + 20s);
        };
        services.add("a", [&] { return slow("a"); });
        services.add("b", [&]() -> task<> {
            const noted end{lines, "b at " + milliseconds(now() - start)};
            if (now() < start + 5s) {
                co_await sleep_until(start + 5s);
                throw failure{"x"};
            }
        });
        services.add("c", [&] { return slow("c"); });
        co_await services.run();
        EXPECT_EQ(lines, (log{"b at 0", "c ended", "a ended", "b at 11000", "a ended", "c ended"}));
    });
}

TEST(supervisor, a_failure_during_a_restart_joins_it_or_comes_next) {
    simulate([]() -> task<> {
        log told;
        restart_options options = exact();
        options.on_restart([&](const restart_report& report) {
            told.push_back(std::to_string(report.number()) + " " + message_of(report.error()));
        });
        const auto start = now();
        supervisor services{restart_strategy::rest_for_one, options};
        log lines;
        const auto fails_once = [&](std::string name, duration when) -> task<> {
            lines.push_back(name + "+" + milliseconds(now() - start));
            if (now() > start + when) co_return;
            co_await shield(sleep_until(start + when));
            throw failure{name};
        };
        services.add("a", [&] { return fails_once("a", 6s); });
        services.add("b", [&] { return fails_once("b", 5s); });
        services.add("c", [&] { return fails_once("c", 5s); });
        services.add("d", [&]() -> task<> {
            if (now() == start) co_await shield(sleep_until(start + 7s));
            lines.push_back("d+" + milliseconds(now() - start));
        });
        co_await services.run();
        EXPECT_EQ(told, (log{"1 b", "1 c", "2 a"}));
        EXPECT_EQ(lines,
                  (log{"a+0", "b+0", "c+0", "d+7000", "a+8000", "b+8000", "c+8000", "d+8000"}));
    });
}

TEST(supervisor, gives_up_when_there_were_too_many_restarts_of_all_children) {
    simulate([]() -> task<> {
        stage on{restart_strategy::one_for_one, exact().intensity(2, 5s)};
        on.add("a");
        on.add("b", {1s});
        on.add("c", {2s});
        on.add("d", {2500ms});
        on.add("e");
        const auto error = co_await error_of(on.supervised.run());
        EXPECT_EQ(message_of(error), "d at 2500");
        EXPECT_EQ(suppressed_messages(error), (log{"b at 1000", "c at 2000"}));
        EXPECT_EQ(now() - on.start, 2500ms);
        const log ends{on.lines.end() - 4, on.lines.end()};
        EXPECT_EQ(ends, (log{"d-", "b-", "e-", "a-"}))
            << "the one that was started last is stopped first; c rests";
    });
}

TEST(supervisor, forgets_restarts_that_are_longer_ago_than_the_period) {
    simulate([]() -> task<> {
        stage on{restart_strategy::one_for_one, exact().intensity(1, 5s)};
        on.add("a", {10s, 20s, 30s});
        co_await on.supervised.run();
        EXPECT_EQ(on.supervised.restarts(), 3U);
    });
}

TEST(supervisor, keeps_the_delays_of_each_child_apart) {
    simulate([]() -> task<> {
        log told;
        restart_options options = exact();
        options.factor(2).intensity(10, 1min).on_restart([&](const restart_report& report) {
            told.push_back(std::string{report.name()} + " " + milliseconds(report.delay()));
        });
        stage on{restart_strategy::one_for_one, options};
        on.add("a", {1s, 5s, 10s});
        on.add("b", {6s});
        co_await on.supervised.run();
        EXPECT_EQ(told, (log{"a 1000", "a 2000", "b 1000", "a 4000"}));
    });
}

TEST(supervisor, heeds_the_policy_of_each_child) {
    simulate([]() -> task<> {
        int always = 0;
        int never = 0;
        int on_failure = 0;
        supervisor services{restart_strategy::one_for_all, exact()};
        services.add(
            "always",
            [&]() -> task<> {
                ++always;
                co_await sleep_for(10s);
            },
            restart_policy::always);
        services.add(
            "never",
            [&]() -> task<> {
                ++never;
                co_await sleep_for(1h);
            },
            restart_policy::never);
        services.add("on failure", [&]() -> task<> {
            ++on_failure;
            co_return;
        });
        const auto in_time = co_await move_on_after(25s, services.run());
        EXPECT_FALSE(in_time);
        EXPECT_EQ(always, 3);
        EXPECT_EQ(never, 1) << "once stopped, it stays so";
        EXPECT_EQ(on_failure, 3) << "restarted with the others although it had ended normally";
    });
}

TEST(supervisor, ends_with_the_error_of_a_child_that_is_never_started_again) {
    simulate([]() -> task<> {
        for (const bool is_cancellation : {false, true}) {
            supervisor services{restart_strategy::one_for_one, exact()};
            services.add("a", []() -> task<> { co_await sleep_for(1h); });
            services.add(
                "b",
                [&]() -> task<> {
                    if (is_cancellation) throw cancelled{};
                    throw failure{"final"};
                    co_return;
                },
                is_cancellation ? restart_policy::always : restart_policy::never);
            const auto start = now();
            const auto error = co_await error_of(services.run());
            EXPECT_EQ(message_of(error), is_cancellation ? cancelled{}.what() : "final");
            EXPECT_EQ(now(), start);
        }
    });
}

TEST(supervisor, says_so_when_a_child_ends_normally_too_often) {
    simulate([]() -> task<> {
        restart_options options = exact();
        options.policy(restart_policy::always).intensity(1, 1h);
        supervisor services{restart_strategy::one_for_one, options};
        services.add("a", []() -> task<> { co_return; });
        bool thrown = false;
        try {
            co_await services.run();
        } catch (const restarted_too_often&) {
            thrown = true;
        }
        EXPECT_TRUE(thrown);
    });
}

TEST(supervisor, is_cancelled_from_its_newest_child_to_its_oldest) {
    simulate([]() -> task<> {
        stage on{restart_strategy::one_for_one};
        on.add("a");
        on.add("b", {500ms});  // rests
        on.add("c");
        const auto in_time = co_await move_on_after(1s, on.supervised.run());
        EXPECT_FALSE(in_time);
        EXPECT_EQ(on.lines, (log{"a+0", "b+0", "c+0", "b-", "c-", "a-"}));
        EXPECT_EQ(now() - on.start, 1s);
        EXPECT_EQ(on.supervised.running(), 0U);
    });
}

TEST(supervisor, is_cancelled_while_it_stops_children) {
    simulate([]() -> task<> {
        log lines;
        const auto start = now();
        supervisor services{restart_strategy::one_for_all, exact()};
        services.add("a", [&]() -> task<> {
            const noted end{lines, "a ended"};
            co_await sleep_for(1h);
        });
        services.add("b", []() -> task<> {
            co_await sleep_for(1s);
            throw failure{"x"};
        });
        services.add("c", [&]() -> task<> {
            const noted end{lines, "c ended"};
            co_await shield(sleep_for(10s));
            co_await yield_now();
        });
        const auto in_time = co_await move_on_after(5s, services.run());
        EXPECT_FALSE(in_time);
        EXPECT_EQ(now() - start, 10s);
        EXPECT_EQ(lines, (log{"c ended", "a ended"}));
    });
}

std::vector<std::string>& unhandled() {
    static std::vector<std::string> errors;
    return errors;
}

TEST(supervisor, reports_what_a_child_throws_while_it_is_stopped) {
    unhandled().clear();
    const auto before =
        set_unhandled_error_handler([](std::exception_ptr error, const char*) noexcept {
            unhandled().push_back(message_of(error));
        });
    simulate([]() -> task<> {
        bool has_failed = false;
        supervisor services{restart_strategy::one_for_all, exact()};
        services.add("a", [&]() -> task<> {
            if (has_failed) co_return;
            co_await shield(sleep_for(5s));
            throw failure{"too late"};
        });
        services.add("b", [&]() -> task<> {
            if (has_failed) co_return;
            co_await sleep_for(1s);
            has_failed = true;
            throw failure{"x"};
        });
        co_await services.run();
        EXPECT_EQ(services.restarts(), 1U);
    });
    set_unhandled_error_handler(before);
    EXPECT_EQ(unhandled(), log{"too late"});
}

TEST(supervisor, keeps_what_children_throw_while_it_gives_up_beside_its_error) {
    simulate([]() -> task<> {
        supervisor services{restart_strategy::one_for_one, exact().intensity(0, 1s)};
        services.add("a", [&]() -> task<> {
            co_await shield(sleep_for(5s));
            throw failure{"too late"};
        });
        services.add("b", [&]() -> task<> {
            co_await sleep_for(1s);
            throw failure{"first"};
        });
        const auto error = co_await error_of(services.run());
        EXPECT_EQ(message_of(error), "first");
        EXPECT_EQ(suppressed_messages(error), log{"too late"});
    });
}

TEST(supervisor, may_be_a_child_of_another_one) {
    simulate([]() -> task<> {
        int calls = 0;
        supervisor inner{restart_strategy::one_for_one, exact().intensity(1, 1h)};
        inner.add("work", [&]() -> task<> {
            co_await sleep_for(1s);
            if (++calls < 6) throw failure{"call " + std::to_string(calls)};
        });
        supervisor outer{restart_strategy::one_for_one, exact()};
        outer.add("inner", [&] { return inner.run(); });
        co_await outer.run();
        EXPECT_EQ(calls, 6);
        EXPECT_EQ(outer.restarts(), 2U) << "each inner run makes one restart of its own";
        EXPECT_EQ(inner.restarts(), 1U);
    });
}

TEST(supervisor, leaks_nothing_when_its_run_is_dropped) {
    simulate([]() -> task<> {
        int alive = 0;
        {
            const counted_object kept{alive};
            supervisor services;
            services.add("a", [kept]() -> task<> { co_return; });
            auto dropped = services.run();
            EXPECT_EQ(alive, 2);
            dropped.discard();
        }
        EXPECT_EQ(alive, 0);
        co_return;
    });
}

#if GTEST_HAS_DEATH_TEST
TEST(supervisor, tells_of_misuse) {
    const auto add_late = [] {
        simulate([]() -> task<> {
            supervisor services;
            services.add("a", [&]() -> task<> {
                services.add("b", []() -> task<> { co_return; });
                co_return;
            });
            co_await services.run();
        });
    };
    EXPECT_DEATH(add_late(), "add it before run");
    const auto run_twice = [] {
        simulate([]() -> task<> {
            supervisor services;
            services.add("a", [&] { return services.run(); });
            co_await services.run();
        });
    };
    EXPECT_DEATH(run_twice(), "twice at the same time");
    const auto shrink = [] {
        simulate([]() -> task<> {
            co_await supervise([]() -> task<> { co_return; }, restart_options{}.factor(0.5));
        });
    };
    EXPECT_DEATH(shrink(), "at least 1");
}
#endif

}  // namespace
}  // namespace simul
