// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about a server of HTTP: how far it reads ahead, when it hangs up, and
// what becomes of an answer that was begun.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "serve/server.hpp"
#include "simul/base/bytes.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/connected_sockets.hpp"
#include "support/connected_streams.hpp"
#include "support/every_world.hpp"
#include "support/jumping_clock.hpp"
#include "support/stream_tools.hpp"

#include "serving.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::get_request;
using test::next_answer;
using test::now;
using test::received_answer;
using test::served_connection;

// --- requests ahead of their answers ----------------------------------------------------------

// What the server may have read and not answered: the size of its buffer.
constexpr std::size_t read_ahead = std::size_t{16} * 1024;

// Each direction holds `capacity` bytes. The handler is slow at first; then the answers wait for a
// client that does not read them, and in the end for nobody.
task<> ask_ahead(std::size_t count, std::size_t capacity) {
    const std::size_t bound = std::min(read_ahead, capacity);
    auto ends = memory_stream_pair(capacity);
    served_connection server;
    server.content.body_size = 400;
    std::string text;
    for (std::size_t number = 0; number != count; ++number) {
        const std::string target = "/" + std::to_string(number);
        std::string padding{"X-Padding: "};
        padding.append(400, 'x').append("\r\n");
        text.append(get_request(target, padding));
    }
    const std::size_t size_of_one = text.size() / count;
    std::size_t sent = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(server.serve(std::move(ends.second)));
        auto sender = group.spawn([&]() -> task<> {
            while (sent != text.size()) {
                const auto rest = bytes_of(text).subspan(sent);
                const std::size_t taken = co_await ends.first.write_some(rest);
                sent += taken;
            }
        });
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(server.content.targets.size(), 1U);
        EXPECT_FALSE(sender.done());
        EXPECT_EQ(ends.first.unread_by_peer(), capacity);
        EXPECT_LE(sent - capacity, bound);

        server.content.go.set();
        co_await testing::wait_until_all_blocked();
        const std::size_t begun = server.content.targets.size();
        EXPECT_LT(begun, capacity / server.content.body_size + 2);
        EXPECT_FALSE(sender.done());
        EXPECT_LE(sent - capacity, bound + begun * (size_of_one + 8));

        std::string ahead;
        for (std::size_t number = 0; number != count; ++number) {
            const received_answer answered = co_await next_answer(ends.first, ahead);
            EXPECT_EQ(answered.body, server.content.body_of("/" + std::to_string(number)));
        }
        EXPECT_EQ(ahead, "");
        EXPECT_TRUE(sender.done());
        ends.first.close();
    });
    EXPECT_EQ(server.content.targets.size(), count);
}

EVERY_WORLD_TEST(T71, requests_behind_a_slow_handler_wait_at_their_sender) {
    co_await ask_ahead(10, 800);
}

TEST(T71, queue_of_500_pipelined_requests_stays_bounded) {
    test::run_on_each_backend([] { return ask_ahead(500, std::size_t{20} * 1024); });
}

// --- the timer of an idle connection ----------------------------------------------------------

enum class transport { memory, socket };

// A connection that is new, or idle after its first request.
class idle_connection {
public:
    void open(task_group& group, transport over) {
        if (over == transport::socket) {
            auto [ours, theirs] = test::connected_sockets();
            client = any_stream{tcp_stream::adopt(std::move(ours))};
            group.spawn(server.serve(tcp_stream::adopt(std::move(theirs))));
        } else {
            auto [ours, theirs] = memory_stream_pair();
            client = any_stream{std::move(ours)};
            group.spawn(server.serve(std::move(theirs)));
        }
        server.content.go.set();
    }

    task<> ask_once() {
        co_await write_all(client, bytes_of(get_request("/first")));
        const received_answer answered = co_await next_answer(client, ahead_);
        EXPECT_EQ(answered.status, 200);
    }

    task<> expect_answer() {
        const received_answer answered = co_await next_answer(client, ahead_);
        EXPECT_EQ(answered.status, 200);
        EXPECT_EQ(answered.body, server.content.body_of("/last"));
    }

    served_connection server;
    any_stream client;

private:
    std::string ahead_;
};

// The request has come when the time is over and the handler of the connection has not woken yet.
VIRTUAL_WORLD_TEST(T72, request_that_came_just_before_the_timer_is_served) {
    for (const transport over : {transport::memory, transport::socket}) {
        for (const bool is_new : {false, true}) {
            idle_connection here;
            co_await with_task_group([&](task_group& group) -> task<> {
                here.open(group, over);
                if (!is_new) co_await here.ask_once();
                co_await testing::wait_until_all_blocked();
                const duration patience =
                    is_new ? here.server.options.head : here.server.options.idle;
                co_await write_all(here.client, bytes_of(get_request("/last")));
                test::advance_clock(patience);
                co_await here.expect_answer();
                here.client.close();
            });
        }
    }
}

// Of an idle connection it is enough if the request has begun; it has its own time to end.
VIRTUAL_WORLD_TEST(T72, request_that_began_just_before_the_timer_is_served) {
    for (const transport over : {transport::memory, transport::socket}) {
        idle_connection here;
        co_await with_task_group([&](task_group& group) -> task<> {
            here.open(group, over);
            co_await here.ask_once();
            co_await testing::wait_until_all_blocked();
            const std::string text = get_request("/last");
            co_await write_all(here.client, bytes_of(text.substr(0, 9)));
            test::advance_clock(here.server.options.idle);
            co_await sleep_for(here.server.options.head - 1ms);
            co_await write_all(here.client, bytes_of(text.substr(9)));
            co_await here.expect_answer();
            here.client.close();
        });
    }
}

// Client and server wake in the same turn: the one to send, the other one to hang up. A request
// that can still be sent is answered. The timers are armed in either order, so that in first in,
// first out the server comes first once, and once the client.
VIRTUAL_WORLD_TEST(T72, request_that_comes_with_the_timer_is_served_or_cannot_be_sent) {
    for (const transport over : {transport::memory, transport::socket}) {
        for (const bool is_armed_first : {false, true}) {
            idle_connection here;
            co_await with_task_group([&](task_group& group) -> task<> {
                here.open(group, over);
                const time_point due = now() + here.server.options.idle;
                const auto send = [&]() -> task<> {
                    co_await sleep_until(due);
                    const std::error_code code = co_await test::code_of(
                        write_all(here.client, bytes_of(get_request("/last"))));
                    if (code == std::error_code{}) {
                        co_await here.expect_answer();
                    } else {
                        EXPECT_EQ(code, std::errc::broken_pipe);
                        EXPECT_EQ(here.server.content.targets.size(), 1U);
                    }
                    here.client.close();
                };
                std::optional<task_handle<void>> sender;
                if (is_armed_first) sender = group.spawn(send());
                co_await here.ask_once();
                co_await testing::wait_until_all_blocked();
                EXPECT_LT(now(), due);
                if (!sender) sender = group.spawn(send());
                co_await *sender;
            });
        }
    }
}

// The kernel has the request, and the loop comes to look for it when the time is over.
TEST(T72, request_that_waits_in_the_kernel_is_served) {
    for (const backend_kind backend : test::real_backends()) {
        SCOPED_TRACE(test::name_of(backend));
        bool was_in_time = false;
        const auto attempt = [&was_in_time](duration idle) -> task<> {
            served_connection server;
            server.content.go.set();
            co_await with_task_group([&](task_group& group) -> task<> {
                auto ends = co_await test::connected_tcp_streams();
                server.options.idle = idle;
                group.spawn(server.serve(std::move(ends.second)));
                std::string ahead;
                co_await write_all(ends.first, bytes_of(get_request("/first")));
                const time_point asked = now();
                received_answer answered = co_await next_answer(ends.first, ahead);
                co_await testing::wait_until_all_blocked();
                const std::error_code code =
                    co_await test::code_of(write_all(ends.first, bytes_of(get_request("/last"))));
                was_in_time = now() - asked < idle && code == std::error_code{};
                if (was_in_time) {
                    while (now() - asked < 2 * idle) std::this_thread::yield();
                    answered = co_await next_answer(ends.first, ahead);
                    EXPECT_EQ(answered.body, server.content.body_of("/last"));
                }
                ends.first.close();
            });
        };
        // On a slow machine the time may be over before.
        for (duration idle = 5ms; !was_in_time && idle < 10s; idle *= 2) {
            run(attempt(idle), test::options_for(backend));
        }
        EXPECT_TRUE(was_in_time);
    }
}

// --- stopping ---------------------------------------------------------------------------------

// Whether the handler or the sending of a long body is what lasts: the client gets all of it, and
// is told that it was the last.
EVERY_WORLD_TEST(T74, stop_while_a_handler_runs_lets_its_client_have_the_answer) {
    for (const std::size_t body_size : {10U, 5000U}) {
        auto ends = memory_stream_pair(1000);
        served_connection server;
        server.content.body_size = body_size;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto serving = group.spawn(server.serve(std::move(ends.second)));
            co_await write_all(ends.first, bytes_of(get_request("/one") + get_request("/two")));
            co_await testing::wait_until_all_blocked();
            if (body_size > 1000) server.content.go.set();
            co_await testing::wait_until_all_blocked();
            server.stopping.set();
            co_await testing::wait_until_all_blocked();
            EXPECT_FALSE(serving.done());
            server.content.go.set();
            std::string ahead;
            const received_answer answered = co_await next_answer(ends.first, ahead);
            EXPECT_EQ(answered.status, 200);
            EXPECT_EQ(answered.body, server.content.body_of("/one"));
            EXPECT_EQ(answered.fields.has_token("connection", "close"), body_size <= 1000);
            const std::string rest = co_await test::read_to_end(ends.first);
            EXPECT_EQ(ahead + rest, "");
            ends.first.close();
        });
        EXPECT_EQ(server.content.targets.size(), 1U);
    }
}

// The whole server, told to stop by its task's end: nobody else can connect meanwhile.
EVERY_WORLD_TEST(T74, server_that_is_cancelled_lets_a_handler_answer) {
    tcp_listener listener = tcp_listener::bind(test::any_loopback_port());
    const endpoint where = listener.local_endpoint();
    test::held_site content;
    const program::server_options options;
    task_handle<void> serving;
    co_await with_task_group([&](task_group& group) -> task<> {
        serving = group.spawn(program::serve_site(listener, content, options));
        tcp_stream client = tcp_stream::adopt(co_await test::connect_socket(where));
        co_await write_all(client, bytes_of(get_request("/one")));
        while (content.targets.empty()) co_await yield_now();
        serving.cancel();
        co_await test::some_turns(5);
        const std::error_code refused = co_await test::code_of(test::connect_socket(where));
        EXPECT_EQ(refused, std::errc::connection_refused);
        EXPECT_FALSE(serving.done());
        content.go.set();
        std::string ahead;
        const received_answer answered = co_await next_answer(client, ahead);
        EXPECT_EQ(answered.body, content.body_of("/one"));
        EXPECT_TRUE(answered.fields.has_token("connection", "close"));
        const std::string rest = co_await test::read_to_end(client);
        EXPECT_EQ(ahead + rest, "");
        client.close();
    });
    EXPECT_TRUE(serving.was_cancelled());
}

}  // namespace
}  // namespace simul
