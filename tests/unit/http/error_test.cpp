// SPDX-License-Identifier: Apache-2.0
#include "simul/http/error.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace simul::http {
namespace {

TEST(http_error, has_its_own_category) {
    const std::error_code code = errc::bad_chunk;
    EXPECT_STREQ(code.category().name(), "simul.http");
    EXPECT_EQ(code, errc::bad_chunk);
    EXPECT_NE(code, errc::not_http);
}

TEST(http_error, has_a_message_of_its_own_for_every_condition) {
    std::set<std::string> messages;
    const int last = static_cast<int>(errc::decoding_failed);
    for (int code = 1; code <= last; ++code) {
        messages.insert(error_category().message(code));
    }
    EXPECT_EQ(messages.size(), static_cast<std::size_t>(last));
    EXPECT_FALSE(messages.contains(error_category().message(last + 1)));
    EXPECT_EQ(error_category().message(last + 1), "unknown http error");
}

}  // namespace
}  // namespace simul::http
