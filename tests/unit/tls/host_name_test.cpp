// SPDX-License-Identifier: Apache-2.0
#include "tls/host_name.hpp"

#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <vector>

#include "simul/tls/error.hpp"

namespace simul {
namespace {

using tls::detail::host_name;

std::string name_of(std::string_view text) {
    const host_name host{text};
    EXPECT_FALSE(host.is_address()) << text;
    return host.name();
}

std::vector<int> address_of(std::string_view text) {
    const host_name host{text};
    return {host.address().begin(), host.address().end()};
}

bool is_refused(std::string_view text) {
    try {
        const host_name host{text};
    } catch (const std::system_error& error) {
        return error.code() == tls::errc::invalid_host;
    }
    return false;
}

TEST(tls_host_name, is_in_lower_case_without_the_final_dot) {
    EXPECT_EQ(name_of("localhost"), "localhost");
    EXPECT_EQ(name_of("WWW.Example.TEST."), "www.example.test");
    EXPECT_EQ(name_of("xn--bcher-kva.example"), "xn--bcher-kva.example");
    EXPECT_EQ(name_of("_service.example"), "_service.example");
    EXPECT_EQ(name_of("1.example"), "1.example");
}

TEST(tls_host_name, an_address_is_no_name) {
    EXPECT_EQ(address_of("192.0.2.1"), (std::vector{192, 0, 2, 1}));
    EXPECT_EQ(address_of("192.0.2.1."), (std::vector{192, 0, 2, 1}));
    EXPECT_EQ(address_of("::1").size(), 16U);
    EXPECT_EQ(address_of("[::1]"), address_of("::1"));
    EXPECT_EQ(address_of("::ffff:192.0.2.1").size(), 16U);
}

TEST(tls_host_name, anything_else_is_refused) {
    for (const char* text : {"",
                             ".",
                             "a..b",
                             ".a",
                             "a..",
                             "a b",
                             "a/b",
                             "user@host",
                             "host:443",
                             "b\xc3\xbc"
                             "cher.test",
                             "[::1",
                             "::1]",
                             "[localhost]",
                             "[127.0.0.1]",
                             "fe80::1%eth0",
                             "127.1",
                             "0x7f.0.0.1.5",
                             "1.2.3.256",
                             "2130706433",
                             "*.example.test",
                             "a\nb"}) {
        EXPECT_TRUE(is_refused(text)) << text;
    }
    EXPECT_TRUE(is_refused(std::string_view{"localhost\0.evil.test", 20}));
    EXPECT_TRUE(is_refused(std::string_view{"127.0.0.1\0", 10}));
}

TEST(tls_host_name, has_labels_of_63_and_253_characters_in_all_at_most) {
    EXPECT_FALSE(is_refused(std::string(62, 'a')));
    EXPECT_FALSE(is_refused(std::string(63, 'a')));
    EXPECT_TRUE(is_refused(std::string(64, 'a')));
    std::string longest;
    while (longest.size() < 250) longest.append("a.");
    longest.append("com");
    ASSERT_EQ(longest.size(), 253U);
    EXPECT_FALSE(is_refused(longest));
    EXPECT_FALSE(is_refused(longest.substr(1 + 1)));
    longest.insert(0, "a");
    EXPECT_TRUE(is_refused(longest));
}

}  // namespace
}  // namespace simul
