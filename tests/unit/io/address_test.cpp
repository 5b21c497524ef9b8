// SPDX-License-Identifier: Apache-2.0
#include "simul/io/address.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

#include "io/socket_address.hpp"
#include "simul/io/address_policy.hpp"

namespace simul {
namespace {

std::string normal(std::string_view text) {
    const auto read = ip_address::parse(text);
    return read ? read->to_string() : "refused";
}

ip_address address(std::string_view text) {
    const auto read = ip_address::parse(text);
    EXPECT_TRUE(read) << text;
    return read.value_or(ip_address{});
}

static_assert(ip_address{}.is_v4());
static_assert(ip_address{}.is_unspecified());
static_assert(ip_address::any_v6().is_unspecified());
static_assert(ip_address::loopback_v4().is_loopback());
static_assert(ip_address::loopback_v6().is_loopback());
static_assert(ip_address::loopback_v4() < ip_address::loopback_v6());
static_assert(endpoint{ip_address::loopback_v4(), 80}.port() == 80);

TEST(ip_address, reads_four_decimal_numbers) {
    EXPECT_EQ(normal("0.0.0.0"), "0.0.0.0");
    EXPECT_EQ(normal("127.0.0.1"), "127.0.0.1");
    EXPECT_EQ(normal("255.255.255.255"), "255.255.255.255");
}

TEST(ip_address, refuses_every_other_spelling_of_ipv4) {
    for (const char* text :
         {"",           ".",         "1",         "1.2",       "1.2.3",
          "1.2.3.",     ".1.2.3",    "1.2.3.4.",  "1.2.3.4.5", "1..2.3",
          "256.1.1.1",  "1.1.1.256", "01.2.3.4",  "1.2.3.00",  "0x7f.0.0.1",
          "2130706433", "1.2.3.4 ",  " 1.2.3.4",  "+1.2.3.4",  "1.2.3.-4",
          "1.2.3.a",    "1,2,3,4",   "1.2.3.4%1", "1.2.3.4/8", "1.2.3.99999999999999999999",
          "[1.2.3.4]"}) {
        EXPECT_EQ(normal(text), "refused") << text;
    }
    EXPECT_EQ(normal(std::string_view{"1.2.3.4\0", 8}), "refused");
}

TEST(ip_address, reads_every_form_of_ipv6) {
    EXPECT_EQ(normal("::"), "::");
    EXPECT_EQ(normal("::1"), "::1");
    EXPECT_EQ(normal("1::"), "1::");
    EXPECT_EQ(normal("2001:DB8:0:0:8:800:200C:417A"), "2001:db8::8:800:200c:417a");
    EXPECT_EQ(normal("2001:db8::8:800:200c:417a"), "2001:db8::8:800:200c:417a");
    EXPECT_EQ(normal("1:2:3:4:5:6:7:8"), "1:2:3:4:5:6:7:8");
    EXPECT_EQ(normal("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0");
    EXPECT_EQ(normal("::2:3:4:5:6:7:8"), "0:2:3:4:5:6:7:8");
    EXPECT_EQ(normal("1:2:3:4:5:6:1.2.3.4"), "1:2:3:4:5:6:102:304");
    EXPECT_EQ(normal("::1.2.3.4"), "::102:304");
    EXPECT_EQ(normal("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
    EXPECT_EQ(normal("::ffff:102:304"), "::ffff:1.2.3.4");
    EXPECT_EQ(normal("64:ff9b::1.2.3.4"), "64:ff9b::102:304");
    EXPECT_EQ(normal("1::1.2.3.4"), "1::102:304");
}

TEST(ip_address, refuses_what_only_resembles_ipv6) {
    for (const char* text : {":",
                             ":::",
                             "::1::",
                             "1::2::3",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:8:9",
                             "1:2:3:4:5:6:7:8::",
                             "1:2:3:4::5:6:7:8",
                             "12345::",
                             "g::",
                             "::g",
                             ":1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:",
                             "1:",
                             ":1",
                             "::1.2.3",
                             "::1.2.3.4.5",
                             "::1.2.3.256",
                             "::1.2.3.4:5",
                             "1.2.3.4::",
                             "1:2:3:4:5:6:7:1.2.3.4",
                             "::01.2.3.4",
                             "[::1]",
                             "::1 ",
                             " ::1",
                             "::1/64",
                             "::-1",
                             "::+1",
                             "::0x1",
                             "fe80::1%",
                             "fe80::1%nosuchinterface",
                             "fe80::1%1%2",
                             "fe80::1%4294967296",
                             "fe80::1%01",
                             "fe80::1%-1",
                             "fe80::1%averyverylonginterfacename"}) {
        EXPECT_EQ(normal(text), "refused") << text;
    }
}

TEST(ip_address, shortens_the_first_of_the_longest_runs_of_zeros) {
    EXPECT_EQ(normal("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1");
    EXPECT_EQ(normal("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
    EXPECT_EQ(normal("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
    EXPECT_EQ(normal("0:0:1:0:0:0:0:0"), "0:0:1::");
}

TEST(ip_address, knows_its_scope) {
    EXPECT_EQ(address("fe80::1%3").scope(), 3U);
    EXPECT_EQ(normal("fe80::1%3"), "fe80::1%3");
    EXPECT_EQ(normal("fe80::1%4294967295"), "fe80::1%4294967295");
    EXPECT_EQ(normal("fe80::1%0"), "fe80::1");
    EXPECT_NE(address("fe80::1%3"), address("fe80::1%4"));
    EXPECT_NE(address("fe80::1%lo").scope(), 0U) << "names of interfaces are numbers";
}

TEST(ip_address, looks_through_a_mapped_address) {
    const ip_address mapped = address("::ffff:127.0.0.1");
    EXPECT_TRUE(mapped.is_v6());
    EXPECT_TRUE(mapped.is_v4_mapped());
    EXPECT_TRUE(mapped.is_loopback());
    EXPECT_EQ(mapped.unmapped(), ip_address::loopback_v4());
    EXPECT_NE(mapped, ip_address::loopback_v4());
    EXPECT_EQ(ip_address::loopback_v6().unmapped(), ip_address::loopback_v6());
    EXPECT_TRUE(address("::ffff:0.0.0.0").is_unspecified());
    EXPECT_TRUE(address("::ffff:10.0.0.1").is_private());
    EXPECT_TRUE(address("::ffff:169.254.1.1").is_link_local());
    EXPECT_TRUE(address("::ffff:224.0.0.1").is_multicast());
}

TEST(ip_address, knows_the_edges_of_the_special_ranges) {
    for (const char* text : {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255",
                             "192.168.0.0", "192.168.255.255", "fc00::", "fdff:ffff::"}) {
        EXPECT_TRUE(address(text).is_private()) << text;
    }
    for (const char* text : {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
                             "192.167.255.255", "192.169.0.0", "fbff::", "fe00::"}) {
        EXPECT_FALSE(address(text).is_private()) << text;
    }
    EXPECT_TRUE(address("127.255.255.255").is_loopback());
    EXPECT_FALSE(address("128.0.0.0").is_loopback());
    EXPECT_FALSE(address("::2").is_loopback());
    EXPECT_TRUE(address("febf::1").is_link_local());
    EXPECT_FALSE(address("fec0::1").is_link_local());
    EXPECT_TRUE(address("239.255.255.255").is_multicast());
    EXPECT_FALSE(address("240.0.0.0").is_multicast());
    EXPECT_TRUE(address("ff02::1").is_multicast());
}

TEST(ip_address, is_ordered_and_hashable) {
    const std::set<ip_address> ordered{address("::1"), address("10.0.0.2"), address("10.0.0.1"),
                                       address("::1%2"), address("10.0.0.1")};
    std::string all;
    for (const ip_address& each : ordered) all.append(each.to_string()).append(" ");
    EXPECT_EQ(all, "10.0.0.1 10.0.0.2 ::1 ::1%2 ");

    std::unordered_set<ip_address> hashed;
    std::set<std::size_t> hashes;
    for (std::uint8_t third = 0; third != 64; ++third) {
        for (std::uint8_t last = 0; last != 64; ++last) {
            const ip_address made{std::array<std::uint8_t, 4>{10, 0, third, last}};
            hashed.insert(made);
            hashes.insert(std::hash<ip_address>{}(made));
        }
    }
    EXPECT_EQ(hashed.size(), 4096U);
    EXPECT_EQ(hashes.size(), 4096U);
}

TEST(endpoint, reads_what_it_writes) {
    for (const char* text : {"127.0.0.1:80", "[::1]:80", "0.0.0.0:0", "[fe80::1%3]:65535"}) {
        const auto read = endpoint::parse(text);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(read->to_string(), text);
    }
    EXPECT_EQ(endpoint::parse("[::1]:80")->port(), 80);
    EXPECT_TRUE(endpoint::parse("[::1]:80")->address().is_v6());
}

TEST(endpoint, refuses_what_is_not_an_address_and_a_port) {
    for (const char* text : {"",
                             ":",
                             "127.0.0.1",
                             "127.0.0.1:",
                             "127.0.0.1:65536",
                             "127.0.0.1:-1",
                             "127.0.0.1:+1",
                             "127.0.0.1:080",
                             "127.0.0.1:8o",
                             "127.0.0.1: 80",
                             "::1:80",
                             "[::1]",
                             "[::1]:",
                             "[::1]80",
                             "[127.0.0.1]:80",
                             "[::1:80",
                             "::1]:80",
                             "localhost:80",
                             ":80",
                             "[]:80"}) {
        EXPECT_FALSE(endpoint::parse(text)) << text;
    }
}

TEST(endpoint, is_ordered_and_hashable) {
    const endpoint low{ip_address::loopback_v4(), 80};
    const endpoint high{ip_address::loopback_v4(), 81};
    EXPECT_LT(low, high);
    EXPECT_LT(high, (endpoint{ip_address::loopback_v6(), 1}));
    const std::unordered_set<endpoint> both{low, high, low};
    EXPECT_EQ(both.size(), 2U);
}

TEST(socket_address, gives_back_the_endpoint_it_was_made_of) {
    for (const char* text : {"127.0.0.1:80", "[2001:db8::1]:443", "[fe80::1%3]:65535"}) {
        const endpoint where = endpoint::parse(text).value();
        const detail::socket_address made{where};
        EXPECT_EQ(made.family(), where.address().is_v4() ? AF_INET : AF_INET6);
        EXPECT_EQ(made.to_endpoint(), where);
    }
}

TEST(socket_address, holds_addresses_of_other_kinds_without_an_endpoint) {
    detail::socket_address made;
    EXPECT_EQ(made.to_endpoint(), std::nullopt);
    made.data()->sa_family = AF_UNIX;
    EXPECT_EQ(made.to_endpoint(), std::nullopt);
    made.data()->sa_family = AF_INET6;
    *made.length() = sizeof(sockaddr);
    EXPECT_EQ(made.to_endpoint(), std::nullopt) << "too short";
    *made.length() = 0;
    EXPECT_EQ(made.to_endpoint(), std::nullopt);
}

TEST(address_policy, refuses_every_special_range_of_ipv4_and_nothing_beside_it) {
    for (const char* text :
         {"0.0.0.0",        "0.255.255.255",   "10.0.0.1",        "100.64.0.0",  "100.127.255.255",
          "127.0.0.1",      "127.255.255.255", "169.254.169.254", "172.16.0.1",  "172.31.255.255",
          "192.0.0.1",      "192.0.2.1",       "192.88.99.1",     "192.168.1.1", "198.18.0.0",
          "198.19.255.255", "198.51.100.7",    "203.0.113.7",     "224.0.0.1",   "239.255.255.255",
          "240.0.0.1",      "255.255.255.255"}) {
        EXPECT_FALSE(is_globally_reachable(address(text))) << text;
    }
    for (const char* text :
         {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
          "100.128.0.0",     "126.255.255.255", "128.0.0.0",       "169.253.255.255",
          "169.255.0.0",     "172.15.255.255",  "172.32.0.0",      "191.255.255.255",
          "192.0.1.0",       "192.0.3.0",       "192.167.255.255", "192.169.0.0",
          "198.17.255.255",  "198.20.0.0",      "203.0.112.255",   "203.0.114.0",
          "223.255.255.255", "8.8.8.8"}) {
        EXPECT_TRUE(is_globally_reachable(address(text))) << text;
    }
}

TEST(address_policy, refuses_every_special_range_of_ipv6) {
    for (const char* text :
         {"::", "::1", "100::1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1",
          "2001:db8::1", "3fff::1", "3fff:fff::1", "5f00::1", "2001:2::1", "2001:10::1",
          "2001:20::1", "2001:1ff::1", "4000::1", "1fff::1"}) {
        EXPECT_FALSE(is_globally_reachable(address(text))) << text;
    }
    for (const char* text : {"2000::1", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111",
                             "2a00:1450::1", "3fff:1000::1", "3ffe::1"}) {
        EXPECT_TRUE(is_globally_reachable(address(text))) << text;
    }
}

TEST(address_policy, judges_an_address_by_the_one_it_carries) {
    for (const char* text :
         {"::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::10.0.0.1", "64:ff9b::127.0.0.1",
          "64:ff9b::a00:1", "64:ff9b:1::127.0.0.1", "64:ff9b:1::", "64:ff9b:2::8.8.8.8",
          "64:ff9b:1:7f00:0:100::",        // length 48: 127.0.0.1 around byte 8
          "64:ff9b:1:7f00:0:100:808:808",  // the same, with a bait at the end
          "64:ff9b:1:7f:0:1::",            // length 56
          "64:ff9b:1:0:7f:0:100:0",        // length 64
          "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1",
          "2001::f5ff:fffe",               // Teredo, client 10.0.0.1
          "2001:0:a00:1::f7f7:f7f7",       // server 10.0.0.1
          "2001:0:808:808::80ff:fffe"}) {  // client 127.0.0.1
        EXPECT_FALSE(is_globally_reachable(address(text))) << text;
    }
    for (const char* text :
         {"::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8",
          "64:ff9b:1:808:8:800::", "2002:808:808::1", "2001:0:808:808::f7f7:f7f7"}) {
        EXPECT_TRUE(is_globally_reachable(address(text))) << text;
    }
}

}  // namespace
}  // namespace simul
