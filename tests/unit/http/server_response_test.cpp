// SPDX-License-Identifier: Apache-2.0
#include "simul/http/server_response.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <system_error>

#include "simul/http/error.hpp"

namespace simul::http {
namespace {

TEST(server_response, refuses_fields_that_could_end_a_line_or_belong_to_the_server) {
    server_response answer;
    const auto error_of = [&](std::string_view name, std::string_view value) {
        try {
            answer.add_field(name, value);
        } catch (const std::system_error& refused) {
            return refused.code();
        }
        return std::error_code{};
    };
    EXPECT_EQ(error_of("X", "a\r\nY: b"), errc::bad_header_value);
    EXPECT_EQ(error_of("X: Y", "a"), errc::bad_header_name);
    EXPECT_EQ(error_of("", "a"), errc::bad_header_name);
    for (const std::string_view own : {"Content-Length", "content-length", "Transfer-Encoding",
                                       "Connection", "Keep-Alive", "Date", "Server"}) {
        EXPECT_EQ(error_of(own, "1"), errc::bad_header_name) << own;
    }
    EXPECT_EQ(error_of("X", " a\tb "), std::error_code{});
}

}  // namespace
}  // namespace simul::http
