// SPDX-License-Identifier: Apache-2.0
//
// The descriptor by which somebody else waits in place of a backend.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "simul/runtime/backend.hpp"
#include "support/guest_host.hpp"

namespace simul {
namespace {

using namespace test;

bool is_readable(const backend& asked) {
    pollfd watched{asked.descriptor_to_watch(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
}

void poll_without_waiting(backend& asked) {
    asked.poll(asked.now());
}

// After a poll, which takes what means nothing: a new registration reports that one may write.
bool is_quiet(backend& asked) {
    poll_without_waiting(asked);
    return asked.prepare_to_be_watched() && !is_readable(asked);
}

struct counted_read : operation {
    explicit counted_read(int counter) : operation{opcode::read, counter, nullptr, 8, &count} {
        buffer = bytes.data();
    }

    static void count(operation& self) noexcept { ++static_cast<counted_read&>(self).completions; }

    std::array<std::byte, 8> bytes{};
    int completions = 0;
};

// Returns when the thread `id` of this process sleeps in the kernel.
void wait_until_asleep(::pid_t id) {
    const std::string path = "/proc/self/task/" + std::to_string(id) + "/stat";
    for (std::string text; text.find(") S ") == std::string::npos;) {
        std::getline(std::ifstream{path}, text);
    }
}

void on_each_watched_backend(const std::function<void(backend&)>& check) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        const auto made = make_backend(kind, waited_for_by::descriptor);
        check(*made.implementation);
    }
}

// Waits in place of the backend. Once this thread sleeps, another one calls `happen`.
//
// Returns       false if that did not wake it: a poll that has slept to its end looks once more,
// and
//               would find what it has missed.
bool is_woken_by(const backend& asked, const std::function<void()>& happen) {
    std::atomic<bool> is_back = false;
    bool was_woken = false;
    std::thread other{[&, host = ::gettid()] {
        wait_until_asleep(host);
        happen();
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{4};
        while (!was_woken && std::chrono::steady_clock::now() < limit) was_woken = is_back;
    }};
    pollfd watched{asked.descriptor_to_watch(), POLLIN, 0};
    const int ready = ::poll(&watched, 1, 8000);
    is_back = true;
    other.join();
    return ready == 1 && was_woken;
}

TEST(backend_watch, tells_who_sleeps_already_of_wakes_from_other_threads) {
    on_each_watched_backend([](backend& made) {
        for (int round = 0; round < 20; ++round) {
            ASSERT_TRUE(made.prepare_to_be_watched());
            ASSERT_TRUE(is_woken_by(made, [&] { made.wake(); }));
            poll_without_waiting(made);
        }
    });
}

TEST(backend_watch, tells_who_sleeps_already_of_operations_that_end) {
    on_each_watched_backend([](backend& made) {
        const unique_fd counter = make_eventfd();
        for (int round = 0; round < 20; ++round) {
            counted_read read{counter.get()};
            ASSERT_FALSE(made.submit(read));
            poll_without_waiting(made);
            ASSERT_TRUE(made.prepare_to_be_watched());
            ASSERT_TRUE(is_woken_by(made, [&] { signal_eventfd(counter.get()); }));
            poll_without_waiting(made);
            ASSERT_EQ(read.completions, 1);
        }
    });
}

TEST(backend_watch, is_not_for_the_simulated_world_and_not_for_poll_and_select) {
    for (const backend_kind kind :
         {backend_kind::simulated, backend_kind::poll, backend_kind::select}) {
        SCOPED_TRACE(name_of(kind));
        const auto made = make_backend(kind, waited_for_by::descriptor);
        EXPECT_EQ(made.implementation->descriptor_to_watch(), -1);
        EXPECT_FALSE(made.implementation->prepare_to_be_watched());
    }
}

TEST(backend_watch, tells_of_wakes_each_time_until_they_are_taken) {
    on_each_watched_backend([](backend& made) {
        for (int round = 0; round < 3; ++round) {
            EXPECT_TRUE(made.prepare_to_be_watched());
            EXPECT_FALSE(is_readable(made));
            made.wake();
            made.wake();
            EXPECT_TRUE(is_readable(made));
            EXPECT_TRUE(is_readable(made)) << "it is a level";
            poll_without_waiting(made);
        }
        EXPECT_TRUE(made.prepare_to_be_watched());
        EXPECT_FALSE(is_readable(made));
    });
}

TEST(backend_watch, tells_of_a_wake_before_it_was_prepared) {
    on_each_watched_backend([](backend& made) {
        made.wake();
        EXPECT_TRUE(!made.prepare_to_be_watched() || is_readable(made));
    });
}

TEST(backend_watch, tells_of_completions_of_what_was_submitted_without_a_poll) {
    on_each_watched_backend([](backend& made) {
        const unique_fd counter = make_eventfd();
        made.forget(counter.get());
        counted_read reading{counter.get()};
        ASSERT_FALSE(made.submit(reading));
        EXPECT_TRUE(made.prepare_to_be_watched());
        signal_eventfd(counter.get());
        for (int turn = 0; turn < 10 && reading.completions == 0; ++turn) {
            ASSERT_TRUE(!made.prepare_to_be_watched() || is_readable(made));
            poll_without_waiting(made);
        }
        EXPECT_EQ(reading.completions, 1);
        EXPECT_EQ(reading.result, 8);
        EXPECT_TRUE(is_quiet(made));
        made.forget(counter.get());
    });
}

TEST(backend_watch, is_quiet_after_a_cancel) {
    on_each_watched_backend([](backend& made) {
        const unique_fd counter = make_eventfd();
        counted_read reading{counter.get()};
        ASSERT_FALSE(made.submit(reading));
        EXPECT_TRUE(is_quiet(made));
        const bool confirmed = made.cancel(reading);
        for (int turn = 0; turn < 10 && !confirmed && reading.completions == 0; ++turn) {
            ASSERT_TRUE(!made.prepare_to_be_watched() || is_readable(made));
            poll_without_waiting(made);
        }
        EXPECT_EQ(reading.result, -ECANCELED);
        EXPECT_TRUE(is_quiet(made));
        made.forget(counter.get());
    });
}

}  // namespace
}  // namespace simul
