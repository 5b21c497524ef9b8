// SPDX-License-Identifier: Apache-2.0
//
// The cache and its joined lookups run in the simulated world, with a question that the test
// answers. What c-ares does is tested against a name server in each world; what time has to do with
// it is in simulated_dns_test.cpp.
#include "simul/io/dns.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "io/dns_cache.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/dns_server.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using test::dns_record;
using test::dns_server;
using test::simulate;
using addresses = std::vector<ip_address>;

ip_address numbered(unsigned number) {
    return ip_address{std::array<std::uint8_t, 4>{10, 0, static_cast<std::uint8_t>(number >> 8U),
                                                  static_cast<std::uint8_t>(number)}};
}

ip_address numbered_v6(unsigned number) {
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[15] = static_cast<std::uint8_t>(number);
    return ip_address{bytes};
}

addresses list(std::initializer_list<ip_address> each) {
    return addresses{each};
}

// --- the cache, with a question of the test's own
// -------------------------------------------------

struct world {
    explicit world(resolver_options options = {})
        : cache{options, [this](std::string host) { return ask(std::move(host)); }} {}

    task<detail::dns_answer> ask(std::string host) {
        ++questions;
        const std::size_t mine = questions;
        co_await sleep_for(delay);
        if (throws) throw std::runtime_error{"the question has failed"};
        ++answers;
        detail::dns_answer answer;
        answer.failure = failure;
        answer.lifetime = lifetime;
        if (!failure) answer.addresses.push_back(numbered(static_cast<unsigned>(mine)));
        static_cast<void>(host);
        co_return answer;
    }

    std::size_t questions = 0;
    std::size_t answers = 0;
    bool throws = false;
    std::error_code failure;
    duration delay = 1s;
    duration lifetime = 60s;
    detail::dns_cache cache;
};

task<unsigned> find(world& in, std::string host) {
    const detail::dns_answer answer = co_await in.cache.find(std::move(host));
    unsigned last = 0;
    if (!answer.addresses.empty()) last = answer.addresses.front().bytes()[3];
    co_return last;
}

TEST(dns_cache, answers_the_second_time_without_asking_and_without_waiting) {
    simulate([]() -> task<> {
        world w;
        const unsigned first = co_await find(w, "a");
        EXPECT_EQ(first, 1U);
        const time_point before = test::now();
        const unsigned second = co_await find(w, "a");
        EXPECT_EQ(second, 1U);
        EXPECT_EQ(test::now(), before);
        EXPECT_EQ(w.questions, 1U);
        EXPECT_EQ(w.cache.statistics().cached, 1U);
        const unsigned other = co_await find(w, "b");
        EXPECT_EQ(other, 2U);
        w.cache.clear();
        const unsigned anew = co_await find(w, "a");
        EXPECT_EQ(anew, 3U);
    });
}

// How long an answer with this lifetime is kept, to the nanosecond.
void expect_kept_for(world& w, duration kept) {
    simulate([&]() -> task<> {
        w.delay = 0s;
        co_await find(w, "a");
        const time_point known = test::now();
        co_await sleep_until(known + kept - 1ns);
        co_await find(w, "a");
        EXPECT_EQ(w.questions, 1U) << "still there just before";
        co_await sleep_until(known + kept);
        co_await find(w, "a");
        EXPECT_EQ(w.questions, 2U) << "and gone on time";
    });
}

TEST(dns_cache, believes_the_server_between_a_second_and_a_day) {
    for (const auto& [said, kept] :
         std::vector<std::pair<duration, duration>>{{0s, 1s},
                                                    {1s - 1ns, 1s},
                                                    {1s, 1s},
                                                    {1s + 1ns, 1s + 1ns},
                                                    {24h - 1ns, 24h - 1ns},
                                                    {24h, 24h},
                                                    {24h + 1ns, 24h}}) {
        world w;
        w.lifetime = said;
        expect_kept_for(w, kept);
    }
}

TEST(dns_cache, remembers_a_failure_for_ten_seconds) {
    world w;
    w.failure = dns_errc::not_found;
    w.lifetime = 1h;
    expect_kept_for(w, 10s);
}

TEST(dns_cache, forgets_the_name_that_was_not_used_longest) {
    resolver_options options;
    options.cache_entries = 2;
    world w{options};
    simulate([&]() -> task<> {
        co_await find(w, "a");
        EXPECT_EQ(w.cache.statistics().entries, 1U);
        co_await find(w, "b");
        EXPECT_EQ(w.cache.statistics().entries, 2U);
        co_await find(w, "a");
        co_await find(w, "c");
        EXPECT_EQ(w.cache.statistics().entries, 2U);
        EXPECT_EQ(w.questions, 3U);
        co_await find(w, "a");
        EXPECT_EQ(w.questions, 3U) << "it was used";
        co_await find(w, "b");
        EXPECT_EQ(w.questions, 4U) << "it was not";
    });
}

TEST(dns_cache, holds_ten_thousand_names) {
    simulate([]() -> task<> {
        world w;
        w.delay = 0s;
        w.lifetime = 24h;
        for (unsigned number = 0; number != 9'999; ++number) {
            co_await find(w, std::to_string(number));
        }
        EXPECT_EQ(w.cache.statistics().entries, 9'999U);
        co_await find(w, "9999");
        EXPECT_EQ(w.cache.statistics().entries, 10'000U);
        co_await find(w, "10000");
        EXPECT_EQ(w.cache.statistics().entries, 10'000U);
        const std::size_t asked = w.questions;
        co_await find(w, "1");
        EXPECT_EQ(w.questions, asked);
        co_await find(w, "0");
        EXPECT_EQ(w.questions, asked + 1) << "the oldest one";
    });
}

TEST(dns_cache, remembers_nothing_when_it_has_no_room) {
    resolver_options options;
    options.cache_entries = 0;
    world w{options};
    simulate([&]() -> task<> {
        co_await find(w, "a");
        co_await find(w, "a");
        EXPECT_EQ(w.questions, 2U);
    });
}

TEST(dns_cache, makes_one_question_of_equal_ones) {
    simulate([]() -> task<> {
        world w;
        const auto results = co_await gather(find(w, "a"), find(w, "a"), find(w, "b"));
        EXPECT_EQ(std::get<0>(results), 1U);
        EXPECT_EQ(std::get<1>(results), 1U);
        EXPECT_EQ(std::get<2>(results), 2U);
        EXPECT_EQ(w.questions, 2U);
        EXPECT_EQ(w.cache.statistics().joined, 1U);
    });
}

TEST(dns_cache, shares_a_failure_among_those_who_wait) {
    simulate([]() -> task<> {
        world w;
        w.failure = dns_errc::server_failure;
        const auto results = co_await gather(w.cache.find("a"), w.cache.find("a"));
        EXPECT_EQ(std::get<0>(results).failure, dns_errc::server_failure);
        EXPECT_EQ(std::get<1>(results).failure, dns_errc::server_failure);
        EXPECT_EQ(w.questions, 1U);
    });
}

TEST(dns_cache, lets_a_waiting_one_take_over_when_the_first_is_cancelled) {
    simulate([]() -> task<> {
        world w;
        task_group group;
        unsigned second = 0;
        unsigned third = 0;
        auto first = group.spawn(find(w, "a"));
        group.spawn([&]() -> task<> { second = co_await find(w, "a"); });
        group.spawn([&]() -> task<> { third = co_await find(w, "a"); });
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            first.cancel();
        });
        const time_point began = test::now();
        co_await group.run();
        EXPECT_EQ(second, 2U);
        EXPECT_EQ(third, 2U);
        EXPECT_EQ(w.questions, 2U);
        EXPECT_EQ(w.answers, 1U);
        EXPECT_EQ(test::now() - began, 1500ms);
    });
}

// The one who would take over is asked to end in the same turn.
TEST(dns_cache, finds_a_leader_when_the_next_one_is_cancelled_too) {
    simulate([]() -> task<> {
        world w;
        task_group group;
        unsigned third = 0;
        auto first = group.spawn(find(w, "a"));
        auto second = group.spawn(find(w, "a"));
        group.spawn([&]() -> task<> { third = co_await find(w, "a"); });
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            first.cancel();
            second.cancel();
        });
        co_await group.run();
        EXPECT_EQ(third, 2U);
        EXPECT_EQ(w.questions, 2U);
    });
}

TEST(dns_cache, keeps_nothing_of_a_lookup_that_everybody_left) {
    simulate([]() -> task<> {
        world w;
        const auto nothing = co_await move_on_after(500ms, gather(find(w, "a"), find(w, "a")));
        EXPECT_FALSE(nothing);
        EXPECT_EQ(w.answers, 0U);
        const unsigned later = co_await find(w, "a");
        EXPECT_EQ(later, 2U);
        EXPECT_EQ(w.answers, 1U);
    });
}

TEST(dns_cache, lets_each_caller_try_when_the_question_itself_fails) {
    simulate([]() -> task<> {
        world w;
        w.throws = true;
        task_group group;
        int failures = 0;
        for (int count = 0; count != 3; ++count) {
            group.spawn([&]() -> task<> {
                try {
                    co_await find(w, "a");
                } catch (const std::runtime_error&) {
                    ++failures;
                }
            });
        }
        co_await group.run();
        EXPECT_EQ(failures, 3);
        EXPECT_EQ(w.questions, 3U);
    });
}

// --- what needs no name server ------------------------------------------------------------------

std::error_code failure_of(resolver& names, std::string host, std::uint16_t port = 0) {
    try {
        simulate([&]() -> task<> { co_await names.resolve(std::move(host), port); });
    } catch (const std::system_error& failed) {
        return failed.code();
    }
    return {};
}

TEST(resolver, answers_addresses_and_localhost_at_once) {
    simulate([]() -> task<> {
        resolver names;
        const addresses v4 = co_await names.resolve("192.0.2.1");
        EXPECT_EQ(v4, list({ip_address::parse("192.0.2.1").value()}));
        const addresses v6 = co_await names.resolve("2001:DB8::1");
        EXPECT_EQ(v6, list({numbered_v6(1)}));
        const addresses both = list({ip_address::loopback_v6(), ip_address::loopback_v4()});
        for (const char* name : {"localhost", "LOCALHOST", "localhost.", "a.b.localhost"}) {
            const addresses local = co_await names.resolve(name);
            EXPECT_EQ(local, both) << name;
        }
    });
}

TEST(resolver, consults_its_overrides_first) {
    simulate([]() -> task<> {
        resolver names;
        names.add_override("Example.ORG.", 443, list({numbered(1)}));
        names.add_override("example.org", std::nullopt, list({numbered(2), numbered_v6(2)}));
        names.add_override("192.0.2.1", std::nullopt, list({numbered(3)}));
        names.add_override("localhost", std::nullopt, list({numbered(4)}));
        const addresses special = co_await names.resolve("example.org", 443);
        EXPECT_EQ(special, list({numbered(1)}));
        const addresses any = co_await names.resolve("EXAMPLE.org.", 80);
        EXPECT_EQ(any, list({numbered(2), numbered_v6(2)}));
        const addresses literal = co_await names.resolve("192.0.2.1");
        EXPECT_EQ(literal, list({numbered(3)}));
        const addresses local = co_await names.resolve("localhost");
        EXPECT_EQ(local, list({numbered(4)}));
        names.add_override("*", 8080, list({numbered(5)}));
        names.add_override("*", std::nullopt, list({numbered(6)}));
        const addresses all = co_await names.resolve("other.example", 8080);
        EXPECT_EQ(all, list({numbered(5)}));
        const addresses rest = co_await names.resolve("other.example", 81);
        EXPECT_EQ(rest, list({numbered(6)}));
        const addresses own = co_await names.resolve("example.org", 8080);
        EXPECT_EQ(own, list({numbered(2), numbered_v6(2)})) << "a name is closer than the star";
        names.add_override("example.org", 443, list({numbered(7)}));
        const addresses replaced = co_await names.resolve("example.org", 443);
        EXPECT_EQ(replaced, list({numbered(7)}));
    });
}

TEST(resolver, takes_an_override_without_addresses_for_a_name_that_has_none) {
    resolver names;
    names.add_override("blocked.example", std::nullopt, {});
    EXPECT_EQ(failure_of(names, "blocked.example"), dns_errc::no_address);
}

TEST(resolver, refuses_what_is_no_name_of_a_host) {
    resolver names;
    std::string longest;
    while (longest.size() < 250) longest.append("a.");
    EXPECT_EQ(failure_of(names, longest + "abc"), errc::unavailable) << "253 characters";
    EXPECT_EQ(failure_of(names, longest + "abc."), errc::unavailable) << "and the root";
    EXPECT_EQ(failure_of(names, longest + "abcd"), dns_errc::bad_name) << "254";
    EXPECT_EQ(failure_of(names, std::string(62, 'a')), errc::unavailable);
    EXPECT_EQ(failure_of(names, std::string(63, 'a')), errc::unavailable);
    EXPECT_EQ(failure_of(names, std::string(64, 'a')), dns_errc::bad_name);
    for (const std::string_view host : {""sv,
                                        "."sv,
                                        ".."sv,
                                        "a..b"sv,
                                        ".a"sv,
                                        "a b"sv,
                                        "a\0b"sv,
                                        "a\nb"sv,
                                        "a/b"sv,
                                        "a@b"sv,
                                        "a:80"sv,
                                        "[::1]"sv,
                                        "a\\.b"sv,
                                        "b\u00fccher"sv,
                                        "a%20b"sv,
                                        "127.1"sv,
                                        "0x7f.1"sv,
                                        "2130706433"sv,
                                        "127.0.0.1."sv,
                                        "0127.0.0.1"sv,
                                        "a.0x"sv,
                                        "a.0xAf"sv,
                                        "999.999.999.999"sv}) {
        EXPECT_EQ(failure_of(names, std::string{host}), dns_errc::bad_name) << host;
    }
    EXPECT_EQ(failure_of(names, "_service.a-b.x1"), errc::unavailable);
}

TEST(resolver, says_what_to_do_without_name_servers_in_the_simulated_world) {
    resolver names;
    try {
        simulate([&]() -> task<> { co_await names.resolve("example.org"); });
        ADD_FAILURE() << "an answer from nowhere";
    } catch (const std::system_error& failed) {
        EXPECT_EQ(failed.code(), errc::unavailable);
        const std::string text = failed.what();
        EXPECT_NE(text.find("resolver_options::servers"), std::string::npos);
        EXPECT_NE(text.find("override for example.org"), std::string::npos);
    }
}

TEST(resolver, refuses_options_that_make_no_sense) {
    const auto refused = [](auto change) {
        resolver_options options;
        change(options);
        EXPECT_THROW(resolver{options}, std::system_error);
    };
    refused([](auto& options) { options.attempts = 0; });
    refused([](auto& options) { options.attempt_timeout = 0s; });
    refused([](auto& options) {
        options.servers.emplace_back(ip_address::loopback_v4(), std::uint16_t{0});
    });
}

TEST(dns_errc, has_messages_in_plain_words) {
    std::set<std::string> messages;
    for (int value = 1; value <= 9; ++value) messages.insert(dns_category().message(value));
    EXPECT_EQ(messages.size(), 9U);
    EXPECT_EQ(messages.count("unknown error"), 0U);
    EXPECT_EQ(dns_category().message(99), "unknown error");
    EXPECT_STREQ(dns_category().name(), "simul.dns");
}

// --- against a name server ----------------------------------------------------------------------

// A server and a resolver that asks only it.
struct served {
    served() : served{[](resolver_options&) {}} {}
    explicit served(const std::function<void(resolver_options&)>& change)
        : names{options_for(server, change)} {}

    static resolver_options options_for(const dns_server& asked,
                                        const std::function<void(resolver_options&)>& change) {
        resolver_options options;
        options.servers.push_back(asked.where());
        options.use_hosts_file = false;
        options.use_search_domains = false;
        options.attempt_timeout = 20s;
        change(options);
        return options;
    }

    dns_server server;
    resolver names;
};

// Runs `body` beside a server on each backend.
void with_server(const std::function<void(resolver_options&)>& change,
                 const std::function<task<>(served&)>& body) {
    test::run_on_each_backend([&]() -> task<> {
        served world{change};
        task_group group;
        group.spawn(world.server.serve());
        group.spawn([&]() -> task<> {
            co_await body(world);
            group.cancel();
        });
        co_await group.run();
    });
}

void with_server(const std::function<task<>(served&)>& body) {
    with_server([](resolver_options&) {}, body);
}

// What resolving `host` throws; no code if nothing.
task<std::error_code> failure(resolver& names, std::string host) {
    std::error_code code;
    try {
        co_await names.resolve(host);
    } catch (const std::system_error& failed) {
        code = failed.code();
    }
    co_return code;
}

TEST(resolver, asks_for_addresses_of_both_families) {
    with_server([](served& world) -> task<> {
        world.server.host("both.test").addresses = list({numbered(1), numbered_v6(1), numbered(2)});
        const addresses found = co_await world.names.resolve("Both.Test");
        EXPECT_EQ(std::set<ip_address>(found.begin(), found.end()),
                  (std::set<ip_address>{numbered(1), numbered(2), numbered_v6(1)}));
        EXPECT_EQ(world.server.questions().size(), 2U);
        const addresses again = co_await world.names.resolve("both.test");
        EXPECT_EQ(again, found);
        EXPECT_EQ(world.server.questions().size(), 2U) << "from the cache";
        EXPECT_EQ(world.names.statistics().cached, 1U);
    });
}

TEST(resolver, finds_a_host_that_has_addresses_of_one_family_only) {
    with_server([](served& world) -> task<> {
        world.server.host("four.test").addresses = list({numbered(1)});
        world.server.host("six.test").addresses = list({numbered_v6(1)});
        const addresses four = co_await world.names.resolve("four.test");
        EXPECT_EQ(four, list({numbered(1)}));
        const addresses six = co_await world.names.resolve("six.test");
        EXPECT_EQ(six, list({numbered_v6(1)}));
    });
}

TEST(resolver, says_why_there_is_no_address) {
    const auto once = [](resolver_options& options) { options.attempts = 1; };
    with_server(once, [](served& world) -> task<> {
        world.server.host("empty.test");
        world.server.host("broken.test").status = 2;
        world.server.host("refused.test").status = 5;
        const std::error_code missing = co_await failure(world.names, "missing.test");
        EXPECT_EQ(missing, dns_errc::not_found);
        const std::error_code empty = co_await failure(world.names, "empty.test");
        EXPECT_EQ(empty, dns_errc::no_address);
        const std::error_code broken = co_await failure(world.names, "broken.test");
        EXPECT_EQ(broken, dns_errc::server_failure);
        const std::error_code refused = co_await failure(world.names, "refused.test");
        EXPECT_EQ(refused, dns_errc::refused);
        const std::size_t asked = world.server.questions().size();
        const std::error_code still = co_await failure(world.names, "missing.test");
        EXPECT_EQ(still, dns_errc::not_found);
        EXPECT_EQ(world.server.questions().size(), asked) << "failures are remembered";
    });
}

TEST(resolver, names_the_host_in_its_error) {
    with_server([](served& world) -> task<> {
        std::string text;
        try {
            co_await world.names.resolve("missing.test");
        } catch (const std::system_error& failed) {
            text = failed.what();
        }
        EXPECT_EQ(text, "missing.test: the host name does not exist");
    });
}

TEST(resolver, gives_up_on_a_server_that_does_not_answer) {
    const auto impatient = [](resolver_options& options) {
        options.attempt_timeout = 5ms;
        options.attempts = 2;
    };
    with_server(impatient, [](served& world) -> task<> {
        world.server.host("silent.test").silent = true;
        const std::error_code silent = co_await failure(world.names, "silent.test");
        EXPECT_EQ(silent, dns_errc::timed_out);
        world.server.answer_pending();  // reads what it had no turn for
        EXPECT_EQ(world.server.questions().size(), 4U) << "two families, two attempts";
    });
}

TEST(resolver, ignores_an_answer_that_makes_no_sense) {
    const auto impatient = [](resolver_options& options) {
        options.attempt_timeout = 5ms;
        options.attempts = 2;
    };
    with_server(impatient, [](served& world) -> task<> {
        world.server.host("garbled.test").garbled = true;
        const std::error_code garbled = co_await failure(world.names, "garbled.test");
        EXPECT_TRUE(garbled == dns_errc::bad_response || garbled == dns_errc::timed_out)
            << garbled.message();
    });
}

TEST(resolver, asks_the_second_server_when_the_first_is_not_there) {
    with_server([](served& world) -> task<> {
        const endpoint nobody = dns_server{}.where();
        world.server.host("a.test").addresses = list({numbered(1)});
        resolver both{served::options_for(world.server, [&](resolver_options& options) {
            options.servers.insert(options.servers.begin(), nobody);
        })};
        const addresses found = co_await both.resolve("a.test");
        EXPECT_EQ(found, list({numbered(1)}));
        resolver only{served::options_for(
            world.server, [&](resolver_options& options) { options.servers.front() = nobody; })};
        const std::error_code code = co_await failure(only, "a.test");
        EXPECT_EQ(code, dns_errc::no_server);
    });
}

std::vector<std::string> chain_of(std::size_t length) {
    std::vector<std::string> aliases;
    for (std::size_t index = 0; index != length; ++index) {
        std::string name{"link"};
        name.append(std::to_string(index)).append(".test");
        aliases.push_back(name);
    }
    return aliases;
}

TEST(resolver, follows_eight_aliases_and_no_more) {
    with_server([](served& world) -> task<> {
        for (const std::size_t length : {7U, 8U, 9U}) {
            std::string name{"chain"};
            name.append(std::to_string(length)).append(".test");
            dns_record& record = world.server.host(name);
            record.addresses = list({numbered(1), numbered_v6(1)});
            record.aliases = chain_of(length);
            const std::error_code code = co_await failure(world.names, name);
            if (length > 8) {
                EXPECT_EQ(code, dns_errc::too_many_aliases);
            } else {
                EXPECT_FALSE(code) << name << ": " << code.message();
            }
        }
    });
}

TEST(resolver, keeps_sixty_four_addresses_and_drops_the_rest) {
    with_server([](served& world) -> task<> {
        for (const std::size_t count : {63U, 64U, 65U}) {
            std::string name{"many"};
            name.append(std::to_string(count)).append(".test");
            for (unsigned number = 0; number != count; ++number) {
                world.server.host(name).addresses.push_back(numbered(number));
            }
            const addresses found = co_await world.names.resolve(name);
            EXPECT_EQ(found.size(), std::min<std::size_t>(count, 64)) << name;
            const std::set<ip_address> different(found.begin(), found.end());
            EXPECT_EQ(different.size(), found.size());
        }
    });
}

TEST(resolver, turns_to_tcp_when_an_answer_is_too_long_for_a_datagram) {
    with_server([](served& world) -> task<> {
        dns_record& record = world.server.host("a-rather-long-name-that-fills-it.test");
        for (unsigned number = 0; number != 60; ++number) {
            record.addresses.push_back(numbered(number));
        }
        const addresses found =
            co_await world.names.resolve("a-rather-long-name-that-fills-it.test");
        EXPECT_EQ(found.size(), 60U);
        const auto& questions = world.server.questions();
        const auto by_tcp = std::ranges::count_if(questions, &test::dns_question::by_tcp);
        EXPECT_GE(by_tcp, 1);
    });
}

TEST(resolver, believes_the_lifetime_that_the_server_says) {
    with_server([](served& world) -> task<> {
        dns_record& record = world.server.host("short.test");
        record.addresses = list({numbered(1)});
        record.ttl = 0;
        const auto hold = [](resolver_options& options) { options.min_lifetime = 0s; };
        resolver forgetful{served::options_for(world.server, hold)};
        for (int count = 0; count != 3; ++count) co_await forgetful.resolve("short.test");
        EXPECT_EQ(forgetful.statistics().asked, 3U);
        for (int count = 0; count != 3; ++count) co_await world.names.resolve("short.test");
        EXPECT_EQ(world.names.statistics().asked, 1U) << "a second at least";
    });
}

TEST(resolver, draws_message_numbers_and_ports_at_random) {
    with_server([](served& world) -> task<> {
        constexpr unsigned count = 32;
        for (unsigned number = 0; number != count; ++number) {
            std::string name{"host"};
            name.append(std::to_string(number)).append(".test");
            world.server.host(name).addresses = list({numbered(number)});
            co_await world.names.resolve(name);
        }
        const auto& questions = world.server.questions();
        EXPECT_EQ(questions.size(), 2 * count);
        std::set<std::uint16_t> ids;
        std::set<std::uint16_t> ports;
        unsigned in_sequence = 0;
        for (std::size_t index = 0; index != questions.size(); ++index) {
            ids.insert(questions[index].id);
            ports.insert(questions[index].source_port);
            if (index != 0) in_sequence += questions[index].id == questions[index - 1].id + 1;
        }
        EXPECT_GT(ids.size(), questions.size() - 4);
        EXPECT_LT(in_sequence, 3U);
        EXPECT_GT(ports.size(), count / 2) << "a new socket for each lookup";
    });
}

TEST(resolver, reads_the_hosts_file_before_it_asks) {
    std::ifstream hosts{"/etc/hosts"};
    std::optional<ip_address> expected;
    std::string name;
    for (std::string line; !expected && std::getline(hosts, line);) {
        std::istringstream words{line};
        std::string address;
        if (!(words >> address >> name) || name.starts_with("localhost")) continue;
        if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") != std::string::npos) continue;
        expected = ip_address::parse(address);
    }
    if (!expected) GTEST_SKIP() << "/etc/hosts names nothing but localhost";
    const auto reading = [](resolver_options& options) { options.use_hosts_file = true; };
    with_server(reading, [&](served& world) -> task<> {
        if (loop::current().is_simulated()) {  // where no file matters
            const std::error_code unknown = co_await failure(world.names, name);
            EXPECT_EQ(unknown, dns_errc::not_found);
            co_return;
        }
        const addresses found = co_await world.names.resolve(name);
        EXPECT_NE(std::ranges::find(found, *expected), found.end());
        EXPECT_TRUE(world.server.questions().empty());
        const std::error_code missing = co_await failure(world.names, "not-in-the-file.test");
        EXPECT_EQ(missing, dns_errc::not_found);
    });
}

TEST(resolver, leaves_no_descriptor_behind_when_a_lookup_is_given_up) {
    test::run_on_each_backend([]() -> task<> {
        served world;  // whose server never has its turn
        for (int count = 0; count != 5; ++count) {
            const auto nothing = co_await move_on_after(1ms, world.names.resolve("a.test"));
            EXPECT_FALSE(nothing);
        }
        EXPECT_EQ(loop::current().io().in_flight(), 0U);
        EXPECT_EQ(world.names.statistics().asked, 5U);
    });
}

TEST(resolver, may_be_destroyed_while_a_lookup_is_under_way) {
    test::run_on_each_backend([]() -> task<> {
        dns_server server;
        server.host("a.test").addresses = list({numbered(1)});
        auto names = std::make_unique<resolver>(served::options_for(server, [](auto&) {}));
        task_group group;
        addresses found;
        group.spawn(server.serve());
        group.spawn([&]() -> task<> {
            found = co_await names->resolve("a.test");
            group.cancel();
        });
        group.spawn([&]() -> task<> {
            names.reset();
            co_return;
        });
        co_await group.run();
        EXPECT_EQ(found, list({numbered(1)}));
    });
}

}  // namespace
}  // namespace simul
