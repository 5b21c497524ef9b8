// SPDX-License-Identifier: Apache-2.0
#include "simul/base/time.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

namespace {

using namespace std::chrono_literals;
using simul::duration;
using simul::saturating_add;
using simul::saturating_duration;
using simul::time_point;

using floating_seconds = std::chrono::duration<double>;

constexpr time_point noon{duration{1'000}};

TEST(time, adding_a_delay_moves_a_time_point_by_exactly_that_much) {
    static_assert(saturating_add(noon, 5ns) == time_point{1'005ns});
    EXPECT_EQ(saturating_add(noon, 1h) - noon, 1h);
}

TEST(time, adding_nothing_or_less_gives_the_start) {
    EXPECT_EQ(saturating_add(noon, 0ns), noon);
    EXPECT_EQ(saturating_add(noon, -1ns), noon);
    EXPECT_EQ(saturating_add(noon, duration::min()), noon);
}

TEST(time, adding_too_much_gives_the_last_time_point) {
    EXPECT_EQ(saturating_add(noon, duration::max()), time_point::max());
    EXPECT_EQ(saturating_add(time_point::max(), 1ns), time_point::max());
    EXPECT_EQ(saturating_add(time_point::max() - 1ns, 2ns), time_point::max());
}

TEST(time, adding_up_to_the_last_time_point_is_exact) {
    EXPECT_EQ(saturating_add(time_point::max() - 5ns, 4ns), time_point::max() - 1ns);
    EXPECT_EQ(saturating_add(time_point::max() - 5ns, 5ns), time_point::max());
}

TEST(time, integral_durations_convert_exactly) {
    static_assert(saturating_duration(3s) == 3'000'000'000ns);
    EXPECT_EQ(saturating_duration(-2ms), -2'000'000ns);
    EXPECT_EQ(saturating_duration(std::chrono::days{1}), 24h);
}

TEST(time, whole_numbers_convert_exactly_as_far_as_nanoseconds_reach_and_then_to_the_last) {
    using unsigned_seconds = std::chrono::duration<std::uint64_t>;
    EXPECT_EQ(saturating_duration(9'223'372'036s), 9'223'372'036'000'000'000ns);
    EXPECT_EQ(saturating_duration(-9'223'372'036s), -9'223'372'036'000'000'000ns);
    EXPECT_EQ(saturating_duration(9'223'372'037s), duration::max());
    EXPECT_EQ(saturating_duration(-9'223'372'037s), duration::min());
    EXPECT_EQ(saturating_duration(std::chrono::microseconds::max()), duration::max());
    EXPECT_EQ(saturating_duration(std::chrono::years::min()), duration::min());
    EXPECT_EQ(saturating_duration(unsigned_seconds{7}), 7s);
    EXPECT_EQ(saturating_duration(unsigned_seconds::max()), duration::max());
}

TEST(time, whole_numbers_of_a_unit_that_is_no_whole_number_of_nanoseconds_are_cut_off) {
    EXPECT_EQ(saturating_duration(std::chrono::duration<int, std::ratio<1, 3>>{2}), 666'666'666ns);
    EXPECT_EQ(saturating_duration(std::chrono::duration<int, std::pico>{1'999}), 1ns);
}

TEST(time, nanoseconds_pass_through_to_the_last_bit) {
    EXPECT_EQ(saturating_duration(duration::max() - 1ns), duration::max() - 1ns);
    EXPECT_EQ(saturating_duration(duration::min() + 1ns), duration::min() + 1ns);
}

TEST(time, fractions_of_a_second_convert_to_nanoseconds) {
    EXPECT_EQ(saturating_duration(floating_seconds{0.25}), 250ms);
    EXPECT_EQ(saturating_duration(floating_seconds{-0.5}), -500ms);
}

TEST(time, durations_too_large_become_the_largest_one) {
    EXPECT_EQ(saturating_duration(std::chrono::hours::max()), duration::max());
    EXPECT_EQ(saturating_duration(std::chrono::hours::min()), duration::min());
    EXPECT_EQ(saturating_duration(floating_seconds{1e300}), duration::max());
}

TEST(time, infinities_become_the_extremes_and_nan_becomes_zero) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(saturating_duration(floating_seconds{infinity}), duration::max());
    EXPECT_EQ(saturating_duration(floating_seconds{-infinity}), duration::min());
    EXPECT_EQ(saturating_duration(floating_seconds{nan}), duration::zero());
}

TEST(time, durations_finer_than_a_nanosecond_are_cut_off) {
    using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
    EXPECT_EQ(saturating_duration(picoseconds{1'999}), 1ns);
    EXPECT_EQ(saturating_duration(picoseconds{999}), 0ns);
}

}  // namespace
