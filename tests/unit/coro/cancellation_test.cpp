// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/cancellation.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "simul/coro/scheduler.hpp"

namespace simul {
namespace {

using log = std::vector<std::string>;

// Something suspended that writes down when it is asked to end.
struct asked_operation : cancellable {
    asked_operation(log& lines, std::string text)
        : cancellable{kind}, lines_{lines}, name{std::move(text)} {}

    static void ask(cancellable& self) noexcept {
        auto& operation = static_cast<asked_operation&>(self);
        operation.lines_.push_back(operation.name);
        if (operation.also_ends != nullptr) operation.also_ends->unlink();
    }
    static constexpr wait_kind kind{&ask};

    asked_operation* also_ends = nullptr;

private:
    log& lines_;
    std::string name;
};

class cancel_scope_test : public ::testing::Test {
protected:
    cancel_scope_test() { previous_ = scheduler::set_current(&running_); }
    ~cancel_scope_test() override { scheduler::set_current(previous_); }

    cancel_scope& root() { return running_.root_scope(); }

    log lines_;
    scheduler running_;
    scheduler* previous_ = nullptr;
};

TEST_F(cancel_scope_test, marks_itself_and_everything_below_at_once) {
    cancel_scope outer;
    cancel_scope inner;
    cancel_scope sibling;
    outer.enter(root());
    inner.enter(outer);
    sibling.enter(root());
    EXPECT_TRUE(inner.entered());
    EXPECT_EQ(inner.parent(), &outer);
    const auto here = std::source_location::current();
    EXPECT_TRUE(outer.cancel(cancel_reason::deadline, here));
    EXPECT_TRUE(outer.is_cancelled());
    EXPECT_TRUE(inner.is_cancelled());
    EXPECT_EQ(inner.reason(), cancel_reason::deadline);
    EXPECT_EQ(inner.requested_at().line(), here.line());
    EXPECT_FALSE(sibling.is_cancelled());
    EXPECT_FALSE(root().is_cancelled());
    EXPECT_FALSE(outer.cancel()) << "a second request does nothing";
    EXPECT_EQ(outer.reason(), cancel_reason::deadline);
    inner.leave();
    outer.leave();
    sibling.leave();
    EXPECT_FALSE(outer.entered());
}

TEST_F(cancel_scope_test, inner_request_is_not_overwritten_by_an_outer_one_c3) {
    cancel_scope outer;
    cancel_scope inner;
    outer.enter(root());
    inner.enter(outer);
    inner.cancel(cancel_reason::loser);
    EXPECT_FALSE(outer.is_cancelled());
    outer.cancel(cancel_reason::shutdown);
    EXPECT_EQ(inner.reason(), cancel_reason::loser);
    inner.leave();
    outer.leave();
}

TEST_F(cancel_scope_test, inherits_on_entry_unless_it_is_shielded) {
    cancel_scope outer;
    outer.enter(root());
    outer.cancel(cancel_reason::interrupted);
    cancel_scope inner;
    inner.enter(outer);
    EXPECT_EQ(inner.reason(), cancel_reason::interrupted);
    cancel_scope shielded;
    shielded.enter(outer, true);
    EXPECT_FALSE(shielded.is_cancelled());
    cancel_scope below;
    below.enter(shielded);
    EXPECT_FALSE(below.is_cancelled());
    EXPECT_TRUE(shielded.cancel()) << "a shield can be cancelled itself";
    EXPECT_TRUE(below.is_cancelled());
    below.leave();
    shielded.leave();
    inner.leave();
    outer.leave();
}

TEST_F(cancel_scope_test, requests_stop_at_shields) {
    cancel_scope outer;
    cancel_scope shielded;
    cancel_scope below;
    cancel_scope last;
    outer.enter(root());
    last.enter(outer);
    shielded.enter(outer, true);
    below.enter(shielded);
    asked_operation protected_one{lines_, "protected"};
    asked_operation exposed{lines_, "exposed"};
    below.add(protected_one);
    last.add(exposed);
    outer.cancel();
    running_.settle();
    EXPECT_FALSE(below.is_cancelled());
    EXPECT_TRUE(last.is_cancelled());
    EXPECT_EQ(lines_, log{"exposed"});
    protected_one.unlink();
    below.leave();
    shielded.leave();
    last.leave();
    outer.leave();
}

TEST_F(cancel_scope_test, asks_each_operation_once_and_not_before_settling_c15) {
    cancel_scope outer;
    cancel_scope inner;
    outer.enter(root());
    inner.enter(outer);
    asked_operation first{lines_, "first"};
    asked_operation second{lines_, "second"};
    outer.add(first);
    inner.add(second);
    inner.cancel();
    outer.cancel();
    EXPECT_TRUE(lines_.empty()) << "requests are delivered in a batch";
    running_.settle();
    EXPECT_EQ(std::set<std::string>(lines_.begin(), lines_.end()),
              (std::set<std::string>{"first", "second"}));
    EXPECT_EQ(lines_.size(), 2U);
    running_.settle();
    EXPECT_EQ(lines_.size(), 2U) << "nobody is asked again";
    inner.leave();
    outer.leave();
}

TEST_F(cancel_scope_test, does_not_ask_what_has_ended_before_the_delivery) {
    cancel_scope scope;
    scope.enter(root());
    asked_operation ended{lines_, "ended"};
    asked_operation other{lines_, "other"};
    asked_operation last{lines_, "last"};
    scope.add(other);
    scope.add(ended);
    scope.add(last);
    scope.cancel();
    ended.unlink();
    other.also_ends = &last;
    running_.settle();
    EXPECT_EQ(lines_, log{"other"});
    scope.leave();
}

TEST_F(cancel_scope_test, may_leave_while_its_request_is_on_the_way) {
    cancel_scope first;
    cancel_scope second;
    cancel_scope third;
    for (cancel_scope* each : {&first, &second, &third}) each->enter(root());
    asked_operation waiting{lines_, "third"};
    third.add(waiting);
    first.cancel();
    second.cancel();
    third.cancel();
    second.leave();
    first.leave();
    running_.settle();
    EXPECT_EQ(lines_, log{"third"});
    third.leave();
}

TEST_F(cancel_scope_test, may_be_cancelled_outside_of_the_tree_and_dropped) {
    auto outside = std::make_unique<cancel_scope>();
    EXPECT_TRUE(outside->cancel());
    EXPECT_TRUE(outside->is_cancelled());
    outside.reset();
    running_.settle();
    cancel_scope later;
    later.cancel(cancel_reason::loser);
    later.enter(root());
    EXPECT_EQ(later.reason(), cancel_reason::loser);
    later.leave();
    running_.settle();
}

TEST_F(cancel_scope_test, walks_wide_and_deep_trees_without_recursion) {
    constexpr std::size_t count = 100'000;
    std::vector<std::unique_ptr<cancel_scope>> chain;
    chain.push_back(std::make_unique<cancel_scope>());
    chain.front()->enter(root());
    for (std::size_t index = 1; index < count; ++index) {
        chain.push_back(std::make_unique<cancel_scope>());
        chain.back()->enter(*chain[index - 1]);
    }
    asked_operation bottom{lines_, "bottom"};
    chain.back()->add(bottom);
    chain.front()->cancel();
    EXPECT_TRUE(chain.back()->is_cancelled());
    running_.settle();
    EXPECT_EQ(lines_, log{"bottom"});
    while (!chain.empty()) {
        chain.back()->leave();
        chain.pop_back();
    }
}

TEST(cancel_reason, has_words_for_people) {
    std::set<std::string> words;
    for (const cancel_reason reason :
         {cancel_reason::none, cancel_reason::requested, cancel_reason::deadline,
          cancel_reason::sibling_failed, cancel_reason::loser, cancel_reason::shutdown,
          cancel_reason::interrupted, cancel_reason::deadlock}) {
        words.insert(describe(reason));
    }
    EXPECT_EQ(words.size(), 8U);
    EXPECT_EQ(cancelled{cancel_reason::loser}.reason(), cancel_reason::loser);
    EXPECT_EQ(cancelled{}.code(), errc::cancelled);
}

TEST(cancel_scope_death_test, refuses_to_be_destroyed_while_something_is_inside) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            scheduler running;
            scheduler::set_current(&running);
            cancel_scope scope;
            scope.enter(running.root_scope());
        },
        "cancel scope was destroyed while something ran inside");
}

}  // namespace
}  // namespace simul
