// SPDX-License-Identifier: Apache-2.0
#include "simul/base/ring_buffer.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <random>

namespace simul {
namespace {

using boxes = ring_buffer<std::unique_ptr<int>>;

std::unique_ptr<int> box(int number) {
    return std::make_unique<int>(number);
}

TEST(ring_buffer, gives_items_back_in_order_from_both_ends) {
    boxes items;
    items.reserve(4);
    items.push_back(box(2));
    items.push_back(box(3));
    items.push_front(box(1));
    items.push_front(box(0));
    EXPECT_EQ(items.size(), 4U);
    EXPECT_EQ(*items.front(), 0);
    EXPECT_EQ(*items[2], 2);
    EXPECT_EQ(*items.pop_back(), 3);
    EXPECT_EQ(*items.pop_front(), 0);
    EXPECT_EQ(*items.pop_front(), 1);
    EXPECT_EQ(*items.pop_front(), 2);
    EXPECT_TRUE(items.empty());
}

TEST(ring_buffer, has_a_place_for_each_item_that_was_announced_and_moves_nothing_then) {
    boxes items;
    EXPECT_EQ(items.capacity(), 0U);
    items.reserve(9);
    const std::size_t places = items.capacity();
    EXPECT_GE(places, 9U);
    for (std::size_t number = 0; number < places; ++number) items.push_front(box(1));
    EXPECT_EQ(items.capacity(), places);
    items.reserve(places);
    EXPECT_EQ(items.capacity(), places);
}

TEST(ring_buffer, keeps_its_items_while_it_grows_round_the_corner) {
    boxes items;
    items.reserve(8);
    for (int number = 0; number < 8; ++number) items.push_back(box(number));
    for (int number = 0; number < 5; ++number) EXPECT_EQ(*items.pop_front(), number);
    for (int number = 8; number < 13; ++number) items.push_back(box(number));
    items.reserve(100);
    for (int number = 5; number < 13; ++number) EXPECT_EQ(*items.pop_front(), number);
}

TEST(ring_buffer, destroys_what_is_left) {
    const auto shared = std::make_shared<int>(1);
    {
        ring_buffer<std::shared_ptr<int>> items;
        items.reserve(3);
        for (int count = 0; count < 3; ++count) items.push_back(std::shared_ptr<int>{shared});
        EXPECT_EQ(shared.use_count(), 4);
        items.clear();
        EXPECT_EQ(shared.use_count(), 1);
        items.push_back(std::shared_ptr<int>{shared});
        items.release();
        EXPECT_EQ(shared.use_count(), 1);
        EXPECT_EQ(items.capacity(), 0U);
        items.reserve(1);
        items.push_front(std::shared_ptr<int>{shared});
    }
    EXPECT_EQ(shared.use_count(), 1);
}

TEST(ring_buffer, behaves_like_a_deque) {
    std::mt19937 random{1};
    ring_buffer<int> items;
    std::deque<int> expected;
    for (int step = 0; step < 20'000; ++step) {
        switch (random() % 5) {
            case 0:
            case 1:
                items.reserve(items.size() + 1);
                items.push_back(int{step});
                expected.push_back(step);
                break;
            case 2:
                items.reserve(items.size() + 1);
                items.push_front(int{step});
                expected.push_front(step);
                break;
            case 3:
                if (expected.empty()) break;
                ASSERT_EQ(items.pop_front(), expected.front());
                expected.pop_front();
                break;
            default:
                if (expected.empty()) break;
                ASSERT_EQ(items.pop_back(), expected.back());
                expected.pop_back();
                break;
        }
        ASSERT_EQ(items.size(), expected.size());
    }
}

TEST(ring_buffer, checks_that_places_were_reserved) {
    EXPECT_DEATH(
        {
            ring_buffer<int> items;
            items.push_back(1);
        },
        "without a place");
}

}  // namespace
}  // namespace simul
