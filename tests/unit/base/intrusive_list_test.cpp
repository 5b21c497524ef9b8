// SPDX-License-Identifier: Apache-2.0
#include "simul/base/intrusive_list.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <vector>

namespace {

struct by_age {};
struct by_name {};

struct person : simul::list_hook<by_age>, simul::list_hook<by_name> {
    explicit person(int number) : id{number} {}
    int id;
};

using ages = simul::intrusive_list<person, by_age>;
using names = simul::intrusive_list<person, by_name>;

bool is_in_ages(const person& who) {
    return static_cast<const simul::list_hook<by_age>&>(who).linked();
}

void leave_ages(person& who) {
    static_cast<simul::list_hook<by_age>&>(who).unlink();
}

template <class List>
std::vector<int> drain(List& list) {
    std::vector<int> ids;
    while (auto* element = list.pop_front()) ids.push_back(element->id);
    return ids;
}

TEST(intrusive_list, gives_elements_back_in_the_order_they_came) {
    person one{1}, two{2}, three{3};
    ages list;
    EXPECT_TRUE(list.empty());
    list.push_back(two);
    list.push_back(three);
    list.push_front(one);
    EXPECT_FALSE(list.empty());
    EXPECT_EQ(list.front().id, 1);
    EXPECT_EQ(list.back().id, 3);
    EXPECT_EQ(drain(list), (std::vector{1, 2, 3}));
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.pop_front(), nullptr);
}

TEST(intrusive_list, an_element_leaves_from_the_front_the_middle_and_the_back) {
    for (int leaving = 1; leaving <= 3; ++leaving) {
        person one{1}, two{2}, three{3};
        person* const everyone[] = {&one, &two, &three};
        ages list;
        for (person* who : everyone) list.push_back(*who);

        leave_ages(*everyone[leaving - 1]);
        EXPECT_FALSE(is_in_ages(*everyone[leaving - 1]));

        std::vector<int> expected;
        for (int id = 1; id <= 3; ++id) {
            if (id != leaving) expected.push_back(id);
        }
        EXPECT_EQ(drain(list), expected);
    }
}

TEST(intrusive_list, leaving_twice_does_nothing) {
    person one{1}, two{2};
    ages list;
    list.push_back(one);
    list.push_back(two);
    leave_ages(one);
    leave_ages(one);
    EXPECT_EQ(drain(list), std::vector{2});
}

TEST(intrusive_list, an_element_that_left_can_join_again) {
    person one{1}, two{2};
    ages list;
    list.push_back(one);
    list.push_back(two);
    leave_ages(one);
    list.push_back(one);
    EXPECT_EQ(drain(list), (std::vector{2, 1}));
}

TEST(intrusive_list, next_walks_to_the_end) {
    person one{1}, two{2};
    ages list;
    list.push_back(one);
    list.push_back(two);
    EXPECT_EQ(list.next(one), &two);
    EXPECT_EQ(list.next(two), nullptr);
    drain(list);
}

TEST(intrusive_list, splicing_moves_everything_behind_what_is_there) {
    person one{1}, two{2}, three{3}, four{4};
    ages list, other;
    list.push_back(one);
    list.push_back(two);
    other.push_back(three);
    other.push_back(four);
    list.splice_back(other);
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(drain(list), (std::vector{1, 2, 3, 4}));
}

TEST(intrusive_list, splicing_works_from_and_into_an_empty_list) {
    person one{1}, two{2};
    ages list, other;
    list.splice_back(other);
    EXPECT_TRUE(list.empty());

    other.push_back(one);
    other.push_back(two);
    list.splice_back(other);
    other.push_back(*list.pop_front());  // the list that was emptied is usable again
    EXPECT_EQ(drain(list), std::vector{2});
    EXPECT_EQ(drain(other), std::vector{1});
}

TEST(intrusive_list, sorted_insertion_keeps_equal_ones_in_the_order_they_came) {
    person four{4}, six{6}, two{2}, five{5}, seven{7}, three{3};
    const auto is_of_a_lower_pair = [](const person& one, const person& other) {
        return one.id / 2 < other.id / 2;
    };
    ages list;
    for (person* who : {&five, &six, &two, &four, &seven, &three}) {
        list.insert_sorted(*who, is_of_a_lower_pair);
    }
    EXPECT_EQ(drain(list), (std::vector{2, 3, 5, 4, 6, 7}));
}

TEST(intrusive_list, an_object_is_in_several_lists_by_tag) {
    person one{1}, two{2};
    ages first;
    names second;
    first.push_back(one);
    first.push_back(two);
    second.push_back(two);
    second.push_back(one);
    leave_ages(one);
    EXPECT_EQ(drain(first), std::vector{2});
    EXPECT_EQ(drain(second), (std::vector{2, 1}));
}

TEST(intrusive_list_death, destroying_a_linked_element_is_reported) {
    EXPECT_EXIT(
        {
            ages list;
            person one{1};
            list.push_back(one);
        },
        testing::KilledBySignal(SIGABRT), "destroyed while it was in a list");
}

TEST(intrusive_list_death, destroying_a_list_with_elements_is_reported) {
    EXPECT_EXIT(
        {
            person one{1};
            ages list;
            list.push_back(one);
        },
        testing::KilledBySignal(SIGABRT), "destroyed while it had elements");
}

struct job {
    explicit job(int number) : id{number} {}
    int id;
    job* next = nullptr;
};

using jobs = simul::intrusive_queue<job, &job::next>;

TEST(intrusive_queue, is_first_in_first_out) {
    job one{1}, two{2}, three{3};
    jobs queue;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.pop_front(), nullptr);
    queue.push_back(one);
    queue.push_back(two);
    queue.push_back(three);
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(drain(queue), (std::vector{1, 2, 3}));
    EXPECT_TRUE(queue.empty());
}

TEST(intrusive_queue, is_usable_again_after_it_ran_empty) {
    job one{1}, two{2};
    jobs queue;
    queue.push_back(one);
    EXPECT_EQ(queue.pop_front(), &one);
    queue.push_back(two);
    queue.push_back(one);
    EXPECT_EQ(drain(queue), (std::vector{2, 1}));
}

TEST(intrusive_queue, an_element_taken_points_to_no_other) {
    job one{1}, two{2};
    jobs queue;
    queue.push_back(one);
    queue.push_back(two);
    EXPECT_EQ(queue.pop_front()->next, nullptr);
    EXPECT_EQ(drain(queue), std::vector{2});
}

TEST(intrusive_queue, splicing_keeps_the_order_and_empties_the_other) {
    job one{1}, two{2}, three{3}, four{4};
    jobs queue, other;
    queue.splice_back(other);
    EXPECT_TRUE(queue.empty());
    other.push_back(one);
    other.push_back(two);
    queue.splice_back(other);
    other.push_back(three);
    queue.splice_back(other);
    EXPECT_TRUE(other.empty());
    queue.push_back(four);
    EXPECT_EQ(drain(queue), (std::vector{1, 2, 3, 4}));
}

}  // namespace
