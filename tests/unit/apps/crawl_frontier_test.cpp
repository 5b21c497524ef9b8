// SPDX-License-Identifier: Apache-2.0
#include "crawl/frontier.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace simul::program {
namespace {

using namespace std::chrono_literals;

web::url address(std::string_view text) {
    return web::url::parse(text).value();
}

time_point at(duration since) {
    return time_point{} + since;
}

frontier make_frontier(duration pause = 1s, std::size_t at_once = 1) {
    return frontier{[=](const web::url&) { return host_rate{pause, at_once}; }};
}

// Takes the next address, asks for it and is done at once; empty if there is none.
std::string ask_next(frontier& addresses, time_point now) {
    const frontier::taken next = addresses.take(now);
    if (next.what == nullptr) return {};
    addresses.begin(*next.what->at, now);
    addresses.finish(*next.what->at, now);
    return next.what->address->href();
}

TEST(crawl_frontier, takes_in_each_address_once) {
    frontier addresses = make_frontier();
    EXPECT_EQ(addresses.add(address("http://a/"), 0), frontier::added::fresh);
    EXPECT_EQ(addresses.add(address("http://a/"), 1), frontier::added::known);
    EXPECT_EQ(addresses.size(), 1U);
    EXPECT_EQ(ask_next(addresses, at(0s)), "http://a/");
    EXPECT_EQ(addresses.add(address("http://a/"), 0), frontier::added::known);
    EXPECT_EQ(addresses.waiting(), 0U);
    EXPECT_EQ(ask_next(addresses, at(9s)), "");
}

TEST(crawl_frontier, gives_the_addresses_of_a_host_in_their_order_with_its_pause) {
    frontier addresses = make_frontier();
    addresses.add(address("http://a/1"), 0);
    addresses.add(address("http://a/2"), 0);
    EXPECT_EQ(ask_next(addresses, at(5s)), "http://a/1");
    const frontier::taken none = addresses.take(at(5999ms));
    EXPECT_EQ(none.what, nullptr);
    EXPECT_EQ(none.again, at(6s));
    EXPECT_EQ(ask_next(addresses, at(6s)), "http://a/2");
    EXPECT_EQ(addresses.take(at(9s)).again, std::nullopt);
}

TEST(crawl_frontier, asks_hosts_in_turn) {
    frontier addresses = make_frontier(0s);
    for (const char* each : {"http://a/1", "http://a/2", "http://b/1", "http://b/2"}) {
        addresses.add(address(each), 0);
    }
    std::string order;
    for (int count = 0; count != 4; ++count) order.append(ask_next(addresses, at(0s))).append(" ");
    EXPECT_EQ(order, "http://a/1 http://b/1 http://a/2 http://b/2 ");
}

TEST(crawl_frontier, gives_nothing_of_a_host_that_is_busy_or_held) {
    frontier addresses = make_frontier(0s);
    addresses.add(address("http://a/1"), 0);
    addresses.add(address("http://a/2"), 0);
    frontier::entry& first = *addresses.take(at(0s)).what;
    addresses.begin(*first.at, at(0s));
    EXPECT_EQ(addresses.take(at(1h)).what, nullptr);
    EXPECT_EQ(addresses.take(at(1h)).again, std::nullopt);
    addresses.hold(*first.at);
    addresses.finish(*first.at, at(1s));
    EXPECT_EQ(addresses.take(at(1h)).what, nullptr);
    addresses.release(*first.at);
    EXPECT_EQ(ask_next(addresses, at(1s)), "http://a/2");
}

TEST(crawl_frontier, what_is_taken_and_not_asked_for_costs_no_pause) {
    frontier addresses = make_frontier();
    addresses.add(address("http://a/1"), 0);
    addresses.add(address("http://a/2"), 0);
    EXPECT_NE(addresses.take(at(0s)).what, nullptr);
    EXPECT_EQ(ask_next(addresses, at(0s)), "http://a/2");
}

TEST(crawl_frontier, gives_back_what_was_put_back_first_and_retries_when_it_is_time) {
    frontier addresses = make_frontier(0s);
    addresses.add(address("http://a/1"), 0);
    addresses.add(address("http://a/2"), 0);
    frontier::entry& first = *addresses.take(at(0s)).what;
    addresses.put_back(first);
    EXPECT_EQ(addresses.take(at(0s)).what, &first);
    addresses.retry(first, at(3s));
    EXPECT_EQ(addresses.waiting(), 2U);
    EXPECT_EQ(ask_next(addresses, at(0s)), "http://a/2");
    EXPECT_EQ(addresses.take(at(2s)).again, at(3s));
    EXPECT_EQ(ask_next(addresses, at(3s)), "http://a/1");
}

TEST(crawl_frontier, gives_out_at_once_what_a_closed_host_has_left) {
    frontier addresses = make_frontier(1h);
    addresses.add(address("http://a/1"), 0);
    addresses.add(address("http://a/2"), 0);
    frontier::entry& first = *addresses.take(at(0s)).what;
    addresses.begin(*first.at, at(0s));
    first.at->closed = refusal::host_given_up;
    addresses.refresh(*first.at);
    EXPECT_NE(addresses.take(at(0s)).what, nullptr);
}

TEST(crawl_frontier, keeps_its_limits) {
    for (const std::size_t limit : {2U, 3U, 4U}) {
        frontier addresses{[](const web::url&) { return host_rate{0s, 1}; }, limit};
        addresses.add(address("http://a/"), 0);
        addresses.add(address("http://b/"), 0);
        const auto expected = limit < 3 ? frontier::added::page_limit : frontier::added::fresh;
        EXPECT_EQ(addresses.add(address("http://c/"), 0), expected) << limit;
        EXPECT_EQ(addresses.add(address("http://a/"), 0), frontier::added::known) << limit;
    }
    for (const std::size_t limit : {1U, 2U, 3U}) {
        frontier addresses{[](const web::url&) { return host_rate{0s, 1}; }, 100, limit};
        addresses.add(address("http://a/1"), 0);
        const auto expected = limit < 2 ? frontier::added::host_page_limit : frontier::added::fresh;
        EXPECT_EQ(addresses.add(address("http://a/2"), 0), expected) << limit;
        EXPECT_EQ(addresses.add(address("http://b/"), 0), frontier::added::fresh) << limit;
    }
}

TEST(crawl_frontier, lowers_the_depth_of_what_is_found_on_a_shorter_way) {
    frontier addresses = make_frontier();
    addresses.add(address("http://a/"), 5);
    addresses.add(address("http://a/"), 2);
    addresses.add(address("http://a/"), 3);
    EXPECT_EQ(addresses.take(at(0s)).what->depth, 2U);
}

}  // namespace
}  // namespace simul::program
