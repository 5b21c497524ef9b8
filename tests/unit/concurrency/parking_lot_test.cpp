// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/parking_lot.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace simul {
namespace {

/// Stands in a lot and writes its number down when it is woken.
struct noting : parked {
    noting(std::vector<int>& lines, int its_number) noexcept
        : parked{&note}, log{lines}, number{its_number} {}

    static void note(parked& self) noexcept {
        auto& woken = static_cast<noting&>(self);
        woken.log.push_back(woken.number);
    }

    std::vector<int>& log;
    int number;
};

/// Passes its turn on inside the call that wakes it, as a waiter does that was too late.
struct passing : parked {
    passing(parking_lot& where, int& count) noexcept : parked{&pass}, lot{where}, woken{count} {}

    static void pass(parked& self) noexcept {
        auto& late = static_cast<passing&>(self);
        ++late.woken;
        late.lot.wake_one();
    }

    parking_lot& lot;
    int& woken;
};

TEST(parking_lot, wakes_in_the_order_of_arrival) {
    parking_lot lot;
    std::vector<int> log;
    noting first{log, 1};
    noting second{log, 2};
    noting third{log, 3};
    lot.park(first);
    lot.park(second);
    lot.park(third);
    EXPECT_EQ(lot.size(), 3U);
    EXPECT_EQ(&lot.front(), &first);
    EXPECT_TRUE(lot.wake_one());
    EXPECT_EQ(log, std::vector<int>{1});
    EXPECT_EQ(lot.size(), 2U);
    lot.wake_all();
    EXPECT_EQ(log, (std::vector<int>{1, 2, 3}));
    EXPECT_TRUE(lot.empty());
}

TEST(parking_lot, says_when_nobody_waits) {
    parking_lot lot;
    EXPECT_TRUE(lot.empty());
    EXPECT_FALSE(lot.wake_one());
    lot.wake_all();
    EXPECT_EQ(lot.size(), 0U);
}

TEST(parking_lot, forgets_who_leaves_from_the_middle) {
    parking_lot lot;
    std::vector<int> log;
    noting first{log, 1};
    noting second{log, 2};
    noting third{log, 3};
    lot.park(first);
    lot.park(second);
    lot.park(third);
    lot.leave(second);
    EXPECT_EQ(lot.size(), 2U);
    EXPECT_FALSE(second.list_hook<parked>::linked());
    lot.wake_all();
    EXPECT_EQ(log, (std::vector<int>{1, 3}));
}

TEST(parking_lot, wake_all_leaves_those_who_come_meanwhile) {
    struct returning : parked {
        explicit returning(parking_lot& where) noexcept : parked{&park_again}, lot{where} {}
        static void park_again(parked& self) noexcept {
            auto& woken = static_cast<returning&>(self);
            ++woken.times;
            woken.lot.park(woken);
        }
        parking_lot& lot;
        int times = 0;
    };
    parking_lot lot;
    returning one{lot};
    returning other{lot};
    lot.park(one);
    lot.park(other);
    lot.wake_all();
    EXPECT_EQ(one.times, 1);
    EXPECT_EQ(other.times, 1);
    EXPECT_EQ(lot.size(), 2U);
    lot.leave(one);
    lot.leave(other);
}

TEST(parking_lot, a_turn_that_is_passed_on_reaches_the_next) {
    parking_lot lot;
    std::vector<int> log;
    int passed = 0;
    passing late{lot, passed};
    noting next{log, 1};
    noting last{log, 2};
    lot.park(late);
    lot.park(next);
    lot.park(last);
    EXPECT_TRUE(lot.wake_one());
    EXPECT_EQ(passed, 1);
    EXPECT_EQ(log, std::vector<int>{1});
    EXPECT_EQ(lot.size(), 1U);
    lot.leave(last);
}

TEST(parking_lot, a_turn_that_nobody_takes_is_not_owed_to_a_later_one) {
    parking_lot lot;
    std::vector<int> log;
    int passed = 0;
    passing late{lot, passed};
    noting newcomer{log, 1};
    lot.park(late);
    EXPECT_TRUE(lot.wake_one());
    lot.park(newcomer);
    EXPECT_TRUE(log.empty());
    EXPECT_TRUE(lot.wake_one());
    EXPECT_EQ(log, std::vector<int>{1});
}

TEST(parking_lot, passing_a_turn_on_costs_no_stack) {
    constexpr int count = 200'000;
    parking_lot lot;
    std::vector<std::unique_ptr<passing>> late;
    int passed = 0;
    for (int i = 0; i < count; ++i) {
        late.push_back(std::make_unique<passing>(lot, passed));
        lot.park(*late.back());
    }
    EXPECT_TRUE(lot.wake_one());
    EXPECT_EQ(passed, count);
    EXPECT_TRUE(lot.empty());
}

TEST(parking_lot, checks_that_nobody_waits_in_it_when_it_is_destroyed) {
    const auto destroy_it_too_early = [] {
        std::vector<int> log;
        noting waiting{log, 1};
        parking_lot lot;
        lot.park(waiting);
    };
    EXPECT_DEATH(destroy_it_too_early(), "destroyed while it had elements");
}

}  // namespace
}  // namespace simul
