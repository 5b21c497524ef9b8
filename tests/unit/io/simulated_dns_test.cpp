// SPDX-License-Identifier: Apache-2.0
//
// Name lookups in the simulated world: what they cost in virtual time, and that nothing outside of
// that world matters. What they answer is in dns_test.cpp, in every world.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/dns.hpp"
#include "simul/io/tcp.hpp"
#include "simul/io/udp.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/dns_server.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::code_of;
using test::dns_server;
using test::now;
using test::simulate;
using addresses = std::vector<ip_address>;

const ip_address address_v4{std::array<std::uint8_t, 4>{10, 0, 0, 1}};
const ip_address other_v4{std::array<std::uint8_t, 4>{10, 0, 0, 2}};
const ip_address address_v6 = ip_address::parse("2001:db8::1").value();

addresses list(std::initializer_list<ip_address> each) {
    return addresses{each};
}

resolver_options asking(const dns_server& server) {
    resolver_options options;
    options.servers.push_back(server.where());
    return options;
}

// Some servers of one world, and a resolver that asks them in their order.
struct served {
    explicit served(std::size_t count) {
        for (std::size_t each = 0; each != count; ++each) {
            servers.push_back(std::make_unique<dns_server>());
            options.servers.push_back(servers.back()->where());
        }
    }
    [[nodiscard]] dns_server& server(std::size_t index = 0) const { return *servers[index]; }

    // What a lookup gives, or its failure, and how long it takes.
    task<> look_up(std::string host) {
        resolver names{options};
        const time_point began = now();
        found.clear();
        failure = {};
        try {
            found = co_await names.resolve(std::move(host));
        } catch (const std::system_error& failed) {
            failure = failed.code();
        }
        took = now() - began;
    }

    std::vector<std::unique_ptr<dns_server>> servers;
    resolver_options options;
    addresses found;
    std::error_code failure;
    duration took{};
};

// Runs `body` beside `count` servers.
void with_servers(std::size_t count, const std::function<task<>(served&)>& body) {
    simulate([&]() -> task<> {
        served world{count};
        task_group group;
        for (const auto& server : world.servers) group.spawn(server->serve());
        group.spawn([&]() -> task<> {
            co_await body(world);
            group.cancel();
        });
        co_await group.run();
    });
}

// --- what it costs ------------------------------------------------------------------------------

TEST(simulated_dns, takes_no_time_when_the_server_answers) {
    with_servers(1, [](served& world) -> task<> {
        world.server().host("a.test").addresses = list({address_v4});
        co_await world.look_up("a.test");
        EXPECT_EQ(world.found, list({address_v4}));
        EXPECT_EQ(world.took, 0s);
        co_await world.look_up("missing.test");
        EXPECT_EQ(world.failure, dns_errc::not_found);
        EXPECT_EQ(world.took, 0s);
    });
}

TEST(simulated_dns, gives_up_after_three_attempts_of_which_each_takes_twice_as_long) {
    with_servers(1, [](served& world) -> task<> {
        world.server().host("silent.test").silent = true;
        co_await world.look_up("silent.test");
        EXPECT_EQ(world.failure, dns_errc::timed_out);
        EXPECT_EQ(world.took, 2s + 4s + 8s);
        EXPECT_EQ(world.server().questions().size(), 6U) << "two families, three attempts";
    });
}

TEST(simulated_dns, asks_each_server_in_turn_before_it_waits_for_longer) {
    with_servers(2, [](served& world) -> task<> {
        for (const auto& server : world.servers) server->host("silent.test").silent = true;
        world.options.attempt_timeout = 1s;
        world.options.attempts = 2;
        co_await world.look_up("silent.test");
        EXPECT_EQ(world.failure, dns_errc::timed_out);
        EXPECT_EQ(world.took, 2 * (1s + 2s));
        EXPECT_EQ(world.server(0).questions().size(), 4U);
        EXPECT_EQ(world.server(1).questions().size(), 4U);
    });
}

TEST(simulated_dns, asks_again_when_datagrams_are_lost) {
    for (const unsigned lost : {1U, 2U, 3U, 4U}) {
        with_servers(1, [lost](served& world) -> task<> {
            auto& record = world.server().host("a.test");
            record.addresses = list({address_v4, address_v6});
            record.lost = lost;
            co_await world.look_up("a.test");
            EXPECT_EQ(world.found, list({address_v6, address_v4}));
            EXPECT_EQ(world.took, lost <= 2 ? duration{2s} : duration{2s + 4s});
        });
    }
}

TEST(simulated_dns, goes_on_to_the_next_server_when_one_is_silent) {
    with_servers(2, [](served& world) -> task<> {
        world.server(0).host("a.test").silent = true;
        world.server(1).host("a.test").addresses = list({address_v4});
        co_await world.look_up("a.test");
        EXPECT_EQ(world.found, list({address_v4}));
        EXPECT_EQ(world.took, 2s);
    });
}

TEST(simulated_dns, does_not_return_to_a_server_that_has_failed_if_there_are_others) {
    with_servers(2, [](served& world) -> task<> {
        world.server(0).host("a.test").status = 5;
        world.server(1).host("a.test").silent = true;
        co_await world.look_up("a.test");
        EXPECT_EQ(world.failure, dns_errc::timed_out) << "that one says most";
        EXPECT_EQ(world.took, 2s + 4s + 8s);
        EXPECT_EQ(world.server(0).questions().size(), 2U);
        world.server(1).host("a.test").silent = false;
        world.server(1).host("a.test").status = 2;
        co_await world.look_up("a.test");
        EXPECT_EQ(world.failure, dns_errc::server_failure) << "the last one";
        EXPECT_EQ(world.took, 0s);
    });
}

TEST(simulated_dns, asks_the_only_server_again_at_once_when_it_has_failed) {
    with_servers(1, [](served& world) -> task<> {
        world.server().host("a.test").status = 5;
        co_await world.look_up("a.test");
        EXPECT_EQ(world.failure, dns_errc::refused);
        EXPECT_EQ(world.took, 0s);
        EXPECT_EQ(world.server().questions().size(), 6U);
    });
}

TEST(simulated_dns, tells_soon_that_no_server_is_there) {
    simulate([]() -> task<> {
        served world{1};
        world.servers.clear();
        co_await world.look_up("a.test");
        EXPECT_EQ(world.failure, dns_errc::no_server);
        EXPECT_LT(world.took, 10ms);
    });
}

// As on the real backends: the addresses of one family are an answer, when there is no other.
TEST(simulated_dns, takes_the_addresses_of_one_family_when_the_other_is_never_answered) {
    with_servers(1, [](served& world) -> task<> {
        auto& record = world.server().host("half.test");
        record.addresses = list({address_v4, address_v6});
        record.mute = 28;
        co_await world.look_up("half.test");
        EXPECT_EQ(world.found, list({address_v4}));
        EXPECT_EQ(world.took, 2s + 4s + 8s);
        record.mute = 1;
        co_await world.look_up("half.test");
        EXPECT_EQ(world.found, list({address_v6}));
    });
}

TEST(simulated_dns, waits_no_longer_for_a_long_answer_by_tcp_than_for_others) {
    simulate([]() -> task<> {
        served world{1};
        auto& record = world.server().host("long.test");
        for (std::uint8_t each = 0; each != 100; ++each) {
            record.addresses.emplace_back(std::array<std::uint8_t, 4>{10, 0, 1, each});
        }
        task_group group;
        group.spawn([&]() -> task<> {  // answers datagrams, and nobody accepts
            while (true) {
                world.server().answer_pending();
                co_await sleep_for(1ms);
            }
        });
        group.spawn([&]() -> task<> {
            co_await world.look_up("long.test");
            group.cancel();
        });
        co_await group.run();
        EXPECT_EQ(world.failure, dns_errc::timed_out);
        EXPECT_EQ(world.took, 2s + 4s + 8s);
    });
}

TEST(simulated_dns, ends_with_the_time_of_its_caller) {
    with_servers(1, [](served& world) -> task<> {
        world.server().host("silent.test").silent = true;
        const time_point began = now();
        const auto nothing = co_await move_on_after(3s, world.look_up("silent.test"));
        EXPECT_FALSE(nothing.has_value());
        EXPECT_EQ(now() - began, 3s);
    });
}

// --- what it is made of -------------------------------------------------------------------------

TEST(simulated_dns, gives_addresses_of_the_sixth_version_first) {
    with_servers(1, [](served& world) -> task<> {
        world.server().host("a.test").addresses = list({other_v4, address_v4, address_v6});
        co_await world.look_up("a.test");
        EXPECT_EQ(world.found, list({address_v6, other_v4, address_v4}));
    });
}

TEST(simulated_dns, asks_servers_at_addresses_of_the_sixth_version) {
    simulate([]() -> task<> {
        dns_server server{ip_address::loopback_v6()};
        server.host("a.test").addresses = list({address_v4});
        resolver names{asking(server)};
        co_await with_task_group([&](task_group& group) -> task<> {
            auto serving = group.spawn(server.serve());
            const addresses found = co_await names.resolve("a.test");
            EXPECT_EQ(found, list({address_v4}));
            serving.cancel();
        });
    });
}

// A name server in a dozen lines: whatever is asked does not exist.
TEST(simulated_dns, asks_a_server_that_is_a_task_with_a_socket) {
    simulate([]() -> task<> {
        udp_socket socket = udp_socket::bind(endpoint{ip_address::loopback_v4(), 53});
        resolver_options options;
        options.servers.push_back(socket.local_endpoint());
        resolver names{options};
        co_await with_task_group([&](task_group& group) -> task<> {
            auto serving = group.spawn([&]() -> task<> {
                std::array<std::byte, 512> buffer{};
                while (true) {
                    const datagram question = co_await socket.receive_from(buffer);
                    buffer[2] = std::byte{0x85};
                    buffer[3] = std::byte{0x83};
                    co_await socket.send_to(question.bytes, question.peer);
                }
            });
            const std::error_code code = co_await code_of(names.resolve("a.test"));
            EXPECT_EQ(code, dns_errc::not_found);
            serving.cancel();
        });
    });
}

std::ptrdiff_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return std::distance(begin(all), end(all));
}

TEST(simulated_dns, has_no_descriptor_of_the_system) {
    simulate([]() -> task<> {
        const std::ptrdiff_t before = open_descriptors();
        served world{1};
        task_group group;
        group.spawn(world.look_up("a.test"));
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_EQ(open_descriptors(), before);
            EXPECT_NE(loop::current().io().in_flight(), 0U) << "it waits";
            group.cancel();
        });
        co_await group.run();
    });
}

TEST(simulated_dns, depends_on_no_variable_and_no_file) {
    ::setenv("LOCALDOMAIN", "example.org", 1);
    ::setenv("RES_OPTIONS", "ndots:9 retry:1 retrans:9 rotate", 1);
    with_servers(2, [](served& world) -> task<> {
        world.options.use_hosts_file = true;
        world.options.use_search_domains = true;
        for (const auto& server : world.servers) server->host("word").silent = true;
        co_await world.look_up("word");
        EXPECT_EQ(world.took, 2 * (2s + 4s + 8s));
        for (const auto& server : world.servers) {
            EXPECT_EQ(server->questions().size(), 6U);
            for (const auto& question : server->questions()) EXPECT_EQ(question.name, "word");
        }
    });
    ::unsetenv("LOCALDOMAIN");
    ::unsetenv("RES_OPTIONS");
}

TEST(simulated_dns, runs_the_same_way_every_time) {
    const auto run_once = [] {
        std::string log;
        with_servers(2, [&log](served& world) -> task<> {
            for (const auto& server : world.servers) {
                server->host("a.test").addresses = list({address_v4, address_v6});
                server->host("a.test").lost = 1;
            }
            co_await world.look_up("a.test");
            for (const auto& server : world.servers) {
                log.append(std::to_string(server->where().port())).append(":");
                for (const auto& question : server->questions()) {
                    log.append(" ").append(std::to_string(question.source_port));
                    log.append("/").append(std::to_string(question.type));
                }
                log.append("\n");
            }
            log.append(std::to_string(world.took.count()));
        });
        return log;
    };
    const std::string first = run_once();
    EXPECT_EQ(run_once(), first);
    EXPECT_NE(first.find("/28"), std::string::npos) << first;
}

// --- others -------------------------------------------------------------------------------------

// At every turn of a lookup that needs three datagrams and a connection.
TEST(simulated_dns, can_be_cancelled_at_every_point) {
    bool has_ended = false;
    for (int turns = 0; !has_ended; ++turns) {
        ASSERT_LT(turns, 200);
        simulate([&]() -> task<> {
            served world{1};
            auto& record = world.server().host("a.test");
            for (std::uint8_t each = 0; each != 100; ++each) {
                record.addresses.emplace_back(std::array<std::uint8_t, 4>{10, 0, 1, each});
            }
            resolver names{world.options};
            co_await with_task_group([&](task_group& group) -> task<> {
                auto serving = group.spawn(world.server().serve());
                auto asking = group.spawn([&]() -> task<> { co_await names.resolve("a.test"); });
                co_await test::some_turns(turns);
                has_ended = asking.done();
                asking.cancel();
                static_cast<void>(co_await as_outcome(asking));
                EXPECT_FALSE(has_ended && asking.was_cancelled());
                const addresses found = co_await names.resolve("a.test");
                EXPECT_EQ(found.size(), 64U);
                serving.cancel();
            });
            EXPECT_EQ(loop::current().io().in_flight(), 0U);
        });
    }
}

TEST(simulated_dns, begins_anew_for_those_who_wait_when_the_first_one_leaves) {
    with_servers(1, [](served& world) -> task<> {
        auto& record = world.server().host("a.test");
        record.addresses = list({address_v4});
        record.lost = 4;
        resolver names{world.options};
        const time_point began = now();
        int answers = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto ask = [&]() -> task<> {
                const addresses found = co_await names.resolve("a.test");
                EXPECT_EQ(found, list({address_v4}));
                ++answers;
            };
            auto first = group.spawn(ask);
            group.spawn(ask);
            group.spawn(ask);
            co_await sleep_for(1s);
            first.cancel();
        });
        EXPECT_EQ(answers, 2);
        EXPECT_EQ(now() - began, 1s + 2s) << "an attempt of its own, and one that is answered";
        EXPECT_EQ(names.statistics().asked, 2U);
        EXPECT_EQ(names.statistics().joined, 2U + 1U) << "one of the two joined again";
    });
}

TEST(simulated_dns, lets_connect_find_a_host) {
    with_servers(1, [](served& world) -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 80});
        world.server().host("web.test").addresses = list({ip_address::loopback_v4()});
        resolver names{world.options};
        tcp_stream client = co_await connect(names, "web.test", 80);
        auto [stream, peer] = co_await listener.accept();
        EXPECT_EQ(client.peer_endpoint(), listener.local_endpoint());
        EXPECT_EQ(client.local_endpoint(), peer);
        const std::error_code missing = co_await code_of(connect(names, "missing.test", 80));
        EXPECT_EQ(missing, dns_errc::not_found);
    });
}

}  // namespace
}  // namespace simul
