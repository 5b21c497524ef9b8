// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about a socket that was given to the library to be connected. Its number
// is the system's to give away again the moment it is closed.
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "io/socket_calls.hpp"
#include "simul/base/bytes.hpp"
#include "simul/base/config.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/world_sockets.hpp"

namespace simul {
namespace {

using test::held_socket;
using test::is_open;
using test::new_socket;
using test::to_give;

/// A listener whose queue is full: who connects to it waits.
class full_listener {
public:
    full_listener() : listener_{new_socket()}, where_{test::bind_anywhere(listener_)} {
        EXPECT_EQ(detail::listen_socket(listener_.get(), 0), 0);
        for (held_socket& each : clients_) {
            each = held_socket{detail::open_socket(AF_INET, SOCK_STREAM)};
            EXPECT_EQ(test::connect_to(each.get(), where_), -1);
            EXPECT_EQ(errno, EINPROGRESS);
        }
    }
    [[nodiscard]] endpoint where() const { return where_; }

private:
    held_socket listener_;
    endpoint where_;
    std::array<held_socket, 3> clients_;
};

/// A connection through a socket of ours that has this number, which has to be free. The simulated
/// world gives no number twice, so there it has the next one.
class reused_number {
public:
    explicit reused_number(int number) : number_{number} {
        EXPECT_FALSE(is_open(number)) << "it was to be closed";
        held_socket made = new_socket();
        if (detail::simulated_world() != nullptr) {
            number_ = made.get();
        } else if (made.get() != number) {
            made = held_socket{::fcntl(made.get(), F_DUPFD_CLOEXEC, number)};
        }
        EXPECT_EQ(made.get(), number_);
        fresh_ = std::move(made);
    }

    /// Connects it and waits on it while bytes go both ways.
    task<> expect_that_it_works() {
        const endpoint any{ip_address::loopback_v4(), 0};
        tcp_listener listener = tcp_listener::bind(any);
        tcp_stream client = co_await connect(to_give(std::move(fresh_)), listener.local_endpoint());
        auto [server, peer] = co_await listener.accept();
        EXPECT_EQ(client.local_endpoint(), peer);
        std::array<std::byte, 8> buffer{};
        std::size_t got = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto reading = group.spawn([&]() -> task<> {
                const std::size_t count = co_await client.read_some(buffer);
                got = count;
            });
            co_await testing::wait_until_all_blocked();
            EXPECT_FALSE(reading.done()) << "woken by an event of the one before";
            co_await write_all(client, bytes_of("up"));
            co_await write_all(server, bytes_of("down"));
        });
        EXPECT_EQ(text_of(std::span{buffer}.first(got)), "down");
        EXPECT_TRUE(is_open(number_)) << "closed by the one before";
        client.close();
        EXPECT_FALSE(is_open(number_));
    }

private:
    int number_;
    held_socket fresh_;
};

// It is cancelled while the connection is being made.
EVERY_WORLD_TEST(T64, socket_of_a_cancelled_connect_is_closed_once) {
    const full_listener full;
    held_socket given = new_socket();
    const int number = given.get();
    task_group group;
    auto connecting = group.spawn(connect(to_give(std::move(given)), full.where()));
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(connecting.done());
        EXPECT_TRUE(is_open(number));
        connecting.cancel();
    });
    co_await group.run();
    EXPECT_TRUE(connecting.was_cancelled());
    reused_number later{number};
    co_await later.expect_that_it_works();
}

// The request comes in the turn in which the connection is begun, or before the call has begun.
EVERY_WORLD_TEST(T64, socket_of_a_connect_that_is_cancelled_at_once_is_closed_once) {
    const full_listener full;
    held_socket given = new_socket();
    const int number = given.get();
    {
        task_group group;
        auto connecting = group.spawn(connect(to_give(std::move(given)), full.where()));
        connecting.cancel();
        co_await group.run();
        EXPECT_TRUE(connecting.was_cancelled());
    }
    reused_number later{number};
    co_await later.expect_that_it_works();
}

// The call is described and never awaited.
EVERY_WORLD_TEST(T64, socket_of_a_connect_that_was_never_awaited_is_closed_once) {
    const full_listener full;
    held_socket given = new_socket();
    const int number = given.get();
    {
        std::optional dropped{connect(to_give(std::move(given)), full.where())};
        EXPECT_TRUE(is_open(number));
        ::testing::internal::CaptureStderr();
        dropped.reset();
        const std::string report = ::testing::internal::GetCapturedStderr();
        const bool is_reported = report.find("without ever being awaited") != std::string::npos;
        EXPECT_EQ(is_reported, SIMUL_DEBUG != 0);
    }
    reused_number later{number};
    co_await later.expect_that_it_works();
}

// It is the branch of a select that loses.
EVERY_WORLD_TEST(T64, socket_of_a_connect_that_loses_is_closed_once) {
    const full_listener full;
    held_socket given = new_socket();
    const int number = given.get();
    const auto won = co_await select(connect(to_give(std::move(given)), full.where()), yield_now());
    EXPECT_EQ(won.index(), 1U);
    reused_number later{number};
    co_await later.expect_that_it_works();
}

// It is refused: the error names the address, and the socket is closed by then.
EVERY_WORLD_TEST(T64, socket_of_a_refused_connect_is_closed_once) {
    const held_socket nobody = new_socket();
    const endpoint there = test::bind_anywhere(nobody);
    held_socket given = new_socket();
    const int number = given.get();
    bool refused = false;
    try {
        static_cast<void>(co_await connect(to_give(std::move(given)), there));
    } catch (const std::system_error& error) {
        refused = error.code() == std::errc::connection_refused;
        EXPECT_NE(std::string{error.what()}.find(there.to_string()), std::string::npos);
    }
    EXPECT_TRUE(refused);
    reused_number later{number};
    co_await later.expect_that_it_works();
}

}  // namespace
}  // namespace simul
