// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about functions that the loop calls.
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "simul/concurrency/future.hpp"
#include "simul/runtime/callback.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace test;

// A handler of unhandled errors cannot fail: one that may throw has not its type.
static_assert(
    !std::is_convertible_v<void (*)(std::exception_ptr, const char*), unhandled_error_handler>);

// Callbacks that throw are reported one by one; the others are called, and tasks go on.
EVERY_WORLD_TEST(O6, errors_of_callbacks_are_reported_and_the_loop_goes_on) {
    const unhandled_errors unhandled;
    int called = 0;
    promise<int> given;
    const future<int> result = given.get_future();
    for (int round = 0; round != 3; ++round) {
        call_soon([&] {
            ++called;
            throw std::runtime_error{"callback"};
        });
        call_soon([&] { ++called; });
        result.add_done_callback([&] {
            ++called;
            throw 7;
        });
        result.add_done_callback([&] { ++called; });
    }
    loop::current().post_from_any_thread([&] {
        ++called;
        throw std::runtime_error{"posted"};
    });
    given.set_value(5);
    co_await testing::wait_until_all_blocked();
    EXPECT_EQ(called, 13);
    EXPECT_EQ(unhandled.count(), 7U);
    const int value = co_await result;
    EXPECT_EQ(value, 5);
}

// Callbacks that remove one another while they are called: one is called, the others are not.
EVERY_WORLD_TEST(O7, callback_that_removes_the_others_is_the_only_one_called) {
    int called = 0;
    int alive = 0;
    promise<> given;
    const future<> result = given.get_future();
    std::vector<callback_handle> callbacks;
    for (int round = 0; round != 4; ++round) {
        callbacks.push_back(result.add_done_callback([&, held = counted_object{alive}] {
            ++called;
            for (callback_handle& each : callbacks) each.cancel();
            EXPECT_EQ(alive, 1) << "the one that runs, and no other";
        }));
    }
    EXPECT_EQ(alive, 4);
    EXPECT_TRUE(callbacks.back().cancel());
    EXPECT_FALSE(callbacks.back().cancel());
    EXPECT_EQ(alive, 3);
    given.set_value();
    co_await testing::wait_until_all_blocked();
    EXPECT_EQ(called, 1);
    EXPECT_EQ(alive, 0);
}

// Callbacks that are added while others are called are called once, too.
EVERY_WORLD_TEST(O7, callbacks_added_inside_a_callback_are_called_once) {
    int first = 0;
    int added = 0;
    promise<> given;
    const future<> result = given.get_future();
    for (int round = 0; round != 3; ++round) {
        result.add_done_callback([&](const future<>& done) {
            ++first;
            done.add_done_callback([&] {
                ++added;
                result.add_done_callback([&] { ++added; });
            });
        });
    }
    given.set_value();
    co_await testing::wait_until_all_blocked();
    EXPECT_EQ(first, 3);
    EXPECT_EQ(added, 6);
}

// A callback may drop the last future there is, and its own handle.
EVERY_WORLD_TEST(O7, callback_that_drops_its_future_may_go_on) {
    std::string seen;
    auto given = std::make_unique<promise<std::string>>();
    auto result = std::make_unique<future<std::string>>(given->get_future());
    std::vector<callback_handle> callbacks;
    for (int round = 0; round != 2; ++round) {
        callbacks.push_back(result->add_done_callback([&](const future<std::string>& done) {
            given.reset();
            result.reset();
            callbacks.clear();
            seen += done.result();
        }));
    }
    given->set_value("a text that is too long for a small string;");
    co_await testing::wait_until_all_blocked();
    EXPECT_EQ(result, nullptr);
    EXPECT_EQ(seen,
              "a text that is too long for a small string;"
              "a text that is too long for a small string;");
}

}  // namespace
}  // namespace simul
