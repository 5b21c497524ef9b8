// SPDX-License-Identifier: Apache-2.0
//
// The descriptor by which somebody else waits in place of a backend.
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>

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

void on_each_real_backend(const std::function<void(backend&)>& check) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        const auto made = make_backend(kind);
        check(*made.implementation);
    }
}

TEST(backend_watch, is_not_for_the_simulated_world) {
    const auto made = make_backend(backend_kind::simulated);
    EXPECT_EQ(made.implementation->descriptor_to_watch(), -1);
    EXPECT_FALSE(made.implementation->prepare_to_be_watched());
}

TEST(backend_watch, tells_of_wakes_each_time_until_they_are_taken) {
    on_each_real_backend([](backend& made) {
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
    on_each_real_backend([](backend& made) {
        made.wake();
        EXPECT_TRUE(!made.prepare_to_be_watched() || is_readable(made));
    });
}

TEST(backend_watch, tells_of_completions_of_what_was_submitted_without_a_poll) {
    on_each_real_backend([](backend& made) {
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
    on_each_real_backend([](backend& made) {
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
