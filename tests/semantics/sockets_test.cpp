// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about a socket that was given to the library and then did not work out.
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/connected_sockets.hpp"
#include "support/every_world.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;

/// A socket that was given away, and has to be closed once by the time this looks at it.
class given_socket {
public:
    given_socket() {
        auto [ours, peer] = test::connected_sockets();
        number_ = ours.get();
        given_ = std::move(ours);
        peer_ = tcp_stream::adopt(std::move(peer));
    }

    /// The stream that owns the socket now.
    tcp_stream give() { return tcp_stream::adopt(std::move(given_)); }

    /// The peer reads the end, the number is free, and whoever has it next keeps it.
    task<> expect_closed_once() {
        co_await testing::wait_until_all_blocked();
        std::array<std::byte, 8> buffer{};
        const std::size_t end = co_await peer_.read_some(buffer);
        EXPECT_EQ(end, 0U);
        if (!loop::current().is_simulated()) co_await expect_that_the_number_can_be_used();
    }

private:
    // Real descriptors only: simulated numbers are not used a second time.
    task<> expect_that_the_number_can_be_used() {
        EXPECT_EQ(::fcntl(number_, F_GETFD), -1);
        auto [same, peer] = test::connected_sockets();
        if (peer.get() == number_) std::swap(same, peer);
        if (same.get() != number_) same.reset(::fcntl(same.get(), F_DUPFD_CLOEXEC, number_));
        EXPECT_EQ(same.get(), number_);
        tcp_stream reader = tcp_stream::adopt(std::move(same));
        tcp_stream writer = tcp_stream::adopt(std::move(peer));
        std::array<std::byte, 8> buffer{};
        co_await with_task_group([&](task_group& group) -> task<> {
            auto reading = group.spawn([&]() -> task<> {
                const std::size_t got = co_await reader.read_some(buffer);
                EXPECT_EQ(got, 1U);
            });
            co_await testing::wait_until_all_blocked();
            EXPECT_FALSE(reading.done()) << "woken by an event of the one before";
            constexpr std::array byte{std::byte{7}};
            static_cast<void>(co_await writer.write_some(byte));
        });
        EXPECT_NE(::fcntl(number_, F_GETFD), -1) << "closed a second time";
    }

    int number_ = -1;
    unique_fd given_;
    tcp_stream peer_;
};

task<> read_from(tcp_stream stream) {
    std::array<std::byte, 8> buffer{};
    co_await stream.read_some(buffer);
    ADD_FAILURE() << "nothing was sent";
}

// A task that owns the stream is cancelled while it reads.
EVERY_WORLD_TEST(O8, socket_of_a_cancelled_reader_is_closed_once) {
    given_socket socket;
    task_group group;
    auto reader = group.spawn(read_from(socket.give()));
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        reader.cancel();
    });
    co_await group.run();
    EXPECT_TRUE(reader.was_cancelled());
    co_await socket.expect_closed_once();
}

// It is cancelled before its first step, or its work is never started.
EVERY_WORLD_TEST(O8, socket_of_a_task_that_never_began_is_closed_once) {
    given_socket first;
    task_group group;
    auto reader = group.spawn(read_from(first.give()));
    EXPECT_TRUE(reader.cancel());
    co_await group.run();
    EXPECT_TRUE(reader.was_cancelled());
    co_await first.expect_closed_once();

    given_socket second;
    const auto nothing = co_await move_on_after(0s, read_from(second.give()));
    EXPECT_FALSE(nothing.has_value());
    co_await second.expect_closed_once();
}

// It fails after it has taken the socket over.
EVERY_WORLD_TEST(O8, socket_of_a_failed_task_is_closed_once) {
    given_socket socket;
    bool caught = false;
    const auto fail = [](tcp_stream stream) -> task<> {
        std::array<std::byte, 8> buffer{};
        static_cast<void>(co_await move_on_after(0s, stream.read_some(buffer)));
        throw std::runtime_error{"failed"};
    };
    try {
        co_await fail(socket.give());
    } catch (const std::runtime_error&) {
        caught = true;
    }
    EXPECT_TRUE(caught);
    co_await socket.expect_closed_once();
}

// It is closed while another task reads: that one is told, and nobody closes it again.
EVERY_WORLD_TEST(O8, socket_that_is_closed_under_its_reader_is_closed_once) {
    given_socket socket;
    bool told = false;
    {
        tcp_stream stream = socket.give();
        std::array<std::byte, 8> buffer{};
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                try {
                    co_await stream.read_some(buffer);
                } catch (const error& failure) {
                    told = failure.code() == errc::closed;
                }
            });
            co_await testing::wait_until_all_blocked();
            stream.close();
        });
    }
    EXPECT_TRUE(told);
    co_await socket.expect_closed_once();
}

}  // namespace
}  // namespace simul
