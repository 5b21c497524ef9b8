// SPDX-License-Identifier: Apache-2.0
//
// The network of the simulated world, asked as a kernel is asked.
#include "runtime/backends/simulated_network.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/backends/simulated.hpp"
#include "support/counted_operation.hpp"

namespace simul::detail {
namespace {

using counted = test::counted_operation;

// A sockaddr of either family.
struct name {
    sockaddr_storage bytes{};
    socklen_t size = sizeof(sockaddr_storage);

    friend bool operator==(const name& left, const name& right) {
        return left.size == right.size && std::memcmp(&left.bytes, &right.bytes, left.size) == 0;
    }
    [[nodiscard]] std::uint16_t port() const {
        sockaddr_in read{};
        std::memcpy(&read, &bytes, sizeof read);
        return ntohs(read.sin_port);
    }
};

name v4(std::uint32_t host, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_addr.s_addr = htonl(host);
    made.sin_port = htons(port);
    name result;
    std::memcpy(&result.bytes, &made, sizeof made);
    result.size = sizeof made;
    return result;
}

name v6(const in6_addr& host, std::uint16_t port) {
    sockaddr_in6 made{};
    made.sin6_family = AF_INET6;
    made.sin6_addr = host;
    made.sin6_port = htons(port);
    name result;
    std::memcpy(&result.bytes, &made, sizeof made);
    result.size = sizeof made;
    return result;
}

// ::ffff:a.b.c.d
name mapped(std::uint32_t host, std::uint16_t port) {
    in6_addr made{};
    const std::uint32_t bytes = htonl(host);
    made.s6_addr[10] = made.s6_addr[11] = 0xff;
    std::memcpy(&made.s6_addr[12], &bytes, sizeof bytes);
    return v6(made, port);
}

constexpr std::uint32_t here = INADDR_LOOPBACK;
constexpr std::uint32_t far_away = 0x0a010203;  // 10.1.2.3
constexpr std::uint16_t chosen = 8080;

class simulated_sockets : public testing::Test {
protected:
    int stream(int family = AF_INET) { return world.make_socket(family, SOCK_STREAM); }
    int datagrams(int family = AF_INET) { return world.make_socket(family, SOCK_DGRAM); }

    int bind(int socket, const name& where) { return world.bind(socket, &where.bytes, where.size); }
    int connect(int socket, const name& where) {
        return world.connect(socket, &where.bytes, where.size);
    }
    int reuse(int socket, int option) { return world.set_option(socket, SOL_SOCKET, option, 1); }

    int bound(int socket, const name& where) {
        EXPECT_EQ(bind(socket, where), 0);
        return socket;
    }
    int listener(const name& where, int backlog = 16) {
        const int made = world.make_socket(where.bytes.ss_family, SOCK_STREAM);
        EXPECT_EQ(bind(made, where), 0);
        EXPECT_EQ(world.listen(made, backlog), 0);
        return made;
    }
    name local(int socket) {
        name result;
        EXPECT_EQ(world.local_name(socket, &result.bytes, result.size), 0);
        return result;
    }
    name peer(int socket) {
        name result;
        EXPECT_EQ(world.peer_name(socket, &result.bytes, result.size), 0);
        return result;
    }
    // Accepts at once; the peer's address as the operation gives it.
    int accept(int socket, name& from) {
        counted request{opcode::accept, socket, &from.bytes, sizeof from.bytes};
        request.flags = sizeof from.bytes;
        EXPECT_TRUE(world.submit(request));
        from.size = request.flags;
        return request.result;
    }
    int send(int socket, std::string_view text) { return send_message(socket, text, nullptr); }
    int send_to(int socket, std::string_view text, name where) {
        return send_message(socket, text, &where);
    }
    // The text, or the error.
    std::string receive(int socket, name* from = nullptr, std::size_t room = 64, int flags = 0) {
        std::string text(room, '\0');
        iovec part{text.data(), text.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (from != nullptr) {
            message.msg_name = &from->bytes;
            message.msg_namelen = sizeof from->bytes;
        }
        const int count = world.receive(socket, message, flags);
        if (from != nullptr) from->size = message.msg_namelen;
        last_flags = message.msg_flags;
        last_count = count;
        if (count < 0) return std::strerror(-count);
        text.resize(std::min<std::size_t>(room, static_cast<std::size_t>(count)));
        return text;
    }
    // The events that hold, or 0.
    int ready(int socket, short events) {
        counted request{opcode::poll, socket, nullptr, 0};
        request.flags = static_cast<std::uint32_t>(events);
        if (world.submit(request)) return request.result;
        EXPECT_TRUE(world.cancel(request));
        return 0;
    }

    simulated_backend world;
    int last_flags = 0;
    int last_count = 0;

private:
    int send_message(int socket, std::string_view text, name* where) {
        iovec part{const_cast<char*>(text.data()), text.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (where != nullptr) {
            message.msg_name = &where->bytes;
            message.msg_namelen = where->size;
        }
        return world.send(socket, message);
    }
};

// --- sockets and their names --------------------------------------------------------------------

TEST_F(simulated_sockets, are_of_the_internet_or_are_not_made) {
    EXPECT_EQ(stream(), simulated_network::first_descriptor);
    EXPECT_EQ(datagrams(AF_INET6), simulated_network::first_descriptor + 1);
    EXPECT_EQ(world.make_socket(AF_UNIX, SOCK_STREAM), -EAFNOSUPPORT);
    EXPECT_EQ(world.make_socket(AF_INET, SOCK_RAW), -EPROTONOSUPPORT);
    EXPECT_EQ(world.descriptor_count(), 2U);
    world.close(simulated_network::first_descriptor);
    EXPECT_EQ(world.descriptor_count(), 1U);
    EXPECT_EQ(bind(simulated_network::first_descriptor, v4(here, 0)), -EBADF);
}

TEST_F(simulated_sockets, ports_that_nobody_chose_count_up) {
    EXPECT_EQ(local(bound(stream(), v4(here, 0))), v4(here, 49'152));
    const int socket = bound(datagrams(), v4(here, 0));
    EXPECT_EQ(local(socket), v4(here, 49'153));
    world.close(socket);
    EXPECT_EQ(local(bound(datagrams(), v4(here, 0))), v4(here, 49'154)) << "not at once again";
    EXPECT_EQ(local(stream()), v4(INADDR_ANY, 0)) << "nothing yet";
}

TEST_F(simulated_sockets, give_all_ports_and_no_more) {
    for (int each = 0; each != 16'384; ++each) bound(stream(), v4(here, 0));
    EXPECT_EQ(bind(stream(), v4(here, 0)), -EADDRINUSE);
    const int listening = listener(v4(here, chosen));
    EXPECT_EQ(connect(stream(), local(listening)), -EADDRNOTAVAIL);
    EXPECT_EQ(bind(datagrams(), v4(here, 0)), 0) << "they have ports of their own";
}

TEST_F(simulated_sockets, are_at_addresses_of_the_loopback_device_only) {
    EXPECT_EQ(bind(stream(), v4(far_away, chosen)), -EADDRNOTAVAIL);
    EXPECT_EQ(bind(stream(), v4(0x7f010203, chosen)), 0) << "all of 127.0.0.0/8";
    EXPECT_EQ(bind(stream(AF_INET6), v6(in6addr_loopback, chosen)), 0);
    in6_addr documentation{};
    documentation.s6_addr[0] = 0x20;
    EXPECT_EQ(bind(stream(AF_INET6), v6(documentation, chosen)), -EADDRNOTAVAIL);
}

TEST_F(simulated_sockets, are_bound_once) {
    const int socket = bound(stream(), v4(here, 0));
    EXPECT_EQ(bind(socket, v4(here, 0)), -EINVAL);
}

TEST_F(simulated_sockets, want_names_of_their_family) {
    EXPECT_EQ(bind(stream(), v6(in6addr_loopback, 0)), -EAFNOSUPPORT);
    EXPECT_EQ(bind(stream(AF_INET6), v4(here, 0)), -EINVAL);
    name cut = v4(here, 0);
    cut.size = 7;
    EXPECT_EQ(bind(stream(), cut), -EINVAL);
}

TEST_F(simulated_sockets, have_a_port_to_themselves) {
    bound(stream(), v4(here, chosen));
    EXPECT_EQ(bind(stream(), v4(here, chosen)), -EADDRINUSE);
    EXPECT_EQ(bind(stream(), v4(INADDR_ANY, chosen)), -EADDRINUSE);
    EXPECT_EQ(bind(stream(), v4(here + 1, chosen)), 0) << "another address";
    EXPECT_EQ(bind(datagrams(), v4(here, chosen)), 0) << "another protocol";
    const int dual = stream(AF_INET6);
    EXPECT_EQ(bind(dual, v6(in6addr_any, chosen)), -EADDRINUSE) << "it takes IPv4 as well";
    EXPECT_EQ(world.set_option(dual, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
    EXPECT_EQ(bind(dual, v6(in6addr_any, chosen)), 0);
    EXPECT_EQ(world.set_option(dual, IPPROTO_IPV6, IPV6_V6ONLY, 0), -EINVAL) << "too late";
}

TEST_F(simulated_sockets, share_a_port_when_all_have_agreed) {
    for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) {
        const auto port = static_cast<std::uint16_t>(chosen + option);
        const int first = stream();
        const int second = stream();
        EXPECT_EQ(reuse(first, option), 0);
        EXPECT_EQ(bind(first, v4(here, port)), 0);
        EXPECT_EQ(bind(second, v4(here, port)), -EADDRINUSE);
        EXPECT_EQ(reuse(second, option), 0);
        EXPECT_EQ(bind(second, v4(here, port)), 0);
        EXPECT_EQ(world.listen(first, 1), 0);
        EXPECT_EQ(world.listen(second, 1), option == SO_REUSEADDR ? -EADDRINUSE : 0);
    }
}

TEST_F(simulated_sockets, connections_linger_on_a_port_for_who_does_not_reuse_it) {
    const int listening = listener(v4(here, chosen));
    EXPECT_EQ(connect(stream(), v4(here, chosen)), -EINPROGRESS);
    name from;
    const int accepted = accept(listening, from);
    world.close(listening);
    EXPECT_EQ(bind(stream(), v4(here, chosen)), -EADDRINUSE);
    world.close(accepted);
    EXPECT_EQ(bind(stream(), v4(here, chosen)), 0);
}

// --- connections --------------------------------------------------------------------------------

TEST_F(simulated_sockets, connections_have_names_at_both_ends) {
    const int listening = listener(v4(INADDR_ANY, chosen));
    const int client = stream();
    EXPECT_EQ(connect(client, v4(here + 4, chosen)), -EINPROGRESS);
    name from;
    const int server = accept(listening, from);
    EXPECT_EQ(from, v4(here, 49'152));
    EXPECT_EQ(local(client), from);
    EXPECT_EQ(peer(client), v4(here + 4, chosen));
    EXPECT_EQ(local(server), v4(here + 4, chosen));
    EXPECT_EQ(peer(server), from);
    world.reset(client);
    name unused;
    EXPECT_EQ(world.peer_name(server, &unused.bytes, unused.size), -ENOTCONN);
}

TEST_F(simulated_sockets, wildcards_are_the_loopback_device) {
    listener(v4(here, chosen));
    EXPECT_EQ(connect(stream(), v4(INADDR_ANY, chosen)), -EINPROGRESS);
    listener(v6(in6addr_loopback, chosen));
    const int client = stream(AF_INET6);
    EXPECT_EQ(connect(client, v6(in6addr_any, chosen)), -EINPROGRESS);
    EXPECT_EQ(peer(client), v6(in6addr_loopback, chosen));
}

TEST_F(simulated_sockets, those_of_ipv6_see_ipv4_mapped) {
    const int listening = listener(v6(in6addr_any, chosen));
    EXPECT_EQ(connect(stream(), v4(here, chosen)), -EINPROGRESS);
    name from;
    const int server = accept(listening, from);
    EXPECT_EQ(from, mapped(here, 49'152));
    EXPECT_EQ(local(server), mapped(here, chosen));
    const int client = stream(AF_INET6);
    EXPECT_EQ(connect(client, mapped(here, chosen)), -EINPROGRESS);
    EXPECT_EQ(peer(client), mapped(here, chosen));
}

TEST_F(simulated_sockets, the_closest_listener_takes_a_connection) {
    const int everywhere = stream();
    const int exactly = stream();
    for (const int each : {everywhere, exactly}) EXPECT_EQ(reuse(each, SO_REUSEPORT), 0);
    bound(everywhere, v4(INADDR_ANY, chosen));
    bound(exactly, v4(here, chosen));
    for (const int each : {everywhere, exactly}) EXPECT_EQ(world.listen(each, 4), 0);
    EXPECT_EQ(connect(stream(), v4(here, chosen)), -EINPROGRESS);
    EXPECT_EQ(connect(stream(), v4(here + 1, chosen)), -EINPROGRESS);
    name from;
    EXPECT_GE(accept(exactly, from), 0);
    EXPECT_GE(accept(everywhere, from), 0);
    EXPECT_EQ(ready(exactly, POLLIN) + ready(everywhere, POLLIN), 0);
}

TEST_F(simulated_sockets, listeners_that_share_a_port_share_the_connections) {
    std::array<int, 2> sharing{stream(), stream()};
    for (const int each : sharing) {
        EXPECT_EQ(reuse(each, SO_REUSEPORT), 0);
        bound(each, v4(here, chosen));
        EXPECT_EQ(world.listen(each, 16), 0);
    }
    for (int each = 0; each != 8; ++each) connect(stream(), v4(here, chosen));
    for (const int each : sharing) {
        name from;
        for (int taken = 0; taken != 4; ++taken) EXPECT_GE(accept(each, from), 0);
    }
}

TEST_F(simulated_sockets, a_connect_without_an_operation_tells_by_readiness) {
    const int client = stream();
    EXPECT_EQ(connect(client, v4(here, chosen)), -EINPROGRESS);
    EXPECT_EQ(ready(client, POLLOUT), POLLOUT | POLLERR | POLLHUP);
    EXPECT_EQ(world.take_error(client), ECONNREFUSED);
    EXPECT_EQ(world.take_error(client), 0) << "told once";
    listener(v4(here, chosen));
    EXPECT_EQ(connect(client, v4(here, chosen)), -EINPROGRESS) << "the socket can be used again";
    EXPECT_EQ(ready(client, POLLOUT), POLLOUT);
    EXPECT_EQ(world.take_error(client), 0);
    EXPECT_EQ(connect(client, v4(here, chosen)), -EISCONN);
}

TEST_F(simulated_sockets, a_connect_without_an_operation_goes_on_by_itself) {
    const int listening = listener(v4(here, chosen), 1);
    EXPECT_EQ(connect(stream(), v4(here, chosen)), -EINPROGRESS);
    const int second = stream();
    const int third = stream();
    for (const int each : {second, third}) {
        EXPECT_EQ(connect(each, v4(here, chosen)), -EINPROGRESS);
        EXPECT_EQ(connect(each, v4(here, chosen)), -EALREADY);
        EXPECT_EQ(ready(each, POLLOUT), 0);
        EXPECT_EQ(send(each, "x"), -EAGAIN);
        name unused;
        EXPECT_EQ(world.peer_name(each, &unused.bytes, unused.size), -ENOTCONN);
    }
    name from;
    EXPECT_GE(accept(listening, from), 0);
    world.poll(time_point::min());
    EXPECT_EQ(ready(second, POLLOUT), POLLOUT);
    EXPECT_EQ(ready(third, POLLOUT), 0);
    EXPECT_EQ(peer(second), v4(here, chosen));
    world.close(listening);
    world.poll(time_point::min());
    EXPECT_EQ(ready(third, POLLOUT), POLLOUT | POLLERR | POLLHUP);
    EXPECT_EQ(send(third, "x"), -ECONNREFUSED);
    EXPECT_EQ(receive(second), std::strerror(ECONNRESET));
}

TEST_F(simulated_sockets, connect_reaches_nobody_outside) {
    EXPECT_EQ(connect(stream(), v4(far_away, chosen)), -ENETUNREACH);
    EXPECT_EQ(connect(stream(), v6(in6addr_loopback, chosen)), -EAFNOSUPPORT);
    EXPECT_EQ(connect(stream(AF_INET6), v4(here, chosen)), -EINVAL);
    listener(v4(here, chosen));
    EXPECT_EQ(connect(listener(v4(here, 0)), v4(here, chosen)), -EISCONN);
}

TEST_F(simulated_sockets, a_stream_that_is_closed_unread_is_reset) {
    const int listening = listener(v4(here, chosen));
    const int client = stream();
    connect(client, v4(here, chosen));
    name from;
    const int server = accept(listening, from);
    EXPECT_EQ(send(server, "answer"), 6);
    EXPECT_EQ(send(client, "unread"), 6);
    world.close(server);
    EXPECT_EQ(receive(client), "answer") << "what has come is there";
    EXPECT_EQ(receive(client), std::strerror(ECONNRESET));
    EXPECT_EQ(receive(client), "") << "told once";
    EXPECT_EQ(send(client, "x"), -EPIPE);
}

TEST_F(simulated_sockets, streams_take_messages_in_parts) {
    const auto [left, right] = world.open_pair(8);
    char first[] = "abc";
    char second[] = "defghi";
    std::array<iovec, 2> parts{iovec{first, 3}, iovec{second, 6}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    EXPECT_EQ(world.send(left, message), 8) << "what there is room for";
    EXPECT_EQ(receive(right, nullptr, 2, MSG_PEEK), "ab");
    message.msg_iov[0].iov_len = 1;
    EXPECT_EQ(world.receive(right, message, 0), 7);
    EXPECT_EQ(first[0], 'a');
    EXPECT_EQ(std::string(second, 6), "bcdefg");
    EXPECT_EQ(receive(right), "h");
}

// --- datagrams ----------------------------------------------------------------------------------

TEST_F(simulated_sockets, datagrams_arrive_whole_with_their_sender) {
    const int receiver = bound(datagrams(), v4(here, chosen));
    const int sender = datagrams();
    EXPECT_EQ(send_to(sender, "one", v4(here, chosen)), 3);
    EXPECT_EQ(send_to(sender, "", v4(here, chosen)), 0);
    EXPECT_EQ(local(sender), v4(INADDR_ANY, 49'152)) << "it got a port with the first one";
    name from;
    EXPECT_EQ(receive(receiver, &from), "one");
    EXPECT_EQ(from, v4(here, 49'152));
    EXPECT_EQ(receive(receiver), "");
    EXPECT_EQ(last_count, 0);
    EXPECT_EQ(receive(receiver), std::strerror(EAGAIN));
}

TEST_F(simulated_sockets, datagrams_are_cut_to_the_buffer) {
    const int receiver = bound(datagrams(), v4(here, chosen));
    const int sender = datagrams();
    for (int each = 0; each != 3; ++each) send_to(sender, "longer", v4(here, chosen));
    EXPECT_EQ(receive(receiver, nullptr, 4, MSG_PEEK), "long");
    EXPECT_EQ(receive(receiver, nullptr, 4), "long");
    EXPECT_EQ(last_count, 4);
    EXPECT_EQ(last_flags, MSG_TRUNC);
    EXPECT_EQ(receive(receiver, nullptr, 4, MSG_TRUNC), "long");
    EXPECT_EQ(last_count, 6);
    EXPECT_EQ(receive(receiver, nullptr, 6), "longer");
    EXPECT_EQ(last_flags, 0);
}

TEST_F(simulated_sockets, datagrams_have_a_longest_size) {
    const int receiver = bound(datagrams(), v4(here, chosen));
    const int sender = datagrams();
    EXPECT_EQ(send_to(sender, std::string(65'507, 'x'), v4(here, chosen)), 65'507);
    EXPECT_EQ(send_to(sender, std::string(65'508, 'x'), v4(here, chosen)), -EMSGSIZE);
    EXPECT_EQ(receive(receiver, nullptr, 70'000).size(), 65'507U);
}

TEST_F(simulated_sockets, datagrams_go_nowhere_else) {
    const int sender = datagrams();
    EXPECT_EQ(send(sender, "x"), -EDESTADDRREQ);
    EXPECT_EQ(send_to(sender, "x", v4(far_away, chosen)), -ENETUNREACH);
    EXPECT_EQ(send_to(sender, "x", v4(INADDR_BROADCAST, chosen)), -EACCES);
    EXPECT_EQ(reuse(sender, SO_BROADCAST), 0);
    EXPECT_EQ(send_to(sender, "x", v4(INADDR_BROADCAST, chosen)), -ENETUNREACH);
    EXPECT_EQ(send_to(sender, "x", v4(here, 0)), -EINVAL);
    EXPECT_EQ(send_to(sender, "x", v6(in6addr_loopback, chosen)), -EAFNOSUPPORT);
    EXPECT_EQ(send_to(sender, "x", v4(here, chosen)), 1) << "lost, as nobody is there";
}

TEST_F(simulated_sockets, datagrams_of_a_peer_are_the_only_ones_heard) {
    const int left = bound(datagrams(), v4(here, 1001));
    const int right = bound(datagrams(), v4(INADDR_ANY, 1002));
    const int stranger = bound(datagrams(), v4(here, 1003));
    EXPECT_EQ(connect(right, v4(here, 1001)), 0);
    EXPECT_EQ(local(right), v4(here, 1002)) << "there is only one way";
    EXPECT_EQ(peer(right), v4(here, 1001));
    EXPECT_EQ(send_to(stranger, "stranger", v4(here, 1002)), 8);
    EXPECT_EQ(send_to(left, "peer", v4(here, 1002)), 4);
    EXPECT_EQ(receive(right), "peer");
    EXPECT_EQ(receive(right), std::strerror(EAGAIN));
    name nobody = v4(here, 0);
    nobody.bytes.ss_family = AF_UNSPEC;
    EXPECT_EQ(connect(right, nobody), 0);
    EXPECT_EQ(send_to(stranger, "stranger", v4(here, 1002)), 8);
    EXPECT_EQ(receive(right), "stranger");
}

TEST_F(simulated_sockets, a_refused_datagram_is_told_once_and_to_who_has_a_peer) {
    const int client = datagrams();
    EXPECT_EQ(connect(client, v4(here, chosen)), 0);
    EXPECT_EQ(send(client, "x"), 1);
    EXPECT_EQ(ready(client, POLLIN), POLLERR);
    EXPECT_EQ(receive(client), std::strerror(ECONNREFUSED));
    EXPECT_EQ(receive(client), std::strerror(EAGAIN));
    EXPECT_EQ(send_to(client, "x", v4(here, chosen + 1)), 1) << "not about the peer";
    EXPECT_EQ(send(client, "x"), 1);
    EXPECT_EQ(send(client, "x"), -ECONNREFUSED);
    const int server = bound(datagrams(), v4(here, chosen));
    EXPECT_EQ(send(client, "x"), 1);
    EXPECT_EQ(receive(server), "x");
}

TEST_F(simulated_sockets, a_datagram_without_room_waits_until_one_was_taken) {
    const int receiver = bound(datagrams(), v4(here, chosen));
    EXPECT_EQ(world.set_option(receiver, SOL_SOCKET, SO_RCVBUF, 1024), 0);
    const int sender = datagrams();
    EXPECT_EQ(send_to(sender, "", v4(here, chosen)), 0);
    EXPECT_EQ(send_to(sender, "", v4(here, chosen)), 0) << "empty ones take room, too";
    EXPECT_EQ(ready(sender, POLLOUT), POLLOUT) << "nothing has been refused";
    EXPECT_EQ(send_to(sender, "third", v4(here, chosen)), -EAGAIN);
    counted waiting{opcode::poll, sender, nullptr, 0};
    waiting.flags = POLLOUT;
    EXPECT_FALSE(world.submit(waiting));
    world.poll(time_point::min());
    EXPECT_EQ(waiting.completions, 0);
    EXPECT_EQ(receive(receiver), "");
    world.poll(time_point::min());
    EXPECT_EQ(waiting.completions, 1);
    EXPECT_EQ(send_to(sender, "third", v4(here, chosen)), 5);
}

// One socket stalls on two receivers; room at either wakes those who wait on it, and the one that
// was given up does not keep it writable.
TEST_F(simulated_sockets, room_at_one_of_several_receivers_is_told) {
    const int first = bound(datagrams(), v4(here, 1001));
    const int second = bound(datagrams(), v4(here, 1002));
    const int sender = datagrams();
    for (const int receiver : {first, second}) {
        EXPECT_EQ(world.set_option(receiver, SOL_SOCKET, SO_RCVBUF, 1), 0);
        EXPECT_EQ(send_to(sender, "full", local(receiver)), 4);
        EXPECT_EQ(send_to(sender, "more", local(receiver)), -EAGAIN);
    }
    for (const int receiver : {second, first}) {
        counted waiting{opcode::poll, sender, nullptr, 0};
        waiting.flags = POLLOUT;
        EXPECT_FALSE(world.submit(waiting));
        EXPECT_EQ(receive(receiver), "full");
        world.poll(time_point::min());
        EXPECT_EQ(waiting.completions, 1);
        const int other = receiver == first ? second : first;
        if (receiver == second) {
            EXPECT_EQ(send_to(sender, "more", local(other)), -EAGAIN);
        }
    }
}

TEST_F(simulated_sockets, a_receiver_that_is_closed_holds_nobody_up) {
    const int receiver = bound(datagrams(), v4(here, chosen));
    EXPECT_EQ(world.set_option(receiver, SOL_SOCKET, SO_RCVBUF, 1), 0);
    const int sender = datagrams();
    const int gone = datagrams();
    for (const int each : {sender, gone}) {
        EXPECT_EQ(connect(each, v4(here, chosen)), 0);
        if (each == sender) {
            EXPECT_EQ(send(each, "full"), 4);
        }
    }
    EXPECT_EQ(connect(receiver, local(gone)), 0);
    EXPECT_EQ(send(gone, "more"), -EAGAIN);
    world.close(gone);
    EXPECT_EQ(connect(receiver, local(sender)), 0);
    EXPECT_EQ(send(sender, "more"), -EAGAIN);
    counted waiting{opcode::poll, sender, nullptr, 0};
    waiting.flags = POLLOUT;
    EXPECT_FALSE(world.submit(waiting));
    world.close(receiver);
    world.poll(time_point::min());
    EXPECT_EQ(waiting.completions, 1);
    EXPECT_EQ(send(sender, "more"), 4);
    EXPECT_EQ(send(sender, "told"), -ECONNREFUSED);
}

TEST_F(simulated_sockets, datagrams_are_taken_over_by_the_last_or_shared) {
    std::array<int, 2> sockets{datagrams(), datagrams()};
    for (const int each : sockets) {
        reuse(each, SO_REUSEADDR);
        bound(each, v4(here, chosen));
    }
    const int sender = datagrams();
    send_to(sender, "x", v4(here, chosen));
    EXPECT_FALSE(world.is_readable(sockets[0]));
    EXPECT_TRUE(world.is_readable(sockets[1]));
    world.close(sockets[1]);
    send_to(sender, "x", v4(here, chosen));
    EXPECT_TRUE(world.is_readable(sockets[0]));
}

TEST_F(simulated_sockets, datagrams_move_by_operations_too) {
    const int receiver = bound(datagrams(), v4(here, chosen));
    const int sender = datagrams();
    EXPECT_EQ(connect(sender, v4(here, chosen)), 0);
    std::array<char, 8> buffer{};
    counted receiving{opcode::receive, receiver, buffer.data(), buffer.size()};
    EXPECT_FALSE(world.submit(receiving));
    std::string text = "datagram and more";
    counted sending{opcode::send, sender, text.data(), text.size()};
    EXPECT_TRUE(world.submit(sending));
    EXPECT_EQ(sending.result, 17);
    world.poll(time_point::min());
    EXPECT_EQ(receiving.result, 8);
    EXPECT_EQ(std::string(buffer.data(), buffer.size()), "datagram");
}

}  // namespace
}  // namespace simul::detail
