// SPDX-License-Identifier: Apache-2.0
#include "crawl/politeness.hpp"

#include <gtest/gtest.h>

namespace simul::program {
namespace {

using namespace std::chrono_literals;

web::url address(std::string_view text) {
    return web::url::parse(text).value();
}

time_point at(duration since) {
    return time_point{} + since;
}

TEST(host_rate, opens_a_pause_after_the_last_request_has_ended) {
    host_rate rate{1s, 1};
    EXPECT_LE(rate.opens_at(), at(0s));
    rate.started(at(10s));
    EXPECT_EQ(rate.opens_at(), std::nullopt);
    rate.ended(at(15s));
    EXPECT_EQ(rate.opens_at(), at(16s));
}

TEST(host_rate, lets_so_many_requests_begin_and_no_more) {
    host_rate rate{0s, 3};
    for (int count = 0; count != 3; ++count) {
        EXPECT_TRUE(rate.opens_at()) << count;
        rate.started(at(1s));
    }
    EXPECT_FALSE(rate.opens_at());
    rate.ended(at(2s));
    EXPECT_TRUE(rate.opens_at());
    EXPECT_EQ(rate.most_in_flight(), 3U);
    EXPECT_EQ(rate.smallest_gap(), 0s);
}

TEST(host_rate, holds_and_waits_and_raises_its_pause) {
    host_rate rate{1s, 1};
    rate.hold();
    EXPECT_FALSE(rate.opens_at());
    rate.release();
    rate.wait_until(at(9s));
    rate.wait_until(at(3s));
    EXPECT_EQ(rate.opens_at(), at(9s));
    rate.started(at(9s));
    rate.raise_pause(500ms);
    EXPECT_EQ(rate.pause(), 1s);
    rate.raise_pause(7s);
    rate.ended(at(10s));
    EXPECT_EQ(rate.opens_at(), at(17s));
}

TEST(host_rate, sleeps_after_twenty_failures_in_a_row) {
    for (const unsigned failures : {19U, 20U, 21U}) {
        host_rate rate{0s, 1};
        for (unsigned count = 0; count != failures; ++count) rate.failed(at(0s));
        const duration expected = failures < 20 ? 0s : failures == 20 ? 60s : 120s;
        EXPECT_EQ(std::max(rate.opens_at().value(), at(0s)), at(expected)) << failures;
    }
    host_rate rate{0s, 1};
    for (unsigned count = 0; count != 19; ++count) rate.failed(at(0s));
    rate.worked();
    rate.failed(at(0s));
    EXPECT_LE(rate.opens_at(), at(0s));
}

TEST(host_rate, is_given_up_after_an_hour_of_sleep_that_did_not_help) {
    host_rate rate{0s, 1};
    for (unsigned count = 0; count != 26; ++count) rate.failed(at(0s));
    EXPECT_EQ(rate.opens_at(), at(1h));
    EXPECT_FALSE(rate.given_up());
    rate.failed(at(1h));
    EXPECT_TRUE(rate.given_up());
}

TEST(politeness, spares_foreign_hosts_and_not_own_ones) {
    politeness_options options;
    options.own_hosts = {"mine.example"};
    for (const char* own : {"http://127.0.0.1/", "http://127.9.9.9:80/", "http://[::1]/",
                            "http://localhost/", "http://a.localhost/", "https://mine.example/"}) {
        EXPECT_EQ(rate_for(address(own), options).pause(), 0s) << own;
        EXPECT_TRUE(is_own_host(address(own), options)) << own;
    }
    for (const char* foreign : {"http://example.org/", "http://10.0.0.1/", "http://a.mine.example/",
                                "http://localhost.example/"}) {
        host_rate rate = rate_for(address(foreign), options);
        EXPECT_EQ(rate.pause(), 1s) << foreign;
        rate.started(at(0s));
        EXPECT_FALSE(rate.opens_at()) << foreign;
    }
}

TEST(politeness, does_as_the_command_line_says) {
    politeness_options options;
    options.delay = 250ms;
    options.per_host = 2;
    host_rate rate = rate_for(address("http://127.0.0.1/"), options);
    EXPECT_EQ(rate.pause(), 250ms);
    rate.started(at(0s));
    EXPECT_TRUE(rate.opens_at());
    rate.started(at(1s));
    EXPECT_FALSE(rate.opens_at());
}

TEST(politeness, ignores_robots_on_named_hosts_only) {
    politeness_options options;
    options.own_hosts = {"mine.example"};
    EXPECT_TRUE(obeys_robots(address("http://mine.example/"), options));
    options.ignore_robots = true;
    EXPECT_FALSE(obeys_robots(address("http://mine.example/"), options));
    EXPECT_TRUE(obeys_robots(address("http://example.org/"), options));
    EXPECT_TRUE(obeys_robots(address("http://127.0.0.1/"), options));
}

TEST(politeness, doubles_the_wait_before_each_retry) {
    EXPECT_EQ(back_off(1), 1s);
    EXPECT_EQ(back_off(2), 2s);
    EXPECT_EQ(back_off(3), 4s);
    EXPECT_EQ(back_off(1000), 64s);
}

TEST(politeness, reads_retry_after) {
    const auto now = std::chrono::system_clock::from_time_t(784111777);
    EXPECT_EQ(retry_after("120", now), 120s);
    EXPECT_EQ(retry_after(" 0 ", now), 0s);
    EXPECT_EQ(retry_after("99999999999999999999999", now), 1'000'000'000s);
    EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), 10s);
    EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), 0s);
    for (const char* wrong : {"", " ", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:47 GMT x"}) {
        EXPECT_EQ(retry_after(wrong, now), std::nullopt) << wrong;
    }
}

TEST(politeness, takes_the_first_word_of_the_user_agent_for_its_name) {
    EXPECT_EQ(product_token("simul/0.1 (+https://example.org/)"), "simul");
    EXPECT_EQ(product_token("My-Crawler_2 x"), "my-crawler_2");
    EXPECT_EQ(product_token("(x)"), "");
}

}  // namespace
}  // namespace simul::program
