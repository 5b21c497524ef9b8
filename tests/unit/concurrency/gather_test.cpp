// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/gather.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct later_failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

task<int> give(int value, duration delay = 0s) {
    if (delay > 0s) co_await sleep_for(delay);
    co_return value;
}

task<> note(log& lines, std::string text, duration delay = 0s) {
    const noted destroyed{lines, "~" + text};
    if (delay > 0s) co_await sleep_for(delay);
    lines.push_back(text);
}

task<> fail(duration delay = 0s) {
    if (delay > 0s) co_await sleep_for(delay);
    throw failure{"first"};
}

task<> fail_in_cleanup(duration delay) {
    auto failing = [](duration time) -> task<> {
        co_await sleep_for(time);
        throw later_failure{"later"};
    };
    auto cleanup = failing(delay);
    co_await finally(sleep_for(1h), std::move(cleanup));
}

TEST(gather, returns_results_in_argument_order) {
    run_on_each_backend([]() -> task<> {
        auto pointer = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
        auto [a, b, c, d] = co_await gather(give(1, 2ms), give(2), pointer(), sleep_for(1ms));
        EXPECT_EQ(a, 1);
        EXPECT_EQ(b, 2);
        EXPECT_EQ(*c, 3);
        static_assert(std::is_same_v<decltype(d), std::monostate>);
    });
}

TEST(gather, runs_its_children_at_once) {
    simulate([]() -> task<> {
        const time_point start = now();
        co_await gather(sleep_for(3s), sleep_for(2s), sleep_for(1s));
        EXPECT_EQ(now() - start, 3s);
    });
}

TEST(gather, starts_children_in_place_from_left_to_right_until_they_suspend) {
    simulate([]() -> task<> {
        log lines;
        const auto passes = loop::current().statistics().passes;
        co_await gather(note(lines, "a"), note(lines, "b"));
        EXPECT_EQ(loop::current().statistics().passes, passes) << "nobody suspended";
        EXPECT_EQ(lines, (log{"a", "~a", "b", "~b"}));
    });
}

TEST(gather, of_nothing_does_not_suspend) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        const std::tuple<> none = co_await gather();
        static_cast<void>(none);
        std::vector<task<int>> empty;
        const std::vector<int> values = co_await gather(std::move(empty));
        EXPECT_TRUE(values.empty());
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(gather, first_failure_cancels_the_siblings_and_waits_for_them_c12) {
    simulate([]() -> task<> {
        log lines;
        const time_point start = now();
        bool caught = false;
        try {
            co_await gather(note(lines, "slow", 1h), fail(1s), fail_in_cleanup(2s));
        } catch (const failure&) {
            const auto later = suppressed();
            caught = later.size() == 1;
            for (const auto& each : later) {
                EXPECT_THROW(std::rethrow_exception(each), later_failure);
            }
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(now() - start, 3s);
        EXPECT_EQ(lines, log{"~slow"});
    });
}

TEST(gather, does_not_start_what_follows_a_child_that_failed_at_once) {
    simulate([]() -> task<> {
        log lines;
        bool caught = false;
        try {
            co_await gather(fail(), note(lines, "never"));
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_TRUE(lines.empty());
    });
}

TEST(gather, child_that_was_cancelled_by_somebody_else_is_an_error_for_the_caller_c11) {
    simulate([]() -> task<> {
        task_group group;
        auto handle = group.spawn(give(1, 1h));
        group.spawn([&]() -> task<> {
            bool caught = false;
            try {
                co_await gather(handle, give(2));
            } catch (const cancelled& error) {
                caught = error.reason() == cancel_reason::requested;
            }
            EXPECT_TRUE(caught);
            co_await yield_now();
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            handle.cancel();
        });
        co_await group.run();
    });
}

TEST(gather, passes_a_request_to_all_children_and_is_stopped_t11) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            co_await gather(note(lines, "a", 1h), note(lines, "b", 1h), give(1));
            lines.push_back("resumed");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_TRUE(handle.cancel());
            EXPECT_FALSE(handle.cancel());
        });
        co_await group.run();
        EXPECT_TRUE(handle.was_cancelled());
    });
    EXPECT_EQ(lines, (log{"~a", "~b"}));
}

TEST(gather, delivers_when_all_children_finished_in_spite_of_the_request_c11) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            co_await gather(shield(sleep_for(2s)), shield(sleep_for(3s)));
            lines.push_back("resumed");
            co_await yield_now();
            lines.push_back("not reached");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        co_await group.run();
    });
    EXPECT_EQ(lines, log{"resumed"});
}

TEST(gather, is_stopped_on_entry) {
    log lines;
    simulate([&]() -> task<> {
        outermost_group().cancel();
        co_await gather(note(lines, "a"));
        lines.push_back("resumed");
    });
    EXPECT_TRUE(lines.empty());
}

TEST(gather, awaits_ranges_and_keeps_their_order) {
    simulate([]() -> task<> {
        std::vector<task<int>> children;
        for (int index = 0; index < 100; ++index) {
            children.push_back(give(index, std::chrono::seconds{100 - index}));
        }
        const std::vector<int> values = co_await gather(std::move(children));
        EXPECT_EQ(values.size(), 100U);
        for (int index = 0; index < static_cast<int>(values.size()); ++index) {
            EXPECT_EQ(values[static_cast<std::size_t>(index)], index);
        }
    });
}

TEST(gather, failure_in_a_range_cancels_the_rest) {
    simulate([]() -> task<> {
        int alive = 0;
        auto holds = [](counted_object) -> task<> { co_await sleep_for(1h); };
        std::vector<task<>> children;
        for (int index = 0; index < 10; ++index) children.push_back(holds(counted_object{alive}));
        children.push_back(fail(1s));
        bool caught = false;
        try {
            co_await gather(std::move(children));
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(alive, 0);
    });
}

TEST(gather, references_lvalues_and_returns_references) {
    simulate([]() -> task<> {
        int target = 4;
        auto refers = [](int& place) -> task<int&> { co_return place; };
        auto result = co_await gather(refers(target), refers(target));
        EXPECT_EQ(&std::get<0>(result), &target);
    });
}

TEST(gather, releases_results_and_arguments_when_it_was_stopped) {
    int alive = 0;
    simulate([&]() -> task<> {
        auto makes = [](int& count) -> task<counted_object> { co_return counted_object{count}; };
        auto holds = [](counted_object) -> task<> { co_await sleep_for(1h); };
        const auto value = co_await move_on_after(
            1s, gather(makes(alive), holds(counted_object{alive}), makes(alive)));
        EXPECT_FALSE(value.has_value());
        EXPECT_EQ(alive, 0);
    });
}

TEST(gather_settled, keeps_every_outcome_and_cancels_nobody) {
    simulate([]() -> task<> {
        log lines;
        auto [failed, value, done] =
            co_await gather_settled(fail(1s), give(5, 2s), note(lines, "done", 3s));
        EXPECT_TRUE(failed.has_error());
        EXPECT_THROW(failed.take(), failure);
        EXPECT_EQ(value.take(), 5);
        EXPECT_TRUE(done.has_value());
        EXPECT_EQ(lines, (log{"done", "~done"}));
    });
}

TEST(gather_settled, takes_ranges) {
    simulate([]() -> task<> {
        std::vector<task<>> children;
        children.push_back(fail(2s));
        children.push_back(fail());
        children.push_back(task<>{[]() -> task<> { co_return; }()});
        auto outcomes = co_await gather_settled(std::move(children));
        EXPECT_EQ(outcomes.size(), 3U);
        EXPECT_TRUE(outcomes[0].has_error());
        EXPECT_TRUE(outcomes[1].has_error());
        EXPECT_TRUE(outcomes[2].has_value());
    });
}

TEST(gather_settled, still_passes_a_request_on_c11) {
    log lines;
    simulate([&]() -> task<> {
        const auto value =
            co_await move_on_after(1s, gather_settled(note(lines, "a", 1h), give(1)));
        EXPECT_FALSE(value.has_value());
    });
    EXPECT_EQ(lines, log{"~a"});
}

TEST(gather, is_fair_when_one_child_only_awaits_what_is_ready_k1) {
    run_on_each_backend([]() -> task<> {
        bool stop = false;
        auto spins = [](bool& end) -> task<> {
            std::uint64_t rounds = 0;
            while (!end) {
                const int one = co_await give(1);
                rounds += static_cast<std::uint64_t>(one);
                if (rounds > 20'000'000) {
                    ADD_FAILURE() << "starved the others";
                    break;
                }
            }
        };
        auto ends = [](bool& end) -> task<> {
            // The simulated clock stands still while something is ready.
            co_await sleep_for(loop::current().is_simulated() ? 0ms : 2ms);
            end = true;
        };
        co_await gather(spins(stop), spins(stop), spins(stop), ends(stop));
    });
}

}  // namespace
}  // namespace simul
