// SPDX-License-Identifier: Apache-2.0
//
// Pipes of the simulated backend: what pipe(7) says, in both shapes.
#include "runtime/backends/simulated_pipe.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <climits>
#include <string>

#include "runtime/backends/simulated.hpp"
#include "support/counted_operation.hpp"

namespace simul::detail {
namespace {

using counted = test::counted_operation;

constexpr int waits = INT_MIN;

class simulated_pipes : public testing::TestWithParam<bool> {
protected:
    simulated_pipes() { world.set_completion_shape(GetParam()); }

    // The result, or `waits`; what waits is cancelled.
    int run(opcode code, int descriptor, void* data, std::size_t size, unsigned events = 0) {
        counted request{code, descriptor, data, size};
        request.flags = events;
        if (world.submit(request)) return request.result;
        world.poll(time_point::min());
        if (request.completions != 0) return request.result;
        if (!world.cancel(request)) world.poll(time_point::min());
        return request.result == -ECANCELED ? waits : request.result;
    }
    int write(int descriptor, std::string text) {
        return run(opcode::write, descriptor, text.data(), text.size());
    }
    std::string read(int descriptor, std::size_t most = 8192) {
        std::string text(most, '\0');
        const int count = run(opcode::read, descriptor, text.data(), text.size());
        if (count < 0) return count == waits ? "waits" : "error " + std::to_string(count);
        text.resize(static_cast<std::size_t>(count));
        return text;
    }
    int events(int descriptor, unsigned wanted = POLLIN | POLLOUT) {
        return run(opcode::poll, descriptor, nullptr, 0, wanted);
    }

    simulated_backend world;
};

INSTANTIATE_TEST_SUITE_P(shapes, simulated_pipes, testing::Bool(), [](const auto& shape) {
    return shape.param ? "completions" : "readiness";
});

TEST_P(simulated_pipes, carry_bytes_one_way) {
    const auto [reading, writing] = world.open_pipe();
    EXPECT_EQ(write(writing, "one "), 4);
    EXPECT_EQ(write(writing, "two"), 3);
    EXPECT_EQ(read(reading, 5), "one t");
    EXPECT_EQ(read(reading), "wo");
    EXPECT_EQ(read(reading), "waits");
    EXPECT_EQ(write(reading, "x"), -EBADF);
    EXPECT_EQ(read(writing), "error -9");
    EXPECT_EQ(run(opcode::receive, reading, nullptr, 0), -ENOTSOCK);
    EXPECT_EQ(run(opcode::accept, reading, nullptr, 0), -ENOTSOCK);
    EXPECT_EQ(run(opcode::connect, writing, nullptr, 0), -ENOTSOCK);
}

TEST_P(simulated_pipes, end_when_the_last_writer_has_closed) {
    const auto [reading, writing] = world.open_pipe();
    const int other = world.duplicate(writing);
    EXPECT_EQ(write(other, "x"), 1);
    world.close(writing);
    EXPECT_EQ(read(reading), "x");
    EXPECT_EQ(read(reading), "waits");
    EXPECT_FALSE(world.is_readable(reading));
    EXPECT_EQ(events(reading), waits);
    char byte = 0;
    counted waiting{opcode::read, reading, &byte, 1};
    EXPECT_FALSE(world.submit(waiting));
    world.poll(time_point::min());
    world.close(other);
    world.poll(time_point::min());
    EXPECT_EQ(waiting.completions, 1);
    EXPECT_EQ(waiting.result, 0);
    EXPECT_EQ(read(reading), "");
    EXPECT_TRUE(world.is_readable(reading));
    EXPECT_EQ(events(reading), POLLHUP);
}

TEST_P(simulated_pipes, fail_when_the_last_reader_has_closed) {
    const auto [reading, writing] = world.open_pipe(1);
    const int other = world.duplicate(reading);
    world.close(reading);
    EXPECT_EQ(write(writing, "x"), 1);
    EXPECT_EQ(events(writing), waits);
    std::string text = "y";
    counted waiting{opcode::write, writing, text.data(), text.size()};
    EXPECT_FALSE(world.submit(waiting));
    world.poll(time_point::min());
    world.close(other);
    world.poll(time_point::min());
    EXPECT_EQ(waiting.completions, 1);
    EXPECT_EQ(waiting.result, -EPIPE);
    EXPECT_EQ(events(writing), POLLOUT | POLLERR);
    EXPECT_EQ(write(writing, ""), 0);
}

TEST_P(simulated_pipes, take_a_short_write_as_a_whole_and_a_long_one_in_pieces) {
    const auto [reading, writing] = world.open_pipe(PIPE_BUF + 100);
    EXPECT_EQ(write(writing, std::string(200, 'a')), 200);
    EXPECT_EQ(write(writing, std::string(PIPE_BUF, 'b')), waits);
    EXPECT_EQ(events(writing), waits);
    EXPECT_EQ(write(writing, std::string(PIPE_BUF + 1, 'c')), PIPE_BUF - 100);
    EXPECT_EQ(read(reading).size(), PIPE_BUF + 100U);
    EXPECT_EQ(write(writing, std::string(PIPE_BUF, 'b')), PIPE_BUF);
    EXPECT_EQ(read(reading, 99).size(), 99U);
    EXPECT_EQ(events(writing), waits);
}

TEST_P(simulated_pipes, wake_who_waits_on_the_other_side) {
    const auto [reading, writing] = world.open_pipe(4);
    char byte = 0;
    counted reads{opcode::read, reading, &byte, 1};
    EXPECT_FALSE(world.submit(reads));
    world.poll(time_point::min());
    EXPECT_EQ(write(writing, "abcde"), 4);
    world.poll(time_point::min());
    EXPECT_EQ(reads.completions, 1);
    EXPECT_EQ(byte, 'a');
    counted readable{opcode::poll, writing, nullptr, 0};
    readable.flags = POLLOUT;
    EXPECT_FALSE(world.submit(readable));
    world.poll(time_point::min());
    EXPECT_EQ(readable.completions, 0);
    EXPECT_EQ(read(reading), "bcd");
    world.poll(time_point::min());
    EXPECT_EQ(readable.completions, 1);
}

TEST_P(simulated_pipes, have_sinks_that_take_everything) {
    std::string all;
    const int sink = world.open_sink(&all);
    const int other = world.duplicate(sink);
    EXPECT_EQ(write(sink, "one "), 4);
    EXPECT_EQ(write(other, "two"), 3);
    EXPECT_EQ(read(sink), "");
    EXPECT_EQ(all, "one two");
    const int null = world.open_sink();
    EXPECT_EQ(write(null, std::string(1'000'000, 'x')), 1'000'000);
    EXPECT_EQ(read(null), "");
    EXPECT_EQ(events(null), POLLIN | POLLOUT);
    world.close(sink);
    EXPECT_EQ(write(other, "!"), 1);
    EXPECT_EQ(world.descriptor_count(), 2U);
}

}  // namespace
}  // namespace simul::detail
