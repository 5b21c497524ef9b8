// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/future.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using names = std::vector<std::string>;

static_assert(!std::is_copy_constructible_v<promise<int>>);
static_assert(std::is_copy_constructible_v<future<std::unique_ptr<int>>>);
static_assert(std::is_same_v<await_result_t<future<int>&>, const int&>);
static_assert(std::is_same_v<await_result_t<const future<int>&>, const int&>);
static_assert(std::is_same_v<await_result_t<future<int>>, int>);
static_assert(std::is_same_v<await_result_t<future<int&>&>, int&>);
static_assert(std::is_void_v<await_result_t<future<>&>>);

std::exception_ptr failure() {
    return std::make_exception_ptr(std::runtime_error{"failed"});
}

task<> some_passes(int count = 3) {
    for (int i = 0; i < count; ++i) co_await yield_now();
}

TEST(future, gives_everybody_who_waits_the_result) {
    run_on_each_backend([]() -> task<> {
        promise<std::string> given;
        const auto answer = given.get_future();
        names seen;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 3; ++i) {
                group.spawn([&]() -> task<> { seen.push_back(co_await answer); });
            }
            co_await some_passes();
            EXPECT_TRUE(seen.empty());
            EXPECT_FALSE(answer.done());
            given.set_value("result");
            EXPECT_TRUE(answer.done());
            EXPECT_TRUE(seen.empty()) << "nobody runs inside set_value";
        });
        EXPECT_EQ(seen, (names{"result", "result", "result"}));
    });
}

TEST(future, that_is_done_does_not_suspend) {
    simulate([]() -> task<> {
        promise<int> given;
        given.set_value(7);
        const auto answer = given.get_future();
        const auto passes = loop::current().statistics().passes;
        const int result = co_await answer;
        EXPECT_EQ(result, 7);
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(future, shows_an_lvalue_the_result_in_its_place) {
    simulate([]() -> task<> {
        promise<std::unique_ptr<int>> given;
        const auto answer = given.get_future();
        const auto copy = answer;
        given.set_value(std::make_unique<int>(7));
        const std::unique_ptr<int>& first = co_await answer;
        const std::unique_ptr<int>& second = co_await copy;
        EXPECT_EQ(&first, &second);
        EXPECT_EQ(*first, 7);
        EXPECT_EQ(&answer.result(), &first);
    });
}

TEST(future, hands_an_rvalue_what_cannot_be_copied) {
    simulate([]() -> task<> {
        promise<std::unique_ptr<int>> given;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                std::unique_ptr<int> mine = co_await given.get_future();
                EXPECT_EQ(*mine, 7);
            });
            co_await some_passes();
            given.set_value(std::make_unique<int>(7));
        });
        EXPECT_DEATH(static_cast<void>(given.get_future()), "after the result was taken");
    });
}

TEST(future, copies_for_an_rvalue_what_others_can_see_and_moves_what_nobody_can) {
    simulate([]() -> task<> {
        std::optional<promise<std::shared_ptr<int>>> given{std::in_place};
        auto first = given->get_future();
        auto second = first;
        given->set_value(std::make_shared<int>(7));
        {
            const auto copied = co_await std::move(first);
            EXPECT_EQ(copied.use_count(), 2);
        }
        given.reset();
        const auto moved = co_await std::move(second);
        EXPECT_EQ(moved.use_count(), 1);
        EXPECT_FALSE(second.valid());
    });
}

TEST(future, of_a_reference_gives_the_reference_and_of_void_nothing) {
    simulate([]() -> task<> {
        int object = 7;
        promise<int&> refers;
        const auto reference = refers.get_future();
        refers.set_value(object);
        int& result = co_await reference;
        EXPECT_EQ(&result, &object);
        EXPECT_EQ(&reference.result(), &object);

        promise<> done;
        const auto end = done.get_future();
        done.set_value();
        co_await end;
        co_await done.get_future();
        end.result();
        EXPECT_EQ(end.error(), nullptr);
    });
}

TEST(future, throws_the_error_to_everybody) {
    simulate([]() -> task<> {
        promise<int> given;
        const auto answer = given.get_future();
        given.set_error(failure());
        for (int i = 0; i < 2; ++i) {
            const auto outcome = co_await as_outcome(answer);
            EXPECT_TRUE(outcome.has_error());
        }
        EXPECT_THROW(static_cast<void>(answer.result()), std::runtime_error);
        EXPECT_THROW(std::rethrow_exception(answer.error()), std::runtime_error);
        EXPECT_FALSE(answer.is_cancelled());
    });
}

TEST(future, says_that_there_is_no_result_yet) {
    promise<int> given;
    const auto answer = given.get_future();
    EXPECT_THROW(static_cast<void>(answer.result()), invalid_state);
    EXPECT_THROW(static_cast<void>(answer.error()), invalid_state);
    given.set_value(7);
    EXPECT_EQ(answer.result(), 7);
    EXPECT_EQ(answer.error(), nullptr);
}

TEST(future, of_a_promise_that_is_destroyed_gives_broken_promise) {
    simulate([]() -> task<> {
        std::optional<promise<int>> given{std::in_place};
        const auto answer = given->get_future();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto result = co_await as_result(future{answer});
                EXPECT_EQ(result, std::unexpected{make_error_code(errc::broken_promise)});
            });
            co_await some_passes();
            given.reset();
        });
        EXPECT_TRUE(answer.done());
        EXPECT_FALSE(answer.is_cancelled());
        EXPECT_THROW(std::rethrow_exception(answer.error()), broken_promise);
    });
}

TEST(promise, that_is_moved_from_breaks_nothing_and_one_that_is_assigned_to_does) {
    promise<int> first;
    promise<int> second;
    const auto of_first = first.get_future();
    const auto of_second = second.get_future();
    second = std::move(first);
    EXPECT_THROW(static_cast<void>(of_second.result()), broken_promise);
    EXPECT_FALSE(of_first.done());
    second.set_value(7);
    EXPECT_EQ(of_first.result(), 7);
}

TEST(promise, is_kept_once_only) {
    promise<int> given;
    const auto answer = given.get_future();
    EXPECT_FALSE(given.done());
    given.set_value(1);
    EXPECT_TRUE(given.done());
    EXPECT_THROW(given.set_value(2), invalid_state);
    EXPECT_THROW(given.set_error(failure()), invalid_state);
    EXPECT_FALSE(given.try_set_value(3));
    EXPECT_FALSE(given.try_set_error(failure()));
    EXPECT_FALSE(given.cancel());
    EXPECT_EQ(answer.result(), 1);
}

TEST(promise, a_value_that_is_refused_is_not_touched) {
    promise<std::unique_ptr<int>> given;
    EXPECT_TRUE(given.try_set_value(nullptr));
    auto late = std::make_unique<int>(7);
    EXPECT_FALSE(given.try_set_value(std::move(late)));
    EXPECT_NE(late, nullptr);
}

struct throws_when_copied {
    throws_when_copied() = default;
    throws_when_copied(const throws_when_copied&) { throw std::runtime_error{"copy"}; }
    throws_when_copied(throws_when_copied&&) noexcept {}
};

TEST(promise, a_value_that_cannot_be_made_leaves_it_open) {
    promise<throws_when_copied> given;
    const throws_when_copied original;
    EXPECT_THROW(given.set_value(original), std::runtime_error);
    EXPECT_FALSE(given.done());
    given.set_value({});
    EXPECT_TRUE(given.done());
}

TEST(future, that_is_cancelled_throws_cancelled_to_who_waits_and_tells_the_producer) {
    simulate([]() -> task<> {
        promise<int> given;
        auto answer = given.get_future();
        names log;
        given.on_cancel([&] { log.push_back("told"); });
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                try {
                    static_cast<void>(co_await answer);
                } catch (const cancelled& error) {
                    EXPECT_EQ(error.reason(), cancel_reason::requested);
                    log.push_back("thrown");
                }
            });
            co_await some_passes();
            EXPECT_TRUE(answer.cancel());
            EXPECT_TRUE(log.empty()) << "nothing runs inside cancel";
        });
        co_await some_passes();
        EXPECT_EQ(log, (names{"thrown", "told"}));
        EXPECT_TRUE(answer.is_cancelled());
        EXPECT_TRUE(given.is_cancelled());
        EXPECT_FALSE(answer.cancel());
        EXPECT_FALSE(given.try_set_value(1));
        EXPECT_THROW(given.set_value(1), invalid_state);
        EXPECT_THROW(std::rethrow_exception(answer.error()), cancelled);
    });
}

TEST(promise, tells_of_a_cancellation_also_when_it_is_asked_later_and_never_of_a_result) {
    simulate([]() -> task<> {
        int told = 0;
        promise<int> given_up;
        EXPECT_TRUE(given_up.cancel());
        given_up.on_cancel([&] { ++told; });
        EXPECT_EQ(told, 0);
        co_await some_passes();
        EXPECT_EQ(told, 1);

        int alive = 0;
        promise<int> kept;
        const auto early = kept.on_cancel([&, held = counted_object{alive}] { ++told; });
        EXPECT_EQ(alive, 1);
        kept.set_value(1);
        EXPECT_EQ(alive, 0) << "it will not be called";
        EXPECT_TRUE(early.cancelled());
        const auto late = kept.on_cancel([&, held = counted_object{alive}] { ++told; });
        EXPECT_TRUE(late.cancelled());
        co_await some_passes();
        EXPECT_EQ(told, 1);
        EXPECT_EQ(alive, 0);
    });
}

TEST(future, is_not_cancelled_with_a_task_that_waits_for_it) {
    simulate([]() -> task<> {
        promise<int> given;
        const auto answer = given.get_future();
        int seen = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto doomed = group.spawn([&]() -> task<> {
                static_cast<void>(co_await answer);
                ADD_FAILURE() << "resumed";
            });
            group.spawn([&]() -> task<> { seen = co_await answer; });
            co_await some_passes();
            doomed.cancel();
            co_await some_passes();
            EXPECT_TRUE(doomed.was_cancelled());
            EXPECT_FALSE(answer.done());
            given.set_value(7);
        });
        EXPECT_EQ(seen, 7);
    });
}

// T04, in both orders: each ends cancelled, and the task is told once.
TEST(future, cancelled_in_one_turn_with_a_task_that_waits_ends_both) {
    for (const bool future_first : {true, false}) {
        simulate([&]() -> task<> {
            promise<int> given;
            auto answer = given.get_future();
            co_await with_task_group([&](task_group& group) -> task<> {
                auto waits = group.spawn([&]() -> task<> {
                    try {
                        static_cast<void>(co_await answer);
                    } catch (...) {
                        ADD_FAILURE() << "the task was cancelled itself";
                    }
                    ADD_FAILURE() << "resumed";
                });
                co_await some_passes();
                if (future_first) {
                    EXPECT_TRUE(answer.cancel());
                }
                EXPECT_TRUE(waits.cancel());
                if (!future_first) {
                    EXPECT_TRUE(answer.cancel());
                }
                co_await some_passes();
                EXPECT_TRUE(waits.was_cancelled());
                EXPECT_FALSE(waits.cancel());
            });
            EXPECT_TRUE(answer.is_cancelled());
        });
    }
}

// C6, in both orders: the task is cancelled, and the future keeps the result.
TEST(future, keeps_a_result_that_came_in_one_turn_with_the_request) {
    for (const bool result_first : {true, false}) {
        simulate([&]() -> task<> {
            promise<std::string> given;
            const auto answer = given.get_future();
            co_await with_task_group([&](task_group& group) -> task<> {
                auto waits = group.spawn([&]() -> task<> {
                    static_cast<void>(co_await answer);
                    ADD_FAILURE() << "resumed";
                });
                co_await some_passes();
                if (result_first) given.set_value("result");
                waits.cancel();
                if (!result_first) given.set_value("result");
                co_await some_passes();
                EXPECT_TRUE(waits.was_cancelled());
            });
            const std::string& result = co_await answer;
            EXPECT_EQ(result, "result");
        });
    }
}

// C17: a producer that cancels itself as its last step. The task is cancelled; what it had given
// before stays given.
TEST(future, keeps_the_result_of_a_producer_that_is_cancelled_at_its_end) {
    simulate([]() -> task<> {
        promise<int> given;
        const auto answer = given.get_future();
        int seen = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> { seen = co_await answer; });
            task_handle<> producer;
            producer = group.spawn([&]() -> task<> {
                co_await some_passes();
                producer.cancel();
                given.set_value(7);
            });
            co_await some_passes(8);
            EXPECT_TRUE(producer.done());
        });
        EXPECT_EQ(seen, 7);
    });
}

TEST(future, lives_as_long_as_somebody_waits_for_it) {
    simulate([]() -> task<> {
        std::optional<promise<std::string>> given{std::in_place};
        std::optional<future<std::string>> answer{given->get_future()};
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const std::string seen = co_await *answer;
                EXPECT_EQ(seen, "result");
            });
            co_await some_passes();
            answer.reset();
            given->set_value("result");
            given.reset();
        });
    });
}

TEST(future, goes_into_combinators) {
    simulate([]() -> task<> {
        promise<int> first;
        promise<std::string> second;
        const auto one = first.get_future();
        auto two = second.get_future();
        call_later(1s, [&] { first.set_value(1); });
        call_later(2s, [&] { second.set_value("two"); });
        const auto winner = co_await select(future{one}, sleep_for(5s));
        EXPECT_EQ(winner.index(), 0U);
        const auto both = co_await gather(one, two);
        EXPECT_EQ(std::get<0>(both), 1);
        EXPECT_EQ(std::get<1>(both), "two");
        const std::string last = co_await timeout(1s, std::move(two));
        EXPECT_EQ(last, "two");
    });
}

TEST(future, done_callbacks_and_tasks_have_their_turns_in_the_order_of_arrival) {
    simulate([]() -> task<> {
        promise<int> given;
        const auto answer = given.get_future();
        names order;
        co_await with_task_group([&](task_group& group) -> task<> {
            answer.add_done_callback([&] { order.push_back("callback 1"); });
            group.spawn([&]() -> task<> {
                static_cast<void>(co_await answer);
                order.push_back("task");
            });
            co_await some_passes();
            answer.add_done_callback([&](const future<int>& done) {
                EXPECT_EQ(done.result(), 7);
                order.push_back("callback 2");
            });
            given.set_value(7);
            EXPECT_TRUE(order.empty()) << "never from inside";
        });
        co_await some_passes();
        EXPECT_EQ(order, (names{"callback 1", "task", "callback 2"}));
    });
}

TEST(future, a_callback_is_called_through_the_loop_also_when_it_is_done_already) {
    simulate([]() -> task<> {
        promise<int> given;
        given.set_value(7);
        int seen = 0;
        given.get_future().add_done_callback(
            [&](const future<int>& done) { seen = done.result(); });
        EXPECT_EQ(seen, 0);
        co_await some_passes();
        EXPECT_EQ(seen, 7);
    });
}

TEST(future, a_callback_is_called_for_an_error_a_cancellation_and_a_broken_promise) {
    simulate([]() -> task<> {
        std::vector<bool> cancelled_ones;
        const auto note = [&](const future<int>& done) {
            EXPECT_NE(done.error(), nullptr);
            cancelled_ones.push_back(done.is_cancelled());
        };
        promise<int> fails;
        promise<int> gives_up;
        std::optional<promise<int>> breaks{std::in_place};
        fails.get_future().add_done_callback(note);
        gives_up.get_future().add_done_callback(note);
        breaks->get_future().add_done_callback(note);
        fails.set_error(failure());
        gives_up.cancel();
        breaks.reset();
        co_await some_passes();
        EXPECT_EQ(cancelled_ones, (std::vector<bool>{false, true, false}));
    });
}

TEST(future, a_callback_is_removed_before_the_result_and_until_its_call) {
    simulate([]() -> task<> {
        int alive = 0;
        promise<int> given;
        const auto answer = given.get_future();
        const auto must_not = [held = counted_object{alive}] { ADD_FAILURE() << "called"; };
        callback_handle early = answer.add_done_callback(must_not);
        callback_handle late = answer.add_done_callback(must_not);
        EXPECT_TRUE(early.cancel());
        EXPECT_FALSE(early.cancel());
        EXPECT_EQ(alive, 2) << "ours and the late one";
        given.set_value(7);
        EXPECT_TRUE(late.cancel());
        EXPECT_EQ(alive, 1);
        co_await some_passes();
        callback_handle called = answer.add_done_callback([] {});
        co_await some_passes();
        EXPECT_FALSE(called.cancel());
    });
}

// O7.
TEST(future, callbacks_may_add_and_remove_callbacks) {
    simulate([]() -> task<> {
        promise<int> given;
        const auto answer = given.get_future();
        names order;
        std::vector<callback_handle> handles(3);
        handles[0] = answer.add_done_callback([&] {
            order.push_back("first");
            EXPECT_FALSE(handles[0].cancel()) << "it is running";
            EXPECT_TRUE(handles[1].cancel());
            answer.add_done_callback([&] { order.push_back("added"); });
        });
        handles[1] = answer.add_done_callback([] { ADD_FAILURE() << "called"; });
        handles[2] = answer.add_done_callback([&] { order.push_back("last"); });
        given.set_value(7);
        co_await some_passes();
        EXPECT_EQ(order, (names{"first", "last", "added"}));
    });
}

// O6.
TEST(future, what_a_callback_throws_goes_to_the_handler_and_the_others_are_called) {
    const unhandled_errors errors;
    int called = 0;
    simulate([&]() -> task<> {
        promise<int> given;
        const auto answer = given.get_future();
        answer.add_done_callback([] { throw std::runtime_error{"in a callback"}; });
        answer.add_done_callback([&] { ++called; });
        given.on_cancel([] { throw 7; });
        answer.add_done_callback([] { throw 7; });
        given.cancel();
        co_await some_passes();
    });
    EXPECT_EQ(called, 1);
    EXPECT_EQ(errors.contexts(), (names{"in a callback of a future", "in a callback of a future",
                                        "in a callback for the cancellation of a promise"}));
}

TEST(future, a_callback_may_hold_the_future_and_be_its_last_holder) {
    simulate([]() -> task<> {
        int alive = 0;
        {
            promise<counted_object> given;
            auto answer = given.get_future();
            answer.add_done_callback([answer, held = counted_object{alive}] {});
            answer = {};
            given.set_value(counted_object{alive});
            EXPECT_EQ(alive, 2);
        }
        EXPECT_EQ(alive, 2);
        co_await some_passes();
        EXPECT_EQ(alive, 0);
    });
}

TEST(future, callbacks_left_with_the_loop_or_without_one_are_destroyed_without_a_call) {
    int alive = 0;
    promise<int> outlives;
    const auto must_not = [held = counted_object{alive}] { ADD_FAILURE() << "called"; };
    {
        promise<int> given;
        loop running{options_for(backend_kind::simulated).loop};
        given.get_future().add_done_callback(must_not);
        outlives.get_future().add_done_callback(must_not);
        given.set_value(7);
        EXPECT_EQ(alive, 3);
    }
    EXPECT_EQ(alive, 2);
    const auto answer = outlives.get_future();
    outlives.set_value(7);
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(answer.result(), 7);
}

/// Owns a promise, and keeps it when it is destroyed.
class keeps_at_its_end {
public:
    explicit keeps_at_its_end(promise<int> given) : given_{std::move(given)}, owes_{true} {}
    keeps_at_its_end(keeps_at_its_end&& other) noexcept
        : given_{std::move(other.given_)}, owes_{std::exchange(other.owes_, false)} {}
    keeps_at_its_end& operator=(keeps_at_its_end&&) = delete;
    ~keeps_at_its_end() {
        if (owes_) given_.try_set_value(7);
    }

private:
    promise<int> given_;
    bool owes_;
};

TEST(future, may_become_done_while_the_loop_is_destroyed) {
    promise<int> given;
    const auto answer = given.get_future();
    {
        loop running{options_for(backend_kind::simulated).loop};
        answer.add_done_callback([] { ADD_FAILURE() << "called"; });
        call_soon([held = keeps_at_its_end{std::move(given)}] {});
    }
    EXPECT_EQ(answer.result(), 7);
}

TEST(future, a_wait_that_is_dropped_leaks_nothing) {
    int alive = 0;
    simulate([&]() -> task<> {
        promise<counted_object> given;
        auto answer = given.get_future();
        const auto late = co_await move_on_after(1s, std::move(answer));
        EXPECT_FALSE(late.has_value());
        EXPECT_FALSE(given.done());
        given.set_value(counted_object{alive});
        EXPECT_EQ(alive, 1);
    });
    EXPECT_EQ(alive, 0);
}

TEST(future, misuse_is_named) {
    const auto empty = [] {
        const future<int> nothing;
        static_cast<void>(nothing.done());
    };
    EXPECT_DEATH(empty(), "an empty future was used");
    const auto moved = [] {
        promise<int> first;
        const promise<int> second = std::move(first);
        static_cast<void>(first.get_future());
    };
    EXPECT_DEATH(moved(), "a promise was used after it was moved");
    const auto no_error = [] {
        promise<int> given;
        given.set_error(nullptr);
    };
    EXPECT_DEATH(no_error(), "a promise was given an error that is none");
    const auto shared = [] {
        simulate([]() -> task<> {
            promise<std::unique_ptr<int>> given;
            const auto other = given.get_future();
            given.set_value(nullptr);
            static_cast<void>(co_await given.get_future());
        });
    };
    EXPECT_DEATH(shared(), "await the future as an lvalue");
}

TEST(future, names_its_errors) {
    EXPECT_EQ(broken_promise{}.code(), errc::broken_promise);
    EXPECT_STREQ(broken_promise{}.what(), "the promise was destroyed without a result");
    EXPECT_EQ(invalid_state{}.code(), errc::invalid_state);
    EXPECT_STREQ(invalid_state{}.what(), "the result is there already, or not yet");
}

}  // namespace
}  // namespace simul
