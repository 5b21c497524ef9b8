// SPDX-License-Identifier: Apache-2.0
//
// The checks that the cancellation suite relies on must themselves be seen to fire: frames and
// operations that go too early, and buffers that are touched while they are lent.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "runtime/backends/simulated.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/runtime/descriptor.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

bool can_run(stage where) {
    const std::vector<stage> all = stages();
    return std::find(all.begin(), all.end(), where) != all.end();
}

// A receive whose buffer lies in a frame's memory, not in an object that could notice.
struct receive_into_frame : operation {
    receive_into_frame(int fd, void* frame) noexcept
        : operation{opcode::receive, fd, frame, 64, [](operation&) noexcept {}} {}
};

TEST(cancellation_checks_death, a_frame_freed_under_an_operation_in_flight_is_reported) {
    if (!can_run(stage::io_uring_delayed)) GTEST_SKIP() << "io_uring cannot run here";
    const std::unique_ptr<loop> running = make_loop(stage::io_uring_delayed);
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    void* frame = simul::detail::allocate_frame(256);
    void* other = simul::detail::allocate_frame(256);
    receive_into_frame request{ends[0], static_cast<std::byte*>(frame) + 128};
    EXPECT_FALSE(running->io().submit(request));
    running->io().poll(time_point::min());
    EXPECT_DEATH(simul::detail::deallocate_frame(frame, 256),
                 "a frame was freed while the system still works on it");
    simul::detail::deallocate_frame(other, 256);  // no business of the operation

    // Neither the request to cancel nor the kernel's answer frees it, only the completion does.
    EXPECT_FALSE(running->io().cancel(request));
    running->io().poll(time_point::min());
    EXPECT_DEATH(simul::detail::deallocate_frame(frame, 256),
                 "a frame was freed while the system still works on it");
    while (request.state != operation_state::completed) running->io().poll(time_point::min());
    EXPECT_EQ(request.result, -ECANCELED);
    simul::detail::deallocate_frame(frame, 256);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(cancellation_checks, a_backend_that_delays_checks_frames_as_long_as_it_lives) {
    if (!can_run(stage::io_uring_delayed)) GTEST_SKIP() << "io_uring cannot run here";
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    std::array<std::byte, 64> buffer{};
    receive_into_frame request{ends[0], buffer.data()};
    {
        const std::unique_ptr<loop> running = make_loop(stage::io_uring_delayed);
        EXPECT_FALSE(running->io().submit(request));
        const auto check = simul::detail::set_frame_check(nullptr);
        EXPECT_NE(check, nullptr);
        simul::detail::set_frame_check(check);
    }
    EXPECT_EQ(simul::detail::set_frame_check(nullptr), nullptr);
    ::close(ends[0]);
    ::close(ends[1]);
}

task<> receive_one(int descriptor) {
    std::array<std::byte, 16> buffer{};
    co_await receive_from(descriptor, buffer);
}

// What cancellation must never do, done by hand.
void destroy_too_early(stage where) {
    const std::unique_ptr<loop> running = make_loop(where);
    int ends[2] = {-1, -1};
    if (is_simulated(where)) {
        auto& world = static_cast<simul::detail::simulated_backend&>(running->io());
        const auto [left, right] = world.open_pair();
        ends[0] = left;
        ends[1] = right;
    } else if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) {
        return;
    }
    waiter nobody{[](waiter&, notice) noexcept {}};
    simul::detail::frame* frame = receive_one(ends[0]).release();
    frame->up = &nobody;
    frame->scope = &running->scheduler().root_scope();
    static_cast<void>(frame->start_nested());
    running->io().poll(time_point::min());
    frame->handle().destroy();
}

TEST(cancellation_checks_death, a_task_destroyed_while_its_operation_is_in_flight_is_reported) {
    for (const stage where : stages()) {
        SCOPED_TRACE(name_of(where));
        EXPECT_DEATH(destroy_too_early(where),
                     "an operation was destroyed while the system still works on it|"
                     "an object was destroyed while it was in a list|"
                     "a buffer was written to while an operation was to fill it");
    }
}

// --- buffers of the simulated world -------------------------------------------------------------

enum class transfer { receives, sends };

// Touches the buffer of a sibling's transfer while that waits.
task<> touch_lent_buffer(stage where, transfer what, bool touches) {
    auto& world = static_cast<simul::detail::simulated_backend&>(loop::current().io());
    const auto [left, right] = world.open_pair(4);
    std::array<std::byte, 16> buffer{};
    const auto work = [&, mine = left]() -> task<> {
        if (what == transfer::receives) {
            const std::size_t count = co_await receive_from(mine, buffer);
            EXPECT_EQ(count, 1U) << name_of(where);
        } else {
            co_await send_to(mine, buffer);  // fills the peer
            co_await send_to(mine, buffer);
        }
    };
    const auto end_it = [&, other = right]() -> task<> {
        std::array<std::byte, 16> bytes{};
        for (int pass = 0; pass < 3; ++pass) co_await yield_now();
        if (touches) {
            auto* touched = const_cast<volatile std::byte*>(&buffer[9]);
            *touched = std::byte{'t'};
        }
        if (what == transfer::receives) {
            co_await send_to(other, std::span{bytes}.first(1));
        } else {
            co_await receive_from(other, bytes);
        }
    };
    task_group group;
    group.spawn(work);
    group.spawn(end_it);
    co_await group.run();
}

void run_touching(stage where, transfer what, bool touches) {
    const std::unique_ptr<loop> running = make_loop(where);
    run_on(*running, touch_lent_buffer(where, what, touches));
}

TEST(cancellation_checks_death, a_premature_touch_of_a_receive_buffer_is_reported) {
    for (const stage where : {stage::simulated, stage::simulated_completions}) {
        run_touching(where, transfer::receives, false);
        EXPECT_DEATH(run_touching(where, transfer::receives, true),
                     "a buffer was written to while an operation was to fill it|"
                     "use-after-poison");
    }
}

TEST(cancellation_checks_death, a_change_of_a_send_buffer_in_flight_is_reported) {
    for (const stage where : {stage::simulated, stage::simulated_completions}) {
        run_touching(where, transfer::sends, false);
        EXPECT_DEATH(run_touching(where, transfer::sends, true),
                     "a buffer was written to while an operation was sending from it");
    }
}

}  // namespace
}  // namespace simul::test
