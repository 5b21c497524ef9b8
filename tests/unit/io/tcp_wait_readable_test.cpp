// SPDX-License-Identifier: Apache-2.0
//
// Waiting on a stream without a buffer, on every backend and where io_uring receives ahead.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;

task<std::string> read_from(tcp_stream& stream) {
    std::array<std::byte, 64> buffer;
    const std::size_t count = co_await stream.read_some(buffer);
    co_return std::string{text_of(std::span{buffer}.first(count))};
}

task<> wait_on(tcp_stream& stream) {
    co_await stream.wait_readable();
}

TEST(tcp_wait_readable, waits_for_bytes_and_takes_none_of_them) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (const char* text : {"one", "two", "three", "four", "five"}) {
            task_handle<> waiting = outermost_group().spawn(wait_on(server));
            co_await some_turns();
            EXPECT_FALSE(waiting.done());
            co_await write_all(client, bytes_of(text));
            co_await waiting;
            EXPECT_TRUE(server.has_input());
            const std::string read = co_await read_from(server);
            EXPECT_EQ(read, text);
            EXPECT_FALSE(server.has_input());
        }
    });
}

TEST(tcp_wait_readable, does_not_wait_for_what_is_there) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (int i = 0; i < 4; ++i) {
            co_await write_all(client, bytes_of("there"));
            co_await until_input(server);
            co_await server.wait_readable();
            co_await server.wait_readable();
            const std::string read = co_await read_from(server);
            EXPECT_EQ(read, "there");
        }
    });
}

TEST(tcp_wait_readable, the_end_of_the_stream_is_worth_reading) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        task_handle<> waiting = outermost_group().spawn(wait_on(server));
        co_await some_turns();
        co_await client.shutdown();
        co_await waiting;
        co_await server.wait_readable();
        const std::string end = co_await read_from(server);
        EXPECT_EQ(end, "");
    });
}

TEST(tcp_wait_readable, a_stream_that_was_closed_is_an_error) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        task_handle<std::error_code> waiting = outermost_group().spawn(code_of(wait_on(server)));
        co_await some_turns();
        server.close();
        const std::error_code during = co_await waiting;
        EXPECT_EQ(during, errc::closed);
        const std::error_code before = co_await code_of(server.wait_readable());
        EXPECT_EQ(before, errc::closed);
    });
}

TEST(tcp_wait_readable, only_one_task_may_wait_for_what_comes_in) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        task_handle<> waiting = outermost_group().spawn(wait_on(server));
        co_await some_turns();
        const std::error_code second = co_await code_of(server.wait_readable());
        EXPECT_EQ(second, errc::busy);
        const std::error_code reader = co_await code_of(read_from(server));
        EXPECT_EQ(reader, errc::busy);
        co_await write_all(client, bytes_of("x"));
        co_await waiting;
        task_handle<std::string> first = outermost_group().spawn(read_from(server));
        co_await first;
        task_handle<std::string> reads = outermost_group().spawn(read_from(server));
        co_await some_turns();
        const std::error_code beside = co_await code_of(server.wait_readable());
        EXPECT_EQ(beside, errc::busy);
        co_await write_all(client, bytes_of("y"));
        const std::string read = co_await reads;
        EXPECT_EQ(read, "y");
    });
}

TEST(tcp_wait_readable, a_cancelled_wait_leaves_the_stream_as_it_was) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (int i = 0; i < 4; ++i) {
            task_handle<> waiting = outermost_group().spawn(wait_on(server));
            co_await some_turns();
            waiting.cancel();
            co_await until_ended(waiting);
            co_await write_all(client, bytes_of("kept"));
            co_await server.wait_readable();
            const std::string read = co_await read_from(server);
            EXPECT_EQ(read, "kept");
        }
    });
}

TEST(tcp_wait_readable, a_wait_that_is_never_begun_leaves_nothing_behind) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        {
            [[maybe_unused]] auto never = server.wait_readable();
        }
        co_await write_all(client, bytes_of("x"));
        const std::string read = co_await read_from(server);
        EXPECT_EQ(read, "x");
    });
}

}  // namespace
}  // namespace simul
