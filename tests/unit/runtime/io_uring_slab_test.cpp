// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/io_uring_slab.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace simul::detail {
namespace {

struct request : operation {
    request(opcode what, int fd) noexcept : operation{what, fd, nullptr, 0, nullptr} {}
};

TEST(io_uring_slab, finds_an_operation_by_what_the_kernel_was_told) {
    slab places;
    request first{opcode::receive, 3};
    request second{opcode::send, 3};
    ASSERT_TRUE(places.insert(first));
    ASSERT_TRUE(places.insert(second));
    EXPECT_EQ(places.find(places.user_data(first))->owner, &first);
    EXPECT_EQ(places.find(places.user_data(second))->owner, &second);
    EXPECT_EQ(places.size(), 2U);
}

TEST(io_uring_slab, a_late_completion_does_not_find_the_next_operation_of_its_slot) {
    slab places;
    request gone{opcode::receive, 3};
    ASSERT_TRUE(places.insert(gone));
    const std::uint64_t late = places.user_data(gone);
    places.erase(gone);
    EXPECT_EQ(places.find(late), nullptr);
    request next{opcode::receive, 3};
    ASSERT_TRUE(places.insert(next));
    ASSERT_EQ(next.slot, gone.slot);
    EXPECT_EQ(places.find(late), nullptr);
    EXPECT_EQ(places.find(places.user_data(next))->owner, &next);
    slab::renew(places.at(next));
    EXPECT_NE(places.find(places.user_data(next)), nullptr);
}

TEST(io_uring_slab, finds_nothing_for_generation_zero_or_a_slot_that_never_was) {
    slab places;
    request one{opcode::receive, 3};
    ASSERT_TRUE(places.insert(one));
    EXPECT_EQ(places.find(one.slot), nullptr);
    EXPECT_EQ(places.find(places.user_data(one) + 1), nullptr);
    places.at(one).generation = 0xffff'ffff;
    slab::renew(places.at(one));
    EXPECT_EQ(places.at(one).generation, 1U);
}

TEST(io_uring_slab, lets_readers_and_writers_of_a_descriptor_run_one_at_a_time) {
    slab places;
    std::deque<request> requests;
    for (const opcode code :
         {opcode::receive, opcode::read, opcode::send, opcode::connect, opcode::poll, opcode::poll})
        ASSERT_TRUE(places.insert(requests.emplace_back(code, 3)));
    std::vector<bool> may_run;
    for (const request& one : requests) may_run.push_back(places.may_run(one));
    EXPECT_EQ(may_run, (std::vector<bool>{true, false, true, false, true, true}));
    places.erase(requests[0]);
    EXPECT_EQ(places.first_of(3, slab::lane::readers), &requests[1]);
    places.erase(requests[1]);
    EXPECT_EQ(places.first_of(3, slab::lane::readers), nullptr);
    EXPECT_EQ(places.first_of(3, slab::lane::writers), &requests[2]);
}

TEST(io_uring_slab, lets_operations_of_a_file_run_side_by_side) {
    slab places;
    std::deque<request> requests;
    for (const opcode code : {opcode::read, opcode::write, opcode::read_at, opcode::write_at,
                              opcode::write_at, opcode::synchronize, opcode::status})
        ASSERT_TRUE(places.insert(requests.emplace_back(code, 3)));
    for (const request& one : requests) EXPECT_TRUE(places.may_run(one));
}

TEST(io_uring_slab, leaves_a_lane_from_the_middle_and_both_ends) {
    slab places;
    std::deque<request> requests;
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(places.insert(requests.emplace_back(opcode::accept, 7)));
    for (const std::size_t i : {2U, 0U, 4U}) places.erase(requests[i]);
    std::vector<operation*> left;
    places.for_each_on(7, [&](operation& one) { left.push_back(&one); });
    EXPECT_EQ(left, (std::vector<operation*>{&requests[3], &requests[1]}));
    places.for_each_on(7, [&](operation& one) { places.erase(one); });
    EXPECT_EQ(places.size(), 0U);
    places.for_each([](operation&) { FAIL(); });
}

}  // namespace
}  // namespace simul::detail
