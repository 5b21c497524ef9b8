// SPDX-License-Identifier: Apache-2.0
//
// What the simulated backend promises beyond the contract that the conformance suite checks.
#include "runtime/backends/simulated.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>

#include "support/simulated_names.hpp"

namespace simul::detail {
namespace {

using namespace std::chrono_literals;

struct counted : operation {
    counted(opcode what, int fd, void* data, std::size_t length) noexcept
        : operation{what, fd, data, length,
                    [](operation& self) noexcept { ++static_cast<counted&>(self).completions; }} {}
    int completions = 0;
};

class simulated_world : public testing::Test {
protected:
    int run(opcode code, int descriptor, void* data, std::size_t size) {
        counted request{code, descriptor, data, size};
        if (!world.submit(request)) {
            world.poll(time_point::min());
            if (request.completions == 0) {
                if (!world.cancel(request)) world.poll(time_point::min());
                ADD_FAILURE() << "the operation waits";
            }
        }
        return request.result;
    }
    int send(int descriptor, std::string text) {
        return run(opcode::send, descriptor, text.data(), text.size());
    }
    int connect(int descriptor, int listener) {
        test::simulated_name name = test::local_name_of(world, listener);
        return run(opcode::connect, descriptor, &name.bytes, name.size);
    }

    simulated_backend world;
};

using simulated_backend_death = simulated_world;

// Time.

TEST_F(simulated_world, starts_at_a_fixed_time_and_stands_still_by_itself) {
    EXPECT_EQ(world.now(), simulated_backend::start());
    world.poll(time_point::min());
    EXPECT_EQ(world.now(), simulated_backend::start());
}

TEST_F(simulated_world, poll_with_nothing_to_report_jumps_to_its_deadline) {
    const time_point deadline = world.now() + 1000h;
    world.poll(deadline);
    EXPECT_EQ(world.now(), deadline);
    world.poll(deadline - 1h);
    EXPECT_EQ(world.now(), deadline) << "time never goes back";
}

TEST_F(simulated_world, a_completion_keeps_time_from_jumping) {
    auto [left, right] = world.open_pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(world.submit(request));
    EXPECT_EQ(send(left, "x"), 1);
    world.poll(world.now() + 1h);
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(world.now(), simulated_backend::start());
}

TEST_F(simulated_world, a_wake_keeps_time_from_jumping_once) {
    world.wake();
    world.poll(world.now() + 1h);
    EXPECT_EQ(world.now(), simulated_backend::start());
    world.poll(world.now() + 1h);
    EXPECT_EQ(world.now(), simulated_backend::start() + 1h);
}

// Being stuck.

TEST_F(simulated_world, is_stuck_when_a_wait_without_limit_can_never_end) {
    auto [left, right] = world.open_pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(world.submit(request));
    EXPECT_FALSE(world.stuck());
    world.poll(time_point::max());
    EXPECT_TRUE(world.stuck());
    EXPECT_EQ(send(left, "x"), 1);
    world.poll(time_point::max());
    EXPECT_FALSE(world.stuck());
    EXPECT_EQ(request.completions, 1);
}

TEST_F(simulated_world, is_not_stuck_after_a_wake_or_with_a_deadline) {
    world.wake();
    world.poll(time_point::max());
    EXPECT_FALSE(world.stuck());
    world.poll(world.now() + 1h);
    EXPECT_FALSE(world.stuck());
    world.poll(time_point::min());
    EXPECT_FALSE(world.stuck());
}

TEST_F(simulated_world, waits_for_other_threads_when_told_to_expect_them) {
    world.expect_external_events(true);
    std::atomic<bool> posted{false};
    std::thread other{[&] {
        posted.store(true);
        world.wake();
    }};
    world.poll(world.now() + 1h);
    EXPECT_TRUE(posted.load()) << "the poll returned before the wake";
    other.join();
    EXPECT_EQ(world.now(), simulated_backend::start()) << "time stood still meanwhile";
    EXPECT_FALSE(world.stuck());
    world.expect_external_events(false);
    world.poll(time_point::max());
    EXPECT_TRUE(world.stuck());
}

// Descriptors.

TEST_F(simulated_world, descriptors_count_up_and_are_never_used_twice) {
    auto [left, right] = world.open_pair();
    EXPECT_EQ(left, simulated_backend::first_descriptor);
    EXPECT_EQ(right, simulated_backend::first_descriptor + 1);
    world.close(left);
    EXPECT_EQ(world.open_listener(), simulated_backend::first_descriptor + 2);
    EXPECT_EQ(send(left, "x"), -EBADF);
}

TEST_F(simulated_world, real_descriptors_do_not_exist_in_it) {
    char byte = 0;
    EXPECT_EQ(run(opcode::read, 0, &byte, 1), -EBADF);
    world.set_completion_shape(true);
    EXPECT_EQ(run(opcode::read, 0, &byte, 1), -EBADF);
}

TEST_F(simulated_world, a_stream_holds_as_many_bytes_as_its_capacity) {
    auto [left, right] = world.open_pair(10);
    EXPECT_EQ(send(left, "0123456"), 7);
    EXPECT_EQ(send(left, "789abc"), 3) << "what fits";
    std::array<char, 16> buffer{};
    EXPECT_EQ(run(opcode::receive, right, buffer.data(), buffer.size()), 10);
    EXPECT_EQ(std::string(buffer.data(), 10), "0123456789");
}

TEST_F(simulated_world, a_reset_is_told_once_to_each_end_and_loses_what_was_not_read) {
    auto [left, right] = world.open_pair();
    EXPECT_EQ(send(left, "lost"), 4);
    char byte = 0;
    counted waiting{opcode::receive, left, &byte, 1};
    EXPECT_FALSE(world.submit(waiting));
    world.reset(right);
    world.poll(time_point::min());
    EXPECT_EQ(waiting.completions, 1);
    EXPECT_EQ(waiting.result, -ECONNRESET);
    EXPECT_EQ(send(left, "x"), -EPIPE);
    EXPECT_EQ(run(opcode::receive, left, &byte, 1), 0);
    EXPECT_EQ(run(opcode::receive, right, &byte, 1), -ECONNRESET);
    EXPECT_EQ(run(opcode::receive, right, &byte, 1), 0);
}

TEST_F(simulated_world, a_half_closed_stream_still_receives) {
    auto [left, right] = world.open_pair();
    world.shutdown_write(left);
    EXPECT_EQ(send(left, "x"), -EPIPE);
    EXPECT_EQ(send(right, "y"), 1);
    char byte = 0;
    EXPECT_EQ(run(opcode::receive, left, &byte, 1), 1);
    EXPECT_EQ(run(opcode::receive, right, &byte, 1), 0);
}

TEST_F(simulated_world, a_connect_waits_while_the_backlog_is_full) {
    const int listener = world.open_listener(1);
    EXPECT_EQ(connect(world.open_socket(), listener), 0);
    test::simulated_name name = test::local_name_of(world, listener);
    counted second{opcode::connect, world.open_socket(), &name.bytes, name.size};
    EXPECT_FALSE(world.submit(second));
    world.poll(time_point::min());
    EXPECT_EQ(second.completions, 0);
    EXPECT_GE(run(opcode::accept, listener, nullptr, 0), simulated_backend::first_descriptor);
    world.poll(time_point::min());
    EXPECT_EQ(second.completions, 1);
    EXPECT_EQ(second.result, 0);
}

TEST_F(simulated_world, closing_a_listener_resets_its_backlog_and_refuses_who_waits) {
    const int listener = world.open_listener(1);
    const int queued = world.open_socket();
    EXPECT_EQ(connect(queued, listener), 0);
    test::simulated_name name = test::local_name_of(world, listener);
    counted knocking{opcode::connect, world.open_socket(), &name.bytes, name.size};
    EXPECT_FALSE(world.submit(knocking));
    world.close(listener);
    world.poll(time_point::min());
    EXPECT_EQ(knocking.completions, 1);
    EXPECT_EQ(knocking.result, -ECONNREFUSED);
    char byte = 0;
    EXPECT_EQ(run(opcode::receive, queued, &byte, 1), -ECONNRESET);
    EXPECT_EQ(run(opcode::connect, world.open_socket(), &name.bytes, name.size), -ECONNREFUSED);
}

TEST_F(simulated_world, misuse_of_sockets_gives_the_errors_of_the_system) {
    const int listener = world.open_listener();
    const int socket = world.open_socket();
    char byte = 0;
    EXPECT_EQ(run(opcode::receive, socket, &byte, 1), -ENOTCONN);
    EXPECT_EQ(send(socket, "x"), -ENOTCONN);
    EXPECT_EQ(run(opcode::accept, socket, nullptr, 0), -EINVAL);
    EXPECT_EQ(run(opcode::connect, socket, &byte, 1), -EINVAL);
    EXPECT_EQ(connect(socket, listener), 0);
    EXPECT_EQ(connect(socket, listener), -EISCONN);
}

// Shapes.

TEST_F(simulated_world, the_shape_of_readiness_completes_at_once_and_confirms_every_cancel) {
    auto [left, right] = world.open_pair();
    std::string text = "x";
    counted sending{opcode::send, left, text.data(), 1};
    EXPECT_TRUE(world.submit(sending));
    char bytes[2] = {};
    counted first{opcode::receive, right, &bytes[0], 1};
    EXPECT_TRUE(world.submit(first));
    counted second{opcode::receive, right, &bytes[1], 1};
    EXPECT_FALSE(world.submit(second));
    EXPECT_EQ(send(left, "y"), 1);
    EXPECT_TRUE(world.cancel(second)) << "although it could complete";
    EXPECT_EQ(run(opcode::receive, right, &bytes[1], 1), 1);
    EXPECT_EQ(bytes[1], 'y');
}

TEST_F(simulated_world, the_shape_of_completions_completes_nothing_before_poll) {
    world.set_completion_shape(true);
    auto [left, right] = world.open_pair();
    std::string text = "x";
    counted sending{opcode::send, left, text.data(), 1};
    EXPECT_FALSE(world.submit(sending));
    EXPECT_EQ(world.in_flight(), 1U);
    world.poll(time_point::min());
    EXPECT_EQ(sending.completions, 1);
    EXPECT_EQ(sending.result, 1);
}

TEST_F(simulated_world, the_shape_of_completions_lets_the_result_overtake_a_cancel) {
    world.set_completion_shape(true);
    auto [left, right] = world.open_pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(world.submit(request));
    world.poll(time_point::min());
    std::string text = "x";
    counted sending{opcode::send, left, text.data(), 1};
    EXPECT_FALSE(world.submit(sending));
    EXPECT_FALSE(world.cancel(request));
    EXPECT_EQ(request.state, operation_state::cancelling);
    world.poll(time_point::min());
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(request.result, 1);
    EXPECT_EQ(byte, 'x');
}

TEST_F(simulated_world, the_shape_of_completions_answers_a_cancel_with_the_next_poll) {
    world.set_completion_shape(true);
    auto [left, right] = world.open_pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(world.submit(request));
    world.poll(time_point::min());
    EXPECT_FALSE(world.cancel(request));
    world.poll(world.now() + 1h);
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(request.result, -ECANCELED);
    EXPECT_EQ(world.now(), simulated_backend::start()) << "the answer is something to report";
}

// Ownership of buffers.

TEST_F(simulated_backend_death, a_write_to_a_buffer_in_flight_is_reported) {
    auto [left, right] = world.open_pair();
    std::array<char, 32> buffer{};
    counted request{opcode::receive, right, buffer.data(), buffer.size()};
    EXPECT_FALSE(world.submit(request));
    EXPECT_EQ(send(left, "x"), 1);
    EXPECT_DEATH(
        {
            buffer[9] = 'w';
            world.poll(time_point::min());
        },
        "a buffer was written to while an operation was to fill it|use-after-poison");
    world.poll(time_point::min());
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(buffer[0], 'x');
}

TEST_F(simulated_backend_death, a_write_to_a_buffer_being_sent_is_reported) {
    world.set_completion_shape(true);
    auto [left, right] = world.open_pair();
    std::string text = "to be sent";
    counted request{opcode::send, left, text.data(), text.size()};
    EXPECT_FALSE(world.submit(request));
    EXPECT_DEATH(
        {
            text[3] = 'B';
            world.poll(time_point::min());
        },
        "a buffer was written to while an operation was sending from it");
    world.poll(time_point::min());
    EXPECT_EQ(request.result, 10);
}

TEST_F(simulated_backend_death, a_write_to_a_buffer_in_flight_is_reported_by_a_cancel_too) {
    auto [left, right] = world.open_pair();
    std::array<char, 32> buffer{};
    counted request{opcode::receive, right, buffer.data(), buffer.size()};
    EXPECT_FALSE(world.submit(request));
    EXPECT_DEATH(
        {
            buffer[9] = 'w';
            world.cancel(request);
        },
        "a buffer was written to while an operation was to fill it|use-after-poison");
    EXPECT_TRUE(world.cancel(request));
    buffer[9] = 'w';  // it is ours again
}

TEST_F(simulated_backend_death, closing_a_descriptor_with_an_operation_in_flight_is_reported) {
    auto [left, right] = world.open_pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(world.submit(request));
    EXPECT_DEATH(world.close(right), "while an operation was in flight on it");
    EXPECT_TRUE(world.cancel(request));
    world.close(right);
}

}  // namespace
}  // namespace simul::detail
