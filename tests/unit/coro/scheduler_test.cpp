// SPDX-License-Identifier: Apache-2.0
//
// The scheduler alone, without a loop: what a foreign loop needs to run tasks.
#include "simul/coro/scheduler.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "simul/coro/schedule.hpp"
#include "simul/coro/task.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul {
namespace {

using log = std::vector<std::string>;

// A waiter that writes down each notice.
struct recorder : waiter {
    recorder(log& lines, std::string text)
        : waiter{&record}, lines_{lines}, name{std::move(text)} {}

    static void record(waiter& self, notice what) noexcept {
        auto& recording = static_cast<recorder&>(self);
        const char* const words[] = {"run", "now", "queue", "stopped", "gone"};
        recording.lines_.push_back(recording.name + " " + words[static_cast<unsigned>(what)]);
        if (recording.then != nullptr) recording.then(recording);
    }

    void (*then)(recorder&) = nullptr;
    recorder* other = nullptr;

private:
    log& lines_;
    std::string name;
};

// Makes a scheduler current for one test.
class scheduler_test : public ::testing::Test {
protected:
    scheduler_test() { previous_ = scheduler::set_current(&running_); }
    ~scheduler_test() override { scheduler::set_current(previous_); }

    // Runs a task to its end; false if it did not end.
    bool finish(task<> running) {
        log lines;
        recorder waiting{lines, "main"};
        waiting.scope = &running_.root_scope();
        auto operation = std::move(running).operator co_await();
        started answer = operation.start(waiting);
        running_.settle();
        while (answer == started::pending && lines.empty() && running_.has_ready()) {
            running_.run_ready();
        }
        if (answer != started::done && lines != log{"main now"}) return false;
        operation.take();
        return true;
    }

    log lines_;
    scheduler running_;
    scheduler* previous_ = nullptr;
};

TEST_F(scheduler_test, is_found_through_the_thread) {
    EXPECT_EQ(scheduler::find_current(), &running_);
    EXPECT_EQ(&scheduler::current(), &running_);
}

TEST_F(scheduler_test, runs_ready_waiters_first_in_first_out_k1) {
    recorder a{lines_, "a"};
    recorder b{lines_, "b"};
    running_.queue(a);
    running_.queue(b);
    EXPECT_TRUE(running_.has_ready());
    EXPECT_EQ(running_.run_ready(), 2U);
    EXPECT_EQ(lines_, (log{"a run", "b run"}));
    EXPECT_FALSE(running_.has_ready());
    EXPECT_EQ(running_.run_ready(), 0U);
}

TEST_F(scheduler_test, leaves_what_becomes_ready_during_a_pass_to_the_next_k1) {
    recorder a{lines_, "a"};
    a.then = [](recorder& self) { scheduler::current().queue(self); };
    running_.queue(a);
    EXPECT_EQ(running_.run_ready(), 1U);
    EXPECT_TRUE(running_.has_ready());
    a.then = nullptr;
    EXPECT_EQ(running_.run_ready(), 1U);
    EXPECT_FALSE(running_.has_ready());
}

TEST_F(scheduler_test, continues_in_the_same_turn_what_is_continued_now) {
    recorder a{lines_, "a"};
    recorder b{lines_, "b"};
    recorder c{lines_, "c"};
    a.other = &c;
    a.then = [](recorder& self) { scheduler::current().continue_now(*self.other); };
    running_.queue(a);
    running_.queue(b);
    EXPECT_EQ(running_.run_ready(), 2U);
    EXPECT_EQ(lines_, (log{"a run", "c run", "b run"}));
}

TEST_F(scheduler_test, settles_unwinding_before_continuing) {
    recorder a{lines_, "continued"};
    recorder b{lines_, "unwound"};
    running_.continue_now(a);
    running_.unwind(b);
    running_.settle();
    EXPECT_EQ(lines_, (log{"unwound run", "continued run"}));
}

TEST_F(scheduler_test, budget_ends_once_and_stays_spent_for_the_rest_of_the_turn_k1) {
    struct spender : waiter {
        spender() noexcept
            : waiter{[](waiter& self, notice) noexcept {
                  auto& counting = static_cast<spender&>(self);
                  for (int index = 0; index < 1000; ++index) {
                      if (scheduler::current().spend_budget()) ++counting.allowed;
                  }
              }} {}
        int allowed = 0;
    };
    spender first;
    running_.queue(first);
    running_.run_ready();
    EXPECT_EQ(first.allowed, static_cast<int>(scheduler::inline_budget) - 1);
    running_.queue(first);
    running_.run_ready();
    EXPECT_EQ(first.allowed, 2 * (static_cast<int>(scheduler::inline_budget) - 1))
        << "each turn has a budget of its own";
}

TEST_F(scheduler_test, nests_at_most_thirty_two_deep) {
    for (unsigned level = 0; level < scheduler::maximum_depth; ++level) {
        EXPECT_TRUE(running_.may_nest());
        running_.begin_nested();
    }
    EXPECT_FALSE(running_.may_nest());
    for (unsigned level = 0; level < scheduler::maximum_depth; ++level) running_.end_nested();
    EXPECT_TRUE(running_.may_nest());
}

TEST_F(scheduler_test, runs_tasks_without_a_loop) {
    int steps = 0;
    auto inner = [](int& count) -> task<int> {
        co_await yield_now();
        co_return ++count;
    };
    auto outer = [&](int& count) -> task<> {
        const int one = co_await inner(count);
        co_await yield_now();
        count += one;
    };
    EXPECT_TRUE(finish(outer(steps)));
    EXPECT_EQ(steps, 2);
}

TEST(scheduler_death_test, refuses_to_be_destroyed_while_something_is_ready) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto destroys = [] {
        log lines;
        recorder a{lines, "a"};
        scheduler running;
        running.queue(a);
    };
    EXPECT_DEATH(destroys(), "scheduler was destroyed while tasks were running");
    EXPECT_DEATH(static_cast<void>(scheduler::current()), "no loop runs on this thread");
}

// Answers with the numbers it was given, and writes down what it was asked.
struct scripted_schedule final : schedule {
    std::size_t choose(std::size_t candidates) noexcept override {
        asked.push_back(candidates);
        return answers.empty() ? 0
                               : std::exchange(answers, {answers.begin() + 1, answers.end()})[0];
    }
    std::vector<std::size_t> answers;
    std::vector<std::size_t> asked;
};

TEST_F(scheduler_test, follows_a_schedule_within_a_pass) {
    log lines;
    recorder first{lines, "first"};
    recorder second{lines, "second"};
    recorder third{lines, "third"};
    recorder fourth{lines, "fourth"};
    for (recorder* each : {&first, &second, &third, &fourth}) running_.queue(*each);
    scripted_schedule chosen;
    chosen.answers = {2, 0, 1};
    running_.follow(&chosen);
    EXPECT_EQ(running_.run_ready(), 4U);
    EXPECT_EQ(lines, (log{"third run", "first run", "fourth run", "second run"}));
    EXPECT_EQ(chosen.asked, (std::vector<std::size_t>{4, 3, 2}));

    running_.follow(nullptr);
    lines.clear();
    for (recorder* each : {&first, &second}) running_.queue(*each);
    running_.run_ready();
    EXPECT_EQ(lines, (log{"first run", "second run"}));
}

TEST_F(scheduler_test, offers_a_schedule_those_who_have_waited_longest) {
    log lines;
    std::deque<recorder> many;
    for (int each = 0; each != 70; ++each) {
        running_.queue(many.emplace_back(lines, std::to_string(each)));
    }
    scripted_schedule chosen;
    chosen.answers = {63, 63};
    running_.follow(&chosen);
    EXPECT_EQ(running_.run_ready(), 70U);
    EXPECT_EQ(lines[0], "63 run");
    EXPECT_EQ(lines[1], "64 run");
    EXPECT_EQ(lines[2], "0 run");
    EXPECT_EQ(lines[69], "69 run");
    EXPECT_EQ(chosen.asked.front(), schedule::window);
    EXPECT_EQ(chosen.asked.back(), 2U);
}

}  // namespace
}  // namespace simul
