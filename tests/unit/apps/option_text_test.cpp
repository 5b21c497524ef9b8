// SPDX-License-Identifier: Apache-2.0
//
// Values of the command line that mean the same to crawl and to fetch. What each of the two refuses
// is in their own tests.
#include "common/option_text.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace simul::program {
namespace {

using namespace std::chrono_literals;

http::time_limits limits_of(std::string_view text) {
    http::time_limits limits;
    limits.resolve = limits.connect = limits.handshake = 100s;
    read_time_limits(text, limits);
    return limits;
}

TEST(option_text, lets_connect_hold_for_the_name_and_tls_unless_these_are_named) {
    EXPECT_EQ(limits_of("connect=2").resolve, 2s);
    EXPECT_EQ(limits_of("connect=2").handshake, 2s);
    for (const char* text :
         {"connect=2,resolve=3,handshake=4", "handshake=4,resolve=3,connect=2"}) {
        EXPECT_EQ(limits_of(text).resolve, 3s);
        EXPECT_EQ(limits_of(text).connect, 2s);
        EXPECT_EQ(limits_of(text).handshake, 4s);
    }
    EXPECT_EQ(limits_of("resolve=3").connect, 100s);
    EXPECT_EQ(limits_of("resolve=3").handshake, 100s);
}

TEST(option_text, reads_seconds_from_a_thousandth_to_a_day) {
    EXPECT_EQ(read_seconds("0.001"), 1ms);
    EXPECT_EQ(read_seconds("86400"), 24h);
    for (const char* wrong : {"", "0", "0.0009", "86400.1", "1s", "1e1", "-1", "nan"}) {
        EXPECT_THROW(static_cast<void>(read_seconds(wrong)), std::invalid_argument) << wrong;
    }
}

TEST(option_text, knows_every_host_and_hosts_of_ipv6_in_overrides) {
    EXPECT_EQ(read_override("*:*:127.0.0.1").host, "*");
    EXPECT_EQ(read_override("[::1]:80:127.0.0.1").host, "::1");
    EXPECT_EQ(read_override("EXAMPLE.org:80:127.0.0.1").host, "example.org");
}

TEST(option_text, takes_fields_one_after_the_other) {
    std::string_view rest = "[a:b]:c::d";
    EXPECT_EQ(take_field(rest, ':'), "[a:b]");
    EXPECT_EQ(take_field(rest, ':'), "c");
    EXPECT_EQ(take_field(rest, ':'), "");
    EXPECT_EQ(take_field(rest, ':'), "d");
    EXPECT_EQ(rest, "");
    rest = "[a:b";
    EXPECT_EQ(take_field(rest, ':'), "[a");
}

TEST(option_text, trims_blanks_of_every_kind) {
    EXPECT_EQ(trimmed(" \t\r\n\f\va b\v\f\n\r\t "), "a b");
    EXPECT_EQ(trimmed(" \n"), "");
}

}  // namespace
}  // namespace simul::program
