// SPDX-License-Identifier: Apache-2.0
//
// What io_uring receives before anybody asks for it. The kernel does not know of such bytes any
// more, so a test can tell: it counts none that wait in the socket, and yet there is input.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "simul/io/tcp.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;

// A stream, its number, and the plain socket at its other end.
class connection {
public:
    connection() {
        auto [mine, other] = connected_tcp_sockets();
        number = mine.get();
        stream = tcp_stream::adopt(std::move(mine));
        peer = std::move(other);
    }

    void send(std::string_view text) const {
        EXPECT_EQ(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }

    // Sends as much as the connection takes while nobody reads.
    [[nodiscard]] std::size_t flood() const {
        const std::string piece = numbered_text(1024);
        std::size_t sent = 0;
        while (true) {
            const ssize_t count =
                ::send(peer.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count < 0) return sent;
            sent += static_cast<std::size_t>(count);
        }
    }

    [[nodiscard]] int left_in_kernel() const {
        int count = -1;
        EXPECT_EQ(::ioctl(number, FIONREAD, &count), 0);
        return count;
    }

    // What a plain receive at the other end gives: a count, or a negated errno.
    [[nodiscard]] int receive_at_peer() const {
        std::array<char, 64> buffer;
        const ssize_t count = ::recv(peer.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        return count < 0 ? -errno : static_cast<int>(count);
    }

    task<std::string> read(std::size_t at_most = 64) {
        std::string buffer(at_most, ' ');
        const std::span<std::byte> place = std::as_writable_bytes(std::span{buffer});
        const std::size_t count = co_await stream.read_some(place);
        buffer.resize(count);
        co_return buffer;
    }

    tcp_stream stream;
    unique_fd peer;
    int number = -1;
};

// Reads once, so that the kernel receives ahead from then on, when that was told from outside.
task<> exchange(connection& on, std::string text = "first") {
    task_handle<std::string> reader = outermost_group().spawn(on.read());
    co_await some_turns();
    on.send(text);
    const std::string read = co_await reader;
    EXPECT_EQ(read, text);
}

class tcp_ahead : public io_uring_test {
protected:
    // With a kernel that receives ahead from the first receive on.
    template <class Body>
    static void run_ahead(Body body) {
        run_on_io_uring_with("SIMUL_IO_URING_AHEAD", "0", body);
    }
};

TEST_F(tcp_ahead, begins_after_two_receives_that_came_out_short) {
    run_on_io_uring_with("SIMUL_IO_URING_AHEAD", "2", []() -> task<> {
        connection on;
        for (const int left : {4, 0, 0}) {
            co_await exchange(on);
            on.send("more");
            co_await some_turns();
            EXPECT_EQ(on.left_in_kernel(), left);
            EXPECT_TRUE(on.stream.has_input());
            const std::string more = co_await on.read();
            EXPECT_EQ(more, "more");
            EXPECT_FALSE(on.stream.has_input());
        }
    });
}

TEST_F(tcp_ahead, can_be_told_never_to_begin) {
    run_on_io_uring_with("SIMUL_IO_URING_AHEAD", "255", []() -> task<> {
        connection on;
        for (int i = 0; i < 300; ++i) co_await exchange(on);
        on.send("more");
        co_await some_turns();
        EXPECT_EQ(on.left_in_kernel(), 4);
        const std::string more = co_await on.read();
        EXPECT_EQ(more, "more");
    });
}

TEST_F(tcp_ahead, bytes_that_were_received_are_read_without_waiting) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        on.send("more");
        co_await some_turns();
        EXPECT_EQ(on.left_in_kernel(), 0);
        EXPECT_TRUE(on.stream.has_input());
        task_handle<std::string> reader = outermost_group().spawn(on.read(2));
        co_await yield_now();
        EXPECT_TRUE(reader.done());
        const std::string begin = co_await reader;
        EXPECT_EQ(begin, "mo");
        const std::string end = co_await on.read();
        EXPECT_EQ(end, "re");
        EXPECT_FALSE(on.stream.has_input());
    });
}

TEST_F(tcp_ahead, many_messages_come_in_order) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        std::string sent;
        std::string read;
        for (int i = 0; i < 500; ++i) {
            const std::string message = std::to_string(i) + ' ';
            on.send(message);
            sent += message;
            if (i % 7 == 0) co_await some_turns(i % 5);
            if (i % 3 == 0) read += co_await on.read();
        }
        while (read.size() < sent.size()) read += co_await on.read();
        EXPECT_EQ(read, sent);
    });
}

TEST_F(tcp_ahead, a_message_larger_than_its_buffers_comes_whole) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        for (const std::size_t size : {std::size_t{2048}, std::size_t{2049}, std::size_t{50'000}}) {
            const std::string sent = numbered_text(size);
            on.send(sent);
            std::string read;
            while (read.size() < sent.size()) read += co_await on.read(1'000);
            EXPECT_EQ(read, sent);
            co_await exchange(on);
        }
    });
}

// What is not read stays the peer's: it can send no more than without reading ahead, but for the
// buffers that the kernel took before it was told to end.
TEST_F(tcp_ahead, a_peer_that_sends_more_than_is_read_is_held_up) {
    run_ahead([]() -> task<> {
        connection on;
        const int small = 16 * 1024;
        ::setsockopt(on.number, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        ::setsockopt(on.peer.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        co_await exchange(on);
        std::size_t sent = 0;
        std::size_t more = 0;
        do {
            more = on.flood();
            sent += more;
            co_await some_turns();
        } while (more != 0);
        EXPECT_GT(on.left_in_kernel(), 0);
        EXPECT_LT(sent, 512U * 1024);
        std::size_t read = 0;
        while (read < sent) {
            const std::string piece = co_await on.read(4096);
            read += piece.size();
        }
        EXPECT_EQ(read, sent);
        co_await exchange(on);
    });
}

TEST_F(tcp_ahead, messages_that_nobody_reads_stay_in_the_kernel) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        for (int i = 0; i < 10; ++i) {
            on.send("short");
            co_await some_turns();
        }
        EXPECT_GT(on.left_in_kernel(), 20);
        std::string read;
        while (read.size() < 50) read += co_await on.read();
        EXPECT_EQ(read, "shortshortshortshortshortshortshortshortshortshort");
    });
}

TEST_F(tcp_ahead, a_cancelled_read_ends_at_once_and_loses_nothing) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        for (int i = 0; i < 10; ++i) {
            task_handle<std::string> reader = outermost_group().spawn(on.read());
            co_await some_turns();
            reader.cancel();
            co_await until_ended(reader);
        }
        on.send("kept");
        const std::string read = co_await on.read();
        EXPECT_EQ(read, "kept");
    });
}

TEST_F(tcp_ahead, the_end_comes_behind_the_bytes) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        on.send("last");
        ::shutdown(on.peer.get(), SHUT_WR);
        co_await some_turns();
        EXPECT_TRUE(on.stream.has_input());
        const std::string last = co_await on.read();
        EXPECT_EQ(last, "last");
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(on.stream.has_input());
            const std::string end = co_await on.read();
            EXPECT_EQ(end, "");
        }
    });
}

TEST_F(tcp_ahead, a_reset_is_told_once_it_is_reached) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        on.send("last");
        co_await some_turns();
        const ::linger at_once{1, 0};
        ::setsockopt(on.peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        on.peer.reset();
        co_await some_turns();
        const std::string last = co_await on.read();
        EXPECT_EQ(last, "last");
        const std::error_code code = co_await code_of(on.read());
        EXPECT_EQ(code, std::errc::connection_reset);
    });
}

TEST_F(tcp_ahead, a_close_is_seen_by_the_peer_before_the_loop_goes_on) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        EXPECT_EQ(on.receive_at_peer(), -EAGAIN);
        on.stream.close();
        EXPECT_EQ(on.receive_at_peer(), 0);
    });
}

TEST_F(tcp_ahead, a_close_with_bytes_that_nobody_read_is_a_reset) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        on.send("unread");
        co_await some_turns();
        EXPECT_EQ(on.left_in_kernel(), 0);
        on.stream.close();
        EXPECT_EQ(on.receive_at_peer(), -ECONNRESET);
    });
}

TEST_F(tcp_ahead, a_close_ends_a_read_that_waits) {
    run_ahead([]() -> task<> {
        connection on;
        co_await exchange(on);
        task_handle<std::error_code> reader = outermost_group().spawn(code_of(on.read()));
        co_await some_turns();
        on.stream.close();
        const std::error_code code = co_await reader;
        EXPECT_EQ(code, errc::closed);
        EXPECT_EQ(on.receive_at_peer(), 0);
    });
}

TEST_F(tcp_ahead, a_new_connection_under_an_old_number_gets_its_own_bytes_only) {
    run_ahead([]() -> task<> {
        for (int i = 0; i < 20; ++i) {
            connection on;
            const std::string own = "of " + std::to_string(i);
            co_await exchange(on, own);
            on.send("left behind");
            if (i % 2 == 0) co_await some_turns();
        }
    });
}

// More connections have something at the same time than there are buffers.
TEST_F(tcp_ahead, connections_that_find_no_buffer_left_receive_without_one) {
    run_on_io_uring_with("SIMUL_IO_URING_BUFFERS", "4", []() -> task<> {
        std::array<connection, 40> all;
        for (int round = 0; round < 20; ++round) {
            std::vector<task_handle<std::string>> readers;
            for (connection& each : all) readers.push_back(outermost_group().spawn(each.read()));
            co_await some_turns();
            for (connection& each : all) each.send("to all");
            for (task_handle<std::string>& reader : readers) {
                const std::string read = co_await reader;
                EXPECT_EQ(read, "to all");
            }
        }
    });
}

TEST_F(tcp_ahead, connections_that_nobody_reads_take_no_buffers_from_the_others) {
    run_on_io_uring_with("SIMUL_IO_URING_BUFFERS", "4", []() -> task<> {
        std::array<connection, 8> silent;
        connection busy;
        for (int round = 0; round < 4; ++round) {
            for (connection& each : silent) co_await exchange(each);
        }
        for (connection& each : silent) each.send("waits");
        co_await some_turns();
        for (int round = 0; round < 20; ++round) co_await exchange(busy);
        for (connection& each : silent) {
            const std::string read = co_await each.read();
            EXPECT_EQ(read, "waits");
        }
    });
}

TEST_F(tcp_ahead, a_loop_can_end_while_the_kernel_receives_ahead) {
    std::vector<connection> left;
    run_on_io_uring_with("SIMUL_IO_URING_AHEAD", "0", [&left]() -> task<> {
        for (int i = 0; i < 5; ++i) left.emplace_back();
        for (connection& each : left) co_await exchange(each);
        for (connection& each : left) each.send("never read");
    });
    EXPECT_EQ(left.size(), 5U);
}

}  // namespace
}  // namespace simul
