// SPDX-License-Identifier: Apache-2.0
#include "simul/http/method.hpp"

#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>

#include "simul/http/error.hpp"

namespace simul::http {
namespace {

TEST(method, is_sent_under_its_name) {
    EXPECT_EQ(method{method::get}.name(), "GET");
    EXPECT_EQ(method{method::delete_}.name(), "DELETE");
    EXPECT_EQ(method{method::connect}.name(), "CONNECT");
    EXPECT_EQ(method{"PROPFIND"}.name(), "PROPFIND");
}

TEST(method, made_of_a_known_name_is_the_known_one) {
    for (method::known which :
         {method::get, method::head, method::post, method::put, method::delete_, method::options,
          method::patch, method::trace, method::connect}) {
        EXPECT_EQ(method{method{which}.name()}, which);
    }
}

TEST(method, is_compared_with_regard_to_case) {
    EXPECT_NE(method{"get"}, method::get);
    EXPECT_NE(method{"GET2"}, method::get);
    EXPECT_EQ(method{"get"}, method{"get"});
}

TEST(method, that_is_no_token_is_refused) {
    for (std::string_view name : {"", "GE T", "GET\r\nHost: x", "GET:", "G\xC3\x89T"}) {
        try {
            const method made{name};
            ADD_FAILURE() << made.name();
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), errc::bad_method);
        }
    }
}

TEST(method, is_safe_if_it_changes_nothing) {
    for (method::known which : {method::get, method::head, method::options, method::trace}) {
        EXPECT_TRUE(method{which}.is_safe());
        EXPECT_TRUE(method{which}.is_idempotent());
    }
    for (method::known which : {method::put, method::delete_}) {
        EXPECT_FALSE(method{which}.is_safe());
        EXPECT_TRUE(method{which}.is_idempotent());
    }
    for (method::known which : {method::post, method::patch, method::connect}) {
        EXPECT_FALSE(method{which}.is_safe());
        EXPECT_FALSE(method{which}.is_idempotent());
    }
}

TEST(method, beyond_the_known_ones_is_neither_safe_nor_idempotent) {
    EXPECT_FALSE(method{"PROPFIND"}.is_safe());
    EXPECT_FALSE(method{"PROPFIND"}.is_idempotent());
}

}  // namespace
}  // namespace simul::http
