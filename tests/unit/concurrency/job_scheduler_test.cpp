// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/job_scheduler.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "unknown";
    }
}

// A list of the errors that reach a handler.
job_scheduler_options writing_to(log& errors) {
    return job_scheduler_options{}.on_error(
        [&errors](const std::exception_ptr& error) { errors.push_back(message_of(error)); });
}

task<> sleeps(duration time) {
    co_await sleep_for(time);
}

task<> fails(duration time, std::string message) {
    co_await sleep_for(time);
    throw failure{message};
}

// Ends so much later than it is asked to.
task<> is_slow_to_end() {
    co_await shield(sleep_for(1s));
    co_await yield_now();
}

TEST(job_scheduler, runs_jobs_and_gives_their_results) {
    run_on_each_backend([]() -> task<> {
        job_scheduler jobs;
        const auto number = co_await jobs.spawn([]() -> task<int> {
            co_await sleep_for(200us);
            co_return 7;
        });
        const auto nothing = co_await jobs.spawn(sleeps(100us));
        const int& value = co_await number.wait();
        EXPECT_EQ(value, 7);
        EXPECT_TRUE(number.done());
        co_await nothing.wait();
        const bool ended = co_await jobs.close();
        EXPECT_TRUE(ended);
        EXPECT_TRUE(jobs.closed());
    });
}

TEST(job_scheduler, gives_references_and_results_that_cannot_be_copied) {
    simulate([]() -> task<> {
        job_scheduler jobs;
        int target = 0;
        const auto reference = co_await jobs.spawn([&]() -> task<int&> { co_return target; });
        int& found = co_await reference.wait();
        EXPECT_EQ(&found, &target);
        const auto owner = co_await jobs.spawn(
            []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); });
        const auto& pointer = co_await owner.wait();
        EXPECT_EQ(*pointer, 5);
        auto text = co_await jobs.spawn([]() -> task<std::string> { co_return "text"; });
        const std::string copy = co_await job{text}.wait();
        const std::string again = co_await std::move(text).wait(1s);
        EXPECT_EQ(copy, again);
    });
}

TEST(job_scheduler, has_the_limits_of_its_model) {
    simulate([]() -> task<> {
        job_scheduler jobs;
        EXPECT_EQ(jobs.limit(), 100U);
        EXPECT_FALSE(jobs.closing());
        EXPECT_FALSE(jobs.closed());
        for (int i = 0; i != 10'100; ++i) static_cast<void>(co_await jobs.spawn(sleeps(1h)));
        co_await sleep_for(1ms);
        EXPECT_EQ(jobs.active_count(), 100U);
        EXPECT_EQ(jobs.pending_count(), 10'000U);
        EXPECT_EQ(jobs.size(), 10'100U);
        const auto added = co_await move_on_after(1s, jobs.spawn(sleeps(1h)));
        EXPECT_FALSE(added);
    });
}

TEST(job_scheduler, begins_jobs_in_order_and_so_many_at_once) {
    simulate([]() -> task<> {
        log lines;
        job_scheduler jobs{job_scheduler_options{}.limit(2).pending_limit(3)};
        const auto start = now();
        const auto work = [&](std::string name) -> task<> {
            lines.push_back(name + " at " + std::to_string((now() - start) / 1s));
            co_await sleep_for(1s);
        };
        for (const char* name : {"a", "b", "c", "d", "e"}) {
            static_cast<void>(co_await jobs.spawn(work(name)));
        }
        EXPECT_EQ(now(), start) << "limit + pending_limit have room";
        static_cast<void>(co_await jobs.spawn([&] { return work("f"); }));
        EXPECT_EQ(now() - start, 1s) << "the next one waits until one has ended";
        const bool ended = co_await jobs.wait_and_close();
        EXPECT_TRUE(ended);
        EXPECT_EQ(now() - start, 3s);
        EXPECT_EQ(lines, (log{"a at 0", "b at 0", "c at 1", "d at 1", "e at 2", "f at 2"}));
    });
}

TEST(job_scheduler, tells_the_states_of_jobs) {
    simulate([]() -> task<> {
        job_scheduler jobs{job_scheduler_options{}.limit(1)};
        const auto first = co_await jobs.spawn(sleeps(1s));
        const auto second = co_await jobs.spawn(sleeps(1s));
        EXPECT_TRUE(first.pending()) << "it has not had its turn";
        co_await yield_now();
        EXPECT_TRUE(first.active());
        EXPECT_FALSE(first.pending());
        EXPECT_TRUE(second.pending());
        EXPECT_FALSE(second.active());
        EXPECT_EQ(jobs.active_count(), 1U);
        EXPECT_EQ(jobs.pending_count(), 1U);
        co_await first.wait();
        co_await yield_now();
        EXPECT_TRUE(first.done());
        EXPECT_FALSE(first.active());
        EXPECT_TRUE(second.active());
        co_await second.wait();
        EXPECT_EQ(jobs.size(), 0U);
        EXPECT_FALSE(second.was_cancelled());
        EXPECT_EQ(second.error(), nullptr);
    });
}

TEST(job_scheduler, suspends_in_spawn_only_when_it_is_full) {
    simulate([]() -> task<> {
        job_scheduler jobs{job_scheduler_options{}.limit(1).pending_limit(0)};
        const auto passes = loop::current().statistics().passes;
        const auto first = co_await jobs.spawn(sleeps(1s));
        EXPECT_EQ(loop::current().statistics().passes, passes);
        const auto start = now();
        const auto second = co_await jobs.spawn(sleeps(1s));
        EXPECT_EQ(now() - start, 1s);
        co_await second.wait();
        const auto before = loop::current().statistics().passes;
        co_await second.wait();
        EXPECT_EQ(loop::current().statistics().passes, before) << "a job that has ended";
    });
}

TEST(job_scheduler, a_cancelled_spawn_leaves_nothing_behind) {
    simulate([]() -> task<> {
        int alive = 0;
        job_scheduler jobs{job_scheduler_options{}.limit(1).pending_limit(0)};
        const auto first = co_await jobs.spawn(sleeps(10s));
        for (int i = 0; i != 3; ++i) {
            const counted_object kept{alive};
            auto make = [kept]() -> task<> { co_return; };
            auto spawning = jobs.spawn(std::move(make));
            const auto added = co_await move_on_after(1s, std::move(spawning));
            EXPECT_FALSE(added);
        }
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(jobs.size(), 1U);
        co_await first.wait();
        const auto start = now();
        const auto next = co_await jobs.spawn(sleeps(1s));
        EXPECT_EQ(now(), start);
        const bool ended = co_await jobs.wait_and_close();
        EXPECT_TRUE(ended);
        EXPECT_EQ(now() - start, 1s) << "nothing else is waited for";
    });
}

// --- errors -------------------------------------------------------------------------------------

TEST(job_scheduler, gives_the_error_of_a_job_to_those_who_wait_for_it) {
    log errors;
    simulate([&]() -> task<> {
        job_scheduler jobs{writing_to(errors)};
        const auto other = co_await jobs.spawn(sleeps(2s));
        const auto failing = co_await jobs.spawn(fails(1s, "x"));
        const auto waits = [&]() -> task<int> {
            try {
                co_await failing.wait();
            } catch (const failure&) {
                co_return 1;
            }
            co_return 0;
        };
        const auto [first, second] = co_await gather(waits(), waits());
        EXPECT_EQ(first + second, 2);
        const int later = co_await waits();
        EXPECT_EQ(later, 1);
        EXPECT_EQ(message_of(failing.error()), "x");
        co_await other.wait();
    });
    EXPECT_TRUE(errors.empty());
}

TEST(job_scheduler, gives_an_error_that_nobody_waits_for_to_its_handler_once) {
    log errors;
    simulate([&]() -> task<> {
        job_scheduler jobs{writing_to(errors)};
        static_cast<void>(co_await jobs.spawn(fails(1s, "dropped")));
        static_cast<void>(co_await jobs.spawn([]() -> task<> { throw failure{"not made"}; }));
        {
            const auto kept = co_await jobs.spawn(fails(2s, "kept"));
            const auto copy = kept;
            co_await sleep_for(3s);
            EXPECT_EQ(errors, (log{"not made", "dropped"})) << "this one may still be waited for";
        }
        EXPECT_EQ(errors, (log{"not made", "dropped", "kept"}));
        EXPECT_EQ(jobs.size(), 0U);
        EXPECT_FALSE(outermost_group().is_cancelled());
    });
    EXPECT_EQ(errors.size(), 3U);
}

TEST(job_scheduler, tells_its_handler_when_all_who_waited_were_cancelled) {
    log errors;
    simulate([&]() -> task<> {
        job_scheduler jobs{writing_to(errors)};
        const auto waits = [&]() -> task<> {
            const auto failing = co_await jobs.spawn(fails(2s, "x"));
            co_await failing.wait();
        };
        const auto in_time = co_await move_on_after(1s, waits());
        EXPECT_FALSE(in_time);
        co_await sleep_for(2s);
        EXPECT_EQ(errors, log{"x"});
    });
}

TEST(job_scheduler, without_a_handler_reports_unhandled_errors) {
    const unhandled_errors unhandled;
    simulate([]() -> task<> {
        job_scheduler jobs;
        static_cast<void>(co_await jobs.spawn(fails(1s, "x")));
        co_await jobs.wait_and_close();
    });
    EXPECT_EQ(unhandled.messages(), log{"x"});
}

TEST(job_scheduler, reports_the_error_and_that_of_a_handler_that_throws) {
    const unhandled_errors unhandled;
    simulate([]() -> task<> {
        job_scheduler jobs{job_scheduler_options{}.on_error(
            [](const std::exception_ptr&) { throw failure{"handler"}; })};
        static_cast<void>(co_await jobs.spawn(fails(1s, "x")));
        co_await jobs.wait_and_close();
    });
    EXPECT_EQ(unhandled.messages(), (log{"x", "handler"}));
}

// --- waiting for and closing one job
// --------------------------------------------------------------

TEST(job, goes_on_when_who_waits_for_it_is_cancelled_or_late) {
    simulate([]() -> task<> {
        job_scheduler jobs;
        const auto slow = co_await jobs.spawn(sleeps(10s));
        const auto in_time = co_await move_on_after(1s, slow.wait());
        EXPECT_FALSE(in_time);
        bool late = false;
        try {
            co_await slow.wait(1s);
        } catch (const timed_out&) {
            late = true;
        }
        EXPECT_TRUE(late);
        EXPECT_TRUE(slow.active());
        const auto start = now();
        co_await slow.wait(1h);
        EXPECT_EQ(now() - start, 8s);
    });
}

TEST(job, is_cancelled_by_close_and_tells_those_who_wait) {
    simulate([]() -> task<> {
        job_scheduler jobs{job_scheduler_options{}.limit(1)};
        int alive = 0;
        const auto active = co_await jobs.spawn([&]() -> task<> {
            const counted_object local{alive};
            co_await sleep_for(1h);
        });
        bool has_begun = false;
        const auto pending = co_await jobs.spawn([&]() -> task<> {
            has_begun = true;
            co_return;
        });
        co_await yield_now();
        bool told = false;
        task_group waiting;
        waiting.spawn([&]() -> task<> {
            try {
                co_await active.wait();
            } catch (const cancelled&) {
                told = true;
            }
        });
        waiting.spawn([&]() -> task<> {
            co_await yield_now();
            const bool pending_ended = co_await pending.close();
            EXPECT_TRUE(pending_ended);
            const bool active_ended = co_await active.close();
            EXPECT_TRUE(active_ended);
            EXPECT_EQ(alive, 0);
        });
        co_await waiting.run();
        EXPECT_TRUE(told);
        EXPECT_FALSE(has_begun);
        EXPECT_TRUE(pending.was_cancelled());
        EXPECT_TRUE(active.was_cancelled());
        EXPECT_FALSE(active.cancel()) << "it has ended";
        EXPECT_EQ(jobs.size(), 0U);
        const auto next = co_await jobs.spawn(sleeps(1s));
        co_await next.wait();
    });
}

TEST(job, close_waits_for_its_end_for_a_while) {
    simulate([]() -> task<> {
        job_scheduler jobs{job_scheduler_options{}.close_timeout(200ms)};
        const auto stubborn = co_await jobs.spawn(is_slow_to_end());
        co_await yield_now();
        const auto start = now();
        const bool at_once = co_await stubborn.close(0s);
        EXPECT_FALSE(at_once);
        EXPECT_EQ(now(), start);
        const bool by_default = co_await stubborn.close();
        EXPECT_FALSE(by_default);
        EXPECT_EQ(now() - start, 200ms);
        const bool with_patience = co_await stubborn.close(1h);
        EXPECT_TRUE(with_patience);
        EXPECT_EQ(now() - start, 1s);
        const bool again = co_await stubborn.close();
        EXPECT_TRUE(again);
    });
}

TEST(job, close_leaves_its_error_to_others) {
    log errors;
    simulate([&]() -> task<> {
        job_scheduler jobs{writing_to(errors)};
        std::optional<job<>> failing = co_await jobs.spawn([]() -> task<> {
            co_await shield(sleep_for(10ms));
            throw failure{"in cleanup"};
        });
        co_await yield_now();
        const bool ended = co_await failing->close();
        EXPECT_TRUE(ended);
        EXPECT_TRUE(errors.empty());
        failing.reset();
        EXPECT_EQ(errors, log{"in cleanup"});
    });
}

TEST(job, close_that_is_cancelled_has_cancelled_the_job) {
    simulate([]() -> task<> {
        job_scheduler jobs;
        const auto stubborn = co_await jobs.spawn(is_slow_to_end());
        co_await yield_now();
        const auto in_time = co_await move_on_after(10ms, stubborn.close(1h));
        EXPECT_FALSE(in_time);
        co_await sleep_for(1s);
        EXPECT_TRUE(stubborn.was_cancelled());
    });
}

// --- closing the scheduler
// ------------------------------------------------------------------------

TEST(job_scheduler, close_cancels_the_jobs_and_refuses_newcomers) {
    simulate([]() -> task<> {
        int alive = 0;
        job_scheduler jobs{job_scheduler_options{}.limit(2)};
        for (int i = 0; i != 5; ++i) {
            static_cast<void>(co_await jobs.spawn([&]() -> task<> {
                const counted_object local{alive};
                co_await sleep_for(1h);
            }));
        }
        co_await yield_now();
        EXPECT_EQ(alive, 2);
        const auto start = now();
        const bool ended = co_await jobs.close();
        EXPECT_TRUE(ended);
        EXPECT_EQ(now(), start);
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(jobs.size(), 0U);
        EXPECT_TRUE(jobs.closed());
        EXPECT_FALSE(jobs.closing());
        bool refused = false;
        try {
            static_cast<void>(co_await jobs.spawn(sleeps(1s)));
        } catch (const closed&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        const bool again = co_await jobs.close();
        EXPECT_TRUE(again);
    });
}

TEST(job_scheduler, close_ends_those_who_wait_in_spawn) {
    simulate([]() -> task<> {
        job_scheduler jobs{job_scheduler_options{}.limit(1).pending_limit(0)};
        int refused = 0;
        task_group group;
        for (int i = 0; i != 3; ++i) {
            group.spawn([&]() -> task<> {
                try {
                    static_cast<void>(co_await jobs.spawn(sleeps(1h)));
                } catch (const closed&) {
                    ++refused;
                }
            });
        }
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            const bool ended = co_await jobs.close();
            EXPECT_TRUE(ended);
            EXPECT_EQ(refused, 2);
        });
        co_await group.run();
        EXPECT_TRUE(jobs.closed());
    });
}

TEST(job_scheduler, close_waits_for_a_while_and_leaves_the_rest_to_the_group) {
    simulate([]() -> task<> {
        task_group group;
        std::optional<job_scheduler> jobs{std::in_place, group};
        const auto start = now();
        group.spawn([&]() -> task<> {
            static_cast<void>(co_await jobs->spawn(is_slow_to_end()));
            co_await yield_now();
            const bool ended = co_await jobs->close();
            EXPECT_FALSE(ended);
            EXPECT_TRUE(jobs->closing());
            EXPECT_FALSE(jobs->closed());
            EXPECT_EQ(now() - start, 100ms);
            const bool later = co_await jobs->close(200ms);
            EXPECT_FALSE(later);
            EXPECT_EQ(now() - start, 300ms);
            jobs.reset();
        });
        co_await group.run();
        EXPECT_EQ(now() - start, 1s);
    });
}

TEST(job_scheduler, wait_and_close_waits_for_jobs_also_those_of_jobs) {
    simulate([]() -> task<> {
        job_scheduler jobs;
        log lines;
        static_cast<void>(co_await jobs.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            static_cast<void>(co_await jobs.spawn([&]() -> task<> {
                co_await sleep_for(1s);
                lines.push_back("second");
            }));
            lines.push_back("first");
        }));
        const auto start = now();
        const bool ended = co_await jobs.wait_and_close();
        EXPECT_TRUE(ended);
        EXPECT_EQ(now() - start, 2s);
        EXPECT_EQ(lines, (log{"first", "second"}));
        EXPECT_TRUE(jobs.closed());
    });
}

TEST(job_scheduler, wait_and_close_cancels_what_has_not_ended_in_time) {
    simulate([]() -> task<> {
        for (const bool by_default : {true, false}) {
            job_scheduler jobs;
            const auto endless = co_await jobs.spawn(sleeps(1h));
            const auto start = now();
            bool ended = false;
            if (by_default) {
                ended = co_await jobs.wait_and_close();
            } else {
                ended = co_await jobs.wait_and_close(5s);
            }
            EXPECT_TRUE(ended);
            EXPECT_TRUE(endless.was_cancelled());
            EXPECT_EQ(now() - start, by_default ? 60s : 5s);
        }
    });
}

TEST(job_scheduler, is_open_after_a_wait_and_close_that_was_cancelled) {
    simulate([]() -> task<> {
        job_scheduler jobs;
        const auto endless = co_await jobs.spawn(sleeps(1h));
        const auto in_time = co_await move_on_after(1s, jobs.wait_and_close());
        EXPECT_FALSE(in_time);
        EXPECT_TRUE(endless.active());
        const auto another = co_await jobs.spawn(sleeps(1s));
        co_await another.wait();
    });
}

TEST(job_scheduler, a_job_may_close_its_own_scheduler) {
    for (const start_policy start : {start_policy::queued, start_policy::eager}) {
        run_options options = options_for(backend_kind::simulated);
        options.start = start;
        bool went_on = false;
        const auto body = [&]() -> task<> {
            job_scheduler jobs;
            const auto closing = co_await jobs.spawn([&]() -> task<> {
                static_cast<void>(co_await jobs.close());
                went_on = true;
            });
            bool was_cancelled = false;
            try {
                co_await closing.wait();
            } catch (const cancelled&) {
                was_cancelled = true;
            }
            EXPECT_TRUE(was_cancelled);
            EXPECT_TRUE(jobs.closed());
        };
        run(body(), options);
        EXPECT_FALSE(went_on);
    }
}

TEST(job_scheduler, works_where_tasks_start_eagerly) {
    log errors;
    run_options options = options_for(backend_kind::simulated);
    options.start = start_policy::eager;
    const auto body = [&]() -> task<> {
        job_scheduler jobs{writing_to(errors)};
        const auto quick = co_await jobs.spawn([]() -> task<int> { co_return 5; });
        EXPECT_TRUE(quick.done());
        const int value = co_await quick.wait();
        EXPECT_EQ(value, 5);
        const auto failing = co_await jobs.spawn([]() -> task<> {
            throw failure{"x"};
            co_return;
        });
        EXPECT_TRUE(errors.empty()) << "it can still be waited for";
        bool failed = false;
        try {
            co_await failing.wait();
        } catch (const failure&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
    };
    run(body(), options);
    EXPECT_TRUE(errors.empty());
}

TEST(job_scheduler, its_destructor_cancels_the_jobs) {
    simulate([]() -> task<> {
        int alive = 0;
        std::optional<job<>> endless;
        {
            job_scheduler jobs;
            endless.emplace(co_await jobs.spawn([&]() -> task<> {
                const counted_object local{alive};
                co_await sleep_for(1h);
            }));
            co_await yield_now();
            EXPECT_EQ(alive, 1);
        }
        bool was_cancelled = false;
        try {
            co_await endless->wait();
        } catch (const cancelled&) {
            was_cancelled = true;
        }
        EXPECT_TRUE(was_cancelled);
        EXPECT_EQ(alive, 0);
    });
}

TEST(job_scheduler, its_jobs_end_with_their_group) {
    simulate([]() -> task<> {
        task_group group;
        job_scheduler jobs{group};
        std::optional<job<>> endless;
        group.spawn([&]() -> task<> {
            endless.emplace(co_await jobs.spawn(sleeps(1h)));
            co_await sleep_for(1s);
            group.cancel();
            const auto refused = co_await shield(jobs.spawn(sleeps(1s)));
            EXPECT_TRUE(refused.was_cancelled());
        });
        co_await group.run();
        EXPECT_TRUE(endless->was_cancelled());
        EXPECT_EQ(jobs.size(), 0U);
    });
}

TEST(job_scheduler, leaks_nothing_when_its_calls_are_dropped) {
    int alive = 0;
    simulate([&]() -> task<> {
        job_scheduler jobs;
        const counted_object kept{alive};
        {
            auto spawning = jobs.spawn([kept]() -> task<> { co_return; });
            spawning.discard();
            auto closing = jobs.close();
            closing.discard();
        }
        EXPECT_EQ(alive, 1);
        EXPECT_FALSE(jobs.closed());
        co_return;
    });
    EXPECT_EQ(alive, 0);
}

#if GTEST_HAS_DEATH_TEST
TEST(job_scheduler, tells_of_a_limit_of_zero) {
    EXPECT_DEATH(job_scheduler{job_scheduler_options{}.limit(0)}, "may run no job");
}
#endif

}  // namespace
}  // namespace simul
