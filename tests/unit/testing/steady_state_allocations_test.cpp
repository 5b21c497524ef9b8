// SPDX-License-Identifier: Apache-2.0
//
// What a program does all day allocates nothing once it has been done a few times: reading,
// writing, accepting, sleeping, locking, handing over, awaiting, spawning.
//
// Counted is what this thread asks of malloc, by whichever way. Coroutine frames and the records of
// spawned tasks come from the recycler, which asks malloc only for the first of each size; under
// AddressSanitizer it always does, and frames are not counted there.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "simul/io/udp.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/connected_streams.hpp"
#include "support/counted_malloc.hpp"
#include "support/run_on_backends.hpp"

// For all of this test program.
SIMUL_TEST_COUNT_MALLOC();

namespace simul::test {
namespace {

using namespace std::chrono_literals;

constexpr int rounds_before = 30;
constexpr int rounds = 100;

/// Counts what this thread asks of malloc, from its making on.
class heap_watch {
public:
    [[nodiscard]] std::uint64_t blocks() const noexcept {
        return own_mallocs.calls - mallocs_before_ - (unrecycled_frames() - frames_before_);
    }

private:
    // Those that a build without AddressSanitizer would have had from a list.
    static std::uint64_t unrecycled_frames() noexcept {
        return SIMUL_ADDRESS_SANITIZER ? read_frame_statistics().allocated : 0;
    }

    std::uint64_t mallocs_before_ = own_mallocs.calls;
    std::uint64_t frames_before_ = unrecycled_frames();
};

/// Calls `step` until everything has the size that it needs, and then says how often a hundred more
/// calls have asked malloc.
template <class Step>
task<std::uint64_t> blocks_of(Step& step) {
    for (int round = 0; round != rounds_before; ++round) co_await step();
    const heap_watch watch;
    for (int round = 0; round != rounds; ++round) co_await step();
    co_return watch.blocks();
}

/// The same while `partner` runs, which is cancelled afterwards.
template <class Partner, class Step>
task<std::uint64_t> blocks_beside(Partner& partner, Step& step) {
    std::uint64_t blocks = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(partner());
        blocks = co_await blocks_of(step);
        group.cancel();
    });
    co_return blocks;
}

/// Runs what gives a number of blocks on every backend, where it must be none.
template <class Body>
void expect_none(Body body) {
    run_on_each_backend([&]() -> task<> {
        const std::uint64_t blocks = co_await body();
        EXPECT_EQ(blocks, 0U);
    });
}

/// The same where there is a kernel. The network of the simulated world keeps in memory of this
/// process what a kernel keeps in its own: connections, datagrams, unread bytes.
template <class Body>
void expect_none_beside_a_kernel(Body body) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        const std::uint64_t blocks = run(body(), options_for(kind));
        EXPECT_EQ(blocks, 0U);
    }
}

task<int> child() {
    co_return 1;
}

task<int> waiting_child() {
    co_await yield_now();
    co_return 1;
}

TEST(malloc_count, sees_what_is_allocated_and_what_is_given_back) {
    const malloc_count before = own_mallocs;
    void* memory = ::operator new(1000);
    EXPECT_EQ(own_mallocs.calls, before.calls + 1);
    EXPECT_GE(own_mallocs.bytes, before.bytes + 1000);
    EXPECT_LE(own_mallocs.bytes, before.bytes + 1100);
    ::operator delete(memory);
    EXPECT_EQ(own_mallocs.bytes, before.bytes);
}

TEST(heap_watch, sees_one_block_in_each_round) {
    run_on_each_backend([]() -> task<> {
        auto step = []() -> task<> {
            ::operator delete(::operator new(100));
            co_return;
        };
        const std::uint64_t blocks = co_await blocks_of(step);
        EXPECT_EQ(blocks, static_cast<std::uint64_t>(rounds));
    });
}

TEST(steady_state, awaiting_a_task_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto step = []() -> task<> {
            co_await child();
            co_await waiting_child();
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, yielding_and_sleeping_allocate_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto step = []() -> task<> {
            co_await yield_now();
            co_await sleep_for(1us);
            const time_point soon = loop::current().now() + 1us;
            co_await sleep_until(soon);
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, timers_allocate_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        struct silent_timer : timer {
            silent_timer() noexcept : timer{[](timer&) noexcept {}} {}
        };
        auto step = []() -> task<> {
            loop& running = loop::current();
            std::array<silent_timer, 3> timers;
            duration delay = 1ms;
            for (timer& each : timers) {
                each.deadline = running.now() + delay;
                running.arm(each);
                delay *= 1000;
            }
            for (timer& each : timers) running.disarm(each);
            co_return;
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, time_limits_allocate_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto step = []() -> task<> {
            co_await timeout(1h, child());
            co_await timeout(1h, waiting_child());
            auto none = co_await move_on_after(1us, sleep_for(1h));
            EXPECT_FALSE(none);
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, spawning_and_joining_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto step = []() -> task<> {
            task_group group;
            group.spawn(child());
            group.spawn(waiting_child());
            group.spawn([]() -> task<> { co_await yield_now(); });
            co_await group.run();
            co_await with_task_group([](task_group& open) -> task<> {
                auto handle = open.spawn(waiting_child());
                co_await handle;
            });
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, gathering_and_selecting_allocate_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto step = []() -> task<> {
            co_await gather(child(), waiting_child());
            co_await select(waiting_child(), sleep_for(1h));
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, free_locks_allocate_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        mutex lock;
        semaphore permits{2};
        event opened;
        opened.set();
        auto step = [&]() -> task<> {
            const auto guard = co_await lock.acquire();
            const auto permit = co_await permits.acquire();
            co_await opened.wait();
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, waiting_for_a_mutex_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        mutex lock;
        int found_held = 0;
        auto hold = [&]() -> task<> {
            if (lock.is_held()) ++found_held;
            const auto guard = co_await lock.acquire();
            co_await yield_now();
        };
        auto partner = [&]() -> task<> {
            while (true) co_await hold();
        };
        const std::uint64_t blocks = co_await blocks_beside(partner, hold);
        EXPECT_GE(found_held, rounds);
        co_return blocks;
    });
}

TEST(steady_state, waiting_for_a_semaphore_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        semaphore permits{1};
        int found_held = 0;
        auto hold = [&]() -> task<> {
            if (permits.available() == 0) ++found_held;
            const auto permit = co_await permits.acquire();
            co_await yield_now();
        };
        auto partner = [&]() -> task<> {
            while (true) co_await hold();
        };
        const std::uint64_t blocks = co_await blocks_beside(partner, hold);
        EXPECT_GE(found_held, rounds);
        co_return blocks;
    });
}

TEST(steady_state, waiting_for_an_event_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        event asked;
        event answered;
        auto partner = [&]() -> task<> {
            while (true) {
                co_await asked.wait();
                asked.clear();
                answered.set();
            }
        };
        auto step = [&]() -> task<> {
            asked.set();
            co_await answered.wait();
            answered.clear();
        };
        co_return co_await blocks_beside(partner, step);
    });
}

TEST(steady_state, handing_over_by_queues_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        queue<int> there{1};
        queue<int> back;
        auto partner = [&]() -> task<> {
            while (true) {
                const int item = co_await there.get();
                co_await back.put(item);
            }
        };
        auto step = [&]() -> task<> {
            co_await there.put(1);
            co_await there.put(2);
            co_await back.get();
            co_await back.get();
        };
        co_return co_await blocks_beside(partner, step);
    });
}

TEST(steady_state, handing_over_by_channels_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto [to, from_here] = make_channel<int>();
        auto [from_there, back] = make_channel<int>(1);
        auto partner = [&, &items = from_here, &answers = from_there]() -> task<> {
            while (true) {
                const int item = co_await items.receive();
                co_await answers.send(item);
            }
        };
        auto step = [&, &items = to, &answers = back]() -> task<> {
            co_await items.send(1);
            co_await answers.receive();
        };
        co_return co_await blocks_beside(partner, step);
    });
}

/// Sends back what it receives until the other end closes.
template <class Stream>
task<> echo(Stream& stream) {
    std::array<std::byte, 64> buffer;
    while (true) {
        const std::size_t size = co_await stream.read_some(buffer);
        if (size == 0) co_return;
        co_await stream.write_some(std::span{buffer}.first(size));
    }
}

/// Blocks of a message there and back: each end reads, waits, and writes.
template <class Stream>
task<std::uint64_t> blocks_of_round_trips(Stream& near, Stream& far) {
    auto partner = [&]() -> task<> { return echo(far); };
    auto step = [&]() -> task<> {
        std::array<std::byte, 64> buffer{};
        co_await near.write_some(buffer);
        const std::size_t size = co_await near.read_some(buffer);
        EXPECT_EQ(size, buffer.size());
    };
    co_return co_await blocks_beside(partner, step);
}

TEST(steady_state, reading_and_writing_tcp_allocates_nothing) {
    expect_none_beside_a_kernel([]() -> task<std::uint64_t> {
        auto [near, far] = co_await connected_tcp_streams();
        co_return co_await blocks_of_round_trips(near, far);
    });
}

task<> echo_leased(tcp_stream& stream) {
    while (true) {
        const buffer_lease piece = co_await stream.read_leased();
        if (piece.empty()) co_return;
        co_await stream.write_some(piece.bytes());
    }
}

TEST(steady_state, reading_by_leases_allocates_nothing) {
    expect_none_beside_a_kernel([]() -> task<std::uint64_t> {
        auto [near, far] = co_await connected_tcp_streams();
        auto partner = [&stream = far]() -> task<> { return echo_leased(stream); };
        auto step = [&stream = near]() -> task<> {
            std::array<std::byte, 64> buffer{};
            co_await stream.write_some(buffer);
            const buffer_lease piece = co_await stream.read_leased();
            EXPECT_EQ(piece.size(), buffer.size());
        };
        co_return co_await blocks_beside(partner, step);
    });
}

TEST(steady_state, a_read_with_a_time_limit_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto [near, far] = co_await connected_tcp_streams();
        auto step = [&stream = near]() -> task<> {
            std::array<std::byte, 8> buffer;
            auto nothing = co_await move_on_after(1us, stream.read_some(buffer));
            EXPECT_FALSE(nothing);
        };
        co_return co_await blocks_of(step);
    });
}

TEST(steady_state, reading_and_writing_in_memory_allocates_nothing) {
    expect_none([]() -> task<std::uint64_t> {
        auto [near, far] = memory_stream_pair();
        co_return co_await blocks_of_round_trips(near, far);
    });
}

TEST(steady_state, datagrams_allocate_nothing) {
    expect_none_beside_a_kernel([]() -> task<std::uint64_t> {
        udp_socket near = udp_socket::bind(any_loopback_port());
        udp_socket far = udp_socket::bind(any_loopback_port());
        const endpoint there = far.local_endpoint();
        auto partner = [&]() -> task<> {
            std::array<std::byte, 64> buffer;
            while (true) {
                const datagram received = co_await far.receive_from(buffer);
                co_await far.send_to(received.bytes, received.peer);
            }
        };
        auto step = [&]() -> task<> {
            std::array<std::byte, 64> buffer{};
            co_await near.send_to(buffer, there);
            co_await near.receive_from(buffer);
        };
        co_return co_await blocks_beside(partner, step);
    });
}

TEST(steady_state, accepting_allocates_nothing) {
    expect_none_beside_a_kernel([]() -> task<std::uint64_t> {
        tcp_listener listener = tcp_listener::bind(any_loopback_port());
        const endpoint where = listener.local_endpoint();
        auto step = [&]() -> task<> {
            const unique_fd client = co_await connect_socket(where);
            const accepted taken = co_await listener.accept();
            EXPECT_NE(taken.peer.port(), 0);
        };
        co_return co_await blocks_of(step);
    });
}

}  // namespace
}  // namespace simul::test
