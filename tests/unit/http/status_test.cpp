// SPDX-License-Identifier: Apache-2.0
#include "simul/http/status.hpp"

#include <gtest/gtest.h>

namespace simul::http {
namespace {

TEST(status, has_its_usual_words) {
    EXPECT_EQ(status::reason_phrase(200), "OK");
    EXPECT_EQ(status::reason_phrase(status::not_found), "Not Found");
    EXPECT_EQ(status::reason_phrase(431), "Request Header Fields Too Large");
    EXPECT_EQ(status::reason_phrase(505), "HTTP Version Not Supported");
    EXPECT_EQ(status::reason_phrase(299), "");
    EXPECT_EQ(status::reason_phrase(-1), "");
}

TEST(status, is_classed_by_its_first_digit) {
    EXPECT_FALSE(status::is_informational(99));
    EXPECT_TRUE(status::is_informational(100));
    EXPECT_TRUE(status::is_informational(199));
    EXPECT_FALSE(status::is_success(199));
    EXPECT_TRUE(status::is_success(200));
    EXPECT_TRUE(status::is_success(299));
    EXPECT_FALSE(status::is_success(300));
    EXPECT_FALSE(status::is_client_error(399));
    EXPECT_TRUE(status::is_client_error(400));
    EXPECT_TRUE(status::is_client_error(499));
    EXPECT_TRUE(status::is_server_error(500));
    EXPECT_TRUE(status::is_server_error(599));
    EXPECT_FALSE(status::is_server_error(600));
}

TEST(status, redirects_with_five_codes_only) {
    int redirects = 0;
    for (int code = 100; code < 600; ++code) redirects += status::is_redirect(code) ? 1 : 0;
    EXPECT_EQ(redirects, 5);
    EXPECT_TRUE(status::is_redirect(status::permanent_redirect));
    EXPECT_FALSE(status::is_redirect(status::not_modified));
    EXPECT_FALSE(status::is_redirect(status::multiple_choices));
}

TEST(status, has_three_digits) {
    EXPECT_FALSE(status::is_valid(99));
    EXPECT_TRUE(status::is_valid(100));
    EXPECT_TRUE(status::is_valid(999));
    EXPECT_FALSE(status::is_valid(1000));
}

TEST(status, tells_who_has_no_body) {
    EXPECT_TRUE(status::is_bodiless(100));
    EXPECT_TRUE(status::is_bodiless(204));
    EXPECT_TRUE(status::is_bodiless(304));
    EXPECT_FALSE(status::is_bodiless(205));
    EXPECT_FALSE(status::is_bodiless(200));
}

}  // namespace
}  // namespace simul::http
