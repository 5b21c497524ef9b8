// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about a cancelled receive. It is told of WebSockets, which there are
// none of here yet: when they come they must take the same tests, message by message. Until then
// what receives messages is a buffered reader: it takes lines, blocks of a known size, and frames
// that begin with their length.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/connected_streams.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

#include "encrypted.hpp"

namespace simul {
namespace {

// Three ways to send "hello", and to receive it.

struct lines {
    static constexpr std::string_view bytes = "hello\r\n";

    template <byte_stream Stream>
    static task<std::string> receive(buffered_reader<Stream>& reader) {
        return reader.read_line();
    }
};

struct blocks {
    static constexpr std::string_view bytes = "hello";

    template <byte_stream Stream>
    static task<std::string> receive(buffered_reader<Stream>& reader) {
        std::string message(bytes.size(), '\0');
        co_await reader.read_exactly(std::as_writable_bytes(std::span{message}));
        co_return message;
    }
};

// The length is looked at and taken together with what it announces: between two reads a
// cancellation would leave the reader in the middle of a frame.
struct frames {
    static constexpr std::string_view bytes{"\0\0\0\5hello", 9};

    template <byte_stream Stream>
    static task<std::string> receive(buffered_reader<Stream>& reader) {
        const auto head = co_await reader.peek(4);
        std::size_t size = 0;
        for (const std::byte each : head.first(4)) {
            size = size << 8U | std::to_integer<std::size_t>(each);
        }
        std::string frame(4 + size, '\0');
        co_await reader.read_exactly(std::as_writable_bytes(std::span{frame}));
        co_return frame.substr(4);
    }
};

using messages = std::vector<std::string>;

// A receive is cancelled when the first bytes of a message have come: all of its numbers are tried.
// The next receive gives the message, then the one behind it, and the way back is open as well.
template <class Kind, byte_stream Stream>
task<> receive_is_cancelled_within_a_message(Stream& near, Stream& far) {
    buffered_reader reader{near};
    messages got;
    const auto receive = [&]() -> task<> {
        std::string message = co_await Kind::receive(reader);
        got.push_back(std::move(message));
    };
    for (std::size_t came = 0; came != Kind::bytes.size(); ++came) {
        got.clear();
        task_handle<void> cancelled;
        co_await with_task_group([&](task_group& group) -> task<> {
            cancelled = group.spawn(receive());
            co_await write_all(far, bytes_of(Kind::bytes.substr(0, came)));
            co_await testing::wait_until_all_blocked();
            cancelled.cancel();
        });
        EXPECT_TRUE(cancelled.was_cancelled());
        EXPECT_FALSE(near.has_input());
        EXPECT_EQ(got, messages{});
        co_await write_all(far, bytes_of(Kind::bytes.substr(came)));
        co_await receive();
        co_await write_all(far, bytes_of(Kind::bytes));
        co_await receive();
        EXPECT_EQ(got, (messages{"hello", "hello"}));
        EXPECT_TRUE(reader.buffered().empty());
        co_await write_all(near, bytes_of("!"));
        std::array<std::byte, 4> answer{};
        const std::size_t count = co_await far.read_some(answer);
        EXPECT_EQ(text_of(std::span{answer}.first(count)), "!");
    }
}

// A message comes in the very turn in which the receive is cancelled: it goes to this receive or
// to the next one, never to both and never to neither.
template <class Kind, byte_stream Stream>
task<> receive_is_cancelled_as_a_message_comes(Stream& near, Stream& far) {
    buffered_reader reader{near};
    for (const bool is_cancelled_first : {false, true}) {
        messages got;
        const auto receive = [&]() -> task<> {
            std::string message = co_await Kind::receive(reader);
            got.push_back(std::move(message));
        };
        co_await with_task_group([&](task_group& group) -> task<> {
            auto cancelled = group.spawn(receive());
            co_await testing::wait_until_all_blocked();
            if (is_cancelled_first) cancelled.cancel();
            co_await write_all(far, bytes_of(Kind::bytes));
            cancelled.cancel();
        });
        if (got.empty()) co_await receive();
        EXPECT_EQ(got, messages{"hello"});
        EXPECT_TRUE(reader.buffered().empty());
        EXPECT_FALSE(near.has_input());
    }
}

enum class told { before, then, afterwards };

// A receive is a branch of a select, and the other branch comes in the very turn of the message: if
// that one has won, the message belongs to the next receive.
template <class Kind, byte_stream Stream>
task<> receive_loses_as_a_message_comes(Stream& near, Stream& far) {
    buffered_reader reader{near};
    for (const told when : {told::before, told::then, told::afterwards}) {
        event stop;
        std::optional<std::string> got;
        co_await with_task_group([&](task_group& group) -> task<> {
            if (when == told::before) {
                stop.set();
                co_await write_all(far, bytes_of(Kind::bytes));
            }
            group.spawn([&]() -> task<> {
                auto first = co_await select(stop.wait(), Kind::receive(reader));
                if (first.index() == 1) got = std::get<1>(std::move(first));
            });
            co_await testing::wait_until_all_blocked();
            if (when == told::before) co_return;
            if (when == told::then) stop.set();
            co_await write_all(far, bytes_of(Kind::bytes));
            stop.set();
        });
        if (!got) got = co_await Kind::receive(reader);
        EXPECT_EQ(got, "hello");
        EXPECT_TRUE(reader.buffered().empty());
        EXPECT_FALSE(near.has_input());
    }
}

template <byte_stream Stream>
task<> receives_are_cancelled(Stream near, Stream far) {
    co_await receive_is_cancelled_within_a_message<lines>(near, far);
    co_await receive_is_cancelled_within_a_message<blocks>(near, far);
    co_await receive_is_cancelled_within_a_message<frames>(near, far);
    co_await receive_is_cancelled_as_a_message_comes<lines>(near, far);
    co_await receive_is_cancelled_as_a_message_comes<blocks>(near, far);
    co_await receive_is_cancelled_as_a_message_comes<frames>(near, far);
    co_await receive_loses_as_a_message_comes<lines>(near, far);
    co_await receive_loses_as_a_message_comes<blocks>(near, far);
    co_await receive_loses_as_a_message_comes<frames>(near, far);
}

EVERY_WORLD_TEST(T75, cancelled_receive_keeps_the_connection_and_the_next_line) {
    auto [near, far] = memory_stream_pair();
    co_await receive_is_cancelled_within_a_message<lines>(near, far);
    co_await receive_is_cancelled_as_a_message_comes<lines>(near, far);
}

EVERY_WORLD_TEST(T75, cancelled_receive_keeps_the_connection_and_the_next_block) {
    auto [near, far] = memory_stream_pair();
    co_await receive_is_cancelled_within_a_message<blocks>(near, far);
    co_await receive_is_cancelled_as_a_message_comes<blocks>(near, far);
}

EVERY_WORLD_TEST(T75, cancelled_receive_keeps_the_connection_and_the_next_frame) {
    auto [near, far] = memory_stream_pair();
    co_await receive_is_cancelled_within_a_message<frames>(near, far);
    co_await receive_is_cancelled_as_a_message_comes<frames>(near, far);
}

EVERY_WORLD_TEST(T75, receive_that_loses_a_select_leaves_the_message_to_the_next_one) {
    auto [near, far] = memory_stream_pair();
    co_await receive_loses_as_a_message_comes<lines>(near, far);
    co_await receive_loses_as_a_message_comes<blocks>(near, far);
    co_await receive_loses_as_a_message_comes<frames>(near, far);
}

EVERY_WORLD_TEST(T75, cancelled_receive_of_a_socket_loses_nothing_either) {
    auto [near, far] = co_await test::connected_tcp_streams();
    co_await receive_is_cancelled_as_a_message_comes<frames>(near, far);
    co_await receive_loses_as_a_message_comes<lines>(near, far);
}

TEST(T75, it_is_the_same_on_sockets_and_under_encryption) {
    for (const backend_kind backend : test::test_backends()) {
        SCOPED_TRACE(test::name_of(backend));
        run(
            []() -> task<> {
                auto [near, far] = co_await test::connected_tcp_streams();
                co_await receives_are_cancelled(std::move(near), std::move(far));
            }(),
            test::options_for(backend));
        run(
            []() -> task<> {
                auto [near, far] = co_await test::encrypted_streams();
                co_await receives_are_cancelled(std::move(near), std::move(far));
            }(),
            test::options_for(backend));
    }
}

}  // namespace
}  // namespace simul
