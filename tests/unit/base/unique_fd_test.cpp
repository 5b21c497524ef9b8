// SPDX-License-Identifier: Apache-2.0
#include "simul/base/unique_fd.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace {

using simul::unique_fd;

bool is_open(int descriptor) {
    return ::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF;
}

unique_fd open_something() {
    unique_fd descriptor{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    EXPECT_TRUE(is_open(descriptor.get()));
    return descriptor;
}

TEST(unique_fd, holds_nothing_when_made_without_a_descriptor) {
    const unique_fd nothing;
    EXPECT_EQ(nothing.get(), -1);
    EXPECT_FALSE(nothing);
}

TEST(unique_fd, descriptor_zero_counts_as_one) {
    unique_fd zero{0};
    EXPECT_TRUE(zero);
    EXPECT_EQ(zero.release(), 0);
}

TEST(unique_fd, closes_when_destroyed) {
    int number = -1;
    {
        const unique_fd descriptor = open_something();
        number = descriptor.get();
    }
    EXPECT_FALSE(is_open(number));
}

TEST(unique_fd, moving_hands_the_descriptor_over) {
    unique_fd from = open_something();
    const int number = from.get();
    const unique_fd to{std::move(from)};
    EXPECT_EQ(to.get(), number);
    EXPECT_EQ(from.get(), -1);  // NOLINT(bugprone-use-after-move): that is what is tested
    EXPECT_TRUE(is_open(number));
}

TEST(unique_fd, assigning_closes_the_descriptor_held_before) {
    unique_fd first = open_something();
    unique_fd second = open_something();
    const int closed = first.get();
    const int kept = second.get();
    first = std::move(second);
    EXPECT_EQ(first.get(), kept);
    EXPECT_FALSE(is_open(closed));
    EXPECT_TRUE(is_open(kept));
}

TEST(unique_fd, assigning_to_itself_keeps_the_descriptor) {
    unique_fd descriptor = open_something();
    unique_fd& same = descriptor;
    const int number = descriptor.get();
    descriptor = std::move(same);
    EXPECT_EQ(descriptor.get(), number);
    EXPECT_TRUE(is_open(number));
}

TEST(unique_fd, releasing_gives_up_ownership) {
    int number = -1;
    {
        unique_fd descriptor = open_something();
        number = descriptor.release();
        EXPECT_FALSE(descriptor);
    }
    EXPECT_TRUE(is_open(number));
    ::close(number);
}

TEST(unique_fd, reset_closes_the_old_and_takes_the_new) {
    unique_fd descriptor = open_something();
    const int old = descriptor.get();
    const int fresh = ::dup(old);
    descriptor.reset(fresh);
    EXPECT_EQ(descriptor.get(), fresh);
    EXPECT_FALSE(is_open(old));
    descriptor.reset();
    EXPECT_FALSE(descriptor);
    EXPECT_FALSE(is_open(fresh));
}

TEST(unique_fd, cannot_be_copied_and_moves_without_throwing) {
    EXPECT_FALSE(std::is_copy_constructible_v<unique_fd>);
    EXPECT_FALSE(std::is_copy_assignable_v<unique_fd>);
    EXPECT_TRUE(std::is_nothrow_move_constructible_v<unique_fd>);
    EXPECT_TRUE(std::is_nothrow_move_assignable_v<unique_fd>);
}

}  // namespace
