// SPDX-License-Identifier: Apache-2.0
//
// A stream that has been read empty hears of everything that comes afterwards: whether the loop has
// looked in between or not, and whatever it is that comes. What backends know of a connection must
// never make a read wait for what is there already.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "simul/concurrency/timeout.hpp"
#include "simul/io/tcp.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;
using namespace std::chrono_literals;

// A stream, and the plain socket at its other end, which does everything at once.
class emptied_stream {
public:
    tcp_stream stream;
    unique_fd peer;

    void send(std::string_view text, int flags = 0) const {
        EXPECT_EQ(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL | flags),
                  static_cast<ssize_t>(text.size()));
    }

    // Fails the test, rather than never to return, where nothing is told of.
    task<std::string> read() {
        std::array<std::byte, 64> buffer;
        const std::size_t count = co_await timeout(10s, stream.read_some(buffer));
        co_return std::string{text_of(std::span{buffer}.first(count))};
    }
};

// The last read waited, and took all there was in less than its buffer.
task<> make_empty(emptied_stream& made) {
    tcp_listener listener = tcp_listener::bind(any_loopback_port());
    made.peer = co_await connect_socket(listener.local_endpoint());
    accepted taken = co_await listener.accept();
    made.stream = std::move(taken.stream);
    task_handle<std::string> reader = outermost_group().spawn(made.read());
    co_await some_turns();
    EXPECT_FALSE(reader.done());
    made.send("first");
    const std::string text = co_await reader;
    EXPECT_EQ(text, "first");
}

using trial = task<> (*)(emptied_stream&, task<> (*look)());

task<> look_not() {
    co_return;
}

task<> look() {
    co_await some_turns();
}

task<> try_on_emptied_stream(trial body, task<> (*between)()) {
    emptied_stream made;
    co_await make_empty(made);
    co_await body(made, between);
}

void run_with_and_without_looking(trial body) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        run(try_on_emptied_stream(body, &look_not), options_for(kind));
        SCOPED_TRACE("the loop looks in between");
        run(try_on_emptied_stream(body, &look), options_for(kind));
        if (kind != backend_kind::io_uring) continue;
        SCOPED_TRACE("received ahead");
        for (const auto between : {&look_not, &look}) {
            run_on_io_uring_with("SIMUL_IO_URING_AHEAD", "0",
                                 [&] { return try_on_emptied_stream(body, between); });
        }
    }
}

TEST(tcp_readiness, bytes_that_came_before_the_read_are_read) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        for (const char* text : {"one", "two", "three"}) {
            of.send(text);
            co_await between();
            const std::string read = co_await of.read();
            EXPECT_EQ(read, text);
        }
    });
}

TEST(tcp_readiness, more_than_the_buffer_holds_is_read_piece_by_piece) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        const std::string sent = numbered_text(200);
        of.send(sent);
        co_await between();
        std::string all;
        while (all.size() < sent.size()) all += co_await of.read();
        EXPECT_EQ(all, sent);
    });
}

TEST(tcp_readiness, the_end_of_the_stream_is_found_behind_the_last_bytes) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        of.send("last");
        ::shutdown(of.peer.get(), SHUT_WR);
        co_await between();
        const std::string last = co_await of.read();
        EXPECT_EQ(last, "last");
        co_await between();
        for (int i = 0; i < 3; ++i) {
            const std::string end = co_await of.read();
            EXPECT_EQ(end, "");
        }
    });
}

TEST(tcp_readiness, the_end_of_the_stream_is_found_by_itself) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        ::shutdown(of.peer.get(), SHUT_WR);
        co_await between();
        const std::string end = co_await of.read();
        EXPECT_EQ(end, "");
    });
}

TEST(tcp_readiness, a_reset_is_found) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        const ::linger at_once{1, 0};
        ::setsockopt(of.peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        of.peer.reset();
        co_await between();
        const std::error_code code = co_await code_of(of.read());
        EXPECT_EQ(code, std::errc::connection_reset);
    });
}

TEST(tcp_readiness, a_read_ends_at_urgent_data_and_the_next_goes_on_behind_it) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        of.send("a");
        of.send("!", MSG_OOB);
        of.send("b");
        co_await between();
        std::string all;
        while (all.size() < 2) {
            all += co_await of.read();
            co_await between();
        }
        EXPECT_EQ(all, "ab");
    });
}

TEST(tcp_readiness, a_cancelled_read_leaves_what_comes_for_the_next_one) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        task_handle<std::string> reader = outermost_group().spawn(of.read());
        co_await some_turns();
        reader.cancel();
        co_await until_ended(reader);
        of.send("kept");
        co_await between();
        const std::string read = co_await of.read();
        EXPECT_EQ(read, "kept");
    });
}

TEST(tcp_readiness, a_new_connection_under_an_old_number_is_read_at_once) {
    run_with_and_without_looking([](emptied_stream& of, task<> (*between)()) -> task<> {
        tcp_listener listener = tcp_listener::bind(any_loopback_port());
        emptied_stream again;
        again.peer = co_await connect_socket(listener.local_endpoint());
        of.stream.close();
        const int number = ::dup(0);  // the lowest one that is free
        ::close(number);
        accepted taken = co_await listener.accept();
        EXPECT_EQ(::fcntl(number, F_GETFD), FD_CLOEXEC) << "not the number of the old one";
        again.stream = std::move(taken.stream);
        again.send("new");
        co_await between();
        const std::string read = co_await again.read();
        EXPECT_EQ(read, "new");
    });
}

}  // namespace
}  // namespace simul
