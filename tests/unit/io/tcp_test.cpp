// SPDX-License-Identifier: Apache-2.0
//
// What tcp_stream and tcp_listener do beyond the rules of all streams, which are tested by the
// stream conformance suite.
#include "simul/io/tcp.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/backends/simulated.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;
using namespace std::chrono_literals;

static_assert(byte_stream<tcp_stream>);
static_assert(!std::is_copy_constructible_v<tcp_stream>);
static_assert(!std::is_copy_constructible_v<tcp_listener>);

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

tcp_listener any_listener() {
    return tcp_listener::bind(any_loopback_port());
}

int option_of(int socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
    return value;
}

// The descriptor that a socket made next will have.
int next_descriptor() {
    const int next = ::dup(0);
    ::close(next);
    return next;
}

// --- streams ------------------------------------------------------------------------------------

TEST(tcp_stream, knows_both_endpoints) {
    run_on_real_backends([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        EXPECT_EQ(client.local_endpoint(), server.peer_endpoint());
        EXPECT_EQ(client.peer_endpoint(), server.local_endpoint());
        EXPECT_TRUE(client.local_endpoint().address().is_loopback());
        EXPECT_NE(client.local_endpoint().port(), 0);
    });
}

TEST(tcp_stream, closes_its_descriptor_once) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        {
            auto [client, server] = co_await connected_tcp_streams();
            EXPECT_EQ(open_descriptors(), before + 2);
            client.close();
            EXPECT_EQ(open_descriptors(), before + 1);
            client.close();
        }
        EXPECT_EQ(open_descriptors(), before);
    });
}

TEST(tcp_stream, close_with_operations_in_flight_closes_when_the_system_lets_go) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        auto [client, server] = co_await connected_tcp_streams();
        const std::string sent = numbered_text(std::size_t{16} << 20);
        task_handle<std::error_code> reader =
            outermost_group().spawn(code_of(read_count(client, 1)));
        task_handle<std::error_code> writer =
            outermost_group().spawn(code_of(write_all(client, bytes_of(sent))));
        co_await some_turns();
        EXPECT_FALSE(reader.done());
        EXPECT_FALSE(writer.done());
        client.close();
        client = tcp_stream{};
        const std::error_code of_reader = co_await reader;
        EXPECT_EQ(of_reader, errc::closed);
        const std::error_code of_writer = co_await writer;
        EXPECT_EQ(of_writer, errc::closed);
        EXPECT_EQ(open_descriptors(), before + 1);
        EXPECT_EQ(loop::current().statistics().operations, 0U);
        server.close();
        EXPECT_EQ(open_descriptors(), before);
    });
}

// As after a fork: the system goes on to know the old connection by the same number.
TEST(tcp_stream, hears_nothing_of_one_that_had_its_number_and_lives_on_in_a_duplicate) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        const unique_fd first_client = co_await connect_socket(listener.local_endpoint());
        const int number = next_descriptor();
        accepted first = co_await listener.accept();
        const unique_fd duplicate{::fcntl(number, F_DUPFD_CLOEXEC, number + 50)};
        task_handle<std::string> reader = outermost_group().spawn(read_count(first.stream, 1));
        co_await some_turns();
        EXPECT_EQ(::send(first_client.get(), "1", 1, 0), 1);
        const std::string one = co_await reader;
        EXPECT_EQ(one, "1");

        const unique_fd second_client = co_await connect_socket(listener.local_endpoint());
        first.stream.close();
        EXPECT_EQ(next_descriptor(), number);
        accepted second = co_await listener.accept();
        task_handle<std::string> other = outermost_group().spawn(read_count(second.stream, 1));
        co_await some_turns();
        EXPECT_EQ(::send(first_client.get(), "2", 1, 0), 1);
        co_await wait_readable(duplicate.get());
        co_await some_turns();
        EXPECT_FALSE(other.done());
        EXPECT_EQ(::send(second_client.get(), "3", 1, 0), 1);
        const std::string three = co_await other;
        EXPECT_EQ(three, "3");
    });
}

TEST(tcp_stream, close_and_cancel_at_once_end_a_read_by_cancellation) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        auto [client, server] = co_await connected_tcp_streams();
        task_handle<std::error_code> reader =
            outermost_group().spawn(code_of(read_count(client, 1)));
        co_await some_turns();
        client.close();
        reader.cancel();
        co_await until_ended(reader);
        server.close();
        EXPECT_EQ(open_descriptors(), before);
    });
}

TEST(tcp_stream, the_number_of_a_closed_stream_may_belong_to_another_at_once) {
    run_on_real_backends([]() -> task<> {
        for (int i = 0; i < 20; ++i) {
            auto [client, server] = co_await connected_tcp_streams();
            co_await write_and_shut_down(client, "again");
            const std::string read = co_await read_to_end(server);
            EXPECT_EQ(read, "again");
        }
    });
}

TEST(tcp_stream, a_reset_is_an_error_of_the_read) {
    run_on_real_backends([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        co_await write_all(client, bytes_of("never read"));
        co_await until_input(server);
        server.close();  // with unread bytes: the system sends a reset
        co_await until_input(client);
        const auto code = co_await code_of(read_count(client, 1));
        EXPECT_EQ(code, std::errc::connection_reset) << "has_input() has not taken it away";
        const auto later = co_await code_of(client.shutdown());
        EXPECT_FALSE(later) << "nobody is left to be told";
    });
}

TEST(tcp_stream, sends_small_writes_at_once_unless_told_otherwise) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        unique_fd client = co_await connect_socket(listener.local_endpoint());
        const int number = client.get();
        const int accepted_number = next_descriptor();
        auto [server, peer] = co_await listener.accept();
        EXPECT_NE(option_of(accepted_number, IPPROTO_TCP, TCP_NODELAY), 0);
        EXPECT_EQ(option_of(number, IPPROTO_TCP, TCP_NODELAY), 0);
        tcp_stream stream = tcp_stream::adopt(std::move(client));
        EXPECT_NE(option_of(number, IPPROTO_TCP, TCP_NODELAY), 0);
        stream.set_no_delay(false);
        EXPECT_EQ(option_of(number, IPPROTO_TCP, TCP_NODELAY), 0);
        stream.set_no_delay(true);
        EXPECT_NE(option_of(number, IPPROTO_TCP, TCP_NODELAY), 0);
    });
}

TEST(tcp_stream, keeps_alive_when_asked_to) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        unique_fd client = co_await connect_socket(listener.local_endpoint());
        const int number = client.get();
        tcp_stream stream = tcp_stream::adopt(std::move(client));
        EXPECT_EQ(option_of(number, SOL_SOCKET, SO_KEEPALIVE), 0);
        keep_alive_options options;
        options.idle = 7s;
        options.interval = 3s;
        options.probes = 2;
        stream.set_keep_alive(options);
        EXPECT_NE(option_of(number, SOL_SOCKET, SO_KEEPALIVE), 0);
        EXPECT_EQ(option_of(number, IPPROTO_TCP, TCP_KEEPIDLE), 7);
        EXPECT_EQ(option_of(number, IPPROTO_TCP, TCP_KEEPINTVL), 3);
        EXPECT_EQ(option_of(number, IPPROTO_TCP, TCP_KEEPCNT), 2);
        options.enabled = false;
        stream.set_keep_alive(options);
        EXPECT_EQ(option_of(number, SOL_SOCKET, SO_KEEPALIVE), 0);
        options.enabled = true;
        options.idle = 0s;
        EXPECT_THROW(stream.set_keep_alive(options), std::system_error);
    });
}

TEST(tcp_stream, one_that_was_moved_from_is_closed) {
    run_on_real_backends([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        const tcp_stream taken{std::move(client)};
        const auto read = co_await code_of(read_count(client, 1));
        EXPECT_EQ(read, errc::closed);
        const auto write = co_await code_of(client.write_some(bytes_of("x")));
        EXPECT_EQ(write, errc::closed);
        const auto end = co_await code_of(client.shutdown());
        EXPECT_EQ(end, errc::closed);
        EXPECT_TRUE(client.has_input());
        EXPECT_THROW(static_cast<void>(client.local_endpoint()), closed);
        EXPECT_THROW(static_cast<void>(client.peer_endpoint()), closed);
        EXPECT_THROW(client.set_no_delay(true), closed);
        EXPECT_THROW(client.set_keep_alive(), closed);
        client.close();
    });
}

TEST(tcp_stream, takes_over_any_connected_stream_socket) {
    run_on_real_backends([]() -> task<> {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        tcp_stream left = tcp_stream::adopt(unique_fd{ends[0]});
        tcp_stream right = tcp_stream::adopt(unique_fd{ends[1]});
        co_await write_and_shut_down(left, "local");
        const std::string read = co_await read_to_end(right);
        EXPECT_EQ(read, "local");
        const auto code = [&]() -> std::error_code {
            try {
                static_cast<void>(left.local_endpoint());
            } catch (const std::system_error& error) {
                return error.code();
            }
            return {};
        }();
        EXPECT_EQ(code, std::errc::address_family_not_supported);
    });
}

TEST(tcp_stream, allocates_no_frame_for_reads_and_writes) {
    run_on_real_backends([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        const auto before = read_frame_statistics().allocated;
        std::array<std::byte, 8> buffer{};
        for (int i = 0; i < 20; ++i) {
            co_await client.write_some(bytes_of("abcdefgh"));
            co_await server.read_some(buffer);
        }
        EXPECT_EQ(read_frame_statistics().allocated, before);
    });
}

TEST(tcp_stream, outlives_its_loop) {
    for (const backend_kind kind : real_backends()) {
        const std::size_t before = open_descriptors();
        {
            const auto ends = run(connected_tcp_streams(), options_for(kind));
            EXPECT_EQ(open_descriptors(), before + 2);
        }
        EXPECT_EQ(open_descriptors(), before);
    }
}

TEST(tcp_stream, is_not_destroyed_while_a_task_waits_on_it) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto destroy_under_a_reader = [] {
        simulate([]() -> task<> {
            auto& world = static_cast<detail::simulated_backend&>(loop::current().io());
            const auto [left, right] = world.open_pair();
            auto doomed = std::make_unique<tcp_stream>(tcp_stream::adopt(unique_fd{left}));
            std::array<std::byte, 8> buffer{};
            outermost_group().spawn([&]() -> task<> { co_await doomed->read_some(buffer); });
            co_await some_turns();
            doomed.reset();
        });
    };
    EXPECT_DEATH(destroy_under_a_reader(), "while a task was waiting on it");
}

// --- listeners ----------------------------------------------------------------------------------

TEST(tcp_listener, gives_the_connection_and_where_it_comes_from) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        EXPECT_NE(listener.local_endpoint().port(), 0);
        unique_fd client = co_await connect_socket(listener.local_endpoint());
        const int accepted_number = next_descriptor();
        auto [stream, peer] = co_await listener.accept();
        EXPECT_EQ(peer, stream.peer_endpoint());
        EXPECT_EQ(peer, detail::local_endpoint_of(client.get()));
        EXPECT_NE(::fcntl(accepted_number, F_GETFL) & O_NONBLOCK, 0);
        EXPECT_NE(::fcntl(accepted_number, F_GETFD) & FD_CLOEXEC, 0);
    });
}

TEST(tcp_listener, listens_on_ipv6_alone_unless_told_otherwise) {
    run_on_real_backends([]() -> task<> {
        std::optional<tcp_listener> listener;
        try {
            listener = tcp_listener::bind(endpoint{ip_address::loopback_v6(), 0});
        } catch (const std::system_error&) {
            std::puts("note: there is no IPv6 here");
            co_return;
        }
        unique_fd client = co_await connect_socket(listener->local_endpoint());
        auto [stream, peer] = co_await listener->accept();
        EXPECT_EQ(peer.address(), ip_address::loopback_v6());
        for (const bool v6_only : {false, true}) {
            listen_options options;
            options.v6_only = v6_only;
            tcp_listener both = tcp_listener::bind(endpoint{ip_address::any_v6(), 0}, options);
            const endpoint over_v4{ip_address::loopback_v4(), both.local_endpoint().port()};
            const auto code = co_await code_of(connect_socket(over_v4));
            EXPECT_EQ(code == std::errc::connection_refused, v6_only) << code;
        }
    });
}

TEST(tcp_listener, waits_for_a_connection) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        task_handle<accepted> waiting = outermost_group().spawn(
            [&]() -> task<accepted> { co_return co_await listener.accept(); });
        co_await some_turns();
        EXPECT_FALSE(waiting.done());
        unique_fd client = co_await connect_socket(listener.local_endpoint());
        const accepted got = co_await waiting;
        EXPECT_EQ(got.peer, detail::local_endpoint_of(client.get()));
    });
}

TEST(tcp_listener, many_connections_are_accepted_in_their_order) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        std::vector<unique_fd> clients;
        for (int i = 0; i < 50; ++i) {
            unique_fd client = co_await connect_socket(listener.local_endpoint());
            clients.push_back(std::move(client));
        }
        for (const unique_fd& client : clients) {
            auto [stream, peer] = co_await listener.accept();
            EXPECT_EQ(peer, detail::local_endpoint_of(client.get()));
        }
    });
}

TEST(tcp_listener, a_second_accept_is_refused) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        task_handle<std::error_code> waiting = outermost_group().spawn(code_of(listener.accept()));
        co_await some_turns();
        const auto second = co_await code_of(listener.accept());
        EXPECT_EQ(second, errc::busy);
        unique_fd client = co_await connect_socket(listener.local_endpoint());
        const std::error_code first = co_await waiting;
        EXPECT_FALSE(first);
    });
}

TEST(tcp_listener, close_ends_the_wait_and_later_calls) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        tcp_listener listener = any_listener();
        const endpoint where = listener.local_endpoint();
        task_handle<std::error_code> waiting = outermost_group().spawn(code_of(listener.accept()));
        co_await some_turns();
        listener.close();
        listener.close();
        const std::error_code code = co_await waiting;
        EXPECT_EQ(code, errc::closed);
        const auto later = co_await code_of(listener.accept());
        EXPECT_EQ(later, errc::closed);
        EXPECT_THROW(static_cast<void>(listener.local_endpoint()), closed);
        EXPECT_EQ(open_descriptors(), before);
        const auto refused = co_await code_of(connect_socket(where));
        EXPECT_EQ(refused, std::errc::connection_refused);
        tcp_listener nothing;
        const auto never = co_await code_of(nothing.accept());
        EXPECT_EQ(never, errc::closed);
    });
}

// The connection comes together with the request, at every turn around it. It is accepted once,
// by this call or by the next.
TEST(tcp_listener, a_cancelled_accept_loses_no_connection) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        for (int turns = 0; turns < 10; ++turns) {
            std::optional<accepted> got;
            task_handle<> waiting = outermost_group().spawn(
                [&]() -> task<> { got.emplace(co_await listener.accept()); });
            co_await some_turns();
            unique_fd client = co_await connect_socket(listener.local_endpoint());
            co_await some_turns(turns);
            waiting.cancel();
            co_await until_ended(waiting);
            const bool at_once = got.has_value();
            if (!at_once) got.emplace(co_await listener.accept());
            EXPECT_EQ(got->peer, detail::local_endpoint_of(client.get())) << turns;
            EXPECT_EQ(at_once, !waiting.was_cancelled()) << turns;
        }
    });
}

// Leaves a connection in the listener: its accept is cancelled between completion and turn. The
// task that cancels yields, so it is in the ready list before what the backend completes.
task<> cancel_accept_too_late(tcp_listener& listener) {
    task_handle<> waiting = outermost_group().spawn([&]() -> task<> {
        co_await listener.accept();
        ADD_FAILURE() << "the connection was to be given back";
    });
    co_await some_turns();
    EXPECT_EQ(loop::current().statistics().operations, 1U);
    const detail::socket_address address{listener.local_endpoint()};
    const unique_fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(::connect(client.get(), address.data(), address.size()), 0);
    for (int i = 0; i < 100'000; ++i) {
        if (loop::current().statistics().operations == 0) break;
        co_await yield_now();
    }
    EXPECT_FALSE(waiting.done());
    waiting.cancel();
    co_await until_ended(waiting);
    EXPECT_TRUE(waiting.was_cancelled());
}

TEST(tcp_listener, keeps_a_connection_that_was_accepted_too_late) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        for (int again = 0; again < 3; ++again) {
            co_await cancel_accept_too_late(listener);
            const auto turns = loop::current().statistics().turns;
            auto [stream, peer] = co_await listener.accept();
            EXPECT_EQ(loop::current().statistics().turns, turns) << "it was kept, and is given";
            EXPECT_TRUE(peer.address().is_loopback());
            EXPECT_NE(peer.port(), 0);
            const std::string end = co_await read_to_end(stream);
            EXPECT_EQ(end, "");
        }
    });
}

TEST(tcp_listener, closes_the_connection_it_has_kept) {
    run_on_real_backends([]() -> task<> {
        const std::size_t before = open_descriptors();
        {
            tcp_listener listener = any_listener();
            co_await cancel_accept_too_late(listener);
            EXPECT_EQ(open_descriptors(), before + 2);
            listener.close();
            EXPECT_EQ(open_descriptors(), before);
        }
        {
            tcp_listener listener = any_listener();
            co_await cancel_accept_too_late(listener);
        }
        EXPECT_EQ(open_descriptors(), before);
    });
}

TEST(tcp_listener, skips_connections_whose_peer_is_gone) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        for (int i = 0; i < 3; ++i) {
            unique_fd gone = co_await connect_socket(listener.local_endpoint());
            const linger at_once{1, 0};
            ::setsockopt(gone.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        unique_fd client = co_await connect_socket(listener.local_endpoint());
        const endpoint wanted = detail::local_endpoint_of(client.get());
        // Linux gives reset connections as well; what counts is that no accept throws.
        for (int i = 0; i < 4; ++i) {
            auto [stream, peer] = co_await listener.accept();
            if (peer == wanted) co_return;
        }
        ADD_FAILURE() << "the living connection was not accepted";
    });
}

TEST(tcp_listener, stays_usable_when_descriptors_run_out) {
    run_on_real_backends([]() -> task<> {
        tcp_listener listener = any_listener();
        unique_fd client = co_await connect_socket(listener.local_endpoint());
        rlimit old{};
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
        const rlimit none{static_cast<rlim_t>(next_descriptor()), old.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
        const auto code = co_await code_of(listener.accept());
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
        EXPECT_EQ(code, std::errc::too_many_files_open);
        auto [stream, peer] = co_await listener.accept();
        EXPECT_EQ(peer, detail::local_endpoint_of(client.get()));
    });
}

TEST(tcp_listener, says_which_endpoint_cannot_be_bound) {
    run_on_real_backends([]() -> task<> {
        const tcp_listener listener = any_listener();
        const endpoint taken = listener.local_endpoint();
        try {
            const tcp_listener second = tcp_listener::bind(taken);
            ADD_FAILURE() << "two listeners on one port";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::address_in_use);
            EXPECT_NE(std::string{error.what()}.find(taken.to_string()), std::string::npos);
        }
        co_return;
    });
}

TEST(tcp_listener, shares_a_port_when_both_ask_for_it) {
    run_on_real_backends([]() -> task<> {
        listen_options options;
        options.reuse_port = true;
        const tcp_listener first = tcp_listener::bind(any_loopback_port(), options);
        const tcp_listener second = tcp_listener::bind(first.local_endpoint(), options);
        EXPECT_EQ(first.local_endpoint(), second.local_endpoint());
        co_return;
    });
}

TEST(tcp_listener, takes_a_port_again_at_once) {
    run_on_real_backends([]() -> task<> {
        tcp_listener first = any_listener();
        const endpoint where = first.local_endpoint();
        unique_fd client = co_await connect_socket(where);
        auto [stream, peer] = co_await first.accept();
        first.close();
        stream.close();  // ours first, so that the port lingers
        const tcp_listener second = tcp_listener::bind(where);
        EXPECT_EQ(second.local_endpoint(), where);
    });
}

}  // namespace
}  // namespace simul
