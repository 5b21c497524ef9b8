// SPDX-License-Identifier: Apache-2.0
//
// Reading into buffers of the loop's. Where a buffer came from can be told by its size: a piece of
// a long message has 2,048 bytes at most out of the kernel's ring, and more out of the recycler.
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/select.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/buffer_lease.hpp"
#include "support/connected_streams.hpp"
#include "support/in_child.hpp"
#include "support/refuse_system_call.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;

constexpr std::size_t ring_buffer_size = 2048;

std::string text_in(const buffer_lease& piece) {
    return std::string{text_of(piece.bytes())};
}

task<std::string> read_piece(tcp_stream& stream) {
    const buffer_lease piece = co_await stream.read_leased();
    co_return text_in(piece);
}

task<std::string> read_copy(tcp_stream& stream, std::size_t at_most) {
    std::string buffer(at_most, ' ');
    const std::size_t count = co_await stream.read_some(std::as_writable_bytes(std::span{buffer}));
    buffer.resize(count);
    co_return buffer;
}

TEST(tcp_lease, brings_what_has_arrived_and_then_the_end) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (const char* text : {"one", "two", "three", "four", "five"}) {
            co_await write_all(client, bytes_of(text));
            co_await until_input(server);
            const std::string read = co_await read_piece(server);
            EXPECT_EQ(read, text);
        }
        co_await write_and_shut_down(client, "last");
        const std::string last = co_await read_piece(server);
        EXPECT_EQ(last, "last");
        for (int i = 0; i < 3; ++i) {
            const buffer_lease end = co_await server.read_leased();
            EXPECT_TRUE(end.empty());
            EXPECT_EQ(end.size(), 0U);
        }
    });
}

TEST(tcp_lease, waits_until_something_arrives) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (int i = 0; i < 5; ++i) {
            task_handle<std::string> reader = outermost_group().spawn(read_piece(server));
            co_await some_turns();
            EXPECT_FALSE(reader.done());
            co_await write_all(client, bytes_of("late"));
            const std::string read = co_await reader;
            EXPECT_EQ(read, "late");
        }
    });
}

TEST(tcp_lease, many_bytes_come_in_order_and_in_pieces_of_limited_size) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        const std::string sent = numbered_text(300'000);
        task_handle<> writer = outermost_group().spawn(write_and_shut_down(client, sent));
        std::string read;
        while (true) {
            const buffer_lease piece = co_await server.read_leased();
            if (piece.empty()) break;
            EXPECT_LE(piece.size(), simul::detail::lease_size);
            read += text_in(piece);
        }
        EXPECT_EQ(read, sent);
        co_await writer;
    });
}

TEST(tcp_lease, what_is_kept_stays_as_it_is_while_others_come_and_may_be_changed) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        std::vector<buffer_lease> kept;
        for (int i = 0; i < 50; ++i) {
            co_await write_all(client, bytes_of("message " + std::to_string(i)));
            kept.push_back(co_await server.read_leased());
            kept.back().bytes().front() = std::byte{'M'};
        }
        for (int i = 0; i < 50; ++i) {
            EXPECT_EQ(text_in(kept[static_cast<std::size_t>(i)]), "Message " + std::to_string(i));
        }
    });
}

TEST(tcp_lease, reads_by_leases_and_into_own_buffers_may_take_turns) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (int i = 0; i < 10; ++i) {
            co_await write_all(client, bytes_of("half and half"));
            co_await until_input(server);
            const std::string half = co_await read_copy(server, 5);
            EXPECT_EQ(half, "half ");
            const std::string rest = co_await read_piece(server);
            EXPECT_EQ(rest, "and half");
        }
    });
}

TEST(tcp_lease, a_stream_that_was_closed_is_an_error) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        task_handle<std::error_code> waiting = outermost_group().spawn(code_of(read_piece(server)));
        co_await some_turns();
        server.close();
        const std::error_code during = co_await waiting;
        EXPECT_EQ(during, errc::closed);
        const std::error_code before = co_await code_of(server.read_leased());
        EXPECT_EQ(before, errc::closed);
    });
}

TEST(tcp_lease, only_one_task_may_wait_for_what_comes_in) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        task_handle<std::string> first = outermost_group().spawn(read_piece(server));
        co_await some_turns();
        const std::error_code second = co_await code_of(server.read_leased());
        EXPECT_EQ(second, errc::busy);
        const std::error_code copy = co_await code_of(read_copy(server, 4));
        EXPECT_EQ(copy, errc::busy);
        co_await write_all(client, bytes_of("x"));
        const std::string read = co_await first;
        EXPECT_EQ(read, "x");
    });
}

TEST(tcp_lease, a_reset_is_an_error_of_the_system) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        co_await write_all(server, bytes_of("unread"));
        co_await until_input(client);
        client.close();
        const std::error_code code = co_await code_of(server.read_leased());
        EXPECT_EQ(code, std::errc::connection_reset);
    });
}

TEST(tcp_lease, a_cancelled_read_loses_nothing) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (int i = 0; i < 5; ++i) {
            task_handle<std::string> reader = outermost_group().spawn(read_piece(server));
            co_await some_turns();
            reader.cancel();
            co_await until_ended(reader);
            co_await write_all(client, bytes_of("kept"));
            const std::string read = co_await read_piece(server);
            EXPECT_EQ(read, "kept");
        }
    });
}

TEST(tcp_lease, a_read_that_is_never_begun_leaves_nothing_behind) {
    run_on_each_backend([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        {
            [[maybe_unused]] auto never = server.read_leased();
        }
        co_await write_all(client, bytes_of("x"));
        const std::string read = co_await read_piece(server);
        EXPECT_EQ(read, "x");
    });
}

// An allocator of frames that has memory for everything but buffers, for a while.
bool refuses_buffers = false;

void* allocate_unless_refused(std::size_t size) {
    if (refuses_buffers && size == simul::detail::lease_size) throw std::bad_alloc{};
    return ::operator new(size);
}

constexpr frame_allocator frames_but_no_buffers{
    &allocate_unless_refused,
    [](void* memory, std::size_t) noexcept { ::operator delete(memory); }};

TEST(tcp_lease, without_memory_for_a_buffer_a_read_fails_and_loses_nothing) {
    set_frame_allocator(&frames_but_no_buffers);
    for (const backend_kind kind :
         {backend_kind::simulated, backend_kind::epoll, backend_kind::poll}) {
        SCOPED_TRACE(name_of(kind));
        auto program = []() -> task<> {
            auto [client, server] = co_await connected_tcp_streams();
            co_await write_all(client, bytes_of("kept"));
            co_await until_input(server);
            refuses_buffers = true;
            const std::error_code code = co_await code_of(server.read_leased());
            refuses_buffers = false;
            EXPECT_EQ(code, std::errc::not_enough_memory);
            const std::string read = co_await read_piece(server);
            EXPECT_EQ(read, "kept");
        };
        run(program(), options_for(kind));
    }
    set_frame_allocator(nullptr);
}

TEST(tcp_lease, outlives_its_stream_and_its_loop) {
    std::vector<buffer_lease> kept;
    run_on_each_backend([&kept]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (int i = 0; i < 4; ++i) {
            co_await write_all(client, bytes_of("still here"));
            kept.push_back(co_await server.read_leased());
        }
    });
    EXPECT_GE(kept.size(), 12U);
    for (const buffer_lease& piece : kept) EXPECT_EQ(text_in(piece), "still here");
}

TEST(tcp_lease, can_be_moved_and_is_empty_then) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        co_await write_all(client, bytes_of("one"));
        buffer_lease first = co_await server.read_leased();
        co_await write_all(client, bytes_of("two"));
        buffer_lease second = co_await server.read_leased();
        buffer_lease third{std::move(first)};
        EXPECT_TRUE(first.empty());
        EXPECT_EQ(text_in(third), "one");
        third = std::move(second);
        EXPECT_TRUE(second.empty());
        EXPECT_EQ(text_in(third), "two");
        third = buffer_lease{};
        EXPECT_TRUE(third.empty());
    });
}

// --- the buffers of io_uring --------------------------------------------------------------------

class tcp_lease_ring : public io_uring_test {
protected:
    // With four buffers; never receiving ahead, and doing so from the first receive on.
    template <class Body>
    static void run_with_four_buffers(Body body) {
        for (const char* ahead : {"255", "0"}) {
            SCOPED_TRACE(ahead);
            ::setenv("SIMUL_IO_URING_AHEAD", ahead, 1);
            run_on_io_uring_with("SIMUL_IO_URING_BUFFERS", "4", body);
            ::unsetenv("SIMUL_IO_URING_AHEAD");
        }
    }
};

// Whether a long message comes in pieces as long as the buffers of the ring.
task<bool> lends_from_ring(tcp_stream& client, tcp_stream& server) {
    const std::string sent = numbered_text(3 * ring_buffer_size);
    co_await write_all(client, bytes_of(sent));
    co_await until_input(server);
    std::string read;
    std::size_t longest = 0;
    while (read.size() < sent.size()) {
        const buffer_lease piece = co_await server.read_leased();
        if (piece.empty()) break;
        longest = std::max(longest, piece.size());
        read += text_in(piece);
    }
    EXPECT_EQ(read, sent);
    co_return longest <= ring_buffer_size;
}

TEST_F(tcp_lease_ring, lends_its_buffers_again_and_again) {
    run_with_four_buffers([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        for (int i = 0; i < 40; ++i) {
            co_await write_all(client, bytes_of("again"));
            const std::string read = co_await read_piece(server);
            EXPECT_EQ(read, "again");
            const bool from_ring = co_await lends_from_ring(client, server);
            EXPECT_TRUE(from_ring);
        }
    });
}

TEST_F(tcp_lease_ring, when_all_are_lent_bytes_come_in_other_memory_until_one_is_back) {
    run_with_four_buffers([]() -> task<> {
        auto [client, server] = co_await connected_tcp_streams();
        std::vector<buffer_lease> kept;
        for (int i = 0; i < 10; ++i) {
            co_await write_all(client, bytes_of("kept"));
            kept.push_back(co_await server.read_leased());
        }
        const bool before = co_await lends_from_ring(client, server);
        EXPECT_FALSE(before);
        for (const buffer_lease& piece : kept) EXPECT_EQ(text_in(piece), "kept");
        kept.clear();
        const bool after = co_await lends_from_ring(client, server);
        EXPECT_TRUE(after);
    });
}

TEST_F(tcp_lease_ring, reads_that_wait_take_no_buffers) {
    run_with_four_buffers([]() -> task<> {
        std::vector<std::pair<tcp_stream, tcp_stream>> all;
        for (int i = 0; i < 20; ++i) all.push_back(co_await connected_tcp_streams());
        for (int round = 0; round < 5; ++round) {
            std::vector<task_handle<std::string>> readers;
            for (auto& [client, server] : all)
                readers.push_back(outermost_group().spawn(read_piece(server)));
            co_await some_turns();
            auto [client, server] = co_await connected_tcp_streams();
            const bool from_ring = co_await lends_from_ring(client, server);
            EXPECT_TRUE(from_ring);
            for (auto& [to, at] : all) co_await write_all(to, bytes_of("to all"));
            for (task_handle<std::string>& reader : readers) {
                const std::string read = co_await reader;
                EXPECT_EQ(read, "to all");
            }
        }
    });
}

TEST_F(tcp_lease_ring, without_such_buffers_a_read_waits_for_readiness_first) {
    const std::string said = in_child([] {
        refuse_system_call_with(SYS_io_uring_register, IORING_REGISTER_PBUF_RING, EINVAL);
        auto program = []() -> task<std::string> {
            auto [client, server] = co_await connected_tcp_streams();
            task_handle<std::string> reader = outermost_group().spawn(read_piece(server));
            co_await some_turns();
            const bool waits = !reader.done();
            co_await write_all(client, bytes_of("read"));
            std::string text = co_await reader;
            const bool from_ring = co_await lends_from_ring(client, server);
            text += waits ? " after a wait" : " at once";
            text += from_ring ? ", from the ring" : ", from the recycler";
            co_return text;
        };
        return run(program(), options_for(backend_kind::io_uring));
    });
    EXPECT_EQ(said, "read after a wait, from the recycler");
}

// What is received for somebody who is not there any more.
task<> lose_a_select(tcp_stream& client, tcp_stream& server) {
    co_await select(read_piece(server), [](tcp_stream& to) -> task<> {
        co_await some_turns(3);
        co_await write_all(to, bytes_of("perhaps too late"));
        co_await some_turns(2);
    }(client));
}

TEST_F(tcp_lease_ring, a_read_that_is_dropped_gives_its_buffer_back) {
    run_with_four_buffers([]() -> task<> {
        for (int i = 0; i < 20; ++i) {
            auto [client, server] = co_await connected_tcp_streams();
            co_await lose_a_select(client, server);
        }
        for (int i = 0; i < 20; ++i) {
            auto [client, server] = co_await connected_tcp_streams();
            task_handle<std::error_code> reader =
                outermost_group().spawn(code_of(read_piece(server)));
            co_await some_turns(3);
            co_await write_all(client, bytes_of("never taken"));
            server.close();
            const std::error_code code = co_await reader;
            EXPECT_TRUE(!code || code == errc::closed) << code;
        }
        auto [client, server] = co_await connected_tcp_streams();
        const bool from_ring = co_await lends_from_ring(client, server);
        EXPECT_TRUE(from_ring);
    });
}

}  // namespace
}  // namespace simul
