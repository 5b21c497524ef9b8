// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/select.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
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

task<int> give(int value, duration delay = 0s) {
    if (delay > 0s) co_await sleep_for(delay);
    co_return value;
}

task<std::string> note(log& lines, std::string text, duration delay) {
    const noted destroyed{lines, "~" + text};
    if (delay > 0s) co_await sleep_for(delay);
    lines.push_back(text);
    co_return text;
}

task<> fail(duration delay) {
    if (delay > 0s) co_await sleep_for(delay);
    throw failure{"branch"};
}

TEST(select, returns_what_ends_first_and_which_it_was) {
    run_on_each_backend([]() -> task<> {
        auto first = co_await select(sleep_for(1h), give(5, 1ms));
        static_assert(std::is_same_v<decltype(first), std::variant<std::monostate, int>>);
        EXPECT_EQ(first.index(), 1U);
        EXPECT_EQ(std::get<1>(first), 5);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
    });
}

TEST(select, cancels_the_losers_and_waits_until_they_have_ended) {
    simulate([]() -> task<> {
        log lines;
        auto clean = [&]() -> task<> {
            co_await sleep_for(2s);
            lines.push_back("cleaned");
        };
        const time_point start = now();
        auto first =
            co_await select(note(lines, "loser", 1h), give(1, 1s), finally(sleep_for(1h), clean()));
        EXPECT_EQ(first.index(), 1U);
        EXPECT_EQ(now() - start, 3s);
        EXPECT_EQ(lines, (log{"~loser", "cleaned"}));
    });
}

TEST(select, does_not_start_branches_after_one_that_is_ready_and_does_not_suspend) {
    simulate([]() -> task<> {
        log lines;
        const auto passes = loop::current().statistics().passes;
        auto first = co_await select(give(1), note(lines, "never", 0s));
        EXPECT_EQ(first.index(), 0U);
        EXPECT_TRUE(lines.empty());
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(select, takes_the_one_that_ended_first_when_several_end_in_one_pass) {
    simulate([]() -> task<> {
        manual_event left;
        manual_event right;
        auto complete = [&]() -> task<> {
            co_await yield_now();
            right.complete();
            left.complete();
        };
        task_group group;
        group.spawn(complete);
        group.spawn([&]() -> task<> {
            auto first = co_await select(left.wait_returnable(), right.wait_returnable());
            EXPECT_EQ(first.index(), 1U);
        });
        co_await group.run();
        EXPECT_EQ(right.taken, 1);
        EXPECT_EQ(right.given_back, 0);
        EXPECT_EQ(left.taken, 0) << "exactly one branch takes something";
        EXPECT_EQ(left.given_back, 1);
    });
}

TEST(select, throws_the_error_of_the_winner) {
    simulate([]() -> task<> {
        log lines;
        bool caught = false;
        try {
            co_await select(note(lines, "loser", 1h), fail(1s));
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(lines, log{"~loser"});
    });
}

TEST(select, gives_an_error_of_a_loser_to_the_unhandled_error_handler) {
    const unhandled_errors errors;
    simulate([]() -> task<> {
        auto first = co_await select(give(1, 1s), finally(sleep_for(1h), fail(1s)));
        EXPECT_EQ(first.index(), 0U);
    });
    EXPECT_EQ(errors.count(), 1U);
    for (const auto& each : errors.reports()) {
        EXPECT_THROW(std::rethrow_exception(each.error), failure);
    }
}

TEST(select, destroys_the_late_result_of_a_loser) {
    int alive = 0;
    simulate([&]() -> task<> {
        auto makes = [&]() -> task<counted_object> {
            co_await shield(sleep_for(2s));
            co_return counted_object{alive};
        };
        auto first = co_await select(give(1, 1s), makes());
        EXPECT_EQ(first.index(), 0U);
        EXPECT_EQ(alive, 0);
    });
}

TEST(select, is_stopped_by_an_outer_request) {
    log lines;
    simulate([&]() -> task<> {
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            co_await select(note(lines, "a", 1h), note(lines, "b", 1h));
            lines.push_back("resumed");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            group.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(handle.was_cancelled());
    });
    EXPECT_EQ(lines, (log{"~a", "~b"}));
}

TEST(select, is_stopped_on_entry) {
    log lines;
    simulate([&]() -> task<> {
        outermost_group().cancel();
        co_await select(note(lines, "a", 0s));
        lines.push_back("resumed");
    });
    EXPECT_TRUE(lines.empty());
}

TEST(select, loses_neither_the_result_nor_the_request_when_both_come_in_one_pass_c6) {
    for (const bool request_first : {false, true}) {
        for (const bool returnable : {false, true}) {
            SCOPED_TRACE(request_first);
            SCOPED_TRACE(returnable);
            manual_event event;
            log lines;
            simulate([&]() -> task<> {
                task_group group;
                auto handle = group.spawn([&]() -> task<> {
                    if (returnable) {
                        co_await select(sleep_for(1h), event.wait_returnable());
                    } else {
                        co_await select(sleep_for(1h), event.wait());
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
                EXPECT_TRUE(handle.was_cancelled());
            });
            EXPECT_EQ(event.given_back, returnable ? 1 : 0);
            EXPECT_EQ(event.taken, returnable ? 0 : 1);
            EXPECT_EQ(lines, returnable ? log{} : log{"resumed"});
        }
    }
}

TEST(select, error_of_the_winner_reaches_somebody_when_the_request_comes_in_the_same_pass) {
    simulate([]() -> task<> {
        task_group group;
        group.spawn([&]() -> task<> {
            auto fails = [&]() -> task<> {
                co_await yield_now();
                group.cancel();
                throw failure{"winner"};
            };
            co_await select(sleep_for(1h), fails());
        });
        bool caught = false;
        try {
            co_await group.run();
        } catch (const failure&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(select, of_one_branch_is_that_branch) {
    simulate([]() -> task<> {
        auto only = co_await select(give(3, 1s));
        EXPECT_EQ(std::get<0>(only), 3);
    });
}

TEST(select, drops_its_branches_when_it_is_never_awaited) {
    int alive = 0;
    ::testing::internal::CaptureStderr();
    simulate([&]() -> task<> {
        auto holds = [](counted_object) -> task<> { co_return; };
        [[maybe_unused]] auto dropped = select(holds(counted_object{alive}), sleep_for(1s));
        EXPECT_EQ(alive, 1);
        co_return;
    });
    EXPECT_EQ(alive, 0);
    ::testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace simul
