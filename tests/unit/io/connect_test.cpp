// SPDX-License-Identifier: Apache-2.0
//
// The race runs in the simulated world, with attempts that the test makes up; the rest connects to
// listeners on the loopback device.
#include "simul/io/connect.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/connect_race.hpp"
#include "io/socket_address.hpp"
#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/dns_server.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::simulate;

endpoint at(std::string_view text) {
    return endpoint::parse(text).value();
}

std::vector<endpoint> all(std::initializer_list<const char*> texts) {
    std::vector<endpoint> endpoints;
    for (const char* text : texts) endpoints.push_back(at(text));
    return endpoints;
}

std::vector<std::string> texts_of(const std::vector<endpoint>& endpoints) {
    std::vector<std::string> texts;
    for (const endpoint& each : endpoints) texts.push_back(each.to_string());
    return texts;
}

using texts = std::vector<std::string>;

// --- the order of the candidates ----------------------------------------------------------------

TEST(connection_order, alternates_between_the_families_beginning_with_the_first) {
    const auto order = [](std::initializer_list<const char*> given) {
        return texts_of(detail::connection_order(all(given)));
    };
    EXPECT_EQ(order({}), texts{});
    EXPECT_EQ(order({"1.1.1.1:1", "1.1.1.2:1"}), (texts{"1.1.1.1:1", "1.1.1.2:1"}));
    EXPECT_EQ(order({"[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"}),
              (texts{"[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"}));
    EXPECT_EQ(order({"1.1.1.1:1", "[::1]:1", "[::2]:1"}),
              (texts{"1.1.1.1:1", "[::1]:1", "[::2]:1"}));
}

TEST(connection_order, drops_repetitions) {
    EXPECT_EQ(texts_of(detail::connection_order(
                  all({"1.1.1.1:1", "[::1]:1", "1.1.1.1:1", "[::1]:1", "1.1.1.1:2"}))),
              (texts{"1.1.1.1:1", "[::1]:1", "1.1.1.1:2"}));
}

// --- the race, with attempts of the test's own
// ----------------------------------------------------

// What an attempt gives; counts how many there are, those that were moved from not included.
class link {
public:
    link(int& alive, endpoint to) noexcept : where{to}, alive_{&alive} { ++alive; }
    link(link&& other) noexcept
        : where{other.where}, alive_{std::exchange(other.alive_, nullptr)} {}
    link& operator=(link&&) = delete;
    ~link() {
        if (alive_ != nullptr) --*alive_;
    }

    endpoint where;

private:
    int* alive_;
};

struct behaviour {
    duration delay{};
    int error = 0;  // an errno; -1 throws something else, -2 simul::timed_out
};

// Candidates whose behaviour is known, and the log of what was tried.
class race_world {
public:
    explicit race_world(std::vector<std::pair<const char*, behaviour>> given) {
        for (const auto& [text, how] : given) {
            candidates.push_back(at(text));
            behaviours_[at(text)] = how;
        }
    }

    task<link> attempt(endpoint where) {
        const test::counted_object running{attempts};
        begun.push_back((test::now() - began_) / 1ms);
        const behaviour how = behaviours_.at(where);
        co_await sleep_for(how.delay);
        if (how.error == -1) throw std::logic_error{"not a matter of the network"};
        if (how.error == -2) throw timed_out{};
        if (how.error != 0) throw std::system_error{how.error, std::system_category()};
        ++made;
        link connection{links, where};
        co_return connection;
    }

    // Runs the race; the text of the winner, or of the error.
    task<std::string> run(duration delay = 250ms) {
        began_ = test::now();
        std::string text;
        try {
            detail::connect_race<link> race{candidates, delay,
                                            [this](endpoint where) { return attempt(where); }};
            const link winner = co_await race.run();
            text = winner.where.to_string();
            EXPECT_EQ(links, 1) << "the others are gone when the winner is returned";
        } catch (const std::system_error& failed) {
            code = failed.code();
            text = failed.what();
        }
        took = (test::now() - began_) / 1ms;
        EXPECT_EQ(attempts, 0) << "nothing is left running";
        co_return text;
    }

    std::vector<endpoint> candidates;
    std::vector<std::int64_t> begun;  // milliseconds after the start
    std::int64_t took = 0;
    std::error_code code;
    int attempts = 0;  // under way
    int links = 0;     // alive
    int made = 0;

private:
    std::map<endpoint, behaviour> behaviours_;
    time_point began_;
};

using milliseconds = std::vector<std::int64_t>;

TEST(connect_race, tries_one_address_when_that_one_answers) {
    simulate([]() -> task<> {
        race_world world{{{"1.1.1.1:1", {100ms}}, {"1.1.1.2:1", {0ms}}}};
        const std::string winner = co_await world.run();
        EXPECT_EQ(winner, "1.1.1.1:1");
        EXPECT_EQ(world.begun, milliseconds{0});
        EXPECT_EQ(world.took, 100);
        EXPECT_EQ(world.links, 0);
    });
}

TEST(connect_race, tries_the_next_address_a_quarter_of_a_second_later) {
    simulate([]() -> task<> {
        race_world world{
            {{"1.1.1.1:1", {1h}}, {"1.1.1.2:1", {1h}}, {"1.1.1.3:1", {30ms}}, {"1.1.1.4:1", {}}}};
        const std::string winner = co_await world.run();
        EXPECT_EQ(winner, "1.1.1.3:1");
        EXPECT_EQ(world.begun, (milliseconds{0, 250, 500}));
        EXPECT_EQ(world.took, 530);
        EXPECT_EQ(world.made, 1);
    });
}

TEST(connect_race, starts_the_next_attempt_exactly_when_the_delay_has_passed) {
    for (const auto& [answers_after, attempts] :
         std::vector<std::pair<duration, std::size_t>>{{250ms - 1ns, 1}, {250ms + 1ns, 2}}) {
        simulate([&, delay = answers_after, count = attempts]() -> task<> {
            race_world world{{{"1.1.1.1:1", {delay}}, {"1.1.1.2:1", {1h}}}};
            const std::string winner = co_await world.run();
            EXPECT_EQ(winner, "1.1.1.1:1");
            EXPECT_EQ(world.begun.size(), count);
        });
    }
}

TEST(connect_race, tries_the_next_address_at_once_when_one_fails) {
    simulate([]() -> task<> {
        race_world world{{{"1.1.1.1:1", {10ms, ECONNREFUSED}},
                          {"1.1.1.2:1", {0ms, ENETUNREACH}},
                          {"1.1.1.3:1", {20ms}}}};
        const std::string winner = co_await world.run();
        EXPECT_EQ(winner, "1.1.1.3:1");
        EXPECT_EQ(world.begun, (milliseconds{0, 10, 10}));
        EXPECT_EQ(world.took, 30);
    });
}

TEST(connect_race, does_not_wait_for_the_latest_when_an_earlier_one_fails) {
    simulate([]() -> task<> {
        race_world world{{{"1.1.1.1:1", {300ms, ETIMEDOUT}},
                          {"1.1.1.2:1", {1h}},
                          {"1.1.1.3:1", {1h}},
                          {"1.1.1.4:1", {0ms}}}};
        const std::string winner = co_await world.run();
        EXPECT_EQ(winner, "1.1.1.4:1");
        EXPECT_EQ(world.begun, (milliseconds{0, 250, 300, 550}));
    });
}

TEST(connect_race, lets_an_earlier_attempt_win_over_a_later_one) {
    simulate([]() -> task<> {
        race_world world{{{"1.1.1.1:1", {300ms}}, {"1.1.1.2:1", {1h}}}};
        const std::string winner = co_await world.run();
        EXPECT_EQ(winner, "1.1.1.1:1");
        EXPECT_EQ(world.begun, (milliseconds{0, 250}));
        EXPECT_EQ(world.took, 300);
    });
}

TEST(connect_race, closes_what_connects_in_the_same_moment_as_the_winner) {
    simulate([]() -> task<> {
        race_world world{{{"1.1.1.1:1", {50ms}}, {"1.1.1.2:1", {50ms}}, {"1.1.1.3:1", {50ms}}}};
        const std::string winner = co_await world.run(0s);
        EXPECT_EQ(winner, "1.1.1.1:1");
        EXPECT_EQ(world.begun, (milliseconds{0, 0, 0}));
        EXPECT_EQ(world.links, 0);
    });
}

TEST(connect_race, names_every_address_when_all_have_failed) {
    simulate([]() -> task<> {
        race_world world{{{"[2001:db8::1]:80", {0ms, ENETUNREACH}},
                          {"192.0.2.1:80", {10ms, ECONNREFUSED}},
                          {"192.0.2.2:80", {0ms, -2}}}};
        const std::string text = co_await world.run();
        EXPECT_EQ(world.code, std::errc::connection_refused) << "the most telling of the three";
        EXPECT_EQ(text,
                  "cannot connect to [2001:db8::1]:80 (Network is unreachable), 192.0.2.1:80 "
                  "(Connection refused), 192.0.2.2:80 (timed out): Connection refused")
            << text;
    });
}

TEST(connect_race, names_the_only_address_once) {
    simulate([]() -> task<> {
        race_world world{{{"192.0.2.1:80", {0ms, ECONNREFUSED}}}};
        const std::string text = co_await world.run();
        EXPECT_EQ(text, "cannot connect to 192.0.2.1:80: Connection refused");
    });
}

TEST(connect_race, refuses_an_empty_list) {
    simulate([]() -> task<> {
        race_world world{{}};
        const std::string text = co_await world.run();
        EXPECT_EQ(world.code, std::errc::destination_address_required);
    });
}

TEST(connect_race, lets_an_error_that_is_no_failure_to_connect_through) {
    simulate([]() -> task<> {
        race_world world{{{"1.1.1.1:1", {1h}}, {"1.1.1.2:1", {10ms, -1}}}};
        bool thrown = false;
        try {
            co_await world.run();
        } catch (const std::logic_error&) {
            thrown = true;
        }
        EXPECT_TRUE(thrown);
        EXPECT_EQ(world.attempts, 0) << "and ends the other attempts";
    });
}

// At every tenth of a second of a race that makes its first connection after 300 ms.
TEST(connect_race, leaves_nothing_when_it_is_cancelled_at_any_time) {
    for (int tenths = 0; tenths != 5; ++tenths) {
        simulate([tenths]() -> task<> {
            race_world world{{{"1.1.1.1:1", {1h}}, {"1.1.1.2:1", {50ms}}, {"1.1.1.3:1", {}}}};
            const auto winner = co_await move_on_after(tenths * 100ms, world.run());
            EXPECT_EQ(winner.has_value(), tenths > 3);
            EXPECT_EQ(world.attempts, 0);
            EXPECT_EQ(world.links, 0);
        });
    }
}

// The request comes in the same turn in which the first attempt connects, before and after it.
TEST(connect_race, loses_no_connection_that_is_made_while_it_is_being_cancelled) {
    for (const bool request_first : {false, true}) {
        simulate([request_first]() -> task<> {
            race_world world{{{"1.1.1.1:1", {100ms}}, {"1.1.1.2:1", {1h}}}};
            task_group group;
            task_handle<std::string> racing;
            const auto request = [&]() -> task<> {
                co_await sleep_for(100ms);
                racing.cancel();
            };
            if (request_first) group.spawn(request);
            racing = group.spawn(world.run());
            if (!request_first) group.spawn(request);
            co_await group.run();
            EXPECT_EQ(world.attempts, 0);
            EXPECT_EQ(world.links, 0);
        });
    }
}

// --- real sockets
// ---------------------------------------------------------------------------------

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        ++count;
    }
    return count;
}

// A port where nobody listens; it stays taken as long as this lives.
class closed_port {
public:
    closed_port() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        const detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
        EXPECT_EQ(::bind(socket_.get(), any.data(), any.size()), 0);
    }
    [[nodiscard]] endpoint where() const { return detail::local_endpoint_of(socket_.get()); }

private:
    unique_fd socket_;
};

// A listener that nobody accepts on and whose queue is full: connecting to it takes long.
class black_hole {
public:
    black_hole() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        const detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
        EXPECT_EQ(::bind(listener_.get(), any.data(), any.size()), 0);
        EXPECT_EQ(::listen(listener_.get(), 0), 0);
        const detail::socket_address bound{where()};
        for (unique_fd& each : clients_) {
            each.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            ::connect(each.get(), bound.data(), bound.size());
        }
    }
    [[nodiscard]] endpoint where() const { return detail::local_endpoint_of(listener_.get()); }

private:
    unique_fd listener_;
    std::array<unique_fd, 3> clients_;
};

// Runs `body` on each backend that has sockets and checks that no descriptor is left.
template <class Body>
void with_sockets(Body body) {
    test::run_on_each_backend([&]() -> task<> {
        if (loop::current().is_simulated()) co_return;
        const std::size_t before = open_descriptors();
        co_await body();
        EXPECT_EQ(open_descriptors(), before);
        EXPECT_EQ(loop::current().io().in_flight(), 0U);
    });
}

bool has_no_delay(const tcp_stream& stream) {
    for (int descriptor = 3; descriptor != 1024; ++descriptor) {
        detail::socket_address local;
        if (::getsockname(descriptor, local.data(), local.length()) != 0) continue;
        if (local.to_endpoint() != stream.local_endpoint()) continue;
        int enabled = -1;
        socklen_t size = sizeof enabled;
        EXPECT_EQ(::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &enabled, &size), 0);
        return enabled != 0;
    }
    ADD_FAILURE() << "no such socket";
    return false;
}

TEST(connect, connects_to_a_listener) {
    with_sockets([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        tcp_stream stream = co_await connect(listener.local_endpoint());
        EXPECT_EQ(stream.peer_endpoint(), listener.local_endpoint());
        EXPECT_TRUE(has_no_delay(stream));
        auto [accepted, peer] = co_await listener.accept();
        EXPECT_EQ(peer, stream.local_endpoint());
    });
}

TEST(connect, connects_over_ipv6) {
    with_sockets([]() -> task<> {
        tcp_listener listener;
        try {
            listener = tcp_listener::bind(endpoint{ip_address::loopback_v6(), 0});
        } catch (const std::system_error&) {
            std::puts("note: no IPv6 here");
            co_return;
        }
        tcp_stream stream = co_await connect(listener.local_endpoint());
        EXPECT_EQ(stream.peer_endpoint(), listener.local_endpoint());
    });
}

TEST(connect, collects_small_writes_when_it_is_asked_to) {
    with_sockets([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        connect_options options;
        options.no_delay = false;
        tcp_stream stream = co_await connect(listener.local_endpoint(), options);
        EXPECT_FALSE(has_no_delay(stream));
    });
}

TEST(connect, says_that_it_was_refused_and_by_whom) {
    with_sockets([]() -> task<> {
        const closed_port nobody;
        std::string text;
        std::error_code code;
        try {
            co_await connect(nobody.where());
        } catch (const std::system_error& failed) {
            code = failed.code();
            text = failed.what();
        }
        EXPECT_EQ(code, std::errc::connection_refused);
        std::string expected{"cannot connect to "};
        expected.append(nobody.where().to_string()).append(": Connection refused");
        EXPECT_EQ(text, expected);
    });
}

TEST(connect, takes_the_next_address_when_the_first_refuses) {
    with_sockets([]() -> task<> {
        const closed_port nobody;
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        std::vector<endpoint> candidates{nobody.where(), listener.local_endpoint()};
        connect_options patient;
        patient.attempt_delay = 1h;
        tcp_stream stream = co_await connect(std::move(candidates), patient);
        EXPECT_EQ(stream.peer_endpoint(), listener.local_endpoint());
    });
}

TEST(connect, takes_the_next_address_when_the_first_is_silent) {
    with_sockets([]() -> task<> {
        const black_hole silent;
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        std::vector<endpoint> candidates{silent.where(), listener.local_endpoint()};
        connect_options impatient;
        impatient.attempt_delay = 2ms;
        tcp_stream stream = co_await connect(std::move(candidates), impatient);
        EXPECT_EQ(stream.peer_endpoint(), listener.local_endpoint());
    });
}

TEST(connect, gives_up_when_its_time_has_passed) {
    with_sockets([]() -> task<> {
        const black_hole silent;
        for (const duration limit : {duration{0}, duration{5ms}}) {
            connect_options impatient;
            impatient.timeout = limit;
            bool has_timed_out = false;
            try {
                co_await connect(silent.where(), impatient);
            } catch (const timed_out&) {
                has_timed_out = true;
            }
            EXPECT_TRUE(has_timed_out);
        }
    });
}

TEST(connect, closes_its_socket_when_it_is_cancelled) {
    with_sockets([]() -> task<> {
        const black_hole silent;
        const auto nothing = co_await move_on_after(2ms, connect(silent.where()));
        EXPECT_FALSE(nothing);
    });
}

TEST(connect, refuses_an_empty_list_of_addresses) {
    with_sockets([]() -> task<> {
        std::error_code code;
        try {
            co_await connect(std::vector<endpoint>{});
        } catch (const std::system_error& failed) {
            code = failed.code();
        }
        EXPECT_EQ(code, std::errc::destination_address_required);
    });
}

TEST(connect, connects_to_a_host_by_its_name) {
    with_sockets([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        const std::uint16_t port = listener.local_endpoint().port();
        test::dns_server server;
        server.host("host.test").addresses.push_back(ip_address::loopback_v4());
        resolver_options options;
        options.servers.push_back(server.where());
        options.use_hosts_file = false;
        options.use_search_domains = false;
        resolver names{options};
        task_group group;
        group.spawn(server.serve());
        group.spawn([&]() -> task<> {
            tcp_stream stream = co_await connect(names, "host.test", port);
            EXPECT_EQ(stream.peer_endpoint(), listener.local_endpoint());
            group.cancel();
        });
        co_await group.run();
    });
}

TEST(connect, tries_localhost_over_both_families) {
    with_sockets([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        resolver names;
        tcp_stream stream = co_await connect(names, "localhost", listener.local_endpoint().port());
        EXPECT_EQ(stream.peer_endpoint(), listener.local_endpoint());
    });
}

TEST(connect, uses_the_override_for_its_port) {
    with_sockets([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        const std::uint16_t port = listener.local_endpoint().port();
        resolver names;
        const std::vector<ip_address> local{ip_address::loopback_v4()};
        names.add_override("example.org", port, local);
        tcp_stream stream = co_await connect(names, "example.org", port);
        EXPECT_EQ(stream.peer_endpoint(), listener.local_endpoint());
    });
}

}  // namespace
}  // namespace simul
