// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about encrypted streams: how a conversation changes to TLS in its
// middle, how it ends, and what a handshake that fails leaves behind.
//
// Over memory in every world: a handshake is a millisecond of arithmetic, so the bodies are small.
// What needs megabytes or descriptors runs once on each backend.
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/testing/all_blocked.hpp"
#include "simul/tls/stream.hpp"
#include "support/connected_streams.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"
#include "support/test_authority.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

const tls::client_context& client_context() {
    static const tls::client_context made = [] {
        tls::client_options options;
        options.use_system_authorities = false;
        options.authorities = test_authority::shared().root.certificate;
        return tls::client_context{options};
    }();
    return made;
}

// One that knows no authority, so that it trusts nobody.
const tls::client_context& distrustful_context() {
    static const tls::client_context made = [] {
        static const test_authority other{"another one"};
        tls::client_options options;
        options.use_system_authorities = false;
        options.authorities = other.root.certificate;
        return tls::client_context{options};
    }();
    return made;
}

const tls::server_context& server_context() {
    static const tls::server_context made = [] {
        const issued_certificate leaf =
            signed_by(test_authority::shared().root, server_named("localhost"));
        tls::server_options options{tls::identity{leaf.certificate, leaf.key}};
        options.session_tickets = false;  // each handshake is the same
        return tls::server_context{options};
    }();
    return made;
}

template <byte_stream Stream>
task<tls::stream> connect_over(Stream& transport) {
    any_stream taken{std::move(transport)};
    return tls::connect(std::move(taken), client_context(), "localhost");
}

template <byte_stream Stream>
task<tls::stream> accept_over(Stream& transport, std::span<const std::byte> already_read = {}) {
    any_stream taken{std::move(transport)};
    return tls::accept(std::move(taken), server_context(), already_read);
}

// The client's end and the server's.
template <byte_stream Stream>
task<std::pair<tls::stream, tls::stream>> encrypted(std::pair<Stream, Stream>& ends) {
    auto [client, server] = co_await gather(connect_over(ends.first), accept_over(ends.second));
    co_return std::pair{std::move(client), std::move(server)};
}

// Asks for TLS and begins with it at once, without waiting for the answer.
task<> ask_for_tls_and_begin(memory_stream& transport, std::string& answer) {
    co_await write_all(transport, bytes_of("STARTTLS\r\n"));
    tls::stream client = co_await connect_over(transport);
    co_await write_and_shut_down(client, "a question");
    answer = co_await read_to_end(client);
}

// --- changing to TLS ----------------------------------------------------------------------------

// A client that does not wait for the answer: its hello is in the buffer of who has read the
// request, and the transport has nothing any more.
EVERY_WORLD_TEST(T44, hello_that_was_buffered_before_the_upgrade_is_part_of_it) {
    auto ends = memory_stream_pair();
    std::string question;
    std::string answer;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(ask_for_tls_and_begin(ends.first, answer));
        co_await testing::wait_until_all_blocked();
        buffered_reader reader{ends.second};
        const std::string line = co_await reader.read_line();
        EXPECT_EQ(line, "STARTTLS");
        EXPECT_GT(reader.buffered().size(), 100U);
        EXPECT_FALSE(ends.second.has_input());
        tls::stream server = co_await accept_over(ends.second, reader.buffered());
        question = co_await read_to_end(server);
        co_await write_and_shut_down(server, "an answer");
    });
    EXPECT_EQ(question, "a question");
    EXPECT_EQ(answer, "an answer");
}

// Whatever part of the hello was read, in any order of the two sides.
EVERY_WORLD_TEST(Q5, start_of_tls_keeps_the_bytes_that_were_already_read) {
    auto ends = memory_stream_pair();
    ends.second.limit_transfers(150);
    std::string question;
    std::string answer;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(ask_for_tls_and_begin(ends.first, answer));
        buffered_reader reader{ends.second};
        const std::string line = co_await reader.read_line();
        EXPECT_EQ(line, "STARTTLS");
        tls::stream server = co_await accept_over(ends.second, reader.buffered());
        question = co_await read_to_end(server);
        co_await write_and_shut_down(server, "an answer");
    });
    EXPECT_EQ(question, "a question");
    EXPECT_EQ(answer, "an answer");
}

TEST(Q5, start_of_tls_keeps_them_wherever_the_hello_is_cut) {
    for (std::size_t cut = 0; cut < 600; cut += cut < 12 ? 1 : 53) {
        SCOPED_TRACE(cut);
        simulate([&]() -> task<> {
            auto ends = memory_stream_pair();
            std::string answer;
            co_await with_task_group([&](task_group& group) -> task<> {
                group.spawn(ask_for_tls_and_begin(ends.first, answer));
                const std::string line = co_await read_count(ends.second, 10);
                EXPECT_EQ(line, "STARTTLS\r\n");
                co_await testing::wait_until_all_blocked();
                std::string first(cut, '\0');
                if (cut != 0) {
                    const std::size_t count =
                        co_await ends.second.read_some(std::as_writable_bytes(std::span{first}));
                    first.resize(count);
                }
                tls::stream server = co_await accept_over(ends.second, bytes_of(first));
                const std::string question = co_await read_to_end(server);
                EXPECT_EQ(question, "a question");
                co_await write_and_shut_down(server, "an answer");
            });
            EXPECT_EQ(answer, "an answer");
        });
    }
}

// What somebody on the way has put behind the request is not what the client says later: the
// handshake fails, and the connection is closed.
EVERY_WORLD_TEST(Q5, bytes_smuggled_in_before_tls_are_never_data) {
    auto ends = memory_stream_pair();
    std::error_code failure;
    std::string left;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            co_await write_all(ends.first, bytes_of("STARTTLS\r\nMAIL FROM:<eve>\r\n"));
            left = co_await read_to_end(ends.first);
        });
        co_await testing::wait_until_all_blocked();
        buffered_reader reader{ends.second};
        const std::string line = co_await reader.read_line();
        EXPECT_EQ(line, "STARTTLS");
        failure = co_await code_of(accept_over(ends.second, reader.buffered()));
    });
    EXPECT_EQ(failure, tls::errc::not_tls);
    EXPECT_EQ(left.find("MAIL"), std::string::npos);
}

// Nor if they stand behind a hello that is good.
TEST(Q5, bytes_smuggled_in_behind_the_hello_are_never_data) {
    simulate([]() -> task<> {
        auto ends = memory_stream_pair();
        std::error_code at_client;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(
                [&]() -> task<> { at_client = co_await code_of(connect_over(ends.first)); });
            std::string bytes(4096, '\0');
            const std::size_t count =
                co_await ends.second.read_some(std::as_writable_bytes(std::span{bytes}));
            bytes.resize(count);
            bytes += "MAIL FROM:<eve>\r\n";
            const std::error_code at_server =
                co_await code_of(accept_over(ends.second, bytes_of(bytes)));
            EXPECT_EQ(at_server.category(), tls::error_category()) << at_server.message();
        });
        EXPECT_TRUE(at_client);
    });
}

// The client begins, so a server that has spoken is not the server.
TEST(Q5, client_refuses_bytes_that_came_before_its_hello) {
    simulate([]() -> task<> {
        auto ends = memory_stream_pair();
        any_stream transport{std::move(ends.first)};
        const std::error_code code = co_await code_of(
            tls::connect(std::move(transport), client_context(), "localhost", bytes_of("250 OK")));
        EXPECT_EQ(code, tls::errc::protocol_error);
        const std::string sent = co_await read_to_end(ends.second);
        EXPECT_EQ(sent, "");
    });
}

// --- the end ------------------------------------------------------------------------------------

// One side says farewell and goes; the other one has not read yet what came before.
EVERY_WORLD_TEST(Q6, close_by_the_peer_delivers_the_remaining_data_first) {
    auto ends = memory_stream_pair(700);
    auto both = co_await encrypted(ends);
    const std::string sent = numbered_text(3000);
    std::string arrived;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> {
            co_await write_and_shut_down(both.second, sent);
            both.second.close();
        });
        co_await testing::wait_until_all_blocked();
        arrived = co_await read_to_end(both.first);
        std::array<std::byte, 1> more{};
        const std::size_t end = co_await both.first.read_some(more);
        EXPECT_EQ(end, 0U);
    });
    EXPECT_TRUE(arrived == sent);
}

// The bytes of a write that waits are in flight, and the peer says farewell: it reads all of them.
template <byte_stream Stream>
task<> expect_all_arrives(std::pair<Stream, Stream>& ends, std::size_t size) {
    auto both = co_await encrypted(ends);
    const std::string sent = numbered_text(size);
    std::string arrived;
    bool saw_the_end = false;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto writing = group.spawn([&]() -> task<> {
            co_await write_all(both.first, bytes_of(sent));
            const std::string nothing = co_await read_to_end(both.first);
            saw_the_end = nothing.empty();
            co_await both.first.shutdown();
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(writing.done());
        co_await both.second.shutdown();
        arrived = co_await read_to_end(both.second);
    });
    EXPECT_TRUE(arrived == sent);
    EXPECT_TRUE(saw_the_end);
}

EVERY_WORLD_TEST(T46, bytes_in_flight_when_the_peer_shuts_down_all_arrive) {
    auto ends = memory_stream_pair(700);
    co_await expect_all_arrives(ends, 3000);
}

TEST(T46, four_megabytes_in_flight_when_the_peer_shuts_down_all_arrive) {
    run_on_each_backend([]() -> task<> {
        auto ends = memory_stream_pair();
        co_await expect_all_arrives(ends, std::size_t{4} << 20);
        if (loop::current().is_simulated()) co_return;
        auto connection = co_await connected_tcp_streams();
        co_await expect_all_arrives(connection, std::size_t{16} << 20);
    });
}

// A peer that does not answer, and one that does not even read, is waited for as long as was said.
VIRTUAL_WORLD_TEST(Q6, farewell_of_the_peer_is_waited_for_no_longer_than_the_limit) {
    auto ends = memory_stream_pair(700);
    auto both = co_await encrypted(ends);
    const time_point start = now();
    bool answered = co_await both.first.shutdown_and_wait(3s);
    EXPECT_FALSE(answered);
    EXPECT_EQ(now() - start, 3s);

    co_await with_task_group([&](task_group& group) -> task<> {
        const std::string much = numbered_text(3000);
        auto writing = group.spawn([&]() -> task<> {
            const std::error_code code = co_await code_of(write_all(both.second, bytes_of(much)));
            EXPECT_EQ(code, errc::closed);
        });
        co_await testing::wait_until_all_blocked();
        const time_point again = now();
        answered = co_await both.second.shutdown_and_wait(5s);
        EXPECT_FALSE(answered);
        EXPECT_EQ(now() - again, 5s);
        EXPECT_FALSE(writing.done());
        both.second.close();
    });
}

// --- a handshake that fails ---------------------------------------------------------------------

// Tells how many of it are alive.
class counted_transport {
public:
    counted_transport(memory_stream inner, int& alive)
        : inner_{std::move(inner)}, counted_{alive} {}

    auto read_some(std::span<std::byte> buffer) { return inner_.read_some(buffer); }
    auto write_some(std::span<const std::byte> bytes) { return inner_.write_some(bytes); }
    auto shutdown() { return inner_.shutdown(); }
    void close() noexcept { inner_.close(); }
    [[nodiscard]] bool has_input() const noexcept { return inner_.has_input(); }

private:
    memory_stream inner_;
    counted_object counted_;
};

any_stream counted(memory_stream& inner, int& alive) {
    return any_stream{counted_transport{std::move(inner), alive}};
}

// The server is not trusted: both sides end, and nothing of either is left.
EVERY_WORLD_TEST(Q6, failed_handshake_leaves_nothing_on_either_side) {
    auto ends = memory_stream_pair();
    int alive = 0;
    any_stream near = counted(ends.first, alive);
    any_stream far = counted(ends.second, alive);
    auto opening = code_of(tls::connect(std::move(near), distrustful_context(), "localhost"));
    auto answering = code_of(tls::accept(std::move(far), server_context()));
    auto [opened, answered] = co_await gather(std::move(opening), std::move(answering));
    EXPECT_EQ(opened, tls::errc::incomplete_chain);
    EXPECT_EQ(answered, tls::errc::handshake_failed);
    EXPECT_EQ(alive, 0);
}

// Somebody who does not speak it, one who leaves in the middle, and a caller who does.
EVERY_WORLD_TEST(Q6, handshake_that_ends_in_the_middle_leaves_nothing) {
    int alive = 0;
    for (const bool speaks : {true, false}) {
        auto ends = memory_stream_pair();
        any_stream transport = counted(ends.first, alive);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const std::error_code code =
                    co_await code_of(tls::accept(std::move(transport), server_context()));
                EXPECT_EQ(code, speaks ? tls::errc::not_tls : tls::errc::closed_during_handshake);
            });
            if (speaks) co_await write_all(ends.second, bytes_of("GET / HTTP/1.1\r\n\r\n"));
            co_await ends.second.shutdown();
        });
        EXPECT_EQ(alive, 0);
    }
    auto ends = memory_stream_pair();
    any_stream transport = counted(ends.first, alive);
    co_await with_task_group([&](task_group& group) -> task<> {
        auto waiting = group.spawn([&]() -> task<> {
            co_await tls::connect(std::move(transport), client_context(), "localhost");
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_TRUE(ends.second.has_input());
        waiting.cancel();
        static_cast<void>(co_await as_outcome(waiting));
        EXPECT_TRUE(waiting.was_cancelled());
        EXPECT_EQ(alive, 0);
    });
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

task<> fail_over_tcp() {
    auto ends = co_await connected_tcp_streams();
    any_stream near{std::move(ends.first)};
    any_stream far{std::move(ends.second)};
    auto opening = code_of(tls::connect(std::move(near), distrustful_context(), "localhost"));
    auto answering = code_of(tls::accept(std::move(far), server_context()));
    auto [opened, answered] = co_await gather(std::move(opening), std::move(answering));
    EXPECT_EQ(opened, tls::errc::incomplete_chain);
    EXPECT_TRUE(answered);
}

// By the hundred: no descriptor, and no memory of OpenSSL's, which no sanitizer would call a leak
// if something still pointed to it. Seen to level off below 100 KiB in thousands of them; one
// certificate that stays is 2 KiB. (With sanitizers malloc does not count.)
TEST(Q6, failed_handshakes_do_not_add_up) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        const auto body = []() -> task<> {
            for (int warming_up = 0; warming_up != 20; ++warming_up) co_await fail_over_tcp();
            const std::size_t descriptors = open_descriptors();
            const std::size_t memory = ::mallinfo2().uordblks;
            for (int count = 0; count != 200; ++count) co_await fail_over_tcp();
            EXPECT_EQ(open_descriptors(), descriptors);
            EXPECT_LT(::mallinfo2().uordblks, memory + 200 * 1024);
        };
        run(body(), options_for(kind));
    }
}

}  // namespace
}  // namespace simul
