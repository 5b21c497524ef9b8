// SPDX-License-Identifier: Apache-2.0
//
// Where a crawl may connect to, and where a fetch is told to.
#include "crawl/dialler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <sys/socket.h>

#include "crawl/engine.hpp"
#include "fetch/arguments.hpp"
#include "io/socket_address.hpp"
#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/child_process.hpp"
#include "support/dns_server.hpp"
#include "support/run_on_backends.hpp"
#include "support/test_data.hpp"

namespace simul::program {
namespace {

using namespace std::chrono_literals;
using test::dns_server;
using test::simulate;

ip_address address(std::string_view text) {
    return ip_address::parse(text).value();
}

// What `call` throws: its code, and its text.
class thrown {
public:
    explicit thrown(const std::function<void()>& call) {
        try {
            call();
        } catch (const std::system_error& failure) {
            code = failure.code();
            text = failure.what();
        }
    }

    std::error_code code;
    std::string text = "nothing";
};

thrown refusal_of(const dialler_options& options, const std::string& host, std::uint16_t port,
                  const std::vector<ip_address>& addresses) {
    return thrown{[&] { static_cast<void>(permitted(options, host, port, addresses)); }};
}

// --- which addresses -----------------------------------------------------------------------------

constexpr const char* inner_addresses[] = {"127.0.0.1",
                                           "127.255.255.254",
                                           "10.0.0.1",
                                           "172.16.0.1",
                                           "0.0.0.0",
                                           "192.168.1.1",
                                           "169.254.169.254",
                                           "100.64.0.1",
                                           "::1",
                                           "::",
                                           "fc00::1",
                                           "fd12:3456::1",
                                           "fe80::1",
                                           "ff02::1",
                                           "::ffff:127.0.0.1",
                                           "::ffff:169.254.169.254",
                                           "224.0.0.1",
                                           "255.255.255.255",
                                           "64:ff9b::7f00:1",
                                           "2002:a00:1::"};

TEST(dialler, refuses_a_name_that_leads_into_the_network_it_runs_in) {
    for (const char* inner : inner_addresses) {
        const thrown refused = refusal_of({}, "rebound.test", 80, {address(inner)});
        EXPECT_EQ(refused.code, std::errc::permission_denied) << inner;
        // The addresses of that network are nobody's business.
        EXPECT_EQ(refused.text,
                  "rebound.test is not on the public internet, and port 80 of it was not named: "
                  "Permission denied");
    }
}

TEST(dialler, keeps_the_public_ones_among_the_addresses_of_a_host_in_their_order) {
    const std::vector<endpoint> kept = permitted(
        {}, "mixed.test", 443,
        {address("10.0.0.1"), address("2606:4700::1"), address("::1"), address("93.184.216.34")});
    EXPECT_EQ(kept, (std::vector<endpoint>{endpoint{address("2606:4700::1"), 443},
                                           endpoint{address("93.184.216.34"), 443}}));
}

TEST(dialler, opens_the_host_and_port_of_a_start_address_and_no_other) {
    dialler_options options;
    options.named.emplace("localhost", std::uint16_t{8080});
    const std::vector<ip_address> here{address("127.0.0.1"), address("::1")};
    EXPECT_EQ(permitted(options, "localhost", 8080, here).size(), 2U);
    EXPECT_EQ(refusal_of(options, "localhost", 8081, here).code, std::errc::permission_denied);
    EXPECT_EQ(refusal_of(options, "127.0.0.1", 8080, here).code, std::errc::permission_denied);
    EXPECT_EQ(refusal_of(options, "localhost.", 8080, here).code, std::errc::permission_denied);
}

TEST(dialler, takes_the_addresses_of_resolve_for_named) {
    const std::vector<ip_address> here{address("127.0.0.1")};
    dialler_options options;
    options.overrides.emplace_back("one.test", std::uint16_t{80}, here);
    options.overrides.emplace_back("all.test", std::nullopt, here);
    EXPECT_EQ(permitted(options, "one.test", 80, here).size(), 1U);
    EXPECT_EQ(permitted(options, "all.test", 1, here).size(), 1U);
    EXPECT_EQ(permitted(options, "all.test", 65535, here).size(), 1U);
    EXPECT_EQ(refusal_of(options, "one.test", 81, here).code, std::errc::permission_denied);
    EXPECT_EQ(refusal_of(options, "other.test", 80, here).code, std::errc::permission_denied);
    options.overrides.emplace_back("*", std::uint16_t{443}, here);
    EXPECT_EQ(permitted(options, "other.test", 443, here).size(), 1U);
    EXPECT_EQ(refusal_of(options, "other.test", 80, here).code, std::errc::permission_denied);
}

TEST(dialler, knows_a_host_without_the_brackets_of_ipv6) {
    EXPECT_EQ(plain_host(web::url::parse("http://[::1]:8080/").value()), "::1");
    EXPECT_EQ(plain_host(web::url::parse("http://h.test/").value()), "h.test");
    EXPECT_EQ(plain_host(web::url::parse("http://0x7f.1/").value()), "127.0.0.1");
}

// --- with sockets --------------------------------------------------------------------------------

// Somebody on the loopback device who could be connected to.
class inner_service {
public:
    inner_service() {
        const simul::detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
        EXPECT_EQ(::bind(socket_.get(), any.data(), any.size()), 0);
        EXPECT_EQ(::listen(socket_.get(), 8), 0);
    }

    [[nodiscard]] std::uint16_t port() const {
        return simul::detail::local_endpoint_of(socket_.get()).port();
    }

    // How many have connected since the last call.
    [[nodiscard]] int connections() const {
        int count = 0;
        while (unique_fd{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)}) ++count;
        return count;
    }

private:
    unique_fd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
};

// The code with which a connection fails, or none.
task<std::error_code> failure_of(http::connector connector, std::string host, std::uint16_t port) {
    std::error_code code;
    try {
        const any_stream made = co_await connector(std::move(host), port);
    } catch (const std::system_error& failure) {
        code = failure.code();
    } catch (const timed_out& failure) {
        code = failure.code();
    }
    co_return code;
}

using trial = std::function<task<>(dns_server&, inner_service&, dialler_options)>;

// Runs `body` on each backend that has sockets, beside a name server that its options name.
void with_names(const trial& body) {
    test::run_on_each_backend([&]() -> task<> {
        if (loop::current().is_simulated()) co_return;
        dns_server names;
        inner_service service;
        dialler_options options;
        options.lookup.servers.push_back(names.where());
        options.lookup.use_search_domains = false;
        options.lookup.use_hosts_file = false;
        task_group group;
        group.spawn(names.serve());
        group.spawn([&]() -> task<> {
            co_await body(names, service, options);
            group.cancel();
        });
        co_await group.run();
    });
}

TEST(dialler, connects_to_nobody_behind_a_name_that_leads_inside) {
    with_names([](dns_server& names, inner_service& service, dialler_options options) -> task<> {
        names.host("rebound.test").addresses = {address("127.0.0.1")};
        names.host("alias.test").aliases = {"rebound.test"};
        names.host("alias.test").addresses = {address("127.0.0.1")};
        const http::connector connector = make_dialler(std::move(options));
        for (const char* host :
             {"rebound.test", "alias.test", "127.0.0.1", "localhost", "0.0.0.0"}) {
            const std::error_code code = co_await failure_of(connector, host, service.port());
            EXPECT_EQ(code, std::errc::permission_denied) << host;
        }
        EXPECT_EQ(service.connections(), 0);
    });
}

TEST(dialler, judges_the_address_that_a_name_has_at_that_moment) {
    with_names([](dns_server& names, inner_service& service, dialler_options options) -> task<> {
        test::dns_record& record = names.host("rebound.test");
        record.addresses = {address("127.0.0.1")};
        options.named.emplace("rebound.test", service.port());
        const http::connector connector = make_dialler(options);
        const std::error_code named =
            co_await failure_of(connector, "rebound.test", service.port());
        EXPECT_FALSE(named) << named.message();
        EXPECT_EQ(service.connections(), 1);
        const auto other = static_cast<std::uint16_t>(service.port() ^ 1U);
        const std::error_code unnamed = co_await failure_of(connector, "rebound.test", other);
        EXPECT_EQ(unnamed, std::errc::permission_denied);
    });
}

TEST(dialler, goes_where_resolve_says_without_asking_a_name_server) {
    with_names([](dns_server& names, inner_service& service, dialler_options options) -> task<> {
        options.overrides.emplace_back("h.test", std::nullopt,
                                       std::vector<ip_address>{address("127.0.0.1")});
        const http::connector connector = make_dialler(std::move(options));
        const std::error_code code = co_await failure_of(connector, "h.test", service.port());
        EXPECT_FALSE(code) << code.message();
        EXPECT_EQ(service.connections(), 1);
        EXPECT_TRUE(names.questions().empty());
    });
}

TEST(dialler, gives_a_name_that_nobody_knows_its_own_error_and_a_slow_one_its_time) {
    with_names([](dns_server& names, inner_service&, dialler_options options) -> task<> {
        names.host("slow.test").silent = true;
        options.resolve_limit = 5s;
        const std::error_code unknown =
            co_await failure_of(make_dialler(options), "unknown.test", 80);
        EXPECT_EQ(unknown, dns_errc::not_found);
        options.resolve_limit = 1ms;
        const std::error_code slow = co_await failure_of(make_dialler(options), "slow.test", 80);
        EXPECT_EQ(slow, dns_errc::timed_out);
    });
}

// --- what people are told ------------------------------------------------------------------------

TEST(dialler, makes_a_refused_host_one_line_that_is_not_tried_again) {
    const test::temporary_directory folder;
    std::vector<std::string> lines;
    crawl_statistics counts;
    simulate([&]() -> task<> {
        crawl_options options;
        options.seeds.push_back(web::url::parse("http://localhost:1/").value());
        options.politeness.ignore_robots = true;
        options.politeness.own_hosts = {"localhost"};
        options.directory = folder.path();
        options.on_error = [&](std::string line) { lines.push_back(std::move(line)); };
        http::session_options network;
        network.connect = make_dialler({});
        crawler made{std::move(options), std::move(network)};
        co_await made.run();
        counts = made.statistics();
    });
    const std::string cause =
        "localhost is not on the public internet, and port 1 of it was not named: "
        "Permission denied";
    std::string expected{"http://localhost:1/: connecting: "};
    expected.append(cause);
    EXPECT_EQ(lines, std::vector{expected});
    EXPECT_EQ(counts.errors, (std::map<std::string, std::uint64_t>{{cause, 1}}));
    EXPECT_EQ(counts.retries, 0U);
    expected.assign("{\"url\":\"http://localhost:1/\",\"stage\":\"connecting\",\"cause\":\"");
    expected.append(cause).append("\"}\n");
    EXPECT_EQ(test::read_whole_file(folder.path() / "errors.jsonl"), expected);
}

// --- simul fetch: what is on the command line goes
// ------------------------------------------------

TEST(fetch_connector, connects_as_the_first_rule_that_fits_says) {
    with_names([](dns_server&, inner_service& service, dialler_options) -> task<> {
        const std::string port = std::to_string(service.port());
        const inner_service other;
        const auto rule = [](std::initializer_list<std::string_view> parts) {
            std::string text;
            for (const std::string_view part : parts) text.append(part);
            return parse_connect_rule(text).value();
        };
        std::vector<connect_rule> rules;
        rules.push_back(rule({"a.test:443:127.0.0.1:", port}));
        rules.push_back(rule({"a.test::127.0.0.1:", std::to_string(other.port())}));
        rules.push_back(rule({":81:127.0.0.1:", port}));
        std::vector<http::name_override> overrides;
        overrides.push_back(parse_override("b.test:*:127.0.0.1").value());
        const http::connector connector = make_connector(std::move(rules), std::move(overrides));
        const auto reaches = [&](std::string host, std::uint16_t at,
                                 const inner_service& who) -> task<> {
            const std::error_code code = co_await failure_of(connector, host, at);
            EXPECT_FALSE(code) << host << at << code.message();
            EXPECT_EQ(who.connections(), 1) << host << at;
        };
        co_await reaches("a.test", 443, service);
        co_await reaches("a.test", 80, other);
        co_await reaches("anybody.test", 81, service);
        co_await reaches("b.test", service.port(), service);
        co_await reaches("127.0.0.1", other.port(), other);
        EXPECT_EQ(service.connections() + other.connections(), 0);
    });
}

}  // namespace
}  // namespace simul::program
