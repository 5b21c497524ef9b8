// SPDX-License-Identifier: Apache-2.0
//
// TCP and UDP in the simulated world. What both worlds promise is tested in every world, in
// tests/semantics_network; here is what only the simulated one lets a test see: the numbers of its
// ports, its clock, and whether a descriptor was left open.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/tcp.hpp"
#include "simul/io/udp.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"
#include "support/world_sockets.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

const endpoint any_port{ip_address::loopback_v4(), 0};

endpoint at(std::string_view text) {
    return endpoint::parse(text).value();
}

detail::simulated_backend& world() {
    return *detail::simulated_world();
}

// Runs it in the simulated world, in which it leaves nothing open.
template <class Body>
void simulate_and_close_all(Body body) {
    simulate([&]() -> task<> {
        co_await body();
        EXPECT_EQ(world().descriptor_count(), 0U);
    });
}

template <class Call>
std::error_code error_of(Call call) {
    try {
        static_cast<void>(call());
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

/// A listener whose queue is full from now on: connecting to it takes forever.
class silent_host {
public:
    explicit silent_host(const endpoint& where) {
        listen_options options;
        options.backlog = 1;
        listener = tcp_listener::bind(where, options);
        first_ = new_socket();
        EXPECT_EQ(connect_to(first_.get(), where), -1);
    }
    tcp_listener listener;

private:
    held_socket first_;
};

// --- TCP ----------------------------------------------------------------------------------------

TEST(simulated_tcp, carries_bytes_both_ways_to_the_end) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_port);
        EXPECT_EQ(listener.local_endpoint(), at("127.0.0.1:49152"));
        tcp_stream client = co_await connect(listener.local_endpoint());
        auto [server, peer] = co_await listener.accept();
        EXPECT_EQ(peer, at("127.0.0.1:49153"));
        EXPECT_EQ(client.local_endpoint(), peer);
        EXPECT_EQ(client.peer_endpoint(), listener.local_endpoint());
        EXPECT_EQ(server.peer_endpoint(), peer);
        EXPECT_EQ(server.local_endpoint(), listener.local_endpoint());
        client.set_no_delay(false);
        client.set_keep_alive();
        co_await write_and_shut_down(client, "question");
        const std::string question = co_await read_to_end(server);
        EXPECT_EQ(question, "question");
        co_await write_and_shut_down(server, "answer");
        const std::string answer = co_await read_to_end(client);
        EXPECT_EQ(answer, "answer");
    });
}

TEST(simulated_tcp, moves_more_than_a_connection_holds) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(at("[::1]:80"));
        tcp_stream client = co_await connect(listener.local_endpoint());
        auto [server, peer] = co_await listener.accept();
        const std::string text(300'000, 'x');
        std::string got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> { co_await write_and_shut_down(client, text); });
            got = co_await read_to_end(server);
        });
        EXPECT_EQ(got, text);
        EXPECT_EQ(server.local_endpoint(), at("[::1]:80"));
    });
}

TEST(simulated_tcp, is_refused_where_nobody_listens) {
    simulate_and_close_all([]() -> task<> {
        std::error_code code = co_await code_of(connect(at("127.0.0.1:80")));
        EXPECT_EQ(code, std::errc::connection_refused);
        code = co_await code_of(connect(at("192.0.2.1:80")));
        EXPECT_EQ(code, std::errc::network_unreachable) << "there is no way out";
        tcp_listener listener = tcp_listener::bind(at("127.0.0.1:80"));
        listener.close();
        code = co_await code_of(connect(at("127.0.0.1:80")));
        EXPECT_EQ(code, std::errc::connection_refused);
    });
}

TEST(simulated_tcp, listeners_get_the_errors_of_the_system) {
    simulate_and_close_all([]() -> task<> {
        const tcp_listener listener = tcp_listener::bind(at("0.0.0.0:80"));
        EXPECT_EQ(listener.local_endpoint(), at("0.0.0.0:80"));
        EXPECT_EQ(error_of([] { return tcp_listener::bind(at("127.0.0.1:80")); }),
                  std::errc::address_in_use);
        EXPECT_EQ(error_of([] { return tcp_listener::bind(at("192.0.2.1:80")); }),
                  std::errc::address_not_available);
        const tcp_listener other = tcp_listener::bind(at("[::]:80"));
        EXPECT_EQ(world().descriptor_count(), 2U) << "those that failed are closed";
        co_return;
    });
}

// While somebody waits on it, too, and although its object is still there.
TEST(simulated_tcp, a_closed_listener_gives_its_port_back_at_once) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener first = tcp_listener::bind(at("127.0.0.1:80"));
        co_await with_task_group([&](task_group& group) -> task<> {
            auto waiting = group.spawn([&]() -> task<> {
                const std::error_code code = co_await code_of(first.accept());
                EXPECT_EQ(code, errc::closed);
            });
            co_await testing::wait_until_all_blocked();
            first.close();
            const tcp_listener second = tcp_listener::bind(at("127.0.0.1:80"));
            EXPECT_EQ(world().descriptor_count(), 1U);
        });
    });
}

TEST(simulated_tcp, queues_connections_up_to_the_backlog_and_lets_the_others_wait) {
    simulate_and_close_all([]() -> task<> {
        listen_options options;
        options.backlog = 2;
        tcp_listener listener = tcp_listener::bind(any_port, options);
        int connected = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int each = 0; each != 4; ++each) {
                group.spawn([&]() -> task<> {
                    const tcp_stream client = co_await connect(listener.local_endpoint());
                    ++connected;
                });
            }
            for (const int expected : {2, 3, 4, 4}) {
                co_await testing::wait_until_all_blocked();
                EXPECT_EQ(connected, expected);
                auto [stream, peer] = co_await listener.accept();
            }
        });
    });
}

TEST(simulated_tcp, a_listener_that_is_closed_resets_what_it_had_queued) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_port);
        tcp_stream client = co_await connect(listener.local_endpoint());
        co_await write_all(client, bytes_of("hello?"));
        listener.close();
        std::array<std::byte, 8> buffer{};
        const std::error_code code = co_await code_of(client.read_some(buffer));
        EXPECT_EQ(code, std::errc::connection_reset);
        EXPECT_EQ(error_of([&] { return client.peer_endpoint(); }), std::errc::not_connected);
    });
}

TEST(simulated_tcp, a_stream_that_is_closed_unread_resets_its_peer) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_port);
        tcp_stream client = co_await connect(listener.local_endpoint());
        {
            auto [server, peer] = co_await listener.accept();
            co_await write_all(client, bytes_of("not read"));
        }
        std::array<std::byte, 8> buffer{};
        const std::error_code code = co_await code_of(client.read_some(buffer));
        EXPECT_EQ(code, std::errc::connection_reset);
    });
}

// --- the race over several addresses ------------------------------------------------------------

TEST(simulated_connect, takes_the_second_address_when_the_first_is_silent_for_its_time) {
    simulate_and_close_all([]() -> task<> {
        const silent_host silent{at("127.0.0.1:80")};
        tcp_listener listener = tcp_listener::bind(at("127.0.0.2:80"));
        const time_point begin = loop::current().now();
        const std::vector<endpoint> candidates{at("127.0.0.1:80"), at("127.0.0.2:80")};
        const tcp_stream won = co_await connect(candidates);
        EXPECT_EQ(loop::current().now() - begin, 250ms) << "and not a moment later";
        EXPECT_EQ(won.peer_endpoint(), at("127.0.0.2:80"));
        EXPECT_EQ(world().descriptor_count(), 6U) << "the loser's is closed";
    });
}

TEST(simulated_connect, takes_the_second_address_at_once_when_the_first_refuses) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(at("127.0.0.1:80"));
        const time_point begin = loop::current().now();
        const std::vector<endpoint> candidates{at("[::1]:80"), at("127.0.0.1:80")};
        const tcp_stream won = co_await connect(candidates);
        EXPECT_EQ(loop::current().now(), begin);
        EXPECT_EQ(won.peer_endpoint(), at("127.0.0.1:80"));
    });
}

TEST(simulated_connect, ends_with_its_limit_when_all_are_silent) {
    simulate_and_close_all([]() -> task<> {
        const silent_host silent{at("127.0.0.1:80")};
        connect_options options;
        options.timeout = 1h;
        const time_point begin = loop::current().now();
        const std::error_code code = co_await code_of(connect(at("127.0.0.1:80"), options));
        EXPECT_EQ(code, errc::timed_out);
        EXPECT_EQ(loop::current().now() - begin, 1h);
    });
}

TEST(simulated_connect, connects_to_a_name_with_an_override) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(at("127.0.0.1:80"));
        resolver names;
        const std::vector<ip_address> local{ip_address::loopback_v6(), ip_address::loopback_v4()};
        names.add_override("example.org", 80, local);
        const tcp_stream stream = co_await connect(names, "example.org", 80);
        EXPECT_EQ(stream.peer_endpoint(), at("127.0.0.1:80"));
    });
}

TEST(simulated_connect, takes_a_socket_of_the_callers) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_port);
        held_socket mine = new_socket();
        const endpoint here = bind_anywhere(mine);
        const tcp_stream client =
            co_await connect(to_give(std::move(mine)), listener.local_endpoint());
        auto [server, peer] = co_await listener.accept();
        EXPECT_EQ(peer, here);
        held_socket other = new_socket();
        const std::error_code code =
            co_await code_of(connect(to_give(std::move(other)), at("127.0.0.1:81")));
        EXPECT_EQ(code, std::errc::connection_refused);
    });
}

TEST(simulated_connect, takes_a_socket_that_is_connected_already) {
    simulate_and_close_all([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_port);
        held_socket mine = new_socket();
        EXPECT_EQ(connect_to(mine.get(), listener.local_endpoint()), -1);
        tcp_stream client = tcp_stream::adopt(to_give(std::move(mine)));
        auto [server, peer] = co_await listener.accept();
        co_await write_and_shut_down(server, "hello");
        const std::string heard = co_await read_to_end(client);
        EXPECT_EQ(heard, "hello");
    });
}

// --- UDP ----------------------------------------------------------------------------------------

TEST(simulated_udp, sends_and_receives_with_endpoints) {
    simulate_and_close_all([]() -> task<> {
        udp_socket server = udp_socket::bind(at("0.0.0.0:7"));
        udp_socket client = udp_socket::unbound_v4();
        co_await client.send_to(bytes_of("echo"), at("127.0.0.1:7"));
        std::array<std::byte, 16> buffer{};
        const datagram got = co_await server.receive_from(buffer);
        EXPECT_EQ(text_of(got.bytes), "echo");
        EXPECT_EQ(got.peer, at("127.0.0.1:49152"));
        co_await server.send_to({}, got.peer);
        const datagram empty = co_await client.receive_from(buffer);
        EXPECT_EQ(empty.size(), 0U);
        EXPECT_EQ(empty.peer, at("127.0.0.1:7"));
        EXPECT_FALSE(client.has_input());
    });
}

TEST(simulated_udp, has_both_families) {
    simulate_and_close_all([]() -> task<> {
        udp_options options;
        options.v6_only = false;
        udp_socket server = udp_socket::bind(at("[::]:7"), options);
        udp_socket old = udp_socket::unbound_v4();
        udp_socket modern = udp_socket::unbound_v6();
        co_await old.send_to(bytes_of("old"), at("127.0.0.1:7"));
        co_await modern.send_to(bytes_of("modern"), at("[::1]:7"));
        std::array<std::byte, 16> buffer{};
        const datagram first = co_await server.receive_from(buffer);
        EXPECT_EQ(first.peer, at("[::ffff:127.0.0.1]:49152"));
        co_await server.send_to(bytes_of("back"), first.peer);
        const datagram second = co_await server.receive_from(buffer);
        EXPECT_EQ(second.peer, at("[::1]:49153"));
        const datagram back = co_await old.receive_from(buffer);
        EXPECT_EQ(text_of(back.bytes), "back");
        EXPECT_EQ(back.peer, at("127.0.0.1:7"));
    });
}

TEST(simulated_udp, hears_its_peer_only) {
    simulate_and_close_all([]() -> task<> {
        udp_socket server = udp_socket::bind(any_port);
        udp_socket client = udp_socket::connect(server.local_endpoint());
        udp_socket stranger = udp_socket::unbound_v4();
        EXPECT_EQ(client.peer_endpoint(), server.local_endpoint());
        co_await stranger.send_to(bytes_of("stranger"), client.local_endpoint());
        co_await server.send_to(bytes_of("server"), client.local_endpoint());
        std::array<std::byte, 16> buffer{};
        const datagram got = co_await client.receive(buffer);
        EXPECT_EQ(text_of(got.bytes), "server");
        EXPECT_EQ(error_of([&] { return server.peer_endpoint(); }), std::errc::not_connected);
    });
}

TEST(simulated_udp, tells_a_receiver_that_waits_that_nobody_is_there) {
    simulate_and_close_all([]() -> task<> {
        udp_socket client = udp_socket::connect(at("127.0.0.1:7"));
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                std::array<std::byte, 16> buffer{};
                const std::error_code code = co_await code_of(client.receive(buffer));
                EXPECT_EQ(code, std::errc::connection_refused);
            });
            co_await testing::wait_until_all_blocked();
            co_await client.send(bytes_of("anybody?"));
        });
    });
}

// Stricter than a kernel, which would lose what there is no room for.
TEST(simulated_udp, holds_a_sender_up_until_its_receiver_has_room) {
    simulate_and_close_all([]() -> task<> {
        udp_socket server = udp_socket::bind(any_port);
        udp_socket client = udp_socket::unbound_v4();
        int sent = 0;
        int received = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                for (; sent != 2000; ++sent) {
                    co_await client.send_to({}, server.local_endpoint());
                }
            });
            co_await testing::wait_until_all_blocked();
            EXPECT_EQ(sent, 416) << "208 KiB, of which each takes 512 bytes";
            std::array<std::byte, 1> buffer{};
            for (; received != 2000; ++received) {
                static_cast<void>(co_await server.receive_from(buffer));
            }
        });
        EXPECT_FALSE(server.has_input()) << "none was lost and none came twice";
    });
}

// Two who send through one socket wait for two receivers. One of them gives up.
TEST(simulated_udp, room_at_one_receiver_wakes_nobody_for_another_in_vain_for_ever) {
    simulate_and_close_all([]() -> task<> {
        udp_socket first = udp_socket::bind(any_port);
        udp_socket second = udp_socket::bind(any_port);
        udp_socket client = udp_socket::unbound_v4();
        const auto flood = [&client](endpoint to) -> task<> {
            while (true) co_await client.send_to({}, to);
        };
        std::array<std::byte, 1> buffer{};
        co_await with_task_group([&](task_group& group) -> task<> {
            auto gives_up = group.spawn(flood(first.local_endpoint()));
            co_await testing::wait_until_all_blocked();
            auto goes_on = group.spawn(flood(second.local_endpoint()));
            co_await testing::wait_until_all_blocked();
            gives_up.cancel();
            co_await testing::wait_until_all_blocked();
            static_cast<void>(co_await first.receive_from(buffer));
            co_await testing::wait_until_all_blocked();
            static_cast<void>(co_await second.receive_from(buffer));
            co_await testing::wait_until_all_blocked();
            goes_on.cancel();
        });
        int left = 0;
        for (udp_socket* socket : {&first, &second}) {
            for (; socket->has_input(); ++left) {
                static_cast<void>(co_await socket->receive_from(buffer));
            }
        }
        EXPECT_EQ(left, 416 - 1 + 416) << "the one who went on has filled the gap";
    });
}

TEST(simulated_udp, a_broadcast_is_refused) {
    simulate_and_close_all([]() -> task<> {
        udp_socket socket = udp_socket::unbound_v4();
        std::error_code code =
            co_await code_of(socket.send_to(bytes_of("all"), at("255.255.255.255:7")));
        EXPECT_EQ(code, std::errc::permission_denied);
        udp_options options;
        options.broadcast = true;
        udp_socket loud = udp_socket::unbound_v4(options);
        code = co_await code_of(loud.send_to(bytes_of("all"), at("255.255.255.255:7")));
        EXPECT_EQ(code, std::errc::network_unreachable) << "no device could carry it";
    });
}

TEST(simulated_udp, a_socket_that_is_closed_under_its_receivers_is_gone) {
    simulate_and_close_all([]() -> task<> {
        udp_socket socket = udp_socket::bind(at("127.0.0.1:7"));
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int each = 0; each != 2; ++each) {
                group.spawn([&]() -> task<> {
                    std::array<std::byte, 1> buffer{};
                    const std::error_code code = co_await code_of(socket.receive_from(buffer));
                    EXPECT_EQ(code, errc::closed);
                });
            }
            co_await testing::wait_until_all_blocked();
            socket.close();
            const udp_socket next = udp_socket::bind(at("127.0.0.1:7"));
            EXPECT_EQ(world().descriptor_count(), 1U);
        });
    });
}

TEST(simulated_udp, gives_the_errors_of_the_system) {
    simulate_and_close_all([]() -> task<> {
        const udp_socket taken = udp_socket::bind(at("127.0.0.1:7"));
        EXPECT_EQ(error_of([] { return udp_socket::bind(at("127.0.0.1:7")); }),
                  std::errc::address_in_use);
        EXPECT_EQ(error_of([] { return udp_socket::connect(at("192.0.2.1:7")); }),
                  std::errc::network_unreachable);
        udp_socket socket = udp_socket::unbound_v4();
        std::error_code code = co_await code_of(socket.send(bytes_of("x")));
        EXPECT_EQ(code, std::errc::destination_address_required);
        const std::string long_text(65'508, 'x');
        code = co_await code_of(socket.send_to(bytes_of(long_text), at("127.0.0.1:7")));
        EXPECT_EQ(code, std::errc::message_size);
    });
}

}  // namespace
}  // namespace simul
