// SPDX-License-Identifier: Apache-2.0
#include "simul/base/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <system_error>
#include <type_traits>

namespace {

using simul::errc;

constexpr errc every_condition[] = {errc::cancelled,      errc::timed_out,    errc::closed,
                                    errc::busy,           errc::deadlock,     errc::not_started,
                                    errc::unavailable,    errc::never_ready,  errc::broken_barrier,
                                    errc::broken_promise, errc::invalid_state};

TEST(error, an_enumerator_converts_to_a_code_of_the_category_simul) {
    const std::error_code code = errc::closed;
    EXPECT_EQ(code.category(), simul::error_category());
    EXPECT_STREQ(code.category().name(), "simul");
    EXPECT_EQ(code, errc::closed);
    EXPECT_NE(code, errc::busy);
}

TEST(error, no_condition_counts_as_success) {
    for (const errc condition : every_condition) {
        EXPECT_TRUE(static_cast<bool>(make_error_code(condition)));
    }
}

TEST(error, every_condition_has_a_text_of_its_own) {
    std::set<std::string> texts;
    for (const errc condition : every_condition) {
        texts.insert(make_error_code(condition).message());
    }
    EXPECT_EQ(texts.size(), std::size(every_condition));
    EXPECT_FALSE(texts.contains(simul::error_category().message(9999)));
}

TEST(error, an_exception_has_the_code_and_the_text_of_its_condition) {
    for (const errc condition : every_condition) {
        const simul::error thrown{condition};
        EXPECT_EQ(thrown.code(), condition);
        EXPECT_EQ(thrown.what(), thrown.code().message());
    }
}

TEST(error, named_exceptions_are_caught_as_error_and_as_std_exception) {
    try {
        throw simul::timed_out{};
    } catch (const simul::error& caught) {
        EXPECT_EQ(caught.code(), errc::timed_out);
    }
    try {
        throw simul::closed{};
    } catch (const std::exception& caught) {
        EXPECT_EQ(caught.what(), make_error_code(errc::closed).message());
    }
}

TEST(error, throwing_and_copying_cannot_fail) {
    EXPECT_TRUE(std::is_nothrow_default_constructible_v<simul::timed_out>);
    EXPECT_TRUE(std::is_nothrow_default_constructible_v<simul::closed>);
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<simul::error>);
}

TEST(error, a_code_is_told_apart_from_a_system_code_of_the_same_number) {
    const std::error_code ours = errc::closed;
    const std::error_code systems{ours.value(), std::system_category()};
    EXPECT_NE(ours, systems);
}

}  // namespace
