// SPDX-License-Identifier: Apache-2.0
//
// When the io_uring backend makes a send at once, and when it submits it (ADR 0016).
#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "runtime/backends/backends.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/runtime/backend.hpp"
#include "support/counted_operation.hpp"

namespace simul {
namespace {

using test::counted_operation;

class io_uring_send : public testing::Test {
protected:
    void SetUp() override {
        std::string reason;
        backend_ = simul::detail::make_io_uring_backend(waited_for_by::itself, reason);
        if (backend_ == nullptr) GTEST_SKIP() << "io_uring cannot run here: " << reason;
    }

    /// Two connected sockets; those of a test are closed with it.
    std::array<int, 2> connect() {
        std::array<int, 2> made{-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, made.data()), 0);
        for (const int each : made) sockets_.emplace_back(each);
        return made;
    }

    void poll_until_done(const operation& awaited) {
        while (awaited.state != operation_state::completed) backend_->poll(time_point::max());
    }

    std::array<std::byte, 16> bytes_{};
    std::vector<unique_fd> sockets_;
    std::unique_ptr<backend> backend_;
};

TEST_F(io_uring_send, is_made_at_once_when_it_is_alone) {
    const auto [left, right] = connect();
    counted_operation send{opcode::send, left, bytes_.data(), bytes_.size()};
    EXPECT_TRUE(backend_->submit(send));
    EXPECT_EQ(send.state, operation_state::completed);
    EXPECT_EQ(send.result, 16);
    EXPECT_EQ(send.completions, 0);
    EXPECT_EQ(backend_->in_flight(), 0U);
    std::array<std::byte, 32> received{};
    EXPECT_EQ(::recv(right, received.data(), received.size(), 0), 16);
}

TEST_F(io_uring_send, fails_at_once_when_nobody_can_receive_it) {
    const auto [left, right] = connect();
    ASSERT_EQ(::shutdown(left, SHUT_WR), 0);
    counted_operation send{opcode::send, left, bytes_.data(), bytes_.size()};
    EXPECT_TRUE(backend_->submit(send));
    EXPECT_EQ(send.result, -EPIPE);
}

TEST_F(io_uring_send, is_submitted_beside_others_that_wait_to_be_submitted) {
    const auto [left, right] = connect();
    counted_operation receive{opcode::receive, left, bytes_.data(), bytes_.size()};
    ASSERT_FALSE(backend_->submit(receive));
    std::array<std::byte, 8> sent{};
    counted_operation send{opcode::send, left, sent.data(), sent.size()};
    EXPECT_FALSE(backend_->submit(send));
    poll_until_done(send);
    EXPECT_EQ(send.result, 8);
    EXPECT_EQ(send.completions, 1);
    EXPECT_TRUE(backend_->cancel(receive) || (poll_until_done(receive), true));
}

TEST_F(io_uring_send, is_submitted_after_a_poll_that_ended_several_operations) {
    std::array<std::array<int, 2>, 2> pairs{connect(), connect()};
    std::vector<std::unique_ptr<counted_operation>> receives;
    std::array<std::array<std::byte, 4>, 2> buffers{};
    for (std::size_t i = 0; i != 2; ++i) {
        receives.push_back(std::make_unique<counted_operation>(
            opcode::receive, pairs[i][0], buffers[i].data(), buffers[i].size()));
        ASSERT_FALSE(backend_->submit(*receives.back()));
        ASSERT_EQ(::send(pairs[i][1], "abcd", 4, 0), 4);
    }
    backend_->poll(time_point::max());
    ASSERT_EQ(receives[0]->completions + receives[1]->completions, 2);
    counted_operation send{opcode::send, pairs[0][0], bytes_.data(), bytes_.size()};
    EXPECT_FALSE(backend_->submit(send));
    poll_until_done(send);
    EXPECT_EQ(send.result, 16);
}

TEST_F(io_uring_send, waits_for_room_like_any_other) {
    const auto [left, right] = connect();
    std::vector<std::byte> plenty(std::size_t{1} << 20);
    while (::send(left, plenty.data(), plenty.size(), 0) > 0) {
    }
    counted_operation send{opcode::send, left, bytes_.data(), bytes_.size()};
    EXPECT_FALSE(backend_->submit(send));
    backend_->poll(time_point::min());
    EXPECT_EQ(send.state, operation_state::in_flight);
    while (::recv(right, plenty.data(), plenty.size(), 0) > 0) {
    }
    poll_until_done(send);
    EXPECT_EQ(send.result, 16);
}

TEST_F(io_uring_send, keeps_its_place_behind_one_that_waits_on_the_same_descriptor) {
    const auto [left, right] = connect();
    std::vector<std::byte> plenty(std::size_t{1} << 20);
    while (::send(left, plenty.data(), plenty.size(), 0) > 0) {
    }
    counted_operation first{opcode::send, left, bytes_.data(), bytes_.size()};
    ASSERT_FALSE(backend_->submit(first));
    backend_->poll(time_point::min());
    while (::recv(right, plenty.data(), plenty.size(), 0) > 0) {
    }
    counted_operation second{opcode::send, left, bytes_.data(), bytes_.size()};
    EXPECT_FALSE(backend_->submit(second));
    poll_until_done(second);
    EXPECT_EQ(first.state, operation_state::completed);
}

}  // namespace
}  // namespace simul
