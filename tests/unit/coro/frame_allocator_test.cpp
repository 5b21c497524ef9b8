// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/frame_allocator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "simul/base/config.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace test;
using detail::allocate_frame;
using detail::deallocate_frame;

// Each test in a thread of its own, so that the recycler's lists begin empty.
template <class Body>
void in_a_new_thread(Body body) {
    std::thread{body}.join();
}

TEST(frame_allocator, hands_freed_frames_of_a_size_class_out_again) {
    if (SIMUL_ADDRESS_SANITIZER) GTEST_SKIP() << "the recycler is bypassed";
    in_a_new_thread([] {
        void* first = allocate_frame(100);
        deallocate_frame(first, 100);
        EXPECT_EQ(read_frame_statistics().cached_bytes, 104U);
        void* second = allocate_frame(104);
        EXPECT_EQ(second, first) << "89 to 104 bytes are one class";
        const frame_statistics statistics = read_frame_statistics();
        EXPECT_EQ(statistics.allocated, 2U);
        EXPECT_EQ(statistics.recycled, 1U);
        EXPECT_EQ(statistics.released, 1U);
        EXPECT_EQ(statistics.cached_bytes, 0U);
        deallocate_frame(second, 104);
    });
}

TEST(frame_allocator, aligns_to_sixteen_and_separates_size_classes) {
    in_a_new_thread([] {
        std::vector<std::pair<void*, std::size_t>> frames;
        for (const std::size_t size : {1U, 63U, 64U, 65U, 128U, 4096U, 4097U, 100'000U}) {
            void* memory = allocate_frame(size);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 16, 0U);
            std::fill_n(static_cast<char*>(memory), size, 'x');
            frames.emplace_back(memory, size);
        }
        for (const auto& [memory, size] : frames) deallocate_frame(memory, size);
        EXPECT_EQ(read_frame_statistics().allocated, frames.size());
        EXPECT_EQ(read_frame_statistics().released, frames.size());
    });
}

TEST(frame_allocator, keeps_no_more_than_its_limit) {
    if (SIMUL_ADDRESS_SANITIZER) GTEST_SKIP() << "the recycler is bypassed";
    in_a_new_thread([] {
        set_frame_cache_limit(4 * 72);
        std::vector<void*> frames;
        for (int index = 0; index < 10; ++index) frames.push_back(allocate_frame(72));
        for (void* memory : frames) deallocate_frame(memory, 72);
        EXPECT_EQ(read_frame_statistics().cached_bytes, 288U);
        EXPECT_EQ(read_frame_statistics().cache_limit, 288U);
        set_frame_cache_limit(72);
        EXPECT_EQ(read_frame_statistics().cached_bytes, 72U) << "the rest is given up at once";
        set_frame_cache_limit(0);
        EXPECT_EQ(read_frame_statistics().cached_bytes, 0U);
        void* large = allocate_frame(5000);
        deallocate_frame(large, 5000);
        EXPECT_EQ(read_frame_statistics().cached_bytes, 0U) << "large frames are never kept";
    });
}

TEST(frame_allocator, takes_frames_that_another_thread_made) {
    void* memory = nullptr;
    in_a_new_thread([&] { memory = allocate_frame(64); });
    in_a_new_thread([&] {
        deallocate_frame(memory, 64);
        EXPECT_EQ(read_frame_statistics().released, 1U);
    });
}

TEST(frame_allocator, makes_a_second_run_of_the_same_program_without_malloc) {
    if (SIMUL_ADDRESS_SANITIZER) GTEST_SKIP() << "the recycler is bypassed";
    const auto program = []() -> task<> {
        task_group group;
        for (int index = 0; index < 100; ++index) {
            group.spawn([]() -> task<> { co_await yield_now(); });
        }
        co_await group.run();
    };
    simulate(program);
    const frame_statistics before = read_frame_statistics();
    simulate(program);
    const frame_statistics after = read_frame_statistics();
    EXPECT_GT(after.allocated, before.allocated);
    EXPECT_EQ(after.allocated - before.allocated, after.recycled - before.recycled);
    EXPECT_EQ(after.allocated - before.allocated, after.released - before.released)
        << "as many frames were given back";
}

int live_frames = 0;

constexpr frame_allocator counting{[](std::size_t size) -> void* {
                                       void* memory = std::malloc(size);
                                       if (memory == nullptr) throw std::bad_alloc{};
                                       ++live_frames;
                                       return memory;
                                   },
                                   [](void* memory, std::size_t) noexcept {
                                       --live_frames;
                                       std::free(memory);
                                   }};

TEST(frame_allocator, can_be_replaced_for_a_thread) {
    live_frames = 0;
    EXPECT_EQ(set_frame_allocator(&counting), nullptr);
    int most = 0;
    simulate([&]() -> task<> {
        auto inner = []() -> task<> { co_return; };
        auto held = inner();
        most = live_frames;
        co_await std::move(held);
    });
    EXPECT_EQ(set_frame_allocator(nullptr), &counting);
    EXPECT_EQ(most, 2);
    EXPECT_EQ(live_frames, 0);
}

TEST(frame_allocator, is_not_used_by_errors_that_are_kept_after_a_run) {
    live_frames = 0;
    set_frame_allocator(&counting);
    const auto program = []() -> task<> {
        auto fails = []() -> task<> {
            co_await as_outcome(sleep_for(std::chrono::hours{1}));
            throw std::runtime_error{"later"};
        };
        auto fails_first = []() -> task<> {
            co_await yield_now();
            throw std::logic_error{"first"};
        };
        task_group group;
        group.spawn(fails());
        group.spawn(fails());
        group.spawn(fails_first());
        co_await group.run();
    };
    EXPECT_THROW(simulate(program), std::logic_error);
    set_frame_allocator(nullptr);
    EXPECT_EQ(live_frames, 0);
}

// Refuses to give, and takes back what the recycler gave, which comes from malloc.
constexpr frame_allocator refusing{[](std::size_t) -> void* { throw std::bad_alloc{}; },
                                   [](void* memory, std::size_t) noexcept { std::free(memory); }};

TEST(frame_allocator, failure_reaches_the_caller_of_the_coroutine_and_of_spawn) {
    simulate([]() -> task<> {
        int alive = 0;
        auto holds = [](counted_object) -> task<> { co_return; };
        task_group group;
        auto made = holds(counted_object{alive});
        int failed = 0;
        set_frame_allocator(&refusing);
        try {
            auto never = holds(counted_object{alive});
            never.discard();
        } catch (const std::bad_alloc&) {
            ++failed;
        }
        EXPECT_EQ(alive, 1);
        try {
            group.spawn(std::move(made));
        } catch (const std::bad_alloc&) {
            ++failed;
        }
        EXPECT_EQ(alive, 0) << "the task that could not be spawned is destroyed";
        try {
            group.spawn([object = counted_object{alive}]() -> task<> { co_return; });
        } catch (const std::bad_alloc&) {
            ++failed;
        }
        set_frame_allocator(nullptr);
        EXPECT_EQ(failed, 3);
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(group.size(), 0U);
        co_await group.run();
    });
}

TEST(frame_check, sees_every_frame_before_it_is_given_back) {
    static int seen = 0;
    seen = 0;
    const auto previous =
        detail::set_frame_check([](const void*, std::size_t) noexcept { ++seen; });
    EXPECT_EQ(previous, nullptr);
    auto inner = []() -> task<> { co_return; };
    {
        auto dropped = inner();
        dropped.discard();
    }
    EXPECT_NE(detail::set_frame_check(nullptr), nullptr);
    EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace simul
